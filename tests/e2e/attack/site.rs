//! A shop whose parts a test starts and ends as it likes.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    net::TcpStream,
    ops::{Deref, DerefMut},
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use testkit::{eventually, keys::Keys, leash::Leash, postgres::Cluster, ready};
use tokio::sync::{Mutex, MutexGuard};

use super::{
    containers::Containers,
    part::{Database, Part, Place, Ports},
};
use crate::{shop::SETTLED, stack::IN_DOCKER};

/// Takes a group of processes along when the tests are gone, however they ended. The group is its own; it gets the
/// folders to remove.
const LEASH: &str = "trap '' INT TERM HUP; cat > /dev/null; rm -rf \"$@\"; kill -KILL 0";

const BUILD: Duration = Duration::from_secs(600);

/// Of each part, at most, when a test fails.
const COMPLAINTS: usize = 15;

pub(super) struct Site {
    /// The first to be dropped: the processes end before what they use.
    leash: Leash,
    keys: Keys,
    secret: String,
    folder: PathBuf,
    clusters: BTreeMap<Database, Cluster>,
    urls: BTreeMap<Database, String>,
    ports: BTreeMap<Part, Ports>,
    processes: BTreeMap<Part, Child>,
    /// In place of the broker's process and of product's own store.
    containers: Option<Containers>,
}

