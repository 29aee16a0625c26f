//! How often each value occurred, in a few kilobytes however many there are.
//!
//! As HdrHistogram does it: values share a bucket when they agree in their highest bits, so that
//! every percentile is known to within one part in [`EXACT`], whatever its size.

/// Values below are exact; above, a bucket is as wide as one part in so many of its values.
const EXACT: u64 = 1 << EXACT_BITS;
const EXACT_BITS: u32 = 8;

/// Counts of values.
#[derive(Clone, Debug, Default)]
pub(super) struct Histogram {
    counts: Vec<u64>,
    count: u64,
    sum: u128,
    max: u64,
}

impl Histogram {
    /// Counts a value.
    pub(super) fn record(&mut self, value: u64) {
        let bucket = bucket(value);
        if bucket >= self.counts.len() {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += 1;
        self.count += 1;
        self.sum += u128::from(value);
        self.max = self.max.max(value);
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.counts.clear();
        (self.count, self.sum, self.max) = (0, 0, 0);
    }

    /// How many values there are.
    #[cfg(test)]
    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// The largest value.
    pub(super) const fn max(&self) -> u64 {
        self.max
    }

    /// The mean; zero of nothing.
    pub(super) fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum as f64 / self.count as f64 }
    }

    /// The least value that is not below `part` of all; zero of nothing. It is at most one part in
    /// [`EXACT`] too large, never too small.
    pub(super) fn percentile(&self, part: f64) -> u64 {
        let rank = ((part * self.count as f64).ceil() as u64).clamp(1, self.count.max(1));
        let mut sum = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            sum += count;
            if sum >= rank {
                return last(bucket).min(self.max);
            }
        }
        0
    }

    /// The buckets that hold something: the last value of each, and how many there are.
    pub(super) fn buckets(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let filled = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        filled.map(|(bucket, count)| (last(bucket), *count))
    }
}

/// Values below [`EXACT`] have a bucket each. Then follow, for each power of two, [`EXACT`]
/// halves: as many buckets as the top bits after the first one can make.
const fn bucket(value: u64) -> usize {
    if value < EXACT {
        return value as usize;
    }
    let shift = value.ilog2() - EXACT_BITS;
    let top = (value >> shift) - EXACT;
    (EXACT + shift as u64 * EXACT + top) as usize
}

/// The largest value of a bucket.
const fn last(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < EXACT {
        return bucket;
    }
    let (shift, top) = ((bucket - EXACT) / EXACT, (bucket - EXACT) % EXACT);
    ((EXACT + top) << shift) + ((1 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The value that a sorted list gives.
    fn exact(sorted: &[u64], part: f64) -> u64 {
        let rank = ((part * sorted.len() as f64).ceil() as usize).clamp(1, sorted.len());
        sorted[rank - 1]
    }

    proptest! {
        #[test]
        fn percentiles_are_those_of_a_sorted_list_to_one_part_in_256(
            values in prop::collection::vec((any::<u64>(), 0_u32..64).prop_map(|(value, shift)| value >> shift), 1..400),
            parts in prop::collection::vec(0.0..=1.0, 1..8),
        ) {
            let mut histogram = Histogram::default();
            values.iter().for_each(|value| histogram.record(*value));
            let mut sorted = values;
            sorted.sort_unstable();
            for part in parts.into_iter().chain([0.5, 0.99, 0.999, 1.0]) {
                let (found, expected) = (histogram.percentile(part), exact(&sorted, part));
                prop_assert!(found >= expected, "{found} is below {expected}");
                prop_assert!(found - expected <= expected / EXACT, "{found} is above {expected}");
            }
            prop_assert_eq!(histogram.count(), sorted.len() as u64);
            prop_assert_eq!(histogram.max(), sorted[sorted.len() - 1]);
        }

        #[test]
        fn a_bucket_holds_its_last_value_and_the_next_one_what_follows(value: u64) {
            let bucket_of_value = bucket(value);
            prop_assert!(last(bucket_of_value) >= value);
            prop_assert_eq!(bucket(last(bucket_of_value)), bucket_of_value);
            if let Some(next) = last(bucket_of_value).checked_add(1) {
                prop_assert_eq!(bucket(next), bucket_of_value + 1);
            }
        }
    }

    #[test]
    fn nothing_has_no_percentiles() {
        let mut histogram = Histogram::default();
        assert_eq!((histogram.percentile(0.5), histogram.mean(), histogram.max()), (0, 0.0, 0));
        histogram.record(7);
        histogram.clear();
        assert_eq!((histogram.percentile(0.5), histogram.count()), (0, 0));
    }
}
