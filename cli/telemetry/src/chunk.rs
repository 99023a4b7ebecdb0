//! What is stored at once: the spans of one trace that came together from one resource.

use std::{collections::HashMap, sync::Arc};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::InstrumentationScope,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prost::Message as _;

use crate::{
    facts::{self, Half},
    otlp::service_name,
    span::{SpanId, TraceId},
    subject::Subject,
};

#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) trace: TraceId,
    pub(crate) resource: Arc<str>,
    /// A `ResourceSpans` of OTLP without its resource.
    pub(crate) data: Vec<u8>,
    pub(crate) spans: u32,
    /// When the first of them began: nanoseconds since 1970.
    pub(crate) first: u64,
    /// Whether one of them has no parent.
    pub(crate) root: bool,
    /// Each once.
    pub(crate) subjects: Vec<Subject>,
    pub(crate) halves: Vec<Half>,
}

/// Subjects of one chunk that are indexed: a seed's span may name every product.
const MOST_SUBJECTS: usize = 64;

/// What became of an export's spans.
#[derive(Debug, Default)]
pub(crate) struct Packed {
    pub(crate) chunks: Vec<Chunk>,
    /// In the chunks.
    pub(crate) kept: u64,
    /// That `keep` did not want.
    pub(crate) shed: u64,
    /// Without a proper id.
    pub(crate) invalid: u64,
}

/// Sorts an export's spans by their traces, those that `keep` wants.
pub(crate) fn pack(request: ExportTraceServiceRequest, keep: impl Fn(TraceId) -> bool) -> Packed {
    let mut packed = Packed::default();
    for sent in request.resource_spans {
        let resource: Arc<str> = service_name(sent.resource.as_ref()).into();
        let attributes = sent.resource.as_ref().map_or(&[][..], |resource| &resource.attributes);
        let common: Vec<Subject> = facts::subjects(attributes).collect();
        let mut open: HashMap<TraceId, Open> = HashMap::new();
        for (number, scope) in sent.scope_spans.into_iter().enumerate() {
            let head = Scope { number, scope: scope.scope, schema_url: scope.schema_url };
            for span in scope.spans {
                let Some((trace, id, parent)) = ids(&span) else {
                    packed.invalid += 1;
                    continue;
                };
                if !keep(trace) {
                    packed.shed += 1;
                    continue;
                }
                packed.kept += 1;
                open.entry(trace).or_insert_with(|| Open::new(common.clone())).add(&head, span, id, parent);
            }
        }
        packed.chunks.extend(open.into_iter().map(|(trace, open)| open.close(trace, Arc::clone(&resource))));
    }
    packed
}

/// Of the trace, the span and its parent; `None` where one of them is no id.
fn ids(span: &Span) -> Option<(TraceId, SpanId, Option<SpanId>)> {
    let parent = match span.parent_span_id.as_slice() {
        // Some send zeros for a root.
        [] | [0, 0, 0, 0, 0, 0, 0, 0] => None,
        bytes => Some(SpanId::from_bytes(bytes)?),
    };
    Some((TraceId::from_bytes(&span.trace_id)?, SpanId::from_bytes(&span.span_id)?, parent))
}

/// The scope that spans come from, by its place in the export.
struct Scope {
    number: usize,
    scope: Option<InstrumentationScope>,
    schema_url: String,
}

/// A chunk in the making.
struct Open {
    scopes: Vec<ScopeSpans>,
    /// Of the last one.
    scope: Option<usize>,
    spans: u32,
    first: u64,
    root: bool,
    subjects: Vec<Subject>,
    halves: Vec<Half>,
}

impl Open {
    fn new(subjects: Vec<Subject>) -> Self {
        Self { scopes: Vec::new(), scope: None, spans: 0, first: u64::MAX, root: false, subjects, halves: Vec::new() }
    }

    fn add(&mut self, head: &Scope, span: Span, id: SpanId, parent: Option<SpanId>) {
        self.spans += 1;
        self.first = self.first.min(span.start_time_unix_nano);
        self.root |= parent.is_none();
        for subject in facts::subjects(&span.attributes) {
            if self.subjects.len() < MOST_SUBJECTS && !self.subjects.contains(&subject) {
                self.subjects.push(subject);
            }
        }
        self.halves.extend(facts::half(&span, id, parent));
        if self.scope != Some(head.number) {
            self.scope = Some(head.number);
            let (scope, schema_url) = (head.scope.clone(), head.schema_url.clone());
            self.scopes.push(ScopeSpans { scope, spans: Vec::new(), schema_url });
        }
        if let Some(last) = self.scopes.last_mut() {
            last.spans.push(span);
        }
    }

    fn close(self, trace: TraceId, resource: Arc<str>) -> Chunk {
        let Self { scopes, scope: _, spans, first, root, subjects, halves } = self;
        let data = ResourceSpans { resource: None, scope_spans: scopes, schema_url: String::new() }.encode_to_vec();
        Chunk { trace, resource, data, spans, first, root, subjects, halves }
    }
}
