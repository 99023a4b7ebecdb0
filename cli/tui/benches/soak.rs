//! A million log lines and a hundred thousand messages, as they come to a dashboard of 200x60, with keys in between: how long
//! frames take, and what is held of it all.

use std::{
    fs,
    time::{Duration, Instant},
};

use ratatui::{
    Terminal,
    backend::TestBackend,
    crossterm::event::{KeyCode, KeyEvent, KeyModifiers},
};
use shopctl_tui::{
    Colours, Command, Level, Model, Msg, Options, Owner,
    kafka::{Message, News},
    log::{Answer, At, Line, Request},
    msg::Now,
    update, view,
};

const LINES: u64 = 1_000_000;
const MESSAGES: u64 = 100_000;
/// Lines that come between two frames.
const BATCH: u64 = 500;

struct Soak {
    model: Model,
    terminal: Terminal<TestBackend>,
    begin: Instant,
    epoch: u64,
    updates: Vec<Duration>,
    frames: Vec<Duration>,
}

impl Soak {
    fn feed(&mut self, msg: Msg) {
        let now = Now { since: self.begin.elapsed(), wall: 1_795_766_400_000_000_000 };
        let begin = Instant::now();
        let commands = update(&mut self.model, now, msg);
        self.updates.push(begin.elapsed());
        for command in commands {
            let Command::Log(request) = command else { continue };
            let answer = match request {
                Request::Open { epoch, at, .. } => {
                    self.epoch = epoch;
                    Answer::Opened { epoch, at, lines: lines(0, 1000), begins: at != At::End, ends: true }
                }
                Request::Older { epoch, before } => {
                    let from = before.saturating_sub(2000);
                    Answer::Older { epoch, lines: lines(from, before), begins: from == 0 }
                }
                Request::Newer { epoch, after } => {
                    Answer::Newer { epoch, lines: lines(after + 1, after + 2001), ends: false }
                }
                Request::Find { .. } | Request::Count { .. } | Request::Mentions { .. } | Request::Save { .. } => {
                    continue;
                }
            };
            self.feed(Msg::Log(answer));
        }
    }

    fn press(&mut self, code: KeyCode) {
        self.feed(Msg::Key(KeyEvent::new(code, KeyModifiers::NONE)));
    }

    fn draw(&mut self) {
        let begin = Instant::now();
        self.terminal.draw(|frame| view(&self.model, frame)).expect("it is drawn");
        self.frames.push(begin.elapsed());
    }

    fn tell(&mut self, what: &str) {
        let told = |times: &mut Vec<Duration>| {
            times.sort();
            let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
            format!("p50 {:.2}, p99 {:.2}, worst {:.2} ms", at(0.5), at(0.99), at(1.0))
        };
        let frames = self.frames.len();
        let (frame, update) = (told(&mut self.frames), told(&mut self.updates));
        let held = self.model.memory() >> 10;
        eprintln!("{what}: {frames} frames {frame}; updates {update}; {held} KiB held, {} KiB resident", resident());
        self.frames.clear();
        self.updates.clear();
    }
}

fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or_default()
}

/// Every third one as our services write it.
fn lines(from: u64, to: u64) -> Vec<Line> {
    let text = |n: u64| match n % 3 {
        0 => format!(
            r#"{{"timestamp":"2026-11-27T08:00:00Z","level":"INFO","message":"answered","status":200,"ms":{n},"target":"kit::request","spans":[{{"name":"http","route":"/products"}}]}}"#
        ),
        1 => format!("2026-11-27T08:00:00.000000Z  WARN order: line {n} \x1b[31mred\x1b[0m and größer"),
        _ => format!("plain text of line {n}, some eighty bytes of it, as most programs write them all day"),
    };
    (from..to)
        .map(|n| Line { stamp: n, resource: "order".into(), level: (n % 3 == 1).then_some(Level::Warn), text: text(n) })
        .collect()
}

fn message(n: u64) -> Message {
    Message {
        topic: "order_events".to_owned(),
        offset: n.cast_signed(),
        stamp: n * 1_000_000,
        key: (n / 2).to_string(),
        kind: "order_created".to_owned(),
        order: Some((n / 2).cast_signed()),
        value: format!(
            r#"{{"type":"order_created","data":{{"order_id":{},"status":"PENDING","version":{n},"total_cents":{n}}}}}"#,
            n / 2
        ),
        headers: vec![("ce_id".to_owned(), n.to_string())],
        ..Message::default()
    }
}

fn main() {
    let options =
        Options { instance: "default".to_owned(), owner: Owner::Attached, colours: Colours::True, ascii: false };
    let mut soak = Soak {
        model: Model::new(options, 200, 60),
        terminal: Terminal::new(TestBackend::new(200, 60)).expect("a terminal of cells"),
        begin: Instant::now(),
        epoch: 0,
        updates: Vec::new(),
        frames: Vec::new(),
    };
    let snapshot = r#"{"update": "snapshot", "snapshot": {"instance": "default", "workspace": "/", "phase": "up",
        "supervisor": {"pid": 1, "version": "0", "run": "0", "uptime": 1.0}, "outcome": {"outcome": "ready"},
        "resources": [{"name": "order", "kind": "service", "state": "ready", "ready": true, "external": false, "pid": 1, "ports": {},
            "took": 0.1, "uptime": 1.0, "failures": 0, "restarts": 0, "log_error": null, "progress": null, "why": []}]}}"#;
    soak.feed(Msg::Update(serde_json::from_str(snapshot).expect("an update")));
    soak.draw();
    for from in (1000..LINES).step_by(BATCH as usize) {
        let written =
            Answer::Written { epoch: soak.epoch, lines: lines(from, from + BATCH), count: BATCH, skipped: false };
        soak.feed(Msg::Log(written));
        if from % 10_000 == 0 {
            soak.press(KeyCode::Char('w'));
        }
        soak.draw();
    }
    soak.tell("a million lines followed");
    soak.press(KeyCode::Tab);
    for _ in 0..(LINES / 58) {
        soak.press(KeyCode::PageUp);
        soak.draw();
    }
    soak.tell("a million lines scrolled back, page by page");
    soak.press(KeyCode::Char('2'));
    for from in (0..MESSAGES).step_by(100) {
        soak.feed(Msg::Kafka(News::Messages((from..from + 100).map(message).collect())));
        soak.draw();
    }
    soak.tell("a hundred thousand messages followed");
    soak.press(KeyCode::Char('4'));
    for _ in 0..500 {
        soak.press(KeyCode::Char('j'));
        soak.draw();
    }
    soak.tell("orders, one by one");
}
