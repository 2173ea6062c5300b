//! The sequential test against a model that knows all frames, and against chance.

use proptest::prelude::*;

use super::*;
use crate::data::score::Normal;
use crate::fusion::testing::Chance;

const CALIBRATION: IdentityCalibration = IdentityCalibration {
    window_ms: 500,
    enrolled: Normal { mean: 0.0, deviation: 1.0 },
    reference: Normal { mean: 3.0, deviation: 1.6 },
};

type Frame = (i64, Option<f64>);

fn at(millis: i64) -> Stamp<HostClock> {
    Stamp::from_micros(millis * 1000)
}

/// The averages of the windows that have ended since the last silence, from all frames there were.
fn averages(frames: &[Frame]) -> Vec<f64> {
    let silence = frames.windows(2).rposition(|two| two[1].0 - two[0].0 > 1_000);
    let mut rest = &frames[silence.map_or(0, |i| i + 1)..];
    let mut averages = Vec::new();
    while let Some(end) = rest.iter().position(|frame| frame.0 >= rest[0].0 + 500) {
        let scores: Vec<f64> = rest[..end].iter().filter_map(|frame| frame.1).collect();
        if scores.len() > end - scores.len() {
            #[expect(clippy::cast_precision_loss, reason = "a handful")]
            averages.push(scores.iter().sum::<f64>() / scores.len() as f64);
        }
        rest = &rest[end..];
    }
    averages
}

/// The sum after each window, by Wald's formulas with the default shares of errors.
fn sums(averages: &[f64]) -> Vec<f64> {
    let (accept, reject) = (0.99_f64.ln() - 0.001_f64.ln(), 0.01_f64.ln() - 0.999_f64.ln());
    let ratio = LogRatio::new(&CALIBRATION);
    averages
        .iter()
        .scan(0.0_f64, |sum, &x| {
            let nats = ratio.of(x).min(accept / 4.0).max((reject - accept) / 2.0);
            *sum = (*sum + nats).min(accept).max(reject);
            Some(*sum)
        })
        .collect()
}

/// The verdict, by looking backwards for the newest sum that touches a bound and then forwards
/// whether it ever came back to the middle.
fn model(frames: &[Frame]) -> Verdict {
    let sums = sums(&averages(frames));
    let (accept, reject) = (0.99_f64.ln() - 0.001_f64.ln(), 0.01_f64.ln() - 0.999_f64.ln());
    let near = |sum: f64, bound: f64| (sum - bound).abs() < 1e-9;
    let touch = (3..sums.len()).rfind(|&i| near(sums[i], accept) || near(sums[i], reject));
    match touch {
        Some(i) if near(sums[i], accept) && sums[i..].iter().all(|&sum| sum > 0.0) => {
            Verdict::Enrolled
        }
        Some(i) if near(sums[i], reject) && sums[i..].iter().all(|&sum| sum < 0.0) => {
            Verdict::NotEnrolled
        }
        _ => Verdict::Checking,
    }
}

fn frames() -> impl Strategy<Value = Vec<(i64, Option<f64>)>> {
    // Stretches of one person each, so that every verdict is reached.
    let stretch = (prop_oneof![Just(0.0), Just(3.5), -3.0..8.0], 1..120_usize).prop_flat_map(
        |(mean, count)| {
            let step = prop_oneof![40 => Just(50_i64), 2 => 51..700_i64, 1 => 1_001..3_000_i64];
            let score = prop_oneof![9 => (mean - 1.0..mean + 1.0).prop_map(Some), 1 => Just(None)];
            prop::collection::vec((step, score), count)
        },
    );
    prop::collection::vec(stretch, 1..5).prop_map(|stretches| stretches.concat())
}

