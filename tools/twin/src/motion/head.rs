//! Sway of the seated body, micro movement of the head, nods and glances.

use super::expression::minimum_jerk;
use super::wander::Wander;
use super::{Mood, POSES_PER_SECOND, Pose};
use crate::number::{narrow, real, whole};
use crate::person::Habits;
use crate::random::Random;

/// Corner frequencies of the two parts of sway and of what the neck adds, hertz.
///
/// Together with the deviations, somebody as restless as most moves as much between 0.6 and 3 Hz as the
/// person of the shared recording (`card`).
const LEAN: f64 = 0.05;
const TRUNK: f64 = 0.25;
const NECK: f64 = 0.8;

pub(super) fn sway(poses: &mut [Pose], habits: &Habits, mood: &Mood, mut random: Random) {
    let sway = habits.sway * mood.restless;
    for axis in 0..3 {
        // Slow leaning of the trunk carries the head along; the neck adds faster, smaller movement.
        let mut lean = Wander::warm(LEAN, 1.5 * sway, &mut random);
        let mut trunk = Wander::warm(TRUNK, sway, &mut random);
        let mut neck = Wander::warm(NECK, 0.45 * sway, &mut random);
        let mut turn = Wander::warm(0.3, habits.turning * mood.restless, &mut random);
        for pose in poses.iter_mut() {
            let body = lean.step(&mut random) + trunk.step(&mut random);
            pose.torso[axis] += narrow(body);
            pose.head[axis] += narrow(1.15 * body + neck.step(&mut random));
            pose.turn[axis] += narrow(turn.step(&mut random));
        }
    }
    gestures(poses, habits.gestures * mood.restless, &mut random);
    glances(poses, &mut random);
}

/// Deliberate turns and nods, there and back.
fn gestures(poses: &mut [Pose], per_minute: f64, random: &mut Random) {
    let seconds = real(poses.len()) / POSES_PER_SECOND;
    let mut t = random.waiting(60.0 / per_minute.max(0.01));
    while t < seconds {
        let length = random.between(0.7, 1.8);
        let nods = random.chance(0.45);
        let (axis, angle) = if nods { (1, 0.10) } else { (0, 0.22) };
        let angle = angle * random.normal(0.0, 1.0).clamp(-2.0, 2.0);
        let hold = random.between(0.0, 0.5);
        for (n, pose) in window(poses, t, length + hold) {
            let u = (real(n) / POSES_PER_SECOND - t) / length;
            let there = minimum_jerk(2.0 * u);
            let back = minimum_jerk(2.0 * (u - hold / length) - 1.0);
            pose.turn[axis] += narrow(angle * (there - back));
        }
        t += length + hold + random.waiting(60.0 / per_minute.max(0.01));
    }
}

/// Saccades: the irises jump within 40 ms and stay.
fn glances(poses: &mut [Pose], random: &mut Random) {
    let seconds = real(poses.len()) / POSES_PER_SECOND;
    let mut place = [0.0_f64; 2];
    let mut t = random.waiting(1.2);
    let mut from = 0;
    while from < poses.len() {
        let until = whole(t.min(seconds) * POSES_PER_SECOND).clamp(from, poses.len());
        for pose in &mut poses[from..until] {
            pose.gaze = [narrow(place[0]), narrow(place[1])];
        }
        if until == poses.len() {
            break;
        }
        let next =
            [random.normal(0.0, 1.1).clamp(-3.0, 3.0), random.normal(0.0, 0.6).clamp(-2.0, 2.0)];
        for (n, pose) in window(poses, t, 0.04) {
            let u = minimum_jerk((real(n) / POSES_PER_SECOND - t) / 0.04);
            pose.gaze = std::array::from_fn(|i| narrow(place[i] + u * (next[i] - place[i])));
        }
        from = (until + whole(0.04 * POSES_PER_SECOND)).min(poses.len());
        place = next;
        t += 0.04 + random.waiting(1.2); // about 40 saccades a minute when looking ahead
    }
}

/// The poses from `start` for `length` seconds, with their numbers.
pub(super) fn window(
    poses: &mut [Pose],
    start: f64,
    length: f64,
) -> impl Iterator<Item = (usize, &mut Pose)> {
    let from = whole((start * POSES_PER_SECOND).ceil());
    let to = whole((start + length) * POSES_PER_SECOND) + 1;
    poses.iter_mut().enumerate().take(to).skip(from)
}
