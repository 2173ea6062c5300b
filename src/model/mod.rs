//! Networks: from tensors to scores. One folder per network, one row in [`MODELS`].
//!
//! A network says what it computes and nothing about what follows from it: thresholds and
//! temperatures are handed on from the bundle, decisions are made elsewhere. This is the only place
//! that knows candle.

pub mod bundle;
pub mod cs3d;
mod deployed;
mod error;
pub mod fooder_auth;
pub mod fooder_expert;
pub mod fooder_gate;
mod manifest;
pub mod nn;
mod tensor;
mod weights;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod testing;

pub use bundle::{Bundle, Loaded};
pub use error::{Error, Fault};
pub use manifest::{Digest, EventRequirement, RadarRequirement};
pub use nn::Mode;

use candle_core::Tensor;
use candle_nn::VarBuilder;
use deployed::Deployed;
use ndarray::ArrayRefD;
use nn::program::{self, Builder, Value};
use weights::Shelf;

/// Every network this build can load; `name = "..."` in a bundle's manifest picks a row.
pub static MODELS: &[Kind] = &[
    Kind::of::<fooder_auth::FooderAuth>(),
    Kind::of::<fooder_gate::FooderGate>(),
    Kind::of::<fooder_expert::FooderExpert>(),
    Kind::of::<cs3d::Cs3d>(),
];

/// A network with its weights, ready to answer.
pub trait Model: Send {
    /// Shape of the input, without a batch axis; the network's own page names the axes.
    fn input_shape(&self) -> &[usize];

    /// How many scores one run gives.
    fn scores(&self) -> usize;

    /// Computes the scores of one input.
    ///
    /// Shapes: `input[..input_shape]` in, `scores[score]` out. Allocates nothing and works on the
    /// calling thread alone.
    ///
    /// # Errors
    /// When a shape is wrong, or a number in `input` or in the result is not finite: then `scores`
    /// must not be used.
    fn run(&mut self, input: &ArrayRefD<f32>, scores: &mut [f32]) -> Result<(), Error>;
}

/// A network as it is trained; with [`Deployable`], what a folder under `model/` implements to get a
/// row in [`MODELS`].
///
/// To train: `new` from a `VarMap`'s builder, then `forward` with [`Mode::Train`] and a loss on the
/// output. The `VarMap` saves exactly the weights that a bundle holds.
pub trait Network: Send + Sized + 'static {
    /// The name used in manifests and messages.
    const NAME: &'static str;
    /// One line for `--help` and error messages.
    const ABOUT: &'static str;
    /// The sizes in which it comes.
    const PRESETS: &'static [&'static str];
    /// Shape of one input, without a batch axis, channels first; [`forward`](Self::forward) names
    /// the axes.
    const INPUT: &'static [usize];
    /// Scores that it gives for one input.
    const SCORES: usize;
    /// Its hyper-parameters.
    type Config;
    /// What a forward pass gives: all that a loss needs.
    type Output;

    /// The hyper-parameters called `preset`, one of [`PRESETS`](Self::PRESETS).
    fn preset(preset: &str) -> Option<Self::Config>;

    /// Builds the network from the weights it asks `weights` for, by name and shape.
    ///
    /// # Errors
    /// When the builder refuses.
    fn new(config: &Self::Config, weights: &VarBuilder<'_>) -> candle_core::Result<Self>;

    /// Shapes: `[batch, ..INPUT]` in.
    ///
    /// # Errors
    /// When the input has another shape.
    fn forward(&self, input: &Tensor, mode: Mode) -> candle_core::Result<Self::Output>;

    /// The scores in an output.
    ///
    /// Shapes: `[batch, SCORES]` out.
    ///
    /// # Errors
    /// When candle fails.
    fn scores(output: &Self::Output) -> candle_core::Result<Tensor>;
}

/// A network whose output are logits, by one linear layer on features.
pub trait Classifier: Network<Output = Tensor> {
    /// What the linear layer sees; training may ask more of it than the classes.
    ///
    /// Shapes: `[batch, ..INPUT]` in, `[batch, feature]` out.
    ///
    /// # Errors
    /// When the input has another shape.
    fn features(&self, input: &Tensor, mode: Mode) -> candle_core::Result<Tensor>;

    /// Shapes: `[batch, feature]` in, `[batch, SCORES]` out.
    ///
    /// # Errors
    /// When there are other features.
    fn classify(&self, features: &Tensor) -> candle_core::Result<Tensor>;
}

/// A network that the daemon can run.
pub trait Deployable: Network {
    /// Adds to a program what [`forward`](Network::forward) and [`scores`](Network::scores) compute in
    /// [`Mode::Eval`].
    ///
    /// Shapes: `input[1, .., channel]` in, the axes of [`INPUT`](Network::INPUT) with the channels
    /// last; `[1, SCORES]` out.
    ///
    /// # Errors
    /// When the input has another shape, or weights are not 32-bit floats.
    fn compile(&self, build: &mut Builder, input: Value) -> Result<Value, program::Error>;
}

type Built = Result<Box<dyn Model>, Error>;

/// One row of [`MODELS`].
#[derive(Debug)]
pub struct Kind {
    /// The name used in manifests.
    pub name: &'static str,
    /// One line about it.
    pub about: &'static str,
    /// The sizes in which it comes.
    pub presets: &'static [&'static str],
    ask: fn(&str, &VarBuilder<'_>) -> Option<candle_core::Result<()>>,
    build: fn(&str, &VarBuilder<'_>) -> Option<Built>,
}

impl Kind {
    const fn of<N: Deployable>() -> Self {
        Self {
            name: N::NAME,
            about: N::ABOUT,
            presets: N::PRESETS,
            ask: |preset, weights| Some(N::new(&N::preset(preset)?, weights).map(drop)),
            build: |preset, weights| {
                let network = N::new(&N::preset(preset)?, weights).map_err(Error::candle(N::NAME));
                let deployed = network.and_then(|network| Deployed::new(&network));
                Some(deployed.map(|deployed| Box::new(deployed) as Box<dyn Model>))
            },
        }
    }

    /// The row called `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        MODELS.iter().find(|kind| kind.name == name)
    }

    /// Builds a preset from the weights that `weights` hands out. The preset is one of ours.
    fn build(&self, preset: &str, weights: &VarBuilder<'_>) -> Result<Box<dyn Model>, Error> {
        let unknown = || candle_core::Error::Msg(format!("there is no preset `{preset}`"));
        (self.build)(preset, weights).unwrap_or_else(|| Err(Error::candle(self.name)(unknown())))
    }

    /// Names and shapes of all weights of a preset, ordered by name, or `None` if there is no such
    /// preset. All are 32-bit floats.
    #[must_use]
    pub fn weights(&self, preset: &str) -> Option<Vec<(String, Vec<usize>)>> {
        let shelf = Shelf::default();
        (self.ask)(preset, &shelf.builder())?.ok()?;
        Some(shelf.asked().into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_found_by_its_name_and_builds_each_of_its_presets() {
        for kind in MODELS {
            assert_eq!(Kind::named(kind.name).unwrap().about, kind.about);
            for preset in kind.presets {
                assert!(!kind.weights(preset).unwrap().is_empty(), "{} {preset}", kind.name);
            }
            assert!(kind.weights("no such preset").is_none());
        }
    }
}
