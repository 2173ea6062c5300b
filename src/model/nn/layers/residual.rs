//! Residual block of two convolutions.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::{Compiled, ConvBn};
use crate::model::nn::program::{Activation, After, Builder, Value};
use crate::model::nn::{Mode, ops};

/// The basic block of `ResNet` (He et al., CVPR 2016): two 3x3 convolutions, and the input added to
/// what they give, through a 1x1 convolution where size or channels differ.
#[derive(Debug)]
pub struct Residual {
    first: ConvBn,
    second: ConvBn,
    skip: Option<ConvBn>,
}

impl Residual {
    /// Asks for `0`, `1` and, unless input and output are alike, `skip`.
    ///
    /// # Errors
    /// When the builder refuses.
    pub fn new(from: usize, to: usize, stride: usize, weights: &VarBuilder<'_>) -> Result<Self> {
        let alike = stride == 1 && from == to;
        let skip = || ConvBn::new(from, to, 1, stride, &weights.pp("skip"));
        Ok(Self {
            first: ConvBn::new(from, to, 3, stride, &weights.pp("0"))?,
            second: ConvBn::new(to, to, 3, 1, &weights.pp("1"))?,
            skip: if alike { None } else { Some(skip()?) },
        })
    }

    /// Shapes: `[n, h, w, from]` in, `[n, h / stride, w / stride, to]` out.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let inner = self.first.forward(x, mode, Activation::Relu)?;
        let inner = self.second.forward(&inner, mode, Activation::None)?;
        ops::relu(&match &self.skip {
            None => inner + x,
            Some(skip) => inner + skip.forward(x, mode, Activation::None)?,
        }?)
    }

    /// Adds the block; the sum is taken in the second convolution. Shapes as in
    /// [`forward`](Self::forward).
    pub(in crate::model) fn compile(&self, build: &mut Builder, x: Value) -> Compiled {
        let inner = self.first.compile(build, x, After::then(Activation::Relu))?;
        let short = match &self.skip {
            None => x,
            Some(skip) => skip.compile(build, x, After::default())?,
        };
        let after = After { residual: Some(short), activation: Activation::Relu };
        self.second.compile(build, inner, after)
    }
}
