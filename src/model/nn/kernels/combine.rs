//! Two tensors into one, and many numbers into one.

use super::simd::{Isa, Kernel, Simd, dispatch};

/// How the numbers of two tensors become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Combine {
    /// `a + b`
    Add,
    /// `a - b`
    Subtract,
    /// `a * b`
    Multiply,
    /// `a * (1 + b)`
    Lift,
}

impl Combine {
    #[inline(always)]
    fn of<S: Simd>(self, simd: S, a: S::Floats, b: S::Floats) -> S::Floats {
        match self {
            Self::Add => simd.add(a, b),
            Self::Subtract => simd.sub(a, b),
            Self::Multiply => simd.mul(a, b),
            Self::Lift => simd.mul_add(a, b, a),
        }
    }
}

/// A planned combination of `a` with `b`, whose axes may be of size one where those of `a` are not.
#[derive(Debug, Clone)]
pub struct Broadcast {
    isa: Isa,
    how: Combine,
    /// Floats of a row of `a`.
    row: usize,
    /// Whether `b` has a number for each float of a row, or one for all of them.
    each: bool,
    /// Where in `b` each row's numbers start.
    starts: Vec<usize>,
}

impl Broadcast {
    /// `None` where an axis of `b` is neither that of `a` nor of size one, or where one has more
    /// axes than the other.
    #[must_use]
    pub fn plan(isa: Isa, how: Combine, a: &[usize], b: &[usize]) -> Option<Self> {
        if a == b {
            let row = a.iter().product();
            return Some(Self { isa, how, row, each: true, starts: vec![0] });
        }
        let fits = a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b || *b == 1);
        let (&row, leading) = a.split_last().filter(|_| fits)?;
        let each = b.last() == Some(&row);
        let mut starts = vec![0];
        let mut step: usize = b.iter().product();
        for (&axis, &of_b) in leading.iter().zip(b) {
            step /= of_b;
            let by = if of_b == 1 { 0 } else { step };
            starts =
                starts.into_iter().flat_map(|s| (0..axis).map(move |at| s + at * by)).collect();
        }
        Some(Self { isa, how, row, each, starts })
    }

    /// `a = a combined with b`.
    ///
    /// # Panics
    /// Where lengths do not fit.
    pub fn run_in_place(&self, a: &mut [f32], b: &[f32]) {
        assert_eq!(a.len(), self.row * self.starts.len(), "the planned shape");
        dispatch(self.isa, Run { plan: self, a, b });
    }
}

struct Run<'a> {
    plan: &'a Broadcast,
    a: &'a mut [f32],
    b: &'a [f32],
}

impl Kernel for Run<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Broadcast { how, row, each, ref starts, .. } = *self.plan;
        for (a, &start) in self.a.chunks_exact_mut(row.max(1)).zip(starts) {
            if each {
                let b = &self.b[start..start + row];
                for (a, b) in a.chunks_mut(S::LANES).zip(b.chunks(S::LANES)) {
                    simd.store(how.of(simd, simd.load(a), simd.load(b)), a);
                }
            } else {
                let b = simd.splat(self.b[start]);
                for a in a.chunks_mut(S::LANES) {
                    simd.store(how.of(simd, simd.load(a), b), a);
                }
            }
        }
    }
}

/// What becomes of the numbers along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reduce {
    /// Their mean.
    Mean,
    /// The largest.
    Max,
}

/// `out[outer, inner]` from `x[outer, reduced, inner]`, `sizes` in that order. Allocates nothing.
///
/// # Panics
/// Where lengths do not fit or a size is zero.
pub fn reduce(isa: Isa, how: Reduce, sizes: [usize; 3], x: &[f32], out: &mut [f32]) {
    let [outer, reduced, inner] = sizes;
    assert!(outer * reduced * inner > 0, "something to reduce");
    assert!(x.len() == outer * reduced * inner && out.len() == outer * inner, "the given sizes");
    dispatch(isa, ReduceRun { how, reduced, inner, x, out });
}

struct ReduceRun<'a> {
    how: Reduce,
    reduced: usize,
    inner: usize,
    x: &'a [f32],
    out: &'a mut [f32],
}

/// Numbers of a column that are added before their sum is added to the total.
const BLOCK: usize = 128;

impl Kernel for ReduceRun<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { how, reduced, inner, x, out } = self;
        #[expect(clippy::cast_precision_loss, reason = "rounded to 24 bits, as all of this is")]
        let share = (reduced as f32).recip();
        if inner == 1 {
            for (x, out) in x.chunks_exact(reduced).zip(out) {
                *out = match how {
                    Reduce::Mean => share * sum(simd, x),
                    Reduce::Max => largest(simd, x),
                };
            }
            return;
        }
        for (x, out) in x.chunks_exact(reduced * inner).zip(out.chunks_exact_mut(inner)) {
            for (at, out) in (0..inner).step_by(S::LANES).zip(out.chunks_mut(S::LANES)) {
                let end = at + out.len();
                let mut total = simd.splat(match how {
                    Reduce::Mean => 0.0,
                    Reduce::Max => f32::NEG_INFINITY,
                });
                for block in x.chunks(BLOCK * inner) {
                    let mut part = simd.splat(0.0);
                    for row in block.chunks_exact(inner) {
                        let x = simd.load(&row[at..end]);
                        match how {
                            Reduce::Mean => part = simd.add(part, x),
                            Reduce::Max => total = simd.max(x, total),
                        }
                    }
                    if how == Reduce::Mean {
                        total = simd.add(total, part);
                    }
                }
                if how == Reduce::Mean {
                    total = simd.mul(total, simd.splat(share));
                }
                simd.store(total, out);
            }
        }
    }
}

#[inline(always)]
fn sum<S: Simd>(simd: S, x: &[f32]) -> f32 {
    let mut total = 0.0;
    for block in x.chunks(BLOCK * S::LANES) {
        let mut part = simd.splat(0.0);
        for x in block.chunks(S::LANES) {
            part = simd.add(part, simd.load(x));
        }
        total += simd.sum(part);
    }
    total
}

#[inline(always)]
fn largest<S: Simd>(simd: S, x: &[f32]) -> f32 {
    let whole = x.chunks_exact(S::LANES);
    let rest = whole.remainder().iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut largest = simd.splat(f32::NEG_INFINITY);
    for x in whole {
        largest = simd.max(simd.load(x), largest);
    }
    simd.largest(largest).max(rest)
}
