//! The script: somebody sits down, shows three expressions between rests, and leaves.

use std::f64::consts::TAU;

/// Where the face is and what it does at one instant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pose {
    /// Distance of the face from the radar, metres; `None` while nobody is there.
    pub(super) range: Option<f64>,
    /// Chest displacement by breathing, metres, positive away from the radar.
    pub(super) breath: f64,
    /// Head displacement in the image, pixels.
    pub(super) sway: (f64, f64),
    /// How far each expression is shown, 0 to 1.
    pub(super) smile: f64,
    /// Brows up, jaw down.
    pub(super) shock: f64,
    /// Brows together.
    pub(super) anger: f64,
    /// Lids closed, 0 to 1.
    pub(super) blink: f64,
}

const ARRIVES: f64 = 2.5;
const SITS: f64 = 3.5;
const RISES: f64 = 13.0;
const GONE: f64 = 14.0;
/// Distance at which the visitor sits: that of the real recording the twin is anchored to.
const SEAT: f64 = 0.32;
/// Distance at which the visitor enters and leaves the view.
const DOOR: f64 = 0.80;

/// The pose at `t` seconds.
pub(super) fn at(t: f64) -> Pose {
    let walk = DOOR - SEAT;
    let range = if (ARRIVES..SITS).contains(&t) {
        Some(DOOR - walk * ease((t - ARRIVES) / (SITS - ARRIVES)))
    } else if (SITS..RISES).contains(&t) {
        Some(SEAT)
    } else if (RISES..GONE).contains(&t) {
        Some(SEAT + walk * ease((t - RISES) / (GONE - RISES)))
    } else {
        None
    };
    Pose {
        range,
        breath: 0.0025 * (TAU * 0.25 * t).sin(), // 5 mm peak to peak, 15 a minute
        sway: (2.5 * (TAU * 0.31 * t).sin(), 1.5 * (TAU * 0.23 * t + 1.0).sin()),
        smile: shown(t, 5.0, 6.6),
        shock: shown(t, 8.0, 9.2),
        anger: shown(t, 10.6, 12.0),
        blink: [4.2, 7.3, 9.9, 12.5].iter().map(|&b| shown(t, b, b + 0.12)).fold(0.0, f64::max),
    }
}

/// Rises within 0.25 s around `from` and falls within 0.35 s around `to`; blinks are cut short.
fn shown(t: f64, from: f64, to: f64) -> f64 {
    let quick = (to - from) < 0.2;
    let (rise, fall) = if quick { (0.06, 0.08) } else { (0.25, 0.35) };
    ease((t - from) / rise) * (1.0 - ease((t - to) / fall))
}

/// Smooth step from 0 to 1.
fn ease(u: f64) -> f64 {
    let u = u.clamp(0.0, 1.0);
    u * u * (3.0 - 2.0 * u)
}
