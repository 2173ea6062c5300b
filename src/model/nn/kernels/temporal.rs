//! Convolution over time alone: the taps are the same pixel in the frames before and after.

use super::contraction::{Packed, Panels, Rows, contract, weight_gradient};
use super::simd::Isa;
use super::{Activation, parallel};

/// A planned convolution over time that keeps the number of frames.
#[derive(Debug, Clone)]
pub struct TemporalConv {
    isa: Isa,
    packed: Packed,
    activation: Activation,
    frames: usize,
    pixels: usize,
}

/// Sizes of a convolution over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TemporalShape {
    /// Frames of a clip.
    pub frames: usize,
    /// Pixels of a frame.
    pub pixels: usize,
    /// Input channels.
    pub from: usize,
    /// Output channels.
    pub to: usize,
    /// Taps, an odd number.
    pub taps: usize,
}

impl TemporalShape {
    /// The taps that hit a frame of the clip at `frame`, and the first frame they hit.
    fn seen(&self, frame: usize) -> (std::ops::Range<usize>, usize) {
        let half = self.taps / 2;
        let first = half.saturating_sub(frame);
        let end = self.taps.min(self.frames + half - frame);
        (first..end, frame + first - half)
    }

    /// The input rows of `frame` in `clip`, which give rows of `columns`.
    fn rows<'a>(&self, clip: &'a [f32], frame: usize) -> Rows<'a> {
        let (taps, first) = self.seen(frame);
        let size = self.pixels * self.from;
        let input = &clip[first * size..(first + taps.len()) * size];
        Rows::strided(input, self.pixels, [self.from, self.from], self.to).with_taps(&taps, size)
    }
}

impl TemporalConv {
    /// Shapes: `weight[to, from, tap]`, `bias[to]`.
    ///
    /// # Panics
    /// Where a length does not fit.
    #[must_use]
    pub fn plan(
        isa: Isa,
        shape: &TemporalShape,
        weight: &[f32],
        bias: Option<&[f32]>,
        activation: Activation,
    ) -> Self {
        let &TemporalShape { frames, pixels, from, to, taps } = shape;
        assert!(taps % 2 == 1, "a frame in the middle");
        assert_eq!(weight.len(), to * from * taps, "one weight for each pair and tap");
        let panels = Panels::new(isa, taps, from, to);
        let packed = Packed::new(panels, bias, |tap, channel, column| {
            weight[(column * from + channel) * taps + tap]
        });
        Self { isa, packed, activation, frames, pixels }
    }

    /// The planned gradient of the input: a convolution with the taps in reverse.
    ///
    /// # Panics
    /// Where a length does not fit.
    #[must_use]
    pub fn plan_input_gradient(isa: Isa, shape: &TemporalShape, weight: &[f32]) -> Self {
        let &TemporalShape { frames, pixels, from, to, taps } = shape;
        assert_eq!(weight.len(), to * from * taps, "one weight for each pair and tap");
        let panels = Panels::new(isa, taps, to, from);
        let packed = Packed::new(panels, None, |tap, channel, column| {
            weight[(channel * from + column) * taps + taps - 1 - tap]
        });
        Self { isa, packed, activation: Activation::None, frames, pixels }
    }

    /// Floats of an input clip.
    #[must_use]
    pub fn clip(&self) -> usize {
        self.frames * self.pixels * self.packed.panels.depth
    }

    /// Floats of an output clip.
    #[must_use]
    pub fn output(&self) -> usize {
        self.frames * self.pixels * self.packed.panels.columns
    }

    /// `out = activation(convolution + bias + residual)`.
    ///
    /// Shapes: `x[clip, frame, pixel, from]`, `residual` and `out[clip, frame, pixel, to]`.
    ///
    /// # Panics
    /// Where lengths do not fit.
    pub fn run(&self, x: &[f32], residual: Option<&[f32]>, out: &mut [f32]) {
        let clips = x.len() / self.clip();
        assert_eq!(x.len(), clips * self.clip(), "whole clips");
        assert_eq!(out.len(), clips * self.output(), "as many clips out as in");
        let Panels { taps, depth: from, columns: to, .. } = self.packed.panels;
        let shape = TemporalShape { frames: self.frames, pixels: self.pixels, from, to, taps };
        let size = self.pixels * to;
        for (at, out) in out.chunks_exact_mut(size).enumerate() {
            let (clip, frame) = (at / self.frames, at % self.frames);
            let residual = residual.map(|all| &all[at * size..][..size]);
            let rows = shape.rows(&x[clip * self.clip()..][..self.clip()], frame);
            contract(self.isa, &self.packed.with(rows, residual, self.activation), out);
        }
    }
}

/// Gradient of the weights, in their order, summed over clips.
///
/// Shapes: `x[clip, frame, pixel, from]`, `gradient[clip, frame, pixel, to]`.
///
/// # Panics
/// Where a length does not fit.
#[must_use]
pub fn temporal_weight_gradient(
    isa: Isa,
    threads: usize,
    shape: &TemporalShape,
    x: &[f32],
    gradient: &[f32],
) -> Vec<f32> {
    let &TemporalShape { frames, pixels, from, to, taps } = shape;
    let (clip, output) = (frames * pixels * from, pixels * to);
    let all = gradient.len() / output;
    assert!(gradient.len() == all * output && x.len() * to == gradient.len() * from, "whole clips");
    let panels = Panels::new(isa, taps, from, to);
    let cost = output * taps * from;
    let sums = parallel::sum(threads, (all, cost), panels.len(), |range, sums| {
        for at in range {
            let rows = shape.rows(&x[at / frames * clip..][..clip], at % frames);
            weight_gradient(isa, panels, rows, &gradient[at * output..][..output], sums);
        }
    });
    let mut weights = vec![0.0; to * from * taps];
    panels.unpack(&sums, |tap, channel, column, sum| {
        weights[(column * from + channel) * taps + tap] = sum;
    });
    weights
}
