//! Who sits there: every detector, every grain, every kind of stranger and condition.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use visaged_twin::Random;

use super::{Draws, mean_of};
use crate::dataset::Scene;
use crate::evaluate::baselines::detector::{DETECTORS, FOODER, REFERENCE};
use crate::evaluate::metrics::bootstrap::{Person, Resampler};
use crate::evaluate::metrics::operating::{Attempts, Rates, Tally, rates};
use crate::evaluate::metrics::ranking::{DetPoint, Figures, Ranking, Trial};
use crate::evaluate::metrics::{Estimate, exact, quantile, real};
use crate::evaluate::table::{BASELINE, Recorded, Table};

/// Lengths of windows, seconds; `None` is a frame.
const GRAINS: [Option<f64>; 3] = [None, Some(1.0), Some(2.0)];
/// One in so many strangers counts as near.
const NEAR: usize = 4;
/// How far a distance must lie from the enrolled person's usual one to count as changed, metres.
const MOVED: f64 = 0.1;
/// Permutations of persons over recordings.
const PERMUTATIONS: usize = 1_000;
/// Points of a DET curve.
const DET_POINTS: usize = 150;

/// All about identity.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Identities {
    /// One per kind of stranger, detector and grain.
    pub(crate) rows: Vec<Row>,
    /// Each stranger, worst first.
    pub(crate) strangers: Vec<Stranger>,
    /// What the counts of persons allow to be said.
    pub(crate) words: Vec<String>,
    pub(crate) permuted: Option<Permuted>,
    pub(crate) det: Vec<Det>,
}

/// What one detector does with one kind of strangers.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Row {
    /// Which genuine recordings against which strangers.
    pub(crate) subset: String,
    pub(crate) detector: String,
    /// `frame`, `1 s`, `2 s`.
    pub(crate) grain: String,
    pub(crate) genuine_sessions: usize,
    pub(crate) strangers: usize,
    pub(crate) stranger_sessions: usize,
    /// Attempts that were decided on.
    pub(crate) genuine_trials: usize,
    pub(crate) stranger_trials: usize,
    pub(crate) auroc: Estimate,
    pub(crate) aupr_in: Estimate,
    pub(crate) aupr_out: Estimate,
    pub(crate) prevalence: f64,
    pub(crate) fpr95: Estimate,
    /// The frozen threshold and what it does; absent where there is none.
    pub(crate) threshold: Option<f64>,
    pub(crate) false_accept: Option<Estimate>,
    pub(crate) false_reject: Option<Estimate>,
    pub(crate) genuine_undecided: Option<Estimate>,
    pub(crate) strange_undecided: Option<Estimate>,
}

/// One stranger, judged over windows of 2 s at the frozen threshold.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Stranger {
    pub(crate) person: String,
    pub(crate) sessions: usize,
    pub(crate) windows: f64,
    pub(crate) accepted: f64,
    pub(crate) undecided: f64,
    /// Against all genuine windows.
    pub(crate) auroc: Option<f64>,
    /// One of those that the baseline finds most similar.
    pub(crate) is_near: bool,
}

/// The area when persons are dealt to recordings at random.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Permuted {
    pub(crate) auroc: Estimate,
    /// Share of permutations that reach the observed area: what chance alone can do.
    pub(crate) p: f64,
}

/// A DET curve.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Det {
    pub(crate) detector: String,
    pub(crate) grain: String,
    pub(crate) points: Vec<DetPoint>,
}

/// Whether a recording is of some kind.
type Condition<'c> = &'c dyn Fn(&Recorded) -> bool;

/// Genuine recordings against those of strangers, by index.
#[derive(Debug, Clone)]
struct Subset {
    name: String,
    genuine: Vec<usize>,
    strange: Vec<usize>,
}

/// Scores of one detector over a subset.
struct Case<'t> {
    table: &'t Table,
    subset: &'t Subset,
    run: &'t str,
    detector: &'t str,
}

