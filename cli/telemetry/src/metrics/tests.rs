use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, any_value},
    metrics::v1::{
        Gauge, Histogram, HistogramDataPoint, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, number_data_point,
    },
};

use super::*;

fn attribute(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) };
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}

fn request(service: &str, name: &str, unit: &str, data: Data) -> ExportMetricsServiceRequest {
    let metric = Metric { name: name.to_owned(), unit: unit.to_owned(), data: Some(data), ..Metric::default() };
    let scope_metrics = vec![ScopeMetrics { metrics: vec![metric], ..ScopeMetrics::default() }];
    let resource = Resource { attributes: vec![attribute("service.name", service)], ..Resource::default() };
    let sent = ResourceMetrics { resource: Some(resource), scope_metrics, ..ResourceMetrics::default() };
    ExportMetricsServiceRequest { resource_metrics: vec![sent] }
}

fn points(labels: &[&str], number: i64) -> Vec<NumberDataPoint> {
    let point = |label: &&str| NumberDataPoint {
        attributes: vec![attribute("http.route", label)],
        value: Some(number_data_point::Value::AsInt(number)),
        ..NumberDataPoint::default()
    };
    labels.iter().map(point).collect()
}

fn sum(labels: &[&str], number: i64, temporality: AggregationTemporality) -> Data {
    let data_points = points(labels, number);
    Data::Sum(Sum { data_points, aggregation_temporality: temporality as i32, is_monotonic: true })
}

fn gauge(labels: &[&str], number: i64) -> Data {
    Data::Gauge(Gauge { data_points: points(labels, number) })
}

#[test]
fn the_last_value_of_each_series_is_told() {
    let (mut metrics, now) = (Metrics::default(), Instant::now());
    for (service, number) in [("order", 1), ("order", 5), ("gateway", 7)] {
        let sent = sum(&["/a\"b", "/c"], number, AggregationTemporality::Cumulative);
        assert_eq!(metrics.take(request(service, "calls", "", sent), now), Refused::default());
    }
    let wanted = "# TYPE calls_total counter\n\
                  calls_total{job=\"gateway\",http_route=\"/a\\\"b\"} 7\n\
                  calls_total{job=\"gateway\",http_route=\"/c\"} 7\n\
                  calls_total{job=\"order\",http_route=\"/a\\\"b\"} 5\n\
                  calls_total{job=\"order\",http_route=\"/c\"} 5\n";
    assert_eq!(metrics.text(now), wanted);
    assert_eq!(metrics.text(now + LIFE), "", "whoever sent them is gone");
}

#[test]
fn differences_add_up() {
    let (mut metrics, now) = (Metrics::default(), Instant::now());
    for number in [2, 3] {
        metrics.take(request("order", "calls", "", sum(&["/"], number, AggregationTemporality::Delta)), now);
    }
    assert!(metrics.text(now).contains("calls_total{job=\"order\",http_route=\"/\"} 5\n"), "{}", metrics.text(now));
}

#[test]
fn a_histogram_counts_all_that_is_below_each_bound() {
    let (mut metrics, now) = (Metrics::default(), Instant::now());
    let point = HistogramDataPoint {
        count: 6,
        sum: Some(4.5),
        bucket_counts: vec![1, 2, 3],
        explicit_bounds: vec![0.1, 1.0],
        ..HistogramDataPoint::default()
    };
    let wrong = HistogramDataPoint { explicit_bounds: vec![0.1], ..point.clone() };
    let data = Data::Histogram(Histogram { data_points: vec![point, wrong], aggregation_temporality: 2 });
    let refused = metrics.take(request("order", "http.server.request.duration", "s", data), now);
    assert_eq!(refused.points, 1);
    let wanted = "# TYPE http_server_request_duration_seconds histogram\n\
                  http_server_request_duration_seconds_bucket{job=\"order\",le=\"0.1\"} 1\n\
                  http_server_request_duration_seconds_bucket{job=\"order\",le=\"1\"} 3\n\
                  http_server_request_duration_seconds_bucket{job=\"order\",le=\"+Inf\"} 6\n\
                  http_server_request_duration_seconds_sum{job=\"order\"} 4.5\n\
                  http_server_request_duration_seconds_count{job=\"order\"} 6\n";
    assert_eq!(metrics.text(now), wanted);
}

#[test]
fn what_does_not_fit_is_refused_with_the_reason() {
    let (mut metrics, now) = (Metrics::default(), Instant::now());
    metrics.take(request("order", "load", "", gauge(&["/"], 1)), now);
    let other = sum(&["/"], 1, AggregationTemporality::Cumulative);
    let Data::Sum(mut other) = other else { panic!("it is a sum") };
    other.is_monotonic = true;
    assert_eq!(metrics.take(request("order", "load", "", Data::Sum(other)), now), Refused::default(), "load_total");
    let data =
        Data::Histogram(Histogram { data_points: vec![HistogramDataPoint::default()], aggregation_temporality: 2 });
    let refused = metrics.take(request("order", "load", "", data), now);
    assert_eq!(refused, Refused { points: 1, why: Some("a metric of this name has another type") });
    let labels: Vec<String> = (0..=MOST_SERIES).map(|number| number.to_string()).collect();
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    let refused = metrics.take(request("order", "many", "", gauge(&labels, 1)), now);
    assert_eq!(refused, Refused { points: 3, why: Some("there are 10,000 series already") });
}
