//! The lease: how long the enrolled person counts as there after the last evidence for it.

use crate::units::{HostClock, Micros, Stamp};

/// An authorisation that ends by itself.
///
/// ```text
///            support (evidence for the enrolled person)
///   open  <──────────────────────────────────────────── closed   (the state after a start)
///         ────────────────────────────────────────────>
///     revoke, or the length after the last support is over
/// ```
///
/// Nothing has to happen for it to end: whoever forgets to revoke it loses it after its length, and
/// that is at most two seconds.
#[derive(Debug, Clone, Copy)]
pub struct Lease {
    length: Micros,
    supported: Option<Stamp<HostClock>>,
}

impl Lease {
    /// The longest that a lease may be.
    pub const LONGEST: Micros = Micros::from_millis(2_000);

    /// A closed lease of `length`, cut at [`LONGEST`](Self::LONGEST).
    #[must_use]
    pub fn new(length: Micros) -> Self {
        Self { length: length.min(Self::LONGEST), supported: None }
    }

    /// Evidence for the enrolled person was seen at `now`.
    pub const fn support(&mut self, now: Stamp<HostClock>) {
        self.supported = Some(now);
    }

    /// Ends now.
    pub const fn revoke(&mut self) {
        self.supported = None;
    }

    /// How long it still holds at `now`; `None` if it does not. An instant before the support is
    /// no instant at which anything was known.
    #[must_use]
    pub fn remaining(&self, now: Stamp<HostClock>) -> Option<Micros> {
        let age = now - self.supported?;
        (age >= Micros(0) && age <= self.length).then(|| Micros(self.length.0 - age.0))
    }

    /// True if it holds at `now`.
    #[must_use]
    pub fn holds(&self, now: Stamp<HostClock>) -> bool {
        self.remaining(now).is_some()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fusion::testing::at;

    #[derive(Debug, Clone, Copy)]
    enum Act {
        Support,
        Revoke,
        Wait,
    }

    proptest! {
        #[test]
        fn it_holds_exactly_while_the_last_support_is_unrevoked_and_no_older_than_its_length(
            length in 0..5_000_i64,
            acts in prop::collection::vec(
                (0..1_500_i64, prop_oneof![Just(Act::Support), Just(Act::Revoke), Just(Act::Wait)]),
                0..40,
            ),
        ) {
            let mut lease = Lease::new(Micros::from_millis(length));
            prop_assert!(!lease.holds(at(0)), "a start is closed");
            let (mut now, mut history) = (0, Vec::new());
            for (step, act) in acts {
                now += step;
                history.push((now, act));
                match act {
                    Act::Support => lease.support(at(now)),
                    Act::Revoke => lease.revoke(),
                    Act::Wait => {}
                }
                // Backwards through the history to the first thing that settles it.
                let settled = history.iter().rev().find(|(_, act)| !matches!(act, Act::Wait));
                let model = match settled {
                    Some((then, Act::Support)) => now - then <= length.min(2_000),
                    _ => false,
                };
                prop_assert_eq!(lease.holds(at(now)), model);
            }
        }
    }
}