proptest! {
    #[test]
    fn the_verdict_is_that_of_a_model_which_sees_all_frames_at_once(frames in frames()) {
        let mut evidence = Evidence::new(&Config::default(), &CALIBRATION);
        let (mut now, mut history) = (0, Vec::new());
        for (step, score) in frames {
            now += step;
            history.push((now, score));
            let outcome = evidence.push(at(now), score);
            prop_assert_eq!(evidence.verdict(), model(&history), "at {}", now);
            if let Some(outcome) = outcome {
                prop_assert_eq!(outcome.after, evidence.verdict());
            }
        }
    }

    #[test]
    fn nobody_is_judged_before_four_windows_without_a_silence(frames in frames()) {
        let mut evidence = Evidence::new(&Config::default(), &CALIBRATION);
        let (mut now, mut history) = (0, Vec::new());
        for (step, score) in frames {
            now += step;
            history.push((now, score));
            evidence.push(at(now), score);
            if averages(&history).len() < 4 {
                prop_assert_eq!(evidence.verdict(), Verdict::Checking);
            }
        }
    }
}

/// First verdict of each of `tries` people whose windows are independent draws from `scores`.
fn first_verdicts(tries: u32, scores: Normal) -> [u32; 2] {
    let config = Config { false_accept: 0.01, false_reject: 0.02, ..Config::default() };
    let mut chance = Chance::seeded(61);
    let (mut enrolled, mut not_enrolled) = (0, 0);
    for _ in 0..tries {
        let mut evidence = Evidence::new(&config, &CALIBRATION);
        // One frame a window: its score is the window's.
        let verdict = (0..10_000).find_map(|window| {
            evidence.push(at(window * 500), Some(chance.normal(scores)));
            Some(evidence.verdict()).filter(|verdict| *verdict != Verdict::Checking)
        });
        match verdict {
            Some(Verdict::Enrolled) => enrolled += 1,
            _ => not_enrolled += 1,
        }
    }
    [enrolled, not_enrolled]
}

#[test]
fn shares_of_errors_stay_below_walds_bounds_when_scores_follow_the_calibration() {
    // 20 000 tries at 1 and 2 %: three standard deviations are 0.2 and 0.3 points.
    let [accepted, _] = first_verdicts(20_000, CALIBRATION.reference);
    assert!(f64::from(accepted) / 20_000.0 < 0.01 / 0.98 + 0.002, "{accepted} strangers");
    assert!(accepted > 0, "a test that never errs was not tested");
    let [_, rejected] = first_verdicts(20_000, CALIBRATION.enrolled);
    assert!(f64::from(rejected) / 20_000.0 < 0.02 / 0.99 + 0.003, "{rejected} rejections");
}

#[test]
fn a_stranger_who_takes_the_seat_supports_nothing_and_is_told_within_five_seconds() {
    let mut evidence = Evidence::new(&Config::default(), &CALIBRATION);
    let mut chance = Chance::seeded(7);
    for frame in 0..200 {
        evidence.push(at(frame * 50), Some(chance.normal(CALIBRATION.enrolled)));
    }
    assert_eq!(evidence.verdict(), Verdict::Enrolled);
    let mut told = None;
    for frame in 200..400 {
        let outcome = evidence.push(at(frame * 50), Some(3.0));
        assert!(frame < 211 || outcome.is_none_or(|outcome| outcome.support.is_none()), "{frame}");
        if evidence.verdict() == Verdict::NotEnrolled {
            told.get_or_insert(frame - 200);
        }
    }
    assert!(told.is_some_and(|frames| frames <= 100), "{told:?} frames of 50 ms");
}

#[test]
fn one_glitch_takes_the_verdict_from_nobody() {
    let mut evidence = Evidence::new(&Config::default(), &CALIBRATION);
    for frame in 0..100 {
        evidence.push(at(frame * 50), Some(0.0));
    }
    for frame in 100..110 {
        evidence.push(at(frame * 50), Some(1e9));
    }
    for frame in 110..121 {
        evidence.push(at(frame * 50), Some(0.0));
    }
    assert_eq!(evidence.verdict(), Verdict::Enrolled);
    assert_eq!(evidence.band(), Band::Medium);
}
