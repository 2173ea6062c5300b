//! `lab train`: fits one network and leaves a folder with all that came of it.

mod fit;
mod lessons;
mod plot;
mod samples;
mod units;
mod weights;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use candle_core::DType;
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use visaged::model::Network;
use visaged::model::cs3d::Cs3d;
use visaged::model::fooder_auth::FooderAuth;
use visaged::model::fooder_expert::FooderExpert;
use visaged::model::fooder_gate::FooderGate;

pub(crate) use fit::{Optimiser, Recipe};
pub(crate) use lessons::class;
pub(crate) use weights::Weights;

use crate::progress::say;
use crate::split::{self, Member, Part, Split};

/// What to train.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Which network.
    pub(crate) task: Task,
    /// Split file, as `lab split` writes it.
    #[arg(long)]
    pub(crate) split: PathBuf,
    /// Folder of the run; one that was cut off is gone on with.
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// Size of the network. For `event` also another network, to compare with: `c3d/coarse`,
    /// `c3d/edge`, `gru/default`, `transformer/default`.
    #[arg(long)]
    pub(crate) preset: Option<String>,
    /// Passes over all samples.
    #[arg(long)]
    pub(crate) epochs: Option<usize>,
    /// Samples a step.
    #[arg(long)]
    pub(crate) batch: Option<usize>,
    /// Largest learning rate.
    #[arg(long)]
    pub(crate) rate: Option<f64>,
    /// Rule of the steps.
    #[arg(long)]
    pub(crate) optimizer: Option<Optimiser>,
    /// Share of a weight that a step of rate 1 takes off.
    #[arg(long, default_value_t = WEIGHT_DECAY)]
    pub(crate) weight_decay: f64,
    /// Everything random follows from it.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Folder of a finished run of the same network, whose weights are the start.
    #[arg(long)]
    pub(crate) from: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) technique: Technique,
}

/// `weight_decay` where the command line says nothing.
pub(crate) const WEIGHT_DECAY: f64 = 0.01;

/// Techniques that can be switched, each for an ablation.
#[derive(Debug, Clone, Copy, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Technique {
    /// Inputs are moved by up to so many range bins or pixels.
    #[arg(long, default_value_t = 4)]
    pub(crate) shift: usize,
    /// MIDAS mixup (arXiv 2503.00202): pairs of inputs are mixed with a share drawn from
    /// Beta(x, x), and their labels softly; 0 switches it off, the paper has 0.8.
    #[arg(long, default_value_t = 0.0)]
    pub(crate) mixup: f64,
    /// AU-DFER (arXiv 2507.07678): features must also tell the action units of a pose, by a loss that
    /// counts so much beside the classes'; 0 switches it off.
    #[arg(long, default_value_t = 0.0)]
    #[serde(default)]
    pub(crate) action_units: f64,
    /// Label smoothing.
    #[arg(long, default_value_t = 0.05)]
    pub(crate) smoothing: f64,
    /// Events: windows of half as many rows and columns, as the preset `coarse` sees them, a quarter of
    /// the work; go on from there at full size with `--from`.
    #[arg(long)]
    #[serde(default)]
    pub(crate) half: bool,
    /// Authentication: the leaves' errors teach the leaves alone, as in FARE.
    #[arg(long)]
    pub(crate) stop_gradient: bool,
}

/// The networks of a bundle, by the roles that the daemon asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Task {
    /// Authentication, on the enrolled person alone.
    Auth,
    /// Dynamic or static expression.
    Gate,
    /// Smile or shock.
    ExpertDynamic,
    /// Neutral or anger.
    ExpertStatic,
    /// Expression from events.
    Event,
}

impl Task {
    pub(crate) const ALL: [Self; 5] =
        [Self::Auth, Self::Gate, Self::ExpertDynamic, Self::ExpertStatic, Self::Event];

    /// The role in a bundle, and the name of the run's folder.
    pub(crate) const fn role(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Gate => "gate",
            Self::ExpertDynamic => "expert-dynamic",
            Self::ExpertStatic => "expert-static",
            Self::Event => "event",
        }
    }

    /// The row of the daemon's table of networks.
    pub(crate) const fn network(self) -> &'static str {
        match self {
            Self::Auth => FooderAuth::NAME,
            Self::Gate => FooderGate::NAME,
            Self::ExpertDynamic | Self::ExpertStatic => FooderExpert::NAME,
            Self::Event => Cs3d::NAME,
        }
    }

    /// The sizes in which its network comes.
    pub(crate) const fn presets(self) -> &'static [&'static str] {
        match self {
            Self::Auth => FooderAuth::PRESETS,
            Self::Gate => FooderGate::PRESETS,
            Self::ExpertDynamic | Self::ExpertStatic => FooderExpert::PRESETS,
            Self::Event => Cs3d::PRESETS,
        }
    }

    /// What is taken where the command line says nothing: preset, epochs, batch, rate, rule.
    const fn defaults(self) -> (&'static str, usize, usize, f64, Optimiser) {
        match self {
            Self::Auth => ("edge", 12, 32, 2e-3, Optimiser::Adamax),
            Self::Gate => ("default", 8, 32, 1e-3, Optimiser::AdamW),
            Self::ExpertDynamic | Self::ExpertStatic => ("xxs", 10, 32, 1e-3, Optimiser::AdamW),
            Self::Event => ("edge", 10, 16, 2e-3, Optimiser::AdamW),
        }
    }
}

