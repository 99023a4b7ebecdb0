//! Promises of an instance on containers.

use std::time::{Duration, Instant};

use testkit::{cases, eventually, trials::Case};

use crate::{
    Docker,
    instance::{Instance, SOON, docker},
};

pub(crate) const CASES: &[Case<Docker>] = cases![
    a_shop_on_containers_proves_a_checkout_and_leaves_only_its_volumes,
    a_supervisor_that_is_killed_leaves_no_container_running,
    kept_containers_are_taken_over,
    an_instance_keeps_its_kind_of_infrastructure,
    a_field_that_is_not_supported_is_refused_by_name_and_line,
];

/// What comes up soon.
pub(crate) const PART: &str = "order_db";

pub(crate) fn up(instance: &Instance, more: &[&str]) -> String {
    instance.succeeds(&[&["up", "--infra", "docker", "--isolated", "--detach"], more].concat())
}

async fn a_shop_on_containers_proves_a_checkout_and_leaves_only_its_volumes(_: Docker) {
    let instance = Instance::new("shop");
    let said = up(&instance, &[]);
    assert!(said.contains("infrastructure: Docker"), "{said}");
    instance.succeeds(&["checkout"]);
    for id in instance.has(&["ps"]) {
        let ports = docker(&["port", &id]);
        assert!(ports.lines().all(|line| line.contains("-> 127.0.0.1:")), "{ports}");
    }
    instance.succeeds(&["down"]);
    assert_eq!(instance.has(&["ps", "-a"]), [""; 0]);
    assert_eq!(instance.has(&["network", "ls"]), [""; 0]);
    assert_eq!(instance.has(&["volume", "ls"]).len(), 6);
    up(&instance, &[]);
    instance.succeeds(&["checkout"]);
    instance.finish();
}

async fn a_supervisor_that_is_killed_leaves_no_container_running(_: Docker) {
    let instance = Instance::new("killed");
    up(&instance, &[PART]);
    // What the container uses is told, not what the process uses that attends to it.
    let memory = instance.memory(PART);
    assert!((8 << 20..1 << 30).contains(&memory), "{memory} bytes");
    let pid = instance.supervisor();
    assert!(std::process::Command::new("kill").args(["-9", &pid]).status().expect("there is kill").success());
    let begin = Instant::now();
    eventually(SOON, "nothing runs", async || instance.has(&["ps"]).is_empty().then_some(())).await;
    assert!(begin.elapsed() < Duration::from_secs(15), "{:?}", begin.elapsed());
    instance.finish();
}

async fn kept_containers_are_taken_over(_: Docker) {
    let instance = Instance::new("kept");
    up(&instance, &[PART, "--keep-infra"]);
    let container = instance.container(PART);
    let write = |line: &str| {
        let code = format!("DO $$ BEGIN RAISE LOG '{line}'; END $$");
        docker(&["exec", &container, "psql", "-U", "shop", "-d", PART, "-c", &code]);
    };
    write("written before");
    instance.says(PART, "written before").await;
    let pid = instance.supervisor();
    assert!(std::process::Command::new("kill").args(["-9", &pid]).status().expect("there is kill").success());
    eventually(SOON, "the supervisor's end", async || {
        (instance.run(&["status"]).status.code() == Some(8)).then_some(())
    })
    .await;
    assert_eq!(instance.has(&["ps"]), std::slice::from_ref(&container));
    write("written meanwhile");
    let said = up(&instance, &[PART]);
    assert!(said.contains("ready"), "{said}");
    assert_eq!(instance.container(PART), container);
    instance.says(PART, "took over").await;
    write("written after");
    instance.says(PART, "written after").await;
    let log = instance.succeeds(&["logs", PART]);
    for line in ["before", "meanwhile", "after"] {
        assert_eq!(log.matches(&format!("LOG:  written {line}")).count(), 1, "{log}");
    }
    instance.succeeds(&["down"]);
    assert_eq!(instance.has(&["ps", "-a"]), [""; 0]);
    instance.finish();
}

async fn an_instance_keeps_its_kind_of_infrastructure(_: Docker) {
    let instance = Instance::new("kind");
    up(&instance, &[PART]);
    instance.succeeds(&["down"]);
    let output = instance.run(&["up", "--infra", "embedded", "--detach", PART]);
    assert_eq!(output.status.code(), Some(5), "{}", String::from_utf8_lossy(&output.stderr));
    let said = instance.succeeds(&["up", "--detach", PART]);
    assert!(said.contains("as this instance's data are there"), "{said}");
    instance.finish();
}

async fn a_field_that_is_not_supported_is_refused_by_name_and_line(_: Docker) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let manifest = folder.path().join("services.toml");
    let text = "version = 1\n[docker.resource.db]\nkind = \"container\"\ncommand = [\"@shopctl\", \"internal\", \"container\", \"db\"]\n";
    std::fs::write(&manifest, text).expect("a manifest is written");
    std::fs::write(folder.path().join("infra.yaml"), "services:\n  db:\n    image: x\n    privileged: true\n")
        .expect("a Compose file is written");
    let instance = Instance::new("field");
    let manifest = manifest.to_str().expect("a path of text");
    let output = instance.run(&["up", "--infra", "docker", "--manifest", manifest]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("privileged") && said.contains("line 4") && said.contains("infra.yaml"), "{said}");
}
