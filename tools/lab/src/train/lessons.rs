//! What each network learns from, and by which loss.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use candle_core::{D, Device, Tensor};
use candle_nn::ops::log_softmax;
use lab::comparison::{C3d, Gru, Transformer};
use visaged::model::cs3d::Cs3d;
use visaged::model::fooder_auth::{FooderAuth, Leaves};
use visaged::model::fooder_expert::FooderExpert;
use visaged::model::fooder_gate::FooderGate;
use visaged::model::{Classifier, Mode, Network};
use visaged_twin::Random;

use super::fit::{self, Epoch, Lesson, Watched};
use super::samples::{Changes, EVENT_SPAN, RADAR_SPAN, Samples, shown};
use super::units::Units;
use super::{Run, Task, Technique, Weights, part};
use crate::dataset::{Expression, Recording};
use crate::split::{Member, Part};

/// Samples that one look at what is not trained on takes at most.
const WATCHED: usize = 1000;

/// The recordings that teach a network: those of the enrolled person, as no network is asked about
/// anybody else.
pub(super) fn teachers<'m>(enrolled: &str, members: &'m [Member]) -> Vec<&'m Member> {
    part(members, Part::Train).filter(|member| member.is_of(enrolled)).collect()
}

/// Trains what `run` says.
pub(super) fn learn(
    run: &Run,
    weights: &Weights,
    members: &[Member],
    folder: &Path,
) -> Result<Vec<Epoch>> {
    let teachers = teachers(&run.enrolled, members);
    let watched: Vec<&Member> =
        part(members, Part::Calibrate).filter(|member| member.is_of(&run.enrolled)).collect();
    let samples = |members: &[&Member]| samples(run.task, members);
    let (train, watch) = (samples(&teachers)?, samples(&watched)?);
    match run.task {
        Task::Auth => {
            let mut config = config::<FooderAuth>(&run.preset)?;
            if run.technique.stop_gradient {
                config.leaves = Leaves::Stopped;
            }
            let network = FooderAuth::new(&config, &weights.builder())?;
            let technique = run.technique;
            let lesson = Faces { network, train, watch, technique };
            fit::fit(&lesson, weights, &run.recipe, folder, "steps, authentication")
        }
        Task::Gate => classify::<FooderGate>(run, weights, (train, watch), folder),
        Task::ExpertDynamic | Task::ExpertStatic => {
            classify::<FooderExpert>(run, weights, (train, watch), folder)
        }
        Task::Event => match run.preset.split_once('/') {
            None => classify::<Cs3d>(run, weights, (train, watch), folder),
            Some((C3d::NAME, _)) => classify::<C3d>(run, weights, (train, watch), folder),
            Some((Gru::NAME, _)) => classify::<Gru>(run, weights, (train, watch), folder),
            Some((Transformer::NAME, _)) => {
                classify::<Transformer>(run, weights, (train, watch), folder)
            }
            Some((other, _)) => bail!(
                "there is no network `{other}` to compare with; there are {}, {} and {}",
                C3d::NAME,
                Gru::NAME,
                Transformer::NAME
            ),
        },
    }
}

/// Asks `weights` for all that the network of `task` is made of.
///
/// # Errors
/// When there is no such preset.
pub(super) fn build(task: Task, preset: &str, weights: &Weights) -> Result<()> {
    fn of<N: Network>(preset: &str, weights: &Weights) -> Result<()> {
        N::new(&config::<N>(preset)?, &weights.builder())?;
        Ok(())
    }
    if preset.contains('/') {
        bail!(
            "`{preset}` is there for comparison; no bundle can hold it, and no run go on from it"
        );
    }
    match task {
        Task::Auth => of::<FooderAuth>(preset, weights),
        Task::Gate => of::<FooderGate>(preset, weights),
        Task::ExpertDynamic | Task::ExpertStatic => of::<FooderExpert>(preset, weights),
        Task::Event => of::<Cs3d>(preset, weights),
    }
}

/// Hyper-parameters of a preset, which a network for comparison has its own name in front of.
fn config<N: Network>(preset: &str) -> Result<N::Config> {
    let preset = preset.rsplit_once('/').map_or(preset, |(_, preset)| preset);
    N::preset(preset).with_context(|| {
        format!("`{}` comes as {}, not as `{preset}`", N::NAME, N::PRESETS.join(", "))
    })
}

/// Trains a network that gives logits.
pub(super) fn classify<N: Classifier>(
    run: &Run,
    weights: &Weights,
    (train, watch): (Samples, Samples),
    folder: &Path,
) -> Result<Vec<Epoch>> {
    let network = N::new(&config::<N>(&run.preset)?, &weights.builder())?;
    let technique = run.technique;
    let units = if technique.action_units > 0.0 {
        // As many features as the network has: it is asked once.
        let one = train.batch(&[0], Changes::default(), &mut Random::stream(0, "features"))?;
        let features = network.features(&one, Mode::Eval)?.dim(1)?;
        Some(Units::new(run.task, features, technique.action_units, weights)?)
    } else {
        None
    };
    let is_event = run.task == Task::Event;
    let lesson = Classes { network, units, train, watch, technique, is_event };
    fit::fit(&lesson, weights, &run.recipe, folder, "steps")
}