/// What `run.toml` in a run's folder says: all that is needed to do it again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Run {
    /// Version of this tool.
    pub(crate) tool_version: String,
    /// What was trained.
    pub(crate) task: Task,
    /// Its size.
    pub(crate) preset: String,
    /// The enrolled person.
    pub(crate) enrolled: String,
    /// The loop.
    pub(crate) recipe: Recipe,
    /// The run whose weights were the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<PathBuf>,
    /// What was switched on.
    pub(crate) technique: Technique,
    /// Recordings that were trained on.
    pub(crate) trained_on: Vec<String>,
}

/// The file with the settings of a run.
const RUN: &str = "run.toml";
/// The file with the weights.
pub(crate) const WEIGHTS: &str = "weights.safetensors";

impl Run {
    /// Reads the settings of the run in `folder`.
    ///
    /// # Errors
    /// When it is no run's folder.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(RUN);
        let text = fs::read_to_string(&path).with_context(|| format!("{}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("{}", path.display()))
    }
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let split = Split::read(&options.split)?;
    let members = split.members(&options.split)?;
    split::refuse_leakage(&members)?;
    let run = plan(options, &split, &members);
    fs::create_dir_all(&options.out)
        .with_context(|| format!("cannot make {}", options.out.display()))?;
    refuse_other_settings(options, &run)?;
    fs::write(options.out.join(RUN), toml::to_string(&run)?)?;
    let weights = Weights::new(run.recipe.seed);
    if let Some(from) = &options.from {
        lessons::build(run.task, &run.preset, &weights)?;
        weights.load(&from.join(WEIGHTS)).with_context(|| format!("{}", from.display()))?;
    }
    let curve = lessons::learn(&run, &weights, &members, &options.out)?;
    weights.save(&options.out.join(WEIGHTS), DType::F32)?;
    plot::curve(&options.out.join("loss.svg"), run.task.role(), &curve)?;
    let last = curve.last().context("no epoch")?;
    let accuracy = last.watched.accuracy;
    let accuracy =
        accuracy.map_or(String::new(), |share| format!(", {:.1} % right", 100.0 * share));
    say(&format!(
        "{} ({} weights): loss {:.4}, on sessions not trained on {:.4}{accuracy}\n",
        run.task.role(),
        weights.count(),
        last.train,
        last.watched.loss
    ));
    Ok(())
}

/// True if the run of `options` has ended: its weights are there.
///
/// # Errors
/// When its folder holds a run of other settings, or the split cannot be read.
pub(crate) fn is_finished(options: &Options) -> Result<bool> {
    if !options.out.join(WEIGHTS).exists() {
        return Ok(false);
    }
    let split = Split::read(&options.split)?;
    let members = split.members(&options.split)?;
    refuse_other_settings(options, &plan(options, &split, &members))?;
    Ok(true)
}

/// A finished or half-finished run of other settings must not be mixed with this one.
fn refuse_other_settings(options: &Options, run: &Run) -> Result<()> {
    if options.out.join(RUN).exists() && Run::read(&options.out)? != *run {
        bail!("{} holds a run of other settings; choose another folder", options.out.display());
    }
    Ok(())
}

fn plan(options: &Options, split: &Split, members: &[Member]) -> Run {
    let (preset, epochs, batch, rate, optimizer) = options.task.defaults();
    let trained_on = lessons::teachers(&split.enrolled, members);
    Run {
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        task: options.task,
        preset: options.preset.clone().unwrap_or_else(|| preset.to_owned()),
        enrolled: split.enrolled.clone(),
        recipe: Recipe {
            epochs: options.epochs.unwrap_or(epochs),
            batch: options.batch.unwrap_or(batch),
            rate: options.rate.unwrap_or(rate),
            optimizer: options.optimizer.unwrap_or(optimizer),
            weight_decay: options.weight_decay,
            seed: options.seed,
        },
        from: options.from.clone(),
        technique: options.technique,
        trained_on: trained_on.into_iter().map(|member| member.recording.id.clone()).collect(),
    }
}

/// The weights of the finished run in `folder`.
///
/// # Errors
/// When they are not those of its network.
pub(crate) fn restored(run: &Run, folder: &Path) -> Result<Weights> {
    let weights = Weights::new(run.recipe.seed);
    lessons::build(run.task, &run.preset, &weights)?;
    weights.load(&folder.join(WEIGHTS))?;
    Ok(weights)
}

/// Members of a part.
pub(crate) fn part(members: &[Member], part: Part) -> impl Iterator<Item = &Member> {
    members.iter().filter(move |member| member.part == part)
}
