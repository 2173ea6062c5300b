//! Principal components through the Gram matrix: pictures have more pixels than there are rows.

use candle_core::Tensor;
use visaged_twin::Random;

use super::matrix::{Matrix, dot};
use crate::evaluate::metrics::real;

/// Largest relative change of an eigenvalue at which iterating ends.
const TOLERANCE: f64 = 1e-13;
/// Rounds of iteration at most.
const ROUNDS: usize = 1_000;
/// Vectors iterated beside those asked for, which speeds up the last of these.
const SPARE: usize = 8;

/// A subspace with most of the variance, and how much lies along each of its axes.
#[derive(Debug, Clone)]
pub(super) struct Pca {
    means: Tensor,
    /// `[column, component]`
    axes: Tensor,
    /// Variance along each axis, largest first, divided by one less than the count.
    pub(super) variances: Vec<f64>,
    /// Mean variance along all other directions that the rows could span.
    rest: f64,
}

impl Pca {
    /// The first `components` axes of `rows`, fewer if rows do not span so many.
    pub(super) fn fit(rows: &Matrix, components: usize) -> candle_core::Result<Self> {
        let means = Tensor::new(rows.means(), &candle_core::Device::Cpu)?;
        let centred = rows.tensor()?.broadcast_sub(&means)?;
        let gram = centred.matmul(&centred.t()?)?;
        let gram = Matrix::from_tensor(&gram)?;
        let (values, vectors) = leading(&gram, components)?;
        let scale = real(rows.count().saturating_sub(1).max(1));
        let all: f64 = (0..gram.count()).map(|at| gram.row(at)[at]).sum();
        let others = rows.count().min(rows.columns()).saturating_sub(values.len());
        let rest = (all - values.iter().sum::<f64>()) / (scale * real(others.max(1)));
        // u = X^T v / sqrt(lambda) has length 1
        let mut scaled = Matrix::new(rows.count());
        for (value, vector) in values.iter().zip(&vectors) {
            scaled.push(vector.iter().map(|x| x / value.sqrt()));
        }
        let axes = centred.t()?.matmul(&scaled.tensor()?.t()?)?;
        let variances: Vec<f64> = values.iter().map(|value| value / scale).collect();
        // rows that span no more than the components leave rounding alone
        let rest = rest.max(variances.last().copied().unwrap_or(1.0) * 1e-9);
        Ok(Self { means, axes, variances, rest })
    }

    /// Squared Mahalanobis distances under probabilistic PCA (Tipping and Bishop 1999): along the
    /// axes in their deviations, across them in that of the rest.
    pub(super) fn mahalanobis(&self, rows: &Matrix) -> candle_core::Result<Vec<f64>> {
        let centred = rows.tensor()?.broadcast_sub(&self.means)?;
        let lengths: Vec<f64> = centred.sqr()?.sum(1)?.to_vec1()?;
        let coordinates = Matrix::from_tensor(&centred.matmul(&self.axes)?)?;
        let white = self.whiten(&coordinates);
        let rows = coordinates.rows().zip(white.rows()).zip(lengths);
        Ok(rows
            .map(|((along, white), length)| {
                dot(white, white) + (length - dot(along, along)).max(0.0) / self.rest
            })
            .collect())
    }

    /// Coordinates in the subspace.
    pub(super) fn project(&self, rows: &Matrix) -> candle_core::Result<Matrix> {
        Matrix::from_tensor(&rows.tensor()?.broadcast_sub(&self.means)?.matmul(&self.axes)?)
    }

    /// Coordinates in deviations.
    pub(super) fn whiten(&self, coordinates: &Matrix) -> Matrix {
        let mut white = Matrix::new(coordinates.columns());
        for row in coordinates.rows() {
            white.push(row.iter().zip(&self.variances).map(|(z, variance)| z / variance.sqrt()));
        }
        white
    }
}

