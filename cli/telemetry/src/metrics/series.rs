//! What a series' last value is, and how a new one changes it.

use std::time::Instant;

use opentelemetry_proto::tonic::{
    common::v1::KeyValue,
    metrics::v1::{
        ExponentialHistogramDataPoint, HistogramDataPoint, NumberDataPoint, SummaryDataPoint, metric::Data,
        number_data_point,
    },
};

use super::text;

#[derive(Debug)]
pub(super) struct Series {
    pub(super) value: Value,
    pub(super) updated: Instant,
}

impl Series {
    pub(super) fn new(value: Value, now: Instant) -> Self {
        Self { value, updated: now }
    }

    /// `delta`: it comes on top of what was there.
    pub(super) fn update(&mut self, value: Value, delta: bool, now: Instant) {
        self.updated = now;
        match (&mut self.value, value) {
            (Value::Number(old), Value::Number(new)) if delta => *old += new,
            (Value::Histogram(old), Value::Histogram(new)) if delta && old.bounds == new.bounds => old.add(&new),
            (old, new) => *old = new,
        }
    }
}

#[derive(Debug, PartialEq)]
pub(super) enum Value {
    Number(f64),
    Histogram(Histogram),
    Summary(Summary),
}

#[derive(Debug, PartialEq)]
pub(super) struct Histogram {
    /// The upper ends of all buckets but the last, which has none.
    bounds: Vec<f64>,
    counts: Vec<u64>,
    sum: f64,
}

impl Histogram {
    fn add(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.sum += other.sum;
    }

    #[expect(clippy::cast_precision_loss, reason = "Prometheus has no other numbers")]
    pub(super) fn write(&self, to: &mut String, name: &str, labels: &str) {
        let (mut total, bucket) = (0_u64, format!("{name}_bucket"));
        for (at, count) in self.counts.iter().enumerate() {
            total = total.saturating_add(*count);
            let bound = self.bounds.get(at).map_or_else(|| "+Inf".to_owned(), ToString::to_string);
            text::sample(to, &bucket, labels, &text::label("le", &bound), total as f64);
        }
        text::sample(to, &format!("{name}_sum"), labels, "", self.sum);
        text::sample(to, &format!("{name}_count"), labels, "", total as f64);
    }
}

#[derive(Debug, PartialEq)]
pub(super) struct Summary {
    quantiles: Vec<(f64, f64)>,
    sum: f64,
    count: u64,
}

impl Summary {
    #[expect(clippy::cast_precision_loss, reason = "Prometheus has no other numbers")]
    pub(super) fn write(&self, to: &mut String, name: &str, labels: &str) {
        for (quantile, value) in &self.quantiles {
            text::sample(to, name, labels, &text::label("quantile", &quantile.to_string()), *value);
        }
        text::sample(to, &format!("{name}_sum"), labels, "", self.sum);
        text::sample(to, &format!("{name}_count"), labels, "", self.count as f64);
    }
}

/// Every point with its attributes; without a value where it makes no sense.
pub(super) fn points(data: Data) -> Vec<(Vec<KeyValue>, Option<Value>)> {
    match data {
        Data::Gauge(gauge) => gauge.data_points.into_iter().map(number).collect(),
        Data::Sum(sum) => sum.data_points.into_iter().map(number).collect(),
        Data::Histogram(histogram) => histogram.data_points.into_iter().map(explicit).collect(),
        Data::ExponentialHistogram(histogram) => histogram.data_points.into_iter().map(exponential).collect(),
        Data::Summary(summary) => summary.data_points.into_iter().map(quantiles).collect(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus has no other numbers")]
fn number(point: NumberDataPoint) -> (Vec<KeyValue>, Option<Value>) {
    let value = point.value.map(|value| match value {
        number_data_point::Value::AsDouble(number) => number,
        number_data_point::Value::AsInt(number) => number as f64,
    });
    (point.attributes, value.map(Value::Number))
}

fn explicit(point: HistogramDataPoint) -> (Vec<KeyValue>, Option<Value>) {
    let HistogramDataPoint { attributes, count, sum, bucket_counts, explicit_bounds: bounds, .. } = point;
    // Without buckets it is one of all.
    let counts = if bucket_counts.is_empty() && bounds.is_empty() { vec![count] } else { bucket_counts };
    let fits = counts.len() == bounds.len() + 1;
    (attributes, fits.then(|| Value::Histogram(Histogram { bounds, counts, sum: sum.unwrap_or_default() })))
}

/// What falls below zero counts into the bucket of zero.
fn exponential(point: ExponentialHistogramDataPoint) -> (Vec<KeyValue>, Option<Value>) {
    let ExponentialHistogramDataPoint {
        attributes, sum, scale, zero_count, zero_threshold, positive, negative, ..
    } = point;
    let below: u64 = negative.map_or(0, |buckets| buckets.bucket_counts.iter().sum());
    let mut histogram =
        Histogram { bounds: vec![zero_threshold], counts: vec![zero_count + below], sum: sum.unwrap_or_default() };
    for (offset, count) in positive.into_iter().flat_map(|buckets| (buckets.offset..).zip(buckets.bucket_counts)) {
        let bound = (f64::from(offset) + 1.0) * (-f64::from(scale)).exp2();
        histogram.bounds.push(bound.exp2());
        histogram.counts.push(count);
    }
    histogram.counts.push(0);
    (attributes, Some(Value::Histogram(histogram)))
}

fn quantiles(point: SummaryDataPoint) -> (Vec<KeyValue>, Option<Value>) {
    let quantiles = point.quantile_values.iter().map(|one| (one.quantile, one.value)).collect();
    (point.attributes, Some(Value::Summary(Summary { quantiles, sum: point.sum, count: point.count })))
}
