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

use super::belief::{self, Belief, IGNORANCE, Refused, Witness};
use super::interval::Runs;
use super::{ExpressionConfig, Routing};
use crate::data::At;
use crate::data::message::{Expression, ExpressionState, Interval};
use crate::data::score::{EventScores, ExpressionCalibration, RadarExpression};
use crate::units::{HostClock, Micros, Stamp};

/// How often an unchanged state is said again, so that a late subscriber learns it.
const REPEAT: Micros = Micros::from_millis(1_000);
/// Age from which an answer of a network counts no more.
const STALE: Micros = Micros::from_millis(500);

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
    routing: Routing,
    /// Seconds.
    smoothing: f64,
    /// Absent while the bundle has no expression networks.
    worth: Option<ExpressionCalibration>,
    radar: Option<At<Witness>>,
    event: Option<At<Witness>>,
    /// Belief while open, and when it was true.
    belief: Option<At<Belief>>,
    runs: Runs,
    said: Option<(Stamp<HostClock>, Expression)>,
}

impl ExpressionStage {
    /// A stage of a `config` and a calibration that were checked; without the latter no expression
    /// is ever shown.
    #[must_use]
    pub fn new(config: &ExpressionConfig, worth: Option<ExpressionCalibration>) -> Self {
        Self {
            routing: config.routing,
            smoothing: Micros::from_millis(config.smoothing_ms.into()).as_seconds(),
            worth,
            radar: None,
            event: None,
            belief: None,
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
        if let Some(worth) = &self.worth {
            let value = belief::of_radar(scores, self.routing, worth)?;
            self.radar = Some(At { stamp: now, value });
        }
        Ok(())
    }

    /// What the event network said of the window that ended at `now`.
    ///
    /// # Errors
    /// When the numbers are none that can be used; then nothing has changed.
    pub fn event(&mut self, now: Stamp<HostClock>, scores: &EventScores) -> Result<(), Refused> {
        if let Some(worth) = &self.worth {
            let value = belief::of_event(scores, worth)?;
            self.event = Some(At { stamp: now, value });
        }
        Ok(())
    }

    /// What is to be said at `now`, no earlier than before, while a lease holds or not.
    pub fn decide(&mut self, now: Stamp<HostClock>, has_lease: bool) -> Said {
        let interval = if has_lease {
            self.follow(now)
        } else {
            // Nothing that was seen before may speak in the next lease.
            (self.belief, self.radar, self.event) = (None, None, None);
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

    /// Belief follows what is fresh: `b += (1 - exp(-dt / tau)) (p - b)`.
    fn follow(&mut self, now: Stamp<HostClock>) -> Option<Interval> {
        let witnesses = [&self.radar, &self.event].into_iter().flatten();
        let fresh = witnesses.filter(|witness| now - witness.stamp <= STALE);
        let seen = belief::fuse(fresh.map(|witness| witness.value));
        let before = self.belief.take_if(|before| now - before.stamp <= STALE);
        if before.is_none() {
            self.runs.cut();
        }
        let At { stamp, value } = before.unwrap_or(At { stamp: now, value: IGNORANCE });
        let step = (now - stamp).as_seconds();
        let share = if self.smoothing > 0.0 { -(-step / self.smoothing).exp_m1() } else { 1.0 };
        let mut belief = value;
        for (belief, seen) in belief.iter_mut().zip(seen) {
            *belief += share * (seen - *belief);
        }
        self.belief = Some(At { stamp: now, value: belief });
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
