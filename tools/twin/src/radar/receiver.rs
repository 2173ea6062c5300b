//! The receiver: phase noise, thermal noise, offset, saturation and the 12-bit converter.

use ndarray::ArrayViewMut1;

use super::array::RECEIVERS;
use super::sweep::Sweep;
use crate::number::{narrow, whole};
use crate::random::Random;
use crate::setting::RadarSetting;

/// Noise of a sample, counts; measured on the shared recording beyond the echoes.
const NOISE: f32 = 0.98;
/// The filter before the converter makes neighbours alike: this much of a sample's noise is in the
/// next one. On the recording the floor at low range is 1.19 times that at high range.
const COLOUR: f32 = 0.08;
/// Offset that differs from chirp to chirp, counts.
const CHIRP_OFFSET: f64 = 0.87;
/// Jitter of the start frequency from chirp to chirp, as radians per nanosecond of delay.
const JITTER: f64 = 4e-4;
/// Its drift over seconds, the same unit.
const DRIFT: f64 = 5e-3;
/// Change of the gain from chirp to chirp, share of it; so the recording's leakage.
const GAIN_JITTER: f64 = 1.0e-3;
/// Its drift over seconds, share of it.
const GAIN_DRIFT: f64 = 5e-3;
/// Mid scale of the converter.
const MIDDLE: f64 = 2048.0;
/// Largest output of the converter.
const LARGEST: f32 = 4095.0;
/// Drift of the sweep is tabulated this often, per second.
const DRIFT_RATE: f64 = 20.0;

#[derive(Debug)]
pub(crate) struct Receiver {
    noise: f32,
    offsets: [f64; RECEIVERS],
    /// Drift of sweep and gain.
    drift: Vec<[f64; 2]>,
    buffer: Vec<f32>,
}

/// Error of one chirp.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Jitter {
    /// Radians per nanosecond of delay.
    pub(super) phase: f32,
    /// Factor on all echoes.
    pub(super) gain: f32,
}

impl Receiver {
    pub(super) fn new(
        sweep: &Sweep,
        setting: &RadarSetting,
        seconds: f64,
        mut random: Random,
    ) -> Self {
        let offsets = std::array::from_fn(|_| MIDDLE + random.normal(0.0, 25.0));
        // A bounded walk over some 10 s: the crystal and the chip warm up and cool down.
        let memory = (-1.0 / (10.0 * DRIFT_RATE)).exp();
        let kick = (1.0_f64 - memory * memory).sqrt();
        let mut value = [random.normal(0.0, 1.0), random.normal(0.0, 1.0)];
        let drift = (0..whole(seconds * DRIFT_RATE) + 3)
            .map(|_| {
                value = value.map(|value| memory * value + random.normal(0.0, kick));
                [DRIFT * value[0], GAIN_DRIFT * value[1]]
            })
            .collect();
        Self {
            noise: NOISE * narrow(setting.noise),
            offsets,
            drift,
            buffer: vec![0.0; sweep.samples + 1],
        }
    }

    /// What is wrong with the chirp at `time`.
    ///
    /// Both sides of the mixer share the oscillator, so that its noise cancels but for what changes
    /// within the delay: the phase error grows with the range (range correlation).
    pub(super) fn jitter(&self, time: f64, random: &mut Random) -> Jitter {
        let [phase, gain] = self.drift[whole(time * DRIFT_RATE).min(self.drift.len() - 1)];
        Jitter {
            phase: narrow(phase + random.normal(0.0, JITTER)),
            gain: narrow(1.0 + gain + random.normal(0.0, GAIN_JITTER)),
        }
    }

    /// Adds noise and offset to `beat` and converts it.
    pub(super) fn convert(
        &mut self,
        rx: usize,
        beat: &[f32],
        gain: f32,
        mut row: ArrayViewMut1<'_, i16>,
        random: &mut Random,
    ) {
        self.buffer.fill(0.0);
        random.add_noise(&mut self.buffer, self.noise);
        let offset = narrow(self.offsets[rx] + random.normal(0.0, CHIRP_OFFSET));
        for ((sample, noise), counts) in beat.iter().zip(self.buffer.windows(2)).zip(&mut row) {
            let value = gain * sample + offset + noise[1] + COLOUR * noise[0];
            *counts = to_counts(value);
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "clamped to 12 bits")]
fn to_counts(value: f32) -> i16 {
    (value + 0.5).clamp(0.0, LARGEST) as i16
}
