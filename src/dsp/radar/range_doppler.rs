//! Range-Doppler maps: distance against velocity, from one frame.

use std::sync::Arc;

use ndarray::ArrayRef3;
use rustfft::num_complex::Complex32;
use rustfft::{Fft, FftPlanner};
use serde::{Deserialize, Serialize};

use super::means::Means;
use super::mti::Mti;
use super::range_spectra::RangeSpectra;
use super::shape::{cells, numbers};
use super::{Error, FrameShape, Window, WindowShape};
use crate::data::Samples;

/// Range bins whose Doppler FFT is done together.
const BLOCK: usize = 8;

/// How a range-Doppler map is made. The default is the plain map: offsets off each chirp, periodic
/// Hann windows, mean over chirps off each range bin, no padding.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct RangeDopplerConfig {
    /// What of the ADC offset to take off before the range window.
    pub offset: Offset,
    /// What of the unmoving scene to take off.
    pub clutter: Clutter,
    /// Window over the samples of a chirp.
    pub range_window: Window,
    /// Window over the chirps of a frame.
    pub doppler_window: Window,
    /// Range FFT length over samples per chirp, 1 to 8.
    pub range_zero_padding: usize,
    /// Doppler FFT length over chirps per frame, 1 to 8.
    pub doppler_zero_padding: usize,
}

/// What of the ADC offset to take off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Offset {
    /// Nothing.
    Keep,
    /// The mean over the samples of each chirp.
    #[default]
    ChirpMean,
}

/// What of the unmoving scene to take off.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Clutter {
    /// Nothing: walls stay, and so does a person who sits still.
    Keep,
    /// The mean over the chirps of this frame; no memory.
    #[default]
    MeanOverChirps,
    /// A decaying memory of earlier frames, as in Infineon's Python Doppler example:
    /// `y = x - h`, then `h = alpha x + (1 - alpha) h`, on samples free of their whole-frame mean.
    Mti {
        /// Share of a new frame in the memory, 0 to 1; Infineon's example has 0.8.
        alpha: f64,
    },
}

impl Default for RangeDopplerConfig {
    fn default() -> Self {
        Self {
            offset: Offset::ChirpMean,
            clutter: Clutter::MeanOverChirps,
            range_window: Window::default(),
            doppler_window: Window::default(),
            range_zero_padding: 1,
            doppler_zero_padding: 1,
        }
    }
}

impl RangeDopplerConfig {
    /// Largest zero-padding factor.
    pub const MAX_PADDING: usize = 8;

    /// The map that the FOODER networks of this project take in.
    ///
    /// Neither FOODER (arXiv 2512.18057; only its abstract was at hand) nor its predecessors name
    /// windows or filter coefficient; these are those of
    /// Infineon's Python Doppler example, MTI with 0.8 and symmetric Blackman-Harris, without its
    /// padding, so that 128 samples and 64 chirps give bins `0..64` by 64.
    #[must_use]
    pub fn fooder() -> Self {
        let window = Window::symmetric(WindowShape::BlackmanHarris);
        Self {
            clutter: Clutter::Mti { alpha: 0.8 },
            range_window: window,
            doppler_window: window,
            ..Self::default()
        }
    }

    fn check(&self) -> Result<(), Error> {
        for factor in [self.range_zero_padding, self.doppler_zero_padding] {
            if !(1..=Self::MAX_PADDING).contains(&factor) {
                return Err(Error::ZeroPadding { factor });
            }
        }
        match self.clutter {
            Clutter::Mti { alpha } if !(0.0..=1.0).contains(&alpha) => {
                Err(Error::MtiAlpha { alpha })
            }
            _ => Ok(()),
        }
    }
}

/// Range-Doppler maps of frames of one shape. See the [module](super) for bins and signs.
///
/// Without [`Clutter::Mti`] a map depends on its own frame only.
pub struct RangeDoppler {
    shape: FrameShape,
    range_bins: usize,
    doppler_bins: usize,
    means: Means,
    mti: Option<Mti>,
    moving: Vec<f32>,
    range: RangeSpectra,
    doppler: Arc<dyn Fft<f32>>,
    spectra: Vec<Complex32>,
    scratch: Vec<Complex32>,
}

