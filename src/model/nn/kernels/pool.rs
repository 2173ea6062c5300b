//! The largest and the mean of neighbouring numbers, and coarser counts.

use super::simd::{Isa, Kernel, Simd, dispatch};

/// Windows that do not overlap: each is some rows of `len` neighbouring floats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaxPool {
    isa: Isa,
    /// Floats of an input item and of an output item.
    input: usize,
    output: usize,
    /// Where in the item each window starts.
    starts: Vec<usize>,
    /// Where in the window each of its rows starts, in reading order.
    rows: Vec<usize>,
    len: usize,
}

impl MaxPool {
    /// Squares of `size` x `size` pixels of images `[height, width, channels]`; rows and columns
    /// that fill none are left out.
    ///
    /// # Panics
    /// Where `size` is zero.
    #[must_use]
    pub fn plan_2d(isa: Isa, [height, width, channels]: [usize; 3], size: usize) -> Self {
        let down = (0..height / size).map(|row| row * size);
        let starts = down.flat_map(|row| {
            (0..width / size).map(move |column| (row * width + column * size) * channels)
        });
        let rows = (0..size * size).map(|at| (at / size * width + at % size) * channels);
        Self::new(isa, height * width * channels, starts, rows, channels)
    }

    /// `size` consecutive frames of clips `[frames, frame]`, `frame` floats each; frames that fill
    /// no window are left out.
    ///
    /// # Panics
    /// Where `size` is zero.
    #[must_use]
    pub fn plan_time(isa: Isa, [frames, frame]: [usize; 2], size: usize) -> Self {
        let starts = (0..frames / size).map(|window| window * size * frame);
        Self::new(isa, frames * frame, starts, (0..size).map(|at| at * frame), frame)
    }

    fn new(
        isa: Isa,
        input: usize,
        starts: impl Iterator<Item = usize>,
        rows: impl Iterator<Item = usize>,
        len: usize,
    ) -> Self {
        let starts: Vec<_> = starts.collect();
        let output = starts.len() * len;
        Self { isa, input, output, starts, rows: rows.collect(), len }
    }

    /// Floats of an input item: an image or a clip.
    #[must_use]
    pub fn input(&self) -> usize {
        self.input
    }

    /// Floats of an output item.
    #[must_use]
    pub fn output(&self) -> usize {
        self.output
    }

    /// The largest of each window. What is not a number may or may not be handed on.
    ///
    /// # Panics
    /// Where lengths do not fit.
    pub fn run(&self, x: &[f32], out: &mut [f32]) {
        self.check(x, out);
        if self.output > 0 {
            dispatch(self.isa, Forward { pool: self, x, out });
        }
    }

    /// Gradient of the input. Of equal numbers the first in reading order takes it all.
    ///
    /// # Panics
    /// Where lengths do not fit.
    pub fn gradient(&self, x: &[f32], largest: &[f32], gradient: &[f32], out: &mut [f32]) {
        self.check(x, largest);
        assert!(gradient.len() == largest.len() && out.len() == x.len(), "as in the forward pass");
        out.fill(0.0);
        if self.output > 0 {
            dispatch(self.isa, Backward { pool: self, x, largest, gradient, out });
        }
    }

    fn check(&self, x: &[f32], out: &[f32]) {
        let items = x.len() / self.input.max(1);
        assert_eq!(x.len(), items * self.input, "whole items");
        assert_eq!(out.len(), items * self.output, "as many items out as in");
    }

    /// Start of each window's output, of the window, and of the rows in it.
    #[inline(always)]
    fn windows(&self, items: usize) -> impl Iterator<Item = (usize, usize)> {
        (0..items).flat_map(move |item| {
            let starts = self.starts.iter().enumerate();
            starts.map(move |(window, &start)| {
                (item * self.output + window * self.len, item * self.input + start)
            })
        })
    }
}

/// Means over squares of `size` x `size` pixels that do not overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MeanPool {
    isa: Isa,
    size: usize,
    channels: usize,
    /// Floats of a row of input pixels.
    row: usize,
}

impl MeanPool {
    /// Of images `width` pixels wide; rows and columns of pixels are multiples of `size`.
    ///
    /// # Panics
    /// Where `size` does not divide the width, or there are no channels.
    #[must_use]
    pub fn plan(isa: Isa, [width, channels]: [usize; 2], size: usize) -> Self {
        assert!(size > 0 && width > 0 && width.is_multiple_of(size), "whole squares");
        assert!(channels > 0, "at least one channel");
        Self { isa, size, channels, row: width * channels }
    }

    /// Floats that a row of squares takes in, and those that it gives.
    #[must_use]
    pub fn rows(&self) -> [usize; 2] {
        [self.size * self.row, self.row / self.size]
    }

    /// The mean of each square.
    ///
    /// # Panics
    /// Where `x` and `out` are not as many rows of squares.
    pub fn run(&self, x: &[f32], out: &mut [f32]) {
        self.check(x, out);
        dispatch(self.isa, Mean { pool: self, x, out });
    }

    /// Gradient of the input: each pixel of a square has its share.
    ///
    /// # Panics
    /// Where `gradient` and `out` are not as many rows of squares.
    pub fn gradient(&self, gradient: &[f32], out: &mut [f32]) {
        self.check(out, gradient);
        dispatch(self.isa, Share { pool: self, gradient, out });
    }

