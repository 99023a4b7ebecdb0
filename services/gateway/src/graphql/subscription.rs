use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Context, Subscription as GraphqlSubscription};
use bus::Received;
use futures::stream::{self, BoxStream, Stream, StreamExt};
use kit::telemetry;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_stream::wrappers::{BroadcastStream, IntervalStream};

use super::order::{Order, OrderData};
use super::telling::Telling;
use crate::error::Error;
use crate::session::Session;
use crate::upstream::{self, Upstreams};

/// How often an order is asked for behind the events, in case one is missed.
const POLL: Duration = Duration::from_secs(1);

pub(crate) struct Subscription;

#[GraphqlSubscription]
impl Subscription {
    /// An order as it is now, and again after each change of its status. Ends when nothing can follow: PAID or CANCELLED.
    #[graphql(complexity = "20 + child_complexity")]
    async fn order_status(
        &self,
        ctx: &Context<'_>,
        order_id: i32,
    ) -> Result<impl Stream<Item = Result<Order, Error>> + use<>, Error> {
        let id = upstream::id("order", order_id)?;
        // Before the order is asked for: a change between the two would fall through.
        let events = ctx.data_unchecked::<bus::Feed>().subscribe();
        let asking = Asking {
            id,
            upstreams: ctx.data_unchecked::<Upstreams>().clone(),
            session: ctx.data_unchecked::<Session>().clone(),
        };
        // Until this answers nobody knows whether the caller may see the order's events.
        let now = asking.ask().await?;
        let key = id.to_string();
        let events = BroadcastStream::new(events).filter_map(move |event| {
            // What was too many at once, or can't be read, the next poll makes up for.
            ready(event.ok().filter(|event| event.key == key).and_then(|event| {
                let data: OrderData = event.data().ok()?;
                let order = data.order().filter(|order| order.id == order_id)?;
                Some(Ok(Seen { order, by: Some(event) }))
            }))
        });
        let asked = |answer: Result<Order, Error>| answer.map(|order| Seen { order, by: None });
        let polls = polls(asking).map(asked);
        let seen = stream::once(ready(asked(Ok(now)))).chain(stream::select(events, polls)).boxed();
        let telling = ctx.data_opt::<Telling>().cloned().unwrap_or_default();
        Ok(changes(seen).map(move |change| {
            change.map(|Seen { order, by }| {
                telling.begin(by.map(|event| event.telling()));
                order
            })
        }))
    }
}

/// An order as somebody has seen it, and the event that told it.
struct Seen {
    order: Order,
    by: Option<Arc<Received>>,
}

/// One order, asked for in the name of one caller.
struct Asking {
    id: u64,
    upstreams: Upstreams,
    session: Session,
}

impl Asking {
    async fn ask(&self) -> Result<Order, Error> {
        let request = upstream::personal(self.id, &self.session)?;
        let result = self.upstreams.order.clone().get_order(request).await;
        Order::from_answer(upstream::answer("order", result)?.order)
    }
}

fn polls(asking: Asking) -> impl Stream<Item = Result<Order, Error>> {
    let mut interval = interval_at(Instant::now() + POLL, POLL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    stream::unfold((IntervalStream::new(interval), asking), async |(mut interval, asking)| {
        interval.next().await;
        // A question that is asked again and again is nobody's trace.
        let answer = telemetry::untraced(asking.ask()).await;
        Some((answer, (interval, asking)))
    })
}

/// Of all that was seen of an order, in whatever order, the changes. Outages pass; any other error, such as a token that
/// has run out, is told and ends it.
fn changes(seen: BoxStream<'static, Result<Seen, Error>>) -> impl Stream<Item = Result<Seen, Error>> {
    stream::unfold(Some((seen, None)), async |state| {
        let (mut seen, version) = state?;
        loop {
            match seen.next().await? {
                Ok(one) if version.is_none_or(|version| one.order.version > version) => {
                    let rest = (!one.order.status.is_final()).then_some((seen, Some(one.order.version)));
                    return Some((Ok(one), rest));
                }
                Ok(_) => {}
                Err(error) if error.passes() => tracing::debug!("an order can't be asked for: {error}"),
                Err(error) => return Some((Err(error), None)),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;
    use crate::graphql::order::OrderStatus;

    fn order(version: u64, status: &str) -> Result<Order, Error> {
        Order::try_from(proto::pb::Order { id: 7, status: status.to_owned(), version, ..Default::default() })
    }

    async fn told(seen: Vec<Result<Order, Error>>) -> Vec<Result<OrderStatus, &'static str>> {
        let seen = seen.into_iter().map(|one| one.map(|order| Seen { order, by: None })).collect::<Vec<_>>();
        let told = changes(stream::iter(seen).boxed()).map(|one| match one {
            Ok(seen) => Ok(seen.order.status),
            Err(error) => Err(error.code()),
        });
        told.collect().await
    }

    #[tokio::test]
    async fn each_change_is_told_once_and_never_backwards() {
        let seen = vec![
            order(1, "PENDING"),
            order(1, "PENDING"),
            order(2, "PAYMENT_FAILED"),
            order(1, "PENDING"),
            order(3, "PAID"),
            order(4, "CANCELLED"),
        ];
        assert_eq!(
            told(seen).await,
            [Ok(OrderStatus::Pending), Ok(OrderStatus::PaymentFailed), Ok(OrderStatus::Paid)],
            "and PAID is the end"
        );
    }

    #[tokio::test]
    async fn an_outage_is_waited_out_and_a_refusal_ends_it() {
        let seen = vec![
            order(1, "PENDING"),
            Err(Error::unavailable("order")),
            order(2, "PAYMENT_FAILED"),
            Err(Error::new(Code::Unauthenticated, "the bearer token is not valid")),
            order(3, "PAID"),
        ];
        let expected = [Ok(OrderStatus::Pending), Ok(OrderStatus::PaymentFailed), Err("UNAUTHENTICATED")];
        assert_eq!(told(seen).await, expected);
    }
}
