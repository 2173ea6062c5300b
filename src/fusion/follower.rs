//! Belief with a memory: what was seen a moment ago still counts.
//!
//! The forward algorithm of a hidden Markov model (Rabiner 1989, equations 19 and 20) over the
//! expressions, in continuous time. A face changes to any other expression at any time, so belief
//! `b` drifts towards knowing nothing while nothing is said:
//!
//! ```text
//!   b(t + dt) = 1/4 + (b(t) - 1/4) exp(-dt / persistence)
//! ```
//!
//! A chain that leaves each of four states at the rate `r`, for any other, does so with a
//! persistence of `3 / (4 r)`. Then an answer `q` of a sensor, its [discounted](super::belief)
//! belief, is weighed in by Bayes' rule:
//!
//! ```text
//!   b(c) <- b(c) q(c)^w / sum_c b(c) q(c)^w              w = min(1, dt / repeat)
//! ```
//!
//! with `dt` the time since that sensor's answer before. Answers that lie closer than `repeat` look
//! at much the same data: together they count as one, so belief hardly depends on how often a
//! network is asked. Persistence and repeats come with the bundle, measured on calibration sessions.
//! After half a second without any answer nothing is believed: a label is never a mere memory.

use super::Routing;
use super::belief::{self, Belief, IGNORANCE, Refused, Witness};
use crate::data::At;
use crate::data::score::{EventScores, ExpressionCalibration, RadarExpression};
use crate::units::{HostClock, Micros, Stamp};

/// Age from which the newest answer counts no more.
const STALE: Micros = Micros::from_millis(500);

/// Follows what a face shows.
#[derive(Debug, Clone)]
pub struct Follower {
    routing: Routing,
    worth: ExpressionCalibration,
    belief: Option<At<Belief>>,
    radar: Option<Stamp<HostClock>>,
    event: Option<Stamp<HostClock>>,
}

impl Follower {
    /// Of a calibration that was checked.
    #[must_use]
    pub const fn new(routing: Routing, worth: ExpressionCalibration) -> Self {
        Self { routing, worth, belief: None, radar: None, event: None }
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
        let witness = belief::of_radar(scores, self.routing, &self.worth)?;
        let before = self.radar.replace(now);
        self.weigh(now, &witness, before, self.worth.radar_repeat_ms);
        Ok(())
    }

    /// What the event network said of the window that ended at `now`.
    ///
    /// # Errors
    /// When the numbers are none that can be used; then nothing has changed.
    pub fn event(&mut self, now: Stamp<HostClock>, scores: &EventScores) -> Result<(), Refused> {
        let witness = belief::of_event(scores, &self.worth)?;
        let before = self.event.replace(now);
        self.weigh(now, &witness, before, self.worth.event_repeat_ms);
        Ok(())
    }

    /// What is believed at `now`: probabilities in the order of
    /// [`ExpressionLabel::ALL`](crate::data::message::ExpressionLabel::ALL).
    #[must_use]
    pub fn belief(&self, now: Stamp<HostClock>) -> Belief {
        let fresh = self.belief.as_ref().filter(|belief| now - belief.stamp <= STALE);
        let Some(At { stamp, value }) = fresh else { return IGNORANCE };
        // Answers of two sensors may come out of order, by less than a window.
        let seconds = (now - *stamp).as_seconds().max(0.0);
        let kept = (-1e3 * seconds / f64::from(self.worth.persistence_ms)).exp();
        value.map(|p| 0.25 + kept * (p - 0.25))
    }

    /// Forgets everything: whoever is seen next is seen for the first time.
    pub fn restart(&mut self) {
        (self.belief, self.radar, self.event) = (None, None, None);
    }

    fn weigh(
        &mut self,
        now: Stamp<HostClock>,
        witness: &Witness,
        before: Option<Stamp<HostClock>>,
        repeat_ms: u32,
    ) {
        let news = before.map_or(1.0, |before| {
            (1e3 * (now - before).as_seconds() / f64::from(repeat_ms)).clamp(0.0, 1.0)
        });
        let mut belief = self.belief(now);
        belief.iter_mut().zip(witness.discounted()).for_each(|(p, q)| *p *= q.powf(news));
        let sum: f64 = belief.iter().sum();
        let stamp = self.belief.as_ref().map_or(now, |belief| belief.stamp.max(now));
        self.belief = Some(At { stamp, value: belief.map(|p| p / sum) });
    }
}

#[cfg(test)]
mod tests;
