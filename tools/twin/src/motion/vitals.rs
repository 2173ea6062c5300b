//! Breath and heart beat as movements of chest and head.

use std::f64::consts::TAU;

use super::expression::minimum_jerk;
use super::head::window;
use super::{Mood, POSES_PER_SECOND, Pose};
use crate::number::{narrow, real};
use crate::person::Habits;
use crate::random::Random;

/// How much of the chest's movement reaches the head of a seated person.
const HEAD_SHARE: f32 = 0.30;
/// Resonance of the body on the spring of its tissue, hertz, and its damping per second.
const BODY: (f64, f64) = (5.0, 9.0);

/// Breath by breath: in, out, a pause; no two are alike.
pub(super) fn breathe(poses: &mut [Pose], habits: &Habits, mood: &Mood, mut random: Random) {
    let seconds = real(poses.len()) / POSES_PER_SECOND;
    let period = 60.0 / (habits.breaths * mood.arousal);
    let mut t = -random.uniform() * period;
    while t < seconds {
        let length = period * random.normal(0.0, 0.06).exp();
        let depth = habits.chest * random.normal(0.0, 0.10).exp();
        let (inhale, exhale) = (habits.inhaling * length, 0.48 * length);
        // The first breath began before the session: its poses count from 0.
        for (n, pose) in window(poses, t.max(0.0), length - (t.max(0.0) - t)) {
            let since = real(n) / POSES_PER_SECOND - t;
            if since >= length {
                continue;
            }
            let out = minimum_jerk(since / inhale) - minimum_jerk((since - inhale) / exhale);
            let chest = narrow(depth * out);
            pose.chest = chest;
            pose.head[2] -= HEAD_SHARE * chest;
            pose.head[1] -= 0.5 * HEAD_SHARE * chest;
        }
        t += length;
    }
}

/// Each beat rings the body: up and down for most of it, to and fro for a third.
pub(super) fn beat(poses: &mut [Pose], habits: &Habits, mood: &Mood, mut random: Random) {
    let seconds = real(poses.len()) / POSES_PER_SECOND;
    let period = 60.0 / (habits.heart * mood.arousal);
    let mut t = -random.uniform() * period;
    while t < seconds {
        let size = 0.5 * habits.heart_head * random.normal(0.0, 0.15).exp();
        if t >= 0.0 {
            for (n, pose) in window(poses, t, 0.7) {
                let since = real(n) / POSES_PER_SECOND - t;
                // Starts with zero slope: blood leaves the heart over 50 ms, not at once.
                let push = minimum_jerk(since / 0.05);
                let ring = push * (-BODY.1 * since).exp() * (TAU * BODY.0 * since).sin();
                pose.head[1] -= narrow(1.6 * size * ring);
                pose.head[2] -= narrow(0.6 * size * ring);
                pose.torso[2] -= narrow(0.5 * size * ring);
            }
        }
        t += period * random.normal(0.0, 0.04).exp();
    }
}
