//! The strongest cells of a map, and where they are in metres and metres per second.

use ndarray::ArrayRef3;
use serde::{Deserialize, Serialize};

use super::{Error, MicroDopplerConfig, RangeDopplerConfig};
use crate::data::ChirpConfig;
use crate::units::{Meters, MetersPerSecond};

/// Where to look for peaks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct PeakConfig {
    /// Distance of the first range bin that counts. What leaks from transmitter to receiver lies
    /// below it: at 0.05 to 0.1 m in every BGT60 recording seen.
    pub first_range_m: Meters,
    /// Doppler bins on either side of zero that count as still; a Hann window leaks into one.
    pub still_bins: usize,
}

impl Default for PeakConfig {
    fn default() -> Self {
        Self { first_range_m: Meters(0.12), still_bins: 1 }
    }
}

/// What the bins of a map are worth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MapAxes {
    /// Width of a range bin; bin 0 is distance 0.
    pub range_step: Meters,
    /// Width of a Doppler bin.
    pub velocity_step: MetersPerSecond,
    /// The Doppler bin of zero velocity.
    pub zero_doppler_bin: usize,
}

impl MapAxes {
    /// Axes of the maps of [`RangeDoppler`](super::RangeDoppler).
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "padding is at most 8")]
    pub fn of_range_doppler(chirp: &ChirpConfig, config: &RangeDopplerConfig) -> Self {
        let velocity = chirp.velocity_resolution().0 / config.doppler_zero_padding as f64;
        Self {
            range_step: Meters(chirp.range_resolution().0 / config.range_zero_padding as f64),
            velocity_step: MetersPerSecond(velocity),
            zero_doppler_bin: chirp.chirps * config.doppler_zero_padding / 2,
        }
    }

    /// Axes of the maps of [`MicroDoppler`](super::MicroDoppler).
    #[must_use]
    pub fn of_micro_doppler(chirp: &ChirpConfig, config: &MicroDopplerConfig) -> Self {
        Self {
            range_step: chirp.range_resolution(),
            velocity_step: config.velocity_resolution(chirp),
            zero_doppler_bin: config.doppler_bins(chirp.chirps) / 2,
        }
    }
}

/// A local maximum of a map.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// Range bin.
    pub range_bin: usize,
    /// Doppler bin, shifted as in the map.
    pub doppler_bin: usize,
    /// Mean over receive antennas of the magnitude.
    pub magnitude: f32,
    /// Top of a parabola through this and the two range bins beside it, -0.5..=0.5 bins.
    pub range_offset: f32,
    /// The same over Doppler bins, whose last is beside the first.
    pub doppler_offset: f32,
}

/// A cell in units.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Place {
    /// Distance from the radar.
    pub range: Meters,
    /// Velocity; negative is approach.
    pub velocity: MetersPerSecond,
}

impl Cell {
    /// Distance and velocity of the cell, between bins where the parabolas' tops are.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "bin numbers are far below 2^52")]
    pub fn place(&self, axes: &MapAxes) -> Place {
        let range = self.range_bin as f64 + f64::from(self.range_offset);
        let doppler = self.doppler_bin as f64 + f64::from(self.doppler_offset);
        let velocity = (doppler - axes.zero_doppler_bin as f64) * axes.velocity_step.0;
        Place { range: Meters(range * axes.range_step.0), velocity: MetersPerSecond(velocity) }
    }
}

/// What [`Peaks::run`] finds.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Found {
    /// The strongest cell that moves.
    pub moving: Option<Cell>,
    /// The strongest cell that does not. Clutter removal leaves little of it.
    pub still: Option<Cell>,
    /// The strongest moving cell against the median of the map, decibels: a sign of presence.
    /// `None` where nothing moves or half of the map is zero.
    pub snr_db: Option<f32>,
}

/// Finds peaks in maps of one shape.
pub struct Peaks {
    map_shape: (usize, usize, usize),
    first_range_bin: usize,
    still_bins: usize,
    /// Mean over receive antennas, `[range_bin, doppler_bin]`.
    combined: Vec<f32>,
    sorted: Vec<f32>,
}

