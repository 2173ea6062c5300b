//! The gate in virtual time: its promises over random histories, and one walk through its states.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use super::*;
use crate::data::message::Band;
use crate::data::score::Normal;

const CALIBRATION: IdentityCalibration = IdentityCalibration {
    window_ms: 500,
    enrolled: Normal { mean: 0.0, deviation: 1.0 },
    reference: Normal { mean: 3.0, deviation: 1.6 },
};

fn at(millis: i64) -> Now {
    let micros = millis * 1_000;
    Now { host: Stamp::from_micros(micros), boot: Stamp::from_micros(micros) }
}

fn gate(require_liveness: bool) -> IdentityGate {
    let config = Config { require_liveness, ..Config::default() };
    IdentityGate::new(&config, &Means::Scores(CALIBRATION))
}

/// A good frame with this score.
fn frame(stranger: f32) -> Observation {
    Observation { is_usable: true, has_echo: true, stranger: Some(stranger) }
}

/// What happened at one instant.
#[derive(Debug, Clone, Copy)]
struct Moment {
    step: i64,
    seen: Option<Observation>,
    liveness: Liveness,
    restart: bool,
}

/// Stretches of one kind each, long enough for every state to be reached.
fn history() -> impl Strategy<Value = Vec<Moment>> {
    let liveness = prop_oneof![
        4 => Just(Liveness::Live),
        1 => Just(Liveness::Insufficient),
        1 => Just(Liveness::NotLive),
    ];
    let kind = (
        prop_oneof![3 => Just(0.0_f32), 2 => Just(4.0), 1 => 0.0..4.0_f32],
        prop::bool::weighted(0.9),
        prop::bool::weighted(0.9),
        prop::bool::weighted(0.9),
        liveness,
    );
    let stretch = (kind, 1..90_usize).prop_flat_map(|(kind, count)| {
        let (score, has_echo, is_usable, is_heard, liveness) = kind;
        let step = prop_oneof![60 => Just(50_i64), 2 => 60..700_i64, 1 => 900..4_000_i64];
        let restart = prop::bool::weighted(0.002);
        prop::collection::vec((step, restart), count).prop_map(move |moments| {
            let seen = Observation { is_usable, has_echo, stranger: Some(score) };
            moments
                .into_iter()
                .map(|(step, restart)| Moment {
                    step,
                    seen: is_heard.then_some(seen),
                    liveness,
                    restart,
                })
                .collect::<Vec<_>>()
        })
    });
    prop::collection::vec(stretch, 1..12).prop_map(|stretches| stretches.concat())
}

/// Everything that must be true of `enrolled` at the end of `past`, read off the history alone:
/// instants in milliseconds, newest last.
fn may_be_enrolled(past: &[(i64, Moment)], require_liveness: bool) -> Result<(), &'static str> {
    let (now, last) = past[past.len() - 1];
    let usable = |moment: &Moment| moment.seen.is_some_and(|seen| seen.is_usable);
    let restarted = past.iter().rposition(|(_, moment)| moment.restart).map_or(0, |i| i);
    let frames: Vec<_> =
        past[restarted..].iter().filter(|(_, moment)| usable(moment)).copied().collect();
    let Some(&(newest, _)) = frames.last() else { return Err("no frame since the start") };
    if now - newest > 500 {
        return Err("the radar is lost");
    }
    // Fresh: no silence between them. Four windows of 500 ms, and a frame that ends the last.
    let silence = frames.windows(2).rposition(|two| two[1].0 - two[0].0 > 500);
    let fresh = &frames[silence.map_or(0, |i| i + 1)..];
    // A frame with holes may end a window, most of whose frames had none.
    let heard = past.iter().rfind(|(_, moment)| moment.seen.is_some()).map_or(0, |(then, _)| *then);
    if heard - fresh[0].0 < 2_000 || fresh.len() < 4 {
        return Err("fewer than four fresh windows");
    }
    let recent = |span: i64| fresh.iter().filter(move |(then, _)| now - then <= span);
    // A lease of 2 s from the last frame of a window of 500 ms.
    if !recent(2_500).any(|(_, m)| m.seen.is_some_and(|seen| seen.stranger < Some(2.0))) {
        return Err("no support for longer than a lease");
    }
    if !recent(1_000).any(|(_, m)| m.seen.is_some_and(|seen| seen.has_echo)) {
        return Err("nobody is there");
    }
    if require_liveness && last.liveness == Liveness::NotLive {
        return Err("not alive");
    }
    let lived = past.iter().any(|(then, m)| now - then <= 2_000 && m.liveness == Liveness::Live);
    if require_liveness && !lived {
        return Err("not alive within a lease");
    }
    Ok(())
}

