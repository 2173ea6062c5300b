//! A recurrent network: gated recurrent units (Cho et al., EMNLP 2014) over coarse frames.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use visaged::model::nn::layers::Linear;
use visaged::model::nn::ops;
use visaged::model::{Classifier, Mode, Network};

use super::{FRAME, INPUT, SCORES, coarse_frames};

/// Hyper-parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GruConfig {
    /// Numbers of the state.
    pub state: usize,
}

/// The network: one layer of units, whose last state is classified.
#[derive(Debug)]
pub struct Gru {
    input: Linear,
    state: Linear,
    head: Linear,
    size: usize,
}

impl Network for Gru {
    const NAME: &'static str = "gru";
    const ABOUT: &'static str = "one of four expressions, by recurrent units (comparison)";
    const PRESETS: &'static [&'static str] = &["default", "tiny"];
    const INPUT: &'static [usize] = &INPUT;
    const SCORES: usize = SCORES;
    type Config = GruConfig;
    type Output = Tensor;

    fn preset(preset: &str) -> Option<GruConfig> {
        match preset {
            "default" => Some(GruConfig { state: 128 }),
            "tiny" => Some(GruConfig { state: 4 }), // for tests
            _ => None,
        }
    }

    fn new(config: &GruConfig, weights: &VarBuilder<'_>) -> Result<Self> {
        let size = config.state;
        Ok(Self {
            input: Linear::new(FRAME, 3 * size, &weights.pp("input"))?,
            state: Linear::new(size, 3 * size, &weights.pp("state"))?,
            head: Linear::new(size, SCORES, &weights.pp("head"))?,
            size,
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

impl Classifier for Gru {
    fn features(&self, voxels: &Tensor, _: Mode) -> Result<Tensor> {
        let inputs = self.input.forward(&coarse_frames(voxels)?)?; // [batch, bin, 3 size]
        let mut state =
            inputs.narrow(1, 0, 1)?.squeeze(1)?.narrow(1, 0, self.size)?.zeros_like()?;
        for bin in 0..inputs.dim(1)? {
            state = self.step(&inputs.narrow(1, bin, 1)?.squeeze(1)?, &state)?;
        }
        Ok(state)
    }

    fn classify(&self, features: &Tensor) -> Result<Tensor> {
        self.head.forward(features)
    }
}

impl Gru {
    /// The next state, in `PyTorch`'s form: the reset gate works on the product, bias included.
    ///
    /// Shapes: `input[batch, 3 size]`, parts reset, update, new; `state[batch, size]`.
    fn step(&self, input: &Tensor, state: &Tensor) -> Result<Tensor> {
        let kept = self.state.forward(state)?;
        let part = |x: &Tensor, number| x.narrow(1, number * self.size, self.size);
        let reset = ops::sigmoid(&(part(input, 0)? + part(&kept, 0)?)?)?;
        let update = ops::sigmoid(&(part(input, 1)? + part(&kept, 1)?)?)?;
        let new = (part(input, 2)? + (reset * part(&kept, 2)?)?)?.tanh()?;
        &new + (update * (state - &new)?)?
    }
}
