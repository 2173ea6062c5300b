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
    /// `x * (other - mean)`; `other` is laid out as `x`.
    TimesOff(&'a [f32], &'a [f32]),
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
        let term = match term {
            Term::TimesOff(other, mean) => Term::TimesOff(&other[here.clone()], mean),
            other => other,
        };
        dispatch(isa, Sum { x: &x[here], columns, term, sums });
    })
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
        for (block, rows) in x.chunks(BLOCK * columns).enumerate() {
            let start = block * BLOCK * columns;
            for (column, sums) in (0..columns).step_by(S::LANES).zip(sums.chunks_mut(S::LANES)) {
                let end = columns.min(column + S::LANES);
                let mut sum = simd.splat(0.0);
                for (row, x) in rows.chunks_exact(columns).enumerate() {
                    let x = simd.load(&x[column..end]);
                    let term = match term {
                        Term::Itself => x,
                        Term::SquareOff(mean) => {
                            let off = simd.sub(x, simd.load(&mean[column..end]));
                            simd.mul(off, off)
                        }
                        Term::TimesOff(other, mean) => {
                            let at = start + row * columns;
                            let other = simd.load(&other[at + column..at + end]);
                            simd.mul(x, simd.sub(other, simd.load(&mean[column..end])))
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
