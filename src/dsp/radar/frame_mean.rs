//! Micro-Doppler from one complex value per frame, for motion as slow as breathing.

use std::sync::Arc;

use rustfft::num_complex::Complex32;
use rustfft::{Fft, FftPlanner};

use super::FrameShape;
use super::mean_spectrum::MeanSpectrum;
use super::range_doppler::shifted_magnitudes;
use crate::data::Samples;

/// A block of frames, one complex value for each receive antenna and range bin of a frame.
pub(super) struct FrameMean {
    spectrum: MeanSpectrum,
    frames: usize,
    doppler: Arc<dyn Fft<f32>>,
    doppler_window: Vec<f32>,
    /// Ring `[rx, range_bin, frame]`; the oldest frame is at `next` once the ring is full.
    ring: Vec<Complex32>,
    next: usize,
    slow: Vec<Complex32>,
    scratch: Vec<Complex32>,
}

impl FrameMean {
    /// Plans for blocks of `frames`.
    #[expect(clippy::cast_possible_truncation, reason = "window coefficients lie in 0..=1")]
    pub(super) fn plan(
        shape: FrameShape,
        frames: usize,
        range_window: Vec<f64>,
        doppler_window: &[f64],
    ) -> Self {
        let doppler = FftPlanner::new().plan_fft_forward(frames);
        Self {
            spectrum: MeanSpectrum::with_window(shape, range_window),
            frames,
            doppler_window: doppler_window.iter().map(|&w| w as f32).collect(),
            ring: vec![Complex32::default(); shape.rx * shape.range_bins() * frames],
            next: 0,
            slow: vec![Complex32::default(); frames],
            scratch: vec![Complex32::default(); doppler.get_inplace_scratch_len()],
            doppler,
        }
    }

    /// Starts a new block.
    pub(super) fn reset(&mut self) {
        self.next = 0;
        self.ring.fill(Complex32::default());
    }

    /// Takes in one frame.
    pub(super) fn push(&mut self, samples: &Samples) {
        self.spectrum.run(samples);
        let columns = self.ring.chunks_exact_mut(self.frames);
        for (line, &z) in columns.zip(self.spectrum.values()) {
            line[self.next] = z;
        }
        self.next = (self.next + 1) % self.frames;
    }

    /// What the newest frame added.
    pub(super) const fn spectrum(&self) -> &MeanSpectrum {
        &self.spectrum
    }

    /// Shapes: `map[rx, range_bin, doppler_bin]` out, all in one slice.
    pub(super) fn run(&mut self, map: &mut [f32]) {
        let lines = self.ring.chunks_exact(self.frames).zip(map.chunks_exact_mut(self.frames));
        for (line, map) in lines {
            let mean = mean(line);
            let (newer, older) = line.split_at(self.next);
            let in_order = older.iter().chain(newer);
            for ((slow, &z), &w) in self.slow.iter_mut().zip(in_order).zip(&self.doppler_window) {
                *slow = (z - mean) * w;
            }
            self.doppler.process_with_scratch(&mut self.slow, &mut self.scratch);
            shifted_magnitudes(&self.slow, map, self.frames / 2);
        }
    }
}

/// The mean of a line, summed as distances from its first value, so that a large static part
/// costs no digits.
#[expect(clippy::cast_precision_loss, reason = "at most 2^16 frames")]
pub(super) fn mean(line: &[Complex32]) -> Complex32 {
    let first = line.first().copied().unwrap_or_default();
    let rest: Complex32 = line.iter().map(|z| z - first).sum();
    first + rest / line.len() as f32
}

#[cfg(test)]
impl FrameMean {
    /// Fills what runs do not share with not-a-number.
    pub(super) fn spoil(&mut self) {
        let nan = Complex32::new(f32::NAN, f32::NAN);
        self.spectrum.spoil();
        self.slow.fill(nan);
        self.scratch.fill(nan);
    }
}
