//! What networks are made of: operators on channels-last activations.
//!
//! - [`kernels`]: the arithmetic, on slices of floats; the only folder with `unsafe`.
//! - [`ops`]: the same as nodes of candle's graph, for training and for the reference forward pass.
//! - [`optimizer`]: steps of `AdamW` and Adamax.
//! - [`program`]: the same as a list of steps over one block of memory, for inference.

pub mod kernels;
pub mod ops;
pub mod optimizer;
pub mod program;
