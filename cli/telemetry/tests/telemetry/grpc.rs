//! OTLP over gRPC.

use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse},
    trace::v1::span::SpanKind,
};
use shopctl_telemetry::{
    Latest, Subject,
    span::{Kind, Status, Value},
};
use tonic::{Code, codec::CompressionEncoding};

use crate::{
    sent::{BEGIN, export, failed, id, integer, single, span, text, trace},
    support::{LOGS, Running, TRACES, send},
};

#[tokio::test]
async fn spans_are_found_by_trace_order_account_product_and_resource() {
    let running = Running::start().await;
    let of_gateway = span(trace(1), 1, None, SpanKind::Server, vec![integer("shop.account.id", 7)]);
    let of_order = vec![
        failed(span(trace(1), 3, Some(2), SpanKind::Internal, vec![text("shop.product.id", "85123A")]), "sold out"),
        span(trace(1), 2, Some(1), SpanKind::Server, vec![integer("shop.order.id", 42), text("rpc.system", "grpc")]),
        span(trace(2), 4, None, SpanKind::Server, vec![integer("shop.order.id", 43)]),
    ];
    running.send(export("gateway", vec![of_gateway])).await;
    let packed = Some(CompressionEncoding::Gzip);
    let taken: ExportTraceServiceResponse =
        send(running.grpc, TRACES, export("order", of_order), packed).await.expect("it is taken packed, too");
    assert_eq!(taken.partial_success, None);

    let spans = running.trace(trace(1), 3).await;
    let ids: Vec<_> = spans.iter().map(|span| (span.id, span.parent, span.resource.as_str(), span.kind)).collect();
    assert_eq!(
        ids,
        [
            (id(1), None, "gateway", Kind::Server),
            (id(2), Some(id(1)), "order", Kind::Server),
            (id(3), Some(id(2)), "order", Kind::Internal),
        ]
    );
    let last = &spans[2];
    assert_eq!((last.start, last.duration(), last.name.as_str()), (BEGIN + 3, 1_000_000, "span 3"));
    assert_eq!(last.status, Status::Error("sold out".to_owned()));
    assert_eq!(last.attributes, [("shop.product.id".to_owned(), Value::Text("85123A".to_owned()))]);

    let reader = running.reader();
    let of = |subject| reader.traces_of(&subject).expect("it can be read");
    assert_eq!(of(Subject::Order(42)), [trace(1)]);
    assert_eq!(of(Subject::Account(7)), [trace(1)]);
    assert_eq!(of(Subject::Product("85123A".to_owned())), [trace(1)]);
    assert_eq!(of(Subject::Resource("order".to_owned())), [trace(2), trace(1)], "the newest first");
    assert_eq!(of(Subject::Resource("gateway".to_owned())), [trace(1)]);
    for nobody in [Subject::Order(44), Subject::Account(42), Subject::Product("42".to_owned())] {
        assert_eq!(of(nobody), []);
    }
    let last = |latest| reader.last(latest).expect("it can be read");
    assert_eq!((last(Latest::Root), last(Latest::Order)), (Some(trace(2)), Some(trace(2))));
    let counts = reader.counts().expect("it can be read");
    assert_eq!((counts.spans, counts.traces, counts.oldest), (4, 2, Some(BEGIN + 1)));
    running.stop().await;
}

#[tokio::test]
async fn spans_without_an_id_are_refused_and_the_others_kept() {
    let running = Running::start().await;
    let mut request = single(1);
    let spans = &mut request.resource_spans[0].scope_spans[0].spans;
    let good = spans[0].clone();
    for (trace_id, span_id, parent) in [
        (vec![1; 15], vec![1; 8], vec![]),
        (vec![0; 16], vec![1; 8], vec![]),
        (vec![1; 16], vec![], vec![]),
        (vec![1; 16], vec![1; 8], vec![1; 7]),
    ] {
        let mut wrong = good.clone();
        (wrong.trace_id, wrong.span_id, wrong.parent_span_id) = (trace_id, span_id, parent);
        spans.push(wrong);
    }
    let refused = running.send(request).await.partial_success.expect("some are refused");
    assert_eq!(refused.rejected_spans, 4);
    assert!(refused.error_message.contains("trace_id"), "{}", refused.error_message);
    running.trace(trace(1), 1).await;
    assert_eq!(running.reader().counts().expect("it can be read").spans, 1);
}

#[tokio::test]
async fn what_cannot_be_taken_is_refused_with_the_code_that_says_why() {
    let running = Running::start().await;
    // A message whose first field is no message.
    let malformed = send::<Vec<u8>, ()>(running.grpc, TRACES, vec![0xff; 3], None).await.expect_err("it is malformed");
    assert_eq!(malformed.code(), Code::InvalidArgument, "{malformed}");
    assert!(malformed.message().contains("ExportTraceServiceRequest"), "{malformed}");

    let large =
        export("order", vec![span(trace(1), 1, None, SpanKind::Internal, vec![text("a", &"a".repeat(9 << 20))])]);
    for packed in [None, Some(CompressionEncoding::Gzip)] {
        let sent: Result<ExportTraceServiceResponse, _> = send(running.grpc, TRACES, large.clone(), packed).await;
        let code = sent.expect_err("it is too large").code();
        assert!(matches!(code, Code::OutOfRange | Code::ResourceExhausted), "{code}");
    }

    let logs = send::<(), ()>(running.grpc, LOGS, (), None).await.expect_err("there is no place for logs");
    assert_eq!(logs.code(), Code::Unimplemented);
    assert!(logs.message().contains("logs are not received"), "{logs}");
    let other = send::<(), ()>(running.grpc, "/x.Y/Z", (), None).await.expect_err("there is no such service");
    assert_eq!(other.code(), Code::Unimplemented);

    let nothing = ExportTraceServiceRequest::default();
    assert_eq!(running.send(nothing).await, ExportTraceServiceResponse::default());
}
