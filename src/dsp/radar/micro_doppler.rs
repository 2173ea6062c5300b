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

#[cfg(test)]
mod tests {
    #![expect(clippy::cast_precision_loss, reason = "test sizes are small")]

    use ndarray::Array3;
    use proptest::prelude::*;
    use rustfft::num_complex::Complex64;

    use super::*;
    use crate::dsp::radar::twin;

    #[test]
    fn blocks_without_frames_and_blocks_too_large_are_refused() {
        let shape = FrameShape { rx: 3, chirps: 64, samples: 128, complex: false };
        let plan = |frames, hop| {
            MicroDoppler::plan(shape, &MicroDopplerConfig { frames, hop, ..Default::default() })
                .err()
        };
        assert_eq!(plan(0, 1), Some(Error::Block { frames: 0, hop: 1 }));
        assert_eq!(plan(64, 0), Some(Error::Block { frames: 64, hop: 0 }));
        let wide = FrameShape { samples: 16_384, ..shape };
        let config = MicroDopplerConfig { frames: 65_536, ..Default::default() };
        assert!(matches!(MicroDoppler::plan(wide, &config).err(), Some(Error::Buffer { .. })));
    }

    #[test]
    fn a_map_is_due_at_the_first_full_block_then_every_hop_and_again_after_a_reset() {
        let shape = FrameShape { rx: 1, chirps: 1, samples: 4, complex: false };
        let config = MicroDopplerConfig { frames: 4, hop: 2, ..Default::default() };
        let mut plan = MicroDoppler::plan(shape, &config).unwrap();
        let due: Vec<_> = (0..8).map(|n| plan.push(&twin::frame(shape, n))).collect();
        assert_eq!(due, [false, false, false, true, false, true, false, true]);
        plan.reset();
        let due: Vec<_> = (0..4).map(|n| plan.push(&twin::frame(shape, n))).collect();
        assert_eq!(due, [false, false, false, true]);
    }

    /// Figures of papers.md 1.4 and of the recording in the shared data.
    #[test]
    fn the_food_chirp_gives_stacked_bins_of_12_3_mm_per_second_and_a_25_ms_gap() {
        let food = ChirpConfig::food();
        let config = MicroDopplerConfig::fooder();
        assert_eq!(config.doppler_bins(food.chirps), 64);
        assert!((config.velocity_resolution(&food).0 - 0.0123).abs() < 1e-4);
        assert!((MicroDopplerConfig::gap(&food).0 - 0.025).abs() < 1e-4);
    }

    proptest! {
        #[test]
        fn frame_mean_maps_of_any_size_are_those_of_the_slow_twin(
            (rx, chirps, samples, complex) in (1_usize..3, 1_usize..6, 1_usize..12, any::<bool>()),
            (frames, extra, seed) in (1_usize..10, 0_usize..7, any::<u32>()),
        ) {
            let shape = FrameShape { rx, chirps, samples, complex };
            let config = MicroDopplerConfig { frames, ..Default::default() };
            let pushed = pushed(shape, frames + extra, seed);
            let mut plan = MicroDoppler::plan(shape, &config).unwrap();
            let map = run(&mut plan, &pushed);
            let block = &pushed[extra..];
            let floor = 2000.0 * (frames * samples) as f64 / 50.0;
            twin::assert_close(&map, &slow_frame_mean(block, shape), floor);
        }

        #[test]
        fn stacked_maps_of_any_size_are_those_of_the_slow_twin(
            (rx, chirps, samples, complex) in (1_usize..3, 1_usize..18, 1_usize..12, any::<bool>()),
            (extra, seed) in (0_usize..9, any::<u32>()),
        ) {
            let shape = FrameShape { rx, chirps, samples, complex };
            let pushed = pushed(shape, 8 + extra, seed);
            let mut plan = MicroDoppler::plan(shape, &MicroDopplerConfig::fooder()).unwrap();
            let map = run(&mut plan, &pushed);
            let floor = 2000.0 * (8 * chirps * samples) as f64 / 50.0;
            twin::assert_close(&map, &slow_stacked(&pushed[extra..], shape), floor);
        }
    }

