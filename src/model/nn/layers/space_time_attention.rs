//! Attention over channels, frames and pixels of a clip, one after the other.

use candle_core::{D, Result, Tensor};
use candle_nn::init::DEFAULT_KAIMING_NORMAL;
use candle_nn::{Init, VarBuilder};

use super::{Compiled, Linear};
use crate::model::nn::{
    ops::{self, Conv},
    program::{Activation, After, Builder, Combine, Value},
    stock,
};

/// Channels per unit in the middle of the channel gate.
const CHANNELS_PER_UNIT: usize = 16;
/// Frames per unit in the middle of the time gate.
const FRAMES_PER_UNIT: usize = 4;
/// Fewest units in the middle of a gate: a single one that starts below zero never wakes.
const FEWEST_UNITS: usize = 4;
/// Rows and columns of the space gate's kernel.
const KERNEL: usize = 7;

/// CBAM (Woo et al., ECCV 2018) with a gate for time between those for channels and space. A gate
/// `a` within 0..1 multiplies by `1 + a`: what no gate picks is kept as it is.
///
/// The form of CS3D's attention is not published; this one is ours.
#[derive(Debug)]
pub struct SpaceTimeAttention {
    channels: Gate,
    time: Gate,
    space_weight: Tensor,
    space_bias: Tensor,
}

impl SpaceTimeAttention {
    /// The space gate's convolution, which keeps the size.
    const SPACE: Conv = Conv { stride: 1, padding: KERNEL / 2, groups: 1 };

    /// Asks for `channels`, `time` and `space`, for clips of `frames`.
    ///
    /// # Errors
    /// When the builder refuses.
    pub fn new(channels: usize, frames: usize, weights: &VarBuilder<'_>) -> Result<Self> {
        let space = weights.pp("space");
        let (shape, init) = ((1, 2, KERNEL, KERNEL), DEFAULT_KAIMING_NORMAL);
        Ok(Self {
            channels: Gate::new(channels, CHANNELS_PER_UNIT, &weights.pp("channels"))?,
            time: Gate::new(frames, FRAMES_PER_UNIT, &weights.pp("time"))?,
            space_weight: space.get_with_hints(shape, "weight", init)?,
            space_bias: space.get_with_hints(1, "bias", Init::Const(0.0))?,
        })
    }

    /// Shapes: `[n, t, h, w, c]` in and out.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (n, t, h, w, c) = x.dims5()?;

        let whole = x.reshape((n, t * h * w, c))?;
        let mean = whole.mean(1)?;
        let max = stock::max_last(&whole.transpose(1, 2)?)?;
        let gate = self.channels.forward(&mean, &max)?; // [n, c]
        let x = lift(x, &gate.reshape((n, 1, 1, 1, c))?)?;

        let frames = x.reshape((n, t, h * w * c))?;
        let gate = self.time.forward(&frames.mean(2)?, &stock::max_last(&frames)?)?; // [n, t]
        let x = lift(&x, &gate.reshape((n, t, 1, 1, 1))?)?;

        let max = stock::max_last(&x)?.unsqueeze(4)?;
        let both = Tensor::cat(&[x.mean_keepdim(D::Minus1)?, max], 4)?.reshape((n * t, h, w, 2))?;
        let gate = ops::conv2d(&both, &self.space_weight, Some(&self.space_bias), Self::SPACE)?;
        lift(&x, &ops::sigmoid(&gate)?.reshape((n, t, h, w, 1))?)
    }

    /// Adds the three gates. Shapes as in [`forward`](Self::forward).
    pub(in crate::model) fn compile(&self, build: &mut Builder, x: Value) -> Compiled {
        let (clip, channels) = (build.shape(x).to_vec(), 4);
        let [n, t] = [clip[0], clip[1]];

        let (mean, max) = (build.mean(x, 1..4)?, build.max(x, 1..4)?);
        let gate = self.channels.compile(build, mean, max)?;
        let gate = build.reshape(gate, &[n, 1, 1, 1, clip[channels]])?;
        let x = build.combine(Combine::Lift, x, gate)?;

        let (mean, max) = (build.mean(x, 2..5)?, build.max(x, 2..5)?);
        let gate = self.time.compile(build, mean, max)?;
        let gate = build.reshape(gate, &[n, t, 1, 1, 1])?;
        let x = build.combine(Combine::Lift, x, gate)?;

        let plane = [n * t, clip[2], clip[3], 1];
        let (mean, max) = (build.mean(x, 4..5)?, build.max(x, 4..5)?);
        let (mean, max) = (build.reshape(mean, &plane)?, build.reshape(max, &plane)?);
        let both = build.concat(mean, max)?;
        let (weight, bias) = (&self.space_weight, Some(&self.space_bias));
        let after = After::then(Activation::Sigmoid);
        let gate = build.conv2d(both, weight, bias, Self::SPACE, after)?;
        let gate = build.reshape(gate, &[n, t, clip[2], clip[3], 1])?;
        build.combine(Combine::Lift, x, gate)
    }
}

/// `x (1 + gate)`.
fn lift(x: &Tensor, gate: &Tensor) -> Result<Tensor> {
    x.broadcast_mul(&(gate + 1.0)?)
}

/// Two linear layers shared by mean and maximum, whose results are added.
#[derive(Debug)]
struct Gate {
    squeeze: Linear,
    spread: Linear,
}

impl Gate {
    fn new(size: usize, per_unit: usize, weights: &VarBuilder<'_>) -> Result<Self> {
        let units = (size / per_unit).max(FEWEST_UNITS);
        Ok(Self {
            squeeze: Linear::new(size, units, &weights.pp("squeeze"))?,
            spread: Linear::new(units, size, &weights.pp("spread"))?,
        })
    }

    /// Shapes: `mean[n, size]` and `max[n, size]` in, `[n, size]` within 0..1 out.
    fn forward(&self, mean: &Tensor, max: &Tensor) -> Result<Tensor> {
        let side = |x| self.spread.forward(&ops::relu(&self.squeeze.forward(x)?)?);
        ops::sigmoid(&(side(mean)? + side(max)?)?)
    }

    fn compile(&self, build: &mut Builder, mean: Value, max: Value) -> Compiled {
        let relu = After::then(Activation::Relu);
        let mean = self.squeeze.compile(build, mean, relu)?;
        let mean = self.spread.compile(build, mean, After::default())?;
        let max = self.squeeze.compile(build, max, relu)?;
        let after = After { residual: Some(mean), activation: Activation::Sigmoid };
        self.spread.compile(build, max, after)
    }
}
