//! Spontaneous blinks.

use super::expression::minimum_jerk;
use super::head::window;
use super::{POSES_PER_SECOND, Pose};
use crate::number::{narrow, real};
use crate::person::{ActionUnit, Habits};
use crate::random::Random;

/// Seconds to close and to open the lids.
const CLOSING: f64 = 0.08;
const OPENING: f64 = 0.16;

pub(super) fn blink(poses: &mut [Pose], habits: &Habits, mut random: Random) {
    let seconds = real(poses.len()) / POSES_PER_SECOND;
    let unit = ActionUnit::Blink.index();
    // Intervals are log-normal (Bentivoglio et al. 1997); the mean is that of the rate.
    let (mean, spread) = (60.0 / habits.blinks.max(1.0), 0.7);
    let interval = |random: &mut Random| mean * random.normal(-0.5 * spread * spread, spread).exp();
    let mut t = random.uniform() * interval(&mut random);
    while t < seconds {
        let pace = random.normal(0.0, 0.12).exp();
        // Half of all blinks do not quite close the eye (Ousler et al. 2014).
        let depth = if random.chance(0.5) { random.between(0.5, 0.95) } else { 1.0 };
        let (closing, closed, opening) = (CLOSING * pace, 0.02, OPENING * pace);
        for (n, pose) in window(poses, t, closing + closed + opening) {
            let since = real(n) / POSES_PER_SECOND - t;
            let shut =
                minimum_jerk(since / closing) - minimum_jerk((since - closing - closed) / opening);
            let sum = f64::from(pose.units[unit]) + depth * shut;
            pose.units[unit] = narrow(sum.clamp(0.0, 1.0));
        }
        t += closing + closed + opening + interval(&mut random);
    }
}
