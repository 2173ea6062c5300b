//! What networks are made of: operators on channels-last activations, and layers with weights.
//!
//! - [`kernels`]: the arithmetic, on slices of floats; the only folder with `unsafe`.
//! - [`ops`]: the same as nodes of candle's graph, for training and for the reference forward pass.
//! - [`optimizer`]: steps of `AdamW` and Adamax.
//! - [`program`]: the same as a list of steps over one block of memory, for inference.
//! - [`layers`]: operators together with their weights.
//!
//! Activations have their channels last, `[batch, row, column, channel]` or
//! `[batch, time, row, column, channel]`: a kernel then works on neighbouring numbers, whatever the
//! size of the map. Weights keep `PyTorch`'s names and layouts, so files can be exchanged with it.

pub mod kernels;
pub mod layers;
pub mod ops;
pub mod optimizer;
pub mod program;
mod stock;

#[cfg(test)]
pub(super) mod gradient_check;

/// What a forward pass is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Learning: batch norm normalises by the batch and updates its running statistics.
    Train,
    /// Answering: batch norm normalises by its running statistics.
    Eval,
}
