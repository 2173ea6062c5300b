//! The loop that all networks learn in: shuffled batches, one step each, a cosine of rates.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use candle_core::{Device, Tensor, safetensors};
use serde::{Deserialize, Serialize};
use visaged::model::nn::optimizer::{Moments, Optimizer, Rule, Settings};
use visaged_twin::Random;

use super::Weights;
use crate::progress;

/// How to learn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Recipe {
    /// Passes over all samples.
    pub(crate) epochs: usize,
    /// Samples a step.
    pub(crate) batch: usize,
    /// Largest learning rate; it rises over the first twentieth of all steps and then falls to 0
    /// along half a cosine.
    pub(crate) rate: f64,
    /// `adamw` or `adamax`.
    pub(crate) optimizer: Optimiser,
    /// Share of a weight that a step of rate 1 takes off.
    pub(crate) weight_decay: f64,
    /// Everything random follows from it.
    pub(crate) seed: u64,
}

/// Rules of [`Optimizer`], by the names that users type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Optimiser {
    #[value(name = "adamw")]
    AdamW,
    Adamax,
}

/// What was measured after one epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Epoch {
    /// Mean loss over the steps.
    pub(crate) train: f64,
    /// On sessions that are not trained on, without augmentation. Nothing is chosen by it.
    pub(crate) watched: Watched,
}

/// What was measured on sessions that are not trained on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Watched {
    /// Mean loss.
    pub(crate) loss: f64,
    /// Share of inputs whose class was told, where there are classes.
    pub(crate) accuracy: Option<f64>,
}

/// Name of the checkpoint in a run's folder.
const CHECKPOINT: &str = "checkpoint.safetensors";
/// Name of the curve so far.
const CURVE: &str = "curve.json";

/// Something that can be learnt.
pub(crate) trait Lesson {
    /// Samples there are.
    fn samples(&self) -> usize;

    /// The loss on the samples of these numbers, as a graph.
    fn loss(&self, samples: &[usize], random: &mut Random) -> Result<Tensor>;

    /// Measures on what is not trained on.
    fn watch(&self) -> Result<Watched>;
}

/// Learns, and goes on from the checkpoint in `folder` if there is one of this recipe.
///
/// # Errors
/// When a loss is not finite or a file cannot be written.
pub(crate) fn fit(
    lesson: &impl Lesson,
    weights: &Weights,
    recipe: &Recipe,
    folder: &Path,
    what: &'static str,
) -> Result<Vec<Epoch>> {
    ensure!(lesson.samples() >= recipe.batch.max(2), "{} samples are too few", lesson.samples());
    let vars = weights.vars();
    let settings = Settings {
        rule: match recipe.optimizer {
            Optimiser::AdamW => Rule::AdamW,
            Optimiser::Adamax => Rule::Adamax,
        },
        rate: recipe.rate,
        weight_decay: recipe.weight_decay,
        ..Settings::default()
    };
    let mut optimizer = Optimizer::new(vars.values().cloned().collect(), settings)?;
    let mut curve = resume(folder, weights, &mut optimizer)?;
    let steps = lesson.samples() / recipe.batch;
    let bar = progress::bar(recipe.epochs * steps, what);
    bar.set_position(u64::try_from(curve.len() * steps)?);
    for epoch in curve.len()..recipe.epochs {
        let mut random = Random::stream(recipe.seed, &format!("epoch {epoch}"));
        let mut order: Vec<usize> = (0..lesson.samples()).collect();
        random.shuffle(&mut order);
        let mut sum = 0.0;
        // What is left over comes in another epoch: batch norm wants whole batches.
        for (step, samples) in order.chunks_exact(recipe.batch).enumerate() {
            optimizer.set_rate(recipe.rate * share(epoch * steps + step, recipe.epochs * steps));
            let loss = lesson.loss(samples, &mut random)?;
            let value = f64::from(loss.to_scalar::<f32>()?);
            ensure!(value.is_finite(), "the loss of epoch {epoch} is {value}; lower the rate");
            optimizer.step(&loss.backward()?)?;
            sum += value;
            bar.inc(1);
        }
        curve.push(Epoch { train: sum / real(steps), watched: lesson.watch()? });
        keep(folder, weights, &optimizer, &curve)?;
    }
    bar.finish_and_clear();
    Ok(curve)
}

/// The share of the largest rate at `step` of `steps`.
fn share(step: usize, steps: usize) -> f64 {
    let warm = (steps / 20).max(1);
    if step < warm {
        return real(step + 1) / real(warm);
    }
    let progress = real(step - warm) / real((steps - warm).max(1));
    0.5 * (1.0 + (std::f64::consts::PI * progress).cos())
}

#[expect(clippy::cast_precision_loss, reason = "far less than 2^52 steps")]
const fn real(count: usize) -> f64 {
    count as f64
}

fn moment(number: usize, name: &str) -> String {
    format!("moment{number}.{name}")
}

