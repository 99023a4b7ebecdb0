//! All that a dashboard knows and shows.

use std::time::Duration;

use ratatui::layout::Rect;
use shopctl_protocol::{Phase, Resource};

use crate::{
    checkout::Checkout,
    dialogue::Dialogue,
    flow,
    kafka::Kafka,
    line::Shape,
    log::{Line, Pane, Source},
    mentions::Mentions,
    msg::Now,
    options::Options,
    orders::Orders,
    shop::Shop,
    text,
    theme::{Theme, Tone},
    traces::{Look, Rate, Told},
    trail::Trail,
    view::layout,
};

/// A view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    Home,
    Kafka,
    Flow,
    Orders,
    Checkout,
    Why,
    Boot,
}

impl Tab {
    pub(crate) const ALL: [Self; 7] =
        [Self::Home, Self::Kafka, Self::Flow, Self::Orders, Self::Checkout, Self::Why, Self::Boot];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::Kafka => "kafka",
            Self::Flow => "flow",
            Self::Orders => "orders",
            Self::Checkout => "checkout",
            Self::Why => "why",
            Self::Boot => "boot",
        }
    }

    pub(crate) fn digit(self) -> char {
        match self {
            Self::Home => '1',
            Self::Kafka => '2',
            Self::Flow => '3',
            Self::Orders => '4',
            Self::Checkout => '5',
            Self::Why => '6',
            Self::Boot => '7',
        }
    }
}

/// Which pane of the home view has the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Focus {
    List,
    Log,
}

/// Something that is broken.
#[derive(Debug, Clone)]
pub(crate) struct Trouble<'a> {
    pub(crate) resource: &'a Resource,
    pub(crate) why: String,
    /// How many others are.
    pub(crate) more: usize,
}

/// What is said in passing.
#[derive(Debug, Clone)]
pub(crate) struct Toast {
    pub(crate) text: String,
    pub(crate) tone: Tone,
    pub(crate) until: Duration,
}

/// How long that stays.
const TOAST: Duration = Duration::from_secs(5);
/// Between two frames that only show time going by, while something is under way.
const PULSE: Duration = Duration::from_millis(500);
/// The same where only ages are seen to grow.
const AGEING: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub struct Model {
    pub(crate) options: Options,
    pub(crate) theme: Theme,
    pub(crate) now: Now,
    pub(crate) size: Rect,
    pub(crate) shop: Shop,
    pub(crate) tab: Tab,
    /// The user chose the view: none is shown unasked any more.
    pub(crate) chosen: bool,
    pub(crate) selected: Option<String>,
    pub(crate) focus: Focus,
    pub(crate) zoom: bool,
    pub(crate) log: Pane,
    pub(crate) kafka: Kafka,
    pub(crate) orders: Orders,
    pub(crate) checkout: Checkout,
    /// What the logs say about what is opened.
    pub(crate) mentions: Mentions,
    /// The way back from there.
    pub(crate) trail: Trail,
    /// Which service knows the address of which resource.
    pub(crate) calls: Vec<(String, String)>,
    /// Which calls were seen, once somebody tells.
    pub(crate) traffic: Option<Vec<flow::Call>>,
    /// What is asked of whoever reads traces.
    pub(crate) look: Look,
    /// What each resource was asked for, once somebody tells.
    pub(crate) rates: Option<Vec<Rate>>,
    /// What traces tell of what is opened.
    pub(crate) spans: Option<Told>,
    /// First row of the views that are longer than the screen.
    pub(crate) scroll: usize,
    pub(crate) dialogue: Option<Dialogue>,
    pub(crate) toast: Option<Toast>,
    /// What was noted before the supervisor said anything.
    pub(crate) notes: Vec<String>,
    /// How often everything was to be stopped.
    pub(crate) interrupts: u32,
    /// Leave as soon as all is down.
    pub(crate) leaving: bool,
    /// The supervisor was killed.
    pub(crate) lost: bool,
    pub(crate) quits: bool,
}

impl Model {
    #[must_use]
    pub fn new(options: Options, columns: u16, rows: u16) -> Self {
        Self {
            theme: Theme::new(&options),
            options,
            now: Now { since: Duration::ZERO, wall: 0 },
            size: Rect::new(0, 0, columns, rows),
            shop: Shop::default(),
            tab: Tab::Home,
            chosen: false,
            selected: None,
            focus: Focus::List,
            zoom: false,
            log: Pane::new(),
            kafka: Kafka::default(),
            orders: Orders::default(),
            checkout: Checkout::default(),
            mentions: Mentions::default(),
            trail: Trail::default(),
            calls: Vec::new(),
            traffic: None,
            look: Look::Nothing,
            rates: None,
            spans: None,
            scroll: 0,
            dialogue: None,
            toast: None,
            notes: Vec::new(),
            interrupts: 0,
            leaving: false,
            lost: false,
            quits: false,
        }
    }

