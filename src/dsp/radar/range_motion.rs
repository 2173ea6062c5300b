//! What moved within the last few frames, and how far away.

use std::ops::Range;

use rustfft::num_complex::Complex32;

use super::frame_mean::mean;
use super::mean_spectrum::MeanSpectrum;
use super::{Error, FrameShape, MicroDopplerConfig};

/// How far the echoes of the last frames stray from their mean, at each distance: a breathing chest
/// shows, a wall does not.
///
/// With `s_n[rx, range]` the mean spectrum of frame `n`, the motion within a block of `N` frames is
///
/// ```text
///   m[rx, range] = mean over n of |s_n - mean over n of s_n|
/// ```
///
/// Unlike a micro-range-Doppler map over seconds it forgets within a fraction of one: whoever has
/// left is gone.
pub struct RangeMotion {
    range_bins: usize,
    frames: usize,
    /// Ring `[rx, range_bin, frame]`.
    ring: Vec<Complex32>,
    next: usize,
    /// Frames since the block was begun, up to `frames`.
    filled: usize,
    /// `[rx, range_bin]`
    motion: Vec<f32>,
    /// `[range_bin]`, sum over receivers.
    combined: Vec<f32>,
    sorted: Vec<f32>,
}

impl RangeMotion {
    /// Plans for frames of `shape` and blocks of `frames`.
    ///
    /// # Errors
    /// When the frame is empty or huge, or the block is not one of 1 to
    /// [`MicroDopplerConfig::MAX_FRAMES`] frames that fits the memory it may have.
    pub fn plan(shape: FrameShape, frames: usize) -> Result<Self, Error> {
        let shape = shape.checked()?;
        MicroDopplerConfig { frames, ..MicroDopplerConfig::default() }.check(&shape)?;
        let (rx, range_bins) = (shape.rx, shape.range_bins());
        Ok(Self {
            range_bins,
            frames,
            ring: vec![Complex32::default(); frames * rx * range_bins],
            next: 0,
            filled: 0,
            motion: vec![0.0; rx * range_bins],
            combined: vec![0.0; range_bins],
            sorted: vec![0.0; range_bins],
        })
    }

    /// Takes in a frame; the oldest of the block falls out.
    ///
    /// # Panics
    /// When the frame has not the planned shape.
    pub fn push(&mut self, spectrum: &MeanSpectrum) {
        assert_eq!(spectrum.values().len(), self.motion.len(), "the frame has the wrong shape");
        for (line, &z) in self.ring.chunks_exact_mut(self.frames).zip(spectrum.values()) {
            line[self.next] = z;
        }
        self.next = (self.next + 1) % self.frames;
        self.filled = (self.filled + 1).min(self.frames);
    }

    /// Starts a new block.
    pub const fn restart(&mut self) {
        (self.next, self.filled) = (0, 0);
    }

    /// Shapes: `motion[rx, range_bin]` of the block; `None` until it is full.
    #[expect(clippy::cast_precision_loss, reason = "at most 2^16 frames")]
    pub fn run(&mut self) -> Option<&[f32]> {
        if self.filled < self.frames {
            return None;
        }
        for (motion, line) in self.motion.iter_mut().zip(self.ring.chunks_exact(self.frames)) {
            let mean = mean(line);
            let distances = line.iter().map(|z| (z - mean).norm_sqr().sqrt());
            *motion = distances.sum::<f32>() / self.frames as f32;
        }
        Some(&self.motion)
    }

    /// The one of these range bins that moves most, mean over receivers, and by how many decibels it
    /// does so more than the median of all from the first of them on. `None` until a block is full,
    /// and where half of the bins do not move at all.
    pub fn strongest(&mut self, bins: Range<usize>) -> Option<(usize, f32)> {
        self.run()?;
        self.combined.fill(0.0);
        for (at, motion) in self.motion.iter().enumerate() {
            self.combined[at % self.range_bins] += motion;
        }
        let all = self.combined.get(bins.start..)?;
        let near = all.iter().take(bins.len()).enumerate();
        let (bin, most) = near.max_by(|a, b| a.1.total_cmp(b.1))?;
        let sorted = &mut self.sorted[..all.len()];
        sorted.copy_from_slice(all);
        let (_, median, _) = sorted.select_nth_unstable_by(all.len() / 2, f32::total_cmp);
        (*median > 0.0).then(|| (bins.start + bin, 20.0 * (most / *median).log10()))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::cast_possible_truncation, reason = "expected values are 32-bit floats")]

    use rustfft::num_complex::Complex64;

    use super::*;
    use crate::dsp::radar::twin;

    const SHAPE: FrameShape = FrameShape { rx: 2, chirps: 3, samples: 16, complex: false };

    #[test]
    fn a_scene_that_stands_still_does_not_move_and_a_short_block_says_nothing() {
        let mut spectrum = MeanSpectrum::plan(SHAPE).unwrap();
        spectrum.run(&twin::frame(SHAPE, 1));
        let mut motion = RangeMotion::plan(SHAPE, 4).unwrap();
        for _ in 0..3 {
            motion.push(&spectrum);
            assert_eq!(motion.run(), None);
        }
        motion.push(&spectrum);
        assert_eq!(motion.run(), Some(&[0.0; 18][..]));
        assert_eq!(motion.strongest(2..9), None);
        motion.restart();
        assert_eq!(motion.run(), None);
    }

    #[test]
    fn motion_is_that_of_its_definition_over_the_newest_frames() {
        let mut spectrum = MeanSpectrum::plan(SHAPE).unwrap();
        let mut motion = RangeMotion::plan(SHAPE, 4).unwrap();
        let mut frames = Vec::new();
        for seed in 0..7 {
            spectrum.run(&twin::frame(SHAPE, seed));
            motion.push(&spectrum);
            frames.push(spectrum.values().to_vec());
        }
        let found = motion.run().unwrap().to_vec();
        let expected: Vec<f32> = (0..18)
            .map(|at| {
                let line: Vec<Complex64> = frames[3..].iter().map(|s| wide(s[at])).collect();
                let mean = line.iter().sum::<Complex64>() / 4.0;
                (line.iter().map(|z| (z - mean).norm()).sum::<f64>() / 4.0) as f32
            })
            .collect();
        for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
            assert!((found - expected).abs() <= 1e-5 * expected, "{at}: {found}, {expected}");
        }
        let sums: Vec<f32> = (1..9).map(|bin| expected[bin] + expected[9 + bin]).collect();
        let most = sums.iter().copied().fold(0.0, f32::max);
        let mut sorted = sums.clone();
        sorted.sort_by(f32::total_cmp);
        let (bin, decibels) = motion.strongest(1..9).unwrap();
        assert!((sums[bin - 1] - most).abs() < 1e-3 * most);
        assert!((decibels - 20.0 * (most / sorted[4]).log10()).abs() < 1e-2, "{decibels}");
        assert_eq!(motion.strongest(9..9), None, "no bin is left");
        // What is farther than wanted is not told, but is part of the median.
        let near = (1..4).max_by(|a, b| sums[a - 1].total_cmp(&sums[b - 1])).unwrap();
        let (bin, decibels) = motion.strongest(1..4).unwrap();
        assert_eq!(bin, near);
        assert!((decibels - 20.0 * (sums[near - 1] / sorted[4]).log10()).abs() < 1e-2);
    }

    fn wide(z: Complex32) -> Complex64 {
        Complex64::new(z.re.into(), z.im.into())
    }
}
