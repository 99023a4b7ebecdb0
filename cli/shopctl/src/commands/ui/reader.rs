//! The reader of the log files: a thread of its own that answers what the dashboard asks, and tells what is written.
//! However much that is, it reads only what can be looked at: a flood costs the supervisor nothing, and us little.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufWriter, Write as _},
    path::{Path, PathBuf},
    sync::mpsc as queue,
    thread,
    time::{Duration, Instant},
};

use shopctl_runtime::log::History;
use shopctl_tui::{
    Msg,
    log::{Answer, At, Direction, Filter, Line, Request, Source, Wanted},
};
use tokio::sync::mpsc;

use super::history::{Part, Wish, now};

/// Lines of one answer.
const LINES: usize = 2000;
/// Of each resource, what is read at once of all that was written: more than a screen or two only flies past. Who then
/// scrolls up asks for what is missing.
const FLOOD: u64 = 300;
/// Bytes of the lines that are told at once, one line at least.
const BYTES: usize = 1 << 20;
/// The same where a filter may leave little of it.
const FILTERED_FLOOD: u64 = 50_000;
/// Lines that are shown of what the logs say about an order or a trace.
const MENTIONS: usize = 500;
/// Between two counts of errors, and lines that are looked at for one.
const ERRORS_PERIOD: Duration = Duration::from_millis(250);
const ERRORS_FLOOD: u64 = 50_000;

enum Task {
    Answer(Request),
    /// The logs have more.
    News,
}

pub(super) struct Reader(queue::Sender<Task>);

impl Reader {
    /// Reads the logs of these resources in `dir`; ends when it is dropped.
    pub(super) fn start(dir: PathBuf, names: Vec<String>, messages: mpsc::Sender<Msg>) -> Self {
        let (sender, tasks) = queue::channel();
        thread::spawn(move || {
            let errors = Errors::from_now(&dir, &names);
            Work { dir, names, messages, open: None, errors }.run(&tasks);
        });
        Self(sender)
    }

    pub(super) fn ask(&self, request: Request) {
        let _ = self.0.send(Task::Answer(request));
    }

    pub(super) fn news(&self) {
        let _ = self.0.send(Task::News);
    }
}

/// The log that is shown, and how far it is read.
struct Open {
    epoch: u64,
    source: Source,
    filter: Filter,
    wish: Wish,
    history: History,
}

struct Work {
    dir: PathBuf,
    names: Vec<String>,
    messages: mpsc::Sender<Msg>,
    open: Option<Open>,
    errors: Option<Errors>,
}

impl Work {
    fn run(mut self, tasks: &queue::Receiver<Task>) {
        loop {
            // What is not counted yet is counted at the next news, or when it is time.
            let due = self.errors.as_ref().and_then(|errors| errors.due);
            let wait = due.map_or(Duration::MAX, |due| due.saturating_duration_since(Instant::now()));
            let first = match tasks.recv_timeout(wait) {
                Ok(task) => Some(task),
                Err(queue::RecvTimeoutError::Timeout) => None,
                Err(queue::RecvTimeoutError::Disconnected) => return,
            };
            let mut requests = Vec::new();
            let mut has_news = false;
            for task in first.into_iter().chain(tasks.try_iter()) {
                match task {
                    Task::Answer(request) => requests.push(request),
                    Task::News => has_news = true,
                }
            }
            // Of several logs that were opened, only the last one is still of interest.
            let last = requests.iter().rposition(|request| matches!(request, Request::Open { .. })).unwrap_or(0);
            for (index, request) in requests.into_iter().enumerate() {
                let is_asked = matches!(request, Request::Save { .. } | Request::Mentions { .. });
                if (index >= last || is_asked) && self.answer(request).is_none() {
                    return;
                }
            }
            if has_news && self.tell_written().is_none() {
                return;
            }
            if self.count_errors(has_news).is_none() {
                return;
            }
        }
    }

    /// `None` if nobody listens any more.
    fn say(&self, answer: Answer) -> Option<()> {
        self.messages.blocking_send(Msg::Log(answer)).ok()
    }

