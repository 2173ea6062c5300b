//! One-class support vector machine with a Gaussian kernel (Schoelkopf et al. 2001), solved by
//! sequential minimal optimisation on the pair that violates most (Keerthi et al. 2001).

use super::matrix::{Matrix, distance2};
use crate::evaluate::metrics::{index, real};

/// Share of the enrolled person's frames that may lie outside, and least share of support vectors.
pub(super) const NU: f64 = 0.05;
/// By how much the best pair may violate the conditions of the optimum.
const TOLERANCE: f64 = 1e-9;
/// Steps per row, at most.
const STEPS: usize = 1_000;

/// The support vectors and their weights.
#[derive(Debug, Clone)]
pub(super) struct OneClass {
    support: Matrix,
    weights: Vec<f64>,
    gamma: f64,
    rho: f64,
}

impl OneClass {
    /// Learns from `rows`: minimises `a' K a / 2` with `0 <= a <= 1` and `sum a = NU n`, the scale
    /// of libsvm. The kernel's width is scikit-learn's `scale`.
    pub(super) fn fit(rows: &Matrix) -> Self {
        let n = rows.count();
        let gamma = 1.0 / (real(rows.columns()) * rows.variance()).max(f64::MIN_POSITIVE);
        let kernel: Vec<Vec<f64>> = rows
            .rows()
            .map(|a| rows.rows().map(|b| (-gamma * distance2(a, b)).exp()).collect())
            .collect();
        let mut weights = start(n);
        let mut gradient: Vec<f64> =
            kernel.iter().map(|row| super::matrix::dot(row, &weights)).collect();
        for _ in 0..STEPS * n {
            let Some((up, down)) = worst_pair(&weights, &gradient) else { break };
            let curvature =
                (kernel[up][up] + kernel[down][down] - 2.0 * kernel[up][down]).max(1e-12);
            let step = ((gradient[down] - gradient[up]) / curvature)
                .min(1.0 - weights[up])
                .min(weights[down]);
            weights[up] += step;
            weights[down] -= step;
            let (gain, loss) = (&kernel[up], &kernel[down]);
            for ((g, gain), loss) in gradient.iter_mut().zip(gain).zip(loss) {
                *g += step * (gain - loss);
            }
        }
        let rho = offset(&weights, &gradient);
        let mut support = Matrix::new(rows.columns());
        let used: Vec<usize> = (0..n).filter(|at| weights[*at] > 0.0).collect();
        used.iter().for_each(|at| support.push(rows.row(*at).iter().copied()));
        let weights = used.into_iter().map(|at| weights[at]).collect();
        Self { support, weights, gamma, rho }
    }

    /// How far outside a row lies: the negative of libsvm's decision function.
    pub(super) fn score(&self, row: &[f64]) -> f64 {
        let kernels = self.support.rows().zip(&self.weights);
        let inside: f64 = kernels
            .map(|(other, weight)| weight * (-self.gamma * distance2(row, other)).exp())
            .sum();
        self.rho - inside
    }
}

/// Ones until `NU n` is spent.
fn start(n: usize) -> Vec<f64> {
    let budget = NU * real(n);
    let whole = index(budget);
    let share = |at| match at {
        at if at < whole => 1.0,
        at if at == whole => budget - real(whole),
        _ => 0.0,
    };
    (0..n).map(share).collect()
}

/// The weight to raise and the one to lower; `None` at the optimum.
fn worst_pair(weights: &[f64], gradient: &[f64]) -> Option<(usize, usize)> {
    let all = || 0..weights.len();
    let by_gradient = |a: &usize, b: &usize| gradient[*a].total_cmp(&gradient[*b]);
    let up = all().filter(|at| weights[*at] < 1.0).min_by(by_gradient)?;
    let down = all().filter(|at| weights[*at] > 0.0).max_by(by_gradient)?;
    (gradient[down] - gradient[up] > TOLERANCE).then_some((up, down))
}

/// What the decision function is where weights lie strictly between their bounds; between the
/// bounds' gradients if none does.
fn offset(weights: &[f64], gradient: &[f64]) -> f64 {
    let free = weights.iter().zip(gradient).filter(|(w, _)| **w > 0.0 && **w < 1.0);
    let free: Vec<f64> = free.map(|(_, gradient)| *gradient).collect();
    let extreme = |is: fn(f64) -> bool, pick: fn(f64, f64) -> f64, from: f64| {
        let those = weights.iter().zip(gradient).filter(|(w, _)| is(**w));
        those.map(|(_, gradient)| *gradient).fold(from, pick)
    };
    let between = || {
        let low = extreme(|w| w > 0.0, f64::max, f64::NEG_INFINITY);
        let high = extreme(|w| w <= 0.0, f64::min, f64::INFINITY);
        f64::midpoint(low, high)
    };
    crate::evaluate::metrics::mean(&free).unwrap_or_else(between)
}
