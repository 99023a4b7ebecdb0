//! What becomes of an export, whichever protocol brought it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::{
    metrics::v1::{ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse},
    trace::v1::{ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse},
};
use prost::Message as _;

use crate::{
    chunk::{self, Chunk, Packed},
    figures::Figures,
    forward::Forward,
    metrics::Metrics,
    shed::Shed,
    store::Queue,
};

/// What is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    Traces,
    Metrics,
}

/// No protobuf message of the kind that was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the body is no {message}: {source}")]
pub(crate) struct Malformed {
    message: &'static str,
    source: prost::DecodeError,
}

#[derive(Debug)]
pub(crate) struct Intake {
    /// `None` once it is closed.
    queue: Mutex<Option<Queue>>,
    shed: Mutex<Shed>,
    pub(crate) metrics: Mutex<Metrics>,
    pub(crate) figures: Arc<Figures>,
    forward: Option<Forward>,
}

impl Intake {
    pub(crate) fn new(queue: Queue, figures: Arc<Figures>, forward: Option<Forward>) -> Self {
        let shed = Mutex::new(Shed::new(Instant::now()));
        Self { queue: Mutex::new(Some(queue)), shed, metrics: Mutex::default(), figures, forward }
    }

    /// Takes the message of an export, and answers with that of its response.
    ///
    /// # Errors
    /// When it is none. What is wrong with single spans or points is told in the response.
    pub(crate) fn take(&self, signal: Signal, body: Bytes) -> Result<Vec<u8>, Malformed> {
        let response = match signal {
            Signal::Traces => self.take_spans(body.clone())?.encode_to_vec(),
            Signal::Metrics => self.take_metrics(body.clone())?.encode_to_vec(),
        };
        if let Some(forward) = &self.forward {
            forward.offer(signal, body);
        }
        Ok(response)
    }

    /// Nothing more is taken to the store.
    pub(crate) fn close(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Answers how many spans there was no room for.
    fn put(&self, chunks: Vec<Chunk>) -> u64 {
        match &*self.queue.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(queue) => queue.put(chunks),
            None => chunks.iter().map(|chunk| u64::from(chunk.spans)).sum(),
        }
    }

    fn take_spans(&self, body: Bytes) -> Result<ExportTraceServiceResponse, Malformed> {
        let request = ExportTraceServiceRequest::decode(body)
            .map_err(|source| Malformed { message: "ExportTraceServiceRequest", source })?;
        let share = {
            let mut shed = self.shed.lock().unwrap_or_else(PoisonError::into_inner);
            shed.share(self.figures.queued.get(), Instant::now())
        };
        let Packed { chunks, kept: _, shed, invalid } = chunk::pack(request, |trace| share.keeps(trace));
        let left_out = self.put(chunks);
        self.figures.shed.add(shed + left_out);
        self.figures.refused.add(invalid);
        let mut why = Vec::new();
        if invalid > 0 {
            why.push(format!("{invalid} spans have no proper trace_id, span_id or parent_span_id"));
        }
        if shed > 0 {
            why.push(format!("{shed} were dropped: more come than can be stored, one trace in {} is kept", share.of()));
        }
        if left_out > 0 {
            why.push(format!("{left_out} were dropped: more come than can be stored"));
        }
        let partial = (!why.is_empty()).then(|| ExportTracePartialSuccess {
            rejected_spans: i64::try_from(invalid + shed + left_out).unwrap_or(i64::MAX),
            error_message: why.join("; "),
        });
        Ok(ExportTraceServiceResponse { partial_success: partial })
    }

    fn take_metrics(&self, body: Bytes) -> Result<ExportMetricsServiceResponse, Malformed> {
        let request = ExportMetricsServiceRequest::decode(body)
            .map_err(|source| Malformed { message: "ExportMetricsServiceRequest", source })?;
        let refused = {
            let mut metrics = self.metrics.lock().unwrap_or_else(PoisonError::into_inner);
            metrics.take(request, Instant::now())
        };
        self.figures.refused.add(refused.points);
        let partial = refused.why.map(|why| ExportMetricsPartialSuccess {
            rejected_data_points: i64::try_from(refused.points).unwrap_or(i64::MAX),
            error_message: why.to_owned(),
        });
        Ok(ExportMetricsServiceResponse { partial_success: partial })
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};

    use super::*;
    use crate::{
        Reader,
        shed::ROOM,
        store::{Limits, Writer},
    };

    fn export(traces: std::ops::Range<u64>) -> Bytes {
        let span = |number: u64| Span {
            trace_id: [[7; 8], number.to_be_bytes()].concat(),
            span_id: vec![1; 8],
            ..Span::default()
        };
        let scope_spans = vec![ScopeSpans { spans: traces.map(span).collect(), ..ScopeSpans::default() }];
        let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
        ExportTraceServiceRequest { resource_spans }.encode_to_vec().into()
    }

    #[test]
    fn what_there_is_no_room_for_is_let_go_by_its_trace_and_told_to_all() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let figures = Arc::new(Figures::default());
        let (queue, writer) =
            Writer::start(folder.path().to_owned(), Limits::default(), Arc::clone(&figures)).expect("it opens");
        let intake = Intake::new(queue, Arc::clone(&figures), None);
        let take = |body| {
            let response = intake.take(Signal::Traces, body).expect("it is an export");
            ExportTraceServiceResponse::decode(&*response).expect("a response").partial_success
        };
        assert_eq!(take(export(0..1000)), None);
        // As if so many waited, so that only some hundred still fit.
        figures.queued.add(ROOM - 300);
        let refused = take(export(1000..2000)).expect("not all of them fit");
        assert!((600..=1000).contains(&refused.rejected_spans), "{refused:?}");
        assert!(refused.error_message.contains("one trace in 2 is kept"), "{refused:?}");
        let dropped = figures.shed.get();
        assert_eq!(i64::try_from(dropped), Ok(refused.rejected_spans));
        figures.queued.subtract(ROOM - 300);
        // The next ones are written with what was let go before them.
        take(export(2000..2001));
        intake.close();
        writer.ended();
        let counts = Reader::open(folder.path()).and_then(|reader| reader.counts()).expect("it can be read");
        assert!(counts.dropped >= dropped && counts.spans >= 1000, "{counts:?}");
        assert_eq!(counts.spans + figures.shed.get(), 2001);
    }
}
