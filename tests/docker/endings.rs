//! What happens to containers behind shopctl's back.

use testkit::{cases, eventually, trials::Case};

use crate::{
    Docker,
    containers::{PART, up},
    instance::{Instance, SOON, docker},
};

pub(crate) const CASES: &[Case<Docker>] = cases![
    a_container_that_is_killed_or_removed_is_noticed_told_and_started_again,
    a_container_that_is_paused_is_told_and_goes_on_where_it_was,
    a_container_that_runs_out_of_memory_is_told_and_started_again,
    a_container_that_always_runs_out_of_memory_is_explained,
];

/// Takes all memory that it gets once somebody has asked it to.
const HUNGRY: &str = "    image: ${POSTGRES_IMAGE}
    entrypoint: [/bin/sh, -c]
    command: ['until rm /tmp/go 2>/dev/null; do sleep 0.1; done; exec tail /dev/zero']
    mem_limit: 16m
    stop_signal: SIGKILL
";

async fn a_container_that_is_killed_or_removed_is_noticed_told_and_started_again(_: Docker) {
    let instance = Instance::new("ends");
    up(&instance, &[PART]);
    for (restarts, (end, told)) in
        (1_u64..).zip([(["kill"].as_slice(), "was ended by SIGKILL"), (&["rm", "-f"], "was removed, not by shopctl")])
    {
        docker(&[end, &[instance.container(PART).as_str()]].concat());
        instance.is_ready_after(PART, restarts).await;
        let log = instance.succeeds(&["logs", PART]);
        assert!(log.contains(told), "{told} in {log}");
    }
    instance.finish();
}

async fn a_container_that_is_paused_is_told_and_goes_on_where_it_was(_: Docker) {
    let instance = Instance::new("pause");
    up(&instance, &[PART]);
    let container = instance.container(PART);
    docker(&["pause", &container]);
    instance.says(PART, "is paused, not by shopctl").await;
    let why = eventually(SOON, "it is not ready", async || {
        (instance.status(PART)["ready"] == false).then(|| instance.succeeds(&["why", PART]))
    });
    let why = why.await;
    assert!(why.contains("is paused"), "{why}");
    docker(&["unpause", &container]);
    instance.is_ready_after(PART, 0).await;
    assert_eq!(instance.status(PART)["restarts"], 0);
    instance.finish();
}

async fn a_container_that_runs_out_of_memory_is_told_and_started_again(_: Docker) {
    let instance = Instance::of_one("memory", HUNGRY);
    up(&instance, &["one"]);
    // Without a probe, it counts as ready before it is there.
    eventually(SOON, "it runs", async || instance.has(&["ps"]).first().cloned()).await;
    docker(&["exec", &instance.container("one"), "touch", "/tmp/go"]);
    instance.says("one", "was killed: it is out of memory").await;
    instance.is_ready_after("one", 1).await;
    instance.finish();
}

async fn a_container_that_always_runs_out_of_memory_is_explained(_: Docker) {
    let instance =
        Instance::of_one("hungry", &HUNGRY.replace("until rm /tmp/go 2>/dev/null; do sleep 0.1; done; ", ""));
    // It counts as ready as soon as it runs.
    up(&instance, &["one"]);
    let why = eventually(SOON, "it is started again", async || {
        let why = instance.succeeds(&["why", "one"]);
        why.contains("out of memory").then_some(why)
    });
    let why = why.await;
    assert!(why.starts_with("one: "), "{why}");
    instance.finish();
}
