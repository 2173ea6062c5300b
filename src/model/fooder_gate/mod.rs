//! Gate of the expression module: does the face move (smile, shock) or hold still (neutral, anger)?
//!
//! FOODER (arXiv 2512.18057) states a `ResNet` block on the concatenated maps and two outcomes;
//! the layer sizes are our own choice, see the README.

use candle_core::Tensor;
use candle_nn::VarBuilder;

use super::nn::layers::{ConvBn, Linear, Residual};
use super::nn::program::{self, Activation, After, Builder, Value};
use super::nn::{Mode, ops};
use super::{Classifier, Deployable, Network, tensor};

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
/// Rows and columns of the squares that are averaged before the head. Where on a map something is says
/// how fast it moves: a mean over the whole map, as residual networks end in, forgets that.
const SQUARE: usize = 4;
/// Rows and columns of squares: the block halves the map.
const SQUARES: usize = SIDE / 2 / SQUARE;
/// What the scores stand for, in order.
pub const CLASSES: [&str; 2] = ["dynamic", "static"];

/// The network; field order is the order of the forward pass.
#[derive(Debug)]
pub struct FooderGate {
    stem: ConvBn,
    block: Residual,
    head: Linear,
}

impl Network for FooderGate {
    const NAME: &'static str = "fooder_gate";
    const ABOUT: &'static str = "dynamic or static expression, from both radar maps";
    const PRESETS: &'static [&'static str] = &["default", "tiny"];
    const INPUT: &'static [usize] = &[MAPS, SIDE, SIDE];
    const SCORES: usize = CLASSES.len();
    type Config = Config;
    type Output = Tensor;

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
            block: Residual::new(stem, block, 2, &weights.pp("block"))?,
            head: Linear::new(SQUARES * SQUARES * block, CLASSES.len(), &weights.pp("head"))?,
        })
    }

    /// Shapes: `[batch, map 2, range 64, doppler 64]` in, range-Doppler map first, each scaled to
    /// 0..1; `[batch, class 2]` out, logits in the order of [`CLASSES`].
    fn forward(&self, maps: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        self.classify(&self.features(maps, mode)?)
    }

    fn scores(output: &Tensor) -> candle_core::Result<Tensor> {
        Ok(output.clone())
    }
}

impl Classifier for FooderGate {
    fn features(&self, maps: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        let x = tensor::channels_last(maps)?; // [batch, 64, 64, 2]
        let x = self.stem.forward(&x, mode, Activation::Relu)?; // [batch, 64, 64, stem]
        let x = self.block.forward(&x, mode)?; // [batch, 32, 32, block]
        ops::mean_pool2d(&x, SQUARE)?.flatten_from(1) // [batch, 8 * 8 * block]
    }

    fn classify(&self, features: &Tensor) -> candle_core::Result<Tensor> {
        self.head.forward(features)
    }
}

impl Deployable for FooderGate {
    fn compile(&self, build: &mut Builder, maps: Value) -> Result<Value, program::Error> {
        let x = self.stem.compile(build, maps, After::then(Activation::Relu))?;
        let x = self.block.compile(build, x)?;
        let (batch, channels) = (build.shape(x)[0], build.shape(x)[3]);
        let x = build.reshape(x, &[batch, SQUARES, SQUARE, SQUARES, SQUARE, channels])?;
        let x = build.mean(x, 4..5)?;
        let x = build.mean(x, 2..3)?;
        let x = build.reshape(x, &[batch, SQUARES * SQUARES * channels])?;
        self.head.compile(build, x, After::default())
    }
}

#[cfg(test)]
mod tests;
