//! Containers for tests, through the `docker` command. A container ends with its value, with the test process however that
//! ends, and at the latest when the next test process starts one.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::{Command, Output},
    time::{Duration, Instant},
};

use crate::leash::Leash;

/// Stand-ins for the images of `compose/infra.yaml`, by the variables that name them; `compose/images/build` makes them.
pub const IMAGES: [(&str, &str); 3] = [
    ("POSTGRES_IMAGE", "shopctl-test/postgres:15"),
    ("KAFKA_IMAGE", "shopctl-test/kafka:4.4.0"),
    ("ELASTICSEARCH_IMAGE", "shopctl-test/elasticsearch:9.4.3"),
];
/// On every container of ours; its value is the pid of the test process.
const LABEL: &str = "shopctl.test";
/// Between two looks at a container that starts.
const PERIOD: Duration = Duration::from_millis(50);
/// The end of its log that a failure shows, in lines.
const LAST_LINES: &str = "60";

/// `$1` is the container: removed when the test process is gone.
const REMOVE: &str = r#"
trap '' INT TERM HUP
cat > /dev/null
docker rm --force --volumes "$1"
"#;

/// Whether containers of `image` can be started here. Blocks.
///
/// # Errors
/// Why not, in words for whoever reads the list of ignored tests.
pub fn available(image: &str) -> Result<(), String> {
    match docker(&["version", "--format", "{{.Server.Version}}"]) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err("no docker command".to_owned()),
        Ok(output) if output.status.success() => {}
        Ok(_) | Err(_) => return Err("no Docker daemon answers".to_owned()),
    }
    match docker(&["image", "inspect", "--format", "{{.Id}}", image]) {
        Ok(output) if output.status.success() => Ok(()),
        Ok(_) | Err(_) => Err(format!("no image {image}")),
    }
}

/// What a container is made of.
#[derive(Debug, Clone)]
pub struct Spec {
    pub image: String,
    /// The port that it listens on, inside.
    pub port: u16,
    /// Its port on this machine's loopback interface. `None`: a free one, another after each start. A server that tells its
    /// clients its own address needs one that is known before, such as a [`crate::port::Port`].
    pub published: Option<u16>,
    pub environment: Vec<(String, String)>,
    /// More arguments for `docker run`, before the image.
    pub arguments: Vec<String>,
}

impl Spec {
    #[must_use]
    pub fn new(image: &str, port: u16) -> Self {
        Self { image: image.to_owned(), port, published: None, environment: Vec::new(), arguments: Vec::new() }
    }

    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }
}

/// A container of this test process.
#[derive(Debug)]
pub struct Container {
    id: String,
    image: String,
    port: u16,
    address: SocketAddr,
    _leash: Leash,
}

impl Container {
    /// Starts one. It may be a while until it answers: see [`Container::wait`]. Blocks.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(spec: &Spec) -> Self {
        remove_leftovers();
        let Spec { image, port, published, environment, arguments } = spec;
        let published = published.map(|port| port.to_string()).unwrap_or_default();
        let mut run = vec![
            // Without --rm: one that fails at its start would take its log along.
            "run".to_owned(),
            "--detach".to_owned(),
            format!("--label={LABEL}={}", std::process::id()),
            format!("--publish=127.0.0.1:{published}:{port}"),
        ];
        run.extend(environment.iter().map(|(name, value)| format!("--env={name}={value}")));
        run.extend(arguments.iter().cloned());
        run.push(image.clone());
        let id = said(&run).unwrap_or_else(|error| panic!("no container of {image}: {error}"));
        let leash = Leash::shell(REMOVE, [&id]);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut container = Self { id, image: image.clone(), port: *port, address, _leash: leash };
        container.address = container.mapped();
        container
    }

    /// Where it listens, on this machine.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Asks until it `answers`, which should not take longer than a second or so itself. Blocks.
    ///
    /// # Panics
    /// With the end of its log, when it does not within `deadline`, or ends.
    pub fn wait(&self, deadline: Duration, mut answers: impl FnMut(SocketAddr) -> bool) {
        let began = Instant::now();
        while !answers(self.address) {
            assert!(self.runs(), "the container of {} ended:\n{}", self.image, self.log());
            let late = began.elapsed() >= deadline;
            assert!(!late, "the container of {} does not answer in {deadline:?}:\n{}", self.image, self.log());
            std::thread::sleep(PERIOD);
        }
    }

    /// Whether its first process runs, or is paused.
    #[must_use]
    pub fn runs(&self) -> bool {
        said(&["inspect", "--format", "{{.State.Running}}", &self.id]).is_ok_and(|running| running == "true")
    }

    /// Ends it at once, as a crash would. Its data stay.
    ///
    /// # Panics
    /// When it runs no longer.
    pub fn kill(&mut self) {
        self.order("kill");
    }

    /// Starts it again after [`Container::kill`]; its address may be another one.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn restart(&mut self) {
        self.order("start");
        self.address = self.mapped();
    }

    /// From now on it takes connections and answers nothing.
    ///
    /// # Panics
    /// When it does not run.
    pub fn pause(&self) {
        self.order("pause");
    }

    /// Ends [`Container::pause`].
    ///
    /// # Panics
    /// When it is not paused.
    pub fn unpause(&self) {
        self.order("unpause");
    }

    /// The end of what it said on both its outputs.
    #[must_use]
    pub fn log(&self) -> String {
        match docker(&["logs", "--tail", LAST_LINES, &self.id]) {
            Ok(output) => {
                [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat()
            }
            Err(error) => error.to_string(),
        }
    }

    fn order(&self, order: &str) {
        said(&[order, &self.id])
            .unwrap_or_else(|error| panic!("docker {order}, a container of {}: {error}", self.image));
    }

    fn mapped(&self) -> SocketAddr {
        let port = format!("{}/tcp", self.port);
        let mapped = said(&["port", &self.id, &port]);
        mapped.ok().and_then(|mapped| mapped.lines().next()?.parse().ok()).unwrap_or_else(|| {
            panic!("the container of {} has no port: it may have ended already:\n{}", self.image, self.log())
        })
    }
}

/// Removes the containers of test processes that are no more. Nobody is there to be told if it fails.
fn remove_leftovers() {
    let format = format!("{{{{.ID}}}} {{{{.Label \"{LABEL}\"}}}}");
    let listed = said(&["ps", "--all", "--filter", &format!("label={LABEL}"), "--format", &format]).unwrap_or_default();
    let dead = listed.lines().filter_map(|line| {
        let (id, pid) = line.split_once(' ')?;
        (!Path::new("/proc").join(pid).exists()).then(|| id.to_owned())
    });
    let dead: Vec<String> = dead.collect();
    if !dead.is_empty() {
        let remove = ["rm", "--force", "--volumes"].map(str::to_owned).into_iter().chain(dead);
        let _ = docker(&remove.collect::<Vec<_>>());
    }
}

/// What the command said, without the line's end.
fn said(arguments: &[impl AsRef<str>]) -> io::Result<String> {
    let output = docker(arguments)?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    } else {
        Err(io::Error::other(String::from_utf8_lossy(&output.stderr).trim_end().to_owned()))
    }
}

fn docker(arguments: &[impl AsRef<str>]) -> io::Result<Output> {
    Command::new("docker").args(arguments.iter().map(AsRef::as_ref)).output()
}
