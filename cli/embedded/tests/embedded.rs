//! Clusters as `up` makes and starts them, by a real server.

use std::{
    net::TcpListener,
    process::Child,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use shopctl_embedded::postgres::{self, Durability, Error, Settings, Spec};
use sqlx::{Connection, PgConnection};

/// A server that ends with the test.
struct Server(Child);

impl Server {
    fn start(spec: &Spec) -> Self {
        let settings = Settings::from_env().expect("the environment is sane");
        let mut command = postgres::prepare(spec, &settings).expect("the cluster can be prepared");
        Self(command.spawn().expect("the server can be executed"))
    }

    fn signal(&mut self, signal: Signal) {
        let pid = i32::try_from(self.0.id()).expect("a pid fits");
        kill(Pid::from_raw(pid), signal).expect("the server runs");
        self.0.wait().expect("it is our child");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already ended where the test did it.
        if let Ok(None) = self.0.try_wait() {
            self.signal(Signal::SIGQUIT);
        }
    }
}

/// A folder for one cluster; root's cluster is elsewhere and has to go with it.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        postgres::remove(&self.0.path().join("account_db")).expect("the cluster can be removed");
    }
}

fn spec(home: &Home) -> Spec {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port();
    Spec {
        database: "account_db".into(),
        data: home.0.path().join("account_db"),
        port,
        password: "it's a secret".into(),
        durability: Durability::PowerCut,
    }
}

fn url(spec: &Spec, password: &str) -> String {
    Spec { password: password.into(), ..spec.clone() }.url()
}

async fn connect(url: &str) -> PgConnection {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match PgConnection::connect(url).await {
            Ok(connection) => return connection,
            Err(error) => assert!(Instant::now() < deadline, "no connection: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn number(connection: &mut PgConnection) -> i32 {
    sqlx::query_scalar("SELECT n FROM kept").fetch_one(connection).await.expect("the table is there")
}

#[tokio::test]
async fn what_was_committed_is_there_after_a_kill_and_after_a_stop() {
    let home = Home::new();
    let spec = spec(&home);
    let good = url(&spec, "it%27s%20a%20secret");

    let mut server = Server::start(&spec);
    let mut connection = connect(&good).await;
    sqlx::query("CREATE TABLE kept (n INT)").execute(&mut connection).await.expect("may create");
    sqlx::query("INSERT INTO kept VALUES (42)").execute(&mut connection).await.expect("may insert");
    server.signal(Signal::SIGKILL);
    connection.close_hard().await.ok();

    let mut server = Server::start(&spec);
    let mut connection = connect(&good).await;
    assert_eq!(number(&mut connection).await, 42);
    server.signal(Signal::SIGINT);

    let _server = Server::start(&spec);
    assert_eq!(number(&mut connect(&good).await).await, 42);
    postgres::remove(&home.0.path().join("never-made")).expect("nothing to remove is fine");
}

#[tokio::test]
async fn nobody_gets_in_without_the_password() {
    let home = Home::new();
    let spec = spec(&home);
    let _server = Server::start(&spec);
    connect(&url(&spec, "it%27s%20a%20secret")).await;
    let refused = PgConnection::connect(&url(&spec, "wrong")).await.expect_err("the password is wrong");
    assert!(refused.to_string().contains("password"), "{refused}");
}

#[test]
fn a_cluster_of_a_major_that_is_not_here_is_refused_with_a_way_out() {
    let home = Home::new();
    let spec = spec(&home);
    std::fs::create_dir(&spec.data).expect("a folder");
    let settings = Settings::from_env().expect("the environment is sane");
    postgres::prepare(&spec, &settings).expect("an empty folder becomes a cluster");
    std::fs::write(spec.data.join("PG_VERSION"), "9\n").expect("may write");
    let error = postgres::prepare(&spec, &settings).expect_err("there is no PostgreSQL 9");
    assert!(matches!(error, Error::OtherMajor { major: 9, .. }), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("PostgreSQL 9")));
    postgres::remove(&spec.data).expect("can be removed");
    assert!(spec.data.symlink_metadata().is_err());
}

#[test]
#[ignore = "needs the network: downloads 15 MB"]
fn two_processes_that_download_at_once_get_one_complete_server() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let cache = home.path().to_string_lossy().into_owned();
    std::fs::set_permissions(&cache, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("may open");
    let settings = Settings::from_lookup(|name| match name {
        "SHOPCTL_POSTGRES" => Some("download".into()),
        "XDG_CACHE_HOME" => Some(cache.clone()),
        _ => None,
    })
    .expect("known words");
    let seen = std::sync::Mutex::new(Vec::new());
    let note = |progress| seen.lock().expect("no panic").push(progress);
    let (first, second) = std::thread::scope(|scope| {
        let other = scope.spawn(|| postgres::install(&settings, &|_| {}));
        (postgres::install(&settings, &note), other.join().expect("no panic"))
    });
    let (first, second) = (first.expect("the first gets it"), second.expect("the second too"));
    assert_eq!(first, second);
    assert!(first.dir.starts_with(home.path()), "{}", first.dir.display());
    let left: Vec<_> = std::fs::read_dir(home.path().join("shopctl/postgresql"))
        .expect("the cache")
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(".partial"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
