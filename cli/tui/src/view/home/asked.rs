//! What a service was asked for in the last minute, in the cells of its row.

use shopctl_protocol::Resource;

use super::percent;
use crate::{flow::OWN, model::Model, theme::Tone, traces::Rate};

/// Of a resource.
pub(super) enum Asked<'a> {
    /// It is none that anybody asks, or nobody has told yet.
    Unknown,
    Nothing,
    For(&'a Rate),
}

impl<'a> Asked<'a> {
    pub(super) fn of(model: &'a Model, resource: Option<&Resource>) -> Self {
        let service = resource.filter(|resource| resource.kind == "service" && !OWN.contains(&resource.name.as_str()));
        let (Some(service), Some(rates)) = (service, &model.rates) else { return Self::Unknown };
        rates.iter().find(|rate| rate.resource == service.name && rate.requests > 0).map_or(Self::Nothing, Self::For)
    }

    /// Requests a second, the share of them that failed, and how long all but the slowest hundredth took.
    pub(super) fn cells(&self) -> [String; 3] {
        match self {
            Self::Unknown => Default::default(),
            Self::Nothing => ["-", "-", "-"].map(str::to_owned),
            Self::For(rate) => {
                let per_second = rate.per_second;
                let requests = if per_second < 99.95 { format!("{per_second:.1}") } else { format!("{per_second:.0}") };
                let failed = percent(rate.errors as f64 / rate.requests as f64);
                [requests, failed, took(rate.p99)]
            }
        }
    }

    pub(super) fn tone(&self) -> Tone {
        match self {
            Self::Unknown | Self::Nothing => Tone::Quiet,
            Self::For(_) => Tone::Plain,
        }
    }

    pub(super) fn failed_tone(&self) -> Tone {
        match self {
            Self::For(rate) if rate.errors > 0 => Tone::Bad,
            Self::Unknown | Self::Nothing | Self::For(_) => Tone::Quiet,
        }
    }
}

/// Nanoseconds in few columns.
fn took(nanoseconds: u64) -> String {
    let milliseconds = nanoseconds as f64 / 1e6;
    match milliseconds {
        ..9.95 => format!("{milliseconds:.1}ms"),
        ..999.5 => format!("{milliseconds:.0}ms"),
        ..99_950.0 => format!("{:.1}s", milliseconds / 1e3),
        _ => format!("{:.0}s", milliseconds / 1e3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_takes_few_columns() {
        let shown = [436_000, 9_940_000, 121_600_000, 999_600_000, 12_340_000_000, 600_000_000_000].map(took);
        assert_eq!(shown, ["0.4ms", "9.9ms", "122ms", "1.0s", "12.3s", "600s"]);
    }
}
