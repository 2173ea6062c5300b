//! Every figure against scikit-learn, `scipy` and NumPy, and what no library computes against cases
//! that are plain by hand.

use serde::Deserialize;

use super::bootstrap::Resampler;
use super::classes::{Belief, Confusion, Judged, McNemar, accuracy, hits, mcnemar};
use super::operating::{Attempts, Scored, rates};
use super::ranking::{Ranking, Trial};
use super::*;

/// `golden/evaluation.json`, written by `tools/reference/evaluation.py`.
#[derive(Deserialize)]
struct Golden {
    quantiles: Quantiles,
    ranking: RankingCase,
    exact: ExactCase,
    classes: ClassesCase,
}

#[derive(Deserialize)]
struct Quantiles {
    values: Vec<f64>,
    q: Vec<f64>,
    expected: Vec<f64>,
}

#[derive(Deserialize)]
struct RankingCase {
    score: Vec<f64>,
    genuine: Vec<bool>,
    recording: Vec<usize>,
    weight: Vec<f64>,
    plain: RankingFigures,
    weighted: RankingFigures,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct RankingFigures {
    auroc: f64,
    aupr_in: f64,
    aupr_out: f64,
    fpr95: f64,
    prevalence: f64,
}

#[derive(Deserialize)]
struct ExactCase {
    bounds: Vec<Bound>,
    fair: Vec<Coin>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Bound {
    k: usize,
    n: usize,
    low: f64,
    high: f64,
    one_sided: f64,
}

#[derive(Deserialize)]
struct Coin {
    k: usize,
    n: usize,
    p: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ClassesCase {
    truth: Vec<usize>,
    recording: Vec<usize>,
    good: Vec<Belief>,
    poor: Vec<Belief>,
    good_figures: ClassFigures,
    poor_figures: ClassFigures,
    mcnemar: Paired,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ClassFigures {
    confusion: [[usize; 4]; 4],
    accuracy: f64,
    recalls: [f64; 4],
    macro_f1: f64,
    negative_log_likelihood: f64,
    brier: f64,
    ece: f64,
    ece_equal_mass: f64,
    aurc: f64,
    coverage: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Paired {
    first_only: usize,
    second_only: usize,
    p_windows: f64,
    first_ahead: usize,
    second_ahead: usize,
    p_sessions: f64,
}

fn golden() -> Golden {
    let text = include_str!("../../../golden/evaluation.json");
    serde_json::from_str(text).unwrap()
}

/// Both sides sum some hundred numbers near 1 in 64 bits: 1e-14, with room.
#[track_caller]
fn near(ours: f64, reference: f64) {
    assert!((ours - reference).abs() < 1e-10, "{ours} against {reference}");
}

#[test]
fn quantiles_are_those_of_numpy() {
    let Quantiles { values, q, expected } = golden().quantiles;
    for (q, expected) in q.into_iter().zip(expected) {
        near(quantile(&values, q).unwrap(), expected);
    }
    assert_eq!(quantile(&[], 0.5), None);
}

#[test]
fn rankings_with_ties_and_weights_are_those_of_scikit_learn() {
    let case = golden().ranking;
    let trials = case.score.iter().zip(&case.genuine).zip(&case.recording);
    let trial = |((&score, &is_genuine), &recording)| Trial { score, is_genuine, recording };
    let ranking = Ranking::new(trials.map(trial).collect());
    let plain = ranking.figures(|_| 1.0).unwrap();
    let weighted = ranking.figures(|recording| case.weight[recording]).unwrap();
    for (ours, theirs) in [(plain, case.plain), (weighted, case.weighted)] {
        near(ours.auroc, theirs.auroc);
        near(ours.aupr_in, theirs.aupr_in);
        near(ours.aupr_out, theirs.aupr_out);
        near(ours.fpr95, theirs.fpr95);
        near(ours.prevalence, theirs.prevalence);
    }
}

#[test]
fn binomial_bounds_and_coins_are_those_of_scipy() {
    let case = golden().exact;
    for Bound { k, n, low, high, one_sided } in case.bounds {
        near(exact::lower(k, n, 0.025), low);
        near(exact::upper(k, n, 0.025), high);
        near(exact::upper(k, n, 0.05), one_sided);
    }
    for Coin { k, n, p } in case.fair {
        near(exact::fair(k, n), p);
    }
    assert_eq!(
        exact::in_words(0, 15, "strangers", "were let in"),
        "0 of 15 strangers were let in: compatible with 0.0 % to 21.8 % (exact, two-sided 95 %); \
         not above 18.1 % with one-sided confidence of 95 %."
    );
}

fn judged(case: &ClassesCase, beliefs: &[Belief]) -> Vec<Judged> {
    let rows = case.truth.iter().zip(&case.recording).zip(beliefs);
    rows.map(|((&truth, &recording), &belief)| Judged { truth, belief, recording }).collect()
}

#[test]
fn classification_figures_are_those_of_scikit_learn() {
    let case = golden().classes;
    for (beliefs, theirs) in [(&case.good, &case.good_figures), (&case.poor, &case.poor_figures)] {
        let judged = judged(&case, beliefs);
        let confusion = Confusion::of(&judged);
        assert_eq!(confusion.0, theirs.confusion);
        near(confusion.accuracy().unwrap(), theirs.accuracy);
        near(accuracy(&hits(&judged), &|_| 1.0).unwrap(), theirs.accuracy);
        for (ours, theirs) in confusion.recalls().into_iter().zip(theirs.recalls) {
            near(ours.unwrap(), theirs);
        }
        near(confusion.macro_f1().unwrap(), theirs.macro_f1);
        // the library divides by the sum of rounded probabilities, 1e-6 off
        let likelihood = calibration::negative_log_likelihood(&judged).unwrap();
        assert!((likelihood - theirs.negative_log_likelihood).abs() < 3e-6);
        near(calibration::brier(&judged).unwrap(), theirs.brier);
        near(calibration::error(&calibration::equal_width(&judged)), theirs.ece);
        near(calibration::error(&calibration::equal_mass(&judged)), theirs.ece_equal_mass);
        let curve = calibration::RiskCoverage::of(&judged);
        near(curve.area().unwrap(), theirs.aurc);
        near(curve.coverage(), theirs.coverage);
    }
}

#[test]
fn mcnemar_counts_windows_and_sessions() {
    let case = golden().classes;
    let ours = mcnemar(&judged(&case, &case.good), &judged(&case, &case.poor));
    let theirs = case.mcnemar;
    near(ours.p_windows, theirs.p_windows);
    near(ours.p_sessions, theirs.p_sessions);
    let McNemar { first_only, second_only, first_ahead, second_ahead, .. } = ours;
    assert_eq!((first_only, second_only), (theirs.first_only, theirs.second_only));
    assert_eq!((first_ahead, second_ahead), (theirs.first_ahead, theirs.second_ahead));
}

fn attempts(recording: usize, is_genuine: bool, scores: &[Option<f64>]) -> Attempts {
    let scored = scores.iter().enumerate();
    let scored = scored.map(|(at, &score)| Scored { time: 0.25 * real(at), score }).collect();
    Attempts { recording, is_genuine, scored }
}

#[test]
fn a_window_is_the_mean_of_its_decisions_and_undecided_if_most_frames_are() {
    let frames = [Some(1.0), None, Some(3.0), None, Some(5.0), None, None, None, Some(7.0)];
    let windows = attempts(0, true, &frames).windows(1.0);
    let scores: Vec<_> = windows.scored.iter().map(|window| window.score).collect();
    assert_eq!(scores, [Some(2.0), None, Some(7.0)]);
}

#[test]
fn rates_count_what_was_not_decided_on_both_sides() {
    let all = [
        attempts(0, true, &[Some(0.0), Some(2.0), None, Some(1.0)]),
        attempts(1, false, &[Some(0.5), Some(3.0)]),
        attempts(2, false, &[None, Some(9.0)]),
    ];
    let tallies = all.map(|one| (one.recording, one.is_genuine, one.tally(1.0)));
    let rates = rates(&tallies, |_| 1.0).unwrap();
    near(rates.false_reject, 0.25);
    near(rates.genuine_undecided, 0.25);
    near(rates.false_accept, 0.25);
    near(rates.strange_undecided, 0.25);
    let only_the_second = operating::rates(&tallies, |r| if r == 2 { 0.0 } else { 1.0 });
    near(only_the_second.unwrap().false_accept, 0.5);
}

#[test]
fn a_conformal_threshold_is_the_rank_that_the_promise_asks_for() {
    let scores: Vec<f64> = (1..=19).map(real).collect();
    assert_eq!(conformal(&scores, 0.05), Some(19.0));
    assert_eq!(conformal(&scores[..18], 0.05), None);
    let scores: Vec<f64> = (1..=99).map(real).collect();
    assert_eq!(conformal(&scores, 0.05), Some(95.0));
}

#[test]
fn an_interval_over_sessions_is_wider_than_frames_would_have_it_and_repeats_with_its_seed() {
    // 4 sessions of 100 frames, all equal within a session: four numbers, not four hundred
    let sessions = [0.1, 0.4, 0.5, 0.8];
    let share = |weight: &dyn Fn(usize) -> f64| {
        let all: f64 = (0..4).map(weight).sum();
        let sum: f64 = (0..4).map(|r| weight(r) * sessions[r]).sum();
        (all > 0.0).then(|| [sum / all])
    };
    let resampler = || Resampler::new(vec![vec![(0..4).collect()]], 2_000, 1);
    let [estimate] = resampler().estimate(share).unwrap();
    near(estimate.value, 0.45);
    let width = estimate.high.unwrap() - estimate.low.unwrap();
    // standard error 0.25 / sqrt(4); an interval over 400 frames would be 0.05 wide
    assert!((0.35..0.6).contains(&width), "{width}");
    assert_eq!(resampler().estimate(share), Some([estimate]));
}

#[test]
fn a_det_curve_runs_from_rejecting_all_to_accepting_all() {
    let trial = |score, is_genuine| Trial { score, is_genuine, recording: 0 };
    let trials: Vec<_> = (0..50).map(|n| trial(real(n), n % 3 == 0)).collect();
    let points = Ranking::new(trials).det(10);
    assert!((10..=12).contains(&points.len()), "{}", points.len());
    let last = points.last().unwrap();
    near(last.false_accept, 1.0);
    near(last.false_reject, 0.0);
    assert!(points.is_sorted_by(|a, b| a.false_accept <= b.false_accept));
    assert!(points.is_sorted_by(|a, b| a.false_reject >= b.false_reject));
    assert!(Ranking::new(vec![trial(0.0, true)]).det(10).is_empty());
}
