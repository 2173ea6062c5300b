//! `lab enroll`: everything from a person's recordings to a bundle and its report, in one command.
//!
//! ```text
//! inputs -> split -> train each network that the data allow -> bundle -> calibrate -> eval
//! ```
//!
//! Each step is the command of its name, on files of this command's folder. What is there already is
//! not done again, so a run that was cut off is gone on with by the same line.

mod needs;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use crate::bundle::{self, Manifest};
use crate::calibrate::{self, LEAST_CONFIDENCE};
use crate::evaluate::{self, RESAMPLES};
use crate::inputs;
use crate::progress::say;
use crate::split::{self, Split};
use crate::train::{self, Task, Technique, WEIGHT_DECAY};
use needs::Needs;

/// Whom to enroll, and from what.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Data sets: folders with a `dataset.toml`, the person's and those of others.
    #[arg(required = true, value_name = "DATA")]
    datasets: Vec<PathBuf>,
    /// The person to enroll, as the data sets call them.
    #[arg(long)]
    person: String,
    /// Folder for split, runs, bundle and report.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Size of the networks; those that do not come in it take their usual one.
    #[arg(long)]
    preset: Option<String>,
    /// Passes over all samples; each network's usual number if absent.
    #[arg(long)]
    epochs: Option<usize>,
    /// Samples a step; each network's usual number if absent.
    #[arg(long)]
    batch: Option<usize>,
    /// Keeps one radar frame in so many.
    #[arg(long, default_value_t = 2)]
    frame_step: usize,
    /// Keeps one event window in so many.
    #[arg(long, default_value_t = 2)]
    window_step: usize,
    /// Everything random follows from it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    technique: Technique,
}

/// Steps beside one per network.
const STEPS: usize = 5;

const EXAMPLES: &str = "\
Examples:
  visaged enroll --guided --config lab.toml --out data --person anna     ten times, then
  lab enroll data --person anna --out anna
  lab enroll data others/2026 --person anna --out anna                   strangers from elsewhere
  lab enroll data --person anna --out try --preset tiny --epochs 2       a quick look";

pub(crate) fn run(options: &Options) -> Result<()> {
    fs::create_dir_all(&options.out)
        .with_context(|| format!("cannot make {}", options.out.display()))?;
    let place = Place::new(&options.out);
    // The split is read from other folders than where this command was started.
    let datasets = options.datasets.iter().map(|folder| {
        fs::canonicalize(folder).with_context(|| format!("no data set at {}", folder.display()))
    });
    let datasets: Vec<PathBuf> = datasets.collect::<Result<_>>()?;
    // Before hours are spent: what the data allow.
    let split = Split::by_rule(&place.split, &datasets, &options.person)?;
    let needs = Needs::of(&split, &split.members(&place.split)?)?;
    let mut steps = Steps { done: 0, of: STEPS + needs.tasks.len() };
    for remark in &needs.remarks {
        say(&format!("note: {remark}\n"));
    }

    steps.begin("inputs: what networks see of the recordings");
    inputs::run(&inputs::Options {
        datasets,
        frame_step: options.frame_step,
        window_step: options.window_step,
        again: false,
    })?;

    steps.begin("split: which sessions teach, calibrate and test");
    keep_split(&split, &place)?;
    // Before hours are spent on networks that nothing could judge.
    split::refuse_leakage(&split.members(&place.split)?)?;

    for &task in &needs.tasks {
        steps.begin(&format!("train {}", task.role()));
        learn(&order(task, options, &place))?;
    }

    steps.begin("bundle: the networks packed for the daemon");
    pack(&needs.tasks, &place)?;

    steps.begin("calibrate: what the bundle's answers are worth");
    measure(&needs.tasks, &place)?;

    steps.begin("eval: the report, on sessions that took no part");
    judge(&place)?;
    say(&place.last_words());
    Ok(())
}

/// Where everything lies.
struct Place {
    split: PathBuf,
    runs: PathBuf,
    bundle: PathBuf,
    report: PathBuf,
}

