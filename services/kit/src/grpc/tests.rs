mod abuse;

use std::net::SocketAddr;
use std::sync::Arc;

use proto::pb;
use proto::pb::account_service_client::AccountServiceClient;
use proto::pb::account_service_server::{AccountService, AccountServiceServer};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tonic::server::NamedService;
use tonic::{Code, Request, Response};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus::{NotServing, Serving};
use tonic_health::pb::health_client::HealthClient;

use super::*;
use crate::telemetry::tests::Log;

/// Does what the name in a request says.
#[derive(Clone, Default)]
struct Puppet {
    entered: Arc<Notify>,
    leave: Arc<Notify>,
}

#[tonic::async_trait]
impl AccountService for Puppet {
    async fn register(&self, request: Request<pb::RegisterRequest>) -> Result<Response<String>, Status> {
        match request.get_ref().name.as_str() {
            "panic" => panic!("a secret"),
            "never" => std::future::pending().await,
            "wait" => {
                self.entered.notify_one();
                self.leave.notified().await;
                Ok(Response::new("done".to_owned()))
            }
            "trace" => Ok(Response::new(telemetry::traceparent().unwrap_or_default())),
            "remaining" => Ok(Response::new(remaining(&request).is_some_and(|left| left <= LONG).to_string())),
            _ => Ok(Response::new(request.get_ref().name.len().to_string())),
        }
    }

    async fn login(&self, _: Request<pb::LoginRequest>) -> Result<Response<String>, Status> {
        Err(Status::unauthenticated("no"))
    }

    async fn get_account(&self, _: Request<u64>) -> Result<Response<pb::AccountResponse>, Status> {
        Err(Status::not_found("no"))
    }
}

