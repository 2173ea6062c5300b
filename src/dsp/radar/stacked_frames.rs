//! Micro-Doppler from the chirps of eight frames set end to end, as in HOOD and FOODER.

use std::f64::consts::PI;
use std::sync::Arc;

use rustfft::num_complex::Complex32;
use rustfft::{Fft, FftPlanner};

use super::means::Means;
use super::range_doppler::shifted_magnitudes;
use super::range_spectra::RangeSpectra;
use super::shape::numbers;
use super::{FrameShape, Window, WindowShape};
use crate::data::Samples;

/// Frames in a stack ("stack eight range spectrograms": HOOD, section III-A), and also how many
/// chirps become one row, so that a stack has as many rows as a frame has chirps.
pub(super) const FRAMES: usize = 8;

/// Taps of the low-pass filter. HOOD says "sinc filtering" and no more; length, cut-off and window
/// are this project's choice.
const TAPS: usize = 65;

/// Range spectra of the last [`FRAMES`] frames and what makes a map of them.
pub(super) struct StackedFrames {
    shape: FrameShape,
    means: Means,
    range: RangeSpectra,
    spectra: Vec<Complex32>,
    /// Ring `[rx, range_bin, frame, chirp]`; the oldest frame is at `next` once the ring is full.
    ring: Vec<Complex32>,
    next: usize,
    /// `[range_bin, chirp]` of one receive antenna, oldest chirp first.
    stack: Vec<Complex32>,
    fast_means: Vec<Complex32>,
    low_pass: Vec<f32>,
    doppler_window: Vec<f32>,
    doppler: Arc<dyn Fft<f32>>,
    rows: Vec<Complex32>,
    scratch: Vec<Complex32>,
}

impl StackedFrames {
    /// Plans for frames of `shape`.
    #[expect(clippy::cast_possible_truncation, reason = "window coefficients lie in 0..=1")]
    pub(super) fn plan(shape: FrameShape, range_window: &[f64], doppler_window: &[f64]) -> Self {
        let FrameShape { rx, chirps, samples, .. } = shape;
        let bins = shape.range_bins();
        let doppler = FftPlanner::new().plan_fft_forward(chirps);
        let zeros = |n: usize| vec![Complex32::default(); n];
        Self {
            means: Means::plan((chirps, samples, shape.parts()), true, false),
            range: RangeSpectra::plan(&shape, samples, range_window, &vec![1.0; chirps]),
            spectra: zeros(bins * chirps),
            ring: zeros(rx * bins * FRAMES * chirps),
            next: 0,
            stack: zeros(bins * FRAMES * chirps),
            fast_means: zeros(FRAMES * chirps),
            low_pass: low_pass().iter().map(|&h| h as f32).collect(),
            doppler_window: doppler_window.iter().map(|&w| w as f32).collect(),
            rows: zeros(chirps),
            scratch: zeros(doppler.get_inplace_scratch_len()),
            doppler,
            shape,
        }
    }

    /// Starts a new stack.
    pub(super) fn reset(&mut self) {
        self.next = 0;
        self.ring.fill(Complex32::default());
    }

    /// Takes in one frame.
    pub(super) fn push(&mut self, samples: &Samples) {
        let counts = numbers(samples, &self.shape);
        let chirps = self.shape.chirps;
        let per_rx = counts.chunks_exact(self.shape.numbers_per_rx());
        let rings = self.ring.chunks_exact_mut(self.shape.range_bins() * FRAMES * chirps);
        for (counts, ring) in per_rx.zip(rings) {
            self.means.measure(counts);
            self.range.run(counts, &self.means, &mut self.spectra, chirps);
            let lines = ring.chunks_exact_mut(FRAMES * chirps);
            for (line, spectrum) in lines.zip(self.spectra.chunks_exact(chirps)) {
                line[self.next * chirps..][..chirps].copy_from_slice(spectrum);
            }
        }
        self.next = (self.next + 1) % FRAMES;
    }

    /// Shapes: `map[rx, range_bin, doppler_bin]` out, all in one slice.
    pub(super) fn run(&mut self, map: &mut [f32]) {
        let (bins, chirps) = (self.shape.range_bins(), self.shape.chirps);
        for (rx, map) in map.chunks_exact_mut(bins * chirps).enumerate() {
            self.stack_without_means(rx);
            let lines = self.stack.chunks_exact(FRAMES * chirps);
            for (line, map) in lines.zip(map.chunks_exact_mut(chirps)) {
                decimate(line, &self.low_pass, &mut self.rows);
                self.rows.iter_mut().zip(&self.doppler_window).for_each(|(z, &w)| *z *= w);
                self.doppler.process_with_scratch(&mut self.rows, &mut self.scratch);
                shifted_magnitudes(&self.rows, map, chirps / 2);
            }
        }
    }

