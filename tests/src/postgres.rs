//! A real PostgreSQL for tests.

use std::{
    fs::File,
    path::PathBuf,
    process::{Child, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use shopctl_embedded::postgres::{Durability, Settings, Spec, prepare};
use sqlx::{Connection, PgConnection};

use crate::{leash::Leash, port::Port};

/// From the start of the server to the first connection, on a machine that is busy compiling.
const START_DEADLINE: Duration = Duration::from_secs(60);

/// One database, empty, of this test alone.
#[derive(Debug, Clone)]
pub struct Database {
    pub url: String,
}

/// A fresh database in this test process's own cluster, which starts with the first call and ends with the process.
///
/// # Panics
/// When no PostgreSQL can be found, downloaded or started.
pub async fn database() -> Database {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    SHARED.get_or_init(Cluster::prepared_and_started).database().await
}

/// A cluster of its own, for a test that stops it.
pub struct Cluster {
    spec: Spec,
    log: PathBuf,
    _port: Port,
    server: Option<Child>,
    databases: AtomicU32,
    leash: Leash,
}

impl Cluster {
    /// # Panics
    /// When no PostgreSQL can be found, downloaded or started.
    pub async fn start() -> Self {
        tokio::task::spawn_blocking(Self::prepared_and_started).await.expect("preparing does not panic")
    }

    fn prepared_and_started() -> Self {
        let home = tempfile::tempdir().expect("the temporary folder can be written").keep();
        let data = home.join("cluster");
        let leash = Leash::tie(&home, &data);
        let port = Port::reserve();
        let spec = Spec {
            database: "shop".into(),
            data,
            port: port.address().port(),
            password: "test".into(),
            durability: Durability::ProcessKill,
        };
        let log = home.join("log");
        let mut cluster = Self { spec, log, _port: port, server: None, databases: AtomicU32::new(0), leash };
        cluster.launch();
        assert!(cluster.listens(), "PostgreSQL does not start: {}", cluster.said());
        cluster
    }

    /// A fresh database in this cluster.
    ///
    /// # Panics
    /// When the server does not answer.
    pub async fn database(&self) -> Database {
        let mut admin = self.connect().await;
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        // The name is made of our own letters and digits.
        let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
        sqlx::raw_sql(create).execute(&mut admin).await.expect("a database can be created");
        admin.close().await.expect("the connection can be closed");
        Database { url: Spec { database: name, ..self.spec.clone() }.url() }
    }

    /// Stops the server as an outage would: connections break, committed data stay.
    ///
    /// # Panics
    /// When it runs no longer.
    pub fn stop(&mut self) {
        assert!(self.end(Signal::SIGINT), "it runs");
    }

    /// Ends the server at once, without a checkpoint, as a crash would: the next start recovers.
    ///
    /// # Panics
    /// When it runs no longer.
    pub fn crash(&mut self) {
        assert!(self.end(Signal::SIGQUIT), "it runs");
    }

    /// Whether it was not stopped.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.server.is_some()
    }

    fn end(&mut self, signal: Signal) -> bool {
        let Some(mut server) = self.server.take() else { return false };
        let pid = i32::try_from(server.id()).expect("a pid fits");
        kill(Pid::from_raw(pid), signal).expect("it was not reaped yet");
        server.wait().expect("it is our child");
        self.leash.hold(None);
        true
    }

    /// Starts it again after [`Cluster::stop`] or [`Cluster::crash`], at the same address.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn restart(&mut self) {
        self.launch();
        assert!(self.listens(), "PostgreSQL does not start again: {}", self.said());
        self.connect().await.close().await.expect("the connection can be closed");
    }

    /// The server's process.
    ///
    /// # Panics
    /// While it is stopped.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.server.as_ref().expect("it runs").id()
    }

    fn launch(&mut self) {
        let settings = Settings::from_env().expect("the environment names a PostgreSQL");
        let log = File::create(&self.log).expect("the log can be written");
        let server = prepare(&self.spec, &settings)
            .expect("the cluster can be prepared")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the server can be executed");
        self.leash.hold(Some(server.id()));
        self.server = Some(server);
    }

    /// Waits until the server has its port; false if it has ended instead.
    fn listens(&mut self) -> bool {
        let deadline = Instant::now() + START_DEADLINE;
        let server = self.server.as_mut().expect("it was launched");
        while Instant::now() < deadline {
            if server.try_wait().expect("it is our child").is_some() {
                return false;
            }
            if std::fs::read_to_string(&self.log).is_ok_and(|log| log.contains("ready to accept connections")) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        false
    }

    async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.spec.url()).await.expect("the server answers")
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.end(Signal::SIGQUIT);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader},
        process::Command,
    };

    use super::*;

    #[tokio::test]
    async fn every_call_gives_an_empty_database_of_its_own() {
        let (one, two) = (database().await, database().await);
        assert_ne!(one.url, two.url);
        for database in [one, two] {
            let mut connection = PgConnection::connect(&database.url).await.expect("it answers");
            let create = sqlx::query("CREATE TABLE same (id INT)").execute(&mut connection).await;
            create.expect("nothing is there yet");
        }
    }

    #[tokio::test]
    async fn a_stopped_cluster_comes_back_with_its_data() {
        let mut cluster = Cluster::start().await;
        let database = cluster.database().await;
        let mut connection = PgConnection::connect(&database.url).await.expect("it answers");
        sqlx::query("CREATE TABLE kept (id INT)").execute(&mut connection).await.expect("may create");
        cluster.stop();
        PgConnection::connect(&database.url).await.expect_err("it is stopped");
        cluster.restart().await;
        let mut connection = PgConnection::connect(&database.url).await.expect("it answers again");
        sqlx::query("SELECT id FROM kept").execute(&mut connection).await.expect("it was kept");
    }

    /// Only the next test wants a process that waits to be killed.
    const VICTIM: &str = "TESTKIT_VICTIM";

    /// The victim of the next test, in a process of its own.
    #[tokio::test]
    #[ignore = "started by a_killed_test_process_leaves_no_server_behind"]
    #[expect(clippy::print_stdout, reason = "the other process reads it")]
    async fn victim() {
        if std::env::var_os(VICTIM).is_none() {
            return;
        }
        let cluster = Cluster::start().await;
        println!("\nserver {} {}", cluster.pid(), cluster.log.display());
        std::future::pending::<()>().await;
    }

    #[tokio::test]
    async fn a_killed_test_process_leaves_no_server_behind() {
        let mut victim = Command::new(std::env::current_exe().expect("this is a program"))
            .args(["--exact", "postgres::tests::victim", "--ignored", "--nocapture"])
            .env(VICTIM, "1")
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program can be executed");
        let output = BufReader::new(victim.stdout.take().expect("it is piped"));
        let line = output.lines().map_while(Result::ok).find_map(|line| Some(line.strip_prefix("server ")?.to_owned()));
        let line = line.expect("the victim tells its server");
        let (pid, log) = line.split_once(' ').expect("a pid and a path");
        let pid = Pid::from_raw(pid.parse().expect("a pid"));
        victim.kill().expect("it runs");
        victim.wait().expect("it is our child");
        crate::eventually(Duration::from_secs(20), "the server and its folder are gone", async || {
            (kill(pid, None).is_err() && !std::path::Path::new(log).exists()).then_some(())
        })
        .await;
    }
}
