//! Batch normalisation with running statistics, and how it folds into the layer before it.

use candle_core::{Result, Tensor, Var};
use candle_nn::{Init, VarBuilder};

use crate::model::nn::program::Activation;
use crate::model::nn::{Mode, ops};

/// `PyTorch`'s default.
const EPS: f64 = 1e-5;
/// Weight of a new batch in the running statistics; `PyTorch`'s default.
const MOMENTUM: f64 = 0.1;

/// Normalises each channel: by the batch while training, by running statistics afterwards.
///
/// The running statistics are variables of the builder, so a `VarMap` saves them with the weights.
/// They take no part in any gradient: an optimiser over all variables leaves them alone.
#[derive(Debug)]
pub struct BatchNorm {
    gamma: Tensor,
    beta: Tensor,
    running_mean: Var,
    running_var: Var,
}

impl BatchNorm {
    /// Asks for `weight`, `bias`, `running_mean` and `running_var`, all `[channels]`.
    ///
    /// # Errors
    /// When the builder refuses.
    pub fn new(channels: usize, weights: &VarBuilder<'_>) -> Result<Self> {
        let get = |name, value| weights.get_with_hints(channels, name, Init::Const(value));
        Ok(Self {
            gamma: get("weight", 1.0)?,
            beta: get("bias", 0.0)?,
            running_mean: Var::from_tensor(&get("running_mean", 0.0)?)?,
            running_var: Var::from_tensor(&get("running_var", 1.0)?)?,
        })
    }

    /// Normalises, `then` a function of each number.
    ///
    /// Shapes: `[.., channels]` in and out. Training takes at least two values per channel.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn forward(&self, x: &Tensor, mode: Mode, then: Activation) -> Result<Tensor> {
        match mode {
            Mode::Eval => {
                let mean = self.running_mean.as_detached_tensor();
                let var = self.running_var.as_detached_tensor();
                let y = ops::batch_norm_eval(x, &self.gamma, &self.beta, &mean, &var, EPS)?;
                ops::activation(&y, then)
            }
            Mode::Train => {
                let (y, mean, var) = ops::batch_norm_train(x, &self.gamma, &self.beta, EPS, then)?;
                self.remember(x.elem_count() / mean.elem_count(), &mean, &var)?;
                Ok(y)
            }
        }
    }

    /// Moves the running statistics towards those of a batch with `count` values per channel.
    fn remember(&self, count: usize, mean: &Tensor, var: &Tensor) -> Result<()> {
        #[expect(clippy::cast_precision_loss, reason = "a batch has far less than 2^52 values")]
        let count = count as f64;
        // The batch is normalised by its biased variance, but the unbiased one is remembered.
        let var = (var.detach() * (count / (count - 1.0)))?;
        let towards = |old: &Var, new: &Tensor| {
            old.set(&((old.as_detached_tensor() * (1.0 - MOMENTUM))? + (new * MOMENTUM)?)?)
        };
        towards(&self.running_mean, &mean.detach())?;
        towards(&self.running_var, &var)
    }

    /// What [`Mode::Eval`] does as `y = scale x + shift`, both `[channels]`.
    ///
    /// # Errors
    /// When candle fails.
    pub fn as_scale_and_shift(&self) -> Result<(Tensor, Tensor)> {
        let mean = self.running_mean.as_detached_tensor();
        let var = self.running_var.as_detached_tensor();
        let scale = (self.gamma.detach() / (var + EPS)?.sqrt()?)?;
        let shift = (self.beta.detach() - (mean * &scale)?)?;
        Ok((scale, shift))
    }

    /// Weight and bias of the one layer that does what `weight`, without bias, and then
    /// [`Mode::Eval`] do; `output` is the weight's axis of output channels.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn folded(&self, weight: &Tensor, output: usize) -> Result<(Tensor, Tensor)> {
        let (scale, shift) = self.as_scale_and_shift()?;
        let mut along = vec![1; weight.rank()];
        along[output] = scale.elem_count();
        Ok((weight.detach().broadcast_mul(&scale.reshape(along)?)?, shift))
    }
}
