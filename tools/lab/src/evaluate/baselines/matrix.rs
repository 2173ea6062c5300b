//! Rows of numbers in 64 bits, and the little linear algebra that the baselines need.

use candle_core::{DType, Device, Tensor};

/// Rows of equal length, one after the other.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Matrix {
    columns: usize,
    data: Vec<f64>,
}

impl Matrix {
    /// An empty one.
    pub(super) const fn new(columns: usize) -> Self {
        Self { columns, data: Vec::new() }
    }

    /// Adds a row; it must have the right length.
    pub(super) fn push(&mut self, row: impl IntoIterator<Item = f64>) {
        self.data.extend(row);
        debug_assert!(self.columns > 0 && self.data.len().is_multiple_of(self.columns));
    }

    pub(super) const fn columns(&self) -> usize {
        self.columns
    }

    pub(super) fn count(&self) -> usize {
        self.data.len() / self.columns.max(1)
    }

    pub(super) fn rows(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        self.data.chunks_exact(self.columns.max(1))
    }

    pub(super) fn row(&self, row: usize) -> &[f64] {
        &self.data[row * self.columns..(row + 1) * self.columns]
    }

    /// Mean of each column.
    pub(super) fn means(&self) -> Vec<f64> {
        let mut means = vec![0.0; self.columns];
        for row in self.rows() {
            means.iter_mut().zip(row).for_each(|(mean, x)| *mean += x);
        }
        let count = crate::evaluate::metrics::real(self.count().max(1));
        means.iter_mut().for_each(|mean| *mean /= count);
        means
    }

    /// Variance of all numbers, divided by their count as NumPy does.
    pub(super) fn variance(&self) -> f64 {
        let count = crate::evaluate::metrics::real(self.data.len().max(1));
        let mean = self.data.iter().sum::<f64>() / count;
        self.data.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count
    }

    /// As candle has it, to multiply.
    pub(super) fn tensor(&self) -> candle_core::Result<Tensor> {
        Tensor::from_slice(&self.data, (self.count(), self.columns), &Device::Cpu)
    }

    /// From candle, two axes.
    pub(super) fn from_tensor(tensor: &Tensor) -> candle_core::Result<Self> {
        let (_, columns) = tensor.dims2()?;
        let data = tensor.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?;
        Ok(Self { columns, data })
    }
}

/// Scalar product.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Squared distance.
pub(super) fn distance2(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
}

/// Solves `matrix x = right` in place by elimination with pivots; `false` if it is singular.
pub(super) fn solve(matrix: &mut [Vec<f64>], right: &mut [f64]) -> bool {
    let n = right.len();
    for column in 0..n {
        let size = |row: &usize| matrix[*row][column].abs();
        let Some(pivot) = (column..n).max_by(|a, b| size(a).total_cmp(&size(b))) else {
            return false;
        };
        matrix.swap(column, pivot);
        right.swap(column, pivot);
        if matrix[column][column].abs() < f64::MIN_POSITIVE {
            return false;
        }
        let (done, below) = matrix.split_at_mut(column + 1);
        let lead = &done[column];
        for (row, rest) in below.iter_mut().enumerate() {
            let factor = rest[column] / lead[column];
            for (x, lead) in rest.iter_mut().zip(lead).skip(column) {
                *x -= factor * lead;
            }
            right[column + 1 + row] -= factor * right[column];
        }
    }
    for row in (0..n).rev() {
        let known = dot(&matrix[row][row + 1..], &right[row + 1..]);
        right[row] = (right[row] - known) / matrix[row][row];
    }
    true
}
