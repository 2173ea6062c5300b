//! The largest of neighbouring numbers, and coarser counts.

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