impl RangeDoppler {
    /// Plans for frames of `shape`.
    ///
    /// # Errors
    /// When the frame is empty or huge, or a setting is out of its range.
    pub fn plan(shape: FrameShape, config: &RangeDopplerConfig) -> Result<Self, Error> {
        let shape = shape.checked()?;
        config.check()?;
        let length = shape.samples * config.range_zero_padding;
        let range_bins = shape.range_bins_of(length);
        let doppler_bins = shape.chirps * config.doppler_zero_padding;
        let sizes = (shape.chirps, shape.samples, shape.parts());
        let doppler = FftPlanner::new().plan_fft_forward(doppler_bins);
        let range_window = config.range_window.coefficients(shape.samples);
        let doppler_window = config.doppler_window.coefficients(shape.chirps);
        #[expect(clippy::cast_possible_truncation, reason = "alpha lies in 0..=1")]
        let mti = match config.clutter {
            Clutter::Mti { alpha } => Some(Mti::plan(alpha as f32, shape.rx, sizes)),
            Clutter::Keep | Clutter::MeanOverChirps => None,
        };
        Ok(Self {
            means: Means::plan(
                sizes,
                config.offset == Offset::ChirpMean,
                config.clutter == Clutter::MeanOverChirps,
            ),
            moving: vec![0.0; if mti.is_some() { shape.numbers_per_rx() } else { 0 }],
            mti,
            range: RangeSpectra::plan(&shape, length, &range_window, &doppler_window),
            spectra: vec![Complex32::default(); range_bins * doppler_bins],
            scratch: vec![Complex32::default(); doppler.get_inplace_scratch_len()],
            doppler,
            shape,
            range_bins,
            doppler_bins,
        })
    }

    /// Shape of the map: `(rx, range_bin, doppler_bin)`.
    #[must_use]
    pub const fn map_shape(&self) -> (usize, usize, usize) {
        (self.shape.rx, self.range_bins, self.doppler_bins)
    }

    /// Forgets the frames before, for a gap in the stream. Does nothing without [`Clutter::Mti`].
    pub fn reset(&mut self) {
        if let Some(mti) = &mut self.mti {
            mti.reset();
        }
    }

    /// Shapes: `samples[rx, chirp, sample]` in, `map[rx, range_bin, doppler_bin]` out.
    ///
    /// Magnitudes of the unscaled FFT; zero velocity at bin `M / 2`, approach below it.
    ///
    /// # Panics
    /// When samples or map have not the planned shape or do not lie in C order.
    pub fn run(&mut self, samples: &Samples, map: &mut ArrayRef3<f32>) {
        let counts = numbers(samples, &self.shape);
        let map = cells(map, self.map_shape());
        let per_rx = counts.chunks_exact(self.shape.numbers_per_rx());
        let maps = map.chunks_exact_mut(self.range_bins * self.doppler_bins);
        for (rx, (counts, map)) in per_rx.zip(maps).enumerate() {
            self.range_spectra(rx, counts);
            self.doppler_magnitudes(map);
        }
    }

    /// Doppler FFT and magnitudes, a few range bins at a time, so that they stay in the cache.
    fn doppler_magnitudes(&mut self, map: &mut [f32]) {
        let (bins, half) = (self.doppler_bins, self.doppler_bins / 2);
        let blocks = self.spectra.chunks_mut(BLOCK * bins).zip(map.chunks_mut(BLOCK * bins));
        for (spectra, map) in blocks {
            self.doppler.process_with_scratch(spectra, &mut self.scratch);
            for (line, map) in spectra.chunks_exact(bins).zip(map.chunks_exact_mut(bins)) {
                shifted_magnitudes(line, map, half);
            }
        }
    }

    /// Windowed range spectra of one receive antenna, `[range_bin, chirp]`, padded with zeros.
    fn range_spectra(&mut self, rx: usize, counts: &[i16]) {
        if self.shape.chirps < self.doppler_bins {
            for row in self.spectra.chunks_exact_mut(self.doppler_bins) {
                row[self.shape.chirps..].fill(Complex32::default());
            }
        }
        if let Some(mti) = &mut self.mti {
            mti.run(rx, counts, &mut self.moving);
            self.means.measure_moving(&self.moving);
            self.range.run(&self.moving, &self.means, &mut self.spectra, self.doppler_bins);
        } else {
            self.means.measure(counts);
            self.range.run(counts, &self.means, &mut self.spectra, self.doppler_bins);
        }
    }
}

/// Magnitudes of a line of bins, turned so that bin 0 lands at `half`, the length over two.
pub(super) fn shifted_magnitudes(line: &[Complex32], magnitudes: &mut [f32], half: usize) {
    let (negative, positive) = magnitudes.split_at_mut(half);
    let (low, high) = line.split_at(line.len() - half);
    magnitude(low, positive);
    magnitude(high, negative);
}

