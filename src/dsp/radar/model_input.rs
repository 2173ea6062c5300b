//! Range-Doppler maps as networks take them in: one channel, 64 x 64, between 0 and 1.

use ndarray::{ArrayRef2, ArrayRef3};
use serde::{Deserialize, Serialize};

use super::Error;
use crate::units::Meters;

/// Which part of a map a network sees.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct ModelInputConfig {
    /// Largest distance kept, metres, at least one bin's width. Absent: all of the map but the
    /// last bin of an odd number, which is half the sample rate.
    pub max_range_m: Option<Meters>,
}

impl ModelInputConfig {
    /// What the FOODER networks of this project take in: with 128 samples and 64 chirps, range
    /// bins `0..64` and all 64 Doppler bins as they are.
    #[must_use]
    pub const fn fooder() -> Self {
        Self { max_range_m: None }
    }
}

/// Makes network inputs from maps of one shape.
///
/// 1. Receive antennas are combined without phase: mean of magnitudes.
/// 2. Range bins beyond the configured distance are cut off.
/// 3. Each axis that has not 64 bins is resampled with a triangle as wide as the larger of an old
///    and a new bin: linear interpolation of small maps, a weighted mean of large ones. Bin 0 stays
///    range 0, and zero velocity stays the middle, bin 32.
/// 4. Values are scaled so that the least is 0 and the largest 1; a map all equal becomes zeros.
pub struct ModelInput {
    map_shape: (usize, usize, usize),
    /// Metres from one row of an input to the next.
    row_step: f64,
    range: Vec<Taps>,
    doppler: Vec<Taps>,
    /// `[kept range bin, doppler_bin]`.
    combined: Vec<f32>,
    /// `[range, doppler_bin]`.
    resampled: Vec<f32>,
}

/// Which old bins make a new one: `weights[i]` of bin `first + i`.
struct Taps {
    first: usize,
    weights: Vec<f32>,
}

impl ModelInput {
    /// Bins on each axis of an input.
    pub const SIDE: usize = 64;

    /// Plans for maps of `map_shape`, `(rx, range_bin, doppler_bin)`, whose range bins are
    /// `range_step` wide.
    ///
    /// # Errors
    /// When the map has no cell.
    #[expect(clippy::cast_precision_loss, reason = "bin counts are far below 2^52")]
    pub fn plan(
        map_shape: (usize, usize, usize),
        range_step: Meters,
        config: &ModelInputConfig,
    ) -> Result<Self, Error> {
        let (rx, range_bins, doppler_bins) = map_shape;
        if rx == 0 || range_bins == 0 || doppler_bins == 0 {
            return Err(Error::EmptyMap { range_bins, doppler_bins });
        }
        let kept = kept_bins(range_bins, range_step, config);
        Ok(Self {
            map_shape,
            row_step: range_step.0 * kept as f64 / Self::SIDE as f64,
            range: taps(kept, 0, 0),
            doppler: taps(doppler_bins, doppler_bins / 2, Self::SIDE / 2),
            combined: vec![0.0; kept * doppler_bins],
            resampled: vec![0.0; Self::SIDE * doppler_bins],
        })
    }

