//! How far a member of a group is behind, as the client library knows it: from the ends that come with each answer to its
//! fetches, and from what it has committed. Nobody is asked for it.

use std::sync::{Arc, Mutex, PoisonError};

use kit::telemetry::Lag;
use rdkafka::Statistics;

/// The state of a partition that this member reads.
const READ: &str = "active";

/// What is known of the partitions that are this member's. Clones are of the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Lags(Arc<Mutex<Vec<Lag>>>);

impl Lags {
    /// As of the library's latest statistics; of a partition that is given away nothing is left.
    pub(super) fn learn(&self, statistics: Statistics) {
        let topics = statistics.topics.into_values();
        let lags = topics.flat_map(|topic| {
            let name = topic.topic;
            topic.partitions.into_values().filter(|partition| partition.fetch_state == READ).filter_map(move |read| {
                let records = waiting(read.hi_offset, read.lo_offset, read.committed_offset)?;
                Some(Lag { topic: name.clone(), partition: read.partition, records })
            })
        });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = lags.collect();
    }

    pub(super) fn get(&self) -> Vec<Lag> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Records from the committed offset, or from the first where nothing was committed yet, to the end; `None` as long as the end
/// is not known. What is not known is negative.
fn waiting(end: i64, first: i64, committed: i64) -> Option<u64> {
    let end = u64::try_from(end).ok()?;
    let from = u64::try_from(committed).or(u64::try_from(first)).unwrap_or(0);
    Some(end.saturating_sub(from))
}

#[cfg(test)]
mod tests {
    use super::waiting;

    /// What the library says for what it does not know.
    const INVALID: i64 = -1001;

    #[test]
    fn a_partition_waits_from_what_was_committed_or_from_its_first_record_to_its_end() {
        assert_eq!(waiting(10, 0, 10), Some(0));
        assert_eq!(waiting(10, 0, 7), Some(3));
        assert_eq!(waiting(10, 4, INVALID), Some(6), "nothing was committed yet");
        assert_eq!(waiting(10, INVALID, INVALID), Some(10));
        assert_eq!(waiting(0, 0, INVALID), Some(0), "an empty one");
        assert_eq!(waiting(INVALID, INVALID, 7), None, "nobody has answered yet");
        assert_eq!(waiting(5, 0, 7), Some(0), "an answer that is older than the commit");
    }
}
