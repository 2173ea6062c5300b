//! Micro range-Doppler maps: slow motion, seen across frames.

use ndarray::ArrayRef3;
use serde::{Deserialize, Serialize};

use super::frame_mean::FrameMean;
use super::shape::cells;
use super::stacked_frames::{FRAMES, StackedFrames};
use super::{Error, FrameShape, Window};
use crate::data::{ChirpConfig, Samples};
use crate::units::{MetersPerSecond, Seconds};

/// How micro range-Doppler maps are made. The default is `frame-mean` over 64 frames, each frame.
///
/// Windows are periodic Hann. Offsets are taken off each chirp before the range FFT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct MicroDopplerConfig {
    /// What slow time is made of.
    pub mode: MicroDopplerMode,
    /// Frames of a block, 1 to 65536; `stacked-frames` always takes 8 and ignores this.
    pub frames: usize,
    /// Frames from one map to the next, 1 to 65536.
    pub hop: usize,
}

/// What slow time is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MicroDopplerMode {
    /// One value per frame: the mean over its chirps. Slow time is uniform, the rate is that of
    /// frames. Resolves breathing: half a millimetre per second with 64 frames of 77 ms at 61 GHz.
    #[default]
    FrameMean,
    /// The chirps of eight frames set end to end, means taken off in both directions, low-passed
    /// (65-tap windowed sinc at a sixteenth of the chirp rate) and thinned by eight, as HOOD and
    /// FOODER do. A frame of `M` chirps gives `M` rows.
    ///
    /// **Slow time is not uniform**: after the chirps of a frame the radar is silent until the
    /// next, and the FFT does not know. Motion draws false lines at multiples of the frame rate,
    /// and velocities are those of a radar without gaps; see
    /// [`MicroDopplerConfig::gap`].
    StackedFrames,
}

impl Default for MicroDopplerConfig {
    fn default() -> Self {
        Self { mode: MicroDopplerMode::FrameMean, frames: 64, hop: 1 }
    }
}

impl MicroDopplerConfig {
    /// Largest block and hop.
    pub const MAX_FRAMES: usize = 1 << 16;
    /// Most complex values that a plan buffers: 512 MiB.
    pub const MAX_VALUES: usize = 1 << 26;

    /// The micro range-Doppler map that the FOODER networks of this project take in.
    #[must_use]
    pub const fn fooder() -> Self {
        Self { mode: MicroDopplerMode::StackedFrames, frames: FRAMES, hop: 1 }
    }

    /// Frames that a map is made of.
    #[must_use]
    pub const fn block(&self) -> usize {
        match self.mode {
            MicroDopplerMode::FrameMean => self.frames,
            MicroDopplerMode::StackedFrames => FRAMES,
        }
    }

    /// Doppler bins of a map of frames of `chirps` chirps.
    #[must_use]
    pub const fn doppler_bins(&self, chirps: usize) -> usize {
        match self.mode {
            MicroDopplerMode::FrameMean => self.frames,
            MicroDopplerMode::StackedFrames => chirps,
        }
    }

    /// Largest unambiguous speed in either direction: `lambda / 4T`, with `T` the time between
    /// values in slow time, a frame or eight chirps.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "eight frames")]
    pub fn max_velocity(&self, chirp: &ChirpConfig) -> MetersPerSecond {
        let step = match self.mode {
            MicroDopplerMode::FrameMean => chirp.frame_period.0,
            MicroDopplerMode::StackedFrames => FRAMES as f64 * chirp.chirp_period.0,
        };
        MetersPerSecond(chirp.wavelength().0 / (4.0 * step))
    }

    /// Width of one Doppler bin: `2 max_velocity / doppler_bins`.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "bin counts are far below 2^52")]
    pub fn velocity_resolution(&self, chirp: &ChirpConfig) -> MetersPerSecond {
        let bins = self.doppler_bins(chirp.chirps) as f64;
        MetersPerSecond(2.0 * self.max_velocity(chirp).0 / bins)
    }

    /// Silence between the last chirp of a frame and the first of the next: what
    /// [`MicroDopplerMode::StackedFrames`] leaves out of slow time.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "chirp counts are far below 2^52")]
    pub fn gap(chirp: &ChirpConfig) -> Seconds {
        Seconds((chirp.frame_period.0 - chirp.chirps as f64 * chirp.chirp_period.0).max(0.0))
    }

