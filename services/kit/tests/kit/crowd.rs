use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use testkit::eventually;
use tokio::net::TcpStream;
use tokio::time::{interval, timeout};

use crate::dummy::{Dummy, SOON};

/// Clients that only connect.
const CROWD: usize = 10_000;

/// Left to this process for everything else, the other test among it.
const SPARE: u64 = 1200;

/// Lets this process have as many files open as both tests want, if the system allows it, and returns how many it may.
fn raise_limit() -> u64 {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("there is a limit");
    let wanted = (CROWD as u64 + SPARE).min(hard);
    if soft < wanted {
        setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).expect("the soft limit may rise to the hard one");
    }
    wanted
}

/// How many connections this process may make: [`CROWD`], if the system allows so many files.
fn crowd() -> usize {
    let wanted = raise_limit();
    let crowd = usize::try_from(wanted.saturating_sub(SPARE)).expect("a small number").min(CROWD);
    if crowd < CROWD {
        eprintln!("only {crowd} idle connections: this system allows no more than {wanted} open files");
    }
    crowd
}

/// So many connections as can be made; the system itself may refuse some for a while.
async fn connect(address: SocketAddr, count: usize) -> Vec<TcpStream> {
    let connected = stream::iter(0..count).map(|_| timeout(SOON, TcpStream::connect(address))).buffer_unordered(500);
    connected.filter_map(|stream| async { stream.ok()?.ok() }).collect().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_idle_connections_keep_nobody_out_and_are_closed_in_the_end() {
    let dummy = Dummy::start(20_000).await;
    let (crowd, few) = (crowd(), dummy.descriptors() + 20);
    let mut idle = Vec::new();
    for listener in [dummy.http, dummy.grpc] {
        idle.clear();
        let begun = Instant::now();
        idle = connect(listener, crowd).await;
        eprintln!("{} of {crowd} are connected to {listener} after {:?}", idle.len(), begun.elapsed());
        assert!(idle.len() > crowd / 2, "only {} of {crowd} could connect", idle.len());
        let begun = Instant::now();
        // Over new connections, behind all of the others; the system itself may drop them while its queue is full.
        eventually(SOON, "gRPC answers", async || dummy.check_grpc().await.ok()).await;
        eventually(SOON, "HTTP answers", async || dummy.check_http().await.ok()).await;
        eprintln!("others are answered after {:?}", begun.elapsed());
    }
    // Who stays is sent away. Not asked of the clients: some have a connection that the system has never shown to the service.
    idle.truncate(100);
    eventually(SOON, "the idle connections are closed", async || (dummy.descriptors() <= few).then_some(())).await;
    drop(idle);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_without_file_descriptors_neither_dies_nor_spins_and_serves_again() {
    raise_limit();
    // Each listener alone leaves 256 descriptors free; both together would take far more connections than there are,
    // however many the service needs itself or has inherited.
    let mut dummy = Dummy::start(620).await;
    let mut crowds = Vec::new();
    for listener in [dummy.grpc, dummy.http] {
        crowds.push(connect(listener, 400).await);
    }
    eventually(SOON, "there are no descriptors left", async || {
        dummy.log.recv().await?.contains("can't accept a connection").then_some(())
    })
    .await;
    let (begun, before) = (Instant::now(), dummy.cpu());
    // With new crowds all the time.
    let mut pace = interval(Duration::from_millis(100));
    for _ in 0..30 {
        pace.tick().await;
        for listener in [dummy.grpc, dummy.http] {
            crowds.push(connect(listener, 3).await);
        }
    }
    let used = (dummy.cpu() - before) / begun.elapsed().as_secs_f64();
    eprintln!("{used:.3} of a core without descriptors");
    assert!(used < 0.5, "it used {used:.2} of a core");
    timeout(SOON, async { while dummy.check_grpc().await.is_err() || dummy.check_http().await.is_err() {} })
        .await
        .expect("it serves again, though nobody has left");
}
