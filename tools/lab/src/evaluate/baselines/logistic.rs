//! Multinomial logistic regression by Newton's method: the classifier behind MSP and energy.

use super::matrix::{Matrix, dot, solve};
use crate::evaluate::metrics::real;

/// Penalty on squared weights relative to the loss, scikit-learn's default.
const INVERSE_PENALTY: f64 = 1.0;
/// Penalty on intercepts: all may move together without changing anything, and must not.
const ANCHOR: f64 = 1e-9;
/// Length of the gradient per row at which the fit ends.
const TOLERANCE: f64 = 1e-10;
/// Steps at most.
const STEPS: usize = 100;

/// Weights of each class, the intercept last.
#[derive(Debug, Clone)]
pub(super) struct Logistic {
    weights: Vec<Vec<f64>>,
}

impl Logistic {
    /// Learns `kinds[row]`, each below `classes`; `None` if Newton's method fails.
    pub(super) fn fit(rows: &Matrix, kinds: &[usize], classes: usize) -> Option<Self> {
        let width = rows.columns() + 1;
        let mut model = Self { weights: vec![vec![0.0; width]; classes] };
        let mut loss = model.loss(rows, kinds);
        for _ in 0..STEPS {
            let (mut step, mut hessian) = model.slope(rows, kinds);
            if dot(&step, &step).sqrt() <= TOLERANCE * real(rows.count().max(1)) {
                break;
            }
            if !solve(&mut hessian, &mut step) {
                return None;
            }
            let mut share = 1.0;
            loop {
                let next = model.moved(&step, share);
                let reached = next.loss(rows, kinds);
                if reached <= loss || share < 1e-6 {
                    (model, loss) = (next, reached.min(loss));
                    break;
                }
                share /= 2.0;
            }
        }
        Some(model)
    }

    /// Logits of each class.
    pub(super) fn logits(&self, row: &[f64]) -> Vec<f64> {
        let logit = |weights: &Vec<f64>| dot(weights, row) + weights.last().unwrap_or(&0.0);
        self.weights.iter().map(logit).collect()
    }

    fn moved(&self, step: &[f64], share: f64) -> Self {
        let mut next = self.clone();
        let weights = next.weights.iter_mut().flatten();
        weights.zip(step).for_each(|(weight, step)| *weight -= share * step);
        next
    }

    fn penalties(&self) -> impl Iterator<Item = f64> {
        let width = self.weights.first().map_or(0, Vec::len);
        let count = width * self.weights.len();
        (0..count).map(move |at| if (at + 1) % width == 0 { ANCHOR } else { 1.0 / INVERSE_PENALTY })
    }

    fn loss(&self, rows: &Matrix, kinds: &[usize]) -> f64 {
        let data = rows.rows().zip(kinds).map(|(row, kind)| {
            let logits = self.logits(row);
            log_sum_exp(&logits) - logits[*kind]
        });
        let weights = self.weights.iter().flatten().zip(self.penalties());
        data.sum::<f64>() + weights.map(|(w, penalty)| penalty * w * w / 2.0).sum::<f64>()
    }

    /// Gradient and second derivatives of the loss, class by class.
    fn slope(&self, rows: &Matrix, kinds: &[usize]) -> (Vec<f64>, Vec<Vec<f64>>) {
        let width = rows.columns() + 1;
        let count = width * self.weights.len();
        let flat = self.weights.iter().flatten();
        let mut gradient: Vec<f64> = flat.zip(self.penalties()).map(|(w, p)| w * p).collect();
        let mut hessian = vec![vec![0.0; count]; count];
        self.penalties().enumerate().for_each(|(at, penalty)| hessian[at][at] = penalty);
        for (row, kind) in rows.rows().zip(kinds) {
            let p = softmax(&self.logits(row));
            let x: Vec<f64> = row.iter().copied().chain([1.0]).collect();
            for (class, own) in p.iter().enumerate() {
                let miss = own - if class == *kind { 1.0 } else { 0.0 };
                let block = class * width;
                gradient[block..].iter_mut().zip(&x).for_each(|(g, x)| *g += miss * x);
                for (other, theirs) in p.iter().enumerate() {
                    let factor = own * (if class == other { 1.0 } else { 0.0 } - theirs);
                    for (line, a) in hessian[block..block + width].iter_mut().zip(&x) {
                        let line = &mut line[other * width..(other + 1) * width];
                        line.iter_mut().zip(&x).for_each(|(h, b)| *h += factor * a * b);
                    }
                }
            }
        }
        (gradient, hessian)
    }
}

/// Probabilities of logits.
pub(super) fn softmax(logits: &[f64]) -> Vec<f64> {
    let sum = log_sum_exp(logits);
    logits.iter().map(|logit| (logit - sum).exp()).collect()
}

/// Logarithm of the sum of exponentials.
pub(super) fn log_sum_exp(logits: &[f64]) -> f64 {
    let most = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    most + logits.iter().map(|logit| (logit - most).exp()).sum::<f64>().ln()
}