/// Inputs of `members` with the classes of `task`.
fn samples(task: Task, members: &[&Member]) -> Result<Samples> {
    let class = |recording: &Recording, end: f64| class(task, recording, end);
    match task {
        Task::Auth => Samples::of_faces(members),
        Task::Event => Samples::of_events(members, class),
        _ => Samples::of_radar(members, class),
    }
}

/// The class, as `task` counts them, of an input that ends at `end` seconds.
pub(crate) fn class(task: Task, recording: &Recording, end: f64) -> Option<usize> {
    use Expression::{Anger, Neutral, Shock, Smile};
    let span = if task == Task::Event { EVENT_SPAN } else { RADAR_SPAN };
    let expression = shown(recording, end, span)?;
    match (task, expression) {
        (Task::Gate, Smile | Shock)
        | (Task::ExpertDynamic | Task::Event, Smile)
        | (Task::ExpertStatic, Neutral) => Some(0),
        (Task::Gate, Neutral | Anger)
        | (Task::ExpertDynamic | Task::Event, Shock)
        | (Task::ExpertStatic, Anger) => Some(1),
        (Task::Event, Neutral) => Some(2),
        (Task::Event, Anger) => Some(3),
        _ => None,
    }
}

/// Authentication: errors of reconstruction.
struct Faces {
    network: FooderAuth,
    train: Samples,
    watch: Samples,
    technique: Technique,
}

impl Lesson for Faces {
    fn samples(&self) -> usize {
        self.train.len()
    }

    fn loss(&self, samples: &[usize], random: &mut Random) -> Result<Tensor> {
        let changes = Changes { shift: self.technique.shift, ..Changes::default() };
        let maps = self.train.batch(samples, changes, random)?;
        Ok(self.network.forward(&maps, Mode::Train)?.loss()?)
    }

    fn watch(&self) -> Result<Watched> {
        let [loss] = mean_over(&self.watch, false, |maps, _| {
            let loss = self.network.forward(maps, Mode::Eval)?.loss()?;
            Ok([f64::from(loss.to_scalar::<f32>()?)])
        })?;
        Ok(Watched { loss, accuracy: None })
    }
}

/// Classification: cross-entropy, and the loss of action units if that is wanted.
struct Classes<N> {
    network: N,
    units: Option<Units>,
    train: Samples,
    watch: Samples,
    technique: Technique,
    is_event: bool,
}

impl<N: Classifier> Lesson for Classes<N> {
    fn samples(&self) -> usize {
        self.train.len()
    }

    fn loss(&self, samples: &[usize], random: &mut Random) -> Result<Tensor> {
        let Technique { shift, half, .. } = self.technique;
        let changes = Changes { shift, mirror: self.is_event, half };
        let mut inputs = self.train.batch(samples, changes, random)?;
        let mut targets = one_hot(&self.train.classes_of(samples)?, N::SCORES)?;
        if self.technique.mixup > 0.0 {
            (inputs, targets) = mixed(&inputs, &targets, self.technique.mixup, random)?;
        }
        let features = self.network.features(&inputs, Mode::Train)?;
        let units = self.units.as_ref().map(|units| units.loss(&features, &targets)).transpose()?;
        let smoothing = self.technique.smoothing;
        #[expect(clippy::cast_precision_loss, reason = "a handful of classes")]
        let even = smoothing / N::SCORES as f64;
        let targets = ((targets * (1.0 - smoothing))? + even)?;
        let loss = cross_entropy(&self.network.classify(&features)?, &targets)?;
        Ok(match units {
            Some(units) => (loss + units)?,
            None => loss,
        })
    }

    fn watch(&self) -> Result<Watched> {
        let [loss, accuracy] = mean_over(&self.watch, self.technique.half, |inputs, classes| {
            let logits = self.network.forward(inputs, Mode::Eval)?;
            let loss = cross_entropy(&logits, &one_hot(classes, N::SCORES)?)?;
            let told: Vec<u32> = logits.argmax(D::Minus1)?.to_vec1()?;
            let right = told.iter().zip(classes).filter(|(told, class)| **told as usize == **class);
            Ok([f64::from(loss.to_scalar::<f32>()?), share_of(right.count(), classes.len())])
        })?;
        Ok(Watched { loss, accuracy: Some(accuracy) })
    }
}