    /// The first row of an input that lies at `range` or beyond.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` saturates, and the result is clamped to the input"
    )]
    pub fn row_of(&self, range: Meters) -> usize {
        ((range.0 / self.row_step).ceil() as usize).min(Self::SIDE - 1)
    }

    /// Shapes: `map[rx, range_bin, doppler_bin]` in, `input[range, doppler]` of 64 x 64 out.
    ///
    /// # Panics
    /// When the map has not the planned shape or the input is not 64 x 64.
    pub fn run(&mut self, map: &ArrayRef3<f32>, input: &mut ArrayRef2<f32>) {
        self.resample(map, input);
        min_max_scale(input);
    }

    /// The first three steps alone: magnitudes in the unit of the map.
    ///
    /// Shapes: as of [`run`](Self::run).
    ///
    /// # Panics
    /// When the map has not the planned shape or the input is not 64 x 64.
    pub fn resample(&mut self, map: &ArrayRef3<f32>, input: &mut ArrayRef2<f32>) {
        assert_eq!(map.dim(), self.map_shape, "the map was not planned for");
        assert_eq!(input.dim(), (Self::SIDE, Self::SIDE), "the input has the wrong shape");
        self.combine(map);
        let bins = self.map_shape.2;
        for (row, taps) in self.resampled.chunks_exact_mut(bins).zip(&self.range) {
            row.fill(0.0);
            let old = self.combined[taps.first * bins..].chunks_exact(bins);
            for (old, &weight) in old.zip(&taps.weights) {
                row.iter_mut().zip(old).for_each(|(new, &x)| *new += weight * x);
            }
        }
        for (row, mut input) in self.resampled.chunks_exact(bins).zip(input.rows_mut()) {
            for (cell, taps) in input.iter_mut().zip(&self.doppler) {
                *cell = row[taps.first..].iter().zip(&taps.weights).map(|(x, w)| x * w).sum();
            }
        }
    }

    /// Mean over receive antennas of the range bins that are kept.
    #[expect(clippy::cast_precision_loss, reason = "a handful of antennas")]
    fn combine(&mut self, map: &ArrayRef3<f32>) {
        let (rx, _, doppler_bins) = self.map_shape;
        let share = 1.0 / rx as f32;
        self.combined.fill(0.0);
        for map in map.outer_iter() {
            let rows = map.rows().into_iter();
            for (combined, row) in self.combined.chunks_exact_mut(doppler_bins).zip(rows) {
                combined.iter_mut().zip(row).for_each(|(sum, &x)| *sum += share * x);
            }
        }
    }
}

/// Range bins that a network sees, from bin 0.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and the result is clamped to the map"
)]
fn kept_bins(range_bins: usize, range_step: Meters, config: &ModelInputConfig) -> usize {
    let whole = if range_bins == 1 { 1 } else { range_bins & !1 };
    match config.max_range_m {
        None => whole,
        Some(max) => {
            ((max.0 / range_step.0).floor() as usize).saturating_add(1).clamp(1, range_bins)
        }
    }
}

/// Taps for each of the 64 new bins: new bin `new_zero` lies on old bin `old_zero`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "bin numbers are small, and clamped to the map"
)]
fn taps(old_bins: usize, old_zero: usize, new_zero: usize) -> Vec<Taps> {
    let step = old_bins as f64 / ModelInput::SIDE as f64;
    let reach = step.max(1.0);
    let last = (old_bins - 1) as f64;
    (0..ModelInput::SIDE)
        .map(|new| {
            let centre = old_zero as f64 + (new as f64 - new_zero as f64) * step;
            let centre = centre.clamp(0.0, last);
            let first = (centre - reach).ceil().clamp(0.0, last) as usize;
            let end = (centre + reach).floor().clamp(0.0, last) as usize;
            let triangle = |old: usize| (1.0 - (old as f64 - centre).abs() / reach).max(0.0);
            let sum: f64 = (first..=end).map(triangle).sum();
            Taps { first, weights: (first..=end).map(|o| (triangle(o) / sum) as f32).collect() }
        })
        .collect()
}

/// Scales to 0..=1. What is all equal, or not finite, becomes zeros: "nothing seen".
fn min_max_scale(input: &mut ArrayRef2<f32>) {
    let least = input.iter().copied().fold(f32::INFINITY, f32::min);
    let most = input.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let span = most - least;
    if span > 0.0 && span.is_finite() {
        input.iter_mut().for_each(|x| *x = (*x - least) / span);
    } else {
        input.fill(0.0);
    }
}