#[test]
fn the_random_histories_reach_every_state() {
    let mut runner = TestRunner::deterministic();
    let mut seen = BTreeMap::new();
    for _ in 0..200 {
        let history = history().new_tree(&mut runner).unwrap().current();
        let (mut gate, mut now) = (gate(true), 0);
        for moment in history {
            now += moment.step;
            if let Some(seen) = &moment.seen {
                gate.push(at(now), seen, moment.liveness);
            }
            let identity = gate.decide(at(now), moment.liveness);
            *seen.entry(format!("{:?} {:?}", identity.state, identity.reason)).or_insert(0) += 1;
        }
    }
    for state in [
        "Nobody None",
        "Checking None",
        "Enrolled None",
        "NotEnrolled None",
        "Unknown Some(NoRadar)",
        "Unknown Some(Degraded)",
        "Unknown Some(NotLive)",
    ] {
        assert!(seen.get(state).is_some_and(|moments| *moments >= 50), "{state}: {seen:?}");
    }
}

proptest! {
    #[test]
    fn enrolled_rests_on_fresh_windows_a_lease_a_living_radar_and_somebody_there(
        history in history(),
        require_liveness in any::<bool>(),
    ) {
        let mut gate = gate(require_liveness);
        let (mut now, mut past) = (0, Vec::new());
        for moment in history {
            now += moment.step;
            past.push((now, moment));
            if moment.restart {
                gate.restart();
            }
            if let Some(seen) = &moment.seen {
                gate.push(at(now), seen, moment.liveness);
            }
            let identity = gate.decide(at(now), moment.liveness);
            if identity.state == IdentityState::Enrolled {
                let reason = may_be_enrolled(&past, require_liveness);
                prop_assert_eq!(reason, Ok(()), "enrolled at {}", now);
                prop_assert!(identity.lease_ms.is_some_and(|left| left <= 2_000));
            } else {
                prop_assert!(identity.band.is_none() && identity.lease_ms.is_none());
            }
            let has_reason = identity.reason.is_some();
            prop_assert_eq!(has_reason, identity.state == IdentityState::Unknown);
        }
    }

    #[test]
    fn nobody_is_let_in_for_thirty_seconds_after_the_fifth_rejection_whatever_is_tried(
        history in history(),
        kills in prop::collection::vec(0..30_000_i64, 0..4),
    ) {
        let mut gate = gate(false);
        gate.resume(LockoutRecord { rejections: 4, served: true });
        let mut now = 0;
        while gate.record().rejections < 5 {
            gate.push(at(now), &frame(4.0), Liveness::Live);
            now += 50;
            prop_assert!(now < 10_000, "a stranger is rejected within 10 s");
        }
        let end = now - 50 + 30_000;
        let mut kills: Vec<i64> = kills.iter().map(|kill| now + kill).collect();
        kills.sort_unstable();
        for moment in history.iter().cycle() {
            now += moment.step;
            if now >= end {
                break;
            }
            if kills.first().is_some_and(|kill| now >= *kill) {
                kills.remove(0);
                let record = gate.record();
                gate = self::gate(false);
                gate.resume(record);
            }
            if let Some(seen) = &moment.seen {
                gate.push(at(now), seen, moment.liveness);
            }
            let identity = gate.decide(at(now), moment.liveness);
            prop_assert_eq!(identity.reason, Some(UnknownReason::LockedOut), "at {}", now);
        }
    }

    #[test]
    fn a_lost_radar_costs_the_lease_within_a_second_whoever_asks_when(
        pause in 1_000..20_000_i64,
        asks in prop::collection::vec(1_000..20_000_i64, 0..5),
    ) {
        let mut gate = gate(false);
        for frame_number in 0..100 {
            gate.push(at(frame_number * 50), &frame(0.0), Liveness::Live);
        }
        prop_assert_eq!(gate.decide(at(4_950), Liveness::Live).state, IdentityState::Enrolled);
        for ask in asks {
            prop_assert_eq!(
                gate.decide(at(4_950 + ask), Liveness::Live).reason,
                Some(UnknownReason::NoRadar)
            );
        }
        // Back after the pause: four fresh windows before anybody is let in again.
        for frame_number in 0..40 {
            let now = 4_950 + pause.max(20_000) + frame_number * 50;
            gate.push(at(now), &frame(0.0), Liveness::Live);
            prop_assert_ne!(gate.decide(at(now), Liveness::Live).state, IdentityState::Enrolled);
        }
    }
}

