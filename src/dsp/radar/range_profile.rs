//! Range profiles: how strongly each distance reflects, moving or not.

use ndarray::ArrayRef2;
use rustfft::num_complex::Complex32;

use super::frame_mean::FrameMean;
use super::means::Means;
use super::range_spectra::RangeSpectra;
use super::shape::numbers;
use super::{Error, FrameShape, MicroDopplerConfig, Window};
use crate::data::Samples;

/// Magnitude of the range FFT, averaged over the chirps of a frame.
///
/// The mean over samples is taken off each chirp first. Unlike a range-Doppler map, a profile
/// shows what stands still; [`RangeMotion`] is its counterpart for what moves between frames.
pub struct RangeProfile {
    shape: FrameShape,
    means: Means,
    range: RangeSpectra,
    spectra: Vec<Complex32>,
}

impl RangeProfile {
    /// Plans for frames of `shape` and a window over the samples of a chirp.
    ///
    /// # Errors
    /// When the frame is empty or huge.
    pub fn plan(shape: FrameShape, window: Window) -> Result<Self, Error> {
        let shape = shape.checked()?;
        let window = window.coefficients(shape.samples);
        Ok(Self {
            means: Means::plan((shape.chirps, shape.samples, shape.parts()), true, false),
            range: RangeSpectra::plan(&shape, shape.samples, &window, &vec![1.0; shape.chirps]),
            spectra: vec![Complex32::default(); shape.range_bins() * shape.chirps],
            shape,
        })
    }

    /// Shape of the profile: `(rx, range_bin)`.
    #[must_use]
    pub const fn profile_shape(&self) -> (usize, usize) {
        (self.shape.rx, self.shape.range_bins())
    }

    /// Shapes: `samples[rx, chirp, sample]` in, `profile[rx, range_bin]` out.
    ///
    /// Mean over chirps of the magnitude of the unscaled FFT.
    ///
    /// # Panics
    /// When samples or profile have not the planned shape, or samples do not lie in C order.
    #[expect(clippy::cast_precision_loss, reason = "at most 2^14 chirps")]
    pub fn run(&mut self, samples: &Samples, profile: &mut ArrayRef2<f32>) {
        assert_eq!(profile.dim(), self.profile_shape(), "the profile has the wrong shape");
        let counts = numbers(samples, &self.shape);
        let chirps = self.shape.chirps;
        let per_rx = counts.chunks_exact(self.shape.numbers_per_rx());
        for (counts, mut profile) in per_rx.zip(profile.rows_mut()) {
            self.means.measure(counts);
            self.range.run(counts, &self.means, &mut self.spectra, chirps);
            for (line, bin) in self.spectra.chunks_exact(chirps).zip(&mut profile) {
                *bin = line.iter().map(|z| z.norm_sqr().sqrt()).sum::<f32>() / chirps as f32;
            }
        }
    }
}

/// How far the frames of a block stray from their mean, at each distance: a breathing chest shows,
/// a wall does not.
///
/// One complex value stands for a frame, as in
/// [`MicroDopplerMode::FrameMean`](super::MicroDopplerMode::FrameMean).
pub struct RangeMotion {
    shape: FrameShape,
    slow_time: FrameMean,
}

impl RangeMotion {
    /// Plans for frames of `shape`, a window over the samples of a chirp, and blocks of `frames`.
    ///
    /// # Errors
    /// When the frame is empty or huge, or the block is not one of 1 to
    /// [`MicroDopplerConfig::MAX_FRAMES`] frames that fits the memory it may have.
    pub fn plan(shape: FrameShape, window: Window, frames: usize) -> Result<Self, Error> {
        let shape = shape.checked()?;
        MicroDopplerConfig { frames, ..MicroDopplerConfig::default() }.check(&shape)?;
        let window = window.coefficients(shape.samples);
        Ok(Self { slow_time: FrameMean::plan(shape, frames, window, &vec![1.0; frames]), shape })
    }

    /// Takes in a frame `samples[rx, chirp, sample]`; the oldest of the block falls out.
    ///
    /// # Panics
    /// When samples have not the planned shape or do not lie in C order.
    pub fn push(&mut self, samples: &Samples) {
        self.slow_time.push(samples);
    }

    /// Shapes: `profile[rx, range_bin]` out: mean over the frames of the block of the distance
    /// between the frame's complex value and the mean of the block. Frames not yet seen count as
    /// zeros.
    ///
    /// # Panics
    /// When the profile has the wrong shape.
    pub fn run(&self, profile: &mut ArrayRef2<f32>) {
        let planned = (self.shape.rx, self.shape.range_bins());
        assert_eq!(profile.dim(), planned, "the profile has the wrong shape");
        self.slow_time.motion_profile(profile);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::cast_precision_loss, reason = "test sizes are small")]

    use ndarray::{Array2, Axis};
    use proptest::prelude::*;
    use rustfft::num_complex::Complex64;

    use super::*;
    use crate::dsp::radar::{WindowShape, twin};

    #[test]
    fn a_scene_that_stands_still_has_a_profile_but_no_motion() {
        let shape = FrameShape { rx: 2, chirps: 3, samples: 16, complex: false };
        let mut motion = RangeMotion::plan(shape, Window::default(), 4).unwrap();
        (0..4).for_each(|_| motion.push(&twin::frame(shape, 1)));
        let mut moving = Array2::from_elem((2, 9), f32::NAN);
        motion.run(&mut moving);
        assert!(moving.iter().all(|&x| x == 0.0), "{moving}");
    }

    proptest! {
        #[test]
        fn profiles_of_any_size_are_those_of_the_slow_twin(
            (rx, chirps, samples, complex) in (1_usize..3, 1_usize..20, 1_usize..20, any::<bool>()),
            seed in any::<u64>(),
        ) {
            let shape = FrameShape { rx, chirps, samples, complex };
            let samples = twin::frame(shape, seed);
            let window = Window::periodic(WindowShape::Hamming);
            let mut plan = RangeProfile::plan(shape, window).unwrap();
            let mut profile = Array2::from_elem(plan.profile_shape(), f32::NAN);
            plan.range.spoil();
            plan.spectra.fill(Complex32::new(f32::NAN, f32::NAN));
            plan.run(&samples, &mut profile);
            let rows = |rx| spectra(&samples, shape, rx, window);
            let mean = |rx: usize, bin: usize| {
                rows(rx).iter().map(|row| row[bin].norm()).sum::<f64>() / chirps as f64
            };
            let expected: Vec<f64> = (0..rx)
                .flat_map(|rx| (0..shape.range_bins()).map(move |bin| (rx, bin)))
                .map(|(rx, bin)| mean(rx, bin))
                .collect();
            let floor = 2000.0 * shape.samples as f64 / 50.0;
            twin::assert_close(&profile.insert_axis(Axis(0)), &expected, floor);
        }
    }

    fn spectra(
        samples: &Samples,
        shape: FrameShape,
        rx: usize,
        window: Window,
    ) -> Vec<Vec<Complex64>> {
        let window = window.coefficients(shape.samples);
        let bins = |c| {
            twin::range_bins(
                twin::chirp(samples, rx, c),
                &window,
                shape.samples,
                shape.complex,
                true,
            )
        };
        (0..shape.chirps).map(bins).collect()
    }
}
