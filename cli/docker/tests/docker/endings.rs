//! Whatever happens to a container is noticed, and called by its name.

use bollard::query_parameters::{
    KillContainerOptionsBuilder, RemoveContainerOptionsBuilder, RestartContainerOptionsBuilder,
    StopContainerOptionsBuilder,
};
use shopctl_docker::{
    Daemon,
    compose::{Healthcheck, Service, Test as Check},
    project::{Ending, Health, Report, Since},
};

use crate::support::{Site, Test, docker, shell};

pub(crate) const TESTS: &[Test] = &[
    ("an_exit_is_told_with_its_code_and_last_words", |daemon| Box::pin(exit(daemon))),
    ("an_end_before_anybody_looks_is_told", |daemon| Box::pin(early(daemon))),
    ("a_kill_a_stop_and_a_restart_by_hand_are_told_apart_from_an_exit", |daemon| Box::pin(by_hand(daemon))),
    ("a_removal_by_hand_is_told", |daemon| Box::pin(removal(daemon))),
    ("an_end_for_want_of_memory_is_told", |daemon| Box::pin(memory(daemon))),
    ("a_pause_by_hand_is_told_and_does_not_hinder_a_stop", |daemon| Box::pin(pause(daemon))),
    ("health_is_told_when_it_changes", |daemon| Box::pin(health(daemon))),
];

async fn exit(daemon: Daemon) {
    let site = Site::new(&daemon);
    let script = "i=0; while test $i -lt 2000; do echo line $i; i=$((i+1)); done; echo oops >&2; exit 3";
    let (container, _) = site.obtain("one", &shell(script)).await;
    let attended = site.attend(&container, Since::Start);
    let memory = attended.memory.clone();
    assert_eq!(attended.ending().await, Ending::Exited { code: 3 });
    let past = memory.past();
    assert_eq!((past.stdout.lines().count(), past.stderr.as_str()), (2000, "oops\n"));
    assert!(past.stdout.ends_with("line 1999\n"));
    site.finish().await;
}

async fn early(daemon: Daemon) {
    let site = Site::new(&daemon);
    let (container, _) = site.obtain("one", &shell("echo $$; exit 7")).await;
    let left = docker();
    crate::support::until("its end", async || {
        let found = left.inspect_container(&container.id, None).await.expect("it is there");
        found.state.and_then(|state| state.running) == Some(false)
    })
    .await;
    let attended = site.attend(&container, Since::Start);
    let memory = attended.memory.clone();
    assert_eq!(attended.ending().await, Ending::Exited { code: 7 });
    assert_eq!(memory.past().stdout, "1\n");
    site.finish().await;
}

async fn by_hand(daemon: Daemon) {
    let site = Site::new(&daemon);
    // A shell that waits for its child takes signals only with traps.
    let script = "trap 'exit 0' TERM; trap 'echo hup' HUP; echo up; while :; do sleep 0.05; done";
    let service = Service { stop_signal: Some("SIGTERM".into()), ..shell(script) };
    let killed = |signal: &str| Ending::Killed { signal: signal.into() };

    let (container, _) = site.obtain("one", &service).await;
    let attended = site.attend(&container, Since::Start);
    attended.said("up").await;
    let signal = |signal: &str| Some(KillContainerOptionsBuilder::default().signal(signal).build());
    docker().kill_container(&container.id, signal("SIGHUP")).await.expect("it is sent");
    attended.said("hup").await;
    docker().kill_container(&container.id, signal("SIGKILL")).await.expect("it is killed");
    assert_eq!(attended.ending().await, killed("SIGKILL"));

    let (container, _) = site.obtain("one", &service).await;
    let attended = site.attend(&container, Since::Start);
    attended.said("up").await;
    let options = StopContainerOptionsBuilder::default().t(20).build();
    docker().stop_container(&container.id, Some(options)).await.expect("it stops");
    assert_eq!(attended.ending().await, killed("SIGTERM"));

    let (container, _) = site.obtain("one", &service).await;
    let attended = site.attend(&container, Since::Start);
    attended.said("up").await;
    let options = RestartContainerOptionsBuilder::default().t(20).build();
    docker().restart_container(&container.id, Some(options)).await.expect("it restarts");
    assert_eq!(attended.ending().await, killed("SIGTERM"));
    site.finish().await;
}

async fn removal(daemon: Daemon) {
    let site = Site::new(&daemon);
    let (container, _) = site.obtain("one", &shell("exec sleep 1000")).await;
    let attended = site.attend(&container, Since::Start);
    // Only once it is watched is there anything to notice.
    docker().pause_container(&container.id).await.expect("it is paused");
    attended.reported(&Report::Paused).await;
    docker().unpause_container(&container.id).await.expect("it goes on");
    let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
    docker().remove_container(&container.id, Some(options)).await.expect("it is removed");
    assert_eq!(attended.ending().await, Ending::RemovedByHand);
    site.finish().await;
}

async fn memory(daemon: Daemon) {
    let site = Site::new(&daemon);
    let service = Service { mem_limit: Some(16 << 20), ..shell("exec tail /dev/zero") };
    let (container, _) = site.obtain("one", &service).await;
    assert_eq!(site.attend(&container, Since::Start).ending().await, Ending::OomKilled);
    site.finish().await;
}

async fn pause(daemon: Daemon) {
    let site = Site::new(&daemon);
    let script = "trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done";
    let service = Service { stop_signal: Some("SIGTERM".into()), ..shell(script) };
    let (container, _) = site.obtain("one", &service).await;
    let attended = site.attend(&container, Since::Start);
    attended.said("up").await;
    docker().pause_container(&container.id).await.expect("it is paused");
    attended.reported(&Report::Paused).await;
    docker().unpause_container(&container.id).await.expect("it goes on");
    attended.reported(&Report::Resumed).await;
    docker().pause_container(&container.id).await.expect("it is paused");
    site.project.stop("one", None).await.expect("it stops");
    assert_eq!(attended.ending().await, Ending::Killed { signal: "SIGTERM".into() });
    site.finish().await;
}

async fn health(daemon: Daemon) {
    let site = Site::new(&daemon);
    let second = Some(std::time::Duration::from_secs(1));
    let check = Healthcheck {
        interval: second,
        retries: Some(1),
        ..Healthcheck::of(Check::Shell("test -e /tmp/well || { echo broken; exit 1; }".into()))
    };
    let service =
        Service { healthcheck: Some(check), ..shell("touch /tmp/well; sleep 3; rm /tmp/well; exec sleep 1000") };
    let (container, _) = site.obtain("one", &service).await;
    let attended = site.attend(&container, Since::Start);
    attended.reported(&Report::Health(Health::Healthy)).await;
    attended.reported(&Report::Health(Health::Unhealthy { output: "broken".into() })).await;
    assert_eq!(attended.memory.past().reports.len(), 2, "each once");
    site.finish().await;
}
