//! Counters of what the server refused and whom it threw out.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::data::Counts;

/// What is counted. The order is that of [`NAMES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// All places were taken.
    OverCap,
    /// The system could not accept, e.g. for want of descriptors.
    AcceptFailed,
    /// No HTTP, or headers too long or too many.
    BadRequest,
    /// A request whose head did not come in time, or a connection left idle, as browsers do.
    TimedOut,
    /// A connection whose answer was not taken in time.
    Stuck,
    /// A name in `Host` that is not this machine: DNS rebinding, or a proxy that must pass another.
    Host,
    /// A page of somebody else asked for the live data.
    Origin,
    /// No token, or a wrong one.
    Token,
    /// All places for viewers were taken.
    ViewersOverCap,
    /// A viewer took nothing for too long.
    EvictedStalled,
    /// A viewer said something; there is nothing to say.
    Talkative,
}

/// As they appear in counts.
const NAMES: [&str; 11] = [
    "web-refused-over-cap",
    "web-accept-failed",
    "web-bad-request",
    "web-timed-out",
    "web-stuck",
    "web-refused-host",
    "web-refused-origin",
    "web-refused-token",
    "web-refused-viewer",
    "web-evicted-stalled",
    "web-talkative",
];

/// One counter for each [`Reason`], written by the server's thread and read by anybody.
#[derive(Debug, Default)]
pub(super) struct Tally([AtomicU64; NAMES.len()]);

impl Tally {
    /// Adds one for `reason`.
    pub(super) fn add(&self, reason: Reason) {
        // Counters stand for themselves: nothing is ordered by them.
        self.0[reason as usize].fetch_add(1, Ordering::Relaxed);
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
        tally.add(Reason::OverCap);
        tally.add(Reason::Talkative);
        tally.add(Reason::Talkative);
        let counts = tally.counts();
        let counts: Vec<_> = counts.iter().collect();
        assert_eq!(counts, [("web-refused-over-cap", 1), ("web-talkative", 2)]);
    }
}
