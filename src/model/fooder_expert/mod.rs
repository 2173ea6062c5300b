//! Experts of the expression module: which of two expressions does the face pose?
//!
//! FOODER (arXiv 2512.18057) runs one of two `MobileViT` networks behind the gate, one for smile and
//! shock, one for neutral and anger. A bundle holds this network twice, with the classes of each.

use candle_core::Tensor;
use candle_nn::VarBuilder;

use super::nn::layers::{ConvBn, InvertedResidual, Linear, MobileVitBlock, MobileVitSize};
use super::nn::program::{self, Activation, After, Builder, Value};
use super::nn::{Mode, ops};
use super::{Classifier, Deployable, Network, tensor};

/// Hyper-parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Channels after the stem and after each of the five stages.
    pub channels: [usize; 6],
    /// Channels of a token in the last three stages.
    pub dims: [usize; 3],
    /// Layers of the transformers in the last three stages.
    pub depths: [usize; 3],
    /// Channels after the last convolution.
    pub last: usize,
    /// Widening inside the inverted residual blocks.
    pub expansion: usize,
}

/// Input maps: range-Doppler and micro-range-Doppler.
const MAPS: usize = 2;
/// Rows and columns of a map, range by Doppler.
const SIDE: usize = 64;
/// Planes that the stem sees: the maps, and one that says which column it is. Convolutions and means
/// over the whole map do not know where something is, and on a map that is how fast it moves; a plane of
/// coordinates tells them (Liu et al., "`CoordConv`", `NeurIPS` 2018).
const PLANES: usize = MAPS + 1;
/// Inverted residual blocks that keep size and channels behind the first of the second stage.
const REPEATS: usize = 2;
/// Width of the transformers' hidden part, in token widths.
const WIDENING: [usize; 3] = [2, 4, 4];
/// Strides in front of the transformers. `MobileViT` has 2 in the last place too, but on maps of 64
/// that leaves one patch, and with one token attention has nothing to weigh.
const STRIDES: [usize; 3] = [2, 2, 1];

/// What the scores stand for in the network for moving faces.
pub const DYNAMIC_CLASSES: [&str; 2] = ["smile", "shock"];
/// What the scores stand for in the network for still faces.
pub const STATIC_CLASSES: [&str; 2] = ["neutral", "anger"];

/// The network; field order is the order of the forward pass.
#[derive(Debug)]
pub struct FooderExpert {
    stem: ConvBn,
    early: Vec<InvertedResidual>,
    late: Vec<(InvertedResidual, MobileVitBlock)>,
    last: ConvBn,
    head: Linear,
}

