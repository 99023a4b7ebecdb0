//! From a metric's name and unit to its name in Prometheus.

/// `None` where nothing is left. `ratio`: a unit of 1 is told.
pub(super) fn of(name: &str, unit: &str, counter: bool, ratio: bool) -> Option<String> {
    let mut name = plain(name);
    if name.is_empty() {
        return None;
    }
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        name.insert(0, '_');
    }
    let base = name.strip_suffix("_total").filter(|_| counter).unwrap_or(&name).to_owned();
    let mut parts = vec![base];
    if let Some(unit) = suffix(unit, ratio).filter(|unit| !parts[0].ends_with(&format!("_{unit}"))) {
        parts.push(unit);
    }
    if counter {
        parts.push("total".to_owned());
    }
    Some(parts.join("_"))
}

/// Anything but letters and digits is one underscore.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || c == ':' {
            plain.push(c);
        } else if !plain.ends_with('_') {
            plain.push('_');
        }
    }
    plain.trim_end_matches('_').to_owned()
}

fn suffix(unit: &str, ratio: bool) -> Option<String> {
    let (over, per) = unit.split_once('/').unwrap_or((unit, ""));
    let words = [word(over, ratio), word(per, false).map(|per| format!("per_{per}"))];
    let words: Vec<String> = words.into_iter().flatten().collect();
    (!words.is_empty()).then(|| words.join("_"))
}

/// A unit of UCUM as a word; what is in braces is no unit.
fn word(unit: &str, ratio: bool) -> Option<String> {
    let word = match unit {
        "" => return None,
        "1" if ratio => "ratio",
        "1" => return None,
        "d" => "days",
        "h" => "hours",
        "min" => "minutes",
        "s" => "seconds",
        "ms" => "milliseconds",
        "us" => "microseconds",
        "ns" => "nanoseconds",
        "By" => "bytes",
        "KiBy" => "kibibytes",
        "MiBy" => "mebibytes",
        "%" => "percent",
        other if other.starts_with('{') => return None,
        other => return Some(plain(other)).filter(|word| !word.is_empty()),
    };
    Some(word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_its_unit_and_what_counts_says_total() {
        for (name, unit, counter, ratio, wanted) in [
            ("http.server.request.duration", "s", false, false, "http_server_request_duration_seconds"),
            ("messaging.client.sent.messages", "{message}", true, false, "messaging_client_sent_messages_total"),
            ("requests_total", "1", true, false, "requests_total"),
            ("cpu.utilization", "1", false, true, "cpu_utilization_ratio"),
            ("net.io", "By/s", false, false, "net_io_bytes_per_seconds"),
            ("memory_bytes", "By", false, false, "memory_bytes"),
            ("5xx", "", true, false, "_5xx_total"),
        ] {
            assert_eq!(of(name, unit, counter, ratio).as_deref(), Some(wanted), "{name}");
        }
        assert_eq!(of("", "s", false, false), None);
    }
}
