//! From belief over time to expressions that begin, peak and end.

use super::belief::Belief;
use crate::data::message::{Band, ExpressionLabel, Interval};
use crate::units::{HostClock, Stamp};

/// Belief above which one expression is believed more than all others together. At most one can be.
const MORE_THAN_THE_REST: f64 = 0.5;

/// Finds runs of belief in one label.
///
/// ```text
///            belief > 1/2             belief >= least confidence
///   unknown ─────────────> rising ──────────────────────────────> shown
///      ^                     │                                      │
///      └─────────────────────┴──────────────────────────────────────┘
///            belief <= 1/2 (or another label takes over): the run ends
/// ```
///
/// A run that was shown becomes an interval: its onset is the first instant above one half, its
/// apex the first of greatest belief, its offset the first instant no longer above one half. The
/// gap between one half and the least confidence is what keeps a label from flickering.
#[derive(Debug, Clone, Copy)]
pub(super) struct Runs {
    least_confidence: f64,
    open: Option<Run>,
}

#[derive(Debug, Clone, Copy)]
struct Run {
    label: ExpressionLabel,
    onset: Stamp<HostClock>,
    apex: Stamp<HostClock>,
    greatest: f64,
    newest: f64,
}

impl Runs {
    pub(super) const fn new(least_confidence: f64) -> Self {
        Self { least_confidence, open: None }
    }

    /// Belief at `now`, later than the one before. Hands out the interval that has ended.
    pub(super) fn push(&mut self, now: Stamp<HostClock>, belief: &Belief) -> Option<Interval> {
        let rows = ExpressionLabel::ALL.into_iter().zip(belief.iter().copied());
        let believed = rows.into_iter().find(|(_, belief)| *belief > MORE_THAN_THE_REST);
        let ended = self.open.take_if(|run| believed.is_none_or(|(label, _)| label != run.label));
        if let Some((label, belief)) = believed {
            let new = Run { label, onset: now, apex: now, greatest: belief, newest: belief };
            let run = self.open.get_or_insert(new);
            run.newest = belief;
            if belief > run.greatest {
                (run.apex, run.greatest) = (now, belief);
            }
        }
        let ended = ended.filter(|run| run.greatest >= self.least_confidence)?;
        Some(Interval {
            label: ended.label,
            onset_us: ended.onset.as_micros(),
            apex_us: ended.apex.as_micros(),
            offset_us: now.as_micros(),
            band: self.band(ended.greatest),
        })
    }

    /// The label that is shown, and how surely.
    pub(super) fn shown(&self) -> Option<(ExpressionLabel, Band)> {
        let run = self.open.filter(|run| run.greatest >= self.least_confidence)?;
        Some((run.label, self.band(run.newest)))
    }

    /// Forgets the open run: it is not told.
    pub(super) const fn cut(&mut self) {
        self.open = None;
    }

    /// Low: fading. Medium and high: the lower and the upper half above the least confidence.
    fn band(&self, belief: f64) -> Band {
        if belief < self.least_confidence {
            Band::Low
        } else if belief < f64::midpoint(1.0, self.least_confidence) {
            Band::Medium
        } else {
            Band::High
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All intervals of a trace, by cutting it into runs first. Instant `i` is frame `i`.
    #[expect(clippy::cast_possible_wrap, reason = "numbers of frames, below a thousand")]
    fn model(trace: &[Belief]) -> Vec<(ExpressionLabel, i64, i64, i64)> {
        let label = |belief: &Belief| {
            let top = (0..4).max_by(|&a, &b| belief[a].total_cmp(&belief[b])).unwrap();
            (belief[top] > 0.5).then_some(top)
        };
        let labels: Vec<_> = trace.iter().map(label).collect();
        let runs = labels.chunk_by(|a, b| a == b).scan(0, |start, run| {
            *start += run.len();
            Some((*start - run.len(), *start, run[0]))
        });
        runs.filter_map(|(onset, offset, label)| {
            let label = label.filter(|_| offset < trace.len())?;
            let of = |i: &usize| trace[*i][label];
            let greatest = (onset..offset).map(|i| of(&i)).fold(0.0, f64::max);
            let apex = (onset..offset).find(|i| of(i) >= greatest)?;
            let name = ExpressionLabel::ALL[label];
            (greatest >= 0.6).then_some((name, onset as i64, apex as i64, offset as i64))
        })
        .collect()
    }

    /// Beliefs that stay with one label for a while, around the thresholds.
    fn trace() -> impl Strategy<Value = Vec<Belief>> {
        let stretch = (0..4_usize, prop::collection::vec(0.40..0.75_f64, 1..8));
        prop::collection::vec(stretch, 1..12).prop_map(|stretches| {
            let beliefs = stretches.into_iter().flat_map(|(label, values)| {
                values.into_iter().map(move |value| {
                    let mut belief = [(1.0 - value) / 3.0; 4];
                    belief[label] = value;
                    belief
                })
            });
            beliefs.collect()
        })
    }

    proptest! {
        #[test]
        fn intervals_are_the_runs_above_one_half_that_reach_the_confidence(trace in trace()) {
            let mut runs = Runs::new(0.6);
            let mut told = Vec::new();
            for (i, belief) in (0_i64..).zip(&trace) {
                if let Some(interval) = runs.push(Stamp::from_micros(i), belief) {
                    let Interval { label, onset_us, apex_us, offset_us, band } = interval;
                    prop_assert!(onset_us <= apex_us && apex_us < offset_us);
                    prop_assert!(band >= Band::Medium);
                    told.push((label, onset_us, apex_us, offset_us));
                }
                if let Some((label, _)) = runs.shown() {
                    let at = ExpressionLabel::ALL.iter().position(|l| *l == label).unwrap();
                    prop_assert!(belief[at] > 0.5, "shown and not believed");
                }
            }
            prop_assert_eq!(told, model(&trace));
        }
    }

    #[test]
    fn a_label_comes_at_the_confidence_goes_at_one_half_and_fades_between() {
        let mut runs = Runs::new(0.6);
        let mut say = |i: i64, p: f64| {
            let rest = (1.0 - p) / 3.0;
            let ended = runs.push(Stamp::from_micros(i), &[p, rest, rest, rest]);
            (runs.shown().map(|(_, band)| band), ended.map(|i| (i.onset_us, i.apex_us)))
        };
        assert_eq!(say(0, 0.55), (None, None));
        assert_eq!(say(1, 0.65), (Some(Band::Medium), None));
        assert_eq!(say(2, 0.85), (Some(Band::High), None));
        assert_eq!(say(3, 0.55), (Some(Band::Low), None));
        assert_eq!(say(4, 0.50), (None, Some((0, 2))));
    }
}
