use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Bytes;
use axum::routing::post;
use reqwest::Client;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::*;
use crate::telemetry::tests::Log;

async fn broken() {
    panic!("a secret")
}

async fn wait(State((entered, leave)): State<(Arc<Notify>, Arc<Notify>)>) -> &'static str {
    entered.notify_one();
    leave.notified().await;
    "done"
}

struct Server {
    entered: Arc<Notify>,
    leave: Arc<Notify>,
    address: SocketAddr,
    readiness: Readiness,
    shutdown: Shutdown,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Server {
    async fn start(settings: Settings) -> Self {
        let (entered, leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let router = Router::new()
            .route("/echo", post(|body: Bytes| async { body }))
            .route("/large", post(|body: Bytes| async move { body.len().to_string() }).layer(DefaultBodyLimit::max(64)))
            .route("/panic", get(broken))
            .route("/wait", get(wait).with_state((entered.clone(), leave.clone())))
            .route("/trace/{secret}", get(|| async { crate::telemetry::traceparent().unwrap_or_default() }))
            .route("/never", get(std::future::pending::<()>));
        let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (readiness, shutdown) = (Readiness::new(), Shutdown::with(Duration::from_secs(3), Duration::from_secs(20)));
        let (ready, end) = (readiness.clone(), shutdown.clone());
        let task = tokio::spawn(async move { serve(listener, router, settings, ready, &end).await });
        Self { entered, leave, address, readiness, shutdown, task }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Sends bytes as they are, all of them before it reads, and returns the answer's first line once the server has closed
    /// the connection.
    async fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.expect("connected");
        // The server may hang up on what it does not want to read.
        let _ = stream.write_all(request.as_bytes()).await;
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        let _ = tokio::time::timeout(Duration::from_secs(60), read).await.expect("the server closes it");
        String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
    }
}

/// One that asks no proxy, whatever the environment names.
fn client() -> Client {
    Client::builder().no_proxy().build().expect("a client")
}

fn small() -> Settings {
    Settings {
        body_limit: 16,
        request_timeout: Duration::from_secs(60),
        header_timeout: Duration::from_secs(60),
        ..Settings::default()
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_unless_the_route_allows_more() {
    let server = Server::start(small()).await;
    let send = async |path: &str, size: usize| {
        client().post(server.url(path)).body("x".repeat(size)).send().await.expect("answered").status()
    };
    assert_eq!(send("/echo", 16).await, 200);
    assert_eq!(send("/echo", 17).await, 413);
    assert_eq!(send("/large", 64).await, 200);
    assert_eq!(send("/large", 65).await, 413);
}

#[tokio::test]
async fn who_sends_all_of_a_body_that_is_far_too_long_before_reading_hears_413_too() {
    let server = Server::start(small()).await;
    let body = "x".repeat(8 * 1024 * 1024);
    for length in [format!("Content-Length: {}", body.len()), "Transfer-Encoding: chunked".to_owned()] {
        let head = format!("POST /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{length}\r\n\r\n");
        let body =
            if length.contains("chunked") { format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len()) } else { body.clone() };
        assert!(server.raw(&(head + &body)).await.contains(" 413 "), "{length}");
    }
}

#[tokio::test]
async fn a_head_that_is_too_long_or_makes_no_sense_is_refused() {
    let server = Server::start(small()).await;
    let long = "x".repeat(70_000);
    let many: String = (0..1000).map(|n| format!("X-{n}: 1\r\n")).collect();
    for (line, headers, statuses) in [
        (format!("GET /{long} HTTP/1.1"), "", [414, 431]),
        ("GET / HTTP/1.1".to_owned(), &*format!("X: {long}\r\n"), [431, 431]),
        ("GET / HTTP/1.1".to_owned(), &*many, [431, 431]),
        ("POST /echo HTTP/1.1".to_owned(), "Content-Length: -1\r\n", [400, 400]),
        ("POST /echo HTTP/1.1".to_owned(), "Content-Length: 1\r\nContent-Length: 2\r\n", [400, 400]),
        ("POST /echo HTTP/1.1".to_owned(), "Transfer-Encoding: nonsense\r\n", [400, 400]),
        ("GET / HTTP/9.9".to_owned(), "", [400, 505]),
        ("\u{0}\u{1b}[2J".to_owned(), "", [400, 400]),
    ] {
        let answer = server.raw(&format!("{line}\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n")).await;
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        assert!(statuses.contains(&status), "{line:.40} {headers:.40}: {answer}");
    }
    assert_eq!(client().get(server.url("/health/live")).send().await.expect("answered").status(), 200);
}

#[tokio::test]
async fn a_body_is_taken_as_it_comes_and_never_unpacked() {
    let server = Server::start(small()).await;
    for encoding in ["gzip", "deflate", "br", "zstd"] {
        let request = client().post(server.url("/echo")).header("content-encoding", encoding).body("0123456789");
        assert_eq!(request.send().await.expect("answered").text().await.expect("text"), "0123456789", "{encoding}");
    }
}

#[tokio::test]
async fn a_page_of_another_host_is_refused_on_every_route() {
    let server = Server::start(small()).await;
    for path in ["/echo", "/health/live", "/nowhere"] {
        let host = async |host: &str| {
            client().get(server.url(path)).header("host", host).send().await.expect("answered").status()
        };
        assert_eq!(host("evil.test").await, 421, "{path}");
        assert_ne!(host("localhost").await, 421, "{path}");
    }
}

#[tokio::test]
async fn a_page_of_another_origin_changes_nothing_on_any_route_and_may_not_read() {
    let server = Server::start(small()).await;
    for (name, value) in [("origin", "http://evil.test"), ("origin", "null"), ("sec-fetch-site", "cross-site")] {
        for path in ["/echo", "/large", "/nowhere"] {
            let answer = client().post(server.url(path)).header(name, value).send().await.expect("answered");
            assert_eq!(answer.status(), 403, "{path} {name}: {value}");
        }
        let upgrade = client().get(server.url("/health/live")).header("upgrade", "websocket").header(name, value);
        assert_eq!(upgrade.send().await.expect("answered").status(), 403, "{name}: {value}");
        let read = client().get(server.url("/health/live")).header(name, value).send().await.expect("answered");
        assert_eq!(read.status(), 200);
        assert!(!read.headers().contains_key("access-control-allow-origin"), "the browser keeps it from the page");
    }
    let own = client().post(server.url("/echo")).header("origin", server.url("")).send().await.expect("answered");
    assert_eq!(own.status(), 200);
}

#[tokio::test]
async fn who_sends_slowly_is_cut_off() {
    let server = Server::start(Settings {
        request_timeout: Duration::from_millis(400),
        header_timeout: Duration::from_millis(300),
        ..small()
    })
    .await;
    let begun = Instant::now();
    let slow_head = server.raw("GET /echo HTTP/1.1\r\nHost: local").await;
    assert!(slow_head.is_empty() || slow_head.contains("408"), "{slow_head}");
    let silent = server.raw("").await;
    assert!(silent.is_empty() || silent.contains("408"), "{silent}");
    let slow_body = server.raw("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx").await;
    assert!(slow_body.contains("408"), "{slow_body}");
    assert_eq!(client().get(server.url("/never")).send().await.expect("answered").status(), 408);
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_crowd_that_only_connects_keeps_nobody_out_and_a_request_under_way_is_finished() {
    let server = Server::start(Settings { connections: 3, ..small() }).await;
    let under_way = tokio::spawn(client().get(server.url("/wait")).send());
    server.entered.notified().await;
    let mut crowd = Vec::new();
    for _ in 0..10 {
        crowd.push(TcpStream::connect(server.address).await.expect("the kernel takes it"));
    }
    let answer = client().get(server.url("/health/live")).timeout(Duration::from_secs(30)).send().await;
    assert_eq!(answer.expect("answered, behind all of them").status(), 200);
    server.leave.notify_one();
    assert_eq!(under_way.await.expect("no panic").expect("answered").text().await.expect("whole"), "done");
}

#[tokio::test]
async fn a_panic_is_500_without_its_reason() {
    let server = Server::start(small()).await;
    let answer = client().get(server.url("/panic")).send().await.expect("answered");
    assert_eq!(answer.status(), 500);
    assert_eq!(answer.text().await.expect("text"), r#"{"detail":"Internal Server Error"}"#);
}

#[tokio::test]
async fn every_answer_has_the_security_headers() {
    let server = Server::start(small()).await;
    for path in ["/health/live", "/nowhere", "/panic"] {
        let answer = client().get(server.url(path)).send().await.expect("answered");
        for name in [X_CONTENT_TYPE_OPTIONS, REFERRER_POLICY, CONTENT_SECURITY_POLICY] {
            assert!(answer.headers().contains_key(&name), "{path} lacks {name}");
        }
    }
}

#[tokio::test]
async fn ready_tells_which_check_failed() {
    let server = Server::start(small()).await;
    assert_eq!(client().get(server.url("/health/ready")).send().await.expect("answered").status(), 200);
    server.readiness.check("store", || async { Err("it is away") });
    let answer = client().get(server.url("/health/ready")).send().await.expect("answered");
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.text().await.expect("text"), r#"{"checks":{"store":"it is away"},"status":"unavailable"}"#);
    assert_eq!(client().get(server.url("/health/live")).send().await.expect("answered").status(), 200);
}

#[tokio::test]
async fn a_service_that_is_ready_may_not_have_started_yet() {
    let server = Server::start(small()).await;
    server.readiness.startup_check("events", || async { Err("not in its group yet") });
    let asked = async |path| client().get(server.url(path)).send().await.expect("answered");
    assert_eq!(asked("/health/ready").await.status(), 200);
    let answer = asked("/health/startup").await;
    assert_eq!(answer.status(), 503);
    assert!(answer.text().await.expect("text").contains("not in its group yet"));
    server.readiness.startup_check("events", || async { Ok::<(), String>(()) });
    assert_eq!(asked("/health/startup").await.status(), 200);
}

#[tokio::test]
async fn a_shutdown_says_not_ready_and_lets_a_request_that_is_under_way_end() {
    let server = Server::start(small()).await;
    let client = self::client();
    let under_way = tokio::spawn(client.get(server.url("/wait")).send());
    server.entered.notified().await;
    server.shutdown.begin();
    assert_eq!(client.get(server.url("/health/ready")).send().await.expect("still served").status(), 503);
    server.shutdown.draining().await;
    server.leave.notify_one();
    let answer = under_way.await.expect("no panic").expect("answered");
    assert_eq!(answer.text().await.expect("whole"), "done");
    server.task.await.expect("no panic").expect("an orderly end");
    assert!(TcpStream::connect(server.address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_shutdown_tells_clients_to_connect_anew_before_it_closes_their_connections() {
    let server = Server::start(small()).await;
    let client = self::client();
    let answer = client.get(server.url("/health/live")).send().await.expect("answered");
    assert!(answer.headers().get("connection").is_none(), "connections are kept");
    server.shutdown.begin();
    let answer = client.get(server.url("/health/live")).send().await.expect("still served");
    assert_eq!(answer.headers().get("connection").map(|value| value.as_bytes()), Some(&b"close"[..]));
}

#[tokio::test]
async fn a_request_goes_on_with_its_callers_trace_and_its_path_is_not_logged() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.subscriber());
    let server = Server::start(small()).await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let request = client()
        .get(server.url("/trace/hunter2?key=hunter2"))
        .header("traceparent", format!("00-{trace}-b7ad6b7169203331-01"));
    let ours = request.send().await.expect("answered").text().await.expect("text");
    assert!(ours.starts_with(&format!("00-{trace}-")) && !ours.contains("b7ad6b7169203331"), "{ours}");
    let log = log.text();
    assert!(log.contains(trace) && log.contains("/trace/{secret}") && log.contains("status=200"), "{log}");
    assert!(!log.contains("hunter2"), "who has a payment's link may pay: {log}");
}
