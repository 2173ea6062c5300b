//! Transposed convolution that doubles a map, then batch normalisation.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use candle_nn::init::DEFAULT_KAIMING_NORMAL;

use super::{BatchNorm, Compiled};
use crate::model::nn::{
    Mode,
    ops::{self, ConvTransposed},
    program::{Activation, After, Builder, Value},
};

/// Transposed 3x3 convolution without bias that doubles rows and columns, then batch
/// normalisation.
#[derive(Debug)]
pub struct ConvTransposedBn {
    weight: Tensor,
    bn: BatchNorm,
}

impl ConvTransposedBn {
    /// Stride 2, with the padding that makes the output exactly twice as large.
    const DOUBLING: ConvTransposed = ConvTransposed { stride: 2, padding: 1, output_padding: 1 };

    /// Asks for `conv.weight`, `[from, to, 3, 3]`, and `bn`.
    ///
    /// # Errors
    /// When the builder refuses.
    pub fn new(from: usize, to: usize, weights: &VarBuilder<'_>) -> Result<Self> {
        let (shape, init) = ((from, to, 3, 3), DEFAULT_KAIMING_NORMAL);
        let weight = weights.pp("conv").get_with_hints(shape, "weight", init)?;
        Ok(Self { weight, bn: BatchNorm::new(to, &weights.pp("bn"))? })
    }

    /// Both, `then` a function of each number.
    ///
    /// Shapes: `[n, h, w, from]` in, `[n, 2 h, 2 w, to]` out.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn forward(&self, x: &Tensor, mode: Mode, then: Activation) -> Result<Tensor> {
        self.bn.forward(&ops::conv_transpose2d(x, &self.weight, None, Self::DOUBLING)?, mode, then)
    }

    /// Geometry, weight and bias of the one transposed convolution that does the same in
    /// [`Mode::Eval`].
    ///
    /// # Errors
    /// When candle fails.
    pub fn folded(&self) -> Result<(ConvTransposed, Tensor, Tensor)> {
        let (weight, bias) = self.bn.folded(&self.weight, 1)?;
        Ok((Self::DOUBLING, weight, bias))
    }

    /// Adds what [`folded`](Self::folded) gives, then `after`. Shapes as in
    /// [`forward`](Self::forward).
    pub(in crate::model) fn compile(
        &self,
        build: &mut Builder,
        x: Value,
        after: After,
    ) -> Compiled {
        let (conv, weight, bias) = self.folded()?;
        build.conv_transpose2d(x, &weight, Some(&bias), conv, after)
    }
}
