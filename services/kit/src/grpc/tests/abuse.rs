//! Clients that no library would make.

use std::sync::Arc;

use axum::body::Body;
use futures::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio::time::{interval, timeout};
use tower::{Service, ServiceExt};

use super::*;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Far more than any connection is given, on a machine that is busy.
const IN_THE_END: Duration = Duration::from_secs(120);

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a small frame").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The head of a call of Register; its body is still to come.
fn head(stream: u32, flags: u8) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).expect("a short text")], text.as_bytes()].concat();
    let block = [
        // POST, http, and then what the static table has only names for.
        &[0x83, 0x86, 0x04][..],
        &text("/pb.AccountService/Register"),
        &[0x01],
        &text("localhost"),
        &[0x0f, 0x10],
        &text("application/grpc"),
    ];
    frame(HEADERS, flags, stream, &block.concat())
}

/// A call of Register with this name.
fn call(stream: u32, name: &str) -> Vec<u8> {
    let length = u8::try_from(name.len()).expect("a short name");
    let message = [&[0, 0, 0, 0, length + 2, 0x0a, length], name.as_bytes()].concat();
    [head(stream, END_HEADERS), frame(DATA, END_STREAM, stream, &message)].concat()
}

fn hello() -> Vec<u8> {
    [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()
}

/// The first streams that a client may open.
fn streams(count: u32) -> impl Iterator<Item = u32> {
    (0..count).map(|n| 2 * n + 1)
}

async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(server.address).await.expect("connected")
}

/// Returns when the server has closed the connection.
async fn closed(stream: &mut TcpStream) {
    let mut block = [0; 4096];
    while let Ok(1..) = stream.read(&mut block).await {}
}

/// Somebody who is served again and again, and complains if not, while this value lives.
struct Customer(AbortHandle);

impl Customer {
    fn of(server: &Arc<Server>) -> Self {
        let server = server.clone();
        let shopping = tokio::spawn(async move {
            let mut pace = interval(Duration::from_millis(100));
            loop {
                pace.tick().await;
                assert_eq!(server.register("four", LONG).await.expect("answered"), "4");
            }
        });
        Self(shopping.abort_handle())
    }

    /// Whether all went well up to now.
    fn is_content(&self) -> bool {
        !self.0.is_finished()
    }
}

impl Drop for Customer {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[tokio::test]
async fn who_connects_and_is_silent_or_slow_is_cut_off_while_others_are_served() {
    let server = Arc::new(Server::start().await);
    let customer = Customer::of(&server);
    let silent = async |said: Vec<u8>| {
        let mut stream = connect(&server).await;
        stream.write_all(&said).await.expect("sent");
        timeout(IN_THE_END, closed(&mut stream)).await
    };
    let slow = async |said: Vec<u8>| {
        let mut stream = connect(&server).await;
        stream.set_nodelay(true).expect("a setting of every socket");
        let mut pace = interval(Duration::from_millis(500));
        let speaking = async {
            for byte in said.chunks(1) {
                pace.tick().await;
                if stream.write_all(byte).await.is_err() {
                    return;
                }
            }
            panic!("all of it was listened to");
        };
        timeout(IN_THE_END, speaking).await
    };
    let half = head(1, END_HEADERS);
    let (silent, slow, call) = tokio::join!(
        join_all([
            silent(vec![]),
            silent(PREFACE[..12].to_vec()),
            silent(PREFACE.to_vec()),
            silent(hello()),
            silent([hello(), half[..20].to_vec()].concat()),
        ]),
        // Half a minute long, if it were let.
        join_all([slow(hello().repeat(2)), slow([hello(), call(1, "four")].concat())]),
        // The head of a call, and not a byte of its message.
        timeout(IN_THE_END, stalled(&server)),
    );
    for ended in silent.into_iter().chain(slow) {
        ended.expect("the connection is closed");
    }
    assert_eq!(call.expect("answered"), (Code::DeadlineExceeded as i32).to_string());
    assert!(customer.is_content());
}

/// The status of a call whose message never comes.
async fn stalled(server: &Server) -> String {
    let never = Body::from_stream(tokio_stream::pending::<Result<axum::body::Bytes, std::io::Error>>());
    let request = http::Request::post(format!("http://{}/pb.AccountService/Register", server.address))
        .header("content-type", "application/grpc")
        .body(tonic::body::Body::new(never))
        .expect("a request");
    let mut channel = server.channel();
    let answer = channel.ready().await.expect("connected").call(request).await.expect("answered");
    answer.headers()["grpc-status"].to_str().expect("a number").to_owned()
}

#[tokio::test]
async fn floods_of_frames_keep_nobody_else_waiting() {
    let server = Arc::new(Server::start().await);
    let each = |make: &dyn Fn(u32) -> Vec<u8>| streams(10_000).flat_map(make).collect::<Vec<u8>>();
    let reset = |stream| [head(stream, END_HEADERS), frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())].concat();
    let floods = [
        ("calls that are taken back at once", each(&reset)),
        ("many calls at once", each(&|stream| call(stream, "never"))),
        ("pings", frame(PING, 0, 0, b"whatever").repeat(100_000)),
        ("settings", frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 255, 255]).repeat(100_000)),
        ("windows", frame(WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes()).repeat(100_000)),
        ("empty data", [head(1, END_HEADERS), frame(DATA, 0, 1, &[]).repeat(100_000)].concat()),
        ("a head without end", [head(1, 0), frame(CONTINUATION, 0, 1, &[]).repeat(100_000)].concat()),
        ("nonsense", b"GET / HTTP/1.1\r\n\r\n".repeat(10_000)),
        // All answers wait for a window that never opens.
        ("no window", [frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]), each(&|stream| call(stream, "four"))].concat()),
    ];
    for (what, flood) in floods {
        let customer = Customer::of(&server);
        let bytes: Arc<[u8]> = [hello(), flood].concat().into();
        let attackers: Vec<_> = (0..4)
            .map(|_| {
                let (bytes, address) = (bytes.clone(), server.address);
                // It reads nothing, and is stopped when its connection breaks, or is full.
                tokio::spawn(async move {
                    let mut stream = TcpStream::connect(address).await.expect("connected");
                    drop(stream.write_all(&bytes).await);
                    std::future::pending::<()>().await;
                })
            })
            .collect();
        for _ in 0..20 {
            assert_eq!(server.register("four", LONG).await.expect(what), "4");
        }
        assert!(customer.is_content(), "{what}");
        attackers.iter().for_each(JoinHandle::abort);
    }
}