impl Network for FooderExpert {
    const NAME: &'static str = "fooder_expert";
    const ABOUT: &'static str = "one of two expressions, from both radar maps (MobileViT)";
    const PRESETS: &'static [&'static str] = &["xxs", "xs", "tiny"];
    const INPUT: &'static [usize] = &[MAPS, SIDE, SIDE];
    const SCORES: usize = 2;
    type Config = Config;
    type Output = Tensor;

    fn preset(preset: &str) -> Option<Config> {
        match preset {
            "xxs" => Some(Config {
                channels: [16, 16, 24, 48, 64, 80],
                dims: [64, 80, 96],
                depths: [2, 4, 3],
                last: 320,
                expansion: 2,
            }),
            "xs" => Some(Config {
                channels: [16, 32, 48, 64, 80, 96],
                dims: [96, 120, 144],
                depths: [2, 4, 3],
                last: 384,
                expansion: 4,
            }),
            // for tests and dry runs
            "tiny" => Some(Config {
                channels: [4, 4, 6, 8, 8, 8],
                dims: [8, 8, 8],
                depths: [2, 1, 1],
                last: 16,
                expansion: 2,
            }),
            _ => None,
        }
    }

    fn new(config: &Config, weights: &VarBuilder<'_>) -> candle_core::Result<Self> {
        let [stem, first, second, later @ ..] = config.channels;
        let early = weights.pp("early");
        let block = |number: usize, from, to, stride| {
            InvertedResidual::new(from, to, stride, config.expansion, &early.pp(number))
        };
        let mut blocks = vec![block(0, stem, first, 1)?, block(1, first, second, 2)?];
        for number in 2..2 + REPEATS {
            blocks.push(block(number, second, second, 1)?);
        }
        let mut late = Vec::with_capacity(later.len());
        let mut from = second;
        for (stage, &channels) in later.iter().enumerate() {
            let weights = weights.pp("late").pp(stage);
            let (stride, down) = (STRIDES[stage], weights.pp("down"));
            let down = InvertedResidual::new(from, channels, stride, config.expansion, &down)?;
            let size = MobileVitSize {
                channels,
                dim: config.dims[stage],
                depth: config.depths[stage],
                widening: WIDENING[stage],
            };
            late.push((down, MobileVitBlock::new(size, &weights.pp("block"))?));
            from = channels;
        }
        Ok(Self {
            stem: ConvBn::new(PLANES, stem, 3, 2, &weights.pp("stem"))?,
            early: blocks,
            late,
            last: ConvBn::new(from, config.last, 1, 1, &weights.pp("last"))?,
            head: Linear::new(config.last, Self::SCORES, &weights.pp("head"))?,
        })
    }

    /// Shapes: `[batch, map 2, range 64, doppler 64]` in, range-Doppler map first, each scaled to
    /// 0..1; `[batch, class 2]` out, logits.
    fn forward(&self, maps: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        self.classify(&self.features(maps, mode)?)
    }

    fn scores(output: &Tensor) -> candle_core::Result<Tensor> {
        Ok(output.clone())
    }
}

impl Classifier for FooderExpert {
    fn features(&self, maps: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        let x = tensor::channels_last(maps)?; // [batch, 64, 64, 2]
        let columns = Tensor::from_vec(columns(), (1, SIDE, SIDE, 1), x.device())?;
        let columns = columns.to_dtype(x.dtype())?.repeat((x.dim(0)?, 1, 1, 1))?;
        let x = Tensor::cat(&[x, columns], 3)?; // [batch, 64, 64, 3]
        let mut x = self.stem.forward(&x, mode, Activation::Silu)?; // [batch, 32, 32, ..]
        for block in &self.early {
            x = block.forward(&x, mode)?; // [batch, 32, 32, ..], from the second [batch, 16, 16, ..]
        }
        for (down, block) in &self.late {
            x = block.forward(&down.forward(&x, mode)?, mode)?; // 8 x 8, 4 x 4, 4 x 4
        }
        let x = self.last.forward(&x, mode, Activation::Silu)?; // [batch, 4, 4, last]
        ops::mean_pixels(&x)
    }

    fn classify(&self, features: &Tensor) -> candle_core::Result<Tensor> {
        self.head.forward(features)
    }
}

impl Deployable for FooderExpert {
    fn compile(&self, build: &mut Builder, maps: Value) -> Result<Value, program::Error> {
        let silu = After::then(Activation::Silu);
        let x = build.append(maps, &columns())?;
        let mut x = self.stem.compile(build, x, silu)?;
        for block in &self.early {
            x = block.compile(build, x)?;
        }
        for (down, block) in &self.late {
            x = down.compile(build, x)?;
            x = block.compile(build, x)?;
        }
        let x = self.last.compile(build, x, silu)?;
        let x = build.mean(x, 1..3)?;
        self.head.compile(build, x, After::default())
    }
}

/// `(column - 31.5) / 32` at each pixel: about -1 for the fastest approach to 1 for the fastest retreat.
fn columns() -> Vec<f32> {
    let row = (-31..=32_i8).map(|column| (f32::from(column) - 0.5) / 32.0);
    row.cycle().take(SIDE * SIDE).collect()
}

#[cfg(test)]
mod tests;
