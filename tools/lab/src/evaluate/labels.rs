//! What was posed when, and what could be guessed without any sensor.

use visaged::data::message::ExpressionLabel;

use super::metrics::classes::{Belief, CLASSES};
use super::metrics::index;
use crate::dataset::{Expression, Label};

/// Seconds after the onset before which nothing is judged: the length of an event window, so that
/// a judged window lies within its label from end to end. The fade belongs to the label: an event
/// camera sees little but the way into a pose and out of it.
pub(crate) const SETTLE: f64 = 0.32;

/// Index of a posed expression in [`ExpressionLabel::ALL`].
pub(crate) fn class(expression: Expression) -> usize {
    let label = match expression {
        Expression::Smile => ExpressionLabel::Smile,
        Expression::Shock => ExpressionLabel::Shock,
        Expression::Neutral => ExpressionLabel::Neutral,
        Expression::Anger => ExpressionLabel::Anger,
    };
    ExpressionLabel::ALL.iter().position(|one| *one == label).unwrap_or(0)
}

/// Which label is judged at `time`, and what it shows; `None` at rest and while a pose begins.
pub(crate) fn at(labels: &[Label], time: f64) -> Option<(usize, usize)> {
    let is_judged = |label: &Label| (label.onset + SETTLE..=label.end).contains(&time);
    let pose = labels.iter().position(is_judged)?;
    Some((pose, class(labels[pose].expression)))
}

/// Length of the bins of [`Habits::clock`], seconds.
const BIN: f64 = 1.0;

/// What is posed how often, and when, in the recordings learnt from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Habits {
    all: Belief,
    bins: Vec<Belief>,
}

impl Habits {
    /// Adds a recording, every tenth of a second of it.
    pub(crate) fn learn(&mut self, labels: &[Label], seconds: f64) {
        for tenth in 0..index(10.0 * seconds) {
            let time = super::metrics::real(tenth) / 10.0;
            let Some((_, truth)) = at(labels, time) else { continue };
            let bin = index(time / BIN);
            if self.bins.len() <= bin {
                self.bins.resize(bin + 1, [0.0; CLASSES]);
            }
            self.bins[bin][truth] += 1.0;
            self.all[truth] += 1.0;
        }
    }

    /// How often each expression is posed, whatever the time.
    pub(crate) fn majority(&self) -> Belief {
        shares(self.all)
    }

    /// How often each is posed at this second of a recording: the clock-only classifier, which must
    /// be no better than the majority.
    pub(crate) fn clock(&self, time: f64) -> Belief {
        let bin = self.bins.get(index(time.max(0.0) / BIN)).copied();
        shares(bin.filter(|bin| bin.iter().sum::<f64>() > 0.0).unwrap_or(self.all))
    }
}

fn shares(counts: Belief) -> Belief {
    let all: f64 = counts.iter().sum();
    if all > 0.0 { counts.map(|count| count / all) } else { [0.25; CLASSES] }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn label(expression: Expression, onset: f64) -> Label {
        Label { expression, onset, apex: onset + 0.5, offset: onset + 1.5, end: onset + 2.0 }
    }

    #[test]
    fn a_pose_is_judged_from_one_window_after_its_onset_to_its_end() {
        let labels = [label(Expression::Anger, 1.0), label(Expression::Smile, 4.0)];
        assert_eq!(at(&labels, 1.3), None);
        assert_eq!(at(&labels, 1.33), Some((0, 3)));
        assert_eq!(at(&labels, 3.0), Some((0, 3)));
        assert_eq!(at(&labels, 3.5), None);
        assert_eq!(at(&labels, 5.0), Some((1, 0)));
    }

    #[test]
    fn habits_know_the_majority_and_the_hour() {
        let mut habits = Habits::default();
        let labels = [
            label(Expression::Anger, 1.0),
            label(Expression::Smile, 4.0),
            label(Expression::Anger, 7.0),
        ];
        habits.learn(&labels, 10.0);
        let majority = habits.majority();
        assert!((majority[3] - 2.0 / 3.0).abs() < 0.02, "{majority:?}");
        assert!(habits.clock(5.2)[0] > 0.99 && habits.clock(8.5)[3] > 0.99);
        // nothing was posed then
        assert!((habits.clock(50.0)[3] - majority[3]).abs() < 1e-12);
    }
}
