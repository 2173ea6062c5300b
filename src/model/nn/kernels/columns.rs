//! Sums over all rows, one for each column, in blocks: a plain sum of 65,000 floats has lost two of
//! its seven digits.

use super::parallel;
use super::simd::{Isa, Kernel, Simd, dispatch};

/// Rows that are added up before their sum is added to the total.
const BLOCK: usize = 128;

/// What is added up of each number.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Term<'a> {
    /// `x`
    Itself,
    /// `(x - mean)^2`; `mean` has one number a column.
    SquareOff(&'a [f32]),
}

/// `sum[column]` of the terms of `x[row, column]`.
pub(crate) fn column_sums(
    isa: Isa,
    threads: usize,
    (x, columns): (&[f32], usize),
    term: Term<'_>,
) -> Vec<f32> {
    let rows = x.len() / columns;
    assert_eq!(x.len(), rows * columns, "whole rows");
    parallel::sum(threads, (rows, columns), columns, |rows, sums| {
        let here = rows.start * columns..rows.end * columns;
        dispatch(isa, Sum { x: &x[here], columns, term, sums });
    })
}

/// `sum[column]` of `x[row, column]`, and of `x * (other - mean)`; `other` is laid out as `x`, `mean`
/// has one number a column.
pub(crate) fn product_sums(
    isa: Isa,
    threads: usize,
    x: &[f32],
    (other, mean): (&[f32], &[f32]),
) -> [Vec<f32>; 2] {
    let columns = mean.len();
    let rows = x.len() / columns;
    assert!(x.len() == rows * columns && other.len() == x.len(), "whole rows");
    let mut sums = parallel::sum(threads, (rows, columns), 2 * columns, |rows, sums| {
        let here = rows.start * columns..rows.end * columns;
        dispatch(isa, ProductSums { x: &x[here.clone()], other: &other[here], mean, sums });
    });
    let products = sums.split_off(columns);
    [sums, products]
}

struct Sum<'a> {
    x: &'a [f32],
    columns: usize,
    term: Term<'a>,
    sums: &'a mut [f32],
}

impl Kernel for Sum<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { x, columns, term, sums } = self;
        for rows in x.chunks(BLOCK * columns) {
            for (column, sums) in (0..columns).step_by(S::LANES).zip(sums.chunks_mut(S::LANES)) {
                let end = columns.min(column + S::LANES);
                let mut sum = simd.splat(0.0);
                for x in rows.chunks_exact(columns) {
                    let x = simd.load(&x[column..end]);
                    let term = match term {
                        Term::Itself => x,
                        Term::SquareOff(mean) => {
                            let off = simd.sub(x, simd.load(&mean[column..end]));
                            simd.mul(off, off)
                        }
                    };
                    sum = simd.add(sum, term);
                }
                let total = simd.load(sums);
                simd.store(simd.add(total, sum), sums);
            }
        }
    }
}

struct ProductSums<'a> {
    x: &'a [f32],
    other: &'a [f32],
    mean: &'a [f32],
    /// Plain sums, then those of products.
    sums: &'a mut [f32],
}

impl Kernel for ProductSums<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let columns = self.mean.len();
        let (plain, products) = self.sums.split_at_mut(columns);
        let blocks = self.x.chunks(BLOCK * columns).zip(self.other.chunks(BLOCK * columns));
        for (x, other) in blocks {
            for column in (0..columns).step_by(S::LANES) {
                let here = column..columns.min(column + S::LANES);
                let mean = simd.load(&self.mean[here.clone()]);
                let (mut sum, mut product) = (simd.splat(0.0), simd.splat(0.0));
                for (x, other) in x.chunks_exact(columns).zip(other.chunks_exact(columns)) {
                    let (x, other) = (simd.load(&x[here.clone()]), simd.load(&other[here.clone()]));
                    sum = simd.add(sum, x);
                    product = simd.mul_add(x, simd.sub(other, mean), product);
                }
                let total = simd.load(&plain[here.clone()]);
                simd.store(simd.add(total, sum), &mut plain[here.clone()]);
                let total = simd.load(&products[here.clone()]);
                simd.store(simd.add(total, product), &mut products[here]);
            }
        }
    }
}
