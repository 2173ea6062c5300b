//! Whether probabilities mean what they say, and what abstaining buys.

use serde::Serialize;

use super::classes::Judged;
use super::{index, mean, real};

/// Bins of the expected calibration error.
pub(crate) const BINS: usize = 15;
/// Error that selective answers are to stay below.
pub(crate) const RISK: f64 = 0.05;

/// How far confidence lies from accuracy, binned.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Bin {
    /// Windows.
    pub(crate) count: usize,
    /// Mean confidence.
    pub(crate) confidence: f64,
    /// Share of right answers.
    pub(crate) accuracy: f64,
}

/// Bins of equal width over 0..1, the upper edge within; empty ones are left out.
pub(crate) fn equal_width(judged: &[Judged]) -> Vec<Bin> {
    let mut bins: Vec<Vec<Judged>> = vec![Vec::new(); BINS];
    for window in judged {
        let place = (window.confidence() * real(BINS)).ceil() - 1.0;
        bins[index(place.max(0.0)).min(BINS - 1)].push(*window);
    }
    bins.iter().filter_map(|bin| binned(bin)).collect()
}

/// Bins that hold equally many windows, up to one.
pub(crate) fn equal_mass(judged: &[Judged]) -> Vec<Bin> {
    let mut sorted = judged.to_vec();
    sorted.sort_by(|a, b| a.confidence().total_cmp(&b.confidence()));
    let edge = |bin: usize| bin * sorted.len() / BINS;
    (0..BINS).filter_map(|bin| binned(&sorted[edge(bin)..edge(bin + 1)])).collect()
}

fn binned(windows: &[Judged]) -> Option<Bin> {
    let confidences: Vec<f64> = windows.iter().map(Judged::confidence).collect();
    let right = windows.iter().filter(|window| window.is_right()).count();
    Some(Bin {
        count: windows.len(),
        confidence: mean(&confidences)?,
        accuracy: real(right) / real(windows.len()),
    })
}

/// Expected calibration error over `bins`.
pub(crate) fn error(bins: &[Bin]) -> f64 {
    let all: usize = bins.iter().map(|bin| bin.count).sum();
    let gap = |bin: &Bin| real(bin.count) / real(all) * (bin.confidence - bin.accuracy).abs();
    bins.iter().map(gap).sum()
}

/// Mean of `-ln p(truth)`, no probability taken for less than the smallest that 64-bit floats tell
/// from 0 beside 1; `None` of nothing.
pub(crate) fn negative_log_likelihood(judged: &[Judged]) -> Option<f64> {
    let loss = |window: &Judged| -window.belief[window.truth].clamp(f64::EPSILON, 1.0).ln();
    mean(&judged.iter().map(loss).collect::<Vec<_>>())
}

/// Brier's score: mean over windows of the sum over classes of `(p - is it)^2`, 0 to 2; `None` of
/// nothing.
pub(crate) fn brier(judged: &[Judged]) -> Option<f64> {
    let loss = |window: &Judged| -> f64 {
        let miss =
            |(class, p): (usize, &f64)| (p - if class == window.truth { 1.0 } else { 0.0 }).powi(2);
        window.belief.iter().enumerate().map(miss).sum()
    };
    mean(&judged.iter().map(loss).collect::<Vec<_>>())
}

/// Share of wrong answers among the surest, for every number of answers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RiskCoverage {
    /// Wrong answers among the first `n + 1`; windows of equal confidence come in all at once, with
    /// the mean of their errors.
    risks: Vec<f64>,
}

impl RiskCoverage {
    /// Sorts by confidence.
    pub(crate) fn of(judged: &[Judged]) -> Self {
        let mut sorted = judged.to_vec();
        sorted.sort_by(|a, b| b.confidence().total_cmp(&a.confidence()));
        let mut risks = Vec::with_capacity(sorted.len());
        let mut wrong = 0.0;
        for tied in sorted.chunk_by(|a, b| a.confidence().total_cmp(&b.confidence()).is_eq()) {
            let errors = tied.iter().filter(|window| !window.is_right()).count();
            let each = real(errors) / real(tied.len());
            for _ in tied {
                wrong += each;
                risks.push(wrong / real(risks.len() + 1));
            }
        }
        Self { risks }
    }

    /// Area under the curve: the mean risk over all coverages; `None` of nothing.
    pub(crate) fn area(&self) -> Option<f64> {
        mean(&self.risks)
    }

    /// Largest share of windows that can be answered with at most [`RISK`] wrong; 0 if not even the
    /// surest can.
    pub(crate) fn coverage(&self) -> f64 {
        let answered = self.risks.iter().rposition(|risk| *risk <= RISK).map_or(0, |at| at + 1);
        real(answered) / real(self.risks.len().max(1))
    }

    /// About `count` points `[coverage, risk]`.
    pub(crate) fn points(&self, count: usize) -> Vec<[f64; 2]> {
        let all = self.risks.len();
        let every = all.div_ceil(count.max(1)).max(1);
        let kept = self.risks.iter().enumerate();
        kept.filter(|(at, _)| (at + 1) % every == 0 || at + 1 == all)
            .map(|(at, risk)| [real(at + 1) / real(all), *risk])
            .collect()
    }
}
