//! Reports on tables made up so that the answers are known.

use super::targets::Verdict;
use super::*;
use crate::dataset::Scene;
use crate::evaluate::baselines::detector::FOODER;
use crate::evaluate::table::{BASELINE, Beliefs, Recorded, Scores, Table, Threshold};

const DRAWS: Draws = Draws { resamples: 200, seed: 1 };

fn recorded(id: &str, person: Option<&str>, scene: Scene) -> Recorded {
    Recorded {
        id: id.to_owned(),
        person: person.map(str::to_owned),
        session: 0,
        day: 0,
        scene,
        distance: person.map(|_| 0.4),
        glasses: id.ends_with('1'),
        nuisances: Vec::new(),
        poses: vec![0, 3],
    }
}

/// 100 frames at 10 Hz of scores around `center`.
fn scores(recording: &str, run: &str, detector: &str, center: f32) -> Scores {
    let wave = |at: u8| (f32::from(at) * 1.7).sin();
    Scores {
        recording: recording.to_owned(),
        run: run.to_owned(),
        detector: detector.to_owned(),
        time: (0..100_u8).map(|at| f64::from(at) / 10.0).collect(),
        score: (0..100_u8).map(|at| (at != 7).then(|| center + wave(at))).collect(),
    }
}

/// 40 windows of two poses; `sure` of the truth, and wrong in every `slip`-th.
fn beliefs(recording: &str, source: &str, sure: f32, slip: u8) -> Beliefs {
    let rest = (1.0 - sure) / 3.0;
    let truth = |at: u8| if at < 20 { 0 } else { 3 };
    let belief = |at: u8| {
        let mut belief = [rest; 4];
        let shown = if at.is_multiple_of(slip) { 1 } else { truth(at) };
        belief[shown] = sure;
        belief
    };
    Beliefs {
        recording: recording.to_owned(),
        run: "one".to_owned(),
        source: source.to_owned(),
        time: (0..40_u8).map(|at| f64::from(at) / 10.0).collect(),
        pose: (0..40_u8).map(|at| usize::from(at >= 20)).collect(),
        truth: (0..40_u8).map(truth).collect(),
        belief: (0..40_u8).map(belief).collect(),
        followed: (0..40_u8).map(belief).collect(),
    }
}

fn run(run: &str) -> Run {
    Run {
        run: run.to_owned(),
        digest: run.to_owned(),
        trained_on: Vec::new(),
        threshold: Some(1.5),
        is_fusion_calibrated: true,
        seen: 3,
    }
}

/// Anna is enrolled; Bob scores as she does, Carl and the others do not.
fn table() -> Table {
    let mut recordings = Vec::new();
    let (mut all, mut shown) = (Vec::new(), Vec::new());
    let persons = [("anna", 0.0), ("bob", 0.5), ("carl", 6.0), ("dora", 7.0), ("emil", 8.0)];
    for (person, center) in persons {
        for session in 0..2_u8 {
            let id = format!("{person}-{session}");
            recordings.push(recorded(&id, Some(person), Scene::Person));
            all.push(scores(&id, "one", FOODER, center));
            all.push(scores(&id, "two", FOODER, 2.0 * center));
            all.push(scores(&id, BASELINE, REFERENCE, center));
            shown.push(beliefs(&id, "radar", 0.5, 4));
            shown.push(beliefs(&id, "event", 0.6, 3));
            shown.push(beliefs(&id, "fused", 0.9, 40));
        }
    }
    recordings.push(recorded("fan-0", None, Scene::Fan));
    all.push(scores("fan-0", "one", FOODER, 20.0));
    let of = Of::new("anna".into(), true, Some(1.0), vec!["twin-1: by hand".into()], [4, 2, 11]);
    let thresholds = vec![Threshold {
        run: BASELINE.to_owned(),
        detector: REFERENCE.to_owned(),
        threshold: 1.2,
    }];
    let runs = vec![run("one"), run("two")];
    Table { of, recordings, runs, thresholds, scores: all, beliefs: shown }
}

fn row<'r>(report: &'r Report, subset: &str, grain: &str) -> &'r identity::Row {
    let mut rows = report.identity.rows.iter();
    rows.find(|row| row.detector == FOODER && row.subset.starts_with(subset) && row.grain == grain)
        .unwrap()
}

