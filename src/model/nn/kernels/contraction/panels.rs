//! Weights in the order in which the micro-kernel reads them.

use super::Contraction;
use crate::model::nn::kernels::Activation;
use crate::model::nn::kernels::simd::Isa;

/// The order: blocks of columns, two vectors wide (the last one may be one), and inside a block
/// `[tap][channel][column]`. Columns that do not exist are zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Panels {
    /// Floats in a vector.
    lanes: usize,
    /// Taps of the kernel.
    pub(crate) taps: usize,
    /// Input channels.
    pub(crate) depth: usize,
    /// Output channels.
    pub(crate) columns: usize,
}

/// Neighbouring columns that are computed together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    /// First column.
    pub(super) column: usize,
    /// Columns that exist.
    pub(super) valid: usize,
    /// Vectors they fill.
    pub(super) vectors: usize,
    /// Where the block's weights start.
    pub(super) weights: usize,
}

impl Panels {
    pub(crate) fn new(isa: Isa, taps: usize, depth: usize, columns: usize) -> Self {
        Self { lanes: isa.lanes(), taps, depth, columns }
    }

    /// Columns, with those that only fill the last block.
    pub(crate) fn padded_columns(self) -> usize {
        self.columns.next_multiple_of(self.lanes)
    }

    /// Floats of all weights.
    pub(crate) fn len(self) -> usize {
        self.padded_columns() * self.taps * self.depth
    }

    /// How many blocks there are.
    pub(super) fn blocks(self) -> usize {
        self.columns.div_ceil(2 * self.lanes)
    }

    /// The block with this number.
    #[inline(always)]
    pub(super) fn block(self, number: usize) -> Block {
        let width = 2 * self.lanes;
        let column = number * width;
        let left = self.columns - column;
        Block {
            column,
            valid: left.min(width),
            vectors: if left > self.lanes { 2 } else { 1 },
            weights: column * self.taps * self.depth,
        }
    }

    /// Fills `packed` with `weight(tap, channel, column)`.
    pub(crate) fn pack(self, packed: &mut [f32], weight: impl Fn(usize, usize, usize) -> f32) {
        assert_eq!(packed.len(), self.len(), "room for the weights and nothing else");
        for block in (0..self.blocks()).map(|number| self.block(number)) {
            let width = block.vectors * self.lanes;
            let rows = packed[block.weights..].chunks_exact_mut(width);
            for (row, place) in rows.take(self.taps * self.depth).zip(0..) {
                let (tap, channel) = (place / self.depth, place % self.depth);
                row.fill(0.0);
                for (column, to) in row[..block.valid].iter_mut().enumerate() {
                    *to = weight(tap, channel, block.column + column);
                }
            }
        }
    }

    /// Hands out what [`pack`](Self::pack) would have put in: `take(tap, channel, column, weight)`.
    pub(crate) fn unpack(self, packed: &[f32], mut take: impl FnMut(usize, usize, usize, f32)) {
        assert_eq!(packed.len(), self.len(), "the weights and nothing else");
        for block in (0..self.blocks()).map(|number| self.block(number)) {
            let width = block.vectors * self.lanes;
            let rows = packed[block.weights..].chunks_exact(width);
            for (row, place) in rows.take(self.taps * self.depth).zip(0..) {
                for (column, &weight) in row[..block.valid].iter().enumerate() {
                    take(place / self.depth, place % self.depth, block.column + column, weight);
                }
            }
        }
    }
}

/// Packed weights with their bias.
#[derive(Debug, Clone)]
pub(crate) struct Packed {
    pub(crate) panels: Panels,
    pub(crate) weights: Vec<f32>,
    /// One a column, zeros up to the padded columns.
    pub(crate) bias: Vec<f32>,
}

impl Packed {
    /// Packs `weight(tap, channel, column)`.
    pub(crate) fn new(
        panels: Panels,
        bias: Option<&[f32]>,
        weight: impl Fn(usize, usize, usize) -> f32,
    ) -> Self {
        let mut weights = vec![0.0; panels.len()];
        panels.pack(&mut weights, weight);
        let mut padded = vec![0.0; panels.padded_columns()];
        if let Some(bias) = bias {
            padded[..panels.columns].copy_from_slice(bias);
        }
        Self { panels, weights, bias: padded }
    }

    /// What is left to say before a contraction can run.
    pub(crate) fn with<'a, G>(
        &'a self,
        geometry: G,
        residual: Option<&'a [f32]>,
        activation: Activation,
    ) -> Contraction<'a, G> {
        let Self { panels, weights, bias } = self;
        Contraction { panels: *panels, weights, bias: Some(bias), geometry, residual, activation }
    }
}
