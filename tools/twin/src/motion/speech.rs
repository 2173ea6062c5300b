//! Talking between expressions: jaw and lips at the rhythm of syllables, a distractor.

use std::f64::consts::PI;

use super::head::window;
use super::{Mood, POSES_PER_SECOND, Pose, Script};
use crate::number::{narrow, real};
use crate::person::ActionUnit;
use crate::random::Random;

/// Syllables a second, slow and fast.
const SYLLABLES: (f64, f64) = (3.0, 5.5);

pub(super) fn talk(poses: &mut [Pose], script: &Script, mood: &Mood, mut random: Random) {
    let seconds = real(poses.len()) / POSES_PER_SECOND;
    for (from, to) in script.rests(0.7, seconds) {
        if !random.chance(mood.talks) {
            continue;
        }
        let mut t = from + 0.1;
        loop {
            let length = 1.0 / random.between(SYLLABLES.0, SYLLABLES.1);
            if t + length > to - 0.1 {
                break;
            }
            let (jaw, lips) = (random.between(0.05, 0.35), random.between(0.1, 0.5));
            let pucker = random.between(0.0, 0.3);
            for (n, pose) in window(poses, t, length) {
                let since = (real(n) / POSES_PER_SECOND - t) / length;
                let open = (PI * since.clamp(0.0, 1.0)).sin().powi(2);
                let units = [
                    (ActionUnit::JawDrop, jaw),
                    (ActionUnit::LipsPart, lips),
                    (ActionUnit::LipTightener, pucker),
                ];
                for (unit, size) in units {
                    let sum = f64::from(pose.units[unit.index()]) + size * open;
                    pose.units[unit.index()] = narrow(sum.clamp(0.0, 1.0));
                }
            }
            // Words end: every sixth syllable or so is followed by a pause.
            t += length + if random.chance(0.17) { random.between(0.15, 0.5) } else { 0.0 };
        }
    }
}
