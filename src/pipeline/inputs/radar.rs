//! From radar frames to what the radar's networks see.
//!
//! ```text
//!   frame ─ range-Doppler ──┐ resample   move the target's      ┌─ decibels ─> expression
//!         ─ micro-Doppler ──┘ 64 x 64 ── range to one row ──────┴─ mean over frames ─ decibels ─> identity
//! ```
//!
//! HOOD's accumulation of maps (E-RESPD, arXiv 2308.02396, algorithm 1: 200 frames) raised its AUROC
//! from 85 to 96 %; identity is seen so, over fewer frames. Expressions are too short for it.

use ndarray::{Array2, Array3, ArrayViewMut2, Axis};
use serde::{Deserialize, Serialize};

use super::steady::Steady;
use super::target::Target;
use crate::data::{ChirpConfig, RadarFrame};
use crate::dsp::radar::{
    Error, FrameShape, MapAxes, MicroDoppler, MicroDopplerConfig, ModelInput, ModelInputConfig,
    RangeDoppler, RangeDopplerConfig, decibel_scale,
};
use crate::units::Meters;

/// Maps of an input: range-Doppler, micro-range-Doppler.
const MAPS: usize = 2;
/// Nearer than this the transmitter leaks into the receivers.
const FIRST_RANGE: Meters = Meters(0.12);

/// How a radar frame becomes the inputs of the radar's networks; part of a bundle, so that no
/// setting of the daemon can make a network see something else than it was trained on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct RadarInputConfig {
    /// The range-Doppler map.
    pub range_doppler: RangeDopplerConfig,
    /// The micro-range-Doppler map. Its hop is 1: every frame has an input.
    pub micro_doppler: MicroDopplerConfig,
    /// Which part of both is seen.
    pub crop: ModelInputConfig,
    /// Row to which the range of the target is moved, 0 to 63.
    pub target_row: usize,
    /// Frames whose maps are averaged for identity, 1 to 1000.
    pub identity_frames: usize,
    /// Frames from which on they are, 1 to 1000; all of them, if they are fewer.
    pub least_identity_frames: usize,
    /// Decibels below the largest magnitude that are told apart, above 0.
    pub span_db: f32,
}

impl Default for RadarInputConfig {
    /// What the networks of this project take in: the maps of FOODER, aligned, up to 10 s for identity.
    fn default() -> Self {
        Self {
            range_doppler: RangeDopplerConfig::fooder(),
            micro_doppler: MicroDopplerConfig::fooder(),
            crop: ModelInputConfig::fooder(),
            target_row: 16,
            identity_frames: 200,
            least_identity_frames: 50,
            span_db: 40.0,
        }
    }
}

impl RadarInputConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// The key, and what is wrong with its value.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        if self.target_row >= ModelInput::SIDE {
            return Err(("target-row", format!("{} must lie in 0..=63", self.target_row)));
        }
        for (key, frames) in [
            ("identity-frames", self.identity_frames),
            ("least-identity-frames", self.least_identity_frames),
        ] {
            if !(1..=1000).contains(&frames) {
                return Err((key, format!("{frames} must lie in 1..=1000")));
            }
        }
        if !(self.span_db > 0.0 && self.span_db.is_finite()) {
            return Err(("span-db", format!("{} must be above 0", self.span_db)));
        }
        Ok(())
    }
}

/// Makes the inputs of the radar's networks from a stream of frames.
pub struct RadarInputs {
    shape: FrameShape,
    fast: RangeDoppler,
    slow: MicroDoppler,
    /// `[rx, range_bin, doppler_bin]` of each.
    maps: [Array3<f32>; MAPS],
    crops: [ModelInput; MAPS],
    /// `[range, doppler]` before it is moved.
    resampled: [Array2<f32>; MAPS],
    target: Target,
    target_row: usize,
    span_db: f32,
    /// `[map, range, doppler]`, magnitudes.
    aligned: Array3<f32>,
    steady: Steady,
    /// `[map, range, doppler]`, 0 to 1.
    expression: Array3<f32>,
    identity: Array3<f32>,
}

