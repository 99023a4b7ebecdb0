//! What a partition remembers of its idempotent producers, so that a batch which is sent again is written once.

use std::collections::{HashMap, VecDeque};

use kafka_protocol::ResponseError;

use super::batch::Batch;

/// As many as an idempotent producer may have in flight.
const REMEMBERED: usize = 5;

#[derive(Debug, Default)]
pub(crate) struct Producers(HashMap<i64, Producer>);

#[derive(Debug)]
struct Producer {
    epoch: i16,
    /// The last batches, oldest first, never empty.
    batches: VecDeque<Written>,
    /// When its last batch was written or found, by the broker's clock, in milliseconds.
    seen: i64,
}

#[derive(Debug, Clone, Copy)]
struct Written {
    first_sequence: i32,
    last_sequence: i32,
    base_offset: i64,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Append,
    /// It stands in the log already, from this offset on.
    Duplicate(i64),
}

impl Producers {
    pub(crate) fn judge(&self, batch: &Batch) -> Result<Verdict, ResponseError> {
        // Of a producer that is not known (any more) whatever comes is taken, as Apache Kafka does.
        let Some(producer) = self.0.get(&batch.producer_id).filter(|_| batch.producer_id >= 0) else {
            return Ok(Verdict::Append);
        };
        if batch.producer_epoch < producer.epoch {
            return Err(ResponseError::InvalidProducerEpoch);
        }
        let first = batch.base_sequence;
        if batch.producer_epoch > producer.epoch {
            return if first == 0 { Ok(Verdict::Append) } else { Err(ResponseError::OutOfOrderSequenceNumber) };
        }
        let last = last_sequence(batch);
        let same = |written: &&Written| written.first_sequence == first && written.last_sequence == last;
        if let Some(written) = producer.batches.iter().find(same) {
            return Ok(Verdict::Duplicate(written.base_offset));
        }
        match producer.batches.back() {
            Some(previous) if following(previous.last_sequence, 1) != first => {
                Err(ResponseError::OutOfOrderSequenceNumber)
            }
            Some(_) | None => Ok(Verdict::Append),
        }
    }

    /// Notes a batch that has been written (or is found in a segment at the start).
    pub(crate) fn note(&mut self, batch: &Batch, now: i64) {
        if batch.producer_id < 0 {
            return;
        }
        let written = Written {
            first_sequence: batch.base_sequence,
            last_sequence: last_sequence(batch),
            base_offset: batch.base_offset,
        };
        let producer = self.0.entry(batch.producer_id).or_insert_with(|| Producer {
            epoch: batch.producer_epoch,
            batches: VecDeque::with_capacity(REMEMBERED),
            seen: now,
        });
        if producer.epoch != batch.producer_epoch {
            producer.epoch = batch.producer_epoch;
            producer.batches.clear();
        }
        if producer.batches.len() == REMEMBERED {
            producer.batches.pop_front();
        }
        producer.batches.push_back(written);
        producer.seen = now;
    }

    /// Forgets producers that were not heard since `oldest` (milliseconds).
    pub(crate) fn forget_before(&mut self, oldest: i64) {
        self.0.retain(|_, producer| producer.seen >= oldest);
    }
}

fn last_sequence(batch: &Batch) -> i32 {
    following(batch.base_sequence, batch.last_offset_delta)
}

/// Sequences go round after `i32::MAX` and go on with 0.
fn following(sequence: i32, by: i32) -> i32 {
    let next = (i64::from(sequence) + i64::from(by)) % (i64::from(i32::MAX) + 1);
    i32::try_from(next).unwrap_or(0)
}
