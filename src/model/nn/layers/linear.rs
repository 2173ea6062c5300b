//! Linear layer, alone or with batch normalisation behind it.

use candle_core::{Result, Tensor};
use candle_nn::init::DEFAULT_KAIMING_NORMAL;
use candle_nn::{Init, VarBuilder};

use super::{BatchNorm, Compiled};
use crate::model::nn::program::{Activation, After, Builder, Value};
use crate::model::nn::{Mode, ops};

/// `y = x weight' + bias`.
#[derive(Debug)]
pub struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    /// Asks for `weight`, `[to, from]`, and `bias`, `[to]`.
    ///
    /// # Errors
    /// When the builder refuses.
    pub fn new(from: usize, to: usize, weights: &VarBuilder<'_>) -> Result<Self> {
        #[expect(clippy::cast_precision_loss, reason = "a layer has far less than 2^52 inputs")]
        let bound = 1.0 / (from as f64).sqrt(); // as PyTorch draws it
        let init = Init::Uniform { lo: -bound, up: bound };
        let bias = Some(weights.get_with_hints(to, "bias", init)?);
        Ok(Self { bias, ..Self::without_bias(from, to, weights)? })
    }

    /// Asks for `weight`, `[to, from]`.
    ///
    /// # Errors
    /// When the builder refuses.
    pub fn without_bias(from: usize, to: usize, weights: &VarBuilder<'_>) -> Result<Self> {
        let weight = weights.get_with_hints((to, from), "weight", DEFAULT_KAIMING_NORMAL)?;
        Ok(Self { weight, bias: None })
    }

    /// Shapes: `[.., from]` in, `[.., to]` out.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::linear(x, &self.weight, self.bias.as_ref())
    }

    /// Adds the layer, then `after`. Shapes as in [`forward`](Self::forward).
    pub(in crate::model) fn compile(
        &self,
        build: &mut Builder,
        x: Value,
        after: After,
    ) -> Compiled {
        build.linear(x, &self.weight, self.bias.as_ref(), after)
    }
}

/// A linear layer without bias, then batch normalisation.
#[derive(Debug)]
pub struct LinearBn {
    linear: Linear,
    bn: BatchNorm,
}

impl LinearBn {
    /// Asks for `linear.weight`, `[to, from]`, and `bn`.
    ///
    /// # Errors
    /// When the builder refuses.
    pub fn new(from: usize, to: usize, weights: &VarBuilder<'_>) -> Result<Self> {
        let linear = Linear::without_bias(from, to, &weights.pp("linear"))?;
        Ok(Self { linear, bn: BatchNorm::new(to, &weights.pp("bn"))? })
    }

    /// Shapes: `[n, from]` in, `[n, to]` out. Training takes `n` of at least 2.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        self.bn.forward(&self.linear.forward(x)?, mode, Activation::None)
    }

    /// Weight and bias of the one linear layer that does the same in [`Mode::Eval`].
    ///
    /// # Errors
    /// When candle fails.
    pub fn folded(&self) -> Result<(Tensor, Tensor)> {
        self.bn.folded(&self.linear.weight, 0)
    }

    /// Adds what [`folded`](Self::folded) gives, then `after`. Shapes as in
    /// [`forward`](Self::forward).
    pub(in crate::model) fn compile(
        &self,
        build: &mut Builder,
        x: Value,
        after: After,
    ) -> Compiled {
        let (weight, bias) = self.folded()?;
        build.linear(x, &weight, Some(&bias), after)
    }
}
