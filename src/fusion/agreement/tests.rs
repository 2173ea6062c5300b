//! Agreement against a model, and how often it errs on simulated bursts of motion.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "numbers of frames, below a thousand"
)]

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use super::*;
use crate::fusion::testing::{Chance, at};

/// The answer of one frame, from all frames there were: `(millis, energy, rate)`.
fn model_answer(frames: &[(i64, f64, f64)]) -> Liveness {
    let now = frames[frames.len() - 1].0;
    let gap = frames.windows(2).rposition(|two| two[1].0 - two[0].0 > 250);
    let frames = &frames[gap.map_or(0, |i| i + 1)..];
    let recent: Vec<_> = frames.iter().filter(|frame| frame.0 >= now - 3_000).collect();
    let span = now - recent[0].0;
    let x: Vec<f64> = recent.iter().map(|frame| frame.1.sqrt()).collect();
    let y: Vec<f64> = recent.iter().map(|frame| frame.2.sqrt()).collect();
    let mut sorted = x.clone();
    sorted.sort_by(f64::total_cmp);
    let loud = sorted[sorted.len() / 2] * 10.0_f64.sqrt();
    let motion = x.iter().filter(|x| **x > loud).count();
    let events = recent.iter().filter(|frame| frame.2.sqrt() > 1_000.0_f64.sqrt()).count();
    if span < 2_750 || motion * 10 < x.len() || events * 10 < x.len() {
        return Liveness::Insufficient;
    }
    let lag = (100 * (x.len() as i64 - 1) / span).min(x.len() as i64 / 4);
    let mut r = -1.0_f64;
    for k in -lag..=lag {
        let pairs: Vec<(f64, f64)> = (0..x.len() as i64)
            .filter_map(|i| Some((x[i as usize], *y.get(usize::try_from(i + k).ok()?)?)))
            .collect();
        let n = pairs.len() as f64;
        let sum = |f: fn(&(f64, f64)) -> f64| pairs.iter().map(f).sum::<f64>();
        let both = n * sum(|p| p.0 * p.1) - sum(|p| p.0) * sum(|p| p.1);
        let xx = n * sum(|p| p.0 * p.0) - sum(|p| p.0).powi(2);
        let yy = n * sum(|p| p.1 * p.1) - sum(|p| p.1).powi(2);
        r = r.max(if xx > 0.0 && yy > 0.0 { both / (xx * yy).sqrt() } else { 0.0 });
    }
    match r {
        r if r >= 0.5 => Liveness::Live,
        r if r <= 0.15 => Liveness::NotLive,
        _ => Liveness::Insufficient,
    }
}

/// The state: every answer of the last second, and there must be a second of them, is the same.
fn model(frames: &[(i64, f64, f64)]) -> Liveness {
    let now = frames[frames.len() - 1].0;
    let answers: Vec<_> =
        (1..=frames.len()).map(|n| (frames[n - 1].0, model_answer(&frames[..n]))).collect();
    let newest = answers[answers.len() - 1].1;
    let since = answers.iter().rposition(|(_, answer)| *answer != newest).map_or(0, |i| i + 1);
    if now - answers[since].0 >= 1_000 { newest } else { Liveness::Insufficient }
}

/// Bursts of motion that both sensors see, one of them, or each its own.
fn frames() -> impl Strategy<Value = Vec<(i64, f64, f64)>> {
    let burst = (prop_oneof![Just(50_i64), Just(77)], 0..3_usize, 0..3_usize, 4..25_usize)
        .prop_flat_map(|(step, radar, camera, count)| {
            let energy = [1.0, 40.0, 4_000.0][radar];
            let rate = [50.0, 3_000.0, 40_000.0][camera];
            let frame = (Just(step), energy..energy * 3.0, rate..rate * 3.0);
            prop::collection::vec(frame, count)
        });
    (prop::collection::vec(burst, 1..12), prop::option::weighted(0.1, 0..60_usize)).prop_map(
        |(bursts, pause)| {
            let mut frames = bursts.concat();
            if let Some(frame) = pause.and_then(|at| frames.get_mut(at)) {
                frame.0 += 300;
            }
            let mut now = 0;
            for frame in &mut frames {
                now += frame.0;
                frame.0 = now;
            }
            frames
        },
    )
}

