//! The identity gate: what may be said about who sits there.
//!
//! ```text
//!   frame ──> presence ──> evidence ──> lease ──> enrolled
//!                            │            ^
//!                            v            │
//!                         lockout      liveness
//!
//!   first that applies                                         says
//!   ─────────────────────────────────────────────────────────  ────────────────────────────
//!   no bundle, no radar, no network                            unknown (with that reason)
//!   fifty rejections in a row; a wait that is not over         unknown (stopped, locked-out)
//!   no frame for 500 ms; frames, but none that can be used     unknown (no-radar, degraded)
//!   the first 500 ms after a start; no echo                    nobody
//!   `require-liveness` and not alive                           unknown (not-live)
//!   evidence against                                           not-enrolled
//!   a lease holds                                              enrolled
//!   otherwise                                                  checking
//! ```
//!
//! Every row above the last two ends the lease. It fails closed: whatever is missing, late or odd
//! leads to a state that opens nothing.

use super::evidence::{Evidence, Verdict};
use super::lease::Lease;
use super::lockout::{Lock, Lockout};
use super::presence::Presence;
use super::{Config, Now};
use crate::data::LockoutRecord;
use crate::data::message::{Identity, IdentityState, Liveness, UnknownReason};
use crate::data::score::IdentityCalibration;
use crate::units::{HostClock, Micros, Stamp};

/// Age of the newest usable frame from which the radar counts as lost. A lease must end within 1 s
/// of a loss; decisions come at least every 100 ms while anything is received.
const SILENCE: Micros = Micros::from_millis(500);

/// What the gate has to decide with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Means {
    /// No model bundle is configured.
    NoBundle,
    /// There is a bundle, but no radar, which identity is checked with.
    NoRadar,
    /// There is a bundle, but no authentication network in it.
    NoNetwork,
    /// Scores arrive, and this is what they are worth.
    Scores(IdentityCalibration),
}

/// What one radar frame shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// False if samples were lost, or the frame cannot be trusted for another reason.
    pub is_usable: bool,
    /// True if something moves near enough to be somebody.
    pub has_echo: bool,
    /// Score of the authentication network, bigger is stranger; absent if it was not run. One that
    /// is not finite counts as absent.
    pub stranger: Option<f32>,
}

/// Gathers evidence and answers who sits there.
#[derive(Debug, Clone, Copy)]
pub struct IdentityGate {
    judge: Judge,
    require_liveness: bool,
    presence: Presence,
    lease: Lease,
    lockout: Lockout,
    started: Option<Stamp<HostClock>>,
    /// The newest frame, and the newest that was usable.
    heard: Option<Stamp<HostClock>>,
    usable: Option<Stamp<HostClock>>,
}

/// The test, or why there is none.
#[derive(Debug, Clone, Copy)]
enum Judge {
    Absent(UnknownReason),
    Present(Evidence),
}

impl IdentityGate {
    /// A gate that decides with `means`, of a `config` that was checked.
    #[must_use]
    pub fn new(config: &Config, means: &Means) -> Self {
        let judge = match means {
            Means::NoBundle => Judge::Absent(UnknownReason::NoBundle),
            Means::NoRadar => Judge::Absent(UnknownReason::NoRadar),
            Means::NoNetwork => Judge::Absent(UnknownReason::NoNetwork),
            Means::Scores(calibration) => Judge::Present(Evidence::new(config, calibration)),
        };
        Self {
            judge,
            require_liveness: config.require_liveness,
            presence: Presence::default(),
            lease: Lease::new(config.lease()),
            lockout: Lockout::new(),
            started: None,
            heard: None,
            usable: None,
        }
    }

    /// Goes on from the lockout that an earlier run has left behind.
    pub fn resume(&mut self, record: LockoutRecord) {
        self.lockout = Lockout::resume(record);
    }

    /// What of the lockout must outlive a restart.
    #[must_use]
    pub fn record(&self) -> LockoutRecord {
        self.lockout.record()
    }

    /// True if somebody may be in the radar frame of `now`. Asked before the frame is taken.
    #[must_use]
    pub fn sees_somebody(&self, now: Now, has_echo: bool) -> bool {
        has_echo || self.presence.somebody(now.host)
    }

    /// True if the score of somebody who is there at `now` would be used.
    pub fn wants_score(&mut self, now: Now) -> bool {
        matches!(self.judge, Judge::Present(_)) && self.lockout.look(now.boot) == Lock::Open
    }

    /// The lease as it stands.
    #[must_use]
    pub const fn lease(&self) -> Lease {
        self.lease
    }

