//! CS3D: which expression does a face pose, from the events of a camera?
//!
//! arXiv 2512.09592 takes C3D (Tran et al., ICCV 2015) apart and adds soft spiking neurons and
//! spatial-temporal attention. Its body was not available to us; the README says what is ours.

use candle_core::Tensor;
use candle_nn::VarBuilder;

use super::nn::layers::{ConvPair, Linear, SoftSpike, SpaceTimeAttention};
use super::nn::program::{self, After, Builder, Value};
use super::nn::{Mode, ops};
use super::{Classifier, Deployable, Network, tensor};

/// Hyper-parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Channels of the first layer; C3D has 64. The later ones have 2, 4 and 8 times as many.
    pub width: usize,
    /// Whether the clip is first made of half as many rows and columns.
    pub is_coarse: bool,
}

/// Polarities, time bins, rows and columns of a clip.
const INPUT: [usize; 4] = [2, 16, 112, 112];
/// The largest count, as [`Voxels`](crate::dsp::event::Voxels) scales it.
const FULL: f32 = 1.0;
/// What the scores stand for, in order.
pub const CLASSES: [&str; 4] = ["smile", "shock", "neutral", "anger"];

/// C3D's stages.
const STAGES: [StagePlan; 5] = [
    StagePlan { layers: 1, widths: 1, frames: 16, attends: false, pool: Some(1) },
    StagePlan { layers: 1, widths: 2, frames: 16, attends: false, pool: Some(2) },
    StagePlan { layers: 2, widths: 4, frames: 8, attends: true, pool: Some(2) },
    StagePlan { layers: 2, widths: 8, frames: 4, attends: true, pool: Some(2) },
    StagePlan { layers: 2, widths: 8, frames: 2, attends: true, pool: None },
];

/// One of C3D's stages.
struct StagePlan {
    /// Layers of its size.
    layers: usize,
    /// Channels, in widths of the first layer.
    widths: usize,
    /// Frames that reach it.
    frames: usize,
    /// Whether attention follows the layers.
    attends: bool,
    /// Frames that are pooled into one behind it, together with 2x2 pixels. C3D also pools behind
    /// the last stage; the mean over what is left takes that place here.
    pool: Option<usize>,
}

/// The network; field order is the order of the forward pass.
#[derive(Debug)]
pub struct Cs3d {
    is_coarse: bool,
    stages: Vec<Stage>,
    head: Linear,
}

#[derive(Debug)]
struct Stage {
    layers: Vec<(ConvPair, SoftSpike)>,
    attention: Option<SpaceTimeAttention>,
    pool: Option<usize>,
}

impl Network for Cs3d {
    const NAME: &'static str = "cs3d";
    const ABOUT: &'static str = "one of four expressions, from the events of a camera";
    const PRESETS: &'static [&'static str] = &["paper-width", "edge", "coarse", "tiny"];
    const INPUT: &'static [usize] = &INPUT;
    const SCORES: usize = CLASSES.len();
    type Config = Config;
    type Output = Tensor;

    fn preset(preset: &str) -> Option<Config> {
        match preset {
            "paper-width" => Some(Config { width: 64, is_coarse: false }),
            "edge" => Some(Config { width: 16, is_coarse: false }),
            "coarse" => Some(Config { width: 16, is_coarse: true }),
            "tiny" => Some(Config { width: 2, is_coarse: false }), // for tests and dry runs
            _ => None,
        }
    }

    fn new(config: &Config, weights: &VarBuilder<'_>) -> candle_core::Result<Self> {
        let mut from = INPUT[0];
        let mut stages = Vec::with_capacity(STAGES.len());
        for (number, plan) in STAGES.iter().enumerate() {
            let weights = weights.pp("stages").pp(number);
            let to = plan.widths * config.width;
            let mut layers = Vec::with_capacity(plan.layers);
            for layer in 0..plan.layers {
                let weights = weights.pp("layers").pp(layer);
                let pair = ConvPair::new(from, to, &weights.pp("conv"))?;
                layers.push((pair, SoftSpike::new(to, &weights.pp("neurons"))?));
                from = to;
            }
            let attention = || SpaceTimeAttention::new(to, plan.frames, &weights.pp("attention"));
            let attention = if plan.attends { Some(attention()?) } else { None };
            stages.push(Stage { layers, attention, pool: plan.pool });
        }
        let head = Linear::new(from, CLASSES.len(), &weights.pp("head"))?;
        Ok(Self { is_coarse: config.is_coarse, stages, head })
    }

    /// Shapes: `[batch, polarity 2, bin 16, row 112, column 112]` in, as
    /// [`Voxels`](crate::dsp::event::Voxels) gives them; `[batch, class 4]` out, logits in the order
    /// of [`CLASSES`].
    fn forward(&self, voxels: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        self.classify(&self.features(voxels, mode)?)
    }

    fn scores(output: &Tensor) -> candle_core::Result<Tensor> {
        Ok(output.clone())
    }
}

