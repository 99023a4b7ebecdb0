//! The service is stopped in an orderly way, and started again, while everybody calls it.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use kit::{Lookup, Service, grpc};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use proto::pb::account_service_client::AccountServiceClient;
use proto::pb::{LoginRequest, RegisterRequest};
use sqlx::PgPool;
use testkit::keys::Keys;
use testkit::port::Port;
use testkit::process::Process;
use testkit::{eventually, is_unsent, postgres, ready};
use tonic::transport::Channel;
use tonic::{Code, Status};

const SOON: Duration = Duration::from_secs(60);
const CUSTOMERS: usize = 8;
/// Times that each customer asks for their account, for one registration and one login: hashing is not all that goes on.
const READS: usize = 20;
/// Calls that are answered between two stops.
const CALLS: usize = 200;
const PASSWORD: &str = "long enough";

/// As a client does that tries again on UNAVAILABLE, and on nothing else.
async fn retried<T>(what: &str, calls: &AtomicUsize, mut call: impl AsyncFnMut() -> Result<T, Status>) -> T {
    let answer = eventually(SOON, what, async || match call().await {
        Err(status) if status.code() == Code::Unavailable || is_unsent(&status) => None,
        answer => Some(answer),
    });
    let answer = answer.await.unwrap_or_else(|status| panic!("{what}: {status:?}"));
    calls.fetch_add(1, Ordering::Relaxed);
    answer
}

/// Somebody registers, logs in and looks at their account, as who they are.
async fn round(client: &AccountServiceClient<Channel>, email: &str, calls: &AtomicUsize) {
    let register = async || {
        let (name, email, password) = ("Ada".to_owned(), email.to_owned(), PASSWORD.to_owned());
        client.clone().register(RegisterRequest { name, email, password }).await
    };
    retried("a registration", calls, register).await;
    let login = async || {
        let (email, password) = (email.to_owned(), PASSWORD.to_owned());
        client.clone().login(LoginRequest { email, password }).await
    };
    let token = retried("a login", calls, login).await.into_inner();
    for _ in 0..READS {
        let read = async || client.clone().get_account(grpc::request(0, Some(&token), SOON)).await;
        let account = retried("an account", calls, read).await.into_inner().account.expect("an account");
        assert_eq!(account.email, email);
    }
}

async fn start(settings: &[(&str, String)], address: SocketAddr) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_account"));
    command.arg("serve").envs(settings.iter().cloned()).env("RUST_LOG", "warn").stdin(Stdio::null());
    let process = Process::spawn(&mut command).expect("it can be executed");
    ready::grpc(address, "pb.AccountService").await;
    process
}

/// SIGTERM, and an orderly end.
async fn terminate(mut process: Process) {
    let pid = Pid::from_raw(i32::try_from(process.id()).expect("a pid"));
    kill(pid, Signal::SIGTERM).expect("it was not reaped yet");
    let ended = eventually(SOON, "its end", async || process.try_wait().expect("it is our child")).await;
    assert!(ended.success(), "{ended}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_told_to_end_under_load_fails_no_call_and_leaves_nobody_half_registered() {
    let (database, keys, port) = (postgres::database().await, Keys::new("test"), Port::reserve());
    let settings = [
        ("SHOP_INSTANCE", "test".to_owned()),
        ("SHOP_JWKS", keys.jwks().display().to_string()),
        ("SHOP_SIGNING_KEY", keys.signing_key("account").display().to_string()),
        ("GRPC_ADDR", port.address().to_string()),
        ("DATABASE_URL", database.url.clone()),
    ];
    let known = settings.clone();
    let lookup = Lookup::new(move |name| known.iter().find(|(known, _)| *known == name).map(|(_, v)| v.clone()));
    let config = account::Account::config(&lookup).expect("the configuration is whole");
    account::Account::migrate(config).await.expect("the database takes the schema");
    let mut process = start(&settings, port.address()).await;

    let client = AccountServiceClient::new(grpc::channel(&format!("http://{}", port.address())).expect("an address"));
    let (ended, calls) = (AtomicBool::new(false), AtomicUsize::new(0));
    let customers = join_all((0..CUSTOMERS).map(async |customer| {
        let mut rounds = 0;
        while !ended.load(Ordering::Relaxed) {
            round(&client, &format!("{customer}-{rounds}@example.com"), &calls).await;
            rounds += 1;
        }
        rounds
    }));
    let stops = async {
        let answered = async || {
            let goal = calls.load(Ordering::Relaxed) + CALLS;
            eventually(SOON, "calls", async || (calls.load(Ordering::Relaxed) >= goal).then_some(())).await;
        };
        answered().await;
        let (began, before) = (Instant::now(), calls.load(Ordering::Relaxed));
        for _ in 0..3 {
            terminate(process).await;
            process = start(&settings, port.address()).await;
            answered().await;
        }
        let rate = (calls.load(Ordering::Relaxed) - before) as f64 / began.elapsed().as_secs_f64();
        eprintln!("{rate:.0} calls a second while the service was stopped and started again three times");
        ended.store(true, Ordering::Relaxed);
        process
    };
    let (rounds, _process) = tokio::join!(customers, stops);

    // A registration that was carried out and answered with UNAVAILABLE would have failed when it was tried again.
    let pool = PgPool::connect(&database.url).await.expect("the database answers");
    let accounts: i64 = sqlx::query_scalar("SELECT count(*) FROM accounts").fetch_one(&pool).await.expect("counted");
    assert_eq!(usize::try_from(accounts), Ok(rounds.iter().sum()), "one account for each registration");
}