#[tokio::test]
async fn metadata_over_the_limit_is_refused_with_a_word_and_harms_no_other_call_of_its_connection() {
    let server = Server::start().await;
    let client = AccountServiceClient::new(server.channel());
    let call = async |name: &str, metadata: usize| {
        let message = pb::RegisterRequest { name: name.to_owned(), ..Default::default() };
        let mut request = request(message, None, LONG);
        request.metadata_mut().insert("x-long", "x".repeat(metadata).parse().expect("visible letters"));
        client.clone().register(request).await.map(Response::into_inner)
    };
    let others = async {
        server.puppet.entered.notified().await;
        for (metadata, code) in [
            (12_000, None),
            (17_000, Some(Code::ResourceExhausted)),
            (100_000, Some(Code::ResourceExhausted)),
            (200_000, Some(Code::ResourceExhausted)),
        ] {
            assert_eq!(call("four", metadata).await.err().map(|status| status.code()), code, "{metadata}");
        }
        server.puppet.leave.notify_one();
    };
    let (waiting, ()) = tokio::join!(call("wait", 1), others);
    assert_eq!(waiting.expect("answered"), "done");
    // What HTTP/2 does not even read costs the connection at most.
    call("four", 4_000_000).await.expect_err("refused");
    assert_eq!(server.register("four", LONG).await.expect("answered"), "4");
}

#[tokio::test]
async fn what_is_no_call_is_refused_and_compressed_messages_are_not_unpacked() {
    let server = Server::start().await;
    let post = async |path: &str, headers: &[(&str, &str)], body: Vec<u8>| {
        let mut request = http::Request::post(format!("http://{}{path}", server.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(tonic::body::Body::new(Body::from(body))).expect("a request");
        let mut channel = server.channel();
        channel.ready().await.expect("connected").call(request).await.expect("answered")
    };
    let grpc = ("content-type", "application/grpc");
    let register = "/pb.AccountService/Register";
    for (path, headers, body, code) in [
        ("/pb.AccountService/Nothing", &[grpc][..], vec![], Code::Unimplemented),
        ("/", &[grpc], vec![], Code::Unimplemented),
        (register, &[grpc, ("grpc-encoding", "gzip")], b"\x01\0\0\0\x04bomb".to_vec(), Code::Unimplemented),
        (register, &[grpc], b"\x01\0\0\0\x04bomb".to_vec(), Code::Internal),
        (register, &[grpc], b"\0\xff\xff\xff\xff".to_vec(), Code::OutOfRange),
        (register, &[grpc], b"\0\0\0\0\x03\x0a\xff\xff".to_vec(), Code::Internal),
        (register, &[grpc], b"\0\0".to_vec(), Code::Internal),
    ] {
        let answer = post(path, headers, body).await;
        let status = answer.headers().get("grpc-status").map(|status| Code::from_bytes(status.as_bytes()));
        assert_eq!(status, Some(code), "{path} {headers:?}");
    }
    assert_eq!(server.register("four", LONG).await.expect("answered"), "4");
}
