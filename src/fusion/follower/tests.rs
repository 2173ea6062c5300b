//! The follower against every path that a face could have taken.

use proptest::prelude::*;

use super::*;
use crate::fusion::testing::{WORTH, at};

/// Numbers of which none is another's.
const UNEVEN: ExpressionCalibration = ExpressionCalibration {
    radar_reliability: 0.9,
    event_reliability: 0.8,
    persistence_ms: 700,
    radar_repeat_ms: 200,
    ..WORTH
};

/// Compared by bits: nothing was computed anew.
fn bits(belief: Belief) -> [u64; 4] {
    belief.map(f64::to_bits)
}

fn event(probabilities: [f32; 4]) -> EventScores {
    EventScores { probabilities, rate_ev_s: 2_000.0 }
}

/// Milliseconds since the answer before, and the weights of an answer.
fn answers() -> impl Strategy<Value = Vec<(i64, [f32; 4])>> {
    let weights = prop::array::uniform4(0.05..1.0_f32);
    let answer = (1..500_i64, weights).prop_map(|(step, weights)| {
        let sum: f32 = weights.iter().sum();
        (step, weights.map(|weight| weight / sum))
    });
    prop::collection::vec(answer, 1..6)
}

/// The probability of each last state, by the sum over all paths: a slow twin without recursion.
#[expect(clippy::cast_precision_loss, reason = "milliseconds of a few seconds")]
fn over_all_paths(answers: &[(i64, [f32; 4])]) -> Belief {
    let mut sums = [0.0; 4];
    for path in 0..4_usize.pow(u32::try_from(answers.len()).unwrap()) {
        let state = |step: usize| path / 4_usize.pow(u32::try_from(step).unwrap()) % 4;
        let mut likelihood = 0.25;
        for (step, (waited, said)) in answers.iter().enumerate() {
            let waited = *waited as f64;
            let (stays, news) = if step == 0 {
                (1.0, 1.0)
            } else {
                ((-waited / 700.0).exp(), (waited / 300.0).min(1.0))
            };
            let moved = if step == 0 {
                1.0
            } else {
                0.25 * (1.0 - stays) + if state(step) == state(step - 1) { stays } else { 0.0 }
            };
            // Half of the best reliability, at the half rate of events.
            let q = 0.4 * f64::from(said[state(step)]) + 0.6 * 0.25;
            likelihood *= moved * q.powf(news);
        }
        sums[state(answers.len() - 1)] += likelihood;
    }
    let all: f64 = sums.iter().sum();
    sums.map(|sum| sum / all)
}

proptest! {
    #[test]
    fn belief_is_the_sum_over_all_that_could_have_been(answers in answers()) {
        let mut follower = Follower::new(Routing::Hard, UNEVEN);
        let mut now = 0;
        for (step, said) in &answers {
            now += step;
            follower.event(at(now), &event(*said)).unwrap();
        }
        let (found, expected) = (follower.belief(at(now)), over_all_paths(&answers));
        for (found, expected) in found.iter().zip(expected) {
            prop_assert!((found - expected).abs() < 1e-6, "{found} against {expected}");
        }
    }

    #[test]
    fn belief_stays_a_distribution_whatever_is_said_when(
        steps in prop::collection::vec((0..900_i64, 0..4_usize, prop::bool::ANY), 1..200),
    ) {
        let mut follower = Follower::new(Routing::Hard, UNEVEN);
        let mut now = 0;
        for (step, label, is_event) in steps {
            now += step;
            let sure: [f32; 4] = std::array::from_fn(|class| f32::from(u8::from(class == label)));
            if is_event {
                // A window ends up to 300 ms before anybody hears of it.
                follower.event(at(now - 300), &event(sure)).unwrap();
            } else {
                let gate = if label < 2 { [9.0, 0.0] } else { [0.0, 9.0] };
                let said = RadarExpression {
                    gate,
                    dynamic: Some([sure[0], 1.0 - sure[0]]),
                    still: Some([sure[2], 1.0 - sure[2]]),
                };
                follower.radar(at(now), &said).unwrap();
            }
            let belief = follower.belief(at(now));
            prop_assert!((belief.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            prop_assert!(belief.iter().all(|p| p.is_finite() && *p > 0.0), "{belief:?}");
        }
    }
}

/// Belief in the class that is said all the time for two seconds, every `step` milliseconds.
fn after_two_seconds(step: i64) -> f64 {
    let mut follower = Follower::new(Routing::Hard, UNEVEN);
    for answer in 0..=2_000 / step {
        follower.event(at(answer * step), &event([0.4, 0.2, 0.2, 0.2])).unwrap();
    }
    follower.belief(at(2_000))[0]
}

#[test]
fn asking_ten_times_as_often_makes_nobody_surer() {
    let (often, seldom) = (after_two_seconds(10), after_two_seconds(100));
    // Where belief fades and grows at once, steps of 100 ms are off by what fades in one of them.
    let step = (seldom - 0.25) * (1.0 - (-100.0_f64 / 700.0).exp());
    assert!((often - seldom).abs() < step, "{often} against {seldom}");
    // A single answer: q = 0.4 p + 0.6 / 4 of 0.31 against 0.23 thrice.
    assert!(often > 0.31, "many answers say no more than one: {often}");
}

#[test]
fn belief_fades_towards_ignorance_and_is_gone_after_half_a_second() {
    let mut follower = Follower::new(Routing::Hard, UNEVEN);
    assert_eq!(bits(follower.belief(at(0))), bits(IGNORANCE));
    follower.event(at(0), &event([1.0, 0.0, 0.0, 0.0])).unwrap();
    let fresh = follower.belief(at(0))[0];
    let faded = follower.belief(at(350))[0];
    assert!((faded - (0.25 + (fresh - 0.25) * (-0.5_f64).exp())).abs() < 1e-9);
    assert_eq!(bits(follower.belief(at(501))), bits(IGNORANCE));
    follower.restart();
    assert_eq!(bits(follower.belief(at(0))), bits(IGNORANCE));
}

#[test]
fn what_cannot_be_used_changes_nothing() {
    let mut follower = Follower::new(Routing::Hard, UNEVEN);
    follower.event(at(0), &event([0.7, 0.1, 0.1, 0.1])).unwrap();
    let before = follower.belief(at(50));
    assert_eq!(follower.event(at(50), &event([f32::NAN; 4])), Err(Refused::Probabilities));
    let odd = RadarExpression { gate: [f32::NAN, 0.0], dynamic: None, still: None };
    assert_eq!(follower.radar(at(50), &odd), Err(Refused::Gate));
    assert_eq!(bits(follower.belief(at(50))), bits(before));
}
