//! Whether something that breathes is there: a hint, with hysteresis in recorded time.

use crate::data::message::Liveness;
use crate::units::{HostClock, Micros, Stamp};

/// What one look for breathing came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// A breath stands out.
    Breath,
    /// There was enough to look at, and no breath in it.
    NoBreath,
    /// There was not enough to look at, or other motion would have hidden a breath.
    TooLittle,
}

/// How long evidence counts. Looks come about once a second.
const HOLD: Micros = Micros::from_millis(3_000);

/// Turns looks for breathing into a state that does not flicker.
///
/// - *live* after two breaths in a row, and then as long as the newest breath is no older than 3 s;
/// - *not live* after two looks in a row without a breath, unless it is still live;
/// - *insufficient* otherwise: at first, after too little to look at, and when the newest look is
///   older than 3 s.
///
/// **A hint and no defence.** It tells a person from a photograph, a mask on a stand and an empty
/// chair. A mask worn by a living impostor breathes, and an oscillator at 0.25 Hz passes: who must
/// rule these out needs the identity score and a challenge.
#[derive(Debug, Clone, Copy, Default)]
pub struct LivenessGate {
    is_live: bool,
    newest: Option<(Stamp<HostClock>, Look)>,
    last_breath: Option<Stamp<HostClock>>,
    /// The two newest looks found no breath.
    twice_none: bool,
}

impl LivenessGate {
    /// Takes the look that ended at `now`, no earlier than the one before.
    pub fn push(&mut self, now: Stamp<HostClock>, evidence: Look) {
        self.is_live = self.holds(now);
        let fresh = self.newest.filter(|(then, _)| now - *then <= HOLD);
        let again = fresh.is_some_and(|(_, before)| before == evidence);
        self.is_live |= again && evidence == Look::Breath;
        self.twice_none = again && evidence == Look::NoBreath;
        self.newest = Some((now, evidence));
        if evidence == Look::Breath {
            self.last_breath = Some(now);
        }
    }

    /// The state at `now`, no earlier than the newest look.
    #[must_use]
    pub fn state(&self, now: Stamp<HostClock>) -> Liveness {
        let is_fresh = self.newest.is_some_and(|(then, _)| now - then <= HOLD);
        if self.holds(now) {
            Liveness::Live
        } else if self.twice_none && is_fresh {
            Liveness::NotLive
        } else {
            Liveness::Insufficient
        }
    }

    /// Forgets everything, for a gap in the stream.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    fn holds(&self, now: Stamp<HostClock>) -> bool {
        self.is_live && self.last_breath.is_some_and(|then| now - then <= HOLD)
    }
}

/// Whether somebody alive is there, from breath and from the agreement of both sensors.
///
/// Agreement can only object. It says that radar and camera look at the same motion, and a doll on
/// a motor has that; so only breath makes alive, and either can make not alive.
#[must_use]
pub const fn alive(breath: Liveness, agreement: Liveness) -> Liveness {
    match (breath, agreement) {
        (Liveness::NotLive, _) | (_, Liveness::NotLive) => Liveness::NotLive,
        (Liveness::Live, _) => Liveness::Live,
        (Liveness::Insufficient, _) => Liveness::Insufficient,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fusion::testing::at;

    /// The rules read off the whole history, newest look last, times in milliseconds.
    fn model(looks: &[(i64, Look)], now: i64) -> Liveness {
        let fresh = |then: i64, now: i64| now - then <= 3_000;
        let pair = |i: usize, both: Look| {
            let (a, b) = (looks[i - 1], looks[i]);
            a.1 == both && b.1 == both && fresh(a.0, b.0)
        };
        // Live: some pair of breaths from which breaths lead to now without a gap beyond 3 s.
        let is_live = (1..looks.len()).filter(|&i| pair(i, Look::Breath)).any(|i| {
            let breaths = looks[i..].iter().filter(|look| look.1 == Look::Breath);
            let times: Vec<i64> = breaths.map(|look| look.0).chain([now]).collect();
            times.windows(2).all(|two| fresh(two[0], two[1]))
        });
        let last = looks.len().wrapping_sub(1);
        if is_live {
            Liveness::Live
        } else if looks.len() > 1 && pair(last, Look::NoBreath) && fresh(looks[last].0, now) {
            Liveness::NotLive
        } else {
            Liveness::Insufficient
        }
    }

    proptest! {
        #[test]
        fn the_gate_is_its_rules_at_any_time(
            looks in prop::collection::vec(
                (
                    prop_oneof![Just(1_000_i64), 0..4_000_i64],
                    prop_oneof![
                        3 => Just(Look::Breath),
                        2 => Just(Look::NoBreath),
                        1 => Just(Look::TooLittle),
                    ],
                ),
                0..30,
            ),
            later in 0..5_000_i64,
        ) {
            let mut gate = LivenessGate::default();
            let mut history = Vec::new();
            let mut now = 0;
            for (step, evidence) in looks {
                now += step;
                gate.push(at(now), evidence);
                history.push((now, evidence));
                prop_assert_eq!(gate.state(at(now)), model(&history, now));
            }
            prop_assert_eq!(gate.state(at(now + later)), model(&history, now + later));
        }
    }

    #[test]
    fn only_breath_makes_alive_and_either_sensor_can_object() {
        use Liveness::{Insufficient, Live, NotLive};
        for agreement in [Insufficient, NotLive, Live] {
            assert_eq!(alive(Live, agreement) == Live, agreement != NotLive);
            assert_ne!(alive(Insufficient, agreement), Live);
            assert_eq!(alive(NotLive, agreement), NotLive);
        }
    }

    #[test]
    fn live_takes_two_breaths_and_is_lost_three_seconds_after_the_last() {
        let mut gate = LivenessGate::default();
        assert_eq!(gate.state(at(0)), Liveness::Insufficient);
        gate.push(at(1_000), Look::Breath);
        assert_eq!(gate.state(at(1_000)), Liveness::Insufficient);
        gate.push(at(2_000), Look::Breath);
        assert_eq!(gate.state(at(2_000)), Liveness::Live);
        gate.push(at(3_000), Look::NoBreath);
        gate.push(at(4_000), Look::NoBreath);
        assert_eq!(gate.state(at(5_000)), Liveness::Live);
        assert_eq!(gate.state(at(5_001)), Liveness::NotLive);
        assert_eq!(gate.state(at(7_001)), Liveness::Insufficient, "the radar has gone silent");
        gate.reset();
        assert_eq!(gate.state(at(7_001)), Liveness::Insufficient);
    }
}
