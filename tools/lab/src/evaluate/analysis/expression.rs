//! What the face shows: every source, per window and per pose, and fusion against either alone.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Draws;
use crate::evaluate::metrics::bootstrap::{Person, Resampler};
use crate::evaluate::metrics::calibration::{self, Bin, RiskCoverage};
use crate::evaluate::metrics::classes::{
    Belief, CLASSES, Confusion, Judged, McNemar, accuracy, hits, mcnemar,
};
use crate::evaluate::metrics::{Estimate, real};
use crate::evaluate::table::{BASELINE, Beliefs, Table};

/// Sources in the order of a report: sensors, both, and what can be said without looking.
const SOURCES: [&str; 5] = ["radar", "event", "fused", "majority", "clock"];
/// Persons on whom expressions are judged.
const SUBSETS: [&str; 2] = ["enrolled person, unseen sessions", "persons never seen"];
/// What is judged: the answers about each window alone, what the daemon believes at its end with all
/// answers before, the mean answer about a whole pose.
const GRAINS: [&str; 3] = ["window", FOLLOWED, "pose"];
/// The second of them.
const FOLLOWED: &str = "followed";
/// Points of a risk-coverage curve.
const POINTS: usize = 100;

/// All about expressions.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Expressions {
    pub(crate) rows: Vec<Row>,
    pub(crate) pairs: Vec<Pair>,
}

/// One source on one group of persons.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Row {
    pub(crate) subset: String,
    pub(crate) source: String,
    /// `window`: what is believed by its answers alone. `followed`: with all before, as the daemon
    /// believes it, `unknown` or not. `pose`: the mean belief of windows over a whole label.
    pub(crate) grain: String,
    pub(crate) persons: usize,
    pub(crate) sessions: usize,
    pub(crate) judged: usize,
    pub(crate) accuracy: Estimate,
    pub(crate) macro_f1: f64,
    /// In the order of the labels; absent for one that was never posed.
    pub(crate) recalls: [Option<f64>; CLASSES],
    pub(crate) confusion: Confusion,
    pub(crate) negative_log_likelihood: f64,
    pub(crate) brier: f64,
    /// Expected calibration error, 15 bins of equal width.
    pub(crate) ece: Estimate,
    /// The same with bins of equal mass.
    pub(crate) ece_equal_mass: f64,
    /// Area under the risk-coverage curve.
    pub(crate) aurc: f64,
    /// Share that can be answered with at most 5 % wrong.
    pub(crate) coverage: f64,
    pub(crate) bins: Vec<Bin>,
    /// `[coverage, risk]`
    pub(crate) risk_coverage: Vec<[f64; 2]>,
}

/// Fusion against one sensor on the same instants.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Pair {
    pub(crate) subset: String,
    /// As of [`Row`].
    pub(crate) grain: String,
    pub(crate) first: String,
    pub(crate) second: String,
    /// Accuracy of the first less that of the second.
    pub(crate) difference: Estimate,
    pub(crate) mcnemar: McNemar,
}

/// Judged instants of a source, and the persons they are of.
struct Case {
    judged: Vec<Judged>,
    groups: Vec<Person>,
}

/// Everything about expressions that `run` gives.
pub(super) fn analyse(table: &Table, run: &str, draws: Draws) -> Expressions {
    let mut all = Expressions::default();
    for subset in SUBSETS {
        for source in SOURCES {
            for grain in GRAINS {
                let case = case(table, run, source, subset, grain);
                all.rows.extend(row([subset, source, grain], &case, draws));
            }
        }
        for grain in ["window", FOLLOWED] {
            for second in ["radar", "event"] {
                let [a, b] =
                    ["fused", second].map(|source| case(table, run, source, subset, grain));
                all.pairs.extend(pair([subset, grain, "fused", second], &a, &b, draws));
            }
        }
    }
    all
}

/// Accuracy of a source as it is followed, on the enrolled person, without an interval.
pub(super) fn quick(table: &Table, run: &str, source: &str) -> Option<f64> {
    Confusion::of(&case(table, run, source, SUBSETS[0], FOLLOWED).judged).accuracy()
}

fn case(table: &Table, run: &str, source: &str, subset: &str, grain: &str) -> Case {
    let both = with_both(table, run, subset);
    let run = if ["majority", "clock"].contains(&source) { BASELINE } else { run };
    let mut judged = Vec::new();
    let mut persons: BTreeMap<&str, Person> = BTreeMap::new();
    for beliefs in table.beliefs.iter().filter(|one| one.run == run && one.source == source) {
        let Some((recording, person)) = sitter(table, beliefs, subset) else { continue };
        let is_followed = grain == FOLLOWED;
        let said = if is_followed { &beliefs.followed } else { &beliefs.belief };
        let is_comparable = both.is_empty() || both.contains(&recording);
        if !is_comparable || said.is_empty() {
            continue;
        }
        persons.entry(person).or_default().push(recording);
        match grain {
            "pose" => judged.extend(poses(beliefs, recording)),
            _ => judged.extend(windows(&beliefs.truth, said, recording)),
        }
    }
    Case { judged, groups: persons.into_values().collect() }
}

