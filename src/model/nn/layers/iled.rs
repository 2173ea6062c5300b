//! Intermediate linear encoder-decoder: a leaf that learns to reconstruct features.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::{Compiled, Linear};
use crate::model::nn::program::{After, Builder, Value};

/// Two linear layers with a narrow middle and nothing between them: the reconstruction error says
/// how far features lie from the plane in which those of the training data live. FOODER calls it
/// ILED; FOOD (arXiv 2406.04546, section 4) describes it as common and private leaves.
#[derive(Debug)]
pub struct Iled {
    encode: Linear,
    decode: Linear,
}

impl Iled {
    /// Asks for `encode`, `features` to `middle`, and `decode`, back.
    ///
    /// # Errors
    /// When the builder refuses.
    pub fn new(features: usize, middle: usize, weights: &VarBuilder<'_>) -> Result<Self> {
        Ok(Self {
            encode: Linear::new(features, middle, &weights.pp("encode"))?,
            decode: Linear::new(middle, features, &weights.pp("decode"))?,
        })
    }

    /// Shapes: `[n, features]` in and out.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.decode.forward(&self.encode.forward(x)?)
    }

    /// Adds both layers. Shapes as in [`forward`](Self::forward).
    pub(in crate::model) fn compile(&self, build: &mut Builder, x: Value) -> Compiled {
        let middle = self.encode.compile(build, x, After::default())?;
        self.decode.compile(build, middle, After::default())
    }
}
