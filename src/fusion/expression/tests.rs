//! The stage in virtual time: closed without a lease, calm with one.

use proptest::prelude::*;

use super::*;
use crate::data::message::{Band, ExpressionLabel};
use crate::fusion::Routing;
use crate::fusion::testing::{WORTH, at};

fn stage() -> ExpressionStage {
    ExpressionStage::new(&ExpressionConfig::default(), Some(WORTH))
}

/// The radar is sure of one label.
fn sure(label: ExpressionLabel) -> RadarExpression {
    let (gate, expert) = match label {
        ExpressionLabel::Smile => ([9.0, 0.0], [1.0, 0.0]),
        ExpressionLabel::Shock => ([9.0, 0.0], [0.0, 1.0]),
        ExpressionLabel::Neutral => ([0.0, 9.0], [1.0, 0.0]),
        ExpressionLabel::Anger => ([0.0, 9.0], [0.0, 1.0]),
    };
    RadarExpression { gate, dynamic: Some(expert), still: Some(expert) }
}

#[test]
fn a_state_is_said_at_a_change_and_then_once_a_second() {
    let mut stage = ExpressionStage::new(&ExpressionConfig::default(), None);
    let mut say = |millis: i64, has_lease| {
        stage.decide(at(millis), has_lease).expression.map(|expression| expression.state)
    };
    assert_eq!(say(0, false), Some(ExpressionState::Closed));
    assert_eq!(say(999, false), None);
    assert_eq!(say(1000, false), Some(ExpressionState::Closed));
    assert_eq!(say(1050, true), Some(ExpressionState::Unknown));
    assert_eq!(say(1100, false), Some(ExpressionState::Closed));
}

#[derive(Debug, Clone, Copy)]
struct Moment {
    step: i64,
    has_lease: bool,
    radar: Option<ExpressionLabel>,
}

fn moments() -> impl Strategy<Value = Vec<Moment>> {
    let label = prop::sample::select(&ExpressionLabel::ALL[..]);
    let stretch = (prop::option::weighted(0.9, label), prop::bool::weighted(0.8), 1..40_usize)
        .prop_flat_map(|(radar, has_lease, count)| {
            let step = prop_oneof![30 => Just(50_i64), 1 => 50..1_500_i64];
            prop::collection::vec(
                step.prop_map(move |step| Moment { step, has_lease, radar }),
                count,
            )
        });
    prop::collection::vec(stretch, 1..10).prop_map(|stretches| stretches.concat())
}

proptest! {
    #[test]
    fn without_a_lease_nothing_is_told_and_no_interval_spans_two_leases(moments in moments()) {
        let mut stage = stage();
        let (mut now, mut opened, mut newest) = (0, None, None);
        for Moment { step, has_lease, radar } in moments {
            now += step;
            if let Some(label) = radar {
                stage.radar(at(now), &sure(label)).unwrap();
            }
            let said = stage.decide(at(now), has_lease);
            newest = said.expression.or(newest);
            let state = newest.map(|expression| expression.state);
            prop_assert_eq!(state == Some(ExpressionState::Closed), !has_lease);
            let has_label = newest.is_some_and(|expression| expression.label.is_some());
            prop_assert_eq!(has_label, state == Some(ExpressionState::Shown));
            opened = if has_lease { opened.or(Some(now)) } else { None };
            if let Some(interval) = said.interval {
                prop_assert!(opened.is_some_and(|opened| interval.onset_us >= opened * 1000));
                prop_assert_eq!(interval.offset_us, now * 1000);
            }
        }
    }
}

#[test]
fn a_smile_between_two_rests_is_one_interval_with_its_apex_inside() {
    let mut stage = stage();
    let mut told = Vec::new();
    for frame in 0..100 {
        let now = frame * 50;
        let label = if (40..60).contains(&frame) {
            ExpressionLabel::Smile
        } else {
            ExpressionLabel::Neutral
        };
        stage.radar(at(now), &sure(label)).unwrap();
        told.extend(stage.decide(at(now), true).interval);
    }
    let labels: Vec<_> = told.iter().map(|interval| interval.label).collect();
    assert_eq!(labels, [ExpressionLabel::Neutral, ExpressionLabel::Smile]);
    let smile = told[1];
    // It lasts from 2.0 to 3.0 s, and answers that count as one every 400 ms take a little longer.
    assert!((2_000_000..2_600_000).contains(&smile.onset_us), "{smile:?}");
    assert!((3_000_000..3_600_000).contains(&smile.offset_us), "{smile:?}");
    assert!((2_900_000..3_050_000).contains(&smile.apex_us), "as it ends: {smile:?}");
    assert_eq!(smile.band, Band::High);
}

#[test]
fn one_odd_frame_does_not_show() {
    let mut stage = stage();
    for frame in 0..100 {
        let label = if frame == 50 { ExpressionLabel::Shock } else { ExpressionLabel::Neutral };
        stage.radar(at(frame * 50), &sure(label)).unwrap();
        let said = stage.decide(at(frame * 50), true);
        assert_ne!(said.expression.and_then(|e| e.label), Some(ExpressionLabel::Shock));
        assert_eq!(said.interval, None);
    }
}

#[test]
fn answers_that_stay_away_for_half_a_second_are_forgotten_and_the_label_goes() {
    let mut stage = stage();
    for frame in 0..40 {
        stage.radar(at(frame * 50), &sure(ExpressionLabel::Anger)).unwrap();
        stage.decide(at(frame * 50), true);
    }
    let mut ended = None;
    for frame in 40..80 {
        ended = ended.or(stage.decide(at(frame * 50), true).interval);
    }
    let ended = ended.expect("the interval ends when belief is gone");
    assert_eq!(ended.label, ExpressionLabel::Anger);
    // The last answer came at 1.95 s.
    assert_eq!(ended.offset_us, 2_500_000, "{ended:?}");
}

#[test]
fn events_turn_the_answer_while_the_face_moves_and_not_while_it_rests() {
    let shock = |rate_ev_s| EventScores { probabilities: [0.0, 1.0, 0.0, 0.0], rate_ev_s };
    for (rate, label) in
        [(20_000.0, Some(ExpressionLabel::Shock)), (10.0, Some(ExpressionLabel::Neutral))]
    {
        let config = ExpressionConfig { routing: Routing::Soft };
        let mut stage = ExpressionStage::new(&config, Some(WORTH));
        // Neutral 0.79, shock 0.11: a radar that is not quite sure.
        let weak = RadarExpression {
            gate: [0.0, 2.0],
            dynamic: Some([0.1, 0.9]),
            still: Some([0.9, 0.1]),
        };
        stage.radar(at(0), &weak).unwrap();
        stage.event(at(0), &shock(rate)).unwrap();
        let said = stage.decide(at(0), true).expression.unwrap();
        assert_eq!(said.label, label, "at {rate} events a second");
    }
}