/// Means over evenly spread samples of what `measure` gives for batches of eight.
fn mean_over<const N: usize>(
    samples: &Samples,
    half: bool,
    measure: impl Fn(&Tensor, &[usize]) -> Result<[f64; N]>,
) -> Result<[f64; N]> {
    let step = samples.len().div_ceil(WATCHED).max(1);
    let some: Vec<usize> = (0..samples.len()).step_by(step).collect();
    // Nothing is drawn: inputs are taken as they are.
    let changes = Changes { half, ..Changes::default() };
    let mut random = Random::stream(0, "watch");
    let (mut sums, mut count) = ([0.0; N], 0.0);
    for few in some.chunks(8) {
        let inputs = samples.batch(few, changes, &mut random)?;
        #[expect(clippy::cast_precision_loss, reason = "eight")]
        let weight = few.len() as f64;
        let measured = measure(&inputs, &samples.classes_of(few)?)?;
        sums.iter_mut().zip(measured).for_each(|(sum, x)| *sum += weight * x);
        count += weight;
    }
    Ok(sums.map(|sum| sum / count))
}

#[expect(clippy::cast_precision_loss, reason = "a handful")]
fn share_of(part: usize, all: usize) -> f64 {
    part as f64 / all as f64
}

/// Shapes: `[sample, class]` out.
fn one_hot(classes: &[usize], count: usize) -> Result<Tensor> {
    let mut values = vec![0.0_f32; classes.len() * count];
    for (row, &class) in values.chunks_exact_mut(count).zip(classes) {
        row[class] = 1.0;
    }
    Ok(Tensor::from_vec(values, (classes.len(), count), &Device::Cpu)?)
}

/// `-sum target log softmax(logits)`, mean over the batch.
fn cross_entropy(logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    let each = (log_softmax(logits, D::Minus1)? * targets)?.sum(D::Minus1)?;
    Ok(each.mean_all()?.neg()?)
}

/// Each input mixed with another of its batch.
///
/// Shapes: `inputs[sample, ..]`, `targets[sample, class]` in and out.
fn mixed(
    inputs: &Tensor,
    targets: &Tensor,
    alpha: f64,
    random: &mut Random,
) -> Result<(Tensor, Tensor)> {
    let count = inputs.dim(0)?;
    let partners: Vec<u32> = {
        let mut order: Vec<u32> = (0..u32::try_from(count)?).collect();
        random.shuffle(&mut order);
        order
    };
    let partners = Tensor::new(partners.as_slice(), &Device::Cpu)?;
    #[expect(clippy::cast_possible_truncation, reason = "a share")]
    let shares: Vec<f32> = (0..count).map(|_| beta(alpha, random) as f32).collect();
    let mix = |values: &Tensor| -> Result<Tensor> {
        let mut along = vec![1; values.rank()];
        along[0] = count;
        let share = Tensor::new(shares.as_slice(), &Device::Cpu)?.reshape(along)?;
        let other = values.index_select(&partners, 0)?;
        Ok((values.broadcast_mul(&share)? + other.broadcast_mul(&(1.0 - &share)?)?)?)
    };
    // The paper's labels: a softmax of the mixture, soft even where nothing was mixed.
    Ok((mix(inputs)?, candle_nn::ops::softmax(&mix(targets)?, D::Minus1)?))
}

/// A draw from Beta(alpha, alpha) by Joehnk's method, for `alpha` up to 1.
fn beta(alpha: f64, random: &mut Random) -> f64 {
    loop {
        let (x, y) = (random.uniform().powf(1.0 / alpha), random.uniform().powf(1.0 / alpha));
        if x + y > 0.0 && x + y <= 1.0 {
            return x / (x + y);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cross_entropy_of_even_logits_is_the_logarithm_of_the_classes() {
        let logits = Tensor::zeros((2, 4), candle_core::DType::F32, &Device::Cpu).unwrap();
        let loss = cross_entropy(&logits, &one_hot(&[1, 3], 4).unwrap()).unwrap();
        assert!((loss.to_scalar::<f32>().unwrap() - 4.0_f32.ln()).abs() < 1e-6);
    }

    #[test]
    fn shares_of_a_mixture_have_the_mean_and_variance_of_their_distribution() {
        let mut random = Random::stream(1, "beta");
        let draws: Vec<f64> = (0..20_000).map(|_| beta(0.8, &mut random)).collect();
        let mean = draws.iter().sum::<f64>() / 20_000.0;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 20_000.0;
        // Of Beta(a, a): 1/2 and 1 / (4 (2 a + 1)) = 0.0962; five standard errors are 0.011, 0.004.
        assert!((mean - 0.5).abs() < 0.011, "{mean}");
        assert!((variance - 0.0962).abs() < 0.004, "{variance}");
    }

    #[test]
    fn a_network_for_comparison_has_no_place_in_a_bundle() {
        let error = build(Task::Event, "c3d/tiny", &Weights::new(1)).unwrap_err().to_string();
        assert!(error.contains("no bundle can hold it"), "{error}");
        build(Task::Event, "tiny", &Weights::new(1)).unwrap();
    }
}
