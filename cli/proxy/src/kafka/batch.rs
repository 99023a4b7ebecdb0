//! Batches of records, taken apart and put together in another way.

use std::collections::{HashMap, VecDeque};

use anyhow::Context as _;
use bytes::{Bytes, BytesMut};
use kafka_protocol::records::{
    Compression, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, NO_SEQUENCE, Record, RecordBatchDecoder, RecordBatchEncoder,
    RecordEncodeOptions, RecordSet,
};
use rand::{rngs::StdRng, seq::SliceRandom as _};
use shopctl_protocol::POISON;

/// What a record that is no event says.
const NONSENSE: &[u8] = b"no event: a fault has made it up";

/// The same records in another order, those of a key in theirs. What has no key may stand anywhere.
///
/// # Errors
/// When it is no batch.
pub(super) fn shuffled(batch: Bytes, dice: &mut StdRng) -> anyhow::Result<Bytes> {
    let RecordSet { compression, records, .. } = decoded(batch)?;
    let first = records.first().context("a batch without records")?.sequence;
    let mut keys: Vec<Option<Bytes>> = records.iter().map(|record| record.key.clone()).collect();
    keys.shuffle(dice);
    let mut by_key: HashMap<Option<Bytes>, VecDeque<Record>> = HashMap::new();
    for record in records {
        by_key.entry(record.key.clone()).or_default().push_back(record);
    }
    let mut shuffled: Vec<Record> = keys.iter().filter_map(|key| by_key.get_mut(key)?.pop_front()).collect();
    number(&mut shuffled, first);
    encoded(&shuffled, compression)
}

/// The same records as nobody in particular publishes them.
///
/// # Errors
/// When it is no batch.
pub(super) fn again(batch: Bytes) -> anyhow::Result<Bytes> {
    let RecordSet { compression, mut records, .. } = decoded(batch)?;
    for record in &mut records {
        (record.producer_id, record.producer_epoch) = (NO_PRODUCER_ID, NO_PRODUCER_EPOCH);
    }
    number(&mut records, NO_SEQUENCE);
    encoded(&records, compression)
}

/// A record that is no event, as old as those of the batch.
///
/// # Errors
/// When it is no batch.
pub(super) fn poison(batch: Bytes) -> anyhow::Result<Bytes> {
    let record = decoded(batch)?.records.into_iter().next().context("a batch without records")?;
    let record = Record {
        producer_id: NO_PRODUCER_ID,
        producer_epoch: NO_PRODUCER_EPOCH,
        key: Some(Bytes::from_static(POISON.as_bytes())),
        value: Some(Bytes::from_static(NONSENSE)),
        headers: Default::default(),
        ..record
    };
    let mut records = [record];
    number(&mut records, NO_SEQUENCE);
    encoded(&records, Compression::None)
}

/// Offsets from 0, as a producer counts, and sequence numbers from `first`.
fn number(records: &mut [Record], first: i32) {
    for (offset, record) in (0_i32..).zip(records) {
        record.offset = i64::from(offset);
        record.sequence = first.wrapping_add(offset);
    }
}

fn decoded(mut batch: Bytes) -> anyhow::Result<RecordSet> {
    RecordBatchDecoder::decode(&mut batch)
}

fn encoded(records: &[Record], compression: Compression) -> anyhow::Result<Bytes> {
    let mut bytes = BytesMut::new();
    RecordBatchEncoder::encode(&mut bytes, records, &RecordEncodeOptions { version: 2, compression })?;
    Ok(bytes.freeze())
}

#[cfg(test)]
mod tests {
    use kafka_protocol::records::TimestampType;
    use proptest::prelude::*;
    use rand::SeedableRng as _;

    use super::*;

    fn record(offset: i32, key: &str) -> Record {
        Record {
            transactional: false,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: -1,
            producer_id: 7,
            producer_epoch: 1,
            timestamp_type: TimestampType::Creation,
            offset: i64::from(offset),
            sequence: 40 + offset,
            timestamp: 1_000 + i64::from(offset),
            key: Some(Bytes::copy_from_slice(key.as_bytes())),
            value: Some(Bytes::from(format!("{key} {offset}"))),
            headers: Default::default(),
        }
    }

    fn batch(keys: &[String]) -> Bytes {
        let records: Vec<Record> = (0..).zip(keys).map(|(offset, key)| record(offset, key)).collect();
        encoded(&records, Compression::None).expect("a batch")
    }

    fn values(batch: Bytes) -> Vec<Bytes> {
        decoded(batch).expect("a batch").records.into_iter().filter_map(|record| record.value).collect()
    }

    proptest! {
        #[test]
        fn the_order_across_keys_changes_and_that_of_a_key_never(
            keys in proptest::collection::vec("[a-d]", 1..20), seed: u64,
        ) {
            let before = values(batch(&keys));
            let shuffled = shuffled(batch(&keys), &mut StdRng::seed_from_u64(seed)).expect("a batch");
            let after = values(shuffled.clone());
            let of = |values: &[Bytes], key: &str| -> Vec<Bytes> {
                values.iter().filter(|value| value.starts_with(key.as_bytes())).cloned().collect()
            };
            for key in ["a", "b", "c", "d"] {
                prop_assert_eq!(of(&before, key), of(&after, key));
            }
            prop_assert_eq!(before.len(), after.len());
            // The broker takes it as the very batch that it stands for.
            let records = decoded(shuffled).expect("a batch").records;
            for (offset, record) in (0..).zip(&records) {
                prop_assert_eq!((record.sequence, record.producer_id, record.producer_epoch), (40 + offset, 7, 1));
            }
        }
    }

    #[test]
    fn what_is_published_again_is_nobodys_and_the_same() {
        let keys = ["a", "b", "a"].map(str::to_owned);
        let again = again(batch(&keys)).expect("a batch");
        assert_eq!(values(again.clone()), values(batch(&keys)));
        assert!(decoded(again).expect("a batch").records.iter().all(|record| record.producer_id == NO_PRODUCER_ID));
        assert_eq!(values(poison(batch(&keys)).expect("a batch")), [Bytes::from_static(NONSENSE)]);
    }
}
