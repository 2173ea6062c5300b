//! Inverted residual block: widen, filter each channel by itself, narrow.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::{Compiled, ConvBn};
use crate::model::nn::Mode;
use crate::model::nn::program::{Activation, After, Builder, Value};

/// The block of `MobileNetV2` (Sandler et al., CVPR 2018) with `MobileViT`'s `SiLU`. The input is
/// added to the result where both are alike.
#[derive(Debug)]
pub struct InvertedResidual {
    expand: ConvBn,
    depthwise: ConvBn,
    project: ConvBn,
    adds_input: bool,
}

impl InvertedResidual {
    /// Asks for `expand`, `depthwise` and `project`; between them are `from * expansion` channels.
    ///
    /// # Errors
    /// When the builder refuses.
    pub fn new(
        from: usize,
        to: usize,
        stride: usize,
        expansion: usize,
        weights: &VarBuilder<'_>,
    ) -> Result<Self> {
        let wide = from * expansion;
        Ok(Self {
            expand: ConvBn::new(from, wide, 1, 1, &weights.pp("expand"))?,
            depthwise: ConvBn::depthwise(wide, 3, stride, &weights.pp("depthwise"))?,
            project: ConvBn::new(wide, to, 1, 1, &weights.pp("project"))?,
            adds_input: stride == 1 && from == to,
        })
    }

    /// Shapes: `[n, h, w, from]` in, `[n, h / stride, w / stride, to]` out.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let wide = self.expand.forward(x, mode, Activation::Silu)?;
        let wide = self.depthwise.forward(&wide, mode, Activation::Silu)?;
        let narrow = self.project.forward(&wide, mode, Activation::None)?;
        if self.adds_input { narrow + x } else { Ok(narrow) }
    }

    /// Adds the block; the input is added in the last convolution. Shapes as in
    /// [`forward`](Self::forward).
    pub(in crate::model) fn compile(&self, build: &mut Builder, x: Value) -> Compiled {
        let wide = self.expand.compile(build, x, After::then(Activation::Silu))?;
        let wide = self.depthwise.compile(build, wide, After::then(Activation::Silu))?;
        let after = if self.adds_input { After::plus(x) } else { After::default() };
        self.project.compile(build, wide, after)
    }
}
