//! What does not move: transmit leakage, the chair, the room.

use std::f64::consts::TAU;

use super::array::RECEIVERS;
use super::sweep::{Sweep, filters};
use crate::number::{narrow, real};
use crate::random::Random;
use crate::setting::Setting;

/// Leakage inside the package and from its window: path metres and counts before the filters, set
/// to the shared recording (`twin card`).
const LEAKAGE: [(f64, f64); 3] = [(0.030, 2000.0), (0.06, 330.0), (0.15, 40.0)];
/// What each receiver gets of the leakage: they lie at different distances from the transmitter.
const LEAKAGE_SHARE: [f64; RECEIVERS] = [1.0, 0.40, 0.22];
/// Things in the room: chair, wall, table, screen, and so on.
const THINGS: usize = 12;
/// Counts of a thing at one metre.
const THING: f64 = 1.0;

/// The static part of the beat signal, the same in every chirp.
#[derive(Debug)]
pub(crate) struct Room {
    samples: usize,
    /// `waves[rx][sample]`.
    waves: Vec<f32>,
    /// Its change per radian per nanosecond of delay, same shape.
    slopes: Vec<f32>,
}

impl Room {
    pub(super) fn new(sweep: &Sweep, setting: &Setting, seed: u64) -> Self {
        // The package is the device's, the room is the session's.
        let mut device = Random::stream(seed, "radar package");
        let mut scene = Random::stream(setting.radar.clutter, "room");
        let mut room = Self {
            samples: sweep.samples,
            waves: vec![0.0; RECEIVERS * sweep.samples],
            slopes: vec![0.0; RECEIVERS * sweep.samples],
        };
        for (path, counts) in LEAKAGE {
            let counts = counts * setting.radar.leakage;
            for (rx, share) in LEAKAGE_SHARE.iter().enumerate() {
                let phase = 0.15 * device.normal(0.0, 1.0);
                room.add(sweep, rx, path, counts * share, phase);
            }
        }
        for _ in 0..THINGS {
            let range = scene.between(0.45, 3.5);
            let size = THING * setting.radar.clutter_echo * scene.normal(0.0, 0.7).exp();
            for rx in 0..RECEIVERS {
                let direction = scene.between(-2.0, 2.0);
                room.add(sweep, rx, 2.0 * range, size / range.powi(2), direction);
            }
        }
        room
    }

    fn add(&mut self, sweep: &Sweep, rx: usize, path: f64, counts: f64, phase: f64) {
        let frequency = sweep.frequency(path, 0.0);
        if frequency > 0.5 * sweep.sample_rate {
            return;
        }
        let (gain, shift) = filters(frequency);
        let nanoseconds = path / 0.299_792_458;
        let first = rx * self.samples;
        for n in 0..self.samples {
            let since = real(n) / sweep.sample_rate - sweep.middle;
            let angle = sweep.phase(path) + TAU * frequency * since + shift + phase;
            self.waves[first + n] += narrow(counts * gain * angle.cos());
            self.slopes[first + n] -= narrow(counts * gain * nanoseconds * angle.sin());
        }
    }

    /// Sets `beat` to the static signal of receiver `rx`.
    pub(super) fn beat(&self, rx: usize, jitter: f32, beat: &mut [f32]) {
        let at = rx * self.samples..(rx + 1) * self.samples;
        let parts = self.waves[at.clone()].iter().zip(&self.slopes[at]);
        for (sample, (wave, slope)) in beat.iter_mut().zip(parts) {
            *sample = wave + jitter * slope;
        }
    }
}
