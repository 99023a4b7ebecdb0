//! Logs on stderr, one event a line; the W3C trace context that ties what several services did into one trace; and, where
//! `OTEL_EXPORTER_OTLP_ENDPOINT` names a receiver, traces and metrics by the conventions of OpenTelemetry.
//!
//! What a service is asked to do is a span of tracing: its logs stand in it. What it asks of others is a [`Call`]. Which
//! traces are kept is told in [`sampler`], what remains of the others in [`keeper`]. Without a receiver all that is left of
//! this are the ids that logs, calls and events carry.

mod call;
mod context;
mod conventions;
mod export;
mod fields;
mod keeper;
mod lines;
pub(crate) mod metrics;
mod query;
mod sampler;

use std::borrow::Cow;
use std::fmt::Display;
use std::io::IsTerminal;
use std::str::FromStr;
use std::time::Duration;

use opentelemetry::Key;
use opentelemetry::trace::{Status, TraceContextExt, TracerProvider};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::filter::{FilterFn, LevelFilter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

pub use opentelemetry::trace::SpanKind;
pub use opentelemetry::{KeyValue, Value};

pub use self::call::Call;
pub use self::context::{
    ORIGIN, TRACEPARENT, is_kept, join, link, record_trace_id, same_trace, set_parent, traceparent, untraced,
};
pub use self::metrics::{Lag, backlog, consumed, measure_lag, sent};
pub use self::query::{Query, Question};
use crate::config::{self, Lookup};
use export::Settings;
use fields::Fields;
use lines::Lines;

/// The instrumentation scope of all spans and metrics.
const SCOPE: &str = "shop";

enum Format {
    Text,
    Json,
}

impl FromStr for Format {
    type Err = &'static str;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("it must be text or json"),
        }
    }
}

/// Sends all logs of this process to stderr, panics included. Only the first call in a process counts.
///
/// # Errors
/// `RUST_LOG` or `LOG_FORMAT` can't be understood.
pub fn init(service: &'static str, lookup: &Lookup) -> Result<(), config::Error> {
    let format = lookup.or("LOG_FORMAT", Format::Text)?;
    let filter = match lookup.optional::<String>("RUST_LOG")? {
        Some(directives) => {
            EnvFilter::try_new(directives).map_err(|error| config::Error::invalid("RUST_LOG", error))?
        }
        None => EnvFilter::new("info"),
    };
    let colours = std::io::stderr().is_terminal() && lookup.optional::<String>("NO_COLOR")?.is_none();
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match format {
        Format::Text => {
            fmt::layer().fmt_fields(Fields).with_writer(Lines).with_ansi(colours).with_filter(filter).boxed()
        }
        Format::Json => fmt::layer().json().flatten_event(true).with_writer(Lines).with_filter(filter).boxed(),
    };
    let provider = match Settings::from_lookup(service, lookup)? {
        Some(settings) => settings.start()?,
        // It is there to give spans the ids that logs, calls and events carry.
        None => {
            SdkTracerProvider::builder().with_resource(Resource::builder().with_service_name(service).build()).build()
        }
    };
    // Whatever is logged as a span, but not the thousands in which libraries debug themselves, and no event: those are in
    // the logs, and what a trace shall tell of them is told to it.
    let spans = FilterFn::new(|metadata| metadata.is_span() && *metadata.level() <= tracing::Level::INFO)
        .with_max_level_hint(LevelFilter::INFO);
    let traces = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer(SCOPE))
        // Attributes that nobody asks for, and a context that nobody looks at, taken down at each of the many times that a
        // span is entered and left.
        .with_tracked_inactivity(false)
        .with_context_activation(false)
        .with_threads(false)
        .with_location(false)
        .with_level(false)
        .with_target(false)
        .with_filter(spans);
    let subscriber = Registry::default().with(lines).with(traces);
    if tracing::subscriber::set_global_default(subscriber).is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            let at = panic.location().map(ToString::to_string).unwrap_or_default();
            tracing::error!(at, "panicked: {}", panic.payload_as_str().unwrap_or("for a reason that is no text"));
        }));
    }
    Ok(())
}

/// Sends the last spans and metrics, for a moment at most.
pub(crate) fn flush() {
    export::flush();
}

/// Whether there is a receiver: else nothing is worth doing that is for telemetry alone.
pub fn is_exporting() -> bool {
    export::get().is_some()
}

/// How often metrics are sent, if there is a receiver.
pub fn interval() -> Option<Duration> {
    export::get().map(|export| export.interval)
}

/// Adds an attribute to the current span.
pub fn attribute(key: impl Into<Key>, value: impl Into<Value>) {
    attribute_of(&Span::current(), key, value);
}

/// Adds an attribute to `span`.
pub fn attribute_of(span: &Span, key: impl Into<Key>, value: impl Into<Value>) {
    if is_exporting() {
        span.set_attribute(key, value);
    }
}

/// Gives `span` a name that was not known when it began.
pub fn rename(span: &Span, name: impl Into<Cow<'static, str>>) {
    if is_exporting() {
        span.context().span().update_name(name);
    }
}

/// The current span came to nothing: `kind` is one of few words, `message` for people.
pub fn failed(kind: &str, message: impl Display) {
    if is_exporting() {
        let span = Span::current();
        span.set_attribute("error.type", kind.to_owned());
        span.set_status(Status::error(message.to_string()));
    }
}

