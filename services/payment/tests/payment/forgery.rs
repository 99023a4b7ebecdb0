//! What somebody sends who has seen genuine webhooks and has not the secret.

mod spelling;

use std::collections::BTreeMap;

use futures::{StreamExt, stream};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reqwest::StatusCode;
use reqwest::header::HeaderValue;
use time::OffsetDateTime;

use crate::shop::{Message, SECRET, Shop, payload};

/// How many forgeries are sent.
const FORGERIES: usize = 10_000;
/// Of the forgeries that chance makes, so that a failure can be repeated.
const SEED: u64 = 4;
/// Requests under way at a time.
const AT_ONCE: usize = 32;

const ID: usize = 0;
const TIMESTAMP: usize = 1;
const SIGNATURE: usize = 2;
const BODY: usize = 3;

#[tokio::test]
async fn ten_thousand_forged_webhooks_are_refused_and_leave_the_database_as_it_is() {
    let shop = Shop::start().await;
    let (_, id) = shop.session().await;
    let (_, another) = shop.session().await;
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let genuine = Message::named("msg_one", SECRET, now, &payload(&id, "SUCCESS"));
    let other = Message::named("msg_two", SECRET, now - 1, &payload(&another, "FAILED"));
    let forgeries = Forger { genuine: genuine.clone(), other }.forgeries();
    assert_eq!(forgeries.len(), FORGERIES);

    let before = shop.dump().await;
    let answers: Vec<(usize, StatusCode)> = stream::iter(forgeries.iter().enumerate())
        .map(async |(n, forgery)| (n, shop.deliver(forgery).await))
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let accepted = answers.iter().find(|(_, status)| *status != StatusCode::UNAUTHORIZED);
    assert_eq!(accepted.map(|(n, status)| (status, forgeries[*n].shown())), None);
    assert_eq!(shop.dump().await, before);
    assert_eq!(shop.deliver(&genuine).await, StatusCode::OK, "only the forgeries were wrong");
    assert_eq!(shop.stored(&id).await, "SUCCESS");
}

/// Two webhooks as they were overheard.
struct Forger {
    genuine: Message,
    other: Message,
}

impl Forger {
    /// Everything that one would think of, and chance for the rest.
    fn forgeries(&self) -> Vec<Message> {
        let thought_of = [
            self.flipped_bits(),
            self.signatures(),
            self.timestamps(),
            self.bodies(),
            self.headers(),
            self.mixtures(),
            self.moved_boundaries(),
        ];
        let mut forgeries: Vec<Message> = thought_of.into_iter().flatten().filter(|one| self.is_forged(one)).collect();
        let mut random = StdRng::seed_from_u64(SEED);
        while forgeries.len() < FORGERIES {
            let mut message = self.genuine.clone();
            for _ in 0..random.random_range(1..=4) {
                let part = random.random_range(ID..=BODY);
                edit(message.part_mut(part), &mut random);
            }
            if self.is_forged(&message) {
                forgeries.push(message);
            }
        }
        forgeries
    }

    /// Whether it can be sent at all, and does not mean what the genuine one means: HTTP takes spaces around a value
    /// away, and further signatures beside a good one are what the scheme has for rotating secrets.
    fn is_forged(&self, message: &Message) -> bool {
        let names = |message: &Message| message.headers.iter().map(|(name, _)| *name).collect::<Vec<_>>();
        let same = names(message) == names(&self.genuine)
            && [ID, TIMESTAMP, BODY].iter().all(|part| {
                let trim = |message: &Message| match *part {
                    BODY => message.body.clone(),
                    header => message.headers[header].1.trim_ascii().to_vec(),
                };
                trim(message) == trim(&self.genuine)
            })
            && {
                let genuine = &self.genuine.headers[SIGNATURE].1;
                message.headers[SIGNATURE].1.split(|byte| *byte == b' ').any(|signature| signature == genuine)
            };
        !same && message.headers.iter().all(|(_, value)| HeaderValue::from_bytes(value).is_ok())
    }

    fn with(&self, part: usize, value: impl Into<Vec<u8>>) -> Message {
        let mut message = self.genuine.clone();
        *message.part_mut(part) = value.into();
        message
    }

    fn text(&self, part: usize) -> String {
        String::from_utf8(self.genuine.clone().part_mut(part).clone()).expect("it is ASCII")
    }