#[test]
fn the_random_bursts_reach_every_answer() {
    let mut runner = TestRunner::deterministic();
    let mut reached = [0; 3];
    for _ in 0..300 {
        let mut agreement = Agreement::new();
        for (now, energy, rate) in frames().new_tree(&mut runner).unwrap().current() {
            agreement.push(at(now), energy, rate);
            reached[agreement.state(at(now)) as usize] += 1;
        }
    }
    assert!(reached.iter().all(|frames| *frames >= 20), "{reached:?}");
}

proptest! {
    #[test]
    fn the_state_is_that_of_a_model_which_sees_all_frames_at_once(frames in frames()) {
        let mut agreement = Agreement::new();
        for (n, &(now, energy, rate)) in frames.iter().enumerate() {
            agreement.push(at(now), energy, rate);
            prop_assert_eq!(agreement.state(at(now)), model(&frames[..=n]), "at {}", now);
        }
    }
}

/// How strongly a talking, smiling, nodding face moves: bursts of 0.15 to 0.6 s, about one a second.
fn motion(chance: &mut Chance, frames: usize) -> Vec<f64> {
    let mut motion = vec![0.0; frames];
    let mut at = 0.0;
    while at < frames as f64 {
        at += 20.0 * (0.3 + 1.2 * chance.uniform());
        let (length, strength) = (3.0 + 9.0 * chance.uniform(), 0.3 + chance.uniform());
        for (i, motion) in motion.iter_mut().enumerate() {
            let u = (i as f64 - at) / length;
            if (0.0..1.0).contains(&u) {
                *motion += strength * (std::f64::consts::PI * u).sin();
            }
        }
        at += length;
    }
    motion
}

/// Shares of live and not-live among 200 looks at a camera that is `shift` frames late, each at
/// another motion, with the strength of each sensor's share jittering from burst to burst.
fn shares(shift: usize, is_own: bool) -> (f64, f64) {
    let (mut live, mut not_live) = (0, 0);
    for seed in 0..200 {
        let mut chance = Chance::seeded(seed);
        let radar = motion(&mut chance, 200 + shift);
        let camera = if is_own { radar.clone() } else { motion(&mut chance, 200 + shift) };
        let mut agreement = Agreement::new();
        for i in 0..200 {
            let energy = 1.0 + (30.0 * radar[i + shift] * (0.5 + chance.uniform())).powi(2);
            let rate = 200.0 * chance.uniform() + 8_000.0 * camera[i] * (0.5 + chance.uniform());
            agreement.push(at(i as i64 * 50), energy, rate);
        }
        match agreement.state(at(199 * 50)) {
            Liveness::Live => live += 1,
            Liveness::NotLive => not_live += 1,
            Liveness::Insufficient => {}
        }
    }
    (f64::from(live) / 200.0, f64::from(not_live) / 200.0)
}

#[test]
fn simulated_motion_of_one_face_agrees_and_that_of_two_hardly_ever_does() {
    for shift in 0..=2 {
        let (live, not_live) = shares(shift, true);
        assert!(live > 0.9 && not_live == 0.0, "{shift}: {live} live, {not_live} not");
    }
    for (shift, is_own) in [(20, true), (40, true), (0, false)] {
        let (live, not_live) = shares(shift, is_own);
        assert!(live < 0.05 && not_live > 0.3, "{shift}: {live} live, {not_live} not");
    }
}

#[test]
fn a_still_face_and_a_blink_are_not_enough_to_tell() {
    let mut agreement = Agreement::new();
    for i in 0..200 {
        let is_blink = [60, 61, 100, 101, 140, 141].contains(&i);
        agreement.push(at(i * 50), 1.0, if is_blink { 12_000.0 } else { 100.0 });
        assert_eq!(agreement.state(at(i * 50)), Liveness::Insufficient);
    }
}

#[test]
fn numbers_that_are_none_start_again() {
    let mut agreement = Agreement::new();
    let burst = |i: i64| if i % 20 < 6 { 100.0 } else { 1.0 };
    for i in 0..100 {
        agreement.push(at(i * 50), burst(i), burst(i) * 100.0);
    }
    assert_eq!(agreement.state(at(99 * 50)), Liveness::Live);
    agreement.push(at(100 * 50), f64::NAN, 0.0);
    assert_eq!(agreement.state(at(100 * 50)), Liveness::Insufficient);
}
