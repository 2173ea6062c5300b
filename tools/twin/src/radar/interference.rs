//! Bursts of another radar: its chirps cross ours and leave a short whistle in single chirps.

use std::f64::consts::TAU;

use super::array::RECEIVERS;
use crate::number::{narrow, real};
use crate::random::Random;

/// Chirps that are hit during a burst.
const SHARE: f64 = 0.3;

/// When the other radar is heard.
#[derive(Debug)]
pub(crate) struct Interference {
    /// Start and end of each burst, seconds, and its loudest whistle, counts.
    bursts: Vec<(f64, f64, f64)>,
}

/// A whistle in one chirp.
#[derive(Debug)]
pub(crate) struct Glitch {
    first: usize,
    wave: Vec<f32>,
    gains: [f32; RECEIVERS],
}

impl Interference {
    pub(super) fn draw(per_minute: f64, seconds: f64, mut random: Random) -> Self {
        let mut bursts = Vec::new();
        if per_minute > 0.0 {
            let mut t = random.waiting(60.0 / per_minute);
            while t < seconds {
                let length = random.between(0.005, 0.3);
                bursts.push((t, t + length, 60.0 * random.normal(0.0, 0.9).exp()));
                t += length + random.waiting(60.0 / per_minute);
            }
        }
        Self { bursts }
    }

    /// The whistle in the chirp at `time`, if one is hit.
    pub(super) fn hit(&self, time: f64, samples: usize, random: &mut Random) -> Option<Glitch> {
        let (.., loudness) =
            *self.bursts.iter().find(|(from, to, _)| (*from..*to).contains(&time))?;
        if !random.chance(SHARE) {
            return None;
        }
        let length = 10 + random.below(30);
        let rate = random.between(0.2, 0.5) / real(length);
        let phase = TAU * random.uniform();
        let wave = (0..length)
            .map(|n| {
                // The difference of the two sweeps passes through zero in the middle.
                let off = real(n) - 0.5 * real(length);
                let window = (TAU / 2.0 * (real(n) + 0.5) / real(length)).sin();
                narrow(loudness * window * (phase + TAU * rate * off * off).cos())
            })
            .collect();
        let gains = std::array::from_fn(|_| narrow(random.between(-1.0, 1.0)));
        Some(Glitch { first: random.below(samples), wave, gains })
    }
}

impl Glitch {
    pub(super) fn add(&self, rx: usize, beat: &mut [f32]) {
        for (sample, value) in beat.iter_mut().skip(self.first).zip(&self.wave) {
            *sample += self.gains[rx] * value;
        }
    }
}
