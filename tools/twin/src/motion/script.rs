//! What is to be shown when: cues in random balanced order, with rests between them.

use crate::random::Random;

/// A posed facial expression. The name says which pose was asked for, never what anybody feels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Expression {
    /// Rest, on purpose.
    Neutral,
    /// Action units 6 + 12.
    Smile,
    /// Action units 1 + 2 + 5 + 26.
    Shock,
    /// Action units 4 + 5 + 7 + 23.
    Anger,
}

impl Expression {
    /// All four.
    pub const ALL: [Self; 4] = [Self::Neutral, Self::Smile, Self::Shock, Self::Anger];

    /// Its name in data sets.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Neutral => "neutral",
            Self::Smile => "smile",
            Self::Shock => "shock",
            Self::Anger => "anger",
        }
    }
}

/// One shown expression, seconds from the start of the session.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Label {
    /// What is shown.
    pub expression: Expression,
    /// First movement.
    pub onset: f64,
    /// Fully shown from here.
    pub apex: f64,
    /// Begins to fade.
    pub offset: f64,
    /// Rest again.
    pub end: f64,
}

/// The expressions of a session, in order of time, without overlap.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Script {
    /// Each shown expression.
    pub labels: Vec<Label>,
}

/// Shortest and longest rest between two expressions, seconds.
const REST: (f64, f64) = (0.6, 1.6);
/// Shortest and longest time that an expression is held, seconds.
const HOLD: (f64, f64) = (1.2, 2.4);

/// Shortest rise and fall, seconds.
const QUICKEST: f64 = 0.005;

impl Script {
    /// Cues for `seconds`: blocks of all four expressions, each block in its own random order.
    ///
    /// Apex and end are those of an average person; [`timed`](Self::timed) sets a person's own.
    #[must_use]
    pub fn cued(seconds: f64, mut random: Random) -> Self {
        let mut labels = Vec::new();
        let mut t = random.between(0.5, 1.5);
        loop {
            let mut block = Expression::ALL;
            random.shuffle(&mut block);
            for expression in block {
                let (rise, fall) = (0.4, 0.7);
                let hold = random.between(HOLD.0, HOLD.1);
                let end = t + rise + hold + fall;
                if end + 0.5 > seconds {
                    return Self { labels };
                }
                labels.push(Label {
                    expression,
                    onset: t,
                    apex: t + rise,
                    offset: t + rise + hold,
                    end,
                });
                t = end + random.between(REST.0, REST.1);
            }
        }
    }

    /// The same cues, all `by` seconds later.
    #[must_use]
    pub fn later(mut self, by: f64) -> Self {
        for label in &mut self.labels {
            for time in [&mut label.onset, &mut label.apex, &mut label.offset, &mut label.end] {
                *time += by;
            }
        }
        self
    }

    /// The same cues with rise and fall as `times` gives them for each expression.
    ///
    /// The rise is cut to half of the time until the offset, the fall to the rest that follows.
    #[must_use]
    pub fn timed(&self, times: impl Fn(Expression) -> (f64, f64)) -> Self {
        let mut labels = self.labels.clone();
        for n in 0..labels.len() {
            // The last one may last as long as the session was cued for, see `cued`.
            let next = labels.get(n + 1).map_or(labels[n].end + 0.5, |next| next.onset);
            let label = &mut labels[n];
            let (rise, fall) = times(label.expression);
            // Very quick persons need a moment, too: times are written in milliseconds.
            let (rise, fall) = (rise.max(QUICKEST), fall.max(QUICKEST));
            label.apex = label.onset + rise.min(0.5 * (label.offset - label.onset));
            label.end = (label.offset + fall).min(next - 0.1);
        }
        Self { labels }
    }

    /// Stretches of rest of at least `shortest` seconds before `until`.
    pub(super) fn rests(&self, shortest: f64, until: f64) -> Vec<(f64, f64)> {
        let ends = std::iter::once(0.0).chain(self.labels.iter().map(|label| label.end));
        let starts = self.labels.iter().map(|label| label.onset).chain(std::iter::once(until));
        ends.zip(starts).filter(|(from, to)| to - from >= shortest).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_expression_is_cued_equally_often_to_within_one() {
        let script = Script::cued(120.0, Random::stream(1, "s"));
        let counts = Expression::ALL
            .map(|wanted| script.labels.iter().filter(|l| l.expression == wanted).count());
        assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1, "{counts:?}");
        assert!(counts[0] >= 5);
    }

    #[test]
    fn whoever_moves_at_once_still_has_a_rise_and_a_fall_of_milliseconds() {
        let script = Script::cued(60.0, Random::stream(1, "s")).timed(|_| (0.0, 1e-6));
        for label in &script.labels {
            assert!(label.apex - label.onset > 0.004 && label.end - label.offset > 0.004);
        }
    }

    #[test]
    fn whoever_settles_first_poses_all_the_same() {
        let script = Script::cued(20.0, Random::stream(1, "s"));
        let later = script.clone().later(3.0);
        assert_eq!(script.labels.len(), later.labels.len());
        for (a, b) in script.labels.iter().zip(&later.labels) {
            assert!((b.onset - a.onset - 3.0).abs() < 1e-12 && (b.end - a.end - 3.0).abs() < 1e-12);
        }
    }

    #[test]
    fn labels_are_in_order_and_inside_the_session() {
        let script = Script::cued(60.0, Random::stream(1, "s")).timed(|_| (0.9, 5.0));
        let times: Vec<f64> =
            script.labels.iter().flat_map(|l| [l.onset, l.apex, l.offset, l.end]).collect();
        assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
        assert!(*times.last().unwrap() < 60.0);
    }
}
