//! Soft spiking neurons with a learned decay per channel.

use candle_core::{Result, Tensor};
use candle_nn::{Init, VarBuilder};

use super::Compiled;
use crate::model::nn::ops;
use crate::model::nn::program::{Builder, Value};

/// The logit of 0.4, the decay of Wozniak's soft units.
const INITIAL_DECAY_LOGIT: f64 = -0.405_465;

/// The neurons of [`ops::soft_spike`].
///
/// They start with a threshold of 0, not the 1 of the paper: the batch norm in front of them gives
/// centred currents.
#[derive(Debug)]
pub struct SoftSpike {
    decay_logit: Tensor,
    bias: Tensor,
}

impl SoftSpike {
    /// Asks for `decay_logit`, whose sigmoid is the decay, and `bias`, both `[channels]`.
    ///
    /// # Errors
    /// When the builder refuses.
    pub fn new(channels: usize, weights: &VarBuilder<'_>) -> Result<Self> {
        let init = Init::Const(INITIAL_DECAY_LOGIT);
        Ok(Self {
            decay_logit: weights.get_with_hints(channels, "decay_logit", init)?,
            bias: weights.get_with_hints(channels, "bias", Init::Const(0.0))?,
        })
    }

    /// Shapes: `[n, t, h, w, channels]` in and out; what comes out lies within 0..1.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn forward(&self, current: &Tensor) -> Result<Tensor> {
        ops::soft_spike(current, &self.decay()?, &self.bias)
    }

    /// The part of its state that a silent neuron keeps to the next frame, `[channels]`.
    ///
    /// # Errors
    /// When candle fails.
    pub fn decay(&self) -> Result<Tensor> {
        ops::sigmoid(&self.decay_logit)
    }

    /// Adds the neurons. Shapes as in [`forward`](Self::forward).
    pub(in crate::model) fn compile(&self, build: &mut Builder, current: Value) -> Compiled {
        build.soft_spike(current, &self.decay()?, &self.bias)
    }
}
