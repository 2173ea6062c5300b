//! The sweep: what a path length means for the beat signal.

use std::f64::consts::TAU;

use visaged::data::ChirpConfig;
use visaged::units::SPEED_OF_LIGHT;

use crate::number::real;

/// Timing and slope of the chirps.
#[derive(Debug, Clone)]
pub(crate) struct Sweep {
    pub(crate) chirps: usize,
    pub(crate) samples: usize,
    pub(crate) chirp_period: f64,
    pub(crate) frame_period: f64,
    pub(crate) sample_rate: f64,
    /// Frequency at the first sample, hertz.
    start: f64,
    /// Hertz a second.
    slope: f64,
    /// From the start of a chirp to the middle of its samples, seconds.
    pub(crate) middle: f64,
}

impl Sweep {
    pub(crate) fn new(chirps: &ChirpConfig) -> Self {
        let sampled = real(chirps.samples) / chirps.sample_rate.0;
        Self {
            chirps: chirps.chirps,
            samples: chirps.samples,
            chirp_period: chirps.chirp_period.0,
            frame_period: chirps.frame_period.0,
            sample_rate: chirps.sample_rate.0,
            start: chirps.start.0,
            slope: (chirps.end.0 - chirps.start.0) / sampled,
            middle: 0.5 * sampled,
        }
    }

    /// Phase of the beat signal at the middle sample, radians.
    ///
    /// Mixing `f0 t + S t^2 / 2` with itself delayed by `tau` leaves
    /// `f0 tau + S tau t - S tau^2 / 2` turns.
    pub(crate) fn phase(&self, path: f64) -> f64 {
        let delay = path / SPEED_OF_LIGHT;
        let turns = self.start * delay + self.slope * delay * (self.middle - 0.5 * delay);
        TAU * turns
    }

    /// Frequency of the beat signal of a path that grows by `speed` metres a second, hertz.
    ///
    /// The second term is motion within the chirp: the carrier's Doppler shift.
    pub(crate) fn frequency(&self, path: f64, speed: f64) -> f64 {
        let carrier = self.start + self.slope * self.middle;
        (self.slope * path + carrier * speed) / SPEED_OF_LIGHT
    }

    /// Start of the middle sample of `chirp` after the start of its frame, seconds.
    pub(crate) fn instant(&self, chirp: usize) -> f64 {
        real(chirp) * self.chirp_period + self.middle
    }
}

/// A complex number of the few operations needed here.
pub(crate) fn turned(amplitude: f64, phase: f64) -> [f64; 2] {
    [amplitude * phase.cos(), amplitude * phase.sin()]
}

/// What the receiver does to a tone: high-pass at 80 kHz and anti-alias low-pass at 500 kHz, both
/// of first order; gain and phase, radians.
///
/// The corners are those of the shared recording's settings (`hp_cutoff_Hz`, `aaf_cutoff_Hz`).
pub(crate) fn filters(frequency: f64) -> (f64, f64) {
    const HIGH_PASS: f64 = 80e3;
    const LOW_PASS: f64 = 500e3;
    let (high, low) = (frequency / HIGH_PASS, frequency / LOW_PASS);
    let gain = high.abs() / (1.0 + high * high).sqrt() / (1.0 + low * low).sqrt();
    // j h / (1 + j h) turns by +90 degrees less atan(h).
    let phase = std::f64::consts::FRAC_PI_2.copysign(frequency) - high.atan() - low.atan();
    (gain, phase)
}
