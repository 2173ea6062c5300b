//! A convolution over space, then one over time: C3D's 3x3x3 taken apart.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use candle_nn::init::DEFAULT_KAIMING_NORMAL;

use super::{BatchNorm, Compiled, ConvBn};
use crate::model::nn::program::{Activation, After, Builder, Value};
use crate::model::nn::{
    Mode,
    ops::{self, Conv},
};

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
        let frames = self.space.forward(&frames, mode, Activation::Relu)?;
        let clip = frames.reshape((n, t, h, w, ()))?;
        let clip = ops::temporal_conv(&clip, &self.time, None)?;
        self.time_bn.forward(&clip, mode, Activation::None)
    }

    /// Geometry, weight and bias of the one convolution over space that does the same in
    /// [`Mode::Eval`].
    ///
    /// # Errors
    /// When candle fails.
    pub fn folded_space(&self) -> Result<(Conv, Tensor, Tensor)> {
        self.space.folded()
    }

    /// Weight and bias of the one convolution over time that does the same in [`Mode::Eval`].
    ///
    /// # Errors
    /// When candle fails.
    pub fn folded_time(&self) -> Result<(Tensor, Tensor)> {
        self.time_bn.folded(&self.time, 0)
    }

    /// Adds both convolutions. Shapes as in [`forward`](Self::forward).
    pub(in crate::model) fn compile(&self, build: &mut Builder, x: Value) -> Compiled {
        let (clip, pixels) = build.shape(x).split_at(2);
        let (clip, pixels) = (clip.to_vec(), pixels.to_vec());
        let frames = build.reshape(x, &[&[clip.iter().product()], &pixels[..]].concat())?;
        let frames = self.space.compile(build, frames, After::then(Activation::Relu))?;
        let pixels = build.shape(frames)[1..].to_vec();
        let clip = build.reshape(frames, &[clip, pixels].concat())?;
        let (weight, bias) = self.folded_time()?;
        build.temporal_conv(clip, &weight, Some(&bias), After::default())
    }
}
