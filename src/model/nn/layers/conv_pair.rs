//! A convolution over space, then one over time: C3D's 3x3x3 taken apart.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use candle_nn::init::DEFAULT_KAIMING_NORMAL;

use super::{BatchNorm, ConvBn};
use crate::model::nn::{Mode, ops};

/// 1x3x3 convolution, batch norm, `ReLU`, 3x1x1 convolution, batch norm. Without the last one:
/// neurons follow.
#[derive(Debug)]
pub struct ConvPair {
    space: ConvBn,
    time: Tensor,
    time_bn: BatchNorm,
}

impl ConvPair {
    /// Asks for `space`, and `time` with `conv.weight`, `[to, to, 3]`, and `bn`.
    ///
    /// # Errors
    /// When the builder refuses.
    pub fn new(from: usize, to: usize, weights: &VarBuilder<'_>) -> Result<Self> {
        let time = weights.pp("time");
        let init = DEFAULT_KAIMING_NORMAL;
        Ok(Self {
            space: ConvBn::new(from, to, 3, 1, &weights.pp("space"))?,
            time: time.pp("conv").get_with_hints((to, to, 3), "weight", init)?,
            time_bn: BatchNorm::new(to, &time.pp("bn"))?,
        })
    }

    /// Shapes: `[n, t, h, w, from]` in, `[n, t, h, w, to]` out.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let (n, t, h, w, from) = x.dims5()?;
        let frames = x.reshape((n * t, h, w, from))?;
        let frames = ops::relu(&self.space.forward(&frames, mode)?)?;
        let clip = frames.reshape((n, t, h, w, ()))?;
        self.time_bn.forward(&ops::temporal_conv(&clip, &self.time, None)?, mode)
    }

    /// The convolution over space.
    #[must_use]
    pub fn space(&self) -> &ConvBn {
        &self.space
    }

    /// Weight and bias of the one convolution over time that does the same in [`Mode::Eval`].
    ///
    /// # Errors
    /// When candle fails.
    pub fn folded_time(&self) -> Result<(Tensor, Tensor)> {
        self.time_bn.folded(&self.time, 0)
    }
}