/// Writes all that is needed to go on.
fn keep(folder: &Path, weights: &Weights, optimizer: &Optimizer, curve: &[Epoch]) -> Result<()> {
    let mut tensors =
        vec![("steps".to_owned(), Tensor::new(&[i64::from(optimizer.steps())], &Device::Cpu)?)];
    for ((name, var), (_, moments)) in weights.vars().into_iter().zip(optimizer.state()) {
        for (number, moments) in moments.iter().enumerate() {
            tensors.push((moment(number, &name), Tensor::new(moments.as_slice(), &Device::Cpu)?));
        }
        tensors.push((name, var.as_detached_tensor()));
    }
    // Under another name first: a run that is cut off leaves the checkpoint before.
    let partial = folder.join("checkpoint.partial");
    safetensors::save(&tensors.into_iter().collect(), &partial)?;
    std::fs::rename(&partial, folder.join(CHECKPOINT)).context("cannot write the checkpoint")?;
    std::fs::write(folder.join(CURVE), serde_json::to_string(curve)?)?;
    Ok(())
}

/// Takes weights and moments from the checkpoint in `folder`, if there is one.
fn resume(folder: &Path, weights: &Weights, optimizer: &mut Optimizer) -> Result<Vec<Epoch>> {
    let path = folder.join(CHECKPOINT);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let tensors = safetensors::load(&path, &Device::Cpu)?;
    let get = |name: &str| tensors.get(name).with_context(|| format!("`{name}` is missing"));
    let steps: Vec<i64> = get("steps")?.to_vec1()?;
    let mut all = Vec::new();
    for name in weights.vars().keys() {
        let moments: Moments =
            [get(&moment(0, name))?.to_vec1()?, get(&moment(1, name))?.to_vec1()?];
        all.push(moments);
    }
    weights.load(&path)?;
    optimizer.restore(i32::try_from(steps.first().copied().unwrap_or(0))?, all)?;
    Ok(serde_json::from_str(&std::fs::read_to_string(folder.join(CURVE))?)?)
}

#[cfg(test)]
mod tests {
    use candle_core::Var;
    use candle_nn::Init;

    use super::*;

    /// Finds `x` with the least `(x - sample)^2`.
    struct Mean(Var, Vec<f32>);

    impl Lesson for Mean {
        fn samples(&self) -> usize {
            self.1.len()
        }

        fn loss(&self, samples: &[usize], _: &mut Random) -> Result<Tensor> {
            let values: Vec<f32> = samples.iter().map(|&n| self.1[n]).collect();
            let values = Tensor::new(values.as_slice(), &Device::Cpu)?;
            Ok(values.broadcast_sub(self.0.as_tensor())?.sqr()?.mean_all()?)
        }

        fn watch(&self) -> Result<Watched> {
            Ok(Watched { loss: f64::from(self.0.to_vec1::<f32>()?[0]), accuracy: None })
        }
    }

    fn recipe(epochs: usize) -> Recipe {
        let optimizer = Optimiser::AdamW;
        Recipe { epochs, batch: 2, rate: 0.3, optimizer, weight_decay: 0.0, seed: 3 }
    }

    fn learn(name: &str, cuts: &[usize]) -> Vec<Epoch> {
        let folder = std::env::temp_dir().join(format!("lab-fit-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut curve = Vec::new();
        for &epochs in cuts {
            let weights = Weights::new(1);
            drop(weights.builder().get_with_hints(1, "x", Init::Const(0.0)).unwrap());
            let lesson = Mean(weights.vars()["x"].clone(), vec![1.0, 2.0, 3.0, 6.0]);
            let mut whole = recipe(20);
            if epochs < 20 {
                // Cut off in the middle: the rates are those of the whole run.
                whole.epochs = 20;
                curve = cut(&lesson, &weights, &whole, &folder, epochs);
                continue;
            }
            curve = fit(&lesson, &weights, &whole, &folder, "test").unwrap();
        }
        std::fs::remove_dir_all(&folder).unwrap();
        curve
    }

    /// A run that dies after so many epochs: its `watch` fails.
    fn cut(
        lesson: &Mean,
        weights: &Weights,
        recipe: &Recipe,
        folder: &Path,
        after: usize,
    ) -> Vec<Epoch> {
        struct Dies<'l>(&'l Mean, std::cell::Cell<usize>);
        impl Lesson for Dies<'_> {
            fn samples(&self) -> usize {
                self.0.samples()
            }
            fn loss(&self, samples: &[usize], random: &mut Random) -> Result<Tensor> {
                self.0.loss(samples, random)
            }
            fn watch(&self) -> Result<Watched> {
                ensure!(self.1.get() > 0, "cut off");
                self.1.set(self.1.get() - 1);
                self.0.watch()
            }
        }
        let dies = Dies(lesson, std::cell::Cell::new(after));
        let error = fit(&dies, weights, recipe, folder, "test").unwrap_err();
        assert_eq!(error.to_string(), "cut off");
        Vec::new()
    }

    #[test]
    fn a_run_that_was_cut_off_ends_where_it_would_have_ended() {
        let whole = learn("whole", &[20]);
        assert!((whole[19].watched.loss - 3.0).abs() < 0.5, "{whole:?}");
        // The curve goes through JSON, which may round the last bit.
        let near = |a: f64, b: f64| (a - b).abs() < 1e-12;
        let cut = learn("cut", &[7, 20]);
        assert_eq!(cut.len(), whole.len());
        for (cut, whole) in cut.iter().zip(&whole) {
            assert!(
                near(cut.train, whole.train) && near(cut.watched.loss, whole.watched.loss),
                "{cut:?} {whole:?}"
            );
        }
    }

    #[test]
    fn rates_rise_and_then_fall_to_nothing() {
        assert!((share(0, 100) - 0.2).abs() < 1e-12);
        assert!((share(5, 100) - 1.0).abs() < 1e-12);
        assert!(share(99, 100) < 1e-3);
    }
}