#[test]
fn means_without_scores_let_nobody_in() {
    for means in [Means::NoBundle, Means::NoRadar, Means::NoNetwork] {
        let mut gate = IdentityGate::new(&Config::default(), &means);
        for frame_number in 0..200 {
            gate.push(at(frame_number * 50), &frame(0.0), Liveness::Live);
            let identity = gate.decide(at(frame_number * 50), Liveness::Live);
            assert_eq!(identity.state, IdentityState::Unknown);
            assert!(identity.reason.is_some());
        }
    }
}

/// Plays frames of 50 ms and says when each state begins.
fn walk(
    gate: &mut IdentityGate,
    now: &mut i64,
    frames: i64,
    seen: &Observation,
) -> Vec<(i64, IdentityState)> {
    let mut states: Vec<(i64, IdentityState)> = Vec::new();
    for _ in 0..frames {
        gate.push(at(*now), seen, Liveness::Live);
        let state = gate.decide(at(*now), Liveness::Live).state;
        if states.last().is_none_or(|(_, before)| *before != state) {
            states.push((*now, state));
        }
        *now += 50;
    }
    states
}

#[test]
fn a_visit_goes_through_nobody_checking_enrolled_and_nobody() {
    let (mut gate, mut now) = (gate(false), 0);
    let empty = Observation { is_usable: true, has_echo: false, stranger: Some(9.0) };
    let arrival = walk(&mut gate, &mut now, 100, &empty);
    assert_eq!(arrival, [(0, IdentityState::Nobody)]);
    let visit = walk(&mut gate, &mut now, 100, &frame(0.0));
    let [nobody, (checking, IdentityState::Checking), (enrolled, IdentityState::Enrolled)] =
        visit[..]
    else {
        panic!("{visit:?}");
    };
    assert_eq!(nobody, (5_000, IdentityState::Nobody));
    assert_eq!(checking, 5_100, "the third echo");
    assert!((2_000..=2_600).contains(&(enrolled - checking)), "{enrolled}");
    let identity = gate.decide(at(now), Liveness::Live);
    assert_eq!(identity.band, Some(Band::High));
    let left = walk(&mut gate, &mut now, 100, &empty);
    assert_eq!(left.last().map(|(_, state)| *state), Some(IdentityState::Nobody));
    assert!(left[1].0 <= 10_000 + 2_000, "{left:?}");
}

#[test]
fn frames_with_holes_are_degraded_and_frames_that_stay_away_are_no_radar() {
    let (mut gate, mut now) = (gate(false), 0);
    walk(&mut gate, &mut now, 100, &frame(0.0));
    let holes = Observation { is_usable: false, ..frame(0.0) };
    walk(&mut gate, &mut now, 12, &holes);
    let reason = |gate: &mut IdentityGate, now| gate.decide(at(now), Liveness::Live).reason;
    assert_eq!(reason(&mut gate, now), Some(UnknownReason::Degraded));
    assert_eq!(reason(&mut gate, now + 600), Some(UnknownReason::NoRadar));
}

