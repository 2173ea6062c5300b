//! Gate of the expression module: does the face move (smile, shock) or hold still (neutral, anger)?
//!
//! FOODER (arXiv 2512.18057) states a `ResNet` block on the concatenated maps and two outcomes;
//! the layer sizes are our own choice, see the README.

use candle_core::{ModuleT, Tensor};
use candle_nn::batch_norm::{BatchNorm, batch_norm};
use candle_nn::conv::{Conv2d, Conv2dConfig, conv2d_no_bias};
use candle_nn::linear::{Linear, linear};
use candle_nn::{Module, VarBuilder};
use ndarray::ArrayRefD;

use super::{Error, Model, Network, tensor};

/// Hyper-parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Channels after the stem.
    pub stem: usize,
    /// Channels after the residual block.
    pub block: usize,
}

/// Input maps: range-Doppler and micro-range-Doppler.
const MAPS: usize = 2;
/// Rows and columns of a map, range by Doppler.
const SIDE: usize = 64;
/// Scores: dynamic, static.
const SCORES: usize = 2;
/// `PyTorch`'s default.
const BATCH_NORM_EPS: f64 = 1e-5;

/// The network; field order is the order of the forward pass.
#[derive(Debug)]
pub struct FooderGate {
    stem: ConvBn,
    conv1: ConvBn,
    conv2: ConvBn,
    skip: ConvBn,
    head: Linear,
}

impl Network for FooderGate {
    const NAME: &'static str = "fooder_gate";
    const ABOUT: &'static str = "dynamic or static expression, from both radar maps";
    const PRESETS: &'static [&'static str] = &["default", "tiny"];
    type Config = Config;

    fn preset(preset: &str) -> Option<Config> {
        match preset {
            "default" => Some(Config { stem: 32, block: 64 }),
            "tiny" => Some(Config { stem: 2, block: 4 }), // for tests and dry runs
            _ => None,
        }
    }

    fn new(config: &Config, weights: &VarBuilder<'_>) -> candle_core::Result<Self> {
        let &Config { stem, block } = config;
        Ok(Self {
            stem: ConvBn::new(MAPS, stem, 3, 1, &weights.pp("stem"))?,
            conv1: ConvBn::new(stem, block, 3, 2, &weights.pp("block.0"))?,
            conv2: ConvBn::new(block, block, 3, 1, &weights.pp("block.1"))?,
            skip: ConvBn::new(stem, block, 1, 2, &weights.pp("block.skip"))?,
            head: linear(block, SCORES, weights.pp("head"))?,
        })
    }
}

impl FooderGate {
    /// Shapes: `[batch, map 2, range 64, doppler 64]` in, `[batch, score 2]` out, unnormalised.
    fn forward(&self, maps: &Tensor) -> candle_core::Result<Tensor> {
        let x = self.stem.forward(maps)?.relu()?; // [batch, stem, 64, 64]
        let inner = self.conv1.forward(&x)?.relu()?; // [batch, block, 32, 32]
        let inner = self.conv2.forward(&inner)?; // [batch, block, 32, 32]
        let x = (inner + self.skip.forward(&x)?)?.relu()?; // [batch, block, 32, 32]
        self.head.forward(&x.mean((2, 3))?) // [batch, block] -> [batch, score]
    }
}

impl Model for FooderGate {
    fn input_shape(&self) -> &[usize] {
        &[MAPS, SIDE, SIDE]
    }

    fn scores(&self) -> usize {
        SCORES
    }

    /// Shapes: `input[map 2, range 64, doppler 64]` in, range-Doppler map first, each scaled to
    /// 0..1; `scores[dynamic, static]` out, logits.
    fn run(&mut self, input: &ArrayRefD<f32>, scores: &mut [f32]) -> Result<(), Error> {
        let maps = tensor::from_array(Self::NAME, input, self.input_shape())?;
        let output = self.forward(&maps).map_err(Error::candle(Self::NAME))?;
        tensor::to_scores(Self::NAME, &output, scores)
    }
}

/// Convolution without bias, then batch normalisation with its stored statistics.
#[derive(Debug)]
struct ConvBn {
    conv: Conv2d,
    bn: BatchNorm,
}

impl ConvBn {
    /// `kernel` is odd; padding keeps the size, `stride` then divides it.
    fn new(
        from: usize,
        to: usize,
        kernel: usize,
        stride: usize,
        weights: &VarBuilder<'_>,
    ) -> candle_core::Result<Self> {
        let config = Conv2dConfig { padding: kernel / 2, stride, ..Conv2dConfig::default() };
        Ok(Self {
            conv: conv2d_no_bias(from, to, kernel, config, weights.pp("conv"))?,
            bn: batch_norm(to, BATCH_NORM_EPS, weights.pp("bn"))?,
        })
    }

    /// Shapes: `[batch, from, row, column]` in, `[batch, to, row / stride, column / stride]` out.
    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        self.bn.forward_t(&self.conv.forward(x)?, false)
    }
}

#[cfg(test)]
mod tests;
