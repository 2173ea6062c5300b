//! Range FFT of all chirps of one receive antenna, turned so that slow time is contiguous.

use std::sync::Arc;

use rustfft::num_complex::Complex32;
use rustfft::{Fft, FftPlanner};

use super::FrameShape;
use super::means::Means;

/// Chirps transformed together: eight complex numbers fill a cache line of the turned spectra.
const BLOCK: usize = 8;

/// Mean removal, window and range FFT.
///
/// Real chirps go in pairs: one is the real and one the imaginary part of a complex line, and the
/// symmetry of a real signal's spectrum tells them apart again. That halves the work, and leaves
/// the FFT a power of two where the samples are one.
pub(super) struct RangeSpectra {
    fft: Arc<dyn Fft<f32>>,
    window: Vec<f32>,
    chirp_gain: Vec<f32>,
    lines: Vec<Complex32>,
    scratch: Vec<Complex32>,
    length: usize,
    complex: bool,
}

impl RangeSpectra {
    /// Plans for chirps of `shape` padded with zeros to `length` samples.
    ///
    /// `window[sample]` and `chirp_gain[chirp]` multiply the samples.
    #[expect(clippy::cast_possible_truncation, reason = "window coefficients lie in 0..=1")]
    pub(super) fn plan(
        shape: &FrameShape,
        length: usize,
        window: &[f64],
        chirp_gain: &[f64],
    ) -> Self {
        let fft = FftPlanner::new().plan_fft_forward(length);
        // Telling a pair apart adds two numbers where it should take their mean.
        let gain = if shape.complex { 1.0 } else { 0.5 };
        let repeat = shape.parts();
        Self {
            window: window.iter().flat_map(|&w| vec![w as f32; repeat]).collect(),
            chirp_gain: chirp_gain.iter().map(|&w| (w * gain) as f32).collect(),
            lines: vec![Complex32::default(); BLOCK * length / if shape.complex { 1 } else { 2 }],
            scratch: vec![Complex32::default(); fft.get_inplace_scratch_len()],
            length,
            complex: shape.complex,
            fft,
        }
    }

    /// Shapes: `numbers[chirp, sample, part]` in, `spectra[range_bin, slow]` out.
    ///
    /// Writes columns `0..chirp` of each row of `spectra`, whose rows have `stride` columns.
    pub(super) fn run<T: Copy + Into<f32>>(
        &mut self,
        numbers: &[T],
        means: &Means,
        spectra: &mut [Complex32],
        stride: usize,
    ) {
        let width = self.window.len();
        let gains = self.chirp_gain.chunks(BLOCK).zip(means.chirp.chunks(BLOCK));
        for (block, (rows, (gains, chirps))) in numbers.chunks(BLOCK * width).zip(gains).enumerate()
        {
            let line_count = if self.complex { gains.len() } else { gains.len().div_ceil(2) };
            let lines = &mut self.lines[..line_count * self.length];
            let taper = Taper { means, window: &self.window };
            if self.complex {
                taper.fill_lines(rows, gains, chirps, lines, self.length);
            } else {
                taper.fill_pairs(rows, gains, chirps, lines, self.length);
            }
            self.fft.process_with_scratch(lines, &mut self.scratch);
            let columns = Columns { spectra, stride, first: block * BLOCK };
            match (self.complex, gains.len()) {
                (true, BLOCK) => columns.put_lines::<BLOCK>(lines, self.length),
                (false, BLOCK) => columns.put_pairs::<{ BLOCK / 2 }>(lines, self.length),
                (complex, chirps) => columns.put_rest(lines, self.length, complex, chirps),
            }
        }
    }
}

#[cfg(test)]
impl RangeSpectra {
    /// Fills what runs do not share with not-a-number.
    pub(super) fn spoil(&mut self) {
        let nan = Complex32::new(f32::NAN, f32::NAN);
        self.lines.fill(nan);
        self.scratch.fill(nan);
    }
}

/// What turns counts into the numbers that are transformed.
struct Taper<'a> {
    means: &'a Means,
    window: &'a [f32],
}