#[test]
fn a_stranger_who_sits_on_is_rejected_once_and_one_who_returns_five_times_is_locked_out() {
    let (mut gate, mut now) = (gate(false), 0);
    walk(&mut gate, &mut now, 6_000, &frame(4.0));
    assert_eq!(gate.record().rejections, 1, "five minutes on one seat are one try");
    let empty = Observation { is_usable: true, has_echo: false, stranger: None };
    for _ in 0..4 {
        walk(&mut gate, &mut now, 40, &empty);
        walk(&mut gate, &mut now, 100, &frame(4.0));
    }
    assert_eq!(gate.record(), LockoutRecord { rejections: 5, served: false });
    let locked = walk(&mut gate, &mut now, 500, &frame(0.0));
    assert_eq!(locked, [(now - 25_000, IdentityState::Unknown)]);
    let after = walk(&mut gate, &mut now, 400, &frame(0.0));
    assert_eq!(after.last().map(|(_, state)| *state), Some(IdentityState::Enrolled));
    assert_eq!(gate.record().rejections, 0);
}

#[test]
fn a_score_that_is_no_number_is_no_evidence() {
    for score in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let (mut gate, mut now) = (gate(false), 0);
        let states = walk(&mut gate, &mut now, 400, &frame(score));
        assert_eq!(states.last().map(|(_, state)| *state), Some(IdentityState::Checking));
        assert_eq!(gate.record().rejections, 0);
    }
}

#[test]
fn once_a_fault_stops_the_enrolled_person_is_let_in_again_within_five_seconds() {
    let good = frame(0.0);
    let faults = [
        None,
        Some(Observation { is_usable: false, ..good }),
        Some(Observation { stranger: Some(f32::NAN), ..good }),
        Some(Observation { stranger: None, ..good }),
        Some(Observation { has_echo: false, ..good }),
        Some(frame(1e9)),
    ];
    for fault in faults {
        let (mut gate, mut now) = (gate(false), 0);
        walk(&mut gate, &mut now, 120, &good);
        for _ in 0..200 {
            if let Some(fault) = &fault {
                gate.push(at(now), fault, Liveness::Live);
            }
            gate.decide(at(now), Liveness::Live);
            now += 50;
        }
        let state = gate.decide(at(now), Liveness::Live).state;
        assert_ne!(state, IdentityState::Enrolled, "{fault:?}");
        let after = walk(&mut gate, &mut now, 100, &good);
        let last = after.last().map(|(_, state)| *state);
        assert_eq!(last, Some(IdentityState::Enrolled), "{fault:?}: {after:?}");
    }
}

#[test]
fn a_restart_begins_with_nobody_and_four_fresh_windows() {
    let (mut gate, mut now) = (gate(false), 0);
    walk(&mut gate, &mut now, 120, &frame(0.0));
    gate.restart();
    assert_eq!(gate.decide(at(now), Liveness::Live).state, IdentityState::Nobody);
    let after = walk(&mut gate, &mut now, 100, &frame(0.0));
    let enrolled = after.iter().find(|(_, state)| *state == IdentityState::Enrolled);
    assert!(enrolled.is_some_and(|(then, _)| *then >= 6_000 + 2_000), "{after:?}");
}

#[test]
fn required_liveness_keeps_out_what_is_not_alive_and_makes_the_rest_wait() {
    for (liveness, state) in [
        (Liveness::Live, IdentityState::Enrolled),
        (Liveness::Insufficient, IdentityState::Checking),
        (Liveness::NotLive, IdentityState::Unknown),
    ] {
        let mut gate = gate(true);
        for frame_number in 0..100 {
            gate.push(at(frame_number * 50), &frame(0.0), liveness);
        }
        assert_eq!(gate.decide(at(4_950), liveness).state, state);
    }
}
