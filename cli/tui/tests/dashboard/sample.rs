//! A shop as its supervisor would tell of it.

use serde_json::{Value, json};
use shopctl_tui::{
    Command, Edge, Level, Msg,
    log::{Answer, At, Line, Request, Source},
    traces::Rate,
};

use super::desk::{Desk, WALL};

/// Name, kind, what it needs, seconds until it began, seconds it took.
type Row = (&'static str, &'static str, &'static [(&'static str, &'static str)], f64, f64);
const RESOURCES: [Row; 21] = [
    ("proto", "task", &[], 0.0, 0.1),
    ("build", "task", &[("proto", "completed")], 0.1, 0.6),
    ("postgres", "task", &[], 0.0, 0.05),
    ("account_db", "embedded", &[("postgres", "completed")], 0.05, 0.3),
    ("recommender_db", "embedded", &[("postgres", "completed")], 0.05, 0.31),
    ("order_db", "embedded", &[("postgres", "completed")], 0.05, 0.29),
    ("payment_db", "embedded", &[("postgres", "completed")], 0.05, 0.33),
    ("kafka", "embedded", &[("build", "completed")], 0.7, 0.04),
    ("topics", "task", &[("kafka", "ready")], 0.74, 0.06),
    ("account-migrate", "task", &[("build", "completed"), ("account_db", "ready")], 0.7, 0.05),
    ("recommender-migrate", "task", &[("build", "completed"), ("recommender_db", "ready")], 0.7, 0.05),
    ("order-migrate", "task", &[("build", "completed"), ("order_db", "ready")], 0.7, 0.06),
    ("payment-migrate", "task", &[("build", "completed"), ("payment_db", "ready")], 0.7, 0.05),
    ("account", "service", &[("account-migrate", "completed")], 0.75, 0.07),
    ("product", "service", &[("build", "completed"), ("topics", "completed")], 0.8, 0.12),
    ("recommender", "service", &[("recommender-migrate", "completed"), ("topics", "completed")], 0.8, 0.3),
    (
        "order",
        "service",
        &[("order-migrate", "completed"), ("topics", "completed"), ("product", "started")],
        0.81,
        0.09,
    ),
    (
        "payment",
        "service",
        &[("payment-migrate", "completed"), ("topics", "completed"), ("order", "started")],
        0.82,
        0.31,
    ),
    (
        "gateway",
        "service",
        &[("account", "started"), ("product", "started"), ("order", "started"), ("payment", "started")],
        0.83,
        0.08,
    ),
    ("seed", "task", &[("account", "ready"), ("product", "ready")], 0.93, 0.4),
    ("mailer-日本", "service", &[("kafka", "ready")], 0.75, 0.1),
];

fn resource(index: usize, phase: Phase) -> Value {
    let (name, kind, _, began, took) = RESOURCES[index];
    let is_task = kind == "task";
    let over = |since: f64| match phase {
        Phase::Booting(at) => began + took <= at && since <= at,
        Phase::Up => true,
    };
    let begun = match phase {
        Phase::Booting(at) => began <= at,
        Phase::Up => true,
    };
    let done = over(began);
    let state = match (done, begun, is_task) {
        (true, _, true) => "completed",
        (true, _, false) => "ready",
        (false, true, _) => "starting",
        (false, false, _) => "pending",
    };
    json!({
        "name": name, "kind": kind, "state": state, "ready": done, "external": false,
        "pid": (begun && !(done && is_task)).then_some(4700 + index), "ports": {}, "began": begun.then_some(began),
        "took": done.then_some(took), "uptime": (done && !is_task).then_some(754.0), "failures": 0, "restarts": 0,
        "log_error": null, "progress": null,
        "why": if done { json!([]) } else { json!([{"resource": name, "detail": if begun { "has been running for 0.2 s" } else { "waits for build" }, "lines": []}]) },
    })
}

#[derive(Clone, Copy)]
pub(crate) enum Phase {
    /// So many seconds after its beginning.
    Booting(f64),
    Up,
}

pub(crate) fn update(value: Value) -> Msg {
    Msg::Update(serde_json::from_value(value).expect("an update"))
}

pub(crate) fn snapshot(phase: Phase) -> Msg {
    let resources: Vec<Value> = (0..RESOURCES.len()).map(|index| resource(index, phase)).collect();
    let (word, uptime, outcome) = match phase {
        Phase::Booting(at) => ("booting", at, Value::Null),
        Phase::Up => ("up", 755.3, json!({"outcome": "ready"})),
    };
    update(json!({"update": "snapshot", "snapshot": {
        "instance": "default", "workspace": "/home/me/shop", "phase": word,
        "supervisor": {"pid": 4711, "version": "0.1.0", "run": "7c9e", "uptime": uptime},
        "resources": resources, "outcome": outcome,
    }}))
}

pub(crate) fn edges() -> Msg {
    let edges = RESOURCES.iter().flat_map(|(name, _, needs, ..)| needs.iter().map(move |need| (*name, *need)));
    let edge = |(name, (needs, condition)): (&str, (&str, &str))| Edge {
        resource: name.to_owned(),
        needs: needs.to_owned(),
        condition: condition.to_owned(),
    };
    Msg::Edges(edges.map(edge).collect())
}

/// One resource, otherwise than it was.
pub(crate) fn changed(name: &str, change: &[(&str, Value)]) -> Msg {
    let index = RESOURCES.iter().position(|(found, ..)| *found == name).expect("there is such a resource");
    let mut resource = resource(index, Phase::Up);
    for (field, value) in change {
        resource[*field] = value.clone();
    }
    update(json!({"update": "changed", "resource": resource}))
}

/// Ten looks at what the resources use.
pub(crate) fn figures(desk: &mut Desk) {
    for round in 0..10_u64 {
        desk.wait(1);
        let figure = |(index, (name, kind, ..)): (usize, &Row)| {
            let index = index as u64;
            let lines = if *kind == "service" { round * round * (index % 5) * 10 + round } else { 7 };
            json!({"resource": name, "cpu": (index % 7) as f64 * 0.013, "memory": (index + 3) * 3_141_592, "lines": lines})
        };
        let figures: Vec<Value> = RESOURCES.iter().enumerate().map(figure).collect();
        desk.feed(update(json!({"update": "figures", "figures": figures})));
    }
}

pub(crate) fn line(stamp: u64, resource: &str, level: Option<Level>, text: &str) -> Line {
    Line { stamp: WALL + stamp, resource: resource.into(), level, text: text.to_owned() }
}

/// A shop that measures what its services are asked for: who of them was, and how that went.
pub(crate) fn measured(mut desk: Desk) -> Desk {
    let telemetry = json!({
        "name": "telemetry", "kind": "service", "state": "ready", "ready": true, "external": false, "pid": 4699,
        "ports": {}, "began": 0.0, "took": 0.1, "uptime": 755.0, "failures": 0, "restarts": 0, "log_error": null,
        "progress": null, "why": [],
    });
    desk = up(desk);
    desk.feed(update(json!({"update": "changed", "resource": telemetry})));
    let rate = |resource: &str, per_second, requests, errors, p99| Rate {
        resource: resource.to_owned(),
        per_second,
        requests,
        errors,
        p99,
    };
    desk.feed(Msg::Rates(vec![
        rate("gateway", 35.6, 2136, 0, 121_600_000),
        rate("order", 0.1, 6, 0, 9_940_000),
        rate("payment", 4.0, 240, 6, 2_340_000_000),
        // Somebody who is no resource sends spans, too.
        rate("storefront", 99.0, 5940, 5940, 1),
    ]));
    desk
}

/// Lines of all kinds.
pub(crate) fn lines() -> Vec<Line> {
    let event = |level: &str, message: &str, fields: &str| {
        format!(
            r#"{{"timestamp":"2026-11-27T08:00:00Z","level":"{level}","message":"{message}","target":"order","spans":[{{"name":"create","order":7}}]{fields}}}"#
        )
    };
    vec![
        line(
            1_000_000,
            "account_db",
            Some(Level::Info),
            "2026-11-27 08:00:00.001 UTC [7] LOG:  database system is ready",
        ),
        line(2_000_000, "order", Some(Level::Info), &event("INFO", "created", r#","cents":1999"#)),
        line(3_000_000, "mailer-日本", None, "注文を受け付けました 📦 to größe@example.org"),
        line(4_000_000, "payment", Some(Level::Warn), &event("WARN", "the provider is slow", r#","ms":731"#)),
        line(5_000_000, "gateway", None, "\x1b[31mred\x1b[0m and \x1b[2Jharmless"),
        line(6_000_000, "order", Some(Level::Error), &event("ERROR", "cannot publish: broker away", "")),
        line(7_000_000, "product", None, &format!("a long line: {}", "0123456789 ".repeat(20))),
    ]
}

/// Answers the last request to open a log with these lines.
pub(crate) fn open(desk: &mut Desk, lines: Vec<Line>) {
    let mut opened = desk.done().into_iter().filter_map(|command| match command {
        Command::Log(Request::Open { epoch, source, at, .. }) => Some((epoch, source, at)),
        _ => None,
    });
    let (epoch, source, _) = opened.next_back().expect("a log was opened");
    let lines = match source {
        Source::All => lines,
        Source::One(name) => lines.into_iter().filter(|line| *line.resource == *name).collect(),
    };
    desk.feed(Msg::Log(Answer::Opened { epoch, at: At::End, lines, begins: true, ends: true }));
}

/// A shop that is up, with everything there is to be seen.
pub(crate) fn up(mut desk: Desk) -> Desk {
    desk.feed(edges());
    desk.feed(snapshot(Phase::Up));
    open(&mut desk, lines());
    figures(&mut desk);
    desk
}