    fn pushed(shape: FrameShape, frames: usize, seed: u32) -> Vec<Samples> {
        (0..frames).map(|n| twin::frame(shape, u64::from(seed) + n as u64)).collect()
    }

    fn run(plan: &mut MicroDoppler, frames: &[Samples]) -> Array3<f32> {
        let mut map = Array3::from_elem(plan.map_shape(), f32::NAN);
        for frame in frames {
            plan.spoil();
            plan.push(frame);
        }
        plan.spoil();
        plan.run(&mut map);
        map
    }

    /// Range spectra of a frame `[chirp][range_bin]`.
    fn spectra(frame: &Samples, shape: FrameShape, rx: usize) -> Vec<Vec<Complex64>> {
        let window = Window::default().coefficients(shape.samples);
        let bins = |c| twin::chirp(frame, rx, c);
        (0..shape.chirps)
            .map(|c| twin::range_bins(bins(c), &window, shape.samples, shape.complex, true))
            .collect()
    }

    fn slow_frame_mean(block: &[Samples], shape: FrameShape) -> Vec<f64> {
        let window = Window::default().coefficients(block.len());
        let mut map = Vec::new();
        for rx in 0..shape.rx {
            let frames: Vec<_> = block.iter().map(|frame| spectra(frame, shape, rx)).collect();
            for bin in 0..shape.range_bins() {
                let mean = |chirps: &Vec<Vec<Complex64>>| {
                    chirps.iter().map(|c| c[bin]).sum::<Complex64>() / chirps.len() as f64
                };
                let mut line: Vec<_> = frames.iter().map(mean).collect();
                twin::remove_mean(&mut line);
                twin::taper(&mut line, &window);
                map.extend(twin::shifted_magnitudes(&line, line.len()));
            }
        }
        map
    }

    fn slow_stacked(block: &[Samples], shape: FrameShape) -> Vec<f64> {
        let window = Window::default().coefficients(shape.chirps);
        let mut map = Vec::new();
        for rx in 0..shape.rx {
            let chirps: Vec<_> = block.iter().flat_map(|f| spectra(f, shape, rx)).collect();
            let mut bins: Vec<Vec<Complex64>> = (0..shape.range_bins())
                .map(|bin| chirps.iter().map(|c| c[bin]).collect())
                .collect();
            bins.iter_mut().for_each(|line| twin::remove_mean(line));
            for c in 0..chirps.len() {
                let mut fast: Vec<_> = bins.iter().map(|line| line[c]).collect();
                twin::remove_mean(&mut fast);
                bins.iter_mut().zip(fast).for_each(|(line, z)| line[c] = z);
            }
            for line in bins {
                let mut rows: Vec<_> = (0..shape.chirps).map(|r| filtered(&line, 8 * r)).collect();
                twin::taper(&mut rows, &window);
                map.extend(twin::shifted_magnitudes(&rows, rows.len()));
            }
        }
        map
    }

    /// The line low-passed at a sixteenth of its rate, at one of its values.
    fn filtered(line: &[Complex64], at: usize) -> Complex64 {
        let tap = |lag: f64| {
            let hann = 0.5 + 0.5 * (std::f64::consts::PI * lag / 32.0).cos();
            let x = std::f64::consts::PI * lag / 8.0;
            if lag.abs() > 32.0 {
                0.0
            } else if x == 0.0 {
                1.0
            } else {
                hann * x.sin() / x
            }
        };
        let gain: f64 = (-32..=32).map(|lag| tap(f64::from(lag))).sum();
        line.iter().enumerate().map(|(i, z)| z * tap(i as f64 - at as f64) / gain).sum()
    }

    impl MicroDoppler {
        fn spoil(&mut self) {
            match &mut self.slow_time {
                SlowTime::FrameMean(slow) => slow.spoil(),
                SlowTime::StackedFrames(slow) => slow.spoil(),
            }
        }
    }
}
