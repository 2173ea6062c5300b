//! Counters of what the guard let in, refused, dropped and threw out.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::data::Counts;

/// What is counted. The order is that of [`NAMES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// A connection was let in. The only reason that is no trouble.
    Accepted,
    /// All places were taken.
    RefusedOverCap,
    /// The system could not accept, e.g. for want of descriptors.
    AcceptFailed,
    /// Greeting and READY took too long.
    HandshakeTimeout,
    /// Not ZMTP 3 with mechanism NULL.
    BadGreeting,
    /// A READY that is none, or of a socket that is no SUB.
    NotASubscriber,
    /// A frame too long, with reserved flags, in several parts, or without meaning.
    BadFrame,
    /// One more subscription than allowed.
    TooManySubscriptions,
    /// A message was dropped because one subscriber is slow; counted for each subscriber.
    DroppedSlow,
    /// A subscriber took nothing for too long.
    EvictedStalled,
    /// A message was too large to be sent to anybody.
    Oversized,
}

/// As they appear in counts.
const NAMES: [&str; 11] = [
    super::ACCEPTED,
    "publish-refused-over-cap",
    "publish-accept-failed",
    "publish-handshake-timeout",
    "publish-bad-greeting",
    "publish-not-a-subscriber",
    "publish-bad-frame",
    "publish-too-many-subscriptions",
    "publish-dropped-slow",
    "publish-evicted-stalled",
    "publish-oversized",
];

/// One counter for each [`Reason`], written by the publisher thread and read by anybody.
#[derive(Debug, Default)]
pub(super) struct Tally([AtomicU64; NAMES.len()]);

impl Tally {
    /// Adds `n` for `reason`.
    pub(super) fn add(&self, reason: Reason, n: u64) {
        // Counters stand for themselves: nothing is ordered by them.
        self.0[reason as usize].fetch_add(n, Ordering::Relaxed);
    }

    /// All counts so far.
    pub(super) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for (name, counter) in NAMES.into_iter().zip(&self.0) {
            counts.add(name, counter.load(Ordering::Relaxed));
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_counts_under_its_own_name() {
        let tally = Tally::default();
        tally.add(Reason::Accepted, 1);
        tally.add(Reason::DroppedSlow, 2);
        tally.add(Reason::Oversized, 3);
        let counts = tally.counts();
        let counts: Vec<_> = counts.iter().collect();
        let expected =
            [("publish-accepted", 1), ("publish-dropped-slow", 2), ("publish-oversized", 3)];
        assert_eq!(counts, expected);
    }
}