/// What networks see of one frame.
///
/// Shapes: `[map 2, range 64, doppler 64]` each, range-Doppler map first, 0 to 1.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'i> {
    /// Of the last eight frames: what gate and experts take in.
    pub expression: &'i Array3<f32>,
    /// Averaged over more: what the authentication takes in. Absent until somebody has kept a place
    /// for long enough.
    pub identity: Option<&'i Array3<f32>>,
}

impl RadarInputs {
    /// Plans for frames of a radar that is set to `chirp`, with a `config` that was checked.
    ///
    /// # Errors
    /// When the kernels refuse these sizes or settings.
    pub fn plan(config: &RadarInputConfig, chirp: &ChirpConfig) -> Result<Self, Error> {
        let shape = FrameShape::from(chirp);
        let micro_doppler = MicroDopplerConfig { hop: 1, ..config.micro_doppler };
        let fast = RangeDoppler::plan(shape, &config.range_doppler)?;
        let slow = MicroDoppler::plan(shape, &micro_doppler)?;
        let steps = [
            MapAxes::of_range_doppler(chirp, &config.range_doppler).range_step,
            MapAxes::of_micro_doppler(chirp, &micro_doppler).range_step,
        ];
        let shapes = [fast.map_shape(), slow.map_shape()];
        let crops = [
            ModelInput::plan(shapes[0], steps[0], &config.crop)?,
            ModelInput::plan(shapes[1], steps[1], &config.crop)?,
        ];
        let side = ModelInput::SIDE;
        let input = Array3::zeros((MAPS, side, side));
        Ok(Self {
            shape,
            fast,
            slow,
            maps: shapes.map(Array3::zeros),
            target: Target::new(crops[1].row_of(FIRST_RANGE)),
            crops,
            resampled: [Array2::zeros((side, side)), Array2::zeros((side, side))],
            target_row: config.target_row,
            span_db: config.span_db,
            aligned: input.clone(),
            steady: Steady::plan(config.identity_frames, config.least_identity_frames, input.len()),
            expression: input.clone(),
            identity: input,
        })
    }

    /// Takes a frame; gives what networks see once it is taken, or `None` while there are too few
    /// frames for the micro-Doppler map.
    ///
    /// # Panics
    /// When the frame has not the planned shape.
    pub fn push(&mut self, frame: &RadarFrame) -> Option<Seen<'_>> {
        assert_eq!(FrameShape::of(&frame.samples), self.shape, "the frame was not planned for");
        let [fast_map, slow_map] = &mut self.maps;
        self.fast.run(&frame.samples, fast_map);
        if !self.slow.push(&frame.samples) {
            return None;
        }
        self.slow.run(slow_map);
        for ((map, crop), out) in self.maps.iter().zip(&mut self.crops).zip(&mut self.resampled) {
            crop.resample(map, out);
        }
        let row = self.target.push(&self.resampled[1]);
        if row.has_jumped {
            self.steady.restart();
        }
        for (from, to) in self.resampled.iter().zip(self.aligned.axis_iter_mut(Axis(0))) {
            shift_rows(from, to, row.row, self.target_row);
        }
        self.expression.assign(&self.aligned);
        scale(&mut self.expression, self.span_db);
        let is_steady = self.steady.push(&self.aligned, &mut self.identity);
        if is_steady {
            scale(&mut self.identity, self.span_db);
        }
        Some(Seen { expression: &self.expression, identity: is_steady.then_some(&self.identity) })
    }

    /// Forgets who was seen, so that an average never mixes an empty chair or two persons.
    pub fn forget_target(&mut self) {
        self.target.restart();
        self.steady.restart();
    }

    /// Forgets earlier frames.
    pub fn restart(&mut self) {
        self.fast.reset();
        self.slow.reset();
        self.forget_target();
    }
}