impl Place {
    fn new(out: &Path) -> Self {
        Self {
            split: out.join("split.toml"),
            runs: out.join("runs"),
            bundle: out.join("bundle"),
            report: out.join("report"),
        }
    }

    fn last_words(&self) -> String {
        let bundle = fs::canonicalize(&self.bundle).unwrap_or_else(|_| self.bundle.clone());
        format!(
            "\nbundle  {}\nreport  {}\n\nRead the report first. To run the daemon with the bundle, write \
             into its configuration:\n\n  [model]\n  bundle = {bundle:?}\n\nand ask `visaged check \
             --config FILE`. The weights are a biometric template of the person: keep them as such.\n",
            self.bundle.display(),
            self.report.join("report.html").display(),
        )
    }
}

/// Headings of steps.
struct Steps {
    done: usize,
    of: usize,
}

impl Steps {
    fn begin(&mut self, what: &str) {
        self.done += 1;
        say(&format!("\n== {}/{} {what}\n", self.done, self.of));
    }
}

/// Writes the split, unless it is there; another one must not be mixed with what came of it.
fn keep_split(split: &Split, place: &Place) -> Result<()> {
    if !place.split.exists() {
        return split.write(&place.split);
    }
    ensure!(
        Split::read(&place.split)? == *split,
        "{} is of other recordings: some came or went since; choose another --out, so that what was \
         tested stays apart from what was learnt",
        place.split.display()
    );
    say("done before\n");
    Ok(())
}

fn order(task: Task, options: &Options, place: &Place) -> train::Options {
    // Events are learnt from few sessions here: coarse windows are learnt sooner, for a quarter of the work.
    let usual = (task == Task::Event).then_some("coarse");
    let preset =
        options.preset.as_deref().filter(|preset| task.presets().contains(preset)).or(usual);
    train::Options {
        task,
        split: place.split.clone(),
        out: place.runs.join(task.role()),
        preset: preset.map(str::to_owned),
        epochs: options.epochs,
        batch: options.batch,
        rate: None,
        optimizer: None,
        weight_decay: WEIGHT_DECAY,
        seed: options.seed,
        from: None,
        technique: options.technique,
    }
}

fn learn(order: &train::Options) -> Result<()> {
    if train::is_finished(order)? {
        say("done before\n");
        return Ok(());
    }
    train::run(order).with_context(|| format!("training `{}`", order.task.role()))
}

fn pack(tasks: &[Task], place: &Place) -> Result<()> {
    if let Ok(manifest) = Manifest::read(&place.bundle) {
        let packed: Vec<&str> = manifest.networks.iter().map(|row| row.role.as_str()).collect();
        if tasks.iter().map(|task| task.role()).eq(packed) {
            say("done before\n");
            return Ok(());
        }
    }
    bundle::run(&bundle::Options {
        out: place.bundle.clone(),
        runs: place.runs.clone(),
        split: place.split.clone(),
        full: false,
    })
}

fn measure(tasks: &[Task], place: &Place) -> Result<()> {
    let manifest = Manifest::read(&place.bundle)?;
    let needs_identity = tasks.contains(&Task::Auth);
    let needs_expression = tasks.iter().any(|task| *task != Task::Auth);
    if (manifest.identity.is_some() || !needs_identity)
        && (manifest.expression.is_some() || !needs_expression)
    {
        say("done before\n");
        return Ok(());
    }
    calibrate::run(&calibrate::Options {
        bundle: place.bundle.clone(),
        split: place.split.clone(),
        images: false,
        least_confidence: LEAST_CONFIDENCE,
    })
}

fn judge(place: &Place) -> Result<()> {
    // Written last.
    if place.report.join("report.html").exists() {
        say("done before\n");
        return Ok(());
    }
    evaluate::run(&evaluate::Options {
        bundle: Some(place.bundle.clone()),
        split: Some(place.split.clone()),
        seeds_from: Vec::new(),
        with: Vec::new(),
        scores: None,
        comparison: None,
        out: place.report.clone(),
        resamples: RESAMPLES,
        seed: 1,
        threads: 0,
    })
}

#[cfg(test)]
mod tests;
