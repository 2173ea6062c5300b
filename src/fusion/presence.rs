//! Whether somebody is in front of the radar at all, with hysteresis in recorded time.

use crate::units::{HostClock, Micros, Stamp};

/// Frames with an echo that it takes, so that one frame of noise is nobody.
const HITS: usize = 3;

/// Span within which they must come, and silence after which nobody is there any more.
const SPAN: Micros = Micros::from_millis(750);

/// Turns echoes into presence.
///
/// ```text
///            3 frames with an echo within 0.75 s
///   nobody ──────────────────────────────────> somebody
///          <──────────────────────────────────
///               no echo for more than 0.75 s
/// ```
///
/// An echo is a target that moves, fast or as slowly as a breath, near enough to be in front of
/// the radar. A fan or a curtain passes: presence only says that it is worth looking closer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Presence {
    /// The newest echoes, newest last.
    echoes: [Option<Stamp<HostClock>>; HITS],
    is_somebody: bool,
}

impl Presence {
    /// Takes the frame of `now`, no earlier than the one before.
    pub fn push(&mut self, now: Stamp<HostClock>, has_echo: bool) {
        self.is_somebody = self.somebody(now);
        if has_echo {
            self.echoes.rotate_left(1);
            self.echoes[HITS - 1] = Some(now);
            self.is_somebody |= self.echoes[0].is_some_and(|first| now - first <= SPAN);
        }
    }

    /// True if somebody is there at `now`, no earlier than the newest frame.
    #[must_use]
    pub fn somebody(&self, now: Stamp<HostClock>) -> bool {
        self.is_somebody && self.echoes[HITS - 1].is_some_and(|last| now - last <= SPAN)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fusion::testing::at;

    /// The rule read off all echoes there ever were, milliseconds.
    fn model(echoes: &[i64], now: i64) -> bool {
        // Some three lie within the span, and from the third on there is never a silence.
        echoes.windows(HITS).enumerate().any(|(i, three)| {
            let since: Vec<i64> = echoes[i + HITS - 1..].iter().copied().chain([now]).collect();
            three[HITS - 1] - three[0] <= 750 && since.windows(2).all(|two| two[1] - two[0] <= 750)
        })
    }

    proptest! {
        #[test]
        fn presence_is_its_rule_at_any_time(
            frames in prop::collection::vec((0..550_i64, prop::bool::weighted(0.7)), 0..40),
            later in 0..1_500_i64,
        ) {
            let mut presence = Presence::default();
            let (mut now, mut echoes) = (0, Vec::new());
            for (step, has_echo) in frames {
                now += step;
                presence.push(at(now), has_echo);
                if has_echo {
                    echoes.push(now);
                }
                prop_assert_eq!(presence.somebody(at(now)), model(&echoes, now));
            }
            prop_assert_eq!(presence.somebody(at(now + later)), model(&echoes, now + later));
        }
    }

    #[test]
    fn two_echoes_are_nobody_three_are_somebody_and_silence_is_nobody_again() {
        let mut presence = Presence::default();
        presence.push(at(0), true);
        presence.push(at(50), true);
        assert!(!presence.somebody(at(50)));
        presence.push(at(100), true);
        assert!(presence.somebody(at(850)));
        assert!(!presence.somebody(at(851)));
    }
}
