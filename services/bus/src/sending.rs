use kit::telemetry::{self, Call, KeyValue, SpanKind, chain};

use crate::event::Event;
use crate::producer::Place;

/// The span of an event on its way to the broker, in the trace in which the event was made: the outbox has kept that.
pub(crate) struct Sending<'a> {
    event: &'a Event,
    call: Call,
}

impl<'a> Sending<'a> {
    pub(crate) fn begin(event: &'a Event) -> Self {
        let name = format!("send {}", event.topic);
        let call = Call::begin_after(event.traceparent.as_deref(), name, SpanKind::Producer, || {
            vec![
                KeyValue::new("messaging.system", "kafka"),
                KeyValue::new("messaging.operation.name", "send"),
                KeyValue::new("messaging.operation.type", "send"),
                KeyValue::new("messaging.destination.name", event.topic.clone()),
                KeyValue::new("messaging.kafka.message.key", event.key.clone()),
                KeyValue::new("messaging.message.id", event.id.to_string()),
                KeyValue::new("cloudevents.event_type", event.kind.clone()),
            ]
        });
        Self { event, call }
    }

    /// What the event's consumers go on with; `None` where its own will do.
    pub(crate) fn traceparent(&self) -> Option<String> {
        self.call.traceparent()
    }

    pub(crate) fn end(mut self, sent: &anyhow::Result<Place>) {
        match sent {
            Ok((partition, offset)) => {
                self.call.set("messaging.destination.partition.id", partition.to_string());
                self.call.set("messaging.kafka.offset", *offset);
                telemetry::sent(&self.event.topic, None);
            }
            Err(error) => {
                self.call.failed("delivery", chain(error.as_ref()));
                telemetry::sent(&self.event.topic, Some("delivery"));
            }
        }
    }
}
