//! A connection to Kafka: whoever asks where the broker is is told this port, and what is published can be struck.

mod address;
mod batch;
mod frame;
mod produce;
mod side;
mod turns;

use bytes::BytesMut;
use kafka_protocol::messages::ApiKey;
use tokio::{
    net::{TcpStream, tcp::ReadHalf},
    sync::{Mutex, watch},
};

use self::{
    frame::{Head, next},
    produce::Fate,
    side::Side,
    turns::{Then, Turns},
};
use crate::{
    Route,
    lane::{Lane, lane},
    link::Cut,
    rules::{Passage, Rules, Way},
};

/// Passes on what both sides say, until both are done.
///
/// # Errors
/// When one of them is gone, says what is no Kafka, or the edge is broken so.
pub(crate) async fn pass(
    caller: &mut TcpStream,
    called: &mut TcpStream,
    route: &Route,
    rules: watch::Receiver<Rules>,
) -> Result<(), Cut> {
    let (mut from_caller, mut to_caller) = caller.split();
    let (mut from_called, mut to_called) = called.split();
    let (there, arrived) = lane();
    let (back, returned) = lane();
    let conversation = Conversation { route, rules: &rules, turns: Mutex::new(Turns::new(back)) };
    let edge = &route.edge;
    tokio::try_join!(
        conversation.requests(&mut from_caller, there),
        conversation.responses(&mut from_called),
        arrived.write(&mut to_called, edge, rules.clone()),
        returned.write(&mut to_caller, edge, rules.clone()),
    )
    .map(drop)
}

struct Conversation<'a> {
    route: &'a Route,
    rules: &'a watch::Receiver<Rules>,
    turns: Mutex<Turns>,
}

impl Conversation<'_> {
    async fn requests(&self, from: &mut ReadHalf<'_>, mut there: Lane) -> Result<(), Cut> {
        let mut buffer = BytesMut::new();
        while let Some(frame) = next(from, &mut buffer).await? {
            let head = Head::of(&frame).ok_or(Cut)?;
            let rules = self.rules.borrow().clone();
            let passage = rules.passage(&self.route.edge, Way::There);
            if head.api != ApiKey::Produce as i16 {
                let then = address::is_told_by(head.api).map_or(Then::Pass, |api| Then::Address(api, head.version));
                self.turns.lock().await.expect(head.correlation, then);
                there.put(frame, passage).await?;
                continue;
            }
            let struck = produce::strike(frame, head, &rules).map_err(|error| self.confused(&error))?;
            let late = match (passage, struck.fate) {
                (Passage::Reset, _) => return Err(Cut),
                (_, Fate::Refused(answer)) => {
                    let mut turns = self.turns.lock().await;
                    turns.expect(head.correlation, Then::Pass);
                    turns.answer(head.correlation, answer, self.back()).await?;
                    continue;
                }
                (Passage::Held, Fate::Late(_) | Fate::Overtaken(_)) => None,
                (Passage::After(more), Fate::Late(late)) => Some((more + late, false)),
                (Passage::After(more), Fate::Overtaken(late)) => Some((more + late, true)),
            };
            if struck.is_answered {
                self.turns.lock().await.expect(head.correlation, Then::Publish(struck.extras));
            }
            match late {
                None => there.put(struck.frame, Passage::Held).await?,
                Some((late, is_overtaken)) if is_overtaken || there.holds_back(&struck.names) => {
                    there.overtaken(struck.names, late, struck.frame).await?;
                }
                Some((late, _)) => there.put(struck.frame, Passage::After(late)).await?,
            }
        }
        Ok(())
    }

    async fn responses(&self, from: &mut ReadHalf<'_>) -> Result<(), Cut> {
        let mut side = Side::new(self.route.target);
        let mut buffer = BytesMut::new();
        while let Some(frame) = next(from, &mut buffer).await? {
            let correlation = frame::correlation(&frame).ok_or(Cut)?;
            let then = self.turns.lock().await.then(correlation);
            let frame = match then {
                Then::Pass => frame,
                Then::Address(api, version) => {
                    address::told(api, version, frame, self.route.port).map_err(|error| self.confused(&error))?
                }
                Then::Publish(extras) => {
                    // Before whoever has published hears of it: what they publish next for a key stands behind this.
                    for extra in extras {
                        if let Err(error) = side.publish(&extra).await {
                            tracing::warn!(edge = self.route.edge, topic = extra.topic, "nothing was added: {error:#}");
                        }
                    }
                    frame
                }
            };
            self.turns.lock().await.answer(correlation, frame, self.back()).await?;
        }
        // The lane back ends with what was said last, whatever else is asked.
        self.turns.lock().await.close();
        Ok(())
    }

    fn back(&self) -> Passage {
        self.rules.borrow().passage(&self.route.edge, Way::Back)
    }

    /// What cannot be understood cannot be passed on: a client that learns the broker's own port would go past the proxy.
    fn confused(&self, error: &anyhow::Error) -> Cut {
        tracing::warn!(edge = self.route.edge, "a connection is closed: {error:#}");
        Cut
    }
}
