//! Convolution without bias, then batch normalisation.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use candle_nn::init::DEFAULT_KAIMING_NORMAL;

use super::{BatchNorm, Compiled};
use crate::model::nn::{
    Mode,
    ops::{self, Conv},
    program::{Activation, After, Builder, Value},
};

/// Convolution without bias, then batch normalisation.
#[derive(Debug)]
pub struct ConvBn {
    weight: Tensor,
    conv: Conv,
    bn: BatchNorm,
}

impl ConvBn {
    /// `kernel` is odd; padding keeps the size, `stride` then divides it. Asks for `conv.weight`,
    /// `[to, from, kernel, kernel]`, and `bn`.
    ///
    /// # Errors
    /// When the builder refuses.
    pub fn new(
        from: usize,
        to: usize,
        kernel: usize,
        stride: usize,
        weights: &VarBuilder<'_>,
    ) -> Result<Self> {
        let conv = Conv { stride, padding: kernel / 2, groups: 1 };
        Self::with(conv, [to, from, kernel, kernel], weights)
    }

    /// One `kernel` x `kernel` filter per channel. Asks for `conv.weight`,
    /// `[channels, 1, kernel, kernel]`, and `bn`.
    ///
    /// # Errors
    /// When the builder refuses.
    pub fn depthwise(
        channels: usize,
        kernel: usize,
        stride: usize,
        weights: &VarBuilder<'_>,
    ) -> Result<Self> {
        let conv = Conv { stride, padding: kernel / 2, groups: channels };
        Self::with(conv, [channels, 1, kernel, kernel], weights)
    }

    fn with(conv: Conv, shape: [usize; 4], weights: &VarBuilder<'_>) -> Result<Self> {
        let init = DEFAULT_KAIMING_NORMAL;
        let weight = weights.pp("conv").get_with_hints(shape.to_vec(), "weight", init)?;
        Ok(Self { weight, conv, bn: BatchNorm::new(shape[0], &weights.pp("bn"))? })
    }

    /// Both, `then` a function of each number.
    ///
    /// Shapes: `[n, h, w, from]` in, `[n, h / stride, w / stride, to]` out, rounded up.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn forward(&self, x: &Tensor, mode: Mode, then: Activation) -> Result<Tensor> {
        self.bn.forward(&ops::conv2d(x, &self.weight, None, self.conv)?, mode, then)
    }

    /// Geometry, weight and bias of the one convolution that does the same in [`Mode::Eval`].
    ///
    /// # Errors
    /// When candle fails.
    pub fn folded(&self) -> Result<(Conv, Tensor, Tensor)> {
        let (weight, bias) = self.bn.folded(&self.weight, 0)?;
        Ok((self.conv, weight, bias))
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
        build.conv2d(x, &weight, Some(&bias), conv, after)
    }
}
