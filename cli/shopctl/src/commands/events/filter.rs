//! Which events are wanted.

use shopctl_kafka::Event;

use crate::args::events::Show;

pub(super) fn takes(args: &Show, event: &Event) -> bool {
    let key = |wanted: &String| event.raw_key.as_deref() == Some(wanted.as_bytes());
    args.key.as_ref().is_none_or(key)
        && args.kind.as_deref().is_none_or(|wanted| event.what() == Some(wanted))
        && args.order.is_none_or(|wanted| event.order() == Some(wanted))
}
