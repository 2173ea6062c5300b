//! Helpers of the tests of decisions: instants, a calibration, chance with a seed.

use crate::data::score::{ExpressionCalibration, Normal};
use crate::units::{HostClock, Stamp};

/// Networks that are worth a lot.
pub(super) const WORTH: ExpressionCalibration = ExpressionCalibration {
    gate_temperature: 1.0,
    radar_reliability: 0.95,
    event_reliability: 0.95,
    half_rate_ev_s: 2_000.0,
    persistence_ms: 1_000,
    radar_repeat_ms: 400,
    event_repeat_ms: 300,
    least_confidence: 0.6,
};

/// So many milliseconds after zero.
pub(super) const fn at(millis: i64) -> Stamp<HostClock> {
    Stamp::from_micros(millis * 1000)
}

/// Random numbers that are the same in every run: `SplitMix64` (Steele, Lea, Flood 2014).
pub(super) struct Chance(u64);

impl Chance {
    pub(super) const fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// Uniform in 0..1.
    pub(super) fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let high = u32::try_from((z ^ (z >> 31)) >> 32).unwrap();
        f64::from(high) / (f64::from(u32::MAX) + 1.0)
    }

    /// A normal number, by the sum of twelve uniforms.
    pub(super) fn normal(&mut self, normal: Normal) -> f64 {
        let sum: f64 = (0..12).map(|_| self.uniform()).sum();
        normal.mean + normal.deviation * (sum - 6.0)
    }
}
