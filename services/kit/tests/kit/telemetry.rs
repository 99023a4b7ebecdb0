//! What a service sends to whoever collects it, and what that costs it.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use testkit::eventually;
use testkit::otlp::{Sink, Span};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::dummy::{Dummy, SOON};

/// From a signal to the end of a process that has nobody connected, with what is sent at the end.
const END: Duration = Duration::from_secs(1);

const NEVER: (&str, &str) = ("OTEL_BSP_SCHEDULE_DELAY", "3600000");
const NO_METRICS: (&str, &str) = ("OTEL_METRIC_EXPORT_INTERVAL", "3600000");

async fn dummy(endpoint: &str, more: &[(&str, &str)]) -> Dummy {
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint);
    Dummy::start_with(1024, &[&[endpoint, ("SHOP_INSTANCE", "kit")], more].concat()).await
}

/// Ends it as a supervisor does; answers with how long that took, and what it said meanwhile.
async fn end(dummy: &mut Dummy) -> (Duration, Vec<String>) {
    let begun = Instant::now();
    let pid = Pid::from_raw(dummy.process.id().try_into().expect("a pid"));
    kill(pid, Signal::SIGTERM).expect("it runs");
    let ended = eventually(SOON, "it ends", async || dummy.process.try_wait().expect("our child")).await;
    let took = begun.elapsed();
    assert!(ended.success(), "{ended}");
    let mut said = Vec::new();
    while let Some(line) = dummy.log.recv().await {
        said.push(line);
    }
    (took, said)
}

async fn spans(sink: &Sink, name: &str, count: usize) -> Vec<Span> {
    eventually(SOON, name, async || {
        let spans: Vec<_> = sink.spans().into_iter().filter(|span| span.name() == name).collect();
        (spans.len() >= count).then_some(spans)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_service_does_arrives_by_the_conventions_the_last_of_it_at_its_end() {
    let sink = Sink::start().await;
    let mut dummy = dummy(&sink.endpoint(), &[NEVER, NO_METRICS]).await;
    dummy.check_http().await.expect("it answers");
    dummy.check_grpc().await.expect("health is asked for");
    end(&mut dummy).await;

    let spans = spans(&sink, "GET /", 1).await;
    let [span] = spans.as_slice() else { panic!("one request: {spans:?}") };
    for (key, value) in [
        ("http.request.method", "GET"),
        ("http.route", "/"),
        ("url.path", "/"),
        ("url.scheme", "http"),
        ("http.response.status_code", "200"),
    ] {
        assert_eq!(span.attribute(key).as_deref(), Some(value), "{key} of {span:?}");
    }
    assert_eq!((span.wire.kind, span.parent(), span.failed()), (2, &[][..], false), "a server's root: {span:?}");
    assert!(span.attribute("trace_id").is_none() && span.attribute("method").is_none(), "{span:?}");
    assert!(span.wire.events.is_empty(), "logs are logs: {span:?}");
    assert_eq!(span.resource("service.name").as_deref(), Some("dummy"));
    assert_eq!(span.resource("service.namespace").as_deref(), Some("shopctl/kit"));
    assert!(span.resource("service.instance.id").is_some_and(|id| id.len() == 36));
    assert_eq!(sink.spans().len(), 1, "health checks are no spans: {:?}", sink.spans());
    assert_eq!(sink.metrics("dummy"), ["http.server.request.duration"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_is_called_what_its_environment_says_and_keeps_what_it_is_told_to() {
    let sink = Sink::start().await;
    let more = [
        ("OTEL_SERVICE_NAME", "renamed"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test,service.namespace=mine"),
        ("OTEL_TRACES_SAMPLER", "always_off"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "50"),
    ];
    let mut dummy = dummy(&sink.endpoint(), &more).await;
    dummy.check_http().await.expect("it answers");
    let what = "metrics come by themselves";
    eventually(SOON, what, async || (!sink.metrics("renamed").is_empty()).then_some(())).await;
    end(&mut dummy).await;
    assert_eq!(sink.spans().len(), 0);
}

/// Takes connections and answers each with `answer`, or with nothing at all.
async fn impostor(answer: Option<&'static [u8]>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            match answer {
                Some(answer) => {
                    tokio::spawn(async move {
                        let _ = stream.write_all(answer).await;
                        let _ = stream.read(&mut [0; 1024]).await;
                    });
                }
                None => kept.push(stream),
            }
        }
    });
    format!("http://{address}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_is_away_or_slow_or_mad_costs_a_service_one_line() {
    let away = testkit::port::Port::reserve();
    let away = format!("http://{}", away.address());
    for receiver in [away, impostor(None).await, impostor(Some(b"\x00\xffHTTP/1.1 418\r\n\r\n")).await] {
        let often = [("OTEL_BSP_SCHEDULE_DELAY", "20"), ("OTEL_EXPORTER_OTLP_TIMEOUT", "100"), NO_METRICS];
        let mut dummy = dummy(&receiver, &often).await;
        let told = |line: &String| line.contains("spans can't be sent");
        let mut said = Vec::new();
        // Several batches.
        let begun = Instant::now();
        while !said.iter().any(told) || begun.elapsed() < Duration::from_millis(600) {
            let asked = Instant::now();
            dummy.check_http().await.expect("it answers");
            assert!(asked.elapsed() < SOON / 10, "{receiver}");
            said.extend(std::iter::from_fn(|| dummy.log.try_recv().ok()));
            assert!(begun.elapsed() < SOON, "{receiver}: {said:?}");
        }
        let (took, rest) = end(&mut dummy).await;
        said.extend(rest);
        assert_eq!(said.iter().filter(|line| told(line)).count(), 1, "{receiver}: {said:#?}");
        assert!(took < END, "{receiver} held up the end for {took:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_whoever_began_a_trace_decided_holds_and_what_failed_is_kept_all_the_same() {
    let sink = Sink::start().await;
    let mut dummy = dummy(&sink.endpoint(), &[NO_METRICS]).await;
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let get = async |path: &str, traceparent: Option<&str>| {
        let mut request = client.get(format!("http://{}{path}", dummy.http));
        if let Some(traceparent) = traceparent {
            request = request.header("traceparent", traceparent);
        }
        request.send().await.expect("it answers").status().as_u16()
    };
    // Whoever has begun a trace has decided on it.
    let (kept, dropped) = (
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319d-b7ad6b7169203331-00",
    );
    assert_eq!((get("/", Some(kept)).await, get("/", Some(dropped)).await), (200, 200));
    assert_eq!(get("/broken", Some(dropped)).await, 500);
    end(&mut dummy).await;
    let mut seen: Vec<_> =
        sink.spans().iter().map(|span| (span.trace(), span.name().to_owned(), span.attribute("shop.kept"))).collect();
    seen.sort();
    let expected = [
        ("0af7651916cd43dd8448eb211c80319c".to_owned(), "GET /".to_owned(), None),
        ("0af7651916cd43dd8448eb211c80319d".to_owned(), "GET /broken".to_owned(), Some("error".to_owned())),
    ];
    assert_eq!(seen, expected);
}
