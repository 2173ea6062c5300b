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
    /// The paper (arXiv 2508.20871) names neither windows nor filter; these are those of
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
        let doppler = FftPlanner::new().plan_fft_forward(doppler_bins);
        let range_window = config.range_window.coefficients(shape.samples);
        let doppler_window = config.doppler_window.coefficients(shape.chirps);
        #[expect(clippy::cast_possible_truncation, reason = "alpha lies in 0..=1")]
        let mti = match config.clutter {
            Clutter::Mti { alpha } => {
                Some(Mti::plan(alpha as f32, shape.rx * shape.numbers_per_rx(), shape.parts()))
            }
            Clutter::Keep | Clutter::MeanOverChirps => None,
        };
        Ok(Self {
            means: Means::plan(
                (shape.chirps, shape.samples, shape.parts()),
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
            self.doppler.process_with_scratch(&mut self.spectra, &mut self.scratch);
            let half = self.doppler_bins / 2;
            for (row, map) in self
                .spectra
                .chunks_exact(self.doppler_bins)
                .zip(map.chunks_exact_mut(self.doppler_bins))
            {
                shifted_magnitudes(row, map, half);
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
