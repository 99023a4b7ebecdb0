//! A daemon to test with, instances that leave nothing behind, and an observer that remembers.

use std::{
    path::Path,
    pin::Pin,
    process::Command,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use bollard::Docker;
use libtest_mimic::Trial;
use shopctl_docker::{
    Daemon, Error,
    compose::{Mount, Port, Protocol, Service, Source},
    image,
    project::{Container, Ending, How, Observer, Obtained, Output, Project, Report, Since},
};
use tempfile::TempDir;

/// Any image with a shell; this one also declares a volume, tells its PostgreSQL, and has a stop signal of its own.
pub(crate) const IMAGE: &str = "shopctl-test/postgres:15";
pub(crate) const REGISTRY: &str = "docker-registry";
/// For a condition that comes at once on an idle machine.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// A test with a daemon.
pub(crate) type Test = (&'static str, fn(Daemon) -> Pin<Box<dyn Future<Output = ()>>>);

/// What of it is there, or why not.
pub(crate) struct Setting {
    pub(crate) daemon: Result<Daemon, String>,
    pub(crate) registry: Result<(), String>,
}

impl Setting {
    pub(crate) async fn find() -> Self {
        let daemon = match Daemon::from_environment().await {
            Ok(daemon) => match image::id(&daemon, IMAGE).await {
                Ok(Some(_)) => Ok(daemon),
                Ok(None) => Err(format!("the image {IMAGE} is not here")),
                Err(error) => Err(error.to_string()),
            },
            Err(error) => Err(error.to_string()),
        };
        let registry = Command::new(REGISTRY).arg("--version").output().map(drop).map_err(|error| error.to_string());
        Self { daemon, registry }
    }

    pub(crate) fn trials(&self, tests: &[Test]) -> Vec<Trial> {
        let trial = |&(name, test): &Test| match &self.daemon {
            Ok(daemon) => {
                let daemon = daemon.clone();
                crate::trial(name, move || test(daemon))
            }
            Err(reason) => ignored(name, reason),
        };
        tests.iter().map(trial).collect()
    }
}

/// Counted, and shown with the reason.
pub(crate) fn ignored(name: &str, reason: &str) -> Trial {
    Trial::test(name, || Ok(())).with_kind(reason).with_ignored_flag(true)
}

pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(future)
}

/// One instance. Whatever it has in Docker goes with it.
pub(crate) struct Site {
    pub(crate) project: Project,
    pub(crate) folder: TempDir,
}

impl Site {
    pub(crate) fn new(daemon: &Daemon) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { project: Project::new(daemon.clone(), "test", folder.path()), folder }
    }

    pub(crate) async fn try_obtain(&self, resource: &str, service: &Service) -> Result<Obtained, Error> {
        self.project.obtain(resource, service, self.folder.path()).await
    }

    pub(crate) async fn obtain(&self, resource: &str, service: &Service) -> (Container, How) {
        let Obtained { container, how } =
            self.try_obtain(resource, service).await.unwrap_or_else(|error| panic!("{error}"));
        (container, how)
    }

    /// Attends in the background.
    pub(crate) fn attend(&self, container: &Container, since: Since) -> Attended {
        attend(self.project.clone(), container.clone(), since)
    }

    /// Removes all, and sees to it that nothing is left.
    pub(crate) async fn finish(self) {
        let named: Vec<String> = self.list().await.containers.into_iter().map(|container| container.id).collect();
        let mut volumes = Vec::new();
        for id in named {
            let found = docker().inspect_container(&id, None).await.expect("it is there");
            volumes.extend(found.mounts.unwrap_or_default().into_iter().filter_map(|mount| mount.name));
        }
        self.project.remove_all(true).await.unwrap_or_else(|error| panic!("{error}"));
        assert!(self.list().await.is_empty());
        for volume in volumes {
            assert!(docker().inspect_volume(&volume).await.is_err(), "volume {volume} is left");
        }
    }

    pub(crate) async fn list(&self) -> shopctl_docker::project::Things {
        self.project.list().await.unwrap_or_else(|error| panic!("{error}"))
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let project = self.project.clone();
        // Also in the middle of a panic, and of a runtime.
        let removed = std::thread::spawn(move || block_on(project.remove_all(true))).join();
        assert!(matches!(removed, Ok(Ok(_))) || std::thread::panicking(), "something is left: {removed:?}");
    }
}

pub(crate) fn attend(project: Project, container: Container, since: Since) -> Attended {
    let memory = Memory::default();
    let mut observer = memory.clone();
    let task = tokio::spawn(async move { project.attend(&container, since, &mut observer).await });
    Attended { memory, task }
}

pub(crate) struct Attended {
    pub(crate) memory: Memory,
    task: tokio::task::JoinHandle<Result<Ending, Error>>,
}

impl Attended {
    pub(crate) async fn ending(self) -> Ending {
        let ended = tokio::time::timeout(SOON, self.task).await;
        ended.expect("it is noticed").expect("no panic").unwrap_or_else(|error| panic!("{error}"))
    }

    pub(crate) async fn reported(&self, wanted: &Report) {
        self.memory.until(&format!("{wanted:?}"), |past| past.reports.contains(wanted)).await;
    }

    pub(crate) async fn said(&self, text: &str) {
        self.memory.until(text, |past| past.stdout.contains(text)).await;
    }
}

/// What an observer has heard.
#[derive(Clone, Default)]
pub(crate) struct Memory(Arc<Mutex<Past>>);

#[derive(Clone, Default, Debug)]
pub(crate) struct Past {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) reports: Vec<Report>,
}

impl Memory {
    pub(crate) fn past(&self) -> Past {
        self.0.lock().expect("no panic").clone()
    }

    pub(crate) async fn until(&self, what: &str, condition: impl Fn(&Past) -> bool) {
        until(what, async || condition(&self.past())).await;
    }
}

impl Observer for Memory {
    fn output(&mut self, output: Output, _: Option<SystemTime>, bytes: &[u8]) {
        let mut past = self.0.lock().expect("no panic");
        let text = String::from_utf8_lossy(bytes);
        match output {
            Output::Stdout => past.stdout.push_str(&text),
            Output::Stderr => past.stderr.push_str(&text),
        }
    }

    fn report(&mut self, report: Report) {
        self.0.lock().expect("no panic").reports.push(report);
    }
}

pub(crate) async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let deadline = tokio::time::Instant::now() + SOON;
    while !condition().await {
        assert!(tokio::time::Instant::now() < deadline, "it does not come: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What somebody does by hand.
pub(crate) fn docker() -> Docker {
    Docker::connect_with_defaults().expect("the daemon is there")
}

/// A shell that runs a script, with a volume at /data.
pub(crate) fn shell(script: &str) -> Service {
    Service {
        entrypoint: Some(vec!["/bin/sh".into(), "-c".into()]),
        command: Some(vec![script.to_owned()]),
        stop_signal: Some("SIGKILL".into()),
        mounts: vec![Mount { source: Source::Volume("data".into()), target: "/data".into(), read_only: false }],
        ..Service::of_image(IMAGE.into())
    }
}

pub(crate) fn published(port: u16) -> Vec<Port> {
    vec![Port { host_ip: [127, 0, 0, 1].into(), host: port, container: 80, protocol: Protocol::Tcp }]
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

pub(crate) fn write(path: &Path, text: &str) {
    std::fs::write(path, text).expect("it is written");
}