    fn flipped_bits(&self) -> Vec<Message> {
        let mut forgeries = Vec::new();
        for part in ID..=BODY {
            for bit in 0..self.genuine.clone().part_mut(part).len() * 8 {
                let mut message = self.genuine.clone();
                message.part_mut(part)[bit / 8] ^= 1 << (bit % 8);
                forgeries.push(message);
            }
        }
        forgeries
    }

    /// Missing, empty, doubled, and under the names of other schemes.
    fn headers(&self) -> Vec<Message> {
        let mut forgeries = Vec::new();
        for part in ID..=SIGNATURE {
            forgeries.push(self.with(part, ""));
            let mut missing = self.genuine.clone();
            missing.headers.remove(part);
            forgeries.push(missing);
            for value in [&self.genuine.headers[part].1, &self.other.headers[part].1, &b"x".to_vec(), &Vec::new()] {
                let (mut first, mut last) = (self.genuine.clone(), self.genuine.clone());
                first.headers.insert(0, (self.genuine.headers[part].0, value.clone()));
                last.headers.push((self.genuine.headers[part].0, value.clone()));
                forgeries.extend([first, last]);
            }
            for name in ["svix-id", "x-webhook-id", "webhook_id", "webhook-timestamp-2", "x-hub-signature-256"] {
                let mut renamed = self.genuine.clone();
                renamed.headers[part].0 = name;
                forgeries.push(renamed);
            }
        }
        let long = "m".repeat(256);
        for id in ["msg_One", "msg_one2", "msg.one", "msg_one.", "msg one", "msg_on\u{435}", "%6dsg_one", "*", &long] {
            forgeries.push(self.with(ID, id));
        }
        forgeries
    }

    /// Some parts of the one message and the rest of the other.
    fn mixtures(&self) -> Vec<Message> {
        let parts = 1..0b1111_usize;
        let mixtures = parts.map(|others| {
            let mut message = self.genuine.clone();
            for part in (ID..=BODY).filter(|part| others & (1 << part) != 0) {
                *message.part_mut(part) = self.other.clone().part_mut(part).clone();
            }
            message
        });
        mixtures.collect()
    }

    /// What is signed is `id.timestamp.body`: the same text, divided elsewhere.
    fn moved_boundaries(&self) -> Vec<Message> {
        let (id, timestamp, body) = (self.text(ID), self.text(TIMESTAMP), self.text(BODY));
        let now: i64 = timestamp.parse().expect("a number");
        // As if the provider could be made to sign a body that begins like a message.
        let long = Message::named(&id, SECRET, now, &format!("{timestamp}.{body}"));
        let moved = |id: &str, timestamp: &str, body: &str, of: &Message| {
            let mut message = of.clone();
            *message.part_mut(ID) = id.into();
            *message.part_mut(TIMESTAMP) = timestamp.into();
            *message.part_mut(BODY) = body.into();
            message
        };
        vec![
            moved(&format!("{id}.{timestamp}"), &timestamp, &body, &long),
            moved(&id, &format!("{timestamp}.{timestamp}"), &body, &long),
            moved(&format!("{id}.{timestamp}"), "", &body, &self.genuine),
            moved("", &format!("{id}.{timestamp}"), &body, &self.genuine),
            moved(&id, "", &format!("{timestamp}.{body}"), &self.genuine),
            moved("", "", &format!("{id}.{timestamp}.{body}"), &self.genuine),
        ]
    }
}

/// Changes one thing, or nothing.
fn edit(bytes: &mut Vec<u8>, random: &mut StdRng) {
    let at = random.random_range(0..=bytes.len());
    let byte = random.random_range(0x20..=0xff);
    match random.random_range(0..6) {
        0 => bytes.insert(at, byte),
        1 => bytes.truncate(at),
        2 => bytes.rotate_left(at),
        3 => bytes.extend_from_within(at..),
        4 if at < bytes.len() => drop(bytes.remove(at)),
        _ if at < bytes.len() => bytes[at] = byte,
        _ => {}
    }
}

impl Message {
    fn part_mut(&mut self, part: usize) -> &mut Vec<u8> {
        match self.headers.get_mut(part) {
            Some((_, value)) => value,
            None => &mut self.body,
        }
    }

    fn shown(&self) -> String {
        let headers: BTreeMap<_, _> =
            self.headers.iter().map(|(name, value)| (name, String::from_utf8_lossy(value))).collect();
        format!("{headers:?} {}", String::from_utf8_lossy(&self.body))
    }
}
