//! Random numbers: one generator, a named stream for every purpose.
//!
//! Streams are named by what they decide (`"person 3 head"`), never handed from one user to the
//! next, so that a draw added in one place changes nothing elsewhere and threads cannot matter.

use std::f64::consts::TAU;
use std::sync::LazyLock;

use crate::number::narrow;

/// xoshiro256++ (Blackman and Vigna 2019), seeded through `SplitMix64` as its authors advise.
#[derive(Debug, Clone)]
pub struct Random([u64; 4]);

impl Random {
    /// The stream `name` of `seed`.
    #[must_use]
    pub fn stream(seed: u64, name: &str) -> Self {
        // FNV-1a spreads the name over 64 bits; SplitMix64 does the rest.
        let hash = name.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
        });
        Self::from_seed(seed ^ hash.rotate_left(32))
    }

    fn from_seed(seed: u64) -> Self {
        let mut state = seed;
        Self(std::array::from_fn(|_| {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^ (z >> 31)
        }))
    }

    /// 64 random bits.
    #[inline]
    pub const fn bits(&mut self) -> u64 {
        let s = &mut self.0;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// Uniform in 0..1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    pub const fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in `from..to`.
    pub fn between(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * self.uniform()
    }

    /// Normal with the given mean and standard deviation (Box and Muller).
    pub fn normal(&mut self, mean: f64, deviation: f64) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        mean + deviation * radius * (TAU * self.uniform()).cos()
    }

    /// True with probability `p`.
    pub const fn chance(&mut self, p: f64) -> bool {
        self.uniform() < p
    }

    /// Time to the next event of a Poisson process, its mean given.
    pub fn waiting(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.uniform()).ln()
    }

    /// One of `0..count`.
    #[expect(clippy::cast_possible_truncation, reason = "below count")]
    pub const fn below(&mut self, count: usize) -> usize {
        ((self.bits() as u128 * count as u128) >> 64) as usize
    }

    /// How many events of a Poisson process fall into a step with this mean.
    pub fn poisson(&mut self, mean: f64) -> usize {
        if mean > 30.0 {
            // The normal limit; the step counts here never decide anything below one per cent.
            return crate::number::whole(self.normal(mean, mean.sqrt()).max(0.0).round());
        }
        let limit = (-mean).exp();
        let mut product = self.uniform();
        let mut count = 0;
        while product > limit {
            product *= self.uniform();
            count += 1;
        }
        count
    }

    /// Puts `items` in random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }

    /// Adds normal noise of the given deviation to every sample.
    ///
    /// Four samples per call of the generator, from a table of 65,536 quantiles: tails end at 4.3
    /// deviations, far outside of what a 12-bit converter with one count of noise tells apart.
    pub fn add_noise(&mut self, samples: &mut [f32], deviation: f32) {
        let table: &[f32; 1 << 16] = &QUANTILES;
        let (fours, rest) = samples.as_chunks_mut::<4>();
        for four in fours {
            let bits = self.bits();
            for (lane, sample) in four.iter_mut().enumerate() {
                *sample += deviation * table[usize::from(lane_of(bits, lane))];
            }
        }
        let bits = self.bits();
        for (lane, sample) in rest.iter_mut().enumerate() {
            *sample += deviation * table[usize::from(lane_of(bits, lane))];
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the low 16 bits are the purpose")]
const fn lane_of(bits: u64, lane: usize) -> u16 {
    (bits >> (16 * lane)) as u16
}

static QUANTILES: LazyLock<Box<[f32; 1 << 16]>> = LazyLock::new(|| {
    let mut table = Box::new([0.0; 1 << 16]);
    for (at, value) in table.iter_mut().enumerate() {
        *value = narrow(normal_quantile((crate::number::real(at) + 0.5) / 65_536.0));
    }
    table
});

/// The normal quantile by Newton's method on the distribution function.
fn normal_quantile(p: f64) -> f64 {
    // Start: logistic approximation, within 0.2 everywhere, so Newton converges.
    let mut x = (p / (1.0 - p)).ln() / 1.702;
    for _ in 0..60 {
        let density = (-0.5 * x * x).exp() / TAU.sqrt();
        let step = (normal_distribution(x) - p) / density;
        x -= step.clamp(-0.5, 0.5);
        if step.abs() < 1e-10 {
            break;
        }
    }
    x
}

/// The normal distribution function, by Taylor's series around 0: exact to 1e-12 up to 5.
fn normal_distribution(x: f64) -> f64 {
    let (mut term, mut sum) = (x, x);
    for n in 1..200 {
        term *= x * x / f64::from(2 * n + 1);
        sum += term;
        if term.abs() < 1e-17 {
            break;
        }
    }
    0.5 + sum * (-0.5 * x * x).exp() / TAU.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the reference C code of the authors with state 1, 2, 3, 4.
    #[test]
    fn the_generator_gives_the_published_sequence() {
        let mut random = Random([1, 2, 3, 4]);
        let first: Vec<u64> = (0..4).map(|_| random.bits()).collect();
        assert_eq!(first, [41_943_041, 58_720_359, 3_588_806_011_781_223, 3_591_011_842_654_386]);
    }

    #[test]
    fn two_names_of_one_seed_give_unrelated_streams() {
        let (mut a, mut b) = (Random::stream(7, "a"), Random::stream(7, "b"));
        let same = (0..64).filter(|_| a.bits() == b.bits()).count();
        assert_eq!(same, 0);
    }

    #[test]
    fn noise_has_the_deviation_and_the_tails_of_a_normal_distribution() {
        let mut samples = vec![0.0_f32; 1 << 18];
        Random::stream(1, "noise").add_noise(&mut samples, 2.0);
        let count = crate::number::real(samples.len());
        let variance = samples.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / count;
        let beyond_two = samples.iter().filter(|s| s.abs() > 4.0).count();
        // Standard errors: of the variance 4 sqrt(2 / n) = 0.011, of the share 0.0004.
        assert!((variance - 4.0).abs() < 0.05, "{variance}");
        assert!((crate::number::real(beyond_two) / count - 0.0455).abs() < 0.002, "{beyond_two}");
    }

    #[test]
    fn poisson_counts_have_mean_and_variance_alike_on_both_branches() {
        for mean in [0.7, 80.0] {
            let mut random = Random::stream(2, "poisson");
            let counts: Vec<f64> =
                (0..20_000).map(|_| crate::number::real(random.poisson(mean))).collect();
            let average = counts.iter().sum::<f64>() / 20_000.0;
            let variance = counts.iter().map(|c| (c - average).powi(2)).sum::<f64>() / 20_000.0;
            assert!((average / mean - 1.0).abs() < 0.03, "{average}");
            assert!((variance / mean - 1.0).abs() < 0.06, "{variance}");
        }
    }
}
