//! What an order waits for: at which hop, since when, why, and when somebody tries again.

use serde::Serialize;

use crate::{
    event::{Event, Reading},
    facts::{Delivery, Facts, Resource, Telling, Transaction, Webhook},
    moment::Stamp,
};

/// One thing that has to happen next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Wait {
    /// The service or piece of infrastructure at which it stands.
    pub hop: String,
    /// What has happened, and what has not.
    pub what: String,
    /// What is in the way, as far as anybody knows.
    pub why: Option<String>,
    pub r#for: For,
    pub since: Option<Stamp>,
    /// Tries so far.
    pub attempt: Option<u32>,
    /// When it is tried again.
    pub next: Option<Stamp>,
}

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum For {
    /// A customer's: nothing is wrong, and it may take for ever.
    Person,
    /// The shop's: it takes milliseconds if nothing is wrong.
    Shop,
    /// Nobody's: without a hand it stays so.
    Hand,
}

/// What is known when the question is asked.
pub(crate) struct Scene<'a> {
    pub(crate) facts: &'a Facts,
    pub(crate) events: &'a [Event],
    pub(crate) readings: &'a [Reading],
    pub(crate) resources: &'a [Resource],
}

impl Wait {
    fn new(hop: &str, what: impl Into<String>, r#for: For, since: Option<Stamp>) -> Self {
        Self { hop: hop.to_owned(), what: what.into(), why: None, r#for, since, attempt: None, next: None }
    }

    fn because(mut self, why: Option<String>) -> Self {
        self.why = why;
        self
    }

    /// What stays the same as long as nothing happens.
    #[must_use]
    pub fn sentence_without_times(&self) -> String {
        let timeless = Self { attempt: None, next: None, ..self.clone() };
        timeless.sentence(Stamp::default())
    }

    /// In words: `payment: webhook received, order not told: order is unreachable, attempt 7, next in 8 s`.
    #[must_use]
    pub fn sentence(&self, now: Stamp) -> String {
        let mut text = format!("{}: {}", self.hop, self.what);
        if let Some(why) = &self.why {
            text.push_str(": ");
            text.push_str(why);
        }
        if let Some(attempt) = self.attempt {
            text.push_str(&format!(", attempt {attempt}"));
        }
        match self.next {
            Some(next) if next > now => text.push_str(&format!(", next in {}", rough(next, now))),
            Some(_) => text.push_str(", next at once"),
            None => {}
        }
        text
    }

    /// How long it has been so.
    #[must_use]
    pub fn lasting(&self, now: Stamp) -> Option<String> {
        self.since.map(|since| rough(now, since))
    }
}

/// To the second, as long as that says something.
fn rough(later: Stamp, earlier: Stamp) -> String {
    let took = later.since(earlier);
    match took.0 {
        0..1_000_000_000 => took.to_string(),
        nanos @ 1_000_000_000..100_000_000_000 => format!("{} s", nanos.div_ceil(1_000_000_000)),
        _ => took.to_string(),
    }
}

/// All that the order waits for, in the order of its way.
pub(crate) fn waits(scene: &Scene<'_>) -> Vec<Wait> {
    let mut waits = scene.unpublished();
    waits.extend(scene.untold());
    waits.extend(scene.payment());
    waits.extend(scene.refused());
    waits
}

impl Scene<'_> {
    /// A resource that is not ready.
    fn ill(&self, name: &str) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.name == name && !resource.ready)
    }

    /// What is the matter with a resource, if anything is: `order is stopped`.
    fn trouble(&self, name: &str) -> Option<String> {
        let resource = self.ill(name)?;
        Some(match &resource.why {
            Some(why) => format!("{name} is {} ({why})", resource.state),
            None => format!("{name} is {}", resource.state),
        })
    }

    fn unpublished(&self) -> Vec<Wait> {
        let why = self.trouble("order").or_else(|| self.trouble("kafka"));
        let wait = |waiting: &crate::Unpublished| {
            let what = format!("{} committed, not published", waiting.kind);
            Wait::new("order", what, For::Shop, Some(waiting.occurred)).because(why.clone())
        };
        self.facts.unpublished.iter().map(wait).collect()
    }

    /// For each group the first event that it has not dealt with: those behind it wait for that one.
    fn untold(&self) -> Vec<Wait> {
        let mut waits = Vec::new();
        // A group of nobody who belongs to the shop, and that nobody is in any more, keeps nobody waiting.
        let counts = |reading: &&Reading| {
            reading.members > 0 || self.resources.iter().any(|resource| resource.name == reading.group)
        };
        for reading in self.readings.iter().filter(counts) {
            let here = |event: &&Event| event.topic == reading.topic && event.partition == reading.partition;
            let open = |event: &&Event| {
                reading.committed.is_none_or(|committed| committed <= event.offset) && !self.has_taken(reading, event)
            };
            let mut events: Vec<&Event> = self.events.iter().filter(here).filter(open).collect();
            events.sort_by_key(|event| event.offset);
            let Some(event) = events.first() else { continue };
            let kind = event.r#type.as_deref().unwrap_or("an event");
            let place = format!("{} {}:{}", event.topic, event.partition, event.offset);
            let what = format!("{kind} published ({place}), not taken in");
            let before = event.offset - reading.committed.unwrap_or(0);
            let why = self.trouble(&reading.group).or_else(|| match (reading.members, before) {
                (0, _) => Some(format!("nobody is in the consumer group {}", reading.group)),
                (_, 1..) => Some(format!("{before} records stand before it")),
                (_, _) => None,
            });
            waits.push(Wait::new(&reading.group, what, For::Shop, event.time).because(why));
        }
        waits
    }

    /// Offsets are committed twice a second: the effect may be there before that.
    fn has_taken(&self, reading: &Reading, event: &Event) -> bool {
        let taken =
            |id: &String| self.facts.taken.iter().any(|taken| taken.group == reading.group && taken.event == *id);
        event.id.as_ref().is_some_and(taken)
    }

    fn payment(&self) -> Vec<Wait> {
        let facts = self.facts;
        let Some(order) = &facts.order else { return Vec::new() };
        let mut waits: Vec<Wait> = facts.deliveries.iter().filter_map(|delivery| self.undelivered(delivery)).collect();
        waits.extend(facts.tellings.iter().map(|telling| self.unheard(telling)));
        if !waits.is_empty() {
            return waits;
        }
        let open = facts.transactions.iter().find(|transaction| transaction.status == "PENDING");
        match (order.status.as_str(), open) {
            ("CANCELLED" | "PAID", _) => {}
            (_, Some(Transaction { id, created, .. })) => {
                let what = format!("the payment page of {id} is open, nobody has decided");
                waits.push(Wait::new("payment", what, For::Person, Some(*created)).because(self.trouble("payment")));
            }
            ("PAYMENT_FAILED", None) => {
                let since = self.last_event("order_payment_failed");
                waits.push(Wait::new("payment", "it failed, nobody has tried again", For::Person, since));
            }
            (_, None) => {
                let wait =
                    Wait::new("payment", "nobody has opened a checkout session", For::Person, Some(order.created));
                waits.push(wait.because(self.trouble("payment")));
            }
        }
        let paid = facts.transactions.iter().find(|one| one.status == "SUCCESS" && one.settled.is_some());
        if let (false, Some(Transaction { id, settled, .. })) = (order.status == "PAID", paid) {
            let what = format!("{id} is SUCCESS and settled, and yet the order is {}", order.status);
            let why = "`shopctl verify` tells what else does not fit".to_owned();
            waits.push(Wait::new("order", what, For::Hand, *settled).because(Some(why)));
        }
        waits
    }

    fn undelivered(&self, delivery: &Delivery) -> Option<Wait> {
        let due = delivery.due?;
        let wait =
            Wait::new("payment", "decided on its page, webhook not delivered", For::Shop, Some(delivery.created));
        let why = match (self.trouble("payment"), &delivery.answer) {
            (Some(trouble), _) => Some(trouble),
            (None, Some(answer)) if answer.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(format!("it was answered {answer}"))
            }
            (None, Some(answer)) => Some(answer.clone()),
            (None, None) => None,
        };
        Some(Wait { attempt: Some(delivery.attempts), next: Some(due), ..wait.because(why) })
    }

    fn unheard(&self, telling: &Telling) -> Wait {
        let of_it = |webhook: &&Webhook| webhook.transaction == telling.transaction;
        let since = self.facts.webhooks.iter().filter(of_it).map(|webhook| webhook.first).min();
        let away = telling.error.as_deref().is_some_and(|error| error.starts_with("order's service can't be reached"));
        let why = match (self.trouble("payment"), self.ill("order"), &telling.error) {
            (Some(trouble), _, _) => Some(trouble),
            (None, Some(order), Some(_)) if away => Some(format!("order is unreachable ({})", order.state)),
            (None, _, Some(_)) if away => Some("order is unreachable".to_owned()),
            (None, _, error) => error.clone(),
        };
        let wait = Wait::new("payment", "webhook received, order not told", For::Shop, since).because(why);
        Wait { attempt: Some(telling.attempts), next: Some(telling.due), ..wait }
    }

    /// Dead letters whose event had no effect since.
    fn refused(&self) -> Vec<Wait> {
        let mut waits = Vec::new();
        for letter in self.events.iter().filter(|event| event.is_dead()) {
            let group = letter.refused_by.as_deref().unwrap_or("somebody");
            let redriven =
                self.facts.taken.iter().any(|taken| taken.group == group && letter.id.as_ref() == Some(&taken.event));
            if redriven {
                continue;
            }
            let kind = letter.r#type.as_deref().unwrap_or("a record");
            let what = format!(
                "{kind} refused, now {} {}:{} (`shopctl events redrive {} --offset {}:{}`)",
                letter.topic, letter.partition, letter.offset, letter.topic, letter.partition, letter.offset
            );
            waits.push(Wait::new(group, what, For::Hand, letter.time).because(letter.refused_why.clone()));
        }
        waits
    }

    fn last_event(&self, kind: &str) -> Option<Stamp> {
        let told = self.events.iter().filter(|event| event.r#type.as_deref() == Some(kind) && !event.is_dead());
        told.filter_map(|event| event.occurred.or(event.time)).max()
    }
}
