//! A small Transformer (Vaswani et al., 2017) whose tokens are coarse frames.

use candle_core::{Result, Tensor};
use candle_nn::{Init, VarBuilder};
use visaged::model::nn::layers::Linear;
use visaged::model::nn::ops;
use visaged::model::{Classifier, Mode, Network};

use super::{FRAME, INPUT, SCORES, coarse_frames};

/// Hyper-parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransformerConfig {
    /// Channels of a token, a multiple of the heads.
    pub dim: usize,
    /// Layers.
    pub depth: usize,
}

/// Attention heads.
const HEADS: usize = 4;
/// Width of a layer's hidden part, in token widths.
const WIDENING: usize = 4;
/// `PyTorch`'s default.
const EPS: f64 = 1e-5;

/// The network: the mean of the tokens behind the last layer is classified.
#[derive(Debug)]
pub struct Transformer {
    embed: Linear,
    position: Tensor,
    layers: Vec<Layer>,
    norm: LayerNorm,
    head: Linear,
}

impl Network for Transformer {
    const NAME: &'static str = "transformer";
    const ABOUT: &'static str = "one of four expressions, by attention over time (comparison)";
    const PRESETS: &'static [&'static str] = &["default", "tiny"];
    const INPUT: &'static [usize] = &INPUT;
    const SCORES: usize = SCORES;
    type Config = TransformerConfig;
    type Output = Tensor;

    fn preset(preset: &str) -> Option<TransformerConfig> {
        match preset {
            "default" => Some(TransformerConfig { dim: 64, depth: 3 }),
            "tiny" => Some(TransformerConfig { dim: 8, depth: 2 }), // for tests
            _ => None,
        }
    }

    fn new(config: &TransformerConfig, weights: &VarBuilder<'_>) -> Result<Self> {
        let dim = config.dim;
        let init = Init::Randn { mean: 0.0, stdev: 0.02 };
        let layers = weights.pp("layers");
        Ok(Self {
            embed: Linear::new(FRAME, dim, &weights.pp("embed"))?,
            position: weights.get_with_hints((INPUT[1], dim), "position", init)?,
            layers: (0..config.depth)
                .map(|layer| Layer::new(dim, &layers.pp(layer)))
                .collect::<Result<_>>()?,
            norm: LayerNorm::new(dim, &weights.pp("norm"))?,
            head: Linear::new(dim, SCORES, &weights.pp("head"))?,
        })
    }

    /// Shapes: `[batch, polarity 2, bin 16, row 112, column 112]` in, `[batch, class 4]` out.
    fn forward(&self, voxels: &Tensor, mode: Mode) -> Result<Tensor> {
        self.classify(&self.features(voxels, mode)?)
    }

    fn scores(output: &Tensor) -> Result<Tensor> {
        Ok(output.clone())
    }
}

impl Classifier for Transformer {
    fn features(&self, voxels: &Tensor, _: Mode) -> Result<Tensor> {
        let tokens = self.embed.forward(&coarse_frames(voxels)?)?;
        let mut tokens = tokens.broadcast_add(&self.position)?; // [batch, bin, dim]
        for layer in &self.layers {
            tokens = layer.forward(&tokens)?;
        }
        self.norm.forward(&tokens)?.mean(1)
    }

    fn classify(&self, features: &Tensor) -> Result<Tensor> {
        self.head.forward(features)
    }
}

/// Attention, then two linear layers, each on normalised tokens and added to them.
#[derive(Debug)]
struct Layer {
    norm1: LayerNorm,
    qkv: Linear,
    out: Linear,
    norm2: LayerNorm,
    widen: Linear,
    narrow: Linear,
}

impl Layer {
    fn new(dim: usize, weights: &VarBuilder<'_>) -> Result<Self> {
        Ok(Self {
            norm1: LayerNorm::new(dim, &weights.pp("norm1"))?,
            qkv: Linear::without_bias(dim, 3 * dim, &weights.pp("qkv"))?,
            out: Linear::new(dim, dim, &weights.pp("out"))?,
            norm2: LayerNorm::new(dim, &weights.pp("norm2"))?,
            widen: Linear::new(dim, WIDENING * dim, &weights.pp("widen"))?,
            narrow: Linear::new(WIDENING * dim, dim, &weights.pp("narrow"))?,
        })
    }

    /// Shapes: `[batch, token, dim]` in and out.
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (batch, tokens, dim) = x.dims3()?;
        let qkv = self.qkv.forward(&self.norm1.forward(x)?)?;
        let qkv = qkv.reshape((batch, tokens, 3, HEADS, dim / HEADS))?.permute((2, 0, 3, 1, 4))?;
        let part = |number| qkv.get(number)?.contiguous();
        let seen = ops::attention(&part(0)?, &part(1)?, &part(2)?)?;
        let seen = seen.transpose(1, 2)?.reshape((batch, tokens, dim))?;
        let x = (x + self.out.forward(&seen)?)?;
        let wide = ops::relu(&self.widen.forward(&self.norm2.forward(&x)?)?)?;
        &x + self.narrow.forward(&wide)?
    }
}

/// Normalisation of each token.
#[derive(Debug)]
struct LayerNorm {
    gamma: Tensor,
    beta: Tensor,
}

impl LayerNorm {
    fn new(dim: usize, weights: &VarBuilder<'_>) -> Result<Self> {
        let get = |name, value| weights.get_with_hints(dim, name, Init::Const(value));
        Ok(Self { gamma: get("weight", 1.0)?, beta: get("bias", 0.0)? })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::layer_norm(x, &self.gamma, &self.beta, EPS)
    }
}