    /// Whether it is over.
    #[must_use]
    pub fn quits(&self) -> bool {
        self.quits
    }

    /// When something changes although nothing happens, by the clock of messages.
    #[must_use]
    pub fn wakes_at(&self) -> Option<Duration> {
        let toast = self.toast.as_ref().map(|toast| toast.until);
        let busy =
            self.shop.resources().iter().any(|resource| matches!(resource.state.as_str(), "starting" | "stopping"));
        let pulse = busy.then(|| self.now.since + PULSE);
        let ages = self.tab == Tab::Orders && !self.orders.is_empty();
        let ageing = ages.then(|| self.now.since + AGEING);
        toast.into_iter().chain(pulse).chain(ageing).min()
    }

    /// Whether the next message will most likely change what is seen: a frame before it would only flicker.
    #[must_use]
    pub fn is_unsettled(&self) -> bool {
        self.log.opening && layout::home(self).log.is_some() && self.tab == Tab::Home
    }

    /// Bytes of log lines and messages that are held.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.log.memory() + self.kafka.memory()
    }

    pub(crate) fn say(&mut self, text: impl AsRef<str>, tone: Tone) {
        self.toast = Some(Toast { text: text::plain(text.as_ref()), tone, until: self.now.since + TOAST });
    }

    /// How log lines are drawn in so many columns.
    pub(crate) fn shape(&self, columns: usize) -> Shape<'_> {
        Shape { search: self.log.search.as_ref().map(|search| &search.regex), ..self.bare_shape(columns) }
    }

    /// The same without matches, which take no room.
    fn bare_shape(&self, columns: usize) -> Shape<'static> {
        let names = (self.log.source == Source::All).then(|| {
            let longest = self.shop.resources().iter().map(|resource| text::width(&resource.name)).max().unwrap_or(8);
            longest.clamp(4, if columns < 80 { 10 } else { 18 })
        });
        Shape {
            theme: self.theme,
            columns,
            wrap: self.log.wrap,
            stamps: self.log.stamps,
            names,
            search: None,
            wall: self.now.wall,
        }
    }

    /// Does something to the log's window that asks how many rows lines take, and in how many.
    pub(crate) fn with_rows(&mut self, change: impl FnOnce(&mut Pane, &dyn Fn(&Line) -> usize, usize)) {
        let Some(area) = layout::home(self).log else { return };
        let shape = self.bare_shape(usize::from(area.width));
        let opened = std::mem::take(&mut self.log.opened);
        let rows = |line: &Line| shape.height(line, opened.contains(&line.stamp));
        change(&mut self.log, &rows, usize::from(area.height));
        self.log.opened = opened;
    }

    /// Brings the log's window in line with the space for it.
    pub(crate) fn settle(&mut self) {
        self.with_rows(Pane::settle);
    }

    /// The resources in the order of the list: services, infrastructure, tasks.
    pub(crate) fn listed(&self) -> Vec<&str> {
        GROUPS.iter().flat_map(|(_, kinds)| self.of_kinds(kinds)).collect()
    }

    pub(crate) fn of_kinds<'a>(&'a self, kinds: &'a [&str]) -> impl Iterator<Item = &'a str> {
        let resources = self.shop.resources().iter();
        resources.filter(|resource| kinds.contains(&resource.kind.as_str())).map(|resource| resource.name.as_str())
    }

    /// What is broken, the root of it first.
    pub(crate) fn trouble(&self) -> Option<Trouble<'_>> {
        if !matches!(self.shop.phase(), Some(Phase::Booting | Phase::Up)) {
            return None;
        }
        let broken = |resource: &&Resource| {
            !resource.faults.is_empty() || matches!(resource.state.as_str(), "failed" | "backing-off" | "unready")
        };
        // What somebody has broken on purpose is no surprise.
        let is_root = |resource: &Resource| {
            resource.faults.is_empty() && resource.why.last().is_none_or(|cause| cause.resource == resource.name)
        };
        let mut all: Vec<&Resource> = self.shop.resources().iter().filter(broken).collect();
        all.sort_by_key(|resource| !is_root(resource));
        let (first, rest) = all.split_first()?;
        let why = match first.faults.first() {
            Some(fault) => format!("{fault}, on purpose"),
            None => first.why.last().map_or_else(|| first.state.clone(), |cause| cause.detail.clone()),
        };
        Some(Trouble { resource: first, why, more: rest.len() })
    }

    /// The colour of a resource's name.
    pub(crate) fn hue(&self, resource: &str) -> ratatui::style::Style {
        let index = self.shop.resources().iter().position(|found| found.name == resource).unwrap_or_default();
        self.theme.hue(index)
    }
}

/// The groups of the list, with the kinds of resources in them.
pub(crate) const GROUPS: [(&str, &[&str]); 3] =
    [("services", &["service"]), ("infrastructure", &["embedded", "container"]), ("tasks", &["task"])];
