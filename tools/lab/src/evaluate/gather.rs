//! From a split and bundles to a table of scores.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use rayon::prelude::*;

use super::baselines::detector::{Lessons, Suite};
use super::labels::{self, Habits};
use super::leakage;
use super::metrics::conformal;
use super::networks::Networks;
use super::table::{BASELINE, Beliefs, Of, Recorded, Run, Scores, Table, Threshold};
use crate::dataset::Dataset;
use crate::inputs::{Inputs, RadarSet};
use crate::progress;
use crate::split::{self, Member, Part, Split};

/// Share of the enrolled person's calibration frames that a baseline's threshold rejects.
const FALSE_REJECT: f64 = 0.05;

/// What is judged, and what judges it.
pub(super) struct Order<'o> {
    /// The split file.
    pub(super) split: &'o Path,
    /// Folders of bundles, the one to report on first.
    pub(super) bundles: Vec<PathBuf>,
    /// Threads; all cores if 0.
    pub(super) threads: usize,
}

/// What needs no network: learnt once, used on every recording.
struct Learnt {
    suite: Option<Suite>,
    habits: Habits,
}

/// Judges every recording of the test by every bundle and every baseline.
///
/// # Errors
/// When a file is missing or malformed, or a recording of the test took part in making what it
/// would test.
pub(super) fn gather(order: &Order<'_>) -> Result<Table> {
    let split = Split::read(order.split)?;
    let members = split.members(order.split)?;
    split::refuse_leakage(&members)?;
    let mut runs = Vec::new();
    for folder in &order.bundles {
        let mut networks = Networks::load(folder)?;
        let seen = networks.seen();
        leakage::refuse_seen(&members, &seen)?;
        runs.push(Run {
            run: networks.run.clone(),
            digest: networks.digest(),
            trained_on: networks.trained_on(),
            threshold: networks.threshold(),
            is_fusion_calibrated: networks.is_calibrated,
            seen: seen.len(),
        });
    }
    for (at, run) in runs.iter().enumerate() {
        let again = runs[..at].iter().any(|other| other.run == run.run);
        ensure!(!again, "bundle {} was given twice; seeds must differ", run.run);
    }
    let (learnt, thresholds) = learn(&members, &split.enrolled)?;
    let of = describe(&split, &members)?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(order.threads).build()?;
    let (scores, beliefs) = pool.install(|| judge(order, &members, &learnt))?;
    let tested = members.iter().filter(|member| member.part == Part::Test);
    Ok(Table { of, recordings: tested.map(recorded).collect(), runs, thresholds, scores, beliefs })
}

/// Learns baselines and habits from what is not tested, and their thresholds.
fn learn(members: &[Member], enrolled: &str) -> Result<(Learnt, Vec<Threshold>)> {
    let known: Vec<&Member> = members.iter().filter(|member| member.part != Part::Test).collect();
    let bar = progress::bar(known.len(), "learning baselines");
    let (mut lessons, mut habits) = (Lessons::default(), Habits::default());
    let mut held_out: Vec<RadarSet> = Vec::new();
    for member in known {
        let inputs = member.inputs()?;
        bar.inc(1);
        if member.is_of(enrolled) {
            habits.learn(&member.recording.labels, member.recording.seconds);
        }
        let Some(radar) = inputs.radar else { continue };
        let radar = radar.steady_faces()?;
        match (&member.recording.person, member.part) {
            (Some(person), Part::Train) if person == enrolled => lessons.enrolled(radar)?,
            (Some(person), Part::Calibrate) if person == enrolled => held_out.push(radar),
            (Some(person), _) => lessons.stranger(person, radar)?,
            (None, _) => {}
        }
    }
    bar.finish_and_clear();
    let suite = (!lessons.is_empty()).then(|| Suite::fit(&lessons)).transpose()?;
    let thresholds = match &suite {
        Some(suite) => thresholds(suite, &held_out)?,
        None => Vec::new(),
    };
    Ok((Learnt { suite, habits }, thresholds))
}

/// The threshold of each baseline: frozen on the enrolled person's calibration recordings.
fn thresholds(suite: &Suite, held_out: &[RadarSet]) -> Result<Vec<Threshold>> {
    let mut pooled: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for radar in held_out {
        for (detector, scores) in suite.judge(radar)? {
            let decided = scores.into_iter().zip(&radar.range).filter(|(_, r)| r.is_finite());
            pooled.entry(detector).or_default().extend(decided.map(|(score, _)| score));
        }
    }
    let threshold = |(detector, scores): (&str, Vec<f64>)| {
        let threshold = conformal(&scores, FALSE_REJECT)?;
        Some(Threshold { run: BASELINE.to_owned(), detector: detector.to_owned(), threshold })
    };
    Ok(pooled.into_iter().filter_map(threshold).collect())
}

type Judged = (Vec<Scores>, Vec<Beliefs>);