    /// Refuses blocks that are out of range or too large for frames of `shape`.
    pub(super) fn check(&self, shape: &FrameShape) -> Result<(), Error> {
        let (frames, hop) = (self.block(), self.hop);
        let sane = 1..=MicroDopplerConfig::MAX_FRAMES;
        if !sane.contains(&frames) || !sane.contains(&hop) {
            return Err(Error::Block { frames, hop });
        }
        let per_frame = match self.mode {
            MicroDopplerMode::FrameMean => 1,
            MicroDopplerMode::StackedFrames => shape.chirps,
        };
        let values = [shape.rx, shape.range_bins(), frames, per_frame]
            .iter()
            .try_fold(1, |product: usize, &n| product.checked_mul(n))
            .unwrap_or(usize::MAX);
        if values > MicroDopplerConfig::MAX_VALUES {
            return Err(Error::Buffer { values });
        }
        Ok(())
    }
}

/// Micro range-Doppler maps of a stream of frames of one shape. See the [module](super) for bins
/// and signs.
///
/// [`push`](Self::push) each frame; when it says that a map is due, [`run`](Self::run).
pub struct MicroDoppler {
    shape: FrameShape,
    doppler_bins: usize,
    slow_time: SlowTime,
    block: usize,
    hop: usize,
    /// Frames still to come until a map is due.
    missing: usize,
}

enum SlowTime {
    FrameMean(Box<FrameMean>),
    StackedFrames(Box<StackedFrames>),
}

impl MicroDoppler {
    /// Plans for frames of `shape`.
    ///
    /// # Errors
    /// When the frame is empty or huge, a setting is out of its range, or the block would need
    /// more than [`MicroDopplerConfig::MAX_VALUES`] values.
    pub fn plan(shape: FrameShape, config: &MicroDopplerConfig) -> Result<Self, Error> {
        let shape = shape.checked()?;
        config.check(&shape)?;
        let (block, doppler_bins) = (config.block(), config.doppler_bins(shape.chirps));
        let range_window = Window::default().coefficients(shape.samples);
        let doppler_window = Window::default().coefficients(doppler_bins);
        let slow_time = match config.mode {
            MicroDopplerMode::FrameMean => SlowTime::FrameMean(Box::new(FrameMean::plan(
                shape,
                block,
                range_window,
                &doppler_window,
            ))),
            MicroDopplerMode::StackedFrames => SlowTime::StackedFrames(Box::new(
                StackedFrames::plan(shape, &range_window, &doppler_window),
            )),
        };
        Ok(Self { shape, doppler_bins, slow_time, block, hop: config.hop, missing: block })
    }

    /// Shape of the map: `(rx, range_bin, doppler_bin)`.
    #[must_use]
    pub const fn map_shape(&self) -> (usize, usize, usize) {
        (self.shape.rx, self.shape.range_bins(), self.doppler_bins)
    }

    /// Forgets the frames before, for a gap in the stream.
    pub fn reset(&mut self) {
        self.missing = self.block;
        match &mut self.slow_time {
            SlowTime::FrameMean(slow) => slow.reset(),
            SlowTime::StackedFrames(slow) => slow.reset(),
        }
    }

    /// Takes in a frame `samples[rx, chirp, sample]`. True when a map is due: at the first full
    /// block, then every hop.
    ///
    /// # Panics
    /// When samples have not the planned shape or do not lie in C order.
    pub fn push(&mut self, samples: &Samples) -> bool {
        match &mut self.slow_time {
            SlowTime::FrameMean(slow) => slow.push(samples),
            SlowTime::StackedFrames(slow) => slow.push(samples),
        }
        self.missing -= 1;
        let due = self.missing == 0;
        if due {
            self.missing = self.hop;
        }
        due
    }

    /// Shapes: `map[rx, range_bin, doppler_bin]` out, of the newest block.
    ///
    /// Magnitudes of the unscaled FFT; zero velocity at bin `L / 2`, approach below it. Before the
    /// first block is full the map is made of what there is and means little.
    ///
    /// # Panics
    /// When the map has not the planned shape or does not lie in C order.
    pub fn run(&mut self, map: &mut ArrayRef3<f32>) {
        let map = cells(map, self.map_shape());
        match &mut self.slow_time {
            SlowTime::FrameMean(slow) => slow.run(map),
            SlowTime::StackedFrames(slow) => slow.run(map),
        }
    }
}
