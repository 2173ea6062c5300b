//! How a person moves: strength and timing of expressions, blinks, breath and heart.

use super::{ActionUnit, Prior};

/// Habits of one person.
#[derive(Debug, Clone)]
pub struct Habits {
    /// Intensity that each action unit reaches when the person poses it, 0 to 1.
    pub strength: [f64; ActionUnit::COUNT],
    /// Delay of each action unit against the others, seconds.
    pub delay: [f64; ActionUnit::COUNT],
    /// Left side against right side: the right moves by `1 + bias`, the left by `1 - bias`.
    pub bias: [f64; ActionUnit::COUNT],
    /// Timing of smile, shock and anger.
    pub manners: [Manner; 3],
    /// True if this person's smile shows teeth (adds AU 25).
    pub toothy: bool,
    /// Unsteadiness of a held expression, share of its intensity.
    pub tremor: f64,
    /// Blinks per minute at rest.
    pub blinks: f64,
    /// Breaths per minute.
    pub breaths: f64,
    /// Movement of the chest by a breath, peak to peak, millimetres.
    pub chest: f64,
    /// Share of a breath that is inhaling.
    pub inhaling: f64,
    /// Heart beats per minute.
    pub heart: f64,
    /// Ballistocardiographic movement of the head, peak to peak, millimetres.
    pub heart_head: f64,
    /// Sway of a seated body, standard deviation, millimetres.
    pub sway: f64,
    /// Turning of the head at rest, standard deviation, radians.
    pub turning: f64,
    /// Nods and glances a minute.
    pub gestures: f64,
}

/// How an expression rises and falls.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    /// From the first movement to the apex, seconds.
    pub rise: f64,
    /// From the end of the apex to rest, seconds.
    pub fall: f64,
}

impl Habits {
    pub(super) fn draw(prior: &mut Prior) -> Self {
        let manner = |prior: &mut Prior, rise: f64, fall: f64| Manner {
            rise: prior.log_normal(rise, 0.25),
            fall: prior.log_normal(fall, 0.25),
        };
        Self {
            strength: std::array::from_fn(|_| prior.normal(0.70, 0.15).clamp(0.2, 1.0)),
            delay: std::array::from_fn(|_| prior.normal(0.05, 0.035).max(0.0)),
            bias: std::array::from_fn(|_| prior.normal(0.0, 0.10)),
            manners: [
                manner(prior, 0.50, 0.80),
                manner(prior, 0.28, 0.60),
                manner(prior, 0.42, 0.65),
            ],
            toothy: prior.chance(0.5),
            tremor: prior.log_normal(0.03, 0.4),
            blinks: prior.log_normal(17.0, 0.45), // Bentivoglio et al. 1997, log-normal
            breaths: prior.normal(15.0, 2.5).clamp(8.0, 22.0),
            chest: prior.log_normal(5.6, 0.30), // the shared recording: 5.6 mm
            inhaling: prior.normal(0.40, 0.04),
            heart: prior.normal(70.0, 9.0).clamp(45.0, 110.0),
            heart_head: prior.log_normal(0.25, 0.35),
            sway: prior.log_normal(0.6, 0.35), // the shared recording, see `motion/head.rs`
            turning: prior.log_normal(0.012, 0.35),
            gestures: prior.log_normal(2.5, 0.5),
        }
    }
}
