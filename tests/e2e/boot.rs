//! From `up` to nothing left.

use std::{net::TcpListener, process::Stdio, time::Duration};

use rdkafka::{
    ClientConfig,
    consumer::{BaseConsumer, Consumer as _},
    groups::GroupMemberInfo,
};
use serde_json::Value;
use testkit::eventually;

use crate::{
    processes::{listeners, marked},
    stack::{IN_DOCKER, Stack, code},
};

/// For an instance to be up or gone, with the build before it waiting for another cargo.
const DEADLINE: Duration = Duration::from_secs(600);
/// A part of the shop that boots in a moment and still is a bit of everything.
const PART: &str = "account";

fn ports_of(resource: &Value) -> impl Iterator<Item = u64> {
    resource["ports"].as_object().into_iter().flatten().filter_map(|(_, port)| port.as_u64())
}

fn names(status: &Value) -> Vec<&str> {
    status["resources"].as_array().expect("resources").iter().filter_map(|one| one["name"].as_str()).collect()
}

#[test]
fn up_leaves_everything_ready_and_tells_where_it_is() {
    let stack = Stack::shared();
    let (status, code) = stack.json(&["status"]);
    assert_eq!(code, 0);
    for resource in status["resources"].as_array().expect("resources") {
        assert_eq!(resource["ready"], true, "{resource}");
    }
    for service in ["account", "product", "recommender", "order", "payment", "gateway", "kafka", "seed"] {
        assert!(names(&status).contains(&service), "{service} is missing");
    }
    let (addresses, _) = stack.json(&["env"]);
    for name in ["gateway", "product", "account", "payment_grpc", "payment_http", "kafka", "order_db", "jwks"] {
        assert!(addresses[name].is_string(), "{name} has no address: {addresses}");
    }
    let otlp = addresses["otlp"].as_str().expect("an address");
    assert!(otlp.starts_with("127.0.0.1:"), "{otlp}");
}

#[test]
fn a_second_up_is_refused_and_says_who_runs_it() {
    let stack = Stack::shared();
    let before = stack.marker();
    let output = stack.run(&["up", "--detach"]);
    assert_eq!(code(&output), 5);
    let (status, _) = stack.json(&["status"]);
    let pid = status["supervisor"]["pid"].to_string();
    assert!(String::from_utf8_lossy(&output.stderr).contains(&pid), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(stack.marker(), before);
}

#[cfg(target_os = "linux")]
#[test]
fn nothing_of_the_shop_listens_beyond_this_machine() {
    let pids = marked(&Stack::shared().marker());
    let found = listeners(&pids);
    // Docker's own processes listen for containers.
    assert!(found.len() >= if IN_DOCKER { 9 } else { 13 }, "{found:?}");
    for (host, port) in found {
        assert_eq!(host.to_string(), "127.0.0.1", "port {port}");
    }
}

#[tokio::test]
async fn down_leaves_no_process_and_no_port_and_up_finds_the_data_again() {
    let stack = Stack::new("down");
    stack.succeeds(&["up", PART, "--isolated", "--detach"]);
    let (status, _) = stack.json(&["status"]);
    let ports: Vec<u64> = status["resources"].as_array().expect("resources").iter().flat_map(ports_of).collect();
    assert_eq!(ports.len(), 4, "account, its database and the receiver of telemetry listen: {ports:?}");
    let (marker, url) = (stack.marker(), stack.json(&["env"]).0["account_db"].clone());
    stack.succeeds(&["down"]);
    assert_eq!(marked(&marker), Vec::<u32>::new());
    for port in ports {
        let port = u16::try_from(port).expect("a port");
        TcpListener::bind(("127.0.0.1", port)).expect("the port is free again");
    }
    assert_eq!(code(&stack.run(&["status"])), 8);
    stack.succeeds(&["down"]);

    stack.succeeds(&["up", PART, "--detach"]);
    assert_eq!(stack.json(&["env"]).0["account_db"], url, "ports and passwords are kept");
    stack.succeeds(&["down", "--volumes"]);
    stack.succeeds(&["up", PART, "--detach", "--isolated"]);
    assert_ne!(stack.json(&["env"]).0["account_db"], url, "passwords went with the volumes");
    stack.succeeds(&["down", "--volumes"]);
}

#[test]
fn up_is_over_only_once_consumers_are_in_their_groups() {
    let stack = Stack::new("groups");
    stack.succeeds(&["up", "recommender", "--isolated", "--detach"]);
    let kafka = stack.json(&["env"]).0["kafka"].as_str().expect("an address").to_owned();
    let asker: BaseConsumer = ClientConfig::new().set("bootstrap.servers", kafka).create().expect("a client");
    // Asked once: whoever has to ask again was told too early.
    let groups = asker.fetch_group_list(Some("recommender"), Duration::from_secs(60)).expect("the broker answers");
    let group = groups.groups().first().expect("the group exists");
    assert_eq!(group.state(), "Stable");
    let assigned = |member: &GroupMemberInfo| member.assignment().is_some_and(|bytes| !bytes.is_empty());
    assert!(!group.members().is_empty() && group.members().iter().all(assigned));
    // It may ask the broker as it goes.
    drop(asker);
    stack.succeeds(&["down", "--volumes"]);
}

#[tokio::test]
async fn a_killed_up_takes_everything_along() {
    let stack = Stack::new("killed");
    let mut up = stack.shopctl(&["up", PART, "--isolated", "--no-tui"]);
    let mut up = up.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("shopctl can be executed");
    eventually(DEADLINE, "the shop is up", async || (code(&stack.run(&["wait"])) == 0).then_some(())).await;
    let marker = stack.marker();
    assert!(marked(&marker).len() >= 2, "account and its database carry the mark");
    up.kill().expect("it runs");
    up.wait().expect("it is our child");
    eventually(Duration::from_secs(20), "nothing is left", async || marked(&marker).is_empty().then_some(())).await;
}

#[test]
fn a_taken_port_is_told_with_who_has_it() {
    let stack = Stack::new("port");
    stack.succeeds(&["up", PART, "--isolated", "--detach"]);
    let (addresses, _) = stack.json(&["env"]);
    stack.succeeds(&["down"]);
    let address = addresses["account"].as_str().expect("an address");
    let _holder = TcpListener::bind(address).expect("the port is free");
    let output = stack.run(&["up", PART, "--detach"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(code(&output), 5, "{said}");
    assert!(said.contains(&std::process::id().to_string()), "it names this process: {said}");
    assert!(said.contains("account"), "{said}");
    assert_eq!(code(&stack.run(&["status"])), 8, "nothing was started");
}
