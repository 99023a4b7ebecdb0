//! The daemon goes away for a while, in the middle of a boot, or is not there at all.

use std::{path::PathBuf, process::Stdio, time::Duration};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;
use testkit::{cases, door::Door, eventually, trials::Case};

use crate::{
    Docker,
    containers::{PART, up},
    instance::{Instance, SOON, docker},
};

pub(crate) const CASES: &[Case<Docker>] = cases![
    a_daemon_that_goes_away_is_told_and_costs_nothing_once_it_is_back,
    a_daemon_that_stays_away_is_asked_again_and_again,
    a_daemon_that_goes_in_the_middle_of_a_boot_is_told_whatever_becomes_of_that,
    without_a_daemon_it_is_said_and_auto_takes_what_needs_none,
];

/// How long a daemon that is restarted may take, before its containers count as lost.
const RETURN: Duration = Duration::from_secs(30);

/// An instance that reaches the daemon through a door of its own.
fn behind_a_door(name: &str) -> (TempDir, Door, Instance) {
    let folder = tempfile::tempdir().expect("the temporary folder can be written");
    let daemon = docker(&["context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]);
    let behind = daemon.trim().strip_prefix("unix://").map(PathBuf::from).expect("the daemon has a Unix socket");
    let door = Door::new(folder.path(), &behind);
    let instance = Instance::new(name).with("DOCKER_HOST", format!("unix://{}", door.path().display()));
    (folder, door, instance)
}

async fn a_daemon_that_goes_away_is_told_and_costs_nothing_once_it_is_back(_: Docker) {
    let (_folder, mut door, instance) = behind_a_door("away");
    up(&instance, &[PART]);
    let container = instance.container(PART);
    door.close().await;
    instance.says(PART, "the Docker daemon is away").await;
    assert_eq!(instance.status(PART)["ready"], true, "the database itself is not away");
    door.open();
    instance.says(PART, "the Docker daemon is back").await;
    let status = instance.status(PART);
    assert_eq!((&status["ready"], &status["restarts"]), (&true.into(), &0.into()), "{status}");
    assert_eq!(instance.container(PART), container);
    instance.finish();
}

async fn a_daemon_that_stays_away_is_asked_again_and_again(_: Docker) {
    let (_folder, mut door, instance) = behind_a_door("long");
    up(&instance, &[PART]);
    let container = instance.container(PART);
    door.close().await;
    let why = eventually(RETURN + SOON, "it counts as lost", async || {
        (instance.status(PART)["ready"] == false).then(|| instance.succeeds(&["why", PART]))
    });
    let why = why.await;
    assert!(why.contains("Docker daemon"), "{why}");
    door.open();
    instance.is_ready_after(PART, 1).await;
    instance.says(PART, "took over").await;
    assert_eq!(instance.container(PART), container);
    instance.finish();
}

async fn a_daemon_that_goes_in_the_middle_of_a_boot_is_told_whatever_becomes_of_that(_: Docker) {
    let (folder, mut door, instance) = behind_a_door("boot");
    let log = folder.path().join("up.log");
    let mut up = instance.shopctl(&["up", PART, "kafka", "--infra", "docker", "--isolated", "--no-tui"]);
    up.stdout(Stdio::null()).stderr(std::fs::File::create(&log).expect("the temporary folder can be written"));
    let mut up = up.spawn().expect("shopctl can be executed");
    // It comes before the containers.
    eventually(SOON, "a network", async || (!instance.has(&["network", "ls"]).is_empty()).then_some(())).await;
    door.close().await;
    let outcome = eventually(RETURN + SOON, "an end of the boot", async || {
        let ended = up.try_wait().expect("it is our child");
        // Containers that run already get ready without a daemon.
        ended.map(Some).or_else(|| instance.is_ready().then_some(None))
    });
    if let Some(status) = outcome.await {
        let said = std::fs::read_to_string(&log).expect("it can be read");
        assert_eq!(status.code(), Some(3), "{said}");
        assert!(said.contains("the boot failed") && said.contains("Docker daemon"), "{said}");
    } else {
        instance.says(PART, "the Docker daemon is away").await;
        kill(Pid::from_raw(i32::try_from(up.id()).expect("a pid fits")), Signal::SIGINT).expect("it runs");
        eventually(SOON, "its end", async || up.try_wait().expect("it is our child")).await;
    }
    door.open();
    instance.finish();
}

async fn without_a_daemon_it_is_said_and_auto_takes_what_needs_none(_: Docker) {
    let instance = Instance::new("none").with("DOCKER_HOST", "unix:///nonexistent/docker.sock");
    let nobody = "no Docker daemon answers at unix:///nonexistent/docker.sock (by DOCKER_HOST)";
    let said = instance.fails(3, &["up", "--infra", "docker", "--detach", PART]);
    assert!(said.contains(nobody) && said.contains("--infra embedded"), "{said}");
    let said = instance.succeeds(&["up", "--infra", "auto", "--isolated", "--detach", PART]);
    assert!(said.contains("infrastructure: embedded") && said.contains(nobody), "{said}");
    instance.finish();
}
