//! Helpers of the tests of decisions: chance with a seed.

use crate::data::score::Normal;

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
