//! Scaled dot-product attention of one head.

use super::Activation;
use super::contraction::{Contraction, Panels, Rows, contract, weight_gradient};
use super::simd::{Isa, Kernel, Simd, dispatch, exp, update1};

/// A planned head: how many tokens of how many numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attention {
    isa: Isa,
    tokens: usize,
    dim: usize,
}

/// Rows of one head among those of others: each starts `stride` floats behind the last.
#[derive(Debug, Clone, Copy)]
pub struct HeadRows<'a> {
    /// Floats from the first of the head on.
    pub rows: &'a [f32],
    /// From a row to the next.
    pub stride: usize,
}

impl HeadRows<'_> {
    fn at(&self, token: usize, channel: usize) -> f32 {
        self.rows[token * self.stride + channel]
    }
}

/// What [`Attention`] writes to before it reads it.
struct Scratch<'a> {
    keys: &'a mut [f32],
    values: &'a mut [f32],
    weights: &'a mut [f32],
}

impl Attention {
    /// `tokens` rows of `dim` numbers each for queries, keys and values.
    #[must_use]
    pub fn plan(isa: Isa, tokens: usize, dim: usize) -> Self {
        Self { isa, tokens, dim }
    }

    /// `dim` channels in, `tokens` columns out: a query against all keys.
    fn against_tokens(self) -> Panels {
        Panels::new(self.isa, 1, self.dim, self.tokens)
    }

    /// `tokens` channels in, `dim` columns out: weights of tokens to a mean of their values.
    fn over_tokens(self) -> Panels {
        Panels::new(self.isa, 1, self.tokens, self.dim)
    }

    /// Floats of scratch that [`run`](Self::run) needs.
    #[must_use]
    pub fn scratch(&self) -> usize {
        self.against_tokens().len() + self.over_tokens().len() + self.tokens * self.tokens
    }

    fn split<'a>(&self, scratch: &'a mut [f32]) -> Scratch<'a> {
        assert_eq!(scratch.len(), self.scratch(), "room to work in");
        let (keys, rest) = scratch.split_at_mut(self.against_tokens().len());
        let (values, weights) = rest.split_at_mut(self.over_tokens().len());
        Scratch { keys, values, weights }
    }

    #[expect(clippy::cast_precision_loss, reason = "a head has far less than 2^24 numbers")]
    fn scale(self) -> f32 {
        (self.dim as f32).sqrt().recip()
    }

    /// `softmax(q k' / sqrt(dim)) v`.
    ///
    /// Shapes: `[token, dim]` each; rows of `out` start `stride` floats behind each other.
    ///
    /// # Panics
    /// Where a length does not fit.
    pub fn run(
        &self,
        [q, k, v]: [HeadRows<'_>; 3],
        (out, stride): (&mut [f32], usize),
        scratch: &mut [f32],
    ) {
        let &Self { isa, tokens, dim } = self;
        let Scratch { keys, values, weights } = self.split(scratch);
        self.weights(q, k, keys, weights);
        self.over_tokens().pack(values, |_, token, channel| v.at(token, channel));
        let rows = Rows::strided(weights, tokens, [tokens, tokens], stride);
        contract(isa, &plain(self.over_tokens(), values, rows), out);
        debug_assert!(dim <= stride, "rows do not overlap");
    }

    /// `softmax(q k' / sqrt(dim))`, `[query, key]`.
    fn weights(&self, q: HeadRows<'_>, k: HeadRows<'_>, keys: &mut [f32], weights: &mut [f32]) {
        let &Self { isa, tokens, dim } = self;
        let scale = self.scale();
        self.against_tokens().pack(keys, |_, channel, token| scale * k.at(token, channel));
        let rows = Rows::strided(q.rows, tokens, [dim, q.stride], tokens);
        contract(isa, &plain(self.against_tokens(), keys, rows), weights);
        dispatch(isa, Softmax { rows: weights, columns: tokens });
    }

    /// Gradients of queries, keys and values, one behind the other in `out`.
    ///
    /// Shapes: `gradient[token, dim]` of the output, `out[q or k or v, token, dim]`.
    ///
    /// # Panics
    /// Where a length does not fit.
    pub fn gradient(&self, [q, k, v]: [HeadRows<'_>; 3], gradient: &[f32], out: &mut [f32]) {
        let &Self { isa, tokens, dim } = self;
        let scale = self.scale();
        let mut scratch = vec![0.0; self.scratch()];
        let Scratch { keys, values, weights } = self.split(&mut scratch);
        self.weights(q, k, keys, weights);
        let (of_q, rest) = out.split_at_mut(tokens * dim);
        let (of_k, of_v) = rest.split_at_mut(tokens * dim);
        assert_eq!(of_v.len(), tokens * dim, "three gradients");

        // Of the products before the softmax: p (dp - sum of p dp).
        self.against_tokens().pack(keys, |_, channel, token| v.at(token, channel));
        let mut before = vec![0.0; tokens * tokens];
        let rows = Rows::dense(gradient, dim, tokens);
        contract(isa, &plain(self.against_tokens(), keys, rows), &mut before);
        dispatch(isa, SoftmaxGradient { weights, gradient: &mut before, columns: tokens });

        self.over_tokens().pack(values, |_, token, channel| scale * k.at(token, channel));
        let rows = Rows::dense(&before, tokens, dim);
        contract(isa, &plain(self.over_tokens(), values, rows), of_q);
        let queries: Vec<_> =
            (0..tokens * dim).map(|at| scale * q.at(at / dim, at % dim)).collect();
        self.transposed_product(&before, &queries, of_k);
        self.transposed_product(weights, gradient, of_v);
    }

    /// `out[key, dim] = sum over query of a[query, key] * b[query, dim]`.
    fn transposed_product(&self, a: &[f32], b: &[f32], out: &mut [f32]) {
        let panels = self.over_tokens();
        let mut sums = vec![0.0; panels.len()];
        weight_gradient(self.isa, panels, Rows::dense(a, self.tokens, self.dim), b, &mut sums);
        panels.unpack(&sums, |_, token, channel, sum| out[token * self.dim + channel] = sum);
    }
}

/// A contraction and nothing else.
fn plain<'a>(panels: Panels, weights: &'a [f32], geometry: Rows<'a>) -> Contraction<'a, Rows<'a>> {
    let activation = Activation::None;
    Contraction { panels, weights, bias: None, geometry, residual: None, activation }
}

