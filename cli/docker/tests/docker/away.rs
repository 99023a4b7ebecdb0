//! A daemon that is not there, is none, or goes away and comes back.

use std::{
    io::{Read, Write},
    os::unix::net::UnixListener,
    path::Path,
    time::Duration,
};

use libtest_mimic::Trial;
use shopctl_docker::{
    Daemon, Error,
    daemon::Endpoint,
    project::{Ending, Project, Report, Since},
};
use testkit::door::Door;
use tokio::time::Instant;

use crate::{
    support::{self, Setting, Site, Test, docker, shell},
    trial,
};

const WITH_DAEMON: &[Test] = &[
    ("a_daemon_that_comes_back_is_no_end_and_loses_no_output", |daemon| Box::pin(back(daemon))),
    ("what_ended_while_the_daemon_was_away_is_told", |daemon| Box::pin(ended_meanwhile(daemon))),
];

pub(crate) fn trials(setting: &Setting) -> Vec<Trial> {
    let mut trials = vec![
        trial("a_daemon_that_is_not_there_is_said_at_once", nobody),
        trial("a_daemon_that_hangs_is_given_up_soon", hanging),
        trial("something_else_than_a_daemon_is_said", garbage),
        trial("a_daemon_that_is_too_old_is_said", too_old),
    ];
    trials.extend(setting.trials(WITH_DAEMON));
    trials
}

async fn connect(path: &Path) -> Result<Daemon, Error> {
    let begin = Instant::now();
    let endpoint = Endpoint { url: format!("unix://{}", path.display()), why: "by a test".into() };
    let answer = Daemon::connect(&endpoint).await;
    assert!(begin.elapsed() < Duration::from_secs(10), "it takes its time");
    answer
}

async fn nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("docker.sock");
    for left in [false, true] {
        if left {
            drop(UnixListener::bind(&path).expect("a socket that nobody listens on"));
        }
        let error = connect(&path).await.expect_err("nobody is there");
        assert!(matches!(&error, Error::NoDaemon { .. }), "{error}");
        assert!(error.hint().is_some_and(|hint| hint.contains("--infra embedded")));
    }
}

/// Answers every request with these bytes; none at all if there are none.
fn fake(path: &Path, answer: &'static str) {
    let listener = UnixListener::bind(path).expect("a socket");
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            if answer.is_empty() {
                kept.push(stream);
                continue;
            }
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
}

async fn hanging() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("docker.sock");
    fake(&path, "");
    let error = connect(&path).await.expect_err("it never answers");
    assert!(error.to_string().ends_with("no answer within 3 s"), "{error}");
}

async fn garbage() {
    for answer in [
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("docker.sock");
        fake(&path, answer);
        let error = connect(&path).await.expect_err("no daemon");
        assert!(matches!(error, Error::NotDocker { .. }), "{answer:?}: {error:?}");
    }
}

async fn too_old() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("docker.sock");
    let answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 44\r\nConnection: close\r\n\r\n\
                  {\"Version\":\"19.03.15\",\"ApiVersion\":\"1.40\"}   ";
    fake(&path, answer);
    let error = connect(&path).await.expect_err("too old");
    assert!(
        error.to_string().ends_with("speaks API 1.40 (Docker 19.03.15); the oldest that serves is 1.41"),
        "{error}"
    );
}

/// Stands before the daemon, and can be closed.
fn door(site: &Site, daemon: &Daemon) -> Door {
    Door::new(site.folder.path(), Path::new(daemon.endpoint().url.trim_start_matches("unix://")))
}

async fn back(daemon: Daemon) {
    let site = Site::new(&daemon);
    let script = "i=0; while :; do echo line $i; i=$((i+1)); sleep 0.02; done";
    let (container, _) = site.obtain("one", &shell(script)).await;
    let mut door = door(&site, &daemon);
    let through = connect(door.path()).await.unwrap_or_else(|error| panic!("{error}"));
    let project = Project::new(through, "test", site.folder.path());
    let attended = support::attend(project, container.clone(), Since::Start);
    attended.said("line 20\n").await;
    door.close().await;
    attended.memory.until("away", |past| matches!(past.reports.as_slice(), [Report::DaemonAway { .. }])).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    door.open();
    attended.reported(&Report::DaemonBack).await;
    let before = attended.memory.past().stdout.lines().count();
    attended.said(&format!("line {}\n", before + 100)).await;
    let past = attended.memory.past();
    for (expected, line) in past.stdout.lines().enumerate() {
        assert_eq!(line, format!("line {expected}"), "each once, in order");
    }
    assert_eq!(past.reports.len(), 2, "{:?}", past.reports);
    site.project.stop("one", None).await.expect("it stops");
    assert_eq!(attended.ending().await, Ending::Killed { signal: "SIGKILL".into() });
    site.finish().await;
}

async fn ended_meanwhile(daemon: Daemon) {
    let site = Site::new(&daemon);
    let (container, _) =
        site.obtain("one", &shell("echo up; until test -e /data/go; do sleep 0.05; done; exit 4")).await;
    let mut door = door(&site, &daemon);
    let through = connect(door.path()).await.unwrap_or_else(|error| panic!("{error}"));
    let attended = support::attend(Project::new(through, "test", site.folder.path()), container.clone(), Since::Start);
    attended.said("up").await;
    door.close().await;
    attended.memory.until("away", |past| !past.reports.is_empty()).await;
    crate::life::run(&container.id, "touch /data/go").await;
    support::until("its end", async || {
        let found = docker().inspect_container(&container.id, None).await.expect("it is there");
        found.state.and_then(|state| state.running) == Some(false)
    })
    .await;
    door.open();
    assert_eq!(attended.ending().await, Ending::Exited { code: 4 });
    site.finish().await;
}