impl Classifier for Cs3d {
    fn features(&self, voxels: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        let mut x = tensor::channels_last(voxels)?; // [batch, 16, 112, 112, 2]
        if self.is_coarse {
            let (n, t, h, w, c) = x.dims5()?;
            let coarse = ops::coarser_counts(&x.reshape((n * t, h, w, c))?, FULL.into())?;
            x = coarse.reshape((n, t, h / 2, w / 2, c))?;
        }
        for stage in &self.stages {
            x = stage.forward(&x, mode)?; // .., [batch, 2, 7, 7, 8 width]
        }
        let (batch, t, h, w, c) = x.dims5()?;
        ops::mean_pixels(&x.reshape((batch, t * h, w, c))?)
    }

    fn classify(&self, features: &Tensor) -> candle_core::Result<Tensor> {
        self.head.forward(features)
    }
}

impl Deployable for Cs3d {
    fn compile(&self, build: &mut Builder, voxels: Value) -> Result<Value, program::Error> {
        let mut x = voxels;
        if self.is_coarse {
            let clip = build.shape(x).to_vec();
            let frames = build.reshape(x, &[&[clip[0] * clip[1]], &clip[2..]].concat())?;
            let coarse = build.coarser_counts(frames, FULL)?;
            let pixels = [clip[2] / 2, clip[3] / 2, clip[4]];
            x = build.reshape(coarse, &[&clip[..2], &pixels].concat())?;
        }
        for stage in &self.stages {
            x = stage.compile(build, x)?;
        }
        let x = build.mean(x, 1..4)?;
        self.head.compile(build, x, After::default())
    }
}

impl Stage {
    /// Shapes: `[n, t, h, w, from]` in, `[n, t / pool, h / 2, w / 2, to]` out, without pooling
    /// `[n, t, h, w, to]`.
    fn forward(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        let mut x = x.clone();
        for (pair, neurons) in &self.layers {
            x = neurons.forward(&pair.forward(&x, mode)?)?;
        }
        if let Some(attention) = &self.attention {
            x = attention.forward(&x)?;
        }
        let Some(frames) = self.pool else { return Ok(x) };
        let (n, t, h, w, c) = x.dims5()?;
        let pooled = ops::max_pool2d(&x.reshape((n * t, h, w, c))?, 2)?;
        let x = pooled.reshape((n, t, h / 2, w / 2, c))?;
        if frames == 1 { Ok(x) } else { ops::max_pool_time(&x, frames) }
    }

    /// Shapes as in [`forward`](Self::forward).
    fn compile(&self, build: &mut Builder, mut x: Value) -> Result<Value, program::Error> {
        for (pair, neurons) in &self.layers {
            let current = pair.compile(build, x)?;
            x = neurons.compile(build, current)?;
        }
        if let Some(attention) = &self.attention {
            x = attention.compile(build, x)?;
        }
        let Some(frames) = self.pool else { return Ok(x) };
        let clip = build.shape(x).to_vec();
        let planes = build.reshape(x, &[&[clip[0] * clip[1]], &clip[2..]].concat())?;
        let pooled = build.max_pool2d(planes, 2)?;
        let x =
            build.reshape(pooled, &[&clip[..2], &[clip[2] / 2, clip[3] / 2, clip[4]]].concat())?;
        if frames == 1 { Ok(x) } else { build.max_pool_time(x, frames) }
    }
}

#[cfg(test)]
mod tests;