/// Each row becomes its softmax.
pub(crate) struct Softmax<'a> {
    pub(crate) rows: &'a mut [f32],
    pub(crate) columns: usize,
}

impl Kernel for Softmax<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for row in self.rows.chunks_exact_mut(self.columns.max(1)) {
            let mut largest = simd.splat(f32::NEG_INFINITY);
            let whole = row.chunks_exact(S::LANES);
            let rest = whole.remainder().iter().copied().fold(f32::NEG_INFINITY, f32::max);
            for x in whole {
                largest = simd.max(largest, simd.load(x));
            }
            let largest = simd.splat(simd.largest(largest).max(rest));
            let mut sum = 0.0;
            let mut sums = simd.splat(0.0);
            for x in row.chunks_mut(S::LANES) {
                let power = exp(simd, simd.sub(simd.load(x), largest));
                simd.store(power, x);
                if x.len() == S::LANES {
                    sums = simd.add(sums, power);
                } else {
                    sum = x.iter().sum(); // lanes behind the end hold powers of nothing
                }
            }
            let share = simd.splat((simd.sum(sums) + sum).recip());
            update1(
                simd,
                row,
                #[inline(always)]
                |x| simd.mul(x, share),
            );
        }
    }
}

/// `gradient = weights * (gradient - sum of weights * gradient)`, row by row.
struct SoftmaxGradient<'a> {
    weights: &'a [f32],
    gradient: &'a mut [f32],
    columns: usize,
}

impl Kernel for SoftmaxGradient<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let rows = self.gradient.chunks_exact_mut(self.columns.max(1));
        for (gradient, weights) in rows.zip(self.weights.chunks_exact(self.columns.max(1))) {
            let mut sum = simd.splat(0.0);
            for (g, w) in gradient.chunks(S::LANES).zip(weights.chunks(S::LANES)) {
                sum = simd.mul_add(simd.load(g), simd.load(w), sum);
            }
            let sum = simd.splat(simd.sum(sum));
            for (g, w) in gradient.chunks_mut(S::LANES).zip(weights.chunks(S::LANES)) {
                simd.store(simd.mul(simd.load(w), simd.sub(simd.load(g), sum)), g);
            }
        }
    }
}