    fn answer(&mut self, request: Request) -> Option<()> {
        let outcome = match request {
            Request::Open { epoch, source, filter, at } => self.open(epoch, source, filter, at),
            Request::Older { epoch, before } => self.with_open(epoch, |open| {
                let Part { lines, is_all, .. } = open.wish.before(before, LINES)?;
                Ok(Answer::Older { epoch, lines, begins: is_all })
            }),
            Request::Newer { epoch, after } => self.with_open(epoch, |open| {
                let Part { lines, is_all, .. } = open.wish.after(after, now(), LINES)?;
                Ok(Answer::Newer { epoch, lines, ends: is_all })
            }),
            Request::Find { epoch, wanted, from, direction } => self.aside(epoch, Some(wanted), move |wish| {
                let part = match direction {
                    Direction::Older => wish.before(from, 1)?,
                    Direction::Newer => wish.after(from, now(), 1)?,
                };
                let stamp = part.lines.first().map(|line| line.stamp);
                Ok(Answer::Found { epoch, stamp, direction })
            }),
            Request::Count { epoch, pattern, before } => {
                self.aside(epoch, Some(Wanted::Pattern(pattern.clone())), move |wish| {
                    count(wish, epoch, pattern, before)
                })
            }
            Request::Mentions { about, pattern, since } => {
                let wanted = Wanted::Pattern(pattern);
                let wish = Wish::new(&self.dir, &self.names, &Source::All, &Filter::default(), Some(&wanted));
                wish.map(|wish| {
                    self.beside(move || {
                        let lines = wish.last_of(&mut wish.open(since, now())?, MENTIONS)?.lines;
                        Ok(Answer::Mentioned { about, lines })
                    });
                    None
                })
            }
            Request::Save { source, filter, path } => {
                let wish = Wish::new(&self.dir, &self.names, &source, &filter, None);
                wish.map(|wish| {
                    let messages = self.messages.clone();
                    thread::spawn(move || {
                        let lines = save(&wish, Path::new(&path)).map_err(|error| error.to_string());
                        let _ = messages.blocking_send(Msg::Log(Answer::Saved { path, lines }));
                    });
                    None
                })
            }
        };
        match outcome {
            Ok(Some(answer)) => self.say(answer),
            Ok(None) => Some(()),
            Err(error) => self.messages.blocking_send(Msg::Failed(format!("the log cannot be read: {error}"))).ok(),
        }
    }

    fn open(&mut self, epoch: u64, source: Source, filter: Filter, at: At) -> io::Result<Option<Answer>> {
        let wish = Wish::new(&self.dir, &self.names, &source, &filter, None)?;
        // What is before this is told now, the rest as it comes.
        let place = now();
        let (lines, begins, ends) = match at {
            At::End => {
                let part = wish.latest(place, LINES)?;
                (part.lines, part.is_all, true)
            }
            At::Begin => {
                let part = wish.after(0, place, LINES)?;
                (part.lines, true, part.is_all)
            }
            At::Around(stamp) => {
                let before = wish.before(stamp, LINES / 2)?;
                let after = wish.after(stamp.saturating_sub(1), place, LINES / 2)?;
                let lines = before.lines.into_iter().chain(after.lines).collect();
                (lines, before.is_all, after.is_all)
            }
        };
        let history = wish.open(place, u64::MAX)?;
        self.open = Some(Open { epoch, source, filter, wish, history });
        Ok(Some(Answer::Opened { epoch, at, lines, begins, ends }))
    }

    fn with_open(&self, epoch: u64, answer: impl FnOnce(&Open) -> io::Result<Answer>) -> io::Result<Option<Answer>> {
        self.open.as_ref().filter(|open| open.epoch == epoch).map(answer).transpose()
    }

    /// Searches everything, which may take a while, beside all else.
    fn aside(
        &self,
        epoch: u64,
        wanted: Option<Wanted>,
        search: impl FnOnce(&Wish) -> io::Result<Answer> + Send + 'static,
    ) -> io::Result<Option<Answer>> {
        let Some(open) = self.open.as_ref().filter(|open| open.epoch == epoch) else { return Ok(None) };
        let wish = Wish::new(&self.dir, &self.names, &open.source, &open.filter, wanted.as_ref())?;
        self.beside(move || search(&wish));
        Ok(None)
    }

