//! One complex value for each receive antenna and range bin of a frame: slow time, a frame a step.

use std::sync::Arc;

use rustfft::num_complex::Complex32;
use rustfft::{Fft, FftPlanner};

use super::means::sum_columns;
use super::shape::numbers;
use super::{Error, FrameShape, Window};
use crate::data::Samples;

/// The mean over chirps of the range FFT of one frame.
///
/// The FFT is linear, so this is the FFT of the mean chirp: one FFT a frame and receive antenna.
/// The offset of the mean chirp is taken off first; the window is periodic Hann unless
/// [`MicroDoppler`](super::MicroDoppler) says otherwise.
pub struct MeanSpectrum {
    shape: FrameShape,
    range: Arc<dyn Fft<f32>>,
    window: Vec<f64>,
    sums: Vec<i32>,
    line: Vec<Complex32>,
    scratch: Vec<Complex32>,
    /// `[rx, range_bin]` of the newest frame.
    values: Vec<Complex32>,
}

impl MeanSpectrum {
    /// Plans for frames of `shape`, with a periodic Hann window.
    ///
    /// # Errors
    /// When the frame is empty or huge.
    pub fn plan(shape: FrameShape) -> Result<Self, Error> {
        let shape = shape.checked()?;
        Ok(Self::with_window(shape, Window::default().coefficients(shape.samples)))
    }

    /// Plans for frames of a `shape` that was checked.
    pub(super) fn with_window(shape: FrameShape, window: Vec<f64>) -> Self {
        let range = FftPlanner::new().plan_fft_forward(shape.samples);
        Self {
            window,
            sums: vec![0; shape.samples * shape.parts()],
            line: vec![Complex32::default(); shape.samples],
            scratch: vec![Complex32::default(); range.get_inplace_scratch_len()],
            values: vec![Complex32::default(); shape.rx * shape.range_bins()],
            range,
            shape,
        }
    }

    /// The frames this was planned for.
    #[must_use]
    pub const fn shape(&self) -> FrameShape {
        self.shape
    }

    /// Shapes: `values[rx, range_bin]` of the newest frame; zeros before the first.
    #[must_use]
    pub fn values(&self) -> &[Complex32] {
        &self.values
    }

    /// Takes in a frame `samples[rx, chirp, sample]`.
    ///
    /// # Panics
    /// When samples have not the planned shape or do not lie in C order.
    pub fn run(&mut self, samples: &Samples) {
        let counts = numbers(samples, &self.shape);
        let bins = self.shape.range_bins();
        for (rx, counts) in counts.chunks_exact(self.shape.numbers_per_rx()).enumerate() {
            sum_columns(counts, &mut self.sums);
            self.window_mean_chirp();
            self.range.process_with_scratch(&mut self.line, &mut self.scratch);
            self.values[rx * bins..][..bins].copy_from_slice(&self.line[..bins]);
        }
    }

    /// The mean chirp without its offset, windowed. Sums are exact, the rest is `f64`: the offset
    /// is a thousand times what a chest moves.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "at most 2^14 chirps and samples; the transform is f32"
    )]
    fn window_mean_chirp(&mut self) {
        let chirps = self.shape.chirps as f64;
        let samples = self.shape.samples as f64;
        let parts = self.shape.parts();
        let mut offset = [0.0; 2];
        for sample in self.sums.chunks_exact(parts) {
            for (offset, &sum) in offset.iter_mut().zip(sample) {
                *offset += f64::from(sum) / samples;
            }
        }
        let line = self.line.iter_mut().zip(self.sums.chunks_exact(parts)).zip(&self.window);
        for ((z, sample), w) in line {
            let part = |p: usize| match sample.get(p) {
                Some(&sum) => ((f64::from(sum) - offset[p]) / chirps * w) as f32,
                None => 0.0,
            };
            *z = Complex32::new(part(0), part(1));
        }
    }
}

#[cfg(test)]
impl MeanSpectrum {
    /// Stands in for [`run`](Self::run) where a test knows the values.
    pub(super) fn set(&mut self, value: impl FnMut() -> Complex32) {
        self.values.fill_with(value);
    }

    /// Fills what runs do not share with not-a-number.
    pub(super) fn spoil(&mut self) {
        let nan = Complex32::new(f32::NAN, f32::NAN);
        self.line.fill(nan);
        self.scratch.fill(nan);
    }
}
