//! `events`, on an instance whose Kafka is an embedded broker of the test's own.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    process::{Child, Stdio},
};

use nix::sys::signal::Signal;
use serde_json::Value;
use testkit::broker::Broker;
use tokio::runtime::Runtime;

use super::sandbox::{Sandbox, code, eventually, signal, text};

/// An instance that is up, and its broker.
struct Scene {
    sandbox: Sandbox,
    broker: Broker,
    runtime: Runtime,
}

impl Scene {
    fn up() -> Self {
        let runtime = Runtime::new().expect("a runtime can be built");
        let broker = runtime.block_on(Broker::start());
        let sandbox = Sandbox::new(&format!(
            r#"
            [addresses]
            kafka = "{}"
            [resource.steady]
            kind = "service"
            command = ["sleep", "600"]
            "#,
            broker.brokers()
        ));
        assert_eq!(sandbox.up(&["--detach"]).exit(), 0);
        Self { sandbox, broker, runtime }
    }

    fn publish(&self, topic: &str, lines: &str) -> String {
        fs::write(self.sandbox.path("events"), lines).expect("a file is written");
        let file = self.sandbox.path("events").display().to_string();
        self.sandbox.succeed(&["events", "publish", topic, &file])
    }

    fn follow(&self, arguments: &[&str]) -> (Child, impl Iterator<Item = String> + use<>) {
        let mut command = self.sandbox.command(&[&["events", "--follow"], arguments].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("shopctl runs");
        let lines = BufReader::new(child.stdout.take().expect("it has a stdout")).lines();
        (child, lines.map(|line| line.expect("text")))
    }
}

/// An order's event for a file.
fn paid(order: u32) -> String {
    format!(r#"{{"key":"{order}","type":"order_paid","data":{{"order_id":{order},"total":12.50}}}}"#)
}

fn json(line: &str) -> Value {
    serde_json::from_str(line).expect("a line is JSON")
}

#[test]
fn what_was_published_is_shown_decoded_and_chosen_by_key_type_order_and_number() {
    let scene = Scene::up();
    let other = r#"{"key":"mug","type":"product_created","data":{}}"#;
    scene.publish("order_events", &[paid(1), paid(2), paid(2)].join("\n"));
    scene.publish("product_events", other);
    let all = scene.sandbox.succeed(&["events"]);
    assert_eq!(all.lines().count(), 4, "{all}");
    let line = all.lines().next().expect("a line");
    assert!(
        line.contains("order_events ") && line.ends_with(r#"order_paid  1  {"order_id":1,"total":12.50}"#),
        "{line}"
    );
    for (arguments, count) in [
        (&["order_events"][..], 3),
        (&["--key", "2"], 2),
        (&["--type", "product_created"], 1),
        (&["--order", "2", "--limit", "1"], 1),
        (&["--from", "1h", "--limit", "3"], 3),
        (&["--from", "2222-01-01T00:00:00Z"], 0),
        (&["order_events.dlt"], 0),
    ] {
        let shown = scene.sandbox.succeed(&[&["events"], arguments].concat());
        assert_eq!(shown.lines().count(), count, "{arguments:?}: {shown}");
    }
    let shown = json(&scene.sandbox.succeed(&["events", "--json", "--order", "1"]));
    assert_eq!(
        (&shown["topic"], &shown["key"], &shown["type"]),
        (&"order_events".into(), &"1".into(), &"order_paid".into())
    );
    assert_eq!((&shown["source"], &shown["value"]["data"]["order_id"]), (&"shopctl".into(), &1.into()));
    assert!(shown["headers"]["ce_id"].is_string() && shown["time"].is_string(), "{shown}");
    let pretty = scene.sandbox.succeed(&["events", "--pretty", "--order", "1"]);
    assert!(pretty.contains("  ce_source: shopctl\n") && pretty.contains("\n      \"total\": 12.50\n"), "{pretty}");
}

#[test]
fn following_shows_what_comes_also_after_an_outage_and_ctrl_c_ends_it_well() {
    let mut scene = Scene::up();
    scene.publish("order_events", &paid(1));
    let (mut child, mut lines) = scene.follow(&["--from", "beginning", "--json"]);
    assert_eq!(json(&lines.next().expect("what stands there"))["order"], 1);
    scene.publish("order_events", &paid(2));
    assert_eq!(json(&lines.next().expect("what comes"))["order"], 2);
    let mut said =
        BufReader::new(child.stderr.take().expect("it has a stderr")).lines().map(|line| line.expect("text"));
    scene.runtime.block_on(scene.broker.stop());
    let told = said.next().expect("the outage is told");
    assert!(told.contains(&scene.broker.brokers()) && told.contains("waiting"), "{told}");
    scene.runtime.block_on(scene.broker.restart());
    scene.publish("order_events", &paid(3));
    assert_eq!(json(&lines.next().expect("what comes after it"))["order"], 3);
    signal(child.id(), Signal::SIGINT);
    assert_eq!(code(child.wait().expect("it ends")), 0);
    assert_eq!(lines.next(), None);
}

#[test]
fn following_ends_after_so_many_and_when_the_instance_is_down() {
    let scene = Scene::up();
    let (mut limited, mut lines) = scene.follow(&["--from", "beginning", "--limit", "2"]);
    let (mut unlimited, mut others) = scene.follow(&["--from", "beginning"]);
    scene.publish("order_events", &[paid(1), paid(2), paid(3)].join("\n"));
    assert_eq!(lines.by_ref().count(), 2);
    assert_eq!(code(limited.wait().expect("it ends")), 0);
    assert_eq!(others.by_ref().take(3).count(), 3);
    scene.sandbox.succeed(&["down"]);
    assert_eq!(others.next(), None);
    assert_eq!(code(unlimited.wait().expect("it ends")), 0);
}

#[test]
fn whoever_has_read_enough_ends_it_without_a_word() {
    let scene = Scene::up();
    let many: Vec<String> = (0..3000).map(paid).collect();
    scene.publish("order_events", &many.join("\n"));
    let mut child = scene.sandbox.command(&["events"]);
    let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("shopctl runs");
    let mut stdout = BufReader::new(child.stdout.take().expect("it has a stdout"));
    stdout.read_line(&mut String::new()).expect("a line");
    drop(stdout);
    let mut said = String::new();
    child.stderr.take().expect("it has a stderr").read_to_string(&mut said).expect("text");
    assert_eq!((code(child.wait().expect("it ends")), said.as_str()), (0, ""));
}

#[test]
fn a_file_with_a_wrong_line_publishes_nothing_and_stdin_is_a_file_too() {
    let scene = Scene::up();
    let publish = |lines: &str| {
        let mut command = scene.sandbox.command(&["events", "publish", "order_events", "-", "--json"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child
            .as_mut()
            .expect("shopctl runs")
            .stdin
            .take()
            .map(|mut stdin| {
                stdin.write_all(lines.as_bytes()).expect("it reads");
                drop(stdin);
            })
            .and(child.ok())
            .expect("shopctl runs");
        eventually("it ends", || child.try_wait().expect("it can be waited for"));
        child.wait_with_output().expect("it ends")
    };
    let refused = publish(&[paid(1), "{\"type\":\"t\"}".to_owned(), paid(2)].join("\n"));
    let said = text(&refused.stderr);
    assert_eq!(code(refused.status), 2);
    assert!(said.contains("nothing was published") && said.contains("stdin: line 2, column"), "{said}");
    assert_eq!(scene.sandbox.succeed(&["events"]), "");
    let published = publish(&paid(1));
    assert_eq!(json(&text(&published.stdout))["topic"], "order_events");
    assert_eq!(scene.sandbox.succeed(&["events"]).lines().count(), 1);
}

#[test]
fn a_dead_letter_is_redriven_once() {
    let scene = Scene::up();
    scene.publish("order_events", &paid(1));
    let record = json(&scene.sandbox.succeed(&["events", "--json"]));
    let (partition, offset) = (record["partition"].to_string(), record["offset"].to_string());
    let id = record["id"].as_str().expect("an id");
    let letter = format!(
        r#"{{"key":"1","type":"order_paid","data":{{"order_id":1,"total":12.50}},"headers":{{"ce_id":"{id}","dlt_topic":"order_events","dlt_partition":"{partition}","dlt_offset":"{offset}","dlt_group":"payment","dlt_error":"odd"}}}}"#
    );
    scene.publish("order_events.dlt", &letter);
    let shown = scene.sandbox.succeed(&["events", "order_events.dlt"]);
    assert!(shown.contains("[refused by payment: odd]"), "{shown}");
    let redrive =
        |arguments: &[&str]| scene.sandbox.run(&[&["events", "redrive", "order_events.dlt"], arguments].concat());
    assert_eq!(code(redrive(&[]).status), 2, "which ones has to be said");
    assert_eq!(code(redrive(&["--key", "2"]).status), 1, "there is none");
    let (first, again) = (redrive(&["--all"]), redrive(&["--all"]));
    assert!(text(&first.stdout).contains("stands at order_events"), "{}", text(&first.stderr));
    assert!(text(&again.stdout).contains("had been redriven already"), "{}", text(&again.stderr));
    let records = scene.sandbox.succeed(&["events", "order_events", "--json"]);
    let ids: Vec<Value> = records.lines().map(|line| json(line)["id"].clone()).collect();
    assert_eq!(ids, [id, id]);
}

#[test]
fn figures_and_lag_are_told_as_tables_and_as_json() {
    let scene = Scene::up();
    scene.publish("order_events", &[paid(1), paid(2)].join("\n"));
    let stats = json(&scene.sandbox.succeed(&["events", "stats", "order_events", "--json"]));
    let parts = stats["partitions"].as_array().expect("a list");
    assert_eq!(parts.iter().filter_map(|part| part["records"].as_u64()).sum::<u64>(), 2, "{stats}");
    assert_eq!(parts.iter().filter_map(|part| part["last_minute"].as_u64()).sum::<u64>(), 2, "{stats}");
    let table = scene.sandbox.succeed(&["events", "stats"]);
    assert!(table.contains("order_events.dlt") && table.contains("PER SECOND"), "{table}");
    assert_eq!(json(&scene.sandbox.succeed(&["events", "lag", "--json"])), Value::Array(Vec::new()));
    assert_eq!(code(scene.sandbox.run(&["events", "lag", "nobody"]).status), 2);
}

#[test]
fn what_cannot_be_is_said_with_what_there_is() {
    let scene = Scene::up();
    let refused = scene.sandbox.run(&["events", "order_event"]);
    assert_eq!(code(refused.status), 2);
    let said = text(&refused.stderr);
    assert!(said.contains("topic order_event does not exist") && said.contains("order_events.dlt"), "{said}");
    assert_eq!(code(scene.sandbox.run(&["events", "--from", "latest"]).status), 2);
    scene.sandbox.succeed(&["down"]);
    assert_eq!(code(scene.sandbox.run(&["events"]).status), 8);
}