/// `sqrt(re^2 + im^2)`, which vectorises where `hypot` does not. No count of an ADC is near the
/// overflow that `hypot` guards against.
fn magnitude(line: &[Complex32], magnitudes: &mut [f32]) {
    for (z, magnitude) in line.iter().zip(magnitudes) {
        *magnitude = (z.re * z.re + z.im * z.im).sqrt();
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::cast_precision_loss, reason = "test sizes are small")]

    use ndarray::Array3;
    use proptest::prelude::*;
    use rustfft::num_complex::Complex64;

    use super::*;
    use crate::dsp::radar::{Ends, twin};

    #[test]
    fn the_default_of_a_config_is_the_plain_map_and_misspelt_keys_are_refused() {
        let plain: RangeDopplerConfig = toml::from_str("").unwrap();
        assert_eq!(plain, RangeDopplerConfig::default());
        let text = "clutter = { mti = { alpha = 0.8 } }\nrange-zero-padding = 2";
        let padded: RangeDopplerConfig = toml::from_str(text).unwrap();
        assert_eq!(padded.clutter, Clutter::Mti { alpha: 0.8 });
        assert_eq!(padded.range_zero_padding, 2);
        assert!(toml::from_str::<RangeDopplerConfig>("range-zero-paddin = 2").is_err());
    }

    #[test]
    fn sizes_and_settings_out_of_range_are_refused_at_plan_time() {
        let shape = FrameShape { rx: 1, chirps: 4, samples: 8, complex: false };
        let plain = RangeDopplerConfig::default();
        let plan = |shape, config| RangeDoppler::plan(shape, &config).err();
        let empty = FrameShape { samples: 0, ..shape };
        assert_eq!(plan(empty, plain), Some(Error::EmptyFrame(empty)));
        let huge = FrameShape { chirps: usize::MAX, ..shape };
        assert_eq!(plan(huge, plain), Some(Error::HugeFrame(huge)));
        let padded = RangeDopplerConfig { doppler_zero_padding: 9, ..plain };
        assert_eq!(plan(shape, padded), Some(Error::ZeroPadding { factor: 9 }));
        let mti = RangeDopplerConfig { clutter: Clutter::Mti { alpha: 1.5 }, ..plain };
        assert_eq!(plan(shape, mti), Some(Error::MtiAlpha { alpha: 1.5 }));
    }

    #[test]
    fn a_target_that_comes_nearer_shows_below_the_middle() {
        // Phase of the beat signal is 4 pi R / lambda, and R falls by a sixteenth of a wavelength
        // from chirp to chirp: an eighth of a turn back, a Doppler bin of -8/64 of all.
        let chirp = |c: usize, i: usize| {
            let turns = 9.0 * i as f64 / 128.0 - c as f64 / 8.0;
            #[expect(clippy::cast_possible_truncation, reason = "a thousand at most")]
            let count = (1000.0 * (std::f64::consts::TAU * turns).cos()) as i16;
            2000 + count
        };
        let samples = Samples::Real(Array3::from_shape_fn((1, 64, 128), |(_, c, i)| chirp(c, i)));
        let map = map_of(&samples, &RangeDopplerConfig::default());
        let peak = map.indexed_iter().max_by(|a, b| a.1.total_cmp(b.1)).unwrap();
        assert_eq!(peak.0, (0, 9, 32 - 8));
    }

    #[test]
    fn full_scale_counts_do_not_overflow() {
        let shape = FrameShape { rx: 1, chirps: 3, samples: 5, complex: false };
        for count in [i16::MIN, i16::MAX] {
            let samples = Samples::Real(Array3::from_elem((1, 3, 5), count));
            let map = map_of(&samples, &RangeDopplerConfig::default());
            assert!(map.iter().all(|&x| x == 0.0), "nothing moves in {shape}: {map}");
        }
    }

    #[test]
    fn a_reset_forgets_the_scene() {
        let shape = FrameShape { rx: 2, chirps: 4, samples: 16, complex: false };
        let mut plan = RangeDoppler::plan(shape, &RangeDopplerConfig::fooder()).unwrap();
        let (mut first, mut second) =
            (Array3::zeros(plan.map_shape()), Array3::zeros(plan.map_shape()));
        plan.run(&twin::frame(shape, 1), &mut first);
        plan.run(&twin::frame(shape, 1), &mut second);
        assert_ne!(first, second, "a scene seen twice moves less");
        plan.reset();
        plan.run(&twin::frame(shape, 1), &mut second);
        assert_eq!(first, second);
    }

    proptest! {
        #[test]
        fn maps_of_any_size_and_setting_are_those_of_the_slow_twin(
            (rx, chirps, samples, complex) in (1_usize..3, 1_usize..20, 1_usize..20, any::<bool>()),
            (range_pad, doppler_pad) in (1_usize..4, 1_usize..4),
            (offset, clutter, symmetric, seed) in (any::<bool>(), 0_u8..3, any::<bool>(), any::<u64>()),
        ) {
            let shape = FrameShape { rx, chirps, samples, complex };
            let config = RangeDopplerConfig {
                offset: if offset { Offset::ChirpMean } else { Offset::Keep },
                clutter: match clutter {
                    0 => Clutter::Keep,
                    1 => Clutter::MeanOverChirps,
                    _ => Clutter::Mti { alpha: 0.3 },
                },
                range_window: Window::symmetric(WindowShape::Hamming),
                doppler_window: Window {
                    shape: WindowShape::BlackmanHarris,
                    ends: if symmetric { Ends::Symmetric } else { Ends::Periodic },
                },
                range_zero_padding: range_pad,
                doppler_zero_padding: doppler_pad,
            };
            let frames = [twin::frame(shape, seed), twin::frame(shape, !seed)];
            let mut plan = RangeDoppler::plan(shape, &config).unwrap();
            let mut map = Array3::from_elem(plan.map_shape(), f32::NAN);
            plan.run(&frames[0], &mut map);
            plan.spoil();
            plan.run(&frames[1], &mut map);
            // Counts of 2000, each kept to 2^-24 of itself, summed over the frame.
            let floor = 2000.0 * (chirps * samples) as f64 / 50.0;
            twin::assert_close(&map, &slow_map(&frames, shape, &config), floor);
        }
    }

    /// The map of the last of `frames`, step by step as the documentation says.
    fn slow_map(frames: &[Samples; 2], shape: FrameShape, config: &RangeDopplerConfig) -> Vec<f64> {
        let FrameShape { chirps, samples, complex, .. } = shape;
        let length = samples * config.range_zero_padding;
        let range_window = config.range_window.coefficients(samples);
        let doppler_window = config.doppler_window.coefficients(chirps);
        let mut map = Vec::new();
        for rx in 0..shape.rx {
            let [before, now] = frames
                .each_ref()
                .map(|frame| (0..chirps).map(|c| twin::chirp(frame, rx, c)).collect::<Vec<_>>());
            let rows = match config.clutter {
                Clutter::Mti { alpha } => {
                    // y = x - h, where the first frame left h = alpha x.
                    let (before, mut now) = (without_mean(before), without_mean(now));
                    for (now, before) in now.iter_mut().flatten().zip(before.iter().flatten()) {
                        *now -= before * alpha;
                    }
                    now
                }
                Clutter::Keep | Clutter::MeanOverChirps => now,
            };
            let offset = config.offset == Offset::ChirpMean;
            let spectra: Vec<_> = rows
                .into_iter()
                .map(|row| twin::range_bins(row, &range_window, length, complex, offset))
                .collect();
            for bin in 0..shape.range_bins_of(length) {
                let mut line: Vec<_> = spectra.iter().map(|row| row[bin]).collect();
                if config.clutter == Clutter::MeanOverChirps {
                    twin::remove_mean(&mut line);
                }
                twin::taper(&mut line, &doppler_window);
                map.extend(twin::shifted_magnitudes(&line, chirps * config.doppler_zero_padding));
            }
        }
        map
    }

    fn without_mean(mut rows: Vec<Vec<Complex64>>) -> Vec<Vec<Complex64>> {
        let count = rows.iter().map(Vec::len).sum::<usize>() as f64;
        let mean = rows.iter().flatten().sum::<Complex64>() / count;
        rows.iter_mut().flatten().for_each(|x| *x -= mean);
        rows
    }

    fn map_of(samples: &Samples, config: &RangeDopplerConfig) -> Array3<f32> {
        let mut plan = RangeDoppler::plan(FrameShape::of(samples), config).unwrap();
        let mut map = Array3::from_elem(plan.map_shape(), f32::NAN);
        plan.run(samples, &mut map);
        map
    }

    impl RangeDoppler {
        /// Fills what runs do not share with not-a-number.
        fn spoil(&mut self) {
            let nan = Complex32::new(f32::NAN, f32::NAN);
            self.range.spoil();
            self.spectra.fill(nan);
            self.scratch.fill(nan);
            self.moving.fill(f32::NAN);
        }
    }
}