/// Everything about identity that `run` and the baselines give.
pub(super) fn analyse(table: &Table, run: &str, draws: Draws) -> Identities {
    let (subsets, near) = subsets(table);
    let Some(main) = subsets.first() else { return Identities::default() };
    let mut rows = Vec::new();
    for subset in &subsets {
        for kind in &DETECTORS {
            // controls and other baselines say nothing more about parts of the test
            let is_main = subset.name == main.name;
            if !is_main && ![FOODER, REFERENCE].contains(&kind.name) {
                continue;
            }
            let case = Case { table, subset, run: run_of(run, kind.name), detector: kind.name };
            rows.extend(GRAINS.iter().filter_map(|grain| case.row(*grain, draws)));
        }
    }
    let main_case = |detector| Case { table, subset: main, run: run_of(run, detector), detector };
    let strangers = main_case(FOODER).strangers(&near);
    Identities {
        rows,
        words: words(&strangers),
        permuted: main_case(FOODER).permuted(draws.seed),
        det: GRAINS
            .iter()
            .map(|grain| (FOODER, *grain))
            .chain([(REFERENCE, None)])
            .map(|(detector, grain)| Det {
                detector: detector.to_owned(),
                grain: name(grain),
                points: main_case(detector).ranking(grain).det(DET_POINTS),
            })
            .filter(|det| !det.points.is_empty())
            .collect(),
        strangers,
    }
}

/// Network scores belong to a run, all others to the baselines.
fn run_of<'r>(run: &'r str, detector: &str) -> &'r str {
    if [FOODER, "image-error"].contains(&detector) { run } else { BASELINE }
}

fn name(grain: Option<f64>) -> String {
    grain.map_or_else(|| "frame".to_owned(), |seconds| format!("{seconds} s"))
}

/// Main figures of a run, without intervals.
pub(super) fn quick(table: &Table, run: &str) -> Option<Figures> {
    let subset = main_subset(table);
    let case = Case { table, subset: &subset, run, detector: FOODER };
    case.ranking(None).figures(|_| 1.0)
}

/// Rates of a run at its frozen threshold, without intervals.
pub(super) fn quick_rates(table: &Table, run: &str, grain: Option<f64>) -> Option<Rates> {
    let subset = main_subset(table);
    let case = Case { table, subset: &subset, run, detector: FOODER };
    rates(&case.tallies(grain, table.threshold(run, FOODER)?), |_| 1.0)
}

/// Area of a detector per frame.
pub(super) fn auroc(table: &Table, run: &str, detector: &str, draws: Draws) -> Option<Estimate> {
    let subset = main_subset(table);
    let case = Case { table, subset: &subset, run: run_of(run, detector), detector };
    case.row(None, draws).map(|row| row.auroc)
}

/// The enrolled person against all strangers who are persons.
fn main_subset(table: &Table) -> Subset {
    let all = || table.recordings.iter().enumerate();
    let pick = |is: Condition<'_>| -> Vec<usize> {
        all().filter(|(_, one)| is(one)).map(|(at, _)| at).collect()
    };
    let is_enrolled = |one: &Recorded| one.person.as_deref() == Some(table.of.enrolled.as_str());
    Subset {
        name: "all strangers".to_owned(),
        genuine: pick(&is_enrolled),
        strange: pick(&|one| one.scene == Scene::Person && !is_enrolled(one)),
    }
}

/// All subsets, the main one first, and the persons who count as near.
fn subsets(table: &Table) -> (Vec<Subset>, BTreeSet<String>) {
    let main = main_subset(table);
    let near = near(table, &main);
    let recorded = |at: &usize| &table.recordings[*at];
    let strange = |is: Condition<'_>| -> Vec<usize> {
        (0..table.recordings.len()).filter(|at| is(recorded(at))).collect()
    };
    let is_near = |one: &Recorded| one.person.as_ref().is_some_and(|person| near.contains(person));
    let mut subsets = vec![
        main.clone(),
        Subset {
            name: "near: the most similar quarter of strangers".to_owned(),
            strange: main.strange.iter().copied().filter(|at| is_near(recorded(at))).collect(),
            ..main.clone()
        },
        Subset {
            name: "far: empty chair and fan".to_owned(),
            strange: strange(&|one| one.scene != Scene::Person),
            ..main.clone()
        },
    ];
    let distances = main.genuine.iter().filter_map(|at| recorded(at).distance);
    let usual = quantile(&distances.collect::<Vec<_>>(), 0.5).unwrap_or(0.0);
    let has_moved = |one: &Recorded| one.distance.is_some_and(|d| (d - usual).abs() > MOVED);
    let conditions: [(&str, Condition<'_>); 5] = [
        ("enrolled with glasses", &|one| one.glasses),
        ("enrolled without glasses", &|one| !one.glasses),
        ("enrolled over 0.1 m from the usual distance", &has_moved),
        ("enrolled with nuisances", &|one| !one.nuisances.is_empty()),
        ("enrolled without nuisances", &|one| one.nuisances.is_empty()),
    ];
    for (name, is) in conditions {
        let genuine = main.genuine.iter().copied().filter(|at| is(recorded(at)));
        subsets.push(Subset { name: name.to_owned(), genuine: genuine.collect(), ..main.clone() });
    }
    (subsets, near)
}