impl Taper<'_> {
    /// Two real chirps a line; the last line of an odd number of chirps has no imaginary part.
    fn fill_pairs<T: Copy + Into<f32>>(
        &self,
        rows: &[T],
        gains: &[f32],
        chirps: &[[f32; 2]],
        lines: &mut [Complex32],
        length: usize,
    ) {
        let width = self.window.len();
        for (pair, line) in lines.chunks_exact_mut(length).enumerate() {
            let first = 2 * pair;
            let second = (first + 1).min(gains.len() - 1);
            let second_gain = if second == first { 0.0 } else { gains[second] };
            let a = &rows[first * width..][..width];
            let b = &rows[second * width..][..width];
            let (filled, padding) = line.split_at_mut(width);
            let (mean_a, mean_b) = (chirps[first][0], chirps[second][0]);
            let (base, rest) = (&self.means.base[..width], &self.means.rest[..width]);
            for (i, z) in filled.iter_mut().enumerate() {
                let (x, y): (f32, f32) = (a[i].into(), b[i].into());
                let x = (x - base[i]) - (rest[i] + mean_a);
                let y = (y - base[i]) - (rest[i] + mean_b);
                let w = self.window[i];
                *z = Complex32::new(x * (w * gains[first]), y * (w * second_gain));
            }
            padding.fill(Complex32::default());
        }
    }

    /// One complex chirp a line.
    fn fill_lines<T: Copy + Into<f32>>(
        &self,
        rows: &[T],
        gains: &[f32],
        chirps: &[[f32; 2]],
        lines: &mut [Complex32],
        length: usize,
    ) {
        let width = self.window.len();
        let (base, rest) = (&self.means.base[..width], &self.means.rest[..width]);
        for (chirp, line) in lines.chunks_exact_mut(length).enumerate() {
            let row = &rows[chirp * width..][..width];
            let (filled, padding) = line.split_at_mut(width / 2);
            for (i, z) in filled.iter_mut().enumerate() {
                let part = |i: usize, part: usize| {
                    let x: f32 = row[i].into();
                    let x = (x - base[i]) - (rest[i] + chirps[chirp][part]);
                    x * (self.window[i] * gains[chirp])
                };
                *z = Complex32::new(part(2 * i, 0), part(2 * i + 1, 1));
            }
            padding.fill(Complex32::default());
        }
    }
}

/// Where a block of chirps goes in the turned spectra.
struct Columns<'a> {
    spectra: &'a mut [Complex32],
    stride: usize,
    first: usize,
}

impl Columns<'_> {
    /// Tells `PAIRS` pairs of real chirps apart and writes them side by side.
    fn put_pairs<const PAIRS: usize>(self, lines: &[Complex32], length: usize) {
        let lines: [&[Complex32]; PAIRS] =
            core::array::from_fn(|pair| &lines[pair * length..][..length]);
        for (bin, row) in self.spectra.chunks_exact_mut(self.stride).enumerate() {
            let mirror = if bin == 0 { 0 } else { length - bin };
            let (columns, _) = row[self.first..][..2 * PAIRS].as_chunks_mut::<2>();
            for pair in 0..PAIRS {
                columns[pair] = unpair(lines[pair][bin], lines[pair][mirror]);
            }
        }
    }

    /// Writes `LINES` complex chirps side by side.
    fn put_lines<const LINES: usize>(self, lines: &[Complex32], length: usize) {
        let lines: [&[Complex32]; LINES] =
            core::array::from_fn(|line| &lines[line * length..][..length]);
        for (bin, row) in self.spectra.chunks_exact_mut(self.stride).enumerate() {
            for (line, column) in lines.iter().zip(&mut row[self.first..]) {
                *column = line[bin];
            }
        }
    }

    /// The block at the end that is not full.
    fn put_rest(self, lines: &[Complex32], length: usize, complex: bool, chirps: usize) {
        for (bin, row) in self.spectra.chunks_exact_mut(self.stride).enumerate() {
            let mirror = if bin == 0 { 0 } else { length - bin };
            for (chirp, column) in row[self.first..][..chirps].iter_mut().enumerate() {
                *column = if complex {
                    lines[chirp * length + bin]
                } else {
                    let line = &lines[chirp / 2 * length..];
                    unpair(line[bin], line[mirror])[chirp % 2]
                };
            }
        }
    }
}

/// Spectra of two real signals from that of `first + i second` at a bin and at its mirror image.
///
/// Twice the value: `a + conj b` and `(a - conj b) / i`.
fn unpair(a: Complex32, b: Complex32) -> [Complex32; 2] {
    [Complex32::new(a.re + b.re, a.im - b.im), Complex32::new(a.im + b.im, b.re - a.re)]
}