/// Something went wrong in the current span, whatever comes of that.
pub fn exception(kind: &str, message: impl Display) {
    if is_exporting() {
        let attributes = vec![
            KeyValue::new("exception.type", kind.to_owned()),
            KeyValue::new("exception.message", message.to_string()),
        ];
        Span::current().add_event("exception", attributes);
    }
}

/// An error and its causes in one line. Some libraries repeat a cause in the message: it is told once.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        if !told.ends_with(&message) {
            told = format!("{told}: {message}");
        }
        cause = error.source();
    }
    told
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write;
    use std::sync::{Arc, LazyLock, Mutex};

    use tracing::Dispatch;

    use super::*;

    /// As long as there is only one subscriber, tracing asks nobody but the current thread's about a span that is new:
    /// a test without one would then switch the span off for the others. So there is always one more.
    static ANOTHER: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(Registry::default()));

    /// What was logged, in traces as of [`init`].
    #[derive(Clone, Default)]
    pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

    impl Log {
        pub(crate) fn subscriber(&self) -> impl tracing::Subscriber + Send + Sync + use<> {
            LazyLock::force(&ANOTHER);
            let log = self.clone();
            let provider = SdkTracerProvider::builder().build();
            let traces =
                tracing_opentelemetry::layer().with_tracer(provider.tracer("test")).with_context_activation(false);
            Registry::default()
                .with(fmt::layer().fmt_fields(Fields).with_ansi(false).with_writer(move || log.clone()))
                .with(traces)
        }

        pub(crate) fn text(&self) -> String {
            String::from_utf8_lossy(&self.0.lock().expect("no panic")).into_owned()
        }
    }

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("no panic").write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn in_a_trace<T>(work: impl FnOnce() -> T) -> T {
        tracing::subscriber::with_default(Log::default().subscriber(), work)
    }

    #[test]
    fn a_span_goes_on_with_the_trace_it_was_given() {
        in_a_trace(|| {
            let span = tracing::info_span!("work", trace_id = tracing::field::Empty);
            set_parent(&span, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
            record_trace_id(&span);
            let ours = span.in_scope(traceparent).expect("in a trace");
            assert!(ours.starts_with("00-0af7651916cd43dd8448eb211c80319c-"), "{ours}");
            assert!(!ours.contains("b7ad6b7169203331"), "a span has its own id: {ours}");
        });
    }

    #[test]
    fn a_request_without_a_trace_may_join_one_as_long_as_nobody_has_asked_for_its_own() {
        let (earlier, caller) = (
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
        );
        in_a_trace(|| {
            let ours = |span: Span| {
                span.in_scope(|| {
                    join(Some(earlier));
                    join(None);
                    traceparent().expect("in a trace")
                })
            };
            let late = ours(tracing::info_span!("late", trace_id = tracing::field::Empty));
            assert!(same_trace(&late, earlier) && late.ends_with("-01"), "{late}");
            let called = tracing::info_span!("called", trace_id = tracing::field::Empty);
            set_parent(&called, caller);
            record_trace_id(&called);
            let called = ours(called);
            assert!(same_trace(&called, caller) && called.ends_with("-00"), "its caller has decided: {called}");
        });
    }

    #[test]
    fn a_traceparent_that_means_nothing_begins_a_new_trace() {
        in_a_trace(|| {
            for nonsense in [
                "",
                "00",
                "zz-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                "00-00000000000000000000000000000000-0000000000000000-01",
            ] {
                let span = tracing::info_span!("work");
                set_parent(&span, nonsense);
                let ours = span.in_scope(traceparent).expect("in a trace");
                assert!(!ours.contains("0af7651916cd43dd8448eb211c80319c") && ours.len() == 55, "{ours}");
            }
        });
    }

    #[test]
    fn lines_are_for_people() {
        let log = Log::default();
        tracing::subscriber::with_default(log.subscriber(), || {
            let _span = tracing::info_span!("http", route = "/x", otel.name = "GET /x").entered();
            tracing::info!(status = 200, "answered \u{1b}[2J");
        });
        let log = log.text();
        assert!(
            log.contains(r#"http{route="/x"}: "#) && log.contains("answered") && log.ends_with("status=200\n"),
            "{log}"
        );
        assert!(!log.contains('\u{1b}'), "{log}");
    }

    #[test]
    fn nothing_that_a_caller_says_moves_the_cursor_of_who_reads_the_log() {
        let evil = "mug\u{1b}[2J\u{9b}31m\r\n2026 INFO forged\u{8}\u{202e}\u{2028}\u{200b}";
        let log = Log::default();
        tracing::subscriber::with_default(log.subscriber(), || {
            let error = std::io::Error::other(evil);
            let _span = tracing::info_span!("http", route = %evil, method = ?evil).entered();
            tracing::warn!(name = %evil, text = evil, debug = ?evil, error = &error as &dyn std::error::Error, "{evil}");
        });
        let log = log.text();
        assert_eq!(log.matches("forged").count(), 7, "{log}");
        let line = log.strip_suffix('\n').expect("a line");
        assert_eq!(crate::text::escape_control(line), line);
    }

    #[test]
    fn a_chain_tells_each_cause_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("the key can't be read: {0}")]
        struct Repeats(#[source] std::io::Error);
        let error = anyhow::Error::new(Repeats(std::io::Error::other("no such file"))).context("can't start");
        assert_eq!(chain(error.as_ref()), "can't start: the key can't be read: no such file");
    }

    #[test]
    fn outside_of_a_trace_there_is_no_traceparent() {
        assert_eq!(traceparent(), None);
    }
}
