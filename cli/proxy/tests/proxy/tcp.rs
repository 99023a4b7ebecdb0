use std::{
    io::ErrorKind,
    time::{Duration, Instant},
};

use shopctl_protocol::FaultKind;
use testkit::eventually;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::setup::{DEADLINE, Stand};

/// For what must not come: long enough for a message to go ten thousand times round this machine.
const MOMENT: Duration = Duration::from_millis(200);

/// Says back what it hears, until the other side has ended; answers with its port.
async fn echo() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    port
}

async fn connected(stand: &Stand) -> TcpStream {
    TcpStream::connect(stand.port.address()).await.expect("somebody listens")
}

/// Sends five bytes and reads them back.
async fn round(stream: &mut TcpStream) -> std::io::Result<[u8; 5]> {
    stream.write_all(b"hello").await?;
    let mut heard = [0; 5];
    timeout(DEADLINE, stream.read_exact(&mut heard)).await.expect("an answer or an end")?;
    Ok(heard)
}

#[tokio::test]
async fn a_whole_edge_passes_on_all_bytes_and_each_sides_end() {
    let stand = Stand::on(echo().await, false).await;
    let mut stream = connected(&stand).await;
    let said: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let (mut from, mut to) = stream.split();
    let speak = async {
        to.write_all(&said).await.expect("it is read");
        to.shutdown().await.expect("it can end");
    };
    let mut heard = Vec::new();
    let (_, listened) = timeout(DEADLINE, async { tokio::join!(speak, from.read_to_end(&mut heard)) })
        .await
        .expect("the other side ends, too");
    listened.expect("nothing is cut");
    assert!(heard == said);
}

#[tokio::test]
async fn each_kind_of_fault_breaks_an_edge_in_its_way_and_is_over_when_it_is_cleared() {
    let mut stand = Stand::on(echo().await, false).await;
    let mut stream = connected(&stand).await;
    round(&mut stream).await.expect("it is whole");

    let late = Duration::from_millis(120);
    stand.is(&[("a/b", FaultKind::Latency { delay: 0.12, jitter: 0.0 })]).await;
    let began = Instant::now();
    round(&mut stream).await.expect("it arrives");
    assert!(began.elapsed() >= late, "{:?}", began.elapsed());

    // Another edge is none of its business.
    stand.is(&[("a/c", FaultKind::Reset)]).await;
    round(&mut stream).await.expect("it is whole");

    stand.is(&[("a/b", FaultKind::Timeout)]).await;
    stream.write_all(b"lost?").await.expect("nobody is told");
    let mut heard = [0; 5];
    timeout(MOMENT, stream.read_exact(&mut heard)).await.expect_err("nothing comes");
    stand.is_whole().await;
    timeout(DEADLINE, stream.read_exact(&mut heard)).await.expect("it comes now").expect("it is whole");
    assert_eq!(&heard, b"lost?");

    stand.is(&[("a/b", FaultKind::Reset)]).await;
    let error = round(&mut stream).await.expect_err("it is reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    stand.is_whole().await;
    let mut stream = connected(&stand).await;
    round(&mut stream).await.expect("it is whole");

    stand.is(&[("a/b", FaultKind::Refuse)]).await;
    let error = TcpStream::connect(stand.port.address()).await.expect_err("nobody listens");
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    let error = timeout(DEADLINE, stream.read_u8()).await.expect("it is told").expect_err("it is cut");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    stand.is_whole().await;
    round(&mut connected(&stand).await).await.expect("somebody listens again");
}

#[tokio::test]
async fn whoever_calls_somebody_who_is_away_is_cut_off_and_served_once_they_are_back() {
    let target = testkit::port::Port::reserve();
    let stand = Stand::on(target.address().port(), false).await;
    let mut stream = connected(&stand).await;
    timeout(DEADLINE, stream.read_u8()).await.expect("it is told").expect_err("nobody is there");
    let listener = TcpListener::bind(target.address()).await.expect("it is free");
    let accepted = tokio::spawn(async move { listener.accept().await.map(drop) });
    eventually(DEADLINE, "a connection", async || TcpStream::connect(stand.port.address()).await.ok()).await;
    timeout(DEADLINE, accepted).await.expect("it arrives").expect("no panic").expect("it is accepted");
}