/// The site while a test has it. If the test fails, it hands it back with what the parts have complained about: nobody else
/// will ever see that.
pub(super) struct Held(MutexGuard<'static, Option<Site>>);

impl Deref for Held {
    type Target = Option<Site>;

    fn deref(&self) -> &Option<Site> {
        &self.0
    }
}

impl DerefMut for Held {
    fn deref_mut(&mut self) -> &mut Option<Site> {
        &mut self.0
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(site) = &*self.0
        {
            site.complain();
        }
    }
}

/// The one site of this test process, whole, for one test at a time: all of them disturb it.
pub(super) async fn exclusive() -> Held {
    static SITE: Mutex<Option<Site>> = Mutex::const_new(None);
    let mut guard = SITE.lock().await;
    match guard.as_mut() {
        // The test before may have failed in the middle of an outage.
        Some(site) => site.mend().await,
        None => *guard = Some(Site::boot().await),
    }
    Held(guard)
}

impl Site {
    async fn boot() -> Self {
        let built = tokio::task::spawn_blocking(|| Part::ALL.map(Part::binary));
        tokio::time::timeout(BUILD, built).await.expect("in time").expect("all parts can be built");
        let keys = Keys::new("attack");
        let containers = if IN_DOCKER { Some(tokio::task::block_in_place(Containers::start)) } else { None };
        let folder = tempfile::tempdir().expect("the temporary folder can be written").keep();
        let leash = Leash::shell(LEASH, [Some(folder.as_path()), keys.jwks().parent()].into_iter().flatten());
        let mut site = Self {
            keys,
            secret: format!("whsec_{}", STANDARD.encode(rand::random::<[u8; 32]>())),
            folder,
            leash,
            clusters: BTreeMap::new(),
            urls: BTreeMap::new(),
            ports: Part::ALL.map(|part| (part, Ports::reserve())).into(),
            processes: BTreeMap::new(),
            containers,
        };
        let (order, payment, recommender) = tokio::join!(Cluster::start(), Cluster::start(), Cluster::start());
        for (database, cluster) in Database::ALL.into_iter().zip([order, payment, recommender]) {
            site.urls.insert(database, cluster.database().await.url);
            site.clusters.insert(database, cluster);
        }
        for part in [Part::Order, Part::Payment, Part::Recommender] {
            let status = site.command(part, site.place(part)).arg("migrate").status();
            assert!(status.expect("it can be executed").success(), "{part:?} cannot migrate");
        }
        site.start(Part::Broker).await;
        shopctl_kafka::topics::create(&site.brokers()).await.expect("the topics can be created");
        site.mend().await;
        site
    }

    /// Starts whatever does not run, and lets go on what was paused.
    async fn mend(&mut self) {
        for database in Database::ALL {
            self.bring_back(database).await;
        }
        for part in Part::ALL {
            let ended = |child: &mut Child| child.try_wait().expect("it is our child").is_some();
            let in_container = self.containers.as_ref().is_some_and(|containers| containers.run(part));
            if in_container {
                continue;
            }
            if self.processes.get_mut(&part).is_none_or(ended) {
                self.start(part).await;
            } else {
                self.resume(part);
            }
        }
    }

    pub(super) fn place(&self, part: Part) -> Place {
        self.ports[&part].place()
    }

    pub(super) fn brokers(&self) -> String {
        match &self.containers {
            Some(containers) => containers.brokers(),
            None => self.place(Part::Broker).grpc.to_string(),
        }
    }

    pub(super) fn url(&self, database: Database) -> &str {
        &self.urls[&database]
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Starts it and waits until it can do its work.
    pub(super) async fn start(&mut self, part: Part) {
        if let (Some(containers), Part::Broker) = (&mut self.containers, part) {
            return containers.start_broker();
        }
        let place = self.place(part);
        let child = self.spawn(part, place);
        self.processes.insert(part, child);
        serves(part, place).await;
    }

    /// A second one beside it, at another place, which ends with the value.
    pub(super) async fn double(&self, part: Part) -> Double {
        let ports = Ports::reserve();
        let place = ports.place();
        let double = Double { place, child: self.spawn(part, place), _ports: ports };
        serves(part, place).await;
        double
    }

    /// SIGKILL: it has no time for anything.
    pub(super) fn kill(&mut self, part: Part) {
        if let (Some(containers), Part::Broker) = (&mut self.containers, part) {
            return containers.kill_broker();
        }
        let mut child = self.processes.remove(&part).expect("it runs");
        child.kill().expect("it was not reaped yet");
        let status = child.wait().expect("it is our child");
        assert_eq!(status.signal(), Some(9), "{part:?} had ended by itself: {status}");
    }

    /// It listens, and says nothing more until it [goes on](Self::resume).
    pub(super) fn pause(&self, part: Part) {
        self.signal(part, Signal::SIGSTOP);
    }

    pub(super) fn resume(&self, part: Part) {
        self.signal(part, Signal::SIGCONT);
    }

    fn signal(&self, part: Part, signal: Signal) {
        let pid = i32::try_from(self.processes[&part].id()).expect("a pid fits");
        kill(Pid::from_raw(pid), signal).expect("it was not reaped yet");
    }

    /// SIGTERM, and waits for an orderly end.
    pub(super) async fn terminate(&mut self, part: Part) {
        let mut child = self.processes.remove(&part).expect("it runs");
        let status = ended(&mut child, part).await;
        assert!(status.success(), "{part:?} ended with {status}");
    }

    pub(super) fn take_away(&mut self, database: Database) {
        self.clusters.get_mut(&database).expect("there is one each").stop();
    }

    pub(super) fn crash(&mut self, database: Database) {
        self.clusters.get_mut(&database).expect("there is one each").crash();
    }

    pub(super) async fn bring_back(&mut self, database: Database) {
        let cluster = self.clusters.get_mut(&database).expect("there is one each");
        if !cluster.runs() {
            cluster.restart().await;
        }
    }

    fn log(&self, part: Part) -> PathBuf {
        self.folder.join(format!("{}.log", part.name()))
    }

    fn complain(&self) {
        for part in Part::ALL {
            // One that runs in a container has none here.
            let log = fs::read(self.log(part)).unwrap_or_default();
            let log = String::from_utf8_lossy(&log);
            let complaints: Vec<&str> = log.lines().filter(|line| !line.contains(" INFO ")).collect();
            for line in complaints.iter().skip(complaints.len().saturating_sub(COMPLAINTS)) {
                eprintln!("{} | {line}", part.name());
            }
        }
    }

    fn spawn(&self, part: Part, place: Place) -> Child {
        let log = File::options().create(true).append(true).open(self.log(part));
        let mut command = self.command(part, place);
        if part != Part::Broker {
            command.arg("serve");
        }
        let group = i32::try_from(self.leash.id()).expect("a pid fits");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log.expect("the log can be written"));
        command.process_group(group).spawn().expect("it can be executed")
    }

    fn command(&self, part: Part, place: Place) -> Command {
        let mut command = Command::new(part.binary());
        let http = |part| format!("http://{}", self.place(part).http);
        let grpc = |part| format!("http://{}", self.place(part).grpc);
        let data = |name: &str| {
            let path = self.folder.join(name);
            fs::create_dir_all(&path).expect("the temporary folder can be written");
            path.display().to_string()
        };
        command.env("SHOP_INSTANCE", self.keys.instance()).env("SHOP_JWKS", self.keys.jwks());
        command.env("SHOP_SIGNING_KEY", self.keys.signing_key(part.name())).env("KAFKA_BROKERS", self.brokers());
        command.env("HTTP_ADDR", place.http.to_string()).env("GRPC_ADDR", place.grpc.to_string());
        match part {
            Part::Broker => {
                command.args(["--data", &data("kafka"), "--listen", &place.grpc.to_string()]);
                command.args(["--retention-ms", "-1"]);
            }
            Part::Product => {
                let embedded = || format!("embedded://{}", data("catalog"));
                command.env("CATALOG_URL", self.containers.as_ref().map_or_else(embedded, Containers::catalog_url));
            }
            Part::Order => {
                command.env("DATABASE_URL", self.url(Database::Order)).env("PRODUCT_URL", http(Part::Product));
            }
            Part::Payment => {
                command.env("DATABASE_URL", self.url(Database::Payment)).env("ORDER_URL", grpc(Part::Order));
                command.env("PUBLIC_URL", format!("http://127.0.0.1:{}", place.http.port()));
                command.env("WEBHOOK_SECRET", &self.secret);
            }
            Part::Recommender => {
                command.env("DATABASE_URL", self.url(Database::Recommender));
            }
            Part::Gateway => {
                // Nobody registers here: tokens are made of account's key.
                command.env("ORDER_URL", grpc(Part::Order)).env("PAYMENT_URL", grpc(Part::Payment));
                command.env("RECOMMENDER_URL", grpc(Part::Recommender)).env("PRODUCT_URL", http(Part::Product));
            }
        }
        command
    }
}

/// A second process of a part.
pub(super) struct Double {
    pub(super) place: Place,
    child: Child,
    _ports: Ports,
}

impl Double {
    pub(super) async fn terminate(mut self) {
        let status = ended(&mut self.child, "the second one").await;
        assert!(status.success(), "{status}");
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn ended(child: &mut Child, what: impl std::fmt::Debug) -> ExitStatus {
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid fits"));
    kill(pid, Signal::SIGTERM).expect("it was not reaped yet");
    eventually(SETTLED, &format!("{what:?} ends"), async || child.try_wait().expect("it is our child")).await
}

/// Who has a database is ready once it has its connections: before, a busy machine may tell a call that the store is away.
async fn serves(part: Part, place: Place) {
    let address = match part {
        Part::Order | Part::Payment | Part::Recommender => return ready::grpc(place.grpc, "").await,
        Part::Broker => place.grpc,
        Part::Product | Part::Gateway => place.http,
    };
    eventually(SETTLED, &format!("{part:?} listens"), async || TcpStream::connect(address).ok().map(drop)).await;
}