/// Judges all recordings of the test, several at a time: each thread takes one set of networks.
fn judge(order: &Order<'_>, members: &[Member], learnt: &Learnt) -> Result<Judged> {
    let tested: Vec<&Member> = members.iter().filter(|member| member.part == Part::Test).collect();
    ensure!(!tested.is_empty(), "the split names no recording for the test");
    let idle = Mutex::new(Vec::<Vec<Networks>>::new());
    let bar = progress::bar(tested.len(), "judging recordings");
    let judged: Vec<Judged> = tested
        .par_iter()
        .map(|member| {
            let waiting = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut networks = match waiting {
                Some(networks) => networks,
                None => order
                    .bundles
                    .iter()
                    .map(|folder| Networks::load(folder))
                    .collect::<Result<_>>()?,
            };
            let inputs = member.inputs()?;
            let judged = judge_one(member, inputs, &mut networks, learnt)
                .with_context(|| format!("recording `{}`", member.recording.id))?;
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(networks);
            bar.inc(1);
            anyhow::Ok(judged)
        })
        .collect::<Result<_>>()?;
    bar.finish_and_clear();
    let (scores, beliefs): (Vec<_>, Vec<_>) = judged.into_iter().unzip();
    Ok((scores.into_iter().flatten().collect(), beliefs.into_iter().flatten().collect()))
}

fn judge_one(
    member: &Member,
    inputs: Inputs,
    networks: &mut [Networks],
    learnt: &Learnt,
) -> Result<Judged> {
    let recording = &member.recording;
    let (mut scores, mut beliefs) = (Vec::new(), Vec::new());
    for networks in networks.iter_mut() {
        beliefs.extend(networks.beliefs(recording, &inputs)?);
    }
    let faces = inputs.radar.map(RadarSet::into_faces);
    if let (Some(radar), Some(suite)) = (&faces, &learnt.suite) {
        for (detector, column) in suite.judge(radar)? {
            let decided = column.into_iter().zip(&radar.range);
            scores.push(Scores {
                recording: recording.id.clone(),
                run: BASELINE.to_owned(),
                detector: detector.to_owned(),
                time: radar.time.clone(),
                score: decided.map(|(x, range)| range.is_finite().then(|| narrow(x))).collect(),
            });
        }
    }
    for networks in networks {
        if let Some(radar) = &faces {
            scores.extend(networks.strangeness(&recording.id, radar)?);
        }
    }
    let guessed = beliefs.first().map(|first| guess(first, &learnt.habits));
    beliefs.extend(guessed.into_iter().flatten());
    Ok((scores, beliefs))
}

/// What would be answered at the same instants without looking.
fn guess(judged: &Beliefs, habits: &Habits) -> [Beliefs; 2] {
    let majority = |_: &f64| habits.majority().map(narrow);
    let clock = |time: &f64| habits.clock(*time).map(narrow);
    let beliefs = |source: &str, belief| Beliefs {
        run: BASELINE.to_owned(),
        source: source.to_owned(),
        belief,
        followed: Vec::new(),
        ..judged.clone()
    };
    [
        beliefs("majority", judged.time.iter().map(majority).collect()),
        beliefs("clock", judged.time.iter().map(clock).collect()),
    ]
}

fn recorded(member: &Member) -> Recorded {
    let recording = &member.recording;
    let conditions = &recording.conditions;
    Recorded {
        id: recording.id.clone(),
        person: recording.person.clone(),
        session: recording.session,
        day: recording.day,
        scene: conditions.scene,
        distance: conditions.distance,
        glasses: conditions.glasses,
        nuisances: conditions.nuisances.clone(),
        poses: recording.labels.iter().map(|label| labels::class(label.expression)).collect(),
    }
}

/// What the data sets say of themselves.
fn describe(split: &Split, members: &[Member]) -> Result<Of> {
    let mut folders: Vec<&PathBuf> = members.iter().map(|member| &member.folder).collect();
    folders.sort();
    folders.dedup();
    let datasets = folders.into_iter().map(|folder| Dataset::read(folder).map_err(Into::into));
    let datasets: Vec<Dataset> = datasets.collect::<Result<_>>()?;
    let simulated = datasets.iter().filter(|one| one.consent == "simulated").count();
    ensure!(
        simulated == 0 || simulated == datasets.len(),
        "simulated and real recordings are never judged together; make a split for each"
    );
    let mut spreads: Vec<Option<f64>> = datasets.iter().map(|one| spread(&one.origin)).collect();
    spreads.dedup();
    let spread = if spreads.len() == 1 { spreads[0] } else { None };
    let names = datasets.iter().map(|one| format!("{}: {}", one.name, one.origin)).collect();
    let taught = |part| members.iter().filter(|member| member.part == part).count();
    let counts = [Part::Train, Part::Calibrate, Part::Test].map(taught);
    Ok(Of::new(split.enrolled.clone(), simulated > 0, spread, names, counts))
}

/// The number after `--spread` in the command that made a data set.
fn spread(origin: &str) -> Option<f64> {
    let mut words = origin.split_whitespace().skip_while(|word| *word != "--spread");
    words.nth(1)?.parse().ok()
}

/// To single precision, which a table keeps.
#[expect(clippy::cast_possible_truncation, reason = "rounding is meant")]
const fn narrow(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_is_read_from_the_command_that_made_the_set() {
        let origin = "simulated: lab 0.1.0 twin --seed 1 --spread 0.5 --chirps food";
        assert_eq!(spread(origin), Some(0.5));
        assert_eq!(spread("visaged enroll --guided"), None);
    }
}
