//! Channels-last operations on slices of floats, forward and backward: the only folder with
//! `unsafe`.
//!
//! Stock candle takes 4 to 14 times as long as other engines on small networks, mostly for copying
//! images into matrices one element at a time. Here nothing is copied: see `contraction/`.
//!
//! - Layout: the channel is the last axis and has stride 1, weights come in `PyTorch`'s order and
//!   are packed once, when a layer is planned.
//! - `simd/` is the only place with intrinsics. Which instruction set runs is asked from the CPU;
//!   tests run all that it has.
//! - `plan` allocates, `run` does not, except for scratch of the backward passes.
//! - Safe functions check every length once, and `unsafe` blocks lean on those checks. Miri runs
//!   the portable path: `cargo +nightly miri test --lib nn::kernels::tests`.
//! - Lengths that do not fit are a bug of the caller and panic: [`ops`](super::ops) and
//!   [`program`](super::program) check shapes before and return errors.

#![expect(unsafe_code, reason = "vector instructions and pointers into images, see above")]
#![expect(
    clippy::inline_always,
    clippy::needless_range_loop,
    reason = "vectors must be inlined into the function compiled for the CPU; loops over registers"
)]

mod activation;
mod attention;
mod columns;
mod combine;
mod contraction;
mod conv;
mod depthwise;
mod norm;
mod optimizer;
mod parallel;
mod pool;
mod simd;
mod soft_spike;
mod temporal;

pub use activation::Activation;
pub use attention::{Attention, HeadRows};
pub(crate) use columns::{Term, column_sums};
pub use combine::{Broadcast, Combine, Reduce, reduce};
pub use conv::{Conv2d, ConvShape, ConvTranspose2d, conv2d_weight_gradient};
pub use depthwise::{Depthwise, MAX_TAPS};
pub use norm::{
    BatchNorm, batch_statistics, layer_norm, layer_norm_gradient, scale_shift, scale_shift_slope,
};
pub use optimizer::{Rule, Step};
pub(crate) use parallel::each_item;
pub use pool::{MaxPool, coarser_counts};
pub use simd::Isa;
pub use soft_spike::SoftSpike;
pub use temporal::{TemporalConv, TemporalShape, temporal_weight_gradient};

#[cfg(test)]
mod tests;
