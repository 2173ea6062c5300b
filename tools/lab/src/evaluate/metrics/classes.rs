//! Classification: confusion, recall, F1, and how two classifiers differ on the same windows.

use serde::Serialize;
use visaged::data::message::ExpressionLabel;

use super::exact::fair;
use super::real;

/// How many expressions there are.
pub(crate) const CLASSES: usize = ExpressionLabel::COUNT;
/// Probabilities in the order of [`ExpressionLabel::ALL`].
pub(crate) type Belief = [f64; CLASSES];

/// One judged window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Judged {
    /// Index into [`ExpressionLabel::ALL`] of what was posed.
    pub(crate) truth: usize,
    /// What was believed.
    pub(crate) belief: Belief,
    /// Index of the recording.
    pub(crate) recording: usize,
}

impl Judged {
    /// The class believed most; the first of several.
    pub(crate) fn answer(&self) -> usize {
        let mut best = 0;
        for (class, p) in self.belief.iter().enumerate() {
            if *p > self.belief[best] {
                best = class;
            }
        }
        best
    }

    /// Belief in the answer.
    pub(crate) fn confidence(&self) -> f64 {
        self.belief[self.answer()]
    }

    /// Whether the answer is what was posed.
    pub(crate) fn is_right(&self) -> bool {
        self.answer() == self.truth
    }
}

/// Windows by what was posed (row) and what was answered (column).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Confusion(pub(crate) [[usize; CLASSES]; CLASSES]);

impl Confusion {
    /// Counts.
    pub(crate) fn of(judged: &[Judged]) -> Self {
        let mut counts = [[0; CLASSES]; CLASSES];
        for window in judged {
            counts[window.truth][window.answer()] += 1;
        }
        Self(counts)
    }

    /// Share of each posed class that was answered; `None` for a class that was never posed.
    pub(crate) fn recalls(&self) -> [Option<f64>; CLASSES] {
        std::array::from_fn(|class| {
            let posed: usize = self.0[class].iter().sum();
            (posed > 0).then(|| real(self.0[class][class]) / real(posed))
        })
    }

    /// Mean of the classes' F1, over all that were posed or answered; `None` of nothing.
    pub(crate) fn macro_f1(&self) -> Option<f64> {
        let f1 = |class: usize| {
            let posed: usize = self.0[class].iter().sum();
            let answered: usize = self.0.iter().map(|row| row[class]).sum();
            let hits = 2.0 * real(self.0[class][class]);
            (posed + answered > 0).then(|| hits / real(posed + answered))
        };
        super::mean(&(0..CLASSES).filter_map(f1).collect::<Vec<_>>())
    }

    /// Share of right answers; `None` of nothing.
    pub(crate) fn accuracy(&self) -> Option<f64> {
        let all: usize = self.0.iter().flatten().sum();
        let right: usize = (0..CLASSES).map(|class| self.0[class][class]).sum();
        (all > 0).then(|| real(right) / real(all))
    }
}

/// Right answers of each recording, to be weighted.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Hits {
    right: f64,
    all: f64,
}

/// Hits by recording, up to the highest number.
pub(crate) fn hits(judged: &[Judged]) -> Vec<Hits> {
    let count = judged.iter().map(|window| window.recording + 1).max().unwrap_or(0);
    let mut hits = vec![Hits::default(); count];
    for window in judged {
        let recording = &mut hits[window.recording];
        recording.all += 1.0;
        recording.right += if window.is_right() { 1.0 } else { 0.0 };
    }
    hits
}

/// Accuracy when recording `r` counts `weight(r)` times; `None` of nothing.
pub(crate) fn accuracy(hits: &[Hits], weight: &dyn Fn(usize) -> f64) -> Option<f64> {
    let sum = |part: fn(&Hits) -> f64| -> f64 {
        hits.iter().enumerate().map(|(r, hits)| weight(r) * part(hits)).sum()
    };
    let all = sum(|hits| hits.all);
    (all > 0.0).then(|| sum(|hits| hits.right) / all)
}

/// Exact test of discordant pairs (`McNemar`) of two classifiers on the same windows, and the same by sessions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct McNemar {
    /// Windows that the first alone got right.
    pub(crate) first_only: usize,
    /// Windows that the second alone got right.
    pub(crate) second_only: usize,
    /// Exact two-sided p of these two counts; too small, as windows of a session are not
    /// independent.
    pub(crate) p_windows: f64,
    /// Recordings on which the first got more windows right.
    pub(crate) first_ahead: usize,
    /// Recordings on which the second did.
    pub(crate) second_ahead: usize,
    /// Exact two-sided p of these two counts: the sign test by session.
    pub(crate) p_sessions: f64,
}

/// Compares two classifiers, window by window in the same order.
pub(crate) fn mcnemar(first: &[Judged], second: &[Judged]) -> McNemar {
    let count = first.iter().map(|window| window.recording + 1).max().unwrap_or(0);
    let mut lead = vec![0_i64; count];
    let (mut first_only, mut second_only) = (0, 0);
    for (a, b) in first.iter().zip(second) {
        match (a.is_right(), b.is_right()) {
            (true, false) => {
                (first_only, lead[a.recording]) = (first_only + 1, lead[a.recording] + 1);
            }
            (false, true) => {
                (second_only, lead[a.recording]) = (second_only + 1, lead[a.recording] - 1);
            }
            _ => {}
        }
    }
    let first_ahead = lead.iter().filter(|lead| **lead > 0).count();
    let second_ahead = lead.iter().filter(|lead| **lead < 0).count();
    McNemar {
        first_only,
        second_only,
        p_windows: fair(first_only, first_only + second_only),
        first_ahead,
        second_ahead,
        p_sessions: fair(first_ahead, first_ahead + second_ahead),
    }
}