    fn check(&self, x: &[f32], out: &[f32]) {
        let [from, to] = self.rows();
        assert_eq!(x.len() % from, 0, "whole rows of squares");
        assert_eq!(x.len() / from * to, out.len(), "a mean of each square");
    }

    #[expect(clippy::cast_precision_loss, reason = "a square has far less than 2^24 pixels")]
    fn share(&self) -> f32 {
        ((self.size * self.size) as f32).recip()
    }
}

struct Mean<'a> {
    pool: &'a MeanPool,
    x: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for Mean<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let MeanPool { size, channels, row, .. } = *self.pool;
        let [from, to] = self.pool.rows();
        let share = simd.splat(self.pool.share());
        for (x, out) in self.x.chunks_exact(from).zip(self.out.chunks_exact_mut(to)) {
            for (square, out) in out.chunks_exact_mut(channels).enumerate() {
                let first = square * size * channels;
                for (at, out) in (0..channels).step_by(S::LANES).zip(out.chunks_mut(S::LANES)) {
                    let mut sum = simd.splat(0.0);
                    for pixels in x.chunks_exact(row) {
                        for pixel in pixels[first..].chunks_exact(channels).take(size) {
                            sum = simd.add(sum, simd.load(&pixel[at..at + out.len()]));
                        }
                    }
                    simd.store(simd.mul(sum, share), out);
                }
            }
        }
    }
}

struct Share<'a> {
    pool: &'a MeanPool,
    gradient: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for Share<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let MeanPool { size, channels, row, .. } = *self.pool;
        let [from, to] = self.pool.rows();
        let share = simd.splat(self.pool.share());
        for (out, gradient) in self.out.chunks_exact_mut(from).zip(self.gradient.chunks_exact(to)) {
            for pixels in out.chunks_exact_mut(row) {
                let squares = pixels.chunks_exact_mut(size * channels);
                for (square, gradient) in squares.zip(gradient.chunks_exact(channels)) {
                    for pixel in square.chunks_exact_mut(channels) {
                        let parts = pixel.chunks_mut(S::LANES).zip(gradient.chunks(S::LANES));
                        for (out, gradient) in parts {
                            simd.store(simd.mul(simd.load(gradient), share), out);
                        }
                    }
                }
            }
        }
    }
}

/// Images of half as many rows and columns: what a camera of larger pixels would have counted, where
/// `full` is the count at which counting ends. A last row or column without a neighbour is left out.
///
/// Shapes: `x[image, height, width, channel]` in, `[image, height / 2, width / 2, channel]` out.
///
/// # Panics
/// Where lengths do not fit.
pub fn coarser_counts(
    [height, width, channels]: [usize; 3],
    full: f32,
    x: &[f32],
    out: &mut [f32],
) {
    let (row, image) = (width * channels, height * width * channels);
    let to_row = width / 2 * channels;
    let to_image = height / 2 * to_row;
    if to_image == 0 {
        return;
    }
    assert_eq!(x.len() / image, out.len() / to_image, "as many images out as in");
    for (x, out) in x.chunks_exact(image).zip(out.chunks_exact_mut(to_image)) {
        for (rows, out) in x.chunks_exact(2 * row).zip(out.chunks_exact_mut(to_row)) {
            let (upper, lower) = rows.split_at(row);
            let pairs = upper.chunks_exact(2 * channels).zip(lower.chunks_exact(2 * channels));
            for ((upper, lower), out) in pairs.zip(out.chunks_exact_mut(channels)) {
                for (channel, out) in out.iter_mut().enumerate() {
                    let next = channel + channels;
                    let sum = upper[channel] + upper[next] + lower[channel] + lower[next];
                    *out = sum.min(full);
                }
            }
        }
    }
}

struct Forward<'a> {
    pool: &'a MaxPool,
    x: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let MaxPool { rows, len, output, .. } = self.pool;
        for (to, from) in self.pool.windows(self.out.len() / output) {
            let (x, out) = (&self.x[from..], &mut self.out[to..to + len]);
            for (at, out) in (0..*len).step_by(S::LANES).zip(out.chunks_mut(S::LANES)) {
                let mut largest = simd.splat(f32::NEG_INFINITY);
                for &row in rows {
                    let at = at + row;
                    largest = simd.max(simd.load(&x[at..at + out.len()]), largest);
                }
                simd.store(largest, out);
            }
        }
    }
}

struct Backward<'a> {
    pool: &'a MaxPool,
    x: &'a [f32],
    largest: &'a [f32],
    gradient: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for Backward<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let MaxPool { rows, len, output, .. } = self.pool;
        let zero = simd.splat(0.0);
        for (to, from) in self.pool.windows(self.gradient.len() / output) {
            for at in (0..*len).step_by(S::LANES) {
                let end = (*len).min(at + S::LANES);
                let largest = simd.load(&self.largest[to + at..to + end]);
                let mut left = simd.load(&self.gradient[to + at..to + end]);
                for &row in rows {
                    let here = from + row + at..from + row + end;
                    let short = simd.sub(largest, simd.load(&self.x[here.clone()]));
                    simd.store(simd.where_positive(short, zero, left), &mut self.out[here]);
                    left = simd.where_positive(short, left, zero);
                }
            }
        }
    }
}
