//! A whole visit through all that decides, with scores as networks will give them.

use super::*;
use crate::data::message::{ExpressionLabel, ExpressionState, Interval, UnknownReason};
use crate::data::score::{
    Calibration, ExpressionCalibration, IdentityCalibration, Normal, RadarExpression,
};

const WORTH: Calibration = Calibration {
    identity: IdentityCalibration {
        window_ms: 500,
        enrolled: Normal { mean: 0.0, deviation: 1.0 },
        reference: Normal { mean: 3.0, deviation: 1.6 },
    },
    expression: ExpressionCalibration {
        gate_temperature: 1.0,
        radar_reliability: 0.9,
        event_reliability: 0.9,
        half_rate_ev_s: 2_000.0,
        persistence_ms: 1_000,
        radar_repeat_ms: 400,
        event_repeat_ms: 300,
        least_confidence: 0.6,
    },
};

const EMPTY: [Option<Meters>; 2] = [None, None];
const SEATED: [Option<Meters>; 2] = [None, Some(Meters(0.33))];
const BEHIND: [Option<Meters>; 2] = [Some(Meters(2.0)), None];

/// Frames of 50 ms through [`Decisions`], with everything that was said.
struct Stage {
    decisions: Decisions,
    frame: i64,
    identities: Vec<(i64, Identity)>,
    shown: Vec<(i64, Option<ExpressionLabel>)>,
    intervals: Vec<Interval>,
    counts: Counts,
}

impl Stage {
    fn new(config: &fusion::Config) -> Self {
        let means = Means::Scores(WORTH.identity);
        Self {
            decisions: Decisions::plan(config, &means, Some(WORTH.expression)),
            frame: 0,
            identities: Vec::new(),
            shown: Vec::new(),
            intervals: Vec::new(),
            counts: Counts::default(),
        }
    }

    fn now(&self) -> Stamp<HostClock> {
        Stamp::from_micros(self.frame * 50_000)
    }

    /// Plays `frames` of somebody at `targets` with this score and face, breathing.
    fn play(
        &mut self,
        frames: i64,
        targets: [Option<Meters>; 2],
        stranger: f32,
        face: RadarExpression,
    ) {
        for _ in 0..frames {
            let glance = Glance { stamp: self.now(), is_whole: true, targets, motion: Some(1.0) };
            let radar = Some(RadarScores { stranger, expression: Some(face) });
            let heard = Heard { glance: Some(glance), radar, ..Heard::default() };
            self.hear(&heard);
        }
    }

    fn hear(&mut self, heard: &Heard) {
        let now = self.now();
        let (identity, said) = self.decisions.decide(now, Liveness::Live, heard, &mut self.counts);
        let millis = self.frame * 50;
        if self.identities.last().is_none_or(|(_, before)| before.state != identity.state) {
            self.identities.push((millis, identity));
        }
        if let Some(expression) = said.expression {
            let closed = expression.state == ExpressionState::Closed;
            assert_eq!(closed, identity.state != IdentityState::Enrolled, "at {millis}");
            self.shown.push((millis, expression.label));
        }
        self.intervals.extend(said.interval);
        self.frame += 1;
    }

    fn states(&self) -> Vec<IdentityState> {
        self.identities.iter().map(|(_, identity)| identity.state).collect()
    }
}

const NEUTRAL: RadarExpression =
    RadarExpression { gate: [-9.0, 9.0], dynamic: Some([0.5; 2]), still: Some([0.95, 0.05]) };
const SMILE: RadarExpression =
    RadarExpression { gate: [9.0, -9.0], dynamic: Some([0.95, 0.05]), still: Some([0.5; 2]) };

#[test]
fn a_visit_is_told_from_nobody_to_nobody_with_the_smile_between() {
    let mut stage = Stage::new(&fusion::Config::default());
    stage.play(40, EMPTY, 9.0, NEUTRAL);
    stage.play(100, SEATED, 0.0, NEUTRAL);
    stage.play(30, SEATED, 0.0, SMILE);
    stage.play(60, SEATED, 0.0, NEUTRAL);
    stage.play(60, EMPTY, 9.0, NEUTRAL);
    assert_eq!(
        stage.states(),
        [
            IdentityState::Nobody,
            IdentityState::Checking,
            IdentityState::Enrolled,
            IdentityState::Nobody,
        ]
    );
    let told: Vec<_> = stage.intervals.iter().map(|interval| interval.label).collect();
    assert_eq!(told, [ExpressionLabel::Neutral, ExpressionLabel::Smile]);
    let smile = stage.intervals[1];
    assert!((7_000_000..7_400_000).contains(&smile.onset_us), "{smile:?}");
    assert!((8_500_000..8_900_000).contains(&smile.offset_us), "{smile:?}");
    assert!(stage.counts.is_empty(), "{:?}", stage.counts);
}

