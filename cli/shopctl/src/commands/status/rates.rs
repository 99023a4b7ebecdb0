//! What resources were asked for lately, as the spans that they sent tell.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use shopctl_protocol::Snapshot;
use shopctl_telemetry::{Rate, Reader};

use crate::{args::Global, commands::telemetry, running};

/// How far back it is looked.
const WINDOW: Duration = Duration::from_secs(60);

/// By resource.
pub(super) struct Rates(BTreeMap<String, Rate>);

impl Rates {
    /// None where nothing receives telemetry: that is no reason not to tell the rest.
    pub(super) fn of(global: &Global) -> Self {
        let instance = running::instance(global).ok();
        let rates = instance.and_then(|instance| Reader::open(&telemetry::folder(&instance)).ok()?.rates(WINDOW).ok());
        Self(rates.into_iter().flatten().map(|rate| (rate.resource.clone(), rate)).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Requests in a second, how many of them failed, and how long all but the slowest hundredth took.
    #[expect(clippy::cast_precision_loss, reason = "a rate is no exact figure")]
    pub(super) fn cell(&self, resource: &str) -> String {
        let Some(rate) = self.0.get(resource) else { return String::new() };
        let failed = match rate.errors {
            0 => String::new(),
            errors => format!(", {:.1} % failed", 100.0 * errors as f64 / rate.requests as f64),
        };
        format!("{:.1}/s{failed}, p99 {:.1} ms", rate.per_second, rate.durations.p99 as f64 / 1e6)
    }

    /// The snapshot with a `rate` in each resource that was asked for something.
    pub(super) fn json(&self, snapshot: &Snapshot) -> serde_json::Result<Value> {
        let mut snapshot = serde_json::to_value(snapshot)?;
        for resource in snapshot["resources"].as_array_mut().into_iter().flatten() {
            if let Some(rate) = resource["name"].as_str().and_then(|name| self.0.get(name)) {
                let Rate { resource: _, requests, errors, per_second, durations } = rate;
                // Milliseconds in JSON as in a report of `checkout load`.
                let millis = |nanos: u64| Duration::from_nanos(nanos).as_secs_f64() * 1e3;
                resource["rate"] = json!({
                    "requests": requests, "errors": errors, "per_second": per_second,
                    "p50_ms": millis(durations.p50), "p99_ms": millis(durations.p99),
                });
            }
        }
        Ok(snapshot)
    }
}

#[cfg(test)]
mod tests {
    use shopctl_protocol::{Phase, Resource, Supervisor};
    use shopctl_telemetry::Quantiles;

    use super::*;

    #[test]
    fn whoever_was_asked_has_a_rate_and_others_have_none() {
        let durations = Quantiles { p50: 1_000_000, p99: 12_340_000, max: 20_000_000 };
        let rate = Rate { resource: "order".to_owned(), requests: 120, errors: 3, per_second: 2.0, durations };
        let rates = Rates(BTreeMap::from([("order".to_owned(), rate)]));
        assert_eq!(rates.cell("order"), "2.0/s, 2.5 % failed, p99 12.3 ms");
        assert_eq!(rates.cell("payment"), "");

        let resource = |name: &str| Resource { name: name.to_owned(), ..Resource::default() };
        let supervisor = Supervisor { pid: 1, version: String::new(), run: String::new(), uptime: 0.0 };
        let snapshot = Snapshot {
            instance: String::new(),
            workspace: String::new(),
            phase: Phase::Up,
            supervisor,
            faults: Vec::new(),
            resources: vec![resource("order"), resource("payment")],
            outcome: None,
        };
        let told = rates.json(&snapshot).expect("it is JSON");
        let wanted = json!({"requests": 120, "errors": 3, "per_second": 2.0, "p50_ms": 1.0, "p99_ms": 12.34});
        assert_eq!((&told["resources"][0]["rate"], &told["resources"][1]["rate"]), (&wanted, &Value::Null));
        serde_json::from_value::<Snapshot>(told).expect("whoever reads a snapshot still can");
    }
}