/// The quarter of strangers whose mean baseline score is least; one at least.
fn near(table: &Table, main: &Subset) -> BTreeSet<String> {
    let mut means: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for scores in &table.scores {
        if scores.run != BASELINE || scores.detector != REFERENCE {
            continue;
        }
        let Some(at) = table.place(&scores.recording) else { continue };
        let Some(person) = &table.recordings[at].person else { continue };
        if main.strange.contains(&at) {
            let known = scores.score.iter().flatten().map(|score| f64::from(*score));
            means.entry(person).or_default().extend(mean_of(known));
        }
    }
    let mut ranked: Vec<(f64, &str)> = means
        .into_iter()
        .filter_map(|(person, means)| Some((mean_of(means.into_iter())?, person)))
        .collect();
    ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
    let count = ranked.len().div_ceil(NEAR);
    ranked.into_iter().take(count).map(|(_, person)| person.to_owned()).collect()
}

impl Case<'_> {
    /// Attempts of each recording.
    fn attempts(&self, grain: Option<f64>) -> Vec<Attempts> {
        let mut all = Vec::new();
        for scores in &self.table.scores {
            if scores.run != self.run || scores.detector != self.detector {
                continue;
            }
            let Some(recording) = self.table.place(&scores.recording) else { continue };
            let is_genuine = self.subset.genuine.contains(&recording);
            if is_genuine || self.subset.strange.contains(&recording) {
                let frames = Attempts { recording, is_genuine, scored: scores.scored() };
                all.push(grain.map_or_else(|| frames.clone(), |seconds| frames.windows(seconds)));
            }
        }
        all
    }

    fn ranking(&self, grain: Option<f64>) -> Ranking {
        Ranking::new(self.attempts(grain).iter().flat_map(Attempts::trials).collect())
    }

    fn tallies(&self, grain: Option<f64>, threshold: f64) -> Vec<(usize, bool, Tally)> {
        let attempts = self.attempts(grain);
        attempts.iter().map(|one| (one.recording, one.is_genuine, one.tally(threshold))).collect()
    }

    /// The genuine and the strange, person by person; nobody is one person per recording.
    fn groups(&self) -> Vec<Vec<Person>> {
        let group = |recordings: &[usize]| {
            let mut persons: BTreeMap<String, Person> = BTreeMap::new();
            for at in recordings {
                let recorded = &self.table.recordings[*at];
                let person = recorded.person.clone().unwrap_or_else(|| recorded.id.clone());
                persons.entry(person).or_default().push(*at);
            }
            persons.into_values().collect()
        };
        vec![group(&self.subset.genuine), group(&self.subset.strange)]
    }

    fn row(&self, grain: Option<f64>, draws: Draws) -> Option<Row> {
        let groups = self.groups();
        let strangers = groups[1].len();
        let resampler = Resampler::new(groups, draws.resamples, draws.seed);
        let ranking = self.ranking(grain);
        let prevalence = ranking.figures(|_| 1.0)?.prevalence;
        let [auroc, aupr_in, aupr_out, fpr95] = resampler.estimate(|weight| {
            let Figures { auroc, aupr_in, aupr_out, fpr95, .. } = ranking.figures(weight)?;
            Some([auroc, aupr_in, aupr_out, fpr95])
        })?;
        let threshold = self.table.threshold(self.run, self.detector);
        let rates = threshold.and_then(|threshold| {
            let tallies = self.tallies(grain, threshold);
            resampler.estimate(|weight| {
                let rates = rates(&tallies, weight)?;
                let Rates { false_accept, false_reject, genuine_undecided, strange_undecided } =
                    rates;
                Some([false_accept, false_reject, genuine_undecided, strange_undecided])
            })
        });
        let rate = |at: usize| rates.map(|rates: [Estimate; 4]| rates[at]);
        let genuine_trials = ranking.trials().iter().filter(|trial| trial.is_genuine).count();
        Some(Row {
            subset: self.subset.name.clone(),
            detector: self.detector.to_owned(),
            grain: name(grain),
            genuine_sessions: self.subset.genuine.len(),
            strangers,
            stranger_sessions: self.subset.strange.len(),
            genuine_trials,
            stranger_trials: ranking.trials().len() - genuine_trials,
            auroc,
            aupr_in,
            aupr_out,
            prevalence,
            fpr95,
            threshold,
            false_accept: rate(0),
            false_reject: rate(1),
            genuine_undecided: rate(2),
            strange_undecided: rate(3),
        })
    }

    /// Each stranger over windows of 2 s, worst first.
    fn strangers(&self, near: &BTreeSet<String>) -> Vec<Stranger> {
        let Some(threshold) = self.table.threshold(self.run, self.detector) else {
            return Vec::new();
        };
        let attempts = self.attempts(Some(2.0));
        let genuine: Vec<Trial> =
            attempts.iter().filter(|one| one.is_genuine).flat_map(Attempts::trials).collect();
        let mut persons: BTreeMap<&str, Vec<&Attempts>> = BTreeMap::new();
        for one in attempts.iter().filter(|one| !one.is_genuine) {
            if let Some(person) = &self.table.recordings[one.recording].person {
                persons.entry(person).or_default().push(one);
            }
        }
        let stranger = |(person, attempts): (&str, Vec<&Attempts>)| {
            let tallies: Vec<Tally> = attempts.iter().map(|one| one.tally(threshold)).collect();
            let windows: f64 = tallies.iter().map(|tally| tally.total()).sum();
            let share = |part: fn(&Tally) -> f64| tallies.iter().map(part).sum::<f64>() / windows;
            let own = attempts.iter().flat_map(|one| one.trials());
            let ranking = Ranking::new(genuine.iter().copied().chain(own).collect());
            Stranger {
                person: person.to_owned(),
                sessions: attempts.len(),
                windows,
                accepted: share(|tally| tally.accepted),
                undecided: share(|tally| tally.undecided),
                auroc: ranking.figures(|_| 1.0).map(|figures| figures.auroc),
                is_near: near.contains(person),
            }
        };
        let mut strangers: Vec<Stranger> = persons.into_iter().map(stranger).collect();
        strangers.sort_by(|a, b| b.accepted.total_cmp(&a.accepted));
        strangers
    }

    /// Deals the genuine recordings among all at random: what is left is chance.
    fn permuted(&self, seed: u64) -> Option<Permuted> {
        let ranking = self.ranking(None);
        let observed = ranking.figures(|_| 1.0)?.auroc;
        let mut random = Random::stream(seed, "permutations");
        let mut deck: Vec<usize> =
            self.subset.genuine.iter().chain(&self.subset.strange).copied().collect();
        let mut areas = Vec::with_capacity(PERMUTATIONS);
        for _ in 0..PERMUTATIONS {
            random.shuffle(&mut deck);
            let genuine: BTreeSet<usize> =
                deck.iter().take(self.subset.genuine.len()).copied().collect();
            let dealt = ranking.trials().iter();
            let dealt = dealt
                .map(|trial| Trial { is_genuine: genuine.contains(&trial.recording), ..*trial });
            areas.extend(Ranking::new(dealt.collect()).figures(|_| 1.0).map(|f| f.auroc));
        }
        let reached = areas.iter().filter(|area| **area >= observed).count();
        Some(Permuted {
            auroc: Estimate {
                value: mean_of(areas.iter().copied())?,
                low: quantile(&areas, 0.025),
                high: quantile(&areas, 0.975),
            },
            p: real(reached + 1) / real(areas.len() + 1),
        })
    }
}

/// What counts of strangers allow to be said.
fn words(strangers: &[Stranger]) -> Vec<String> {
    let Some(worst) = strangers.first() else { return Vec::new() };
    let count = |is: fn(&Stranger) -> bool| strangers.iter().filter(|one| is(one)).count();
    let (mostly, ever) = (count(|one| one.accepted > 0.5), count(|one| one.accepted > 0.0));
    let all = strangers.len();
    vec![
        exact::in_words(mostly, all, "strangers", "were accepted in most of their 2 s windows"),
        exact::in_words(ever, all, "strangers", "were accepted in a 2 s window at least once"),
        format!(
            "The worst stranger is {}: accepted in {:.1} % of {} windows of 2 s.",
            worst.person,
            100.0 * worst.accepted,
            worst.windows
        ),
    ]
}