impl Peaks {
    /// Plans for maps of `map_shape`, `(rx, range_bin, doppler_bin)`, whose range bins are
    /// `range_step` wide.
    ///
    /// # Errors
    /// When the map has no cell.
    pub fn plan(
        map_shape: (usize, usize, usize),
        range_step: Meters,
        config: PeakConfig,
    ) -> Result<Self, Error> {
        let (rx, range_bins, doppler_bins) = map_shape;
        if rx == 0 || range_bins == 0 || doppler_bins == 0 {
            return Err(Error::EmptyMap { range_bins, doppler_bins });
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "`as` saturates, and what lies beyond the map is cut to it"
        )]
        let first_range_bin = (config.first_range_m.0 / range_step.0).ceil() as usize;
        let cells = vec![0.0; range_bins * doppler_bins];
        Ok(Self {
            map_shape,
            first_range_bin: first_range_bin.min(range_bins),
            still_bins: config.still_bins,
            sorted: cells.clone(),
            combined: cells,
        })
    }

    /// Shapes: `map[rx, range_bin, doppler_bin]` of magnitudes, zero velocity at bin `M / 2`.
    ///
    /// Of cells equally strong the nearest is found, then the one that approaches fastest.
    ///
    /// # Panics
    /// When the map has not the planned shape.
    #[expect(clippy::cast_precision_loss, reason = "a handful of antennas")]
    pub fn run(&mut self, map: &ArrayRef3<f32>) -> Found {
        assert_eq!(map.dim(), self.map_shape, "the map was not planned for");
        let share = 1.0 / self.map_shape.0 as f32;
        self.combined.fill(0.0);
        for map in map.outer_iter() {
            self.combined.iter_mut().zip(map).for_each(|(sum, &x)| *sum += share * x);
        }
        let moving = self.strongest(|distance| distance > self.still_bins);
        let still = self.strongest(|distance| distance <= self.still_bins);
        let snr_db = moving.and_then(|cell| self.above_median(cell.magnitude));
        Found { moving, still, snr_db }
    }

    /// The strongest cell whose distance from zero Doppler, in bins, `counts`.
    fn strongest(&self, counts: impl Fn(usize) -> bool) -> Option<Cell> {
        let doppler_bins = self.map_shape.2;
        let mut best = (0.0, None);
        let rows = self.combined.chunks_exact(doppler_bins).enumerate();
        for (range_bin, row) in rows.skip(self.first_range_bin) {
            for (doppler_bin, &magnitude) in row.iter().enumerate() {
                if magnitude > best.0 && counts(doppler_bin.abs_diff(doppler_bins / 2)) {
                    best = (magnitude, Some((range_bin, doppler_bin)));
                }
            }
        }
        best.1.map(|(range_bin, doppler_bin)| self.cell(range_bin, doppler_bin))
    }

    fn cell(&self, range_bin: usize, doppler_bin: usize) -> Cell {
        let (_, range_bins, doppler_bins) = self.map_shape;
        let at = |range: usize, doppler: usize| self.combined[range * doppler_bins + doppler];
        let magnitude = at(range_bin, doppler_bin);
        let range_offset = if range_bin == 0 || range_bin + 1 == range_bins {
            0.0
        } else {
            top(at(range_bin - 1, doppler_bin), magnitude, at(range_bin + 1, doppler_bin))
        };
        let below = at(range_bin, (doppler_bin + doppler_bins - 1) % doppler_bins);
        let above = at(range_bin, (doppler_bin + 1) % doppler_bins);
        let doppler_offset = top(below, magnitude, above);
        Cell { range_bin, doppler_bin, magnitude, range_offset, doppler_offset }
    }

    /// Decibels of `magnitude` above the median of all cells that count.
    fn above_median(&mut self, magnitude: f32) -> Option<f32> {
        let first = self.first_range_bin * self.map_shape.2;
        let counted = self.combined.get(first..)?;
        let sorted = &mut self.sorted[..counted.len()];
        sorted.copy_from_slice(counted);
        if sorted.is_empty() {
            return None;
        }
        let (_, median, _) = sorted.select_nth_unstable_by(counted.len() / 2, f32::total_cmp);
        (*median > 0.0).then(|| 20.0 * (magnitude / *median).log10())
    }
}

/// Where the parabola through three neighbours has its top, bins from the middle one. Zero if the
/// middle one is not the largest: then a neighbour is excluded, and the parabola is of another peak.
fn top(before: f32, middle: f32, after: f32) -> f32 {
    let bend = before - 2.0 * middle + after;
    if bend < 0.0 && middle >= before && middle >= after {
        0.5 * (before - after) / bend
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::*;

    /// The first bin that counts is then bin 2.
    const STEP: Meters = Meters(0.06);

    #[test]
    fn a_moving_cell_is_told_from_a_stronger_still_one_and_from_leakage() {
        let mut map = Array3::from_elem((2, 20, 16), 1.0);
        for rx in 0..2 {
            map[[rx, 0, 3]] = 900.0;
            map[[rx, 7, 8]] = 500.0;
            map[[rx, 7, 7]] = 250.0;
            map[[rx, 5, 4]] = 100.0;
        }
        let found = Peaks::plan((2, 20, 16), STEP, PeakConfig::default()).unwrap().run(&map);
        let (moving, still) = (found.moving.unwrap(), found.still.unwrap());
        assert_eq!((moving.range_bin, moving.doppler_bin), (5, 4));
        assert_eq!((still.range_bin, still.doppler_bin), (7, 8));
        // The median is 1, so 100 is 40 dB; log10 in f32 is good to 1e-6 of it.
        assert!((found.snr_db.unwrap() - 40.0).abs() < 1e-3);
    }

    #[test]
    fn approach_is_negative_and_offsets_move_the_place() {
        let mut map = Array3::zeros((1, 20, 64));
        map[[0, 10, 20]] = 4.0;
        map[[0, 11, 20]] = 4.0;
        let found = Peaks::plan((1, 20, 64), STEP, PeakConfig::default()).unwrap().run(&map);
        let cell = found.moving.unwrap();
        assert!((cell.range_offset - 0.5).abs() < 1e-6, "a tie lies between the two");
        let axes = MapAxes::of_range_doppler(&ChirpConfig::food(), &RangeDopplerConfig::default());
        let place = cell.place(&axes);
        assert!((place.range.0 - 10.5 * 0.1499).abs() < 1e-3);
        assert!((place.velocity.0 + 12.0 * 0.0987).abs() < 1e-2);
    }

    #[test]
    fn a_map_without_moving_bins_or_signal_has_no_peak() {
        let silent = Peaks::plan((1, 8, 16), STEP, PeakConfig::default())
            .unwrap()
            .run(&Array3::zeros((1, 8, 16)));
        assert_eq!(silent, Found::default());
        let one_chirp = Array3::from_elem((1, 8, 1), 3.0);
        let found = Peaks::plan((1, 8, 1), STEP, PeakConfig::default()).unwrap().run(&one_chirp);
        assert_eq!(found.moving, None);
        let tiny = Array3::from_elem((1, 1, 16), 3.0);
        let found = Peaks::plan((1, 1, 16), STEP, PeakConfig::default()).unwrap().run(&tiny);
        assert_eq!(found, Found::default(), "all of the map is leakage");
    }
}