struct Server {
    puppet: Puppet,
    address: SocketAddr,
    readiness: Readiness,
    shutdown: Shutdown,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Server {
    async fn start() -> Self {
        let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (readiness, shutdown) = (Readiness::new(), Shutdown::new());
        let (ready, end) = (readiness.clone(), shutdown.clone());
        let puppet = Puppet::default();
        let routes = Routes::new(AccountServiceServer::new(puppet.clone()));
        let task =
            tokio::spawn(
                async move { serve(listener, routes, &[AccountServiceServer::<Puppet>::NAME], ready, &end).await },
            );
        Self { puppet, address, readiness, shutdown, task }
    }

    fn channel(&self) -> Channel {
        channel(&format!("http://{}", self.address)).expect("a URL")
    }

    async fn register(&self, name: &str, deadline: Duration) -> Result<String, Status> {
        let message = pb::RegisterRequest { name: name.to_owned(), ..Default::default() };
        let request = request(message, Some("token"), deadline);
        AccountServiceClient::new(self.channel()).register(request).await.map(Response::into_inner)
    }

    async fn health(&self, service: &str) -> Result<i32, Code> {
        let request = HealthCheckRequest { service: service.to_owned() };
        HealthClient::new(self.channel())
            .check(request)
            .await
            .map(|answer| answer.into_inner().status)
            .map_err(|status| status.code())
    }

    async fn becomes(&self, service: &str, status: i32) {
        let deadline = Instant::now() + LONG;
        while self.health(service).await != Ok(status) {
            assert!(Instant::now() < deadline, "{service} did not become {status}");
            tokio::task::yield_now().await;
        }
    }
}

const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_panic_is_internal_without_its_reason_and_the_server_goes_on() {
    let server = Server::start().await;
    let status = server.register("panic", LONG).await.expect_err("it panics");
    assert_eq!((status.code(), status.message()), (Code::Internal, "internal error"));
    assert_eq!(server.register("four", LONG).await.expect("answered"), "4");
}

#[tokio::test]
async fn a_call_ends_at_its_deadline_with_the_code_for_that() {
    use axum::routing::get;
    use tower::ServiceExt;

    // Without a client, whose own timer could answer first.
    let router = axum::Router::new().route("/never", get(std::future::pending::<()>)).layer(from_fn(bounded));
    let request = axum::extract::Request::builder().uri("/never").header("grpc-timeout", "50m");
    let answer = router.oneshot(request.body(axum::body::Body::empty()).expect("a request")).await.expect("answered");
    assert_eq!(answer.headers()["grpc-status"], (Code::DeadlineExceeded as i32).to_string());
}

#[tokio::test]
async fn nobody_waits_for_longer_than_they_said() {
    let server = Server::start().await;
    let begun = Instant::now();
    let status = server.register("never", Duration::from_millis(200)).await.expect_err("it never answers");
    assert!(is_outage(&status) && !is_lost(&status), "{status:?}");
    assert!(begun.elapsed() < LONG);
    assert_eq!(server.register("remaining", LONG).await.expect("answered"), "true");
}

#[tokio::test]
async fn a_callee_that_dies_under_a_call_was_away_and_one_that_answers_was_not() {
    let server = Server::start().await;
    let between = bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a free port");
    let channel = channel(&format!("http://{}", between.local_addr().expect("bound"))).expect("a URL");
    let callee = server.address;
    let link = tokio::spawn(async move {
        let (mut near, _) = between.accept().await?;
        let mut far = tokio::net::TcpStream::connect(callee).await?;
        tokio::io::copy_bidirectional(&mut near, &mut far).await
    });
    let call = tokio::spawn(async move {
        let message = pb::RegisterRequest { name: "wait".to_owned(), ..Default::default() };
        AccountServiceClient::new(channel).register(request(message, None, LONG)).await
    });
    server.puppet.entered.notified().await;
    link.abort();
    let status = call.await.expect("no panic").expect_err("its connection broke");
    assert!(is_outage(&status) && is_lost(&status), "{status:?}");
    let status = server.register("panic", LONG).await.expect_err("it fails");
    assert!(!is_outage(&status), "{status:?}");
}

#[test]
fn a_connection_that_closed_before_the_call_was_sent_is_lost_and_a_cancellation_is_not() {
    #[derive(Debug, thiserror::Error)]
    #[error("transport error")]
    struct Transport(#[source] Status);

    let closed = Status::from_error(Box::new(Transport(Status::cancelled("operation was canceled"))));
    assert_eq!(closed.code(), Code::Cancelled);
    assert!(is_lost(&closed));
    assert!(!is_lost(&Status::cancelled("the callee gave up")));
}

#[tokio::test]
async fn a_call_goes_on_with_its_callers_trace() {
    use tracing::Instrument;

    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.subscriber());
    let server = Server::start().await;
    let call = async {
        let ours = telemetry::traceparent().expect("in a trace");
        (ours, server.register("trace", LONG).await.expect("answered"))
    };
    let (ours, theirs) = call.instrument(tracing::info_span!("caller")).await;
    assert_eq!(ours[..36], theirs[..36], "the same trace");
    assert_ne!(ours, theirs, "another span");
    let log = log.text();
    assert!(log.contains("pb.AccountService/Register") && log.contains(&theirs[3..35]), "{log}");
    assert!(!log.contains("token"), "{log}");
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused() {
    let server = Server::start().await;
    let status = server.register(&"x".repeat(5 * 1024 * 1024), LONG).await.expect_err("too large");
    assert_eq!(status.code(), Code::OutOfRange);
}

#[tokio::test]
async fn health_follows_readiness_for_the_service_and_the_server() {
    let server = Server::start().await;
    for service in ["", "pb.AccountService"] {
        server.becomes(service, Serving.into()).await;
    }
    assert_eq!(server.health("pb.Unknown").await, Err(Code::NotFound));
    server.readiness.check("store", || async { Err("it is away") });
    for service in ["", "pb.AccountService"] {
        server.becomes(service, NotServing.into()).await;
    }
}

#[tokio::test]
async fn a_service_that_serves_may_not_have_started_yet_and_once_started_has() {
    let server = Server::start().await;
    server.readiness.startup_check("events", || async { Err("not in its group yet") });
    server.becomes("", Serving.into()).await;
    server.becomes("startup", NotServing.into()).await;
    server.readiness.startup_check("events", || async { Ok::<(), String>(()) });
    server.becomes("startup", Serving.into()).await;
    server.readiness.startup_check("events", || async { Err("the broker is away") });
    server.readiness.check("store", || async { Err("it is away") });
    server.becomes("", NotServing.into()).await;
    assert_eq!(server.health("startup").await, Ok(Serving.into()));
}

/// What reflection of one version lists.
macro_rules! listed {
    ($version:ident, $server:expr) => {{
        use tonic_reflection::pb::$version::ServerReflectionRequest;
        use tonic_reflection::pb::$version::server_reflection_client::ServerReflectionClient;
        use tonic_reflection::pb::$version::server_reflection_request::MessageRequest;
        use tonic_reflection::pb::$version::server_reflection_response::MessageResponse;

        let message_request = Some(MessageRequest::ListServices(String::new()));
        let ask = ServerReflectionRequest { host: String::new(), message_request };
        let mut client = ServerReflectionClient::new($server.channel());
        let mut answers = client.server_reflection_info(tokio_stream::once(ask)).await.expect("answered").into_inner();
        match answers.message().await.expect("answered").expect("one").message_response {
            Some(MessageResponse::ListServicesResponse(listed)) => {
                listed.service.into_iter().map(|service| service.name).collect::<std::collections::BTreeSet<_>>()
            }
            other => panic!("{other:?} is no list"),
        }
    }};
}

#[tokio::test]
async fn reflection_lists_what_is_served_and_no_other_service_of_the_shop() {
    let server = Server::start().await;
    let served = [
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
        "pb.AccountService",
    ];
    let served = served.map(str::to_owned).into();
    assert_eq!(listed!(v1, server), served);
    assert_eq!(listed!(v1alpha, server), served);
}

#[tokio::test]
async fn a_shutdown_says_not_serving_and_lets_a_call_that_is_under_way_end() {
    let server = Server::start().await;
    server.becomes("", Serving.into()).await;
    let mut health = HealthClient::new(server.channel());
    let mut health = health.watch(HealthCheckRequest::default()).await.expect("answered").into_inner();
    let mut next = async || health.message().await.expect("told").map(|answer| answer.status);
    assert_eq!(next().await, Some(Serving.into()));
    let shutdown = async {
        server.puppet.entered.notified().await;
        server.shutdown.begin();
        assert_eq!(next().await, Some(NotServing.into()));
        server.puppet.leave.notify_one();
    };
    let (answer, ()) = tokio::join!(server.register("wait", LONG), shutdown);
    assert_eq!(answer.expect("answered"), "done");
    server.task.await.expect("no panic").expect("an orderly end");
}

#[tokio::test]
async fn a_callee_that_is_away_is_unavailable_at_once() {
    let status = AccountServiceClient::new(channel("http://127.0.0.1:1").expect("a URL"))
        .login(pb::LoginRequest::default())
        .await;
    assert_eq!(status.expect_err("nothing listens").code(), Code::Unavailable);
    for url in ["", "127.0.0.1:50051", "https://localhost:1", "http://", "/path"] {
        assert!(channel(url).is_err(), "{url}");
    }
}

#[test]
fn a_status_never_quotes_a_caller_at_length() {
    let status = refusal(Code::InvalidArgument, &std::io::Error::other("ä".repeat(100_000)));
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!((1..=512).contains(&status.message().len()));
}
