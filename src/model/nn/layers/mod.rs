//! Layers: operators together with the weights that they ask a `VarBuilder` for.
//!
//! Weight names and shapes are `PyTorch`'s. No convolution or linear layer in front of a batch norm
//! has a bias: the norm subtracts it again, so its gradient would be rounding noise.
//!
//! Each layer is said twice, as `forward` for training and reference and as `compile` for inference;
//! a test holds one to the other for every network.

pub mod batch_norm;
pub mod conv_bn;
pub mod conv_pair;
pub mod conv_transposed_bn;
pub mod iled;
pub mod inverted_residual;
pub mod linear;
pub mod mobile_vit;
pub mod residual;
pub mod soft_spike;
pub mod space_time_attention;

pub use batch_norm::BatchNorm;
pub use conv_bn::ConvBn;
pub use conv_pair::ConvPair;
pub use conv_transposed_bn::ConvTransposedBn;
pub use iled::Iled;
pub use inverted_residual::InvertedResidual;
pub use linear::{Linear, LinearBn};
pub use mobile_vit::{MobileVitBlock, MobileVitSize};
pub use residual::Residual;
pub use soft_spike::SoftSpike;
pub use space_time_attention::SpaceTimeAttention;

use super::program::{self, Value};

/// What a layer's `compile` gives: the value of its output in [`Mode::Eval`](super::Mode::Eval),
/// with batch norms folded into the layers in front of them.
type Compiled = Result<Value, program::Error>;

#[cfg(test)]
mod tests;
