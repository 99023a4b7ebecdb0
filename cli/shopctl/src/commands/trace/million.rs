//! How soon an order is told from a store of a million spans.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr},
    ops::Range,
    path::Path,
    time::{Duration, Instant},
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prost::Message as _;
use shopctl_telemetry::{Limits, Reader, Receiver, Settings, Subject};
use shopctl_trace::{
    Parts, Story,
    text::{self, Style},
};

use super::spans;

const SPANS: u64 = 1_000_000;
/// Of one order, in one trace.
const IN_TRACE: u64 = 40;
/// Traces of one export.
const AT_ONCE: u64 = 100;
/// What a person takes for at once.
const LIMIT: Duration = Duration::from_millis(100);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "sends a million spans: takes a minute"]
async fn an_order_is_told_at_once_from_a_store_of_a_million_spans() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    fill(folder.path()).await;
    let orders = SPANS / IN_TRACE;
    let mut longest = Duration::ZERO;
    for step in 0..=50 {
        let order = i64::try_from((orders - 1) * step / 50).expect("small");
        let began = Instant::now();
        let reader = Reader::open(folder.path()).expect("there is a store");
        let traces = reader.traces_of(&Subject::Order(order)).expect("it can be read");
        let traces: BTreeSet<String> = traces.iter().map(ToString::to_string).collect();
        let spans = spans::read(folder.path(), &traces).expect("it can be read");
        let story = Story::new(Parts { order: Some(order), spans, ..Parts::default() });
        let style = Style { width: 120, cut: true, ascii: false, verbose: true, clean: shopctl_tui::text::plain };
        let lines = text::story(&story, style);
        let took = began.elapsed();
        assert!(lines.len() as u64 > IN_TRACE, "order {order}: {lines:?}");
        longest = longest.max(took);
    }
    eprintln!("the longest of 51 took {longest:?}");
    assert!(longest < LIMIT, "{longest:?}");
}

async fn fill(folder: &Path) {
    let any: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
    let limits = Limits { bytes: 2 << 30, ..Limits::default() };
    let settings = Settings { folder: folder.to_owned(), limits, forward: None };
    let receiver = Receiver::bind(settings, any, any).await.expect("it listens");
    let (_, http) = receiver.addresses().expect("it has addresses");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(receiver.run(async { drop(stopped.await) }));
    let client = reqwest::Client::new();
    for first in (0..SPANS / IN_TRACE).step_by(usize::try_from(AT_ONCE).expect("small")) {
        let request = client.post(format!("http://{http}/v1/traces")).header("content-type", "application/x-protobuf");
        let sent = request.body(export(first..first + AT_ONCE)).send().await.expect("it answers");
        sent.error_for_status().expect("it is taken");
    }
    drop(stop);
    running.await.expect("it does not panic").expect("it ends well");
    let counts = Reader::open(folder).and_then(|reader| reader.counts()).expect("it can be read");
    assert_eq!((counts.spans, counts.dropped), (SPANS, 0));
}

fn export(traces: Range<u64>) -> Vec<u8> {
    let spans = traces.flat_map(|order| (0..IN_TRACE).map(move |index| span(order, index))).collect();
    let name = attribute("service.name", Value::StringValue("order".to_owned()));
    let resource = Some(Resource { attributes: vec![name], ..Resource::default() });
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    let sent = ResourceSpans { resource, scope_spans, ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![sent] }.encode_to_vec()
}

/// Each the parent of the next.
fn span(order: u64, index: u64) -> Span {
    let id = |index: u64| (order * IN_TRACE + index + 1).to_be_bytes().to_vec();
    let start = 1_795_766_400_000_000_000 + order * 1_000_000 + index * 1_000;
    Span {
        trace_id: u128::from(order + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_0c5e_3b1d_2a17).to_be_bytes().to_vec(),
        span_id: id(index),
        parent_span_id: index.checked_sub(1).map(id).unwrap_or_default(),
        name: "pb.OrderService/CreateOrder".to_owned(),
        start_time_unix_nano: start,
        end_time_unix_nano: start + 5_000_000,
        attributes: vec![attribute("shop.order.id", Value::IntValue(i64::try_from(order).expect("small")))],
        ..Span::default()
    }
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}
