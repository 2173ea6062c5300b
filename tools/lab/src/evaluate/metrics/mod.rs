//! Figures of merit, all of plain numbers; held to scikit-learn and `scipy` by `golden/evaluation.json`.

pub(crate) mod bootstrap;
pub(crate) mod calibration;
pub(crate) mod classes;
pub(crate) mod exact;
pub(crate) mod operating;
pub(crate) mod ranking;

#[cfg(test)]
mod tests;

use serde::Serialize;

/// A figure and its 95 % interval, if one could be drawn.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Estimate {
    /// What was observed.
    pub(crate) value: f64,
    /// 2.5th percentile of the resamples.
    pub(crate) low: Option<f64>,
    /// 97.5th percentile of the resamples.
    pub(crate) high: Option<f64>,
}

/// A count as a number to compute with.
#[expect(clippy::cast_precision_loss, reason = "counts lie far below 2^52")]
pub(crate) const fn real(count: usize) -> f64 {
    count as f64
}

/// A number that is not negative, rounded down to an index.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "indices are small")]
pub(crate) const fn index(number: f64) -> usize {
    number as usize
}

/// Mean; `None` of nothing.
pub(crate) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / real(values.len()))
}

/// The `q`-quantile, `0 <= q <= 1`, between neighbours on a straight line as NumPy draws it; `None`
/// of nothing.
pub(crate) fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let place = q * real(last);
    let below = index(place);
    let above = (below + 1).min(last);
    Some(sorted[below] + (place - real(below)) * (sorted[above] - sorted[below]))
}

/// Threshold below which a new score of the same kind falls with probability `1 - rate` at least:
/// the `ceil((n + 1)(1 - rate))`-th smallest (split conformal); `None` if there are too few scores
/// to promise that.
pub(crate) fn conformal(scores: &[f64], rate: f64) -> Option<f64> {
    let mut sorted = scores.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = index((real(sorted.len() + 1) * (1.0 - rate)).ceil());
    sorted.get(rank.checked_sub(1)?).copied()
}