/// Largest eigenvalues and their vectors of a symmetric matrix without negative ones, by subspace
/// iteration; those below rounding are left out.
fn leading(gram: &Matrix, count: usize) -> candle_core::Result<(Vec<f64>, Vec<Vec<f64>>)> {
    let n = gram.count();
    let width = (count + SPARE).min(n);
    let matrix = gram.tensor()?;
    let mut random = Random::stream(0, "subspace");
    let mut basis: Vec<Vec<f64>> =
        (0..width).map(|_| (0..n).map(|_| random.normal(0.0, 1.0)).collect()).collect();
    orthonormalise(&mut basis);
    let mut before = vec![0.0; width];
    for _ in 0..ROUNDS {
        let mut flat = Matrix::new(n);
        basis.iter().for_each(|vector| flat.push(vector.iter().copied()));
        // symmetric, so rows times matrix are the images of the vectors
        let images = Matrix::from_tensor(&flat.tensor()?.matmul(&matrix)?)?;
        let mut small = vec![vec![0.0; width]; width];
        for (row, vector) in small.iter_mut().zip(&basis) {
            row.iter_mut().zip(images.rows()).for_each(|(x, image)| *x = dot(vector, image));
        }
        let (values, turns) = jacobi(small);
        basis = turns.iter().map(|turn| combine(turn, &images)).collect();
        orthonormalise(&mut basis);
        let settled = values.iter().zip(&before).take(count);
        let is_settled = settled.into_iter().all(|(a, b)| (a - b).abs() <= TOLERANCE * values[0]);
        before = values;
        if is_settled {
            break;
        }
    }
    let floor = before.first().copied().unwrap_or(0.0) * 1e-12;
    let kept = before.iter().take(count).take_while(|value| **value > floor).count();
    before.truncate(kept);
    basis.truncate(kept);
    Ok((before, basis))
}

fn combine(turn: &[f64], rows: &Matrix) -> Vec<f64> {
    let mut sum = vec![0.0; rows.columns()];
    for (weight, row) in turn.iter().zip(rows.rows()) {
        sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += weight * x);
    }
    sum
}

/// Gram and Schmidt, twice, which is enough.
fn orthonormalise(basis: &mut [Vec<f64>]) {
    for at in 0..basis.len() {
        let (before, rest) = basis.split_at_mut(at);
        let vector = &mut rest[0];
        for _ in 0..2 {
            for other in &*before {
                let share = dot(other, vector);
                vector.iter_mut().zip(other).for_each(|(x, other)| *x -= share * other);
            }
        }
        let length = dot(vector, vector).sqrt().max(f64::MIN_POSITIVE);
        vector.iter_mut().for_each(|x| *x /= length);
    }
}

/// Eigenvalues, largest first, and eigenvectors of a small symmetric matrix, by Jacobi's rotations.
fn jacobi(mut a: Vec<Vec<f64>>) -> (Vec<f64>, Vec<Vec<f64>>) {
    /// Sweeps; convergence is quadratic and ten do.
    const SWEEPS: usize = 30;
    let n = a.len();
    let mut vectors: Vec<Vec<f64>> =
        (0..n).map(|r| (0..n).map(|c| if r == c { 1.0 } else { 0.0 }).collect()).collect();
    for _ in 0..SWEEPS {
        for p in 0..n {
            for q in p + 1..n {
                if a[p][q].abs() <= f64::EPSILON * 1e-3 * (a[p][p] * a[q][q]).abs().sqrt() {
                    continue;
                }
                let theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
                let t = theta.signum() / (theta.abs() + theta.hypot(1.0));
                let cosine = 1.0 / t.hypot(1.0);
                let sine = t * cosine;
                for row in &mut a {
                    (row[p], row[q]) =
                        (cosine * row[p] - sine * row[q], sine * row[p] + cosine * row[q]);
                }
                rotate(&mut a, [p, q], [cosine, sine]);
                rotate(&mut vectors, [p, q], [cosine, sine]);
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|x, y| a[*y][*y].total_cmp(&a[*x][*x]));
    let values = order.iter().map(|at| a[*at][*at].max(0.0)).collect();
    (values, order.iter().map(|at| vectors[*at].clone()).collect())
}

/// Turns two rows into each other.
fn rotate(rows: &mut [Vec<f64>], [p, q]: [usize; 2], [cosine, sine]: [f64; 2]) {
    let (front, back) = rows.split_at_mut(q);
    for (x, y) in front[p].iter_mut().zip(&mut back[0]) {
        (*x, *y) = (cosine * *x - sine * *y, sine * *x + cosine * *y);
    }
}
