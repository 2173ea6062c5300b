//! Range profiles: how strongly each distance reflects, moving or not.

use ndarray::ArrayRef2;
use rustfft::num_complex::Complex32;

use super::means::Means;
use super::range_spectra::RangeSpectra;
use super::shape::numbers;
use super::{Error, FrameShape, Window};
use crate::data::Samples;

/// Magnitude of the range FFT, averaged over the chirps of a frame.
///
/// The mean over samples is taken off each chirp first. Unlike a range-Doppler map, a profile
/// shows what stands still; [`RangeMotion`](super::RangeMotion) is its counterpart for what moves
/// between frames.
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

#[cfg(test)]
mod tests {
    #![expect(clippy::cast_precision_loss, reason = "test sizes are small")]

    use ndarray::{Array2, Axis};
    use proptest::prelude::*;
    use rustfft::num_complex::Complex64;

    use super::*;
    use crate::dsp::radar::{WindowShape, twin};

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