/// Magnitudes as decibels below the largest, `span` of them as 0 to 1: the largest becomes 1, what
/// is weaker by `span` or more 0. What is all zero, or not finite, becomes zeros.
pub fn decibel_scale(magnitudes: &mut ArrayRef2<f32>, span: f32) {
    let most = magnitudes.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if most > 0.0 && most.is_finite() {
        let steepness = 20.0 / span;
        magnitudes
            .iter_mut()
            .for_each(|x| *x = (1.0 + steepness * (*x / most).log10()).clamp(0.0, 1.0));
    } else {
        magnitudes.fill(0.0);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::cast_precision_loss, reason = "test maps are small")]

    use ndarray::{Array2, Array3};

    use super::*;

    #[test]
    fn a_map_of_65_by_64_bins_is_taken_as_it_is_but_for_scale() {
        let map = Array3::from_shape_fn((1, 65, 64), |(_, k, d)| ((k * 31 + d * 17) % 97) as f32);
        let input = input_of(&map, ModelInputConfig::fooder());
        // Least and largest of the part that is kept are 0 and 96; one division rounds once.
        for ((k, d), &x) in input.indexed_iter() {
            assert!((x - map[[0, k, d]] / 96.0).abs() <= f32::EPSILON, "bin {k}, {d}");
        }
    }

    #[test]
    fn antennas_count_alike() {
        let map = Array3::from_shape_fn((2, 64, 64), |(rx, k, _)| if rx == k { 4.0 } else { 0.0 });
        let input = input_of(&map, ModelInputConfig::default());
        assert_eq!(input.row(0), input.row(1));
    }

    #[test]
    fn zero_velocity_stays_in_the_middle_whatever_the_chirps() {
        for chirps in [1, 2, 7, 8, 33, 64, 100, 256] {
            let mut map = Array3::zeros((1, 33, chirps));
            map[[0, 10, chirps / 2]] = 1.0;
            let input = input_of(&map, ModelInputConfig::default());
            // 32 range bins are stretched to 64. A map of one Doppler bin is as strong everywhere,
            // and scaled to 1 where the range is.
            assert!((input[[20, 32]] - 1.0).abs() < 1e-6, "{chirps} chirps: {}", input.row(20));
            assert!(input[[20, 30]] < 1.0 || chirps == 1, "{chirps} chirps: {}", input.row(20));
        }
    }

    #[test]
    fn a_map_all_equal_becomes_zeros_not_nan() {
        let input = input_of(&Array3::from_elem((3, 65, 64), 7.0), ModelInputConfig::default());
        assert_eq!(input, Array2::<f32>::zeros((64, 64)));
    }

    #[test]
    fn bins_beyond_the_largest_range_do_not_reach_the_input() {
        let map = Array3::from_shape_fn(
            (1, 65, 64),
            |(_, k, d)| {
                if k > 10 { 1000.0 } else { (k + d) as f32 }
            },
        );
        // 10 bins of 0.15 m; half a bin more keeps rounding away from the edge.
        let config = ModelInputConfig { max_range_m: Some(Meters(1.575)) };
        let input = input_of(&map, config);
        assert!((input[[63, 63]] - 1.0).abs() < 1e-6);
        assert!(input[[0, 63]] > 0.8, "a strong bin far away must not set the scale");
    }

    #[test]
    fn decibels_reach_from_one_at_the_largest_to_zero_at_the_span() {
        let mut map = Array2::from_shape_vec((1, 4), vec![5.0, 0.5, 0.05, 0.0]).unwrap();
        decibel_scale(&mut map, 40.0);
        let expected = [1.0, 0.5, 0.0, 0.0];
        assert!(map.iter().zip(expected).all(|(x, e)| (x - e).abs() < 1e-6), "{map}");
        let mut nothing = Array2::zeros((2, 2));
        decibel_scale(&mut nothing, 40.0);
        assert_eq!(nothing, Array2::<f32>::zeros((2, 2)));
    }

    fn input_of(map: &Array3<f32>, config: ModelInputConfig) -> Array2<f32> {
        let mut plan = ModelInput::plan(map.dim(), Meters(0.15), &config).unwrap();
        let mut input = Array2::from_elem((64, 64), f32::NAN);
        plan.combined.fill(f32::NAN);
        plan.resampled.fill(f32::NAN);
        plan.run(map, &mut input);
        input
    }
}
