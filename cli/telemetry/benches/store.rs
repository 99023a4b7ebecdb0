//! How many spans a second the receiver takes, and how soon a trace is found among a million: `cargo bench -p
//! shopctl-telemetry`.
//!
//! They come at the rate that it is to bear. The CPU time has in it what it costs this process to send them.
#![expect(clippy::print_stdout, reason = "that is what a benchmark is for")]

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeValLike as _,
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, span::SpanKind},
};
use prost::Message as _;
use shopctl_telemetry::{Limits, Reader, Receiver, Settings, Subject, TraceId};

const SPANS: u64 = 1_000_000;
/// In a second.
const RATE: u64 = 20_000;
/// Of one trace, sent by as many resources as there are services.
const IN_TRACE: u64 = 40;
const RESOURCES: [&str; 5] = ["gateway", "account", "order", "product", "payment"];
/// Traces of one export.
const AT_ONCE: u64 = 64;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    // `cargo test --benches` only wants to know that it runs.
    let spans = if std::env::args().any(|argument| argument == "--bench") { SPANS } else { 20_000 };
    let folder = tempfile::tempdir().expect("a temporary directory");
    let limits = Limits { bytes: 2 << 30, ..Limits::default() };
    let settings = Settings { folder: folder.path().to_owned(), limits, forward: None };
    let any: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
    let receiver = Receiver::bind(settings, any, any).await.expect("it listens");
    let (_, http) = receiver.addresses().expect("it has addresses");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(receiver.run(async { drop(stopped.await) }));

    let client = reqwest::Client::new();
    let (began, used) = (Instant::now(), cpu_time());
    let (mut preparing, mut bytes, mut sent, mut first) = (Duration::ZERO, 0, 0, 0);
    while sent < spans {
        for resource in RESOURCES {
            let before = cpu_time();
            let body = export(resource, first..first + AT_ONCE);
            preparing += cpu_time() - before;
            bytes += body.len();
            let request =
                client.post(format!("http://{http}/v1/traces")).header("content-type", "application/x-protobuf");
            request.body(body).send().await.expect("it answers").error_for_status().expect("it is taken");
        }
        sent += AT_ONCE * IN_TRACE;
        first += AT_ONCE;
        let due = Duration::from_micros(sent * 1_000_000 / RATE);
        tokio::time::sleep(due.saturating_sub(began.elapsed())).await;
    }
    let (took, used) = (began.elapsed(), cpu_time() - used - preparing);
    drop(stop);
    running.await.expect("it does not panic").expect("it ends well");
    let share = 100 * used.as_millis() / took.as_millis();
    println!("{sent} spans of {} bytes in {took:.1?}: {share} % of a core", bytes as u64 / sent);

    let reader = Reader::open(folder.path()).expect("there is a store");
    let counts = reader.counts().expect("it can be read");
    println!(
        "stored {} spans of {} traces in {} MiB, dropped {}",
        counts.spans,
        counts.traces,
        counts.bytes >> 20,
        counts.dropped
    );

    let mut times: Vec<(&str, Vec<Duration>)> = Vec::new();
    let mut measure = |what, ask: &dyn Fn(u64) -> usize| {
        let all = (0..101).map(|step| {
            let began = Instant::now();
            assert!(ask(step * (first - 1) / 100) > 0, "{what} finds nothing");
            began.elapsed()
        });
        times.push((what, all.collect()));
    };
    measure("trace by id", &|number| reader.trace(trace(number)).expect("it can be read").len());
    measure("trace by order", &|number| {
        let found = reader.traces_of(&Subject::Order(i64::try_from(number).expect("small"))).expect("it can be read");
        reader.trace(found[0]).expect("it can be read").len()
    });
    measure("edges", &|_| reader.edges(None).expect("it can be read").len());
    for (what, mut all) in times {
        all.sort_unstable();
        println!("{what}: p50 {:?}, the longest of {} {:?}", all[all.len() / 2], all.len(), all[all.len() - 1]);
    }
}

fn cpu_time() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("the system tells");
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Duration::from_micros(u64::try_from(micros).expect("not below zero"))
}

fn trace(number: u64) -> TraceId {
    let mut id = [0; 16];
    let mixed = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    id[..8].copy_from_slice(&mixed.to_be_bytes());
    id[8..].copy_from_slice(&(number + 1).wrapping_mul(0xbf58_476d_1ce4_e5b9).to_be_bytes());
    TraceId(id)
}

/// What one resource has to tell about some traces.
fn export(resource: &str, traces: std::ops::Range<u64>) -> Vec<u8> {
    let own = RESOURCES.iter().position(|&one| one == resource).expect("it is one of them") as u64;
    let each = IN_TRACE / RESOURCES.len() as u64;
    let spans = traces.flat_map(|number| (0..each).map(move |index| span(number, own * each + index)));
    let scope = InstrumentationScope { name: "bench".to_owned(), ..InstrumentationScope::default() };
    let scope_spans = vec![ScopeSpans { scope: Some(scope), spans: spans.collect(), ..ScopeSpans::default() }];
    let resource = Resource { attributes: vec![text("service.name", resource)], ..Resource::default() };
    let sent = ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![sent] }.encode_to_vec()
}

/// Caller and called by turns, each the parent of the next.
fn span(trace_number: u64, index: u64) -> Span {
    let id =
        |index: u64| (trace_number * IN_TRACE + index + 1).wrapping_mul(0x94d0_49bb_1331_11eb).to_be_bytes().to_vec();
    let kind = if index.is_multiple_of(2) { SpanKind::Server } else { SpanKind::Client };
    let start = 1_795_766_400_000_000_000 + trace_number * 1_000_000 + index * 1_000;
    Span {
        trace_id: trace(trace_number).0.to_vec(),
        span_id: id(index),
        parent_span_id: index.checked_sub(1).map(id).unwrap_or_default(),
        name: "pb.OrderService/CreateOrder".to_owned(),
        kind: kind.into(),
        start_time_unix_nano: start,
        end_time_unix_nano: start + 5_000_000 + trace_number % 97 * 10_000,
        attributes: vec![
            text("rpc.system", "grpc"),
            text("rpc.service", "pb.OrderService"),
            text("rpc.method", "CreateOrder"),
            text("server.address", "127.0.0.1"),
            integer("server.port", 50_053),
            integer("rpc.grpc.status_code", 0),
            integer("shop.order.id", i64::try_from(trace_number).expect("small")),
            integer("shop.account.id", i64::try_from(trace_number % 1000).expect("small")),
        ],
        ..Span::default()
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

fn integer(key: &str, value: i64) -> KeyValue {
    attribute(key, Value::IntValue(value))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}
