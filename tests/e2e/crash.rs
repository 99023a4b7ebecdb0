//! Services that die at the worst moment: nothing is lost, nothing is applied twice.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::net::UnixStream,
    path::Path,
};

use serde_json::{Value, json};
use shopctl_protocol::VERSION;
use shopctl_scenario::points::all;
use sqlx::{Connection as _, PgConnection};
use testkit::crash::points;

use crate::stack::{Stack, code, workspace};

#[test]
fn the_points_that_can_be_struck_are_those_of_the_code() {
    let services = workspace().join("services");
    let of = |service: &str| points(services.join(service));
    let packages = fs::read_dir(&services).expect("the services are there");
    let there: BTreeSet<String> = packages
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|package| package.join("Cargo.toml").is_file())
        .flat_map(points)
        .collect();
    assert_eq!(all().map(|(_, point)| point.to_owned()).collect::<BTreeSet<_>>(), there);
    let shared = of("bus");
    for (service, point) in all() {
        assert!(of(service).contains(point) || shared.contains(point), "{service} never comes to {point}");
    }
}

/// What the supervisor answers to a request on the control socket of the only instance.
fn ask(stack: &Stack, request: &Value) -> Value {
    let (instances, _) = stack.json(&["ps"]);
    let state = instances[0]["state_dir"].as_str().expect("it has a folder");
    let running = fs::read_to_string(Path::new(state).join("supervisor.json")).expect("it runs");
    let running: Value = serde_json::from_str(&running).expect("JSON");
    let socket = running["socket"].as_str().expect("it listens");
    let mut stream = UnixStream::connect(socket).expect("it answers");
    let hello = json!({ "request": "hello", "protocol": VERSION, "version": "a test" });
    write!(stream, "{hello}\n{request}\n").expect("it reads");
    let answers = BufReader::new(stream).lines();
    let reply = answers.skip(1).map_while(Result::ok).next().expect("it answers");
    serde_json::from_str(&reply).expect("JSON")
}

fn failpoint(resource: &str, action: Option<&str>) -> Value {
    json!({ "request": "failpoint", "resource": resource, "point": "create-before-commit", "action": action })
}

/// What is broken on purpose, as `status` tells it.
fn faults(stack: &Stack) -> Vec<String> {
    let (status, _) = stack.json(&["status"]);
    let resources = status["resources"].as_array().expect("resources").iter();
    let faults = resources.flat_map(|one| one["faults"].as_array().cloned().unwrap_or_default());
    faults.filter_map(|fault| fault.as_str().map(str::to_owned)).collect()
}

#[tokio::test]
#[cfg_attr(feature = "docker", ignore = "the services die the same way on containers")]
async fn wherever_services_die_nothing_is_lost_or_done_twice_and_what_is_wrong_is_found() {
    let stack = Stack::new("crash");
    stack.succeeds(&["up", "--isolated", "--detach", "--failpoints"]);

    // A point that is set stays set over the service's lives, is shown, and is no secret to who has none.
    let done = json!({ "reply": "done" });
    stack.succeeds(&["fault", "point", "order", "create-before-commit", "9*off->delay(1)"]);
    stack.succeeds(&["restart", "order"]);
    assert_eq!(faults(&stack), ["create-before-commit=9*off->delay(1)"]);
    assert_eq!(stack.succeeds(&["fault", "list"]), "order: create-before-commit=9*off->delay(1)\n");
    stack.succeeds(&["fault", "clear", "order"]);
    assert_eq!(faults(&stack), Vec::<String>::new());
    assert_eq!(code(&stack.run(&["fault", "clear", "order"])), 1, "nothing is broken there any more");
    assert_eq!(ask(&stack, &failpoint("order", Some("9*off->delay(1)"))), done);
    for (resource, action, why) in
        [("order", "kill", "it knows abort"), ("gateway", "abort", "only services that keep data have")]
    {
        let refused = ask(&stack, &failpoint(resource, Some(action)));
        assert!(refused["why"].as_str().is_some_and(|told| told.contains(why)), "{refused}");
    }
    assert_eq!(ask(&stack, &failpoint("order", None)), done);

    // Between an event's publication and its mark, with payment waiting for the word that it is PAID, and anywhere.
    let points = "order.relay-before-mark,order.status-after-commit,gateway.kill";
    let (report, exit) =
        stack.json(&["checkout", "crash", "--seed", "11", "--in-flight", "4", "--checkouts", "8", "--points", points]);
    assert_eq!(exit, 0, "{report:#}");
    let (checked, begun) = (&report["invariants"]["checked"], |round: &Value| round["checkouts"].as_u64().unwrap_or(0));
    let rounds = report["rounds"].as_array().expect("rounds");
    let struck: BTreeSet<&str> = rounds.iter().filter_map(|round| round["target"].as_str()).collect();
    assert_eq!(struck, points.split(',').collect());
    for round in rounds {
        assert!(begun(round) >= 8 && round["recoveries"].as_array().is_some_and(|all| !all.is_empty()), "{round:#}");
    }
    let [paid, cancelled] = ["paid", "cancelled"].map(|end| report[end].as_u64().expect("a number"));
    assert_eq!(paid + cancelled, rounds.iter().map(begun).sum::<u64>(), "{report:#}");
    // What the relay has published twice is one event.
    let [records, orders, products] =
        ["records", "order_events", "product_events"].map(|name| checked[name].as_u64().expect("a number"));
    assert!(records > orders + products, "{checked}");
    assert_eq!(faults(&stack), Vec::<String>::new(), "nothing stays set");

    // The same eye sees an order that is changed behind the shop's back.
    let mut database = PgConnection::connect(stack.shop().address("order_db")).await.expect("the database answers");
    let steal = "UPDATE orders SET status = 'CANCELLED' WHERE id = (SELECT max(id) FROM orders WHERE status = 'PAID')";
    sqlx::query(steal).execute(&mut database).await.expect("the query is right");
    let output = stack.run(&["checkout", "crash", "--seed", "5", "--points", "gateway.kill", "--checkouts", "4"]);
    let said = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    assert_eq!(code(&output), 7, "{said:?}");
    let again = "checkout crash --seed 5 --rounds 1 --points gateway.kill --checkouts 4 --in-flight 8";
    assert!(said.iter().all(|text| text.contains(again)), "{said:?}");

    // A shopper who cannot pay is told at which step, and why.
    stack.succeeds(&["stop", "payment"]);
    let (report, exit) = stack.json(&["checkout"]);
    assert_eq!(exit, 6, "{report:#}");
    assert_eq!(report["held"], Value::Bool(false));
    let last = report["steps"].as_array().and_then(|steps| steps.last()).expect("steps");
    assert_eq!((last["name"].as_str(), last["outcome"].as_str()), (Some("check out"), Some("failed")), "{last}");
    assert!(last["expected"].is_string() && last["observed"].is_string());
}

#[test]
#[cfg_attr(feature = "docker", ignore = "the services die the same way on containers")]
fn a_shop_without_failpoints_says_so_and_how_to_have_them() {
    let output = Stack::shared().run(&["checkout", "crash", "--points", "order.create-before-commit"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(code(&output), 1, "{said}");
    assert!(said.contains("`shopctl up --failpoints`") && said.contains("--points kill"), "{said}");
    let output = Stack::shared().run(&["checkout", "crash", "--points", "order.create-befor-commit"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(code(&output), 2, "{said}");
    assert!(said.contains("is it order.create-before-commit?"), "{said}");
}