fn scale(input: &mut Array3<f32>, span_db: f32) {
    input.axis_iter_mut(Axis(0)).for_each(|mut map| decibel_scale(&mut map, span_db));
}

/// Copies rows so that row `from_row` becomes row `to_row`; what comes in from outside is 0.
fn shift_rows(from: &Array2<f32>, mut to: ArrayViewMut2<'_, f32>, from_row: usize, to_row: usize) {
    let rows = from.nrows();
    for (row, mut out) in to.rows_mut().into_iter().enumerate() {
        match (row + from_row).checked_sub(to_row).filter(|&source| source < rows) {
            Some(source) => out.assign(&from.row(source)),
            None => out.fill(0.0),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "small synthetic frames"
    )]

    use super::*;
    use crate::data::Samples;
    use crate::units::Stamp;

    /// A frame with a target in range bin `bin` that moves at a constant speed.
    fn frame(chirp: &ChirpConfig, number: u64, bin: f64) -> RadarFrame {
        let shape = (chirp.rx_antennas.len(), chirp.chirps, chirp.samples);
        let samples = Array3::from_shape_fn(shape, |(rx, c, n)| {
            let slow = 0.02 * c as f64 + 1.3 * number as f64 + rx as f64;
            let fast = std::f64::consts::TAU * bin * n as f64 / chirp.samples as f64;
            (2048.0 + 300.0 * (fast + slow).cos()) as i16
        });
        let stamp = Stamp::from_micros(50_000 * i64::try_from(number).unwrap());
        RadarFrame { number, stamp, samples: Samples::Real(samples), has_holes: false }
    }

    fn plan() -> (ChirpConfig, RadarInputs) {
        let chirp = ChirpConfig::food();
        let config = RadarInputConfig {
            identity_frames: 10,
            least_identity_frames: 5,
            ..RadarInputConfig::default()
        };
        config.check().unwrap();
        let inputs = RadarInputs::plan(&config, &chirp).unwrap();
        (chirp, inputs)
    }

    #[test]
    fn an_input_comes_with_every_frame_once_eight_were_seen() {
        let (chirp, mut inputs) = plan();
        for number in 0..12 {
            let seen = inputs.push(&frame(&chirp, number, 8.0));
            assert_eq!(seen.is_some(), number >= 7, "frame {number}");
        }
        inputs.restart();
        assert!(inputs.push(&frame(&chirp, 12, 8.0)).is_none());
    }

    #[test]
    fn identity_waits_for_its_least_frames_and_again_after_a_jump() {
        let (chirp, mut inputs) = plan();
        let mut has_identity = |number, bin| {
            inputs.push(&frame(&chirp, number, bin)).is_some_and(|seen| seen.identity.is_some())
        };
        let first: Vec<bool> = (0..20).map(|number| has_identity(number, 8.0)).collect();
        assert_eq!(first.iter().position(|&has| has), Some(11), "{first:?}");
        let later: Vec<bool> = (20..140).map(|number| has_identity(number, 30.0)).collect();
        assert!(later.contains(&false), "the target has moved and nothing was forgotten");
        assert!(later[119]);
    }

    #[test]
    fn the_target_is_seen_in_the_same_row_wherever_it_is() {
        for bin in [5.0, 8.0, 30.0] {
            let (chirp, mut inputs) = plan();
            for number in 0..7 {
                assert!(inputs.push(&frame(&chirp, number, bin)).is_none());
            }
            let seen = inputs.push(&frame(&chirp, 7, bin)).unwrap();
            for map in seen.expression.axis_iter(Axis(0)) {
                let best = map.indexed_iter().max_by(|a, b| a.1.total_cmp(b.1)).unwrap();
                assert_eq!(best.0.0, 16, "target in bin {bin}");
                assert!((best.1 - 1.0).abs() < 1e-6);
                assert!(map.iter().all(|x| (0.0..=1.0).contains(x)));
            }
        }
    }
}
