//! The expression stage: closed unless the enrolled person sits there.
//!
//! ```text
//!              lease                      a label reaches the least confidence
//!   closed ───────────> open, unknown ─────────────────────────────────────> open, shown
//!     ^                   ^                                                   │     │
//!     │                   └───────────────────────────────────────────────────┘     │
//!     │                       it is no longer believed more than all others         │
//!     └─────────────────────────────────────────────────────────────────────────────┘
//!              no lease: belief is forgotten, and an interval that is open is not told
//! ```
//!
//! What is believed, [`Follower`] says.

use super::belief::Refused;
use super::interval::Runs;
use super::{ExpressionConfig, Follower};
use crate::data::message::{Expression, ExpressionState, Interval};
use crate::data::score::{EventScores, ExpressionCalibration, RadarExpression};
use crate::units::{HostClock, Micros, Stamp};

/// How often an unchanged state is said again, so that a late subscriber learns it.
const REPEAT: Micros = Micros::from_millis(1_000);
/// Time without a decision after which an interval that is open is not told.
const SILENCE: Micros = Micros::from_millis(500);

/// What is to be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Said {
    /// At a change, and once a second in between.
    pub expression: Option<Expression>,
    /// An expression that has ended.
    pub interval: Option<Interval>,
}

/// Follows belief while a lease holds, and says what is shown.
#[derive(Debug)]
pub struct ExpressionStage {
    /// Absent while the bundle has no expression networks.
    follower: Option<Follower>,
    /// When a lease last held.
    newest: Option<Stamp<HostClock>>,
    runs: Runs,
    said: Option<(Stamp<HostClock>, Expression)>,
}

impl ExpressionStage {
    /// A stage of a `config` and a calibration that were checked; without the latter no expression
    /// is ever shown.
    #[must_use]
    pub fn new(config: &ExpressionConfig, worth: Option<ExpressionCalibration>) -> Self {
        Self {
            follower: worth.map(|worth| Follower::new(config.routing, worth)),
            newest: None,
            runs: Runs::new(worth.map_or(1.0, |worth| worth.least_confidence)),
            said: None,
        }
    }

    /// What the radar's networks said of the frame of `now`.
    ///
    /// # Errors
    /// When the numbers are none that can be used; then nothing has changed.
    pub fn radar(
        &mut self,
        now: Stamp<HostClock>,
        scores: &RadarExpression,
    ) -> Result<(), Refused> {
        self.follower.as_mut().map_or(Ok(()), |follower| follower.radar(now, scores))
    }

    /// What the event network said of the window that ended at `now`.
    ///
    /// # Errors
    /// When the numbers are none that can be used; then nothing has changed.
    pub fn event(&mut self, now: Stamp<HostClock>, scores: &EventScores) -> Result<(), Refused> {
        self.follower.as_mut().map_or(Ok(()), |follower| follower.event(now, scores))
    }

    /// What is to be said at `now`, no earlier than before, while a lease holds or not.
    pub fn decide(&mut self, now: Stamp<HostClock>, has_lease: bool) -> Said {
        let interval = if has_lease {
            self.follow(now)
        } else {
            // Nothing that was seen before may speak in the next lease.
            if let Some(follower) = &mut self.follower {
                follower.restart();
            }
            self.newest = None;
            self.runs.cut();
            None
        };
        let shown = self.runs.shown();
        let state = match (has_lease, shown) {
            (false, _) => ExpressionState::Closed,
            (true, None) => ExpressionState::Unknown,
            (true, Some(_)) => ExpressionState::Shown,
        };
        let (label, band) = shown.unzip();
        Said { expression: self.say(now, Expression { state, label, band }), interval }
    }

    fn follow(&mut self, now: Stamp<HostClock>) -> Option<Interval> {
        if self.newest.replace(now).is_some_and(|before| now - before > SILENCE) {
            self.runs.cut();
        }
        let belief = self.follower.as_ref()?.belief(now);
        self.runs.push(now, &belief)
    }

    fn say(&mut self, now: Stamp<HostClock>, expression: Expression) -> Option<Expression> {
        let fresh = self.said.is_some_and(|(when, said)| said == expression && now - when < REPEAT);
        if fresh {
            return None;
        }
        self.said = Some((now, expression));
        Some(expression)
    }
}

#[cfg(test)]
mod tests;
