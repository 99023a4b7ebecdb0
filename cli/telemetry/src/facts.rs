//! What the index and the counts need to know of a span.

use opentelemetry_proto::tonic::{common::v1::KeyValue, trace::v1::Span};

use crate::{
    otlp::{integer_of, is_error, kind, text_of},
    span::{Kind, SpanId},
    subject::Subject,
};

/// One side of a call, or of what goes through a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Half {
    pub(crate) side: Side,
    /// When it began: nanoseconds since 1970.
    pub(crate) at: u64,
    /// Nanoseconds.
    pub(crate) took: u64,
    pub(crate) failed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Side {
    /// Called by the span `caller`, if it was a span that did.
    Served {
        caller: Option<SpanId>,
    },
    /// As the span `id`; `peer` is what the caller knows of whom it called.
    Called {
        id: SpanId,
        peer: String,
    },
    Queried {
        database: String,
    },
    Published {
        topic: String,
    },
    Consumed {
        topic: String,
    },
}

/// The subjects among some attributes.
pub(crate) fn subjects(attributes: &[KeyValue]) -> impl Iterator<Item = Subject> {
    attributes.iter().filter_map(|attribute| match attribute.key.as_str() {
        "shop.order.id" => integer_of(attribute).map(Subject::Order),
        "shop.account.id" => integer_of(attribute).map(Subject::Account),
        "shop.product.id" => text_of(attribute).map(|id| Subject::Product(id.to_owned())),
        _ => None,
    })
}

/// What a span that works for somebody else, or has somebody else work, is part of.
pub(crate) fn half(span: &Span, id: SpanId, parent: Option<SpanId>) -> Option<Half> {
    let kind = kind(span);
    if kind == Kind::Internal {
        return None;
    }
    let known = Known::of(&span.attributes);
    let topic = known.topic.map(str::to_owned);
    let side = match (kind, topic) {
        (Kind::Internal, _) => return None,
        (Kind::Server, _) => Side::Served { caller: parent },
        (Kind::Producer, Some(topic)) => Side::Published { topic },
        (Kind::Consumer, Some(topic)) => Side::Consumed { topic },
        (Kind::Client, Some(topic)) if known.operation == Some("send") => Side::Published { topic },
        // Fetching and committing: what is done with a record has a span of its own.
        (Kind::Client, Some(_)) | (Kind::Producer | Kind::Consumer, None) => return None,
        (Kind::Client, None) => match known.database {
            Some(database) => Side::Queried { database: database.to_owned() },
            None => Side::Called { id, peer: known.peer() },
        },
    };
    let took = span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano);
    Some(Half { side, at: span.start_time_unix_nano, took, failed: is_error(span) })
}

/// What attributes say of the other side, by OpenTelemetry's conventions, present and former.
#[derive(Default)]
struct Known<'a> {
    topic: Option<&'a str>,
    operation: Option<&'a str>,
    database: Option<&'a str>,
    service: Option<&'a str>,
    rpc: Option<&'a str>,
    address: Option<&'a str>,
    port: Option<i64>,
}

impl<'a> Known<'a> {
    fn of(attributes: &'a [KeyValue]) -> Self {
        let mut known = Self::default();
        let mut system = None;
        for attribute in attributes {
            match attribute.key.as_str() {
                "messaging.destination.name" => known.topic = text_of(attribute),
                "messaging.operation.type" => {
                    known.operation = text_of(attribute).map(|word| if word == "publish" { "send" } else { word });
                }
                "db.namespace" | "db.name" => known.database = text_of(attribute),
                "db.system.name" | "db.system" => system = text_of(attribute),
                "service.peer.name" | "peer.service" => known.service = text_of(attribute),
                "rpc.service" => known.rpc = text_of(attribute),
                "server.address" | "net.peer.name" => known.address = text_of(attribute),
                "server.port" | "net.peer.port" => known.port = integer_of(attribute),
                _ => {}
            }
        }
        // A database that does not tell its name is known by its kind.
        known.database = system.map(|system| known.database.unwrap_or(system));
        known
    }

    /// The best name for who was called.
    fn peer(&self) -> String {
        match (self.service, self.address, self.port, self.rpc) {
            (Some(service), ..) => service.to_owned(),
            (None, Some(address), Some(port), _) => format!("{address}:{port}"),
            (None, Some(address), None, _) => address.to_owned(),
            (None, None, _, Some(rpc)) => rpc.to_owned(),
            (None, None, _, None) => "unknown".to_owned(),
        }
    }
}
