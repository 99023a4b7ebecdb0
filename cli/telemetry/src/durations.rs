//! How long things took: a sparse histogram, small enough to be stored for every minute and edge.

use std::collections::BTreeMap;

use crate::tally::Quantiles;

/// Eight buckets for each power of two of nanoseconds: whatever a bucket stands for is at most 7 % off.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Durations {
    buckets: BTreeMap<u16, u32>,
    /// Nanoseconds.
    longest: u64,
}

/// Of a bucket in bytes: its number and its count.
const ENTRY: usize = 6;

impl Durations {
    pub(crate) fn add(&mut self, nanos: u64) {
        self.add_many(bucket(nanos), 1);
        self.longest = self.longest.max(nanos);
    }

    fn add_many(&mut self, bucket: u16, count: u32) {
        let cell = self.buckets.entry(bucket).or_default();
        *cell = cell.saturating_add(count);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (&bucket, &count) in &other.buckets {
            self.add_many(bucket, count);
        }
        self.longest = self.longest.max(other.longest);
    }

    pub(crate) fn quantiles(&self) -> Quantiles {
        Quantiles { p50: self.quantile(50), p99: self.quantile(99), max: self.longest }
    }

    fn quantile(&self, percent: u64) -> u64 {
        let total: u64 = self.buckets.values().map(|&count| u64::from(count)).sum();
        let rank = (total * percent).div_ceil(100).max(1);
        let mut seen = 0;
        let reached = self.buckets.iter().find(|&(_, &count)| {
            seen += u64::from(count);
            seen >= rank
        });
        reached.map_or(0, |(&bucket, _)| middle(bucket).min(self.longest))
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.longest.to_le_bytes().to_vec();
        for (bucket, count) in &self.buckets {
            bytes.extend(bucket.to_le_bytes());
            bytes.extend(count.to_le_bytes());
        }
        bytes
    }

    /// What is no histogram is an empty one.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        let Some((longest, mut rest)) = bytes.split_first_chunk() else { return Self::default() };
        let mut durations = Self { buckets: BTreeMap::new(), longest: u64::from_le_bytes(*longest) };
        while let Some(([low, high, a, b, c, d], after)) = rest.split_first_chunk::<ENTRY>() {
            durations.add_many(u16::from_le_bytes([*low, *high]), u32::from_le_bytes([*a, *b, *c, *d]));
            rest = after;
        }
        durations
    }
}

fn bucket(nanos: u64) -> u16 {
    let Some(octave) = nanos.checked_ilog2().filter(|&octave| octave >= 3) else {
        // Up to 7 each has its own.
        return u16::try_from(nanos).unwrap_or(7);
    };
    let within = (nanos >> (octave - 3)) & 7;
    u16::try_from(u64::from(octave - 2) << 3 | within).unwrap_or(u16::MAX)
}

/// The middle of what falls into a bucket, in nanoseconds.
fn middle(bucket: u16) -> u64 {
    let (octave, within) = (u32::from(bucket >> 3), u64::from(bucket & 7));
    let Some(shift) = octave.checked_sub(1) else { return within };
    if shift > 60 {
        return u64::MAX;
    }
    let lowest = (8 | within) << shift;
    lowest + ((1_u64 << shift) >> 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quantiles_are_those_of_what_was_added() {
        let mut durations = Durations::default();
        for millis in 1..=100_u64 {
            durations.add(millis * 1_000_000);
        }
        let Quantiles { p50, p99, max } = durations.quantiles();
        assert!((46_000_000..=54_000_000).contains(&p50), "{p50}");
        assert!((92_000_000..=100_000_000).contains(&p99), "{p99}");
        assert_eq!(max, 100_000_000);
        assert_eq!(Durations::default().quantiles(), Quantiles::default());
    }

    proptest! {
        #[test]
        fn every_duration_is_told_to_within_seven_percent(nanos: u64) {
            let told = middle(bucket(nanos));
            prop_assert!(told.abs_diff(nanos) <= nanos / 100 * 7 + nanos / 16 % 2 + 1, "{nanos} is told as {told}");
        }

        #[test]
        fn what_is_stored_is_what_is_read(all: Vec<u64>, noise: Vec<u8>) {
            let mut durations = Durations::default();
            all.iter().for_each(|&nanos| durations.add(nanos));
            prop_assert_eq!(&Durations::from_bytes(&durations.to_bytes()), &durations);
            let _ = Durations::from_bytes(&noise).quantiles();
        }
    }
}