#[test]
fn the_look_alike_is_named_and_the_far_are_kept_apart() {
    let report = analyse(&table(), &[], None, DRAWS);
    let worst = &report.identity.strangers[0];
    assert_eq!((worst.person.as_str(), worst.is_near), ("bob", true));
    assert!((worst.accepted - 1.0).abs() < 1e-12);
    assert_eq!(report.identity.strangers.iter().filter(|one| one.is_near).count(), 1);
    assert!(report.identity.words[0].starts_with("1 of 4 strangers were accepted in most"));
    assert!((row(&report, "far", "frame").auroc.value - 1.0).abs() < 1e-12);
    assert!(row(&report, "near", "frame").auroc.value < 0.75);
    // 2 of 8 sessions accepted, in all of their windows
    let two_seconds = row(&report, "all strangers", "2 s");
    let accepted = two_seconds.false_accept.unwrap();
    assert!((accepted.value - 0.25).abs() < 1e-12);
    // whole persons are drawn: with one of four accepted, none may be drawn and two may be
    assert!(accepted.low.unwrap() < 1e-9 && accepted.high.unwrap() > 0.45);
    // one frame in a hundred was not decided on
    let frame = row(&report, "all strangers", "frame");
    assert!((frame.genuine_undecided.unwrap().value - 0.01).abs() < 1e-12);
}

#[test]
fn permuting_persons_leaves_chance() {
    let permuted = analyse(&table(), &[], None, DRAWS).identity.permuted.unwrap();
    assert!((permuted.auroc.value - 0.5).abs() < 0.05, "{permuted:?}");
    assert!(permuted.auroc.low.unwrap() < 0.2 && permuted.auroc.high.unwrap() > 0.8);
}

#[test]
fn fusion_is_compared_with_each_sensor_on_the_same_windows() {
    let report = analyse(&table(), &[], None, DRAWS);
    let of = |source: &str| {
        let mut rows = report.expression.rows.iter();
        rows.find(|row| row.is_main(source, "followed")).unwrap()
    };
    assert!((of("radar").accuracy.value - 0.75).abs() < 1e-12);
    assert!((of("fused").accuracy.value - 39.0 / 40.0).abs() < 1e-12);
    assert_eq!(of("fused").confusion.0[0], [38, 2, 0, 0]);
    assert_eq!(of("fused").recalls[2], None);
    let pair = report.expression.pairs.iter().find(|pair| pair.second == "radar").unwrap();
    assert!((pair.difference.value - 0.225).abs() < 1e-12);
    assert_eq!((pair.mcnemar.first_only, pair.mcnemar.second_only), (18, 0));
    // whole poses: the mean belief is right in spite of the slips
    let poses = report.expression.rows.iter().find(|row| row.grain == "pose").unwrap();
    assert_eq!((poses.judged, poses.accuracy.value.to_bits()), (4, 1.0_f64.to_bits()));
}

#[test]
fn a_session_before_one_sensor_is_not_judged_beside_those_before_both() {
    let mut table = table();
    let alone = "anna-2";
    table.recordings.push(recorded(alone, Some("anna"), Scene::Person));
    // Always wrong.
    table.beliefs.push(beliefs(alone, "radar", 0.5, 1));
    let report = analyse(&table, &[], None, DRAWS);
    let radar = report.expression.rows.iter().find(|row| row.is_main("radar", "followed")).unwrap();
    assert_eq!((radar.sessions, radar.judged), (2, 80));
    assert!(report.expression.pairs.iter().any(|pair| pair.is_main() && pair.second == "radar"));
}

#[test]
fn targets_are_met_missed_or_not_measured_and_nothing_is_claimed_for_people() {
    let report = analyse(&table(), &[], None, DRAWS);
    let verdicts: Vec<Verdict> = report.targets.iter().map(|one| one.sim.verdict).collect();
    let (met, missed, none) = (Verdict::Met, Verdict::Missed, Verdict::NotMeasured);
    assert_eq!(verdicts, [missed, met, missed, met, met, met, met, none]);
    assert!(report.targets.iter().all(|one| one.real.verdict == none));
    assert!(report.targets.iter().all(|one| one.bench.words() == "not measured"));
    assert!(report.limits[0].starts_with("Everything here is simulated"));
    let cost = Cost { cs3d_accuracy: 0.9, c3d_accuracy: 0.9, cost_share: 0.2197 };
    let report = analyse(&table(), &[], Some(&cost), DRAWS);
    assert_eq!(report.targets[7].sim.verdict, met);
}

#[test]
fn seeds_and_spreads_are_gathered_from_bundles_and_tables() {
    let mut other = table();
    other.of.spread = Some(0.25);
    let report = analyse(&table(), &[other], None, DRAWS);
    let auroc = &report.seeds[0];
    assert_eq!(auroc.values.len(), 2);
    assert!(auroc.least.unwrap() <= auroc.median.unwrap());
    assert!(auroc.median.unwrap() <= auroc.most.unwrap());
    let spreads: Vec<f64> = report.spread.iter().map(|point| point.spread).collect();
    assert_eq!(spreads, [0.25, 0.25, 1.0, 1.0]);
    assert!(report.limits.iter().any(|limit| limit.starts_with("2 training runs")));
}
