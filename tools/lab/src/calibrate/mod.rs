//! `lab calibrate`: measures what a bundle's answers are worth, on recordings that taught it nothing.
//!
//! - Authentication: each error is brought to mean 0 and deviation 1 over the enrolled person's
//!   calibration sessions; their sum is the score. The score's distribution over windows of 500 ms is
//!   measured for the enrolled person and for reference impostors, the two sides of the daemon's
//!   sequential test. `threshold` is the 95th percentile of the enrolled person's frames.
//! - Expressions, on the enrolled person alone: one temperature per network; how far each modality is
//!   to be trusted is what makes the true poses likeliest; then, how long belief lasts and how much of
//!   an answer is news, by the same measure.
//!
//! All of it is measured on the compiled networks of the bundle, half floats included.

mod answers;
mod fit;
mod memory;

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use visaged::data::score::{ExpressionCalibration, IdentityCalibration, Memory};
use visaged::model::Bundle;
use visaged::model::fooder_auth::score::{Calibration, Variant};

use crate::bundle::Manifest;
use crate::split::{Member, Part, Split};
use crate::train::{Task, part};

/// What to calibrate.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The bundle, whose manifest is written anew.
    pub(crate) bundle: PathBuf,
    /// The split that it was trained on.
    #[arg(long)]
    pub(crate) split: PathBuf,
    /// The score counts the errors of images, too, as in HOOD; without it those of the leaves
    /// alone, as in FOOD.
    #[arg(long)]
    pub(crate) images: bool,
    /// Belief from which a label is told, above 0.5 and below 1. Chosen, not measured.
    #[arg(long, default_value_t = LEAST_CONFIDENCE)]
    pub(crate) least_confidence: f64,
}

/// `least_confidence` where the command line says nothing.
pub(crate) const LEAST_CONFIDENCE: f64 = 0.6;
/// Share of the enrolled person's frames that the threshold accepts.
const ACCEPTED: f64 = 0.95;
/// Milliseconds of a window of evidence; `decision.window-ms` must be the same.
const WINDOW_MS: u32 = 500;

pub(crate) fn run(options: &Options) -> Result<()> {
    let split = Split::read(&options.split)?;
    let members = split.members(&options.split)?;
    let mut manifest = Manifest::read(&options.bundle)?;
    let mut bundle = Bundle::load(&options.bundle)?;
    let (of_enrolled, of_others): (Vec<&Member>, Vec<&Member>) =
        part(&members, Part::Calibrate).partition(|member| member.is_of(&split.enrolled));
    if let Some(network) = bundle.role(Task::Auth.role()) {
        let worth = authentication(options, &mut network.model, (&of_enrolled, &of_others))?;
        let row = manifest.role(Task::Auth.role()).context("the bundle has changed")?;
        (row.calibration, row.threshold) = (Some(worth.calibration), Some(worth.threshold));
        manifest.identity = Some(worth.identity);
    }
    expressions(options, &mut bundle, &of_enrolled, &mut manifest)?;
    manifest.write(&options.bundle)?;
    if let Some(worth) = &mut manifest.expression {
        memory::fit(&options.bundle, &of_enrolled, worth)?;
        manifest.write(&options.bundle)?;
    }
    Bundle::load(&options.bundle)?;
    Ok(())
}

/// What the authentication is worth.
struct Worth {
    calibration: Calibration,
    identity: IdentityCalibration,
    threshold: f64,
}

fn authentication(
    options: &Options,
    model: &mut Box<dyn visaged::model::Model>,
    (enrolled, others): (&[&Member], &[&Member]),
) -> Result<Worth> {
    let variant = if options.images { Variant::LeavesAndImages } else { Variant::Leaves };
    let faces = answers::of_faces(model, enrolled)?;
    let errors: Vec<[f32; 6]> = faces.iter().flatten().map(|(_, errors)| *errors).collect();
    let calibration = Calibration::measure(variant, &errors)
        .context("the enrolled person has too few frames to calibrate on")?;
    let windows = |recordings: &[Vec<(f64, [f32; 6])>]| {
        recordings.iter().flat_map(|one| answers::windows(one, &calibration)).collect::<Vec<f64>>()
    };
    let distribution = |values: &[f64], who| {
        fit::normal(values).with_context(|| format!("{who}: too few windows to calibrate on"))
    };
    let strangers = answers::of_faces(model, others)?;
    let identity = IdentityCalibration {
        window_ms: WINDOW_MS,
        enrolled: distribution(&windows(&faces), "the enrolled person")?,
        reference: distribution(&windows(&strangers), "reference impostors")?,
    };
    if let Err((key, problem)) = identity.check() {
        anyhow::bail!("identity.{key}: {problem}");
    }
    let scores: Vec<f64> = errors.iter().map(|errors| calibration.score(errors)).collect();
    let threshold = fit::quantile(&scores, ACCEPTED).context("no frame")?;
    Ok(Worth { calibration, identity, threshold })
}

/// Fits temperatures and reliabilities, as far as the bundle has the networks.
fn expressions(
    options: &Options,
    bundle: &mut Bundle,
    members: &[&Member],
    manifest: &mut Manifest,
) -> Result<()> {
    let mut worth = ExpressionCalibration {
        gate_temperature: 1.0,
        radar_reliability: 0.0,
        event_reliability: 0.0,
        half_rate_ev_s: 1_000.0,
        persistence_ms: Memory::persistence_ms(),
        radar_repeat_ms: Memory::repeat_ms(),
        event_repeat_ms: Memory::repeat_ms(),
        least_confidence: options.least_confidence,
    };
    let mut is_known = false;
    if let Some(radar) = answers::of_radar(bundle, members)? {
        let temperatures = radar.temperatures();
        let [gate, dynamic, still] = temperatures;
        worth.gate_temperature = gate;
        for (task, temperature) in [(Task::ExpertDynamic, dynamic), (Task::ExpertStatic, still)] {
            let row = manifest.role(task.role()).context("the bundle has changed")?;
            row.temperature = Some(temperature);
        }
        let truths = radar.probabilities(temperatures);
        (worth.radar_reliability, _) = fit::reliability(&truths, &vec![1.0; truths.len()]);
        is_known = true;
    }
    if let Some(network) = bundle.role(Task::Event.role()) {
        let events = answers::of_events(&mut network.model, members)?;
        let answers: Vec<_> = events.iter().map(|event| event.answer).collect();
        let temperature = fit::temperature(&answers);
        let row = manifest.role(Task::Event.role()).context("the bundle has changed")?;
        row.temperature = Some(temperature);
        let truths: Vec<f64> = answers
            .iter()
            .map(|(logits, class)| fit::softmax(logits, temperature)[*class])
            .collect();
        let rates: Vec<f64> = events.iter().map(|event| event.rate).collect();
        let choices = (0..16).map(|step| 100.0 * 1.8_f64.powi(step)).map(|half| {
            let weights: Vec<f64> = rates.iter().map(|rate| rate / (rate + half)).collect();
            (half, fit::reliability(&truths, &weights))
        });
        let best = choices.min_by(|a, b| a.1.1.total_cmp(&b.1.1)).context("no choice")?;
        (worth.half_rate_ev_s, worth.event_reliability) = (best.0, best.1.0);
        is_known = true;
    }
    if is_known {
        let check = worth.check();
        ensure!(check.is_ok(), "expression: {check:?}");
        manifest.expression = Some(worth);
    }
    Ok(())
}
