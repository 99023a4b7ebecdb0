//! The report as one page that needs nothing else: no script, no network.

mod plot;

use std::fmt::Write as _;

use super::{Arrivals, Report, Second};
use plot::{Line, plot};

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
table{border-collapse:collapse;margin:1rem 0;font-variant-numeric:tabular-nums}\
th,td{padding:.25rem .75rem;text-align:right;border-bottom:1px solid #8884}\
th:first-child,td:first-child{text-align:left}\
figure{margin:1.5rem 0}figcaption{font-weight:600}\
svg{width:100%;height:auto}svg text{font:11px system-ui,sans-serif;fill:currentColor}\
.ok{color:#1a7f37}.bad{color:#cf222e}li{overflow-wrap:anywhere}";

/// The report as a page of HTML.
pub fn html(report: &Report) -> String {
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>shopctl checkout load</title><style>{STYLE}</style>\
         <h1>{} checkouts a second</h1>",
        round(report.rate)
    );
    summary(report, &mut page);
    steps(report, &mut page);
    plots(&report.series, &mut page);
    verdicts(report, &mut page);
    page
}

fn summary(report: &Report, page: &mut String) {
    let plan = match &report.arrivals {
        Arrivals::Closed { in_flight, time } => format!("{in_flight} in flight for {:.0} s", time.as_secs_f64()),
        Arrivals::Open(stages) => {
            let stage = |stage: &super::Stage| {
                format!("{} to {} a second in {:.0} s", stage.from, stage.to, stage.time.as_secs_f64())
            };
            stages.iter().map(stage).collect::<Vec<_>>().join(", then ")
        }
    };
    let generator = report.generator;
    let verdict = if generator.bottleneck {
        "<b class=\"bad\">it was the bottleneck</b>, and the shop may be faster than this"
    } else {
        "it was not the bottleneck"
    };
    let _ = write!(
        page,
        "<p>{plan}, seed {}. {} began, {} were paid, {} failed ({:.2} %) in {:.1} s, with {:.0} requests a second. \
         The generator used {:.0} % of a core and began checkouts {} ms late at p99: {verdict}.</p>",
        report.seed,
        report.started,
        report.paid,
        report.failed,
        report.failed_part() * 100.0,
        report.seconds,
        report.requests_per_second,
        generator.busy * 100.0,
        round(generator.late * 1000.0),
    );
}

fn steps(report: &Report, page: &mut String) {
    page.push_str("<table><tr><th>step, ms<th>count<th>mean<th>p50<th>p90<th>p95<th>p99<th>p99.9<th>max");
    for step in &report.steps {
        let _ = write!(page, "<tr><td>{}<td>{}", step.step.words(), step.count);
        for time in [step.mean, step.p50, step.p90, step.p95, step.p99, step.p999, step.max] {
            let _ = write!(page, "<td>{}", round(time * 1000.0));
        }
    }
    page.push_str("</table>");
}

fn plots(seconds: &[Second], page: &mut String) {
    let line = |name, colour, value: &dyn Fn(&Second) -> Option<f64>| Line {
        name,
        colour,
        values: seconds.iter().map(value).collect(),
    };
    let quantile = |at: usize| move |second: &Second| second.quantiles.map(|times| times[at] * 1000.0);
    let count = super::tally::real;
    let figures = [
        (
            "Checkouts a second",
            vec![
                line("began", "#8250df", &|second| Some(count(second.started))),
                line("paid", "#1a7f37", &|second| Some(count(second.ended))),
                line("failed", "#cf222e", &|second| Some(count(second.failed))),
            ],
        ),
        (
            "Whole checkouts, ms",
            vec![
                line("p50", "#0969da", &quantile(0)),
                line("p95", "#bf8700", &quantile(1)),
                line("p99", "#cf222e", &quantile(2)),
            ],
        ),
        (
            "Under way, and records that consumers are behind",
            vec![
                line("checkouts under way", "#0969da", &|second| Some(count(second.in_flight))),
                line("consumer lag", "#bf8700", &|second| {
                    second.lag.and_then(|lag| u64::try_from(lag).ok()).map(count)
                }),
            ],
        ),
    ];
    for (title, lines) in figures {
        let _ = write!(page, "<figure><figcaption>{title}</figcaption>{}</figure>", plot(title, &lines));
    }
}

fn verdicts(report: &Report, page: &mut String) {
    let mut item = |good: bool, text: &str| {
        let (class, mark) = if good { ("ok", "✓") } else { ("bad", "✗") };
        let _ = write!(page, "<li class=\"{class}\">{mark} {}", escaped(text));
    };
    for verdict in &report.thresholds {
        item(verdict.held, &format!("{}: {}", verdict.threshold, verdict.measured));
    }
    for (cause, count) in &report.errors {
        item(false, &format!("{count} x {cause}"));
    }
    let found = report.invariants.iter().flat_map(|invariants| &invariants.violations);
    for violation in report.watched.iter().chain(found) {
        let objects: Vec<String> = violation.objects.iter().map(ToString::to_string).collect();
        let (claim, objects) = (violation.claim.words(), objects.join(", "));
        item(false, &format!("{claim}: {objects}: expected {}, found {}", violation.expected, violation.found));
    }
    if let Some(invariants) = report.invariants.as_ref().filter(|invariants| invariants.held) {
        item(true, &format!("all {} invariants hold", invariants.checked.claims));
    }
    // The list has no beginning yet: it is known only now that it is not empty.
    if let Some(at) = page.find("<li ") {
        page.insert_str(at, "<h2>What was asked of it</h2><ul>");
        page.push_str("</ul>");
    }
}

/// With as many digits as anybody reads.
fn round(number: f64) -> String {
    let digits = match number.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    format!("{number:.digits$}")
}

/// Text of services, which may quote anything.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::load::{Plan, Stage, Step, tally::Tally};

    fn report(cause: &str) -> Report {
        let stage = Stage { time: Duration::from_secs(2), from: 3.0, to: 3.0 };
        let plan = Plan {
            arrivals: Arrivals::Open(vec![stage]),
            accounts: 1,
            seed: 7,
            orders: "orders.csv".into(),
            patience: Duration::from_secs(1),
            thresholds: vec!["p99<25ms".parse().expect("a threshold"), "failed<1%".parse().expect("a threshold")],
        };
        let mut tally = Tally::new(Instant::now());
        for time in [5, 7, 11] {
            tally.start(Duration::ZERO);
            tally.time(Step::Order, Duration::from_millis(time));
            tally.time(Step::Whole, Duration::from_millis(2 * time));
        }
        tally.start(Duration::ZERO);
        tally.fail(cause.to_owned());
        Report::new(&plan, tally, Duration::from_secs(2), 0.5)
    }

    #[test]
    fn the_page_has_everything_in_it_and_asks_nobody_for_more() {
        let page = html(&report("order: away"));
        for part in ["<svg", "p99&lt;25ms", "failed&lt;1%", "1 x order: away", "whole checkout", "seed 7"] {
            assert!(page.contains(part), "{part}: {page}");
        }
        for part in ["<script", "http:", "https:", "url(", "src=", "href=", "NaN", "inf"] {
            assert!(!page.contains(part), "{part}: {page}");
        }
    }

    #[test]
    fn what_a_service_says_is_no_markup() {
        let page = html(&report("order: <img src=x onerror=\"alert(1)\">&"));
        assert!(
            !page.contains("<img") && page.contains("&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&amp;"),
            "{page}"
        );
    }
}