    fn beside(&self, search: impl FnOnce() -> io::Result<Answer> + Send + 'static) {
        let messages = self.messages.clone();
        thread::spawn(move || {
            let msg = match search() {
                Ok(answer) => Msg::Log(answer),
                Err(error) => Msg::Failed(format!("the log cannot be searched: {error}")),
            };
            let _ = messages.blocking_send(msg);
        });
    }

    fn tell_written(&mut self) -> Option<()> {
        let Some(open) = &mut self.open else { return Some(()) };
        let (mut lines, mut bytes, mut count) = (std::collections::VecDeque::<Line>::new(), 0, 0);
        let flood = if open.wish.takes_all() { FLOOD } else { FILTERED_FLOOD };
        let read = open.history.skip_to(flood).and_then(|skipped| {
            let mut is_cut = skipped > 0;
            open.wish.read(&mut open.history, &mut |found| {
                count += 1;
                let line = found.line();
                bytes += line.text.len();
                lines.push_back(line);
                while lines.len() > LINES || bytes > BYTES && lines.len() > 1 {
                    bytes -= lines.pop_front().map_or(0, |line| line.text.len());
                    is_cut = true;
                }
                Ok(())
            })?;
            if open.wish.takes_all() {
                count += skipped;
            }
            Ok(is_cut)
        });
        let answer = match read {
            Ok(skipped) => Answer::Written { epoch: open.epoch, lines: lines.into(), count, skipped },
            Err(error) => {
                return self.messages.blocking_send(Msg::Failed(format!("the log cannot be read: {error}"))).ok();
            }
        };
        if count == 0 {
            return Some(());
        }
        self.say(answer)
    }

    fn count_errors(&mut self, has_news: bool) -> Option<()> {
        let Some(errors) = &mut self.errors else { return Some(()) };
        if has_news && errors.due.is_none() {
            errors.due = Some(Instant::now() + ERRORS_PERIOD);
        }
        if errors.due.is_none_or(|due| due > Instant::now()) {
            return Some(());
        }
        errors.due = None;
        let counts = errors.count().unwrap_or_default();
        if counts.is_empty() { Some(()) } else { self.say(Answer::Errors(counts)) }
    }
}

/// New lines of level error, of all resources.
struct Errors {
    wish: Wish,
    history: History,
    due: Option<Instant>,
}

impl Errors {
    /// Those that are there already are nobody's news. Without them the dashboard is still of use.
    fn from_now(dir: &Path, names: &[String]) -> Option<Self> {
        let wish = Wish::new(dir, names, &Source::All, &Filter::default(), Some(&Wanted::Error)).ok()?;
        let history = wish.open(now(), u64::MAX).ok()?;
        Some(Self { wish, history, due: None })
    }

    fn count(&mut self) -> io::Result<Vec<(String, u64)>> {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        self.history.skip_to(ERRORS_FLOOD)?;
        self.wish.read(&mut self.history, &mut |found| {
            *counts.entry(found.resource.to_owned()).or_default() += 1;
            Ok(())
        })?;
        Ok(counts.into_iter().collect())
    }
}

fn count(wish: &Wish, epoch: u64, pattern: String, place: u64) -> io::Result<Answer> {
    let (mut count, mut before) = (0, 0);
    wish.read(&mut wish.open(0, now())?, &mut |found| {
        count += 1;
        before += u64::from(found.stamp < place);
        Ok(())
    })?;
    Ok(Answer::Counted { epoch, pattern, count, before })
}

/// Answers with how many lines are in the file.
fn save(wish: &Wish, path: &Path) -> io::Result<u64> {
    let mut out = BufWriter::new(File::create_new(path)?);
    let mut lines = 0;
    wish.read(&mut wish.open(0, now())?, &mut |found| {
        lines += 1;
        found.write(&mut out)
    })?;
    out.flush()?;
    Ok(lines)
}