#[test]
fn whoever_walks_by_behind_the_seat_is_nobody() {
    let mut stage = Stage::new(&fusion::Config::default());
    stage.play(200, BEHIND, 0.0, NEUTRAL);
    assert_eq!(stage.states(), [IdentityState::Nobody]);
}

#[test]
fn a_stranger_is_told_nothing_about_his_face() {
    let mut stage = Stage::new(&fusion::Config::default());
    stage.play(200, SEATED, 4.0, SMILE);
    assert_eq!(stage.states().last(), Some(&IdentityState::NotEnrolled));
    assert!(stage.shown.iter().all(|(_, label)| label.is_none()));
    assert!(stage.intervals.is_empty());
}

#[test]
fn a_radar_that_falls_silent_costs_the_lease_and_the_face_within_a_second() {
    let mut stage = Stage::new(&fusion::Config::default());
    stage.play(120, SEATED, 0.0, SMILE);
    assert_eq!(stage.states().last(), Some(&IdentityState::Enrolled));
    let lost = stage.frame * 50;
    for _ in 0..20 {
        stage.hear(&Heard::default());
    }
    let (revoked, identity) = stage.identities[stage.identities.len() - 1];
    assert_eq!(identity.reason, Some(UnknownReason::NoRadar));
    assert!(revoked - lost <= 1_000, "{revoked} after {lost}");
    assert!(stage.intervals.is_empty(), "a smile that was cut off is not told");
}

#[test]
fn a_radar_that_is_known_to_be_lost_costs_the_lease_at_once() {
    let mut stage = Stage::new(&fusion::Config::default());
    stage.play(120, SEATED, 0.0, NEUTRAL);
    assert_eq!(stage.states().last(), Some(&IdentityState::Enrolled));
    stage.hear(&Heard { is_lost: true, ..Heard::default() });
    let (_, identity) = stage.identities[stage.identities.len() - 1];
    assert_eq!(identity.reason, Some(UnknownReason::NoRadar));
}

#[test]
fn motion_that_the_camera_does_not_share_keeps_the_lease_away_where_liveness_is_required() {
    for (delay, state) in [(0, IdentityState::Enrolled), (1_050, IdentityState::Unknown)] {
        let config = fusion::Config { require_liveness: true, ..fusion::Config::default() };
        let mut stage = Stage::new(&config);
        for frame in 0..200_i64 {
            let moves = |millis: i64| millis.rem_euclid(1_700) < 400;
            let motion = Some(if moves(frame * 50) { 1_000.0 } else { 1.0 });
            let in_face = Some(if moves(frame * 50 - delay) { 300 } else { 5 });
            let glance = Glance { stamp: stage.now(), is_whole: true, targets: SEATED, motion };
            let radar = Some(RadarScores { stranger: 0.0, expression: None });
            stage.hear(&Heard { glance: Some(glance), radar, in_face, ..Heard::default() });
        }
        let (_, last) = stage.identities[stage.identities.len() - 1];
        assert_eq!(last.state, state, "{last:?} at a delay of {delay} ms");
        let reason = (delay > 0).then_some(UnknownReason::NotLive);
        assert_eq!(last.reason, reason);
    }
}

#[test]
fn a_lockout_is_handed_out_when_it_changes_and_goes_on_after_a_restart() {
    let mut stage = Stage::new(&fusion::Config::default());
    for visit in 1..=5_u32 {
        stage.play(40, EMPTY, 9.0, NEUTRAL);
        stage.play(100, SEATED, 5.0, NEUTRAL);
        assert_eq!(stage.decisions.identity.record().rejections, visit);
    }
    let record = stage.decisions.identity.record();
    let mut restarted = Stage::new(&fusion::Config::default());
    restarted.decisions.identity.resume(record);
    restarted.play(580, SEATED, 0.0, NEUTRAL);
    assert!(
        restarted
            .identities
            .iter()
            .all(|(_, identity)| { identity.reason == Some(UnknownReason::LockedOut) })
    );
    restarted.play(120, SEATED, 0.0, NEUTRAL);
    assert_eq!(restarted.states().last(), Some(&IdentityState::Enrolled));
}

#[test]
fn scores_that_are_no_numbers_are_counted_by_reason() {
    let mut stage = Stage::new(&fusion::Config::default());
    let odd = RadarExpression { gate: [f32::NAN, 0.0], ..SMILE };
    stage.play(3, SEATED, f32::NAN, odd);
    assert_eq!(stage.counts.get("score-not-finite"), 3);
    assert_eq!(stage.counts.get("gate-not-finite"), 3);
    let event = EventScores { probabilities: [0.9; 4], rate_ev_s: 1.0 };
    let now = stage.now();
    stage.hear(&Heard { event: Some((now, event)), ..Heard::default() });
    assert_eq!(stage.counts.get("not-probabilities"), 1);
}
