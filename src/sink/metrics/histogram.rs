//! Durations sorted into fixed buckets, without a lock.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::units::Micros;

/// Upper bounds of the buckets, microseconds, inclusive: from what a status costs to what would be
/// an outage. Beyond the last one is one more bucket.
pub(super) const BOUNDS: [i64; 16] = [
    25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000,
];

/// One writer, any readers; a reader may see the newest observation in its bucket and not yet in
/// the sum.
#[derive(Debug, Default)]
pub(super) struct Histogram {
    buckets: [AtomicU64; BOUNDS.len() + 1],
    sum_us: AtomicU64,
}

impl Histogram {
    /// Takes one duration; a negative one, of clocks that disagree, counts as none.
    pub(super) fn observe(&self, took: Micros) {
        let bucket = BOUNDS.partition_point(|&bound| bound < took.0);
        // Each number stands for itself: nothing is ordered by them.
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(u64::try_from(took.0).unwrap_or(0), Ordering::Relaxed);
    }

    /// How many were at most each bound, then how many in all.
    pub(super) fn cumulative(&self) -> [u64; BOUNDS.len() + 1] {
        let mut total = 0;
        self.buckets.each_ref().map(|bucket| {
            total += bucket.load(Ordering::Relaxed);
            total
        })
    }

    /// All durations together, microseconds.
    pub(super) fn sum(&self) -> u64 {
        self.sum_us.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_at_a_bound_belongs_below_it_and_the_longest_beyond_all() {
        let histogram = Histogram::default();
        for micros in [-3, 25, 26, 2_500_001] {
            histogram.observe(Micros(micros));
        }
        let counts = histogram.cumulative();
        assert_eq!((counts[0], counts[1], counts[15], counts[16]), (2, 3, 3, 4));
        assert_eq!(histogram.sum(), 25 + 26 + 2_500_001);
    }
}
