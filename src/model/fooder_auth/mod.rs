//! Authentication of FOODER: how far does a face lie from what the enrolled person's looks like?
//!
//! Built from HOOD's encoders and decoders (arXiv 2308.02396, section IV-A) and FOOD's leaves
//! (arXiv 2406.04546, section 4), of which FOODER (arXiv 2512.18057) calls the first the body part
//! and the second intermediate linear encoder-decoders. Trained on the enrolled person alone, it
//! reconstructs what it knows; errors say how unknown a face is. See the README for what is ours.

mod modality;
pub mod score;

use candle_core::Tensor;
use candle_nn::VarBuilder;

pub use modality::Reconstruction;
use modality::{Modality, SIDE};

use super::nn::Mode;
use super::nn::program::{self, Builder, Value};
use super::{Deployable, Network, tensor};

/// Hyper-parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Channels after the first and the second convolution of an encoder.
    pub channels: [usize; 2],
    /// Numbers of a latent.
    pub latent: usize,
    /// Middle of the leaf on the latent.
    pub latent_leaf: usize,
    /// Rows and columns of features that are averaged into one for the leaf on them.
    pub feature_pool: usize,
    /// Middle of the leaf on the features.
    pub feature_leaf: usize,
    /// What the leaves' errors teach.
    pub leaves: Leaves,
}

/// What the leaves' errors teach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaves {
    /// Leaves and body together, as FOOD trains them.
    Joint,
    /// The leaves alone: no gradient leaves them, as in FARE, which freezes the body first.
    Stopped,
}

/// What each number of the [`FooderAuth::scores`] is the mean squared error of: for both maps the
/// image, the latent and the features in front of the decoder's last convolution.
pub const TERMS: [&str; 6] = [
    "image.range-doppler",
    "latent.range-doppler",
    "features.range-doppler",
    "image.micro-doppler",
    "latent.micro-doppler",
    "features.micro-doppler",
];

/// The maps, in the order of the input, by the names that their weights begin with.
const MAPS: [&str; 2] = ["range_doppler", "micro_doppler"];

/// The network: one encoder, decoder and pair of leaves per map.
#[derive(Debug)]
pub struct FooderAuth {
    modalities: Vec<Modality>,
}

/// What is compared, for both maps in the order of the input.
#[derive(Debug)]
pub struct Output {
    /// One for each map.
    pub maps: Vec<Reconstruction>,
}

impl Network for FooderAuth {
    const NAME: &'static str = "fooder_auth";
    const ABOUT: &'static str = "how unlike the enrolled person a face is, from both radar maps";
    const PRESETS: &'static [&'static str] = &["paper", "edge", "tiny"];
    const INPUT: &'static [usize] = &[MAPS.len(), SIDE, SIDE];
    const SCORES: usize = TERMS.len();
    type Config = Config;
    type Output = Output;

    fn preset(preset: &str) -> Option<Config> {
        let leaves = Leaves::Joint;
        match preset {
            "paper" => Some(Config {
                channels: [16, 64],
                latent: 128,
                latent_leaf: 32,
                feature_pool: 4,
                feature_leaf: 64,
                leaves,
            }),
            "edge" => Some(Config {
                channels: [16, 32],
                latent: 64,
                latent_leaf: 16,
                feature_pool: 8,
                feature_leaf: 32,
                leaves,
            }),
            // for tests and dry runs
            "tiny" => Some(Config {
                channels: [2, 4],
                latent: 6,
                latent_leaf: 2,
                feature_pool: 16,
                feature_leaf: 4,
                leaves,
            }),
            _ => None,
        }
    }

    fn new(config: &Config, weights: &VarBuilder<'_>) -> candle_core::Result<Self> {
        let modality = |map| Modality::new(config, &weights.pp(map));
        Ok(Self { modalities: MAPS.into_iter().map(modality).collect::<candle_core::Result<_>>()? })
    }

    /// Shapes: `[batch, map 2, range 64, doppler 64]` in, range-Doppler map first, each scaled to
    /// 0..1.
    fn forward(&self, maps: &Tensor, mode: Mode) -> candle_core::Result<Output> {
        let maps = tensor::channels_last(maps)?; // [batch, 64, 64, 2]
        let maps =
            self.modalities.iter().enumerate().map(|(map, modality)| {
                modality.forward(&maps.narrow(3, map, 1)?.contiguous()?, mode)
            });
        Ok(Output { maps: maps.collect::<candle_core::Result<_>>()? })
    }

    /// The errors called [`TERMS`], one row per face; [`score::Calibration`] makes one number of
    /// them.
    ///
    /// Shapes: `[batch, term 6]` out.
    fn scores(output: &Output) -> candle_core::Result<Tensor> {
        let terms = output.maps.iter().map(Reconstruction::errors);
        Tensor::cat(&terms.collect::<candle_core::Result<Vec<_>>>()?, 1)
    }
}

impl Deployable for FooderAuth {
    fn compile(&self, build: &mut Builder, maps: Value) -> Result<Value, program::Error> {
        let mut scores: Option<Value> = None;
        for (map, modality) in self.modalities.iter().enumerate() {
            let map = build.channels(maps, map..map + 1)?;
            for error in modality.compile(build, map)? {
                scores = Some(match scores {
                    None => error,
                    Some(scores) => build.concat(scores, error)?,
                });
            }
        }
        Ok(scores.unwrap_or(maps))
    }
}

impl Output {
    /// The six terms of the loss, in the order of [`TERMS`], each a mean over the batch. FOOD adds
    /// them with equal weights.
    ///
    /// # Errors
    /// When candle fails.
    pub fn losses(&self) -> candle_core::Result<Vec<(&'static str, Tensor)>> {
        let losses = self.maps.iter().map(Reconstruction::losses);
        let losses = losses.collect::<candle_core::Result<Vec<_>>>()?.into_iter().flatten();
        Ok(TERMS.into_iter().zip(losses).collect())
    }

    /// The sum of all [`losses`](Self::losses).
    ///
    /// # Errors
    /// When candle fails.
    pub fn loss(&self) -> candle_core::Result<Tensor> {
        let losses: Vec<Tensor> = self.losses()?.into_iter().map(|(_, loss)| loss).collect();
        Tensor::stack(&losses, 0)?.sum_all()
    }
}

#[cfg(test)]
mod tests;
