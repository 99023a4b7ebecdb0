//! OTLP over HTTP, and the page for Prometheus.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use opentelemetry_proto::tonic::{
    collector::{
        metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse},
        trace::v1::ExportTraceServiceResponse,
    },
    metrics::v1::{
        Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric::Data, number_data_point::Value,
    },
};
use prost::Message as _;
use reqwest::{Client, Method, Response};

use crate::{
    sent::{single, trace},
    support::Running,
};

const PROTOBUF: &str = "application/x-protobuf";

fn packed(body: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(body).expect("it is packed");
    packer.finish().expect("it is packed")
}

struct Sender<'a> {
    client: Client,
    running: &'a Running,
}

impl Sender<'_> {
    async fn post(&self, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Response {
        self.send(Method::POST, path, headers, body).await
    }

    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Response {
        let mut request = self.client.request(method, format!("http://{}{path}", self.running.http)).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.expect("it answers")
    }
}

#[tokio::test]
async fn spans_come_as_protobuf_packed_or_not() {
    let running = Running::start().await;
    let sender = Sender { client: Client::new(), running: &running };
    let plain = single(1).encode_to_vec();
    for (body, encoding) in [(plain, "identity"), (packed(&single(2).encode_to_vec()), "gzip")] {
        let headers = [("content-type", PROTOBUF), ("content-encoding", encoding)];
        let response = sender.post("/v1/traces", &headers, body).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], PROTOBUF);
        let body = response.bytes().await.expect("a body");
        assert_eq!(ExportTraceServiceResponse::decode(body), Ok(ExportTraceServiceResponse::default()));
    }
    running.trace(trace(1), 1).await;
    running.trace(trace(2), 1).await;
}

#[tokio::test]
async fn what_is_no_export_is_refused_with_the_status_that_says_why() {
    let running = Running::start().await;
    let sender = Sender { client: Client::new(), running: &running };
    let good = single(1).encode_to_vec();
    let bomb = packed(&vec![0; 9 << 20]);
    let gzip = [("content-type", PROTOBUF), ("content-encoding", "gzip")];
    let plain = [("content-type", PROTOBUF)];
    for (path, headers, body, status, why) in [
        ("/v1/traces", &plain[..], b"\x0a\x03abc".to_vec(), 400, "ExportTraceServiceRequest"),
        ("/v1/metrics", &plain, b"{}".to_vec(), 400, "ExportMetricsServiceRequest"),
        ("/v1/traces", &gzip, good.clone(), 400, "gzip"),
        ("/v1/traces", &gzip, packed(&good)[..20].to_vec(), 400, "gzip"),
        ("/v1/traces", &gzip, bomb, 413, "8388608"),
        ("/v1/traces", &plain, vec![0; 9 << 20], 413, "8388608"),
        ("/v1/traces", &[("content-type", "application/json")], b"{}".to_vec(), 415, "JSON"),
        ("/v1/traces", &[], good.clone(), 415, PROTOBUF),
        ("/v1/traces", &[("content-type", PROTOBUF), ("content-encoding", "br")], good.clone(), 415, "`br`"),
        ("/v1/logs", &plain, Vec::new(), 501, "logs are not received"),
        ("/v2/traces", &plain, good.clone(), 404, "/v1/traces"),
        ("/v1/traces", &[("content-type", PROTOBUF), ("host", "evil.example")], good.clone(), 421, "localhost"),
    ] {
        let response = sender.post(path, headers, body).await;
        assert_eq!(response.status().as_u16(), status, "{path} {headers:?}");
        let body = response.bytes().await.expect("a body");
        assert!(String::from_utf8_lossy(&body).contains(why), "{path} {headers:?}: {body:?}");
    }
    let get = sender.send(Method::GET, "/v1/traces", &plain, Vec::new()).await;
    assert_eq!(get.status(), 405);
    assert_eq!(running.reader().counts().expect("it can be read").spans, 0);
}

#[tokio::test]
async fn prometheus_finds_the_last_values_of_all_resources_on_one_page() {
    let running = Running::start().await;
    let sender = Sender { client: Client::new(), running: &running };
    let point = NumberDataPoint { value: Some(Value::AsInt(3)), ..NumberDataPoint::default() };
    let data = Some(Data::Gauge(Gauge { data_points: vec![point] }));
    let metrics = vec![Metric { name: "shop.orders.open".to_owned(), data, ..Metric::default() }];
    let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
    let mut sent = ResourceMetrics { scope_metrics, ..ResourceMetrics::default() };
    sent.resource = single(1).resource_spans.remove(0).resource;
    let body = ExportMetricsServiceRequest { resource_metrics: vec![sent] }.encode_to_vec();
    let response = sender.post("/v1/metrics", &[("content-type", PROTOBUF)], body).await;
    let body = response.bytes().await.expect("a body");
    assert_eq!(ExportMetricsServiceResponse::decode(body), Ok(ExportMetricsServiceResponse::default()));
    let page = sender.send(Method::GET, "/metrics", &[], Vec::new()).await;
    assert_eq!(page.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let page = page.text().await.expect("a page");
    for line in
        ["# TYPE shop_orders_open gauge", "shop_orders_open{job=\"order\"} 3", "shopctl_telemetry_spans_queued 0"]
    {
        assert!(page.lines().any(|found| found == line), "{line} is not in {page}");
    }
    let ready = sender.send(Method::GET, "/health/ready", &[], Vec::new()).await;
    assert_eq!(ready.status(), 200);
}