/// Recordings of `subset` that were made with both sensors. Where there are any, no other is judged:
/// all sources are compared on the same windows.
fn with_both(table: &Table, run: &str, subset: &str) -> BTreeSet<usize> {
    let fused = table.beliefs.iter().filter(|one| one.run == run && one.source == "fused");
    fused.filter_map(|one| Some(sitter(table, one, subset)?.0)).collect()
}

/// The recording that `beliefs` are of, and who sits there, if they belong to `subset`.
fn sitter<'t>(table: &'t Table, beliefs: &Beliefs, subset: &str) -> Option<(usize, &'t str)> {
    let recording = table.place(&beliefs.recording)?;
    let person = table.recordings[recording].person.as_deref()?;
    let is_enrolled = person == table.of.enrolled;
    (is_enrolled == (subset == SUBSETS[0])).then_some((recording, person))
}

fn windows(
    truths: &[usize],
    said: &[[f32; CLASSES]],
    recording: usize,
) -> impl Iterator<Item = Judged> {
    let pairs = truths.iter().zip(said);
    pairs.map(move |(&truth, belief)| Judged { truth, belief: belief.map(f64::from), recording })
}

/// One decision per label: its mean belief.
fn poses(beliefs: &Beliefs, recording: usize) -> Vec<Judged> {
    let mut sums: BTreeMap<usize, (usize, f64, Belief)> = BTreeMap::new();
    let rows = beliefs.pose.iter().zip(&beliefs.truth).zip(&beliefs.belief);
    for ((pose, truth), belief) in rows {
        let (_, count, sum) = sums.entry(*pose).or_insert((*truth, 0.0, [0.0; CLASSES]));
        *count += 1.0;
        sum.iter_mut().zip(belief).for_each(|(sum, p)| *sum += f64::from(*p));
    }
    sums.into_values()
        .map(|(truth, count, sum)| Judged { truth, belief: sum.map(|p| p / count), recording })
        .collect()
}

fn row([subset, source, grain]: [&str; 3], case: &Case, draws: Draws) -> Option<Row> {
    let judged = &case.judged;
    let resampler = Resampler::new(vec![case.groups.clone()], draws.resamples, draws.seed);
    let hits = hits(judged);
    let [accuracy] = resampler.estimate(|weight| Some([accuracy(&hits, weight)?]))?;
    let [ece] = resampler.estimate(|weight| {
        let drawn = again(judged, weight);
        (!drawn.is_empty()).then(|| [calibration::error(&calibration::equal_width(&drawn))])
    })?;
    let confusion = Confusion::of(judged);
    let curve = RiskCoverage::of(judged);
    Some(Row {
        subset: subset.to_owned(),
        source: source.to_owned(),
        grain: grain.to_owned(),
        persons: case.groups.len(),
        sessions: case.groups.iter().map(Vec::len).sum(),
        judged: judged.len(),
        accuracy,
        macro_f1: confusion.macro_f1()?,
        recalls: confusion.recalls(),
        confusion,
        negative_log_likelihood: calibration::negative_log_likelihood(judged)?,
        brier: calibration::brier(judged)?,
        ece,
        ece_equal_mass: calibration::error(&calibration::equal_mass(judged)),
        aurc: curve.area()?,
        coverage: curve.coverage(),
        bins: calibration::equal_width(judged),
        risk_coverage: curve.points(POINTS),
    })
}

/// Windows as often as their recordings were drawn.
fn again(judged: &[Judged], weight: &dyn Fn(usize) -> f64) -> Vec<Judged> {
    let times = |window: &Judged| crate::evaluate::metrics::index(weight(window.recording));
    judged.iter().flat_map(|window| std::iter::repeat_n(*window, times(window))).collect()
}

fn pair(
    [subset, grain, first, second]: [&str; 4],
    a: &Case,
    b: &Case,
    draws: Draws,
) -> Option<Pair> {
    if a.judged.is_empty() || a.judged.len() != b.judged.len() {
        return None;
    }
    let resampler = Resampler::new(vec![a.groups.clone()], draws.resamples, draws.seed);
    let (ours, theirs) = (hits(&a.judged), hits(&b.judged));
    let [difference] = resampler
        .estimate(|weight| Some([accuracy(&ours, weight)? - accuracy(&theirs, weight)?]))?;
    Some(Pair {
        subset: subset.to_owned(),
        grain: grain.to_owned(),
        first: first.to_owned(),
        second: second.to_owned(),
        difference,
        mcnemar: mcnemar(&a.judged, &b.judged),
    })
}

impl Row {
    /// Whether this is the row of `source` and `grain` that targets speak of.
    pub(super) fn is_main(&self, source: &str, grain: &str) -> bool {
        self.subset == SUBSETS[0] && self.grain == grain && self.source == source
    }

    /// Share of the most frequent class.
    pub(crate) fn chance(&self) -> f64 {
        let posed = self.confusion.0.map(|row| row.iter().sum::<usize>());
        real(posed.into_iter().max().unwrap_or(0)) / real(self.judged.max(1))
    }
}

impl Pair {
    /// Whether this pair is the one that targets speak of: what the daemon believes, of its person.
    pub(super) fn is_main(&self) -> bool {
        self.subset == SUBSETS[0] && self.grain == FOLLOWED
    }
}
