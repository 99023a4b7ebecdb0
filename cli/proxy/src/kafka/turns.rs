//! Responses go back in the order of their requests, as Kafka promises, also where some are answered here or overtake others.

use std::collections::VecDeque;

use bytes::Bytes;
use kafka_protocol::messages::ApiKey;

use super::side::Extra;
use crate::{lane::Lane, link::Cut, rules::Passage};

/// What is done with a response before it is passed on.
#[derive(Debug)]
pub(super) enum Then {
    Pass,
    /// It tells where the broker is.
    Address(ApiKey, i16),
    /// It says that the broker has something; then this is published, too.
    Publish(Vec<Extra>),
}

#[derive(Debug)]
pub(super) struct Turns {
    waiting: VecDeque<Turn>,
    /// Until the broker has hung up.
    back: Option<Lane>,
}

#[derive(Debug)]
struct Turn {
    correlation: i32,
    then: Then,
    answer: Option<(Bytes, Passage)>,
}

impl Turns {
    pub(super) fn new(back: Lane) -> Self {
        Self { waiting: VecDeque::new(), back: Some(back) }
    }

    /// There will be an answer to this request.
    pub(super) fn expect(&mut self, correlation: i32, then: Then) {
        self.waiting.push_back(Turn { correlation, then, answer: None });
    }

    /// What is to be done with the response to it, once.
    pub(super) fn then(&mut self, correlation: i32) -> Then {
        let turn = self.find(correlation);
        turn.map_or(Then::Pass, |turn| std::mem::replace(&mut turn.then, Then::Pass))
    }

    /// Sends it back as soon as all that was asked before is answered.
    ///
    /// # Errors
    /// When the connection is over, or this ends it.
    pub(super) async fn answer(&mut self, correlation: i32, frame: Bytes, passage: Passage) -> Result<(), Cut> {
        // To a question that nobody has asked there is no answer.
        self.find(correlation).ok_or(Cut)?.answer = Some((frame, passage));
        while let Some((frame, passage)) = self.waiting.front_mut().and_then(|turn| turn.answer.take()) {
            self.waiting.pop_front();
            self.back.as_mut().ok_or(Cut)?.put(frame, passage).await?;
        }
        Ok(())
    }

    pub(super) fn close(&mut self) {
        self.back = None;
    }

    fn find(&mut self, correlation: i32) -> Option<&mut Turn> {
        self.waiting.iter_mut().find(|turn| turn.correlation == correlation && turn.answer.is_none())
    }
}