    /// Takes the radar frame of `now`, later than the one before.
    pub fn push(&mut self, now: Now, seen: &Observation, liveness: Liveness) {
        self.started.get_or_insert(now.host);
        self.heard = Some(now.host);
        if seen.is_usable {
            // Judged before it is renewed: a loss that nobody asked about was a loss all the same.
            if self.is_silent(now.host) {
                self.forget();
            }
            self.usable = Some(now.host);
        }
        self.presence.push(now.host, seen.is_usable && seen.has_echo);
        let Judge::Present(evidence) = &mut self.judge else { return };
        let may_check = self.lockout.look(now.boot) == Lock::Open;
        if !may_check || !self.presence.somebody(now.host) {
            evidence.restart();
            self.lease.revoke();
            return;
        }
        let stranger = seen.stranger.filter(|score| seen.is_usable && score.is_finite());
        let Some(outcome) = evidence.push(now.host, stranger.map(f64::from)) else { return };
        let is_alive = !self.require_liveness || liveness == Liveness::Live;
        match (outcome.before, outcome.after, outcome.support) {
            (Verdict::Checking | Verdict::Enrolled, Verdict::NotEnrolled, _) => {
                self.lease.revoke();
                self.lockout.reject();
            }
            (_, Verdict::Enrolled, Some(support)) if is_alive => {
                // From the evidence on, and not from the frame that has completed it.
                self.lease.support(support);
                self.lockout.accept();
            }
            (_, Verdict::Enrolled, _) => {}
            (_, Verdict::Checking | Verdict::NotEnrolled, _) => self.lease.revoke(),
        }
    }

    /// The answer at `now`, no earlier than the newest frame.
    pub fn decide(&mut self, now: Now, liveness: Liveness) -> Identity {
        let started = *self.started.get_or_insert(now.host);
        let evidence = match &self.judge {
            Judge::Absent(reason) => return unknown(*reason, liveness),
            Judge::Present(evidence) => *evidence,
        };
        match self.lockout.look(now.boot) {
            Lock::Open => {}
            Lock::Waiting => return self.close(unknown(UnknownReason::LockedOut, liveness)),
            Lock::Stopped => return self.close(unknown(UnknownReason::Stopped, liveness)),
        }
        if self.is_silent(now.host) {
            let is_heard = self.heard.is_some_and(|then| now.host - then <= SILENCE);
            return self.close(if now.host - started <= SILENCE {
                Identity::plain(IdentityState::Nobody, liveness)
            } else if is_heard {
                unknown(UnknownReason::Degraded, liveness)
            } else {
                unknown(UnknownReason::NoRadar, liveness)
            });
        }
        if !self.presence.somebody(now.host) {
            return self.close(Identity::plain(IdentityState::Nobody, liveness));
        }
        if self.require_liveness && liveness == Liveness::NotLive {
            self.lease.revoke();
            return unknown(UnknownReason::NotLive, liveness);
        }
        if evidence.verdict() == Verdict::NotEnrolled {
            return Identity::plain(IdentityState::NotEnrolled, liveness);
        }
        match self.lease.remaining(now.host) {
            Some(left) => Identity {
                band: Some(evidence.band()),
                lease_ms: u32::try_from(left.0 / 1_000).ok(),
                ..Identity::plain(IdentityState::Enrolled, liveness)
            },
            None => Identity::plain(IdentityState::Checking, liveness),
        }
    }

    /// The radar is known to be lost: nobody waits for its silence.
    pub fn lose(&mut self) {
        self.forget();
        self.heard = None;
        self.usable = None;
    }

    /// The recording starts again: whoever comes now is somebody new. The lockout stays.
    pub fn restart(&mut self) {
        self.lose();
        self.started = None;
    }

    fn is_silent(&self, now: Stamp<HostClock>) -> bool {
        self.usable.is_none_or(|then| now - then > SILENCE)
    }

    fn forget(&mut self) {
        self.lease.revoke();
        self.presence = Presence::default();
        if let Judge::Present(evidence) = &mut self.judge {
            evidence.restart();
        }
    }

    /// Ends the lease, drops the evidence for it, and hands `answer` on.
    fn close(&mut self, answer: Identity) -> Identity {
        self.lease.revoke();
        if let Judge::Present(evidence) = &mut self.judge {
            evidence.restart();
        }
        answer
    }
}

const fn unknown(reason: UnknownReason, liveness: Liveness) -> Identity {
    Identity { reason: Some(reason), ..Identity::plain(IdentityState::Unknown, liveness) }
}

#[cfg(test)]
mod tests;
