//! The last value of every series that was sent, for Prometheus: one page for all resources.
//!
//! Names and labels are those that OpenTelemetry prescribes for Prometheus: `service.name` is `job`,
//! `service.instance.id` is `instance`, units and `_total` are part of the name.

mod name;
mod series;
pub(crate) mod text;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    common::v1::KeyValue,
    metrics::v1::{AggregationTemporality, Metric, metric::Data},
    resource::v1::Resource,
};

use crate::otlp::{self, service_name};
use series::{Series, Value};

/// Series at once: each costs some hundred bytes.
const MOST_SERIES: usize = 10_000;
/// What was not sent again for this long is gone with its sender.
const LIFE: Duration = Duration::from_secs(300);

#[derive(Debug, Default)]
pub(crate) struct Metrics {
    families: BTreeMap<String, Family>,
    count: usize,
}

/// All series of one name.
#[derive(Debug)]
struct Family {
    kind: Kind,
    help: String,
    /// By their labels, as they are written.
    series: BTreeMap<String, Series>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Gauge,
    Counter,
    Histogram,
    Summary,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Histogram => "histogram",
            Self::Summary => "summary",
        }
    }
}

/// Points that were not taken, and why.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) points: u64,
    pub(crate) why: Option<&'static str>,
}

impl Refused {
    fn add(&mut self, why: &'static str) {
        self.points += 1;
        self.why = Some(why);
    }
}

impl Metrics {
    pub(crate) fn take(&mut self, request: ExportMetricsServiceRequest, now: Instant) -> Refused {
        let mut refused = Refused::default();
        for sent in request.resource_metrics {
            let common = labels_of(sent.resource.as_ref());
            for metric in sent.scope_metrics.into_iter().flat_map(|scope| scope.metrics) {
                self.take_metric(metric, &common, now, &mut refused);
            }
        }
        refused
    }

    fn take_metric(&mut self, metric: Metric, common: &str, now: Instant, refused: &mut Refused) {
        let Metric { name, description, unit, data, .. } = metric;
        let Some(data) = data else { return };
        let is_delta = |temporality| temporality == AggregationTemporality::Delta as i32;
        let (kind, ratio) = match &data {
            Data::Gauge(_) => (Kind::Gauge, true),
            Data::Sum(sum) if sum.is_monotonic => (Kind::Counter, false),
            Data::Sum(_) => (Kind::Gauge, false),
            Data::Histogram(_) | Data::ExponentialHistogram(_) => (Kind::Histogram, false),
            Data::Summary(_) => (Kind::Summary, false),
        };
        let delta = match &data {
            Data::Sum(sum) => is_delta(sum.aggregation_temporality),
            Data::Histogram(histogram) => is_delta(histogram.aggregation_temporality),
            Data::ExponentialHistogram(histogram) => is_delta(histogram.aggregation_temporality),
            Data::Gauge(_) | Data::Summary(_) => false,
        };
        let Some(name) = name::of(&name, &unit, kind == Kind::Counter, ratio) else {
            return refused.add("a metric has no name");
        };
        let room = MOST_SERIES.saturating_sub(self.count);
        let family =
            self.families.entry(name).or_insert_with(|| Family { kind, help: description, series: BTreeMap::new() });
        let before = family.series.len();
        for (attributes, value) in series::points(data) {
            if family.kind != kind {
                refused.add("a metric of this name has another type");
                continue;
            }
            let Some(value) = value else {
                refused.add("a point has no value, or buckets that do not fit its bounds");
                continue;
            };
            let labels = text::labels(common, &attributes);
            let full = family.series.len() - before >= room;
            match family.series.get_mut(&labels) {
                Some(series) => series.update(value, delta, now),
                None if full => refused.add("there are 10,000 series already"),
                None => drop(family.series.insert(labels, Series::new(value, now))),
            }
        }
        self.count += family.series.len() - before;
    }

    /// All of it as Prometheus reads it.
    pub(crate) fn text(&mut self, now: Instant) -> String {
        self.families.retain(|_, family| {
            family.series.retain(|_, series| now.duration_since(series.updated) < LIFE);
            !family.series.is_empty()
        });
        self.count = self.families.values().map(|family| family.series.len()).sum();
        let mut text = String::new();
        for (name, family) in &self.families {
            text::head(&mut text, name, family.kind.as_str(), &family.help);
            for (labels, series) in &family.series {
                match &series.value {
                    Value::Number(number) => text::sample(&mut text, name, labels, "", *number),
                    Value::Histogram(histogram) => histogram.write(&mut text, name, labels),
                    Value::Summary(summary) => summary.write(&mut text, name, labels),
                }
            }
        }
        text
    }
}

/// Who sent it, as labels.
fn labels_of(resource: Option<&Resource>) -> String {
    let attributes: &[KeyValue] = resource.map_or(&[], |resource| &resource.attributes);
    let job = match otlp::text(attributes, "service.namespace") {
        Some(namespace) => format!("{namespace}/{}", service_name(resource)),
        None => service_name(resource).to_owned(),
    };
    let mut labels = text::label("job", &job);
    if let Some(instance) = otlp::text(attributes, "service.instance.id") {
        labels.push(',');
        labels.push_str(&text::label("instance", instance));
    }
    labels
}

#[cfg(test)]
mod tests;
