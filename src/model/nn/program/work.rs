//! What one step of a program does.

use crate::model::nn::kernels::{
    self, Activation, Attention, Broadcast, Conv2d, ConvTranspose2d, Depthwise, HeadRows, Isa,
    MaxPool, Reduce, SoftSpike, TemporalConv,
};

/// What one step of a program does, with everything it needs to know but the numbers.
#[derive(Debug)]
pub(super) enum Work {
    /// The second input, if there is one, is the residual.
    Conv(Conv2d),
    Transposed(ConvTranspose2d),
    OverTime(TemporalConv),
    Depthwise(Depthwise),
    Pool(MaxPool),
    /// Counts of images `[height, width, channels]` that end at `full`.
    Coarser {
        image: [usize; 3],
        full: f32,
    },
    Reduce {
        how: Reduce,
        sizes: [usize; 3],
    },
    LayerNorm {
        gamma: Vec<f32>,
        beta: Vec<f32>,
        eps: f32,
    },
    Heads {
        head: Attention,
        heads: usize,
        tokens: usize,
        dim: usize,
    },
    Activate(Activation),
    Spike {
        neurons: SoftSpike,
        clip: usize,
    },
    Combine(Broadcast),
    /// Rows of these lengths side by side.
    Concat([usize; 2]),
    /// After each row of `len` floats the number of `plane` whose turn it is; the plane begins anew
    /// with each image.
    Append {
        plane: Vec<f32>,
        len: usize,
    },
    /// `len` floats from `start` on of each row of `of`.
    Part {
        of: usize,
        start: usize,
        len: usize,
    },
    /// Rows of `len` floats in another order.
    Reorder {
        rows: Vec<usize>,
        len: usize,
    },
}

impl Work {
    /// Whether the first input is changed where it lies, and becomes the output.
    pub(super) fn in_place(&self) -> bool {
        matches!(self, Self::Activate(_) | Self::Spike { .. } | Self::Combine(_))
    }

    /// Floats that a step writes before it reads them.
    pub(super) fn scratch(&self) -> usize {
        match self {
            Self::Heads { head, .. } => head.scratch(),
            Self::Spike { neurons, .. } => neurons.scratch(),
            _ => 0,
        }
    }

    /// Does it. A step that works in place finds its first input in `out`.
    pub(super) fn run(&self, [a, b]: [&[f32]; 2], out: &mut [f32], scratch: &mut [f32]) {
        let residual = (!b.is_empty()).then_some(b);
        let isa = Isa::best();
        match self {
            Self::Conv(plan) => plan.run(a, residual, out),
            Self::Transposed(plan) => plan.run(a, residual, out),
            Self::OverTime(plan) => plan.run(a, residual, out),
            Self::Depthwise(plan) => plan.run(a, out),
            Self::Pool(plan) => plan.run(a, out),
            Self::Coarser { image, full } => kernels::coarser_counts(*image, *full, a, out),
            Self::Reduce { how, sizes } => kernels::reduce(isa, *how, *sizes, a, out),
            Self::LayerNorm { gamma, beta, eps } => {
                kernels::layer_norm(isa, a, [gamma, beta], *eps, out);
            }
            Self::Heads { head, heads, tokens, dim } => {
                let width = heads * dim;
                let batch = a.chunks_exact(tokens * 3 * width);
                for (qkv, out) in batch.zip(out.chunks_exact_mut(tokens * width)) {
                    for at in (0..*heads).map(|head| head * dim) {
                        let rows = [0, width, 2 * width]
                            .map(|which| HeadRows { rows: &qkv[which + at..], stride: 3 * width });
                        head.run(rows, (&mut out[at..], width), scratch);
                    }
                }
            }
            Self::Activate(activation) => activation.run_in_place(isa, out),
            Self::Spike { neurons, clip } => {
                for clip in out.chunks_exact_mut(*clip) {
                    neurons.run_in_place(clip, scratch);
                }
            }
            Self::Combine(plan) => plan.run_in_place(out, b),
            Self::Concat([first, second]) => {
                let rows = a.chunks_exact(*first).zip(b.chunks_exact(*second));
                for (out, (a, b)) in out.chunks_exact_mut(first + second).zip(rows) {
                    out[..*first].copy_from_slice(a);
                    out[*first..].copy_from_slice(b);
                }
            }
            Self::Append { plane, len } => {
                let rows = a.chunks_exact(*len).zip(plane.iter().cycle());
                for (out, (row, last)) in out.chunks_exact_mut(len + 1).zip(rows) {
                    out[..*len].copy_from_slice(row);
                    out[*len] = *last;
                }
            }
            Self::Part { of, start, len } => {
                for (out, row) in out.chunks_exact_mut(*len).zip(a.chunks_exact(*of)) {
                    out.copy_from_slice(&row[*start..start + len]);
                }
            }
            Self::Reorder { rows, len } => {
                for (out, &row) in out.chunks_exact_mut(*len).zip(rows) {
                    out.copy_from_slice(&a[row * len..(row + 1) * len]);
                }
            }
        }
    }
}
