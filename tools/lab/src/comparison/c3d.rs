//! C3D: eight 3x3x3 convolutions and three linear layers (Tran et al., ICCV 2015, figure 3).

use candle_core::{Result, Tensor};
use candle_nn::init::DEFAULT_KAIMING_NORMAL;
use candle_nn::{Init, VarBuilder};
use visaged::model::nn::layers::Linear;
use visaged::model::nn::ops::{self, Conv};
use visaged::model::{Classifier, Mode, Network};

use super::{INPUT, SCORES, frames, pool};

/// Hyper-parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct C3dConfig {
    /// Channels of the first layer; the later ones have 2, 4 and 8 times as many.
    pub width: usize,
    /// Width of the two linear layers in front of the last.
    pub hidden: usize,
    /// Whether clips are first made of half as many rows and columns, as in CS3D's `coarse`.
    pub is_coarse: bool,
}

/// Widths of the layers in widths of the first, and frames pooled into one behind each.
const LAYERS: [(usize, Option<usize>); 8] = [
    (1, Some(1)),
    (2, Some(2)),
    (4, None),
    (4, Some(2)),
    (8, None),
    (8, Some(2)),
    (8, None),
    (8, Some(2)),
];

/// The network.
///
/// Without dropout: candle's generator for the CPU takes no seed, and no run could be repeated.
#[derive(Debug)]
pub struct C3d {
    is_coarse: bool,
    layers: Vec<Conv3d>,
    hidden: [Linear; 2],
    head: Linear,
}

impl Network for C3d {
    const NAME: &'static str = "c3d";
    const ABOUT: &'static str = "one of four expressions, by 3x3x3 convolutions (comparison)";
    const PRESETS: &'static [&'static str] = &["paper", "edge", "coarse", "tiny"];
    const INPUT: &'static [usize] = &INPUT;
    const SCORES: usize = SCORES;
    type Config = C3dConfig;
    type Output = Tensor;

    fn preset(preset: &str) -> Option<C3dConfig> {
        match preset {
            "paper" => Some(C3dConfig { width: 64, hidden: 4096, is_coarse: false }),
            // As wide as CS3D's presets of these names.
            "edge" => Some(C3dConfig { width: 16, hidden: 256, is_coarse: false }),
            "coarse" => Some(C3dConfig { width: 16, hidden: 256, is_coarse: true }),
            "tiny" => Some(C3dConfig { width: 2, hidden: 8, is_coarse: false }), // for tests
            _ => None,
        }
    }

    fn new(config: &C3dConfig, weights: &VarBuilder<'_>) -> Result<Self> {
        let mut from = INPUT[0];
        let mut layers = Vec::with_capacity(LAYERS.len());
        for (number, (widths, _)) in LAYERS.into_iter().enumerate() {
            let to = widths * config.width;
            layers.push(Conv3d::new(from, to, &weights.pp("layers").pp(number))?);
            from = to;
        }
        let hidden = |number: usize, from| {
            Linear::new(from, config.hidden, &weights.pp("hidden").pp(number))
        };
        let side = if config.is_coarse { 2 } else { 4 };
        Ok(Self {
            is_coarse: config.is_coarse,
            layers,
            hidden: [hidden(0, side * side * from)?, hidden(1, config.hidden)?],
            head: Linear::new(config.hidden, SCORES, &weights.pp("head"))?,
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

impl Classifier for C3d {
    fn features(&self, voxels: &Tensor, _: Mode) -> Result<Tensor> {
        let mut x = voxels.permute((0, 2, 3, 4, 1))?.contiguous()?;
        if self.is_coarse {
            let (n, t, h, w, c) = x.dims5()?;
            x = ops::coarser_counts(&frames(&x)?, 1.0)?.reshape((n, t, h / 2, w / 2, c))?;
        }
        for (number, (layer, (_, time))) in self.layers.iter().zip(LAYERS).enumerate() {
            x = ops::relu(&layer.forward(&x)?)?;
            if number + 1 == LAYERS.len() {
                // 7 x 7 is pooled to 4 x 4 with a border; what is zero loses to any ReLU. 3 x 3 to 2 x 2.
                x = x.pad_with_zeros(2, 1, 0)?.pad_with_zeros(3, 1, 0)?;
            }
            if let Some(time) = time {
                x = pool(&x, time)?;
            }
        }
        let mut x = x.flatten_from(1)?; // row, column, channel
        for layer in &self.hidden {
            x = ops::relu(&layer.forward(&x)?)?;
        }
        Ok(x)
    }

    fn classify(&self, features: &Tensor) -> Result<Tensor> {
        self.head.forward(features)
    }
}

/// A 3x3x3 convolution with padding 1 and bias.
#[derive(Debug)]
struct Conv3d {
    weight: Tensor,
    bias: Tensor,
}

impl Conv3d {
    fn new(from: usize, to: usize, weights: &VarBuilder<'_>) -> Result<Self> {
        let shape = vec![to, from, 3, 3, 3];
        Ok(Self {
            weight: weights.get_with_hints(shape, "weight", DEFAULT_KAIMING_NORMAL)?,
            bias: weights.get_with_hints(to, "bias", Init::Const(0.0))?,
        })
    }

    /// One convolution over space for each frame of the kernel, on clips shifted in time.
    ///
    /// Shapes: `[n, t, h, w, from]` in, `[n, t, h, w, to]` out.
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (n, t, h, w, _) = x.dims5()?;
        let padded = x.pad_with_zeros(1, 1, 1)?;
        let conv = Conv { stride: 1, padding: 1, groups: 1 };
        let tap = |at: usize, bias| {
            let shifted = frames(&padded.narrow(1, at, t)?.contiguous()?)?;
            let weight = self.weight.narrow(2, at, 1)?.squeeze(2)?.contiguous()?;
            ops::conv2d(&shifted, &weight, bias, conv)
        };
        let sum = ((tap(0, None)? + tap(1, Some(&self.bias))?)? + tap(2, None)?)?;
        sum.reshape((n, t, h, w, ()))
    }
}