    /// Puts the ring in order and takes means off: over slow time from each range bin, then over
    /// range from each chirp.
    #[expect(clippy::cast_precision_loss, reason = "at most 2^17 chirps and 2^14 bins")]
    fn stack_without_means(&mut self, rx: usize) {
        let (bins, slow) = (self.shape.range_bins(), FRAMES * self.shape.chirps);
        let oldest = self.next * self.shape.chirps;
        let ring = &self.ring[rx * bins * slow..][..bins * slow];
        self.fast_means.fill(Complex32::default());
        for (stack, ring) in self.stack.chunks_exact_mut(slow).zip(ring.chunks_exact(slow)) {
            stack[..slow - oldest].copy_from_slice(&ring[oldest..]);
            stack[slow - oldest..].copy_from_slice(&ring[..oldest]);
            let first = stack.first().copied().unwrap_or_default();
            let rest: Complex32 = stack.iter().map(|z| z - first).sum();
            let mean = first + rest / slow as f32;
            for (z, fast) in stack.iter_mut().zip(&mut self.fast_means) {
                *z -= mean;
                *fast += *z;
            }
        }
        let per_bin = 1.0 / bins as f32;
        for stack in self.stack.chunks_exact_mut(slow) {
            stack.iter_mut().zip(&self.fast_means).for_each(|(z, fast)| *z -= fast * per_bin);
        }
    }
}

/// Taps of a windowed-sinc low-pass at a sixteenth of the chirp rate, with unit gain at rest.
///
/// A sixteenth is where decimation by [`FRAMES`] folds.
#[expect(clippy::cast_precision_loss, reason = "65 taps")]
fn low_pass() -> Vec<f64> {
    let window = Window::symmetric(WindowShape::Hann).coefficients(TAPS);
    let cut_off = 0.5 / FRAMES as f64;
    let taps: Vec<f64> = (0..TAPS)
        .zip(window)
        .map(|(i, w)| {
            let t = 2.0 * cut_off * (i as f64 - (TAPS / 2) as f64);
            w * if i == TAPS / 2 { 1.0 } else { (PI * t).sin() / (PI * t) }
        })
        .collect();
    let sum: f64 = taps.iter().sum();
    taps.iter().map(|h| h / sum).collect()
}

/// Filters `line` and keeps every [`FRAMES`]th value: row `r` is centred on chirp `FRAMES * r`.
/// Beyond the ends the line is zero, its mean.
fn decimate(line: &[Complex32], low_pass: &[f32], rows: &mut [Complex32]) {
    let reach = low_pass.len() / 2;
    for (row, out) in rows.iter_mut().enumerate() {
        let centre = row * FRAMES;
        let start = centre.saturating_sub(reach);
        let end = (centre + reach + 1).min(line.len());
        let taps = &low_pass[start + reach - centre..];
        *out = weighted_sum(&line[start..end], taps);
    }
}

/// Sum of `line[i] * taps[i]`, in eight running sums so that additions need not wait for another.
fn weighted_sum(line: &[Complex32], taps: &[f32]) -> Complex32 {
    let taps = &taps[..line.len()];
    let mut lanes = [Complex32::default(); 8];
    let (blocks, rest) = line.as_chunks::<8>();
    let (tap_blocks, tap_rest) = taps.as_chunks::<8>();
    for (block, taps) in blocks.iter().zip(tap_blocks) {
        for ((lane, z), &h) in lanes.iter_mut().zip(block).zip(taps) {
            *lane += z * h;
        }
    }
    for ((lane, z), &h) in lanes.iter_mut().zip(rest).zip(tap_rest) {
        *lane += z * h;
    }
    lanes.iter().sum()
}

#[cfg(test)]
impl StackedFrames {
    /// Fills what runs do not share with not-a-number.
    pub(super) fn spoil(&mut self) {
        let nan = Complex32::new(f32::NAN, f32::NAN);
        self.range.spoil();
        for scratch in [
            &mut self.spectra,
            &mut self.stack,
            &mut self.fast_means,
            &mut self.rows,
            &mut self.scratch,
        ] {
            scratch.fill(nan);
        }
    }
}
