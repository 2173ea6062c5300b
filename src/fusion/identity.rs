//! The identity gate: what may be said about who sits there.

use crate::data::message::{Identity, IdentityState, Liveness, UnknownReason};

/// What the gate has to decide with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// No model bundle is configured.
    NoBundle,
    /// There is a bundle, but no radar, which identity is checked with.
    NoRadar,
    /// There is a bundle, but no authentication network in it.
    NoNetwork,
}

/// Answers `unknown` with the reason, until an authentication network provides evidence.
///
/// The gate fails closed: no state of it opens the expression stage.
#[derive(Debug, Clone, Copy)]
pub struct IdentityGate {
    means: Means,
}

impl IdentityGate {
    /// A gate that decides with `means`.
    #[must_use]
    pub const fn new(means: Means) -> Self {
        Self { means }
    }

    /// The answer now. Liveness is passed on: it is a hint to receivers, and no reason to open.
    #[must_use]
    pub const fn decide(&self, liveness: Liveness) -> Identity {
        let reason = match self.means {
            Means::NoBundle => UnknownReason::NoBundle,
            Means::NoRadar => UnknownReason::NoRadar,
            Means::NoNetwork => UnknownReason::NoNetwork,
        };
        Identity { state: IdentityState::Unknown, reason: Some(reason), liveness }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_means_of_today_lets_anybody_in() {
        for means in [Means::NoBundle, Means::NoRadar, Means::NoNetwork] {
            let identity = IdentityGate::new(means).decide(Liveness::Live);
            assert_eq!(identity.state, IdentityState::Unknown);
            assert!(identity.reason.is_some());
        }
    }
}
