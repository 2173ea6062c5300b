//! A function of vectors, applied to slices.
//!
//! All slices of a call are of one length; the shorter of them ends the loop. At the end of a slice
//! the lanes past it are computed from zeros and thrown away.

use super::Simd;

/// `out = f(x)`.
#[inline(always)]
pub(crate) fn map1<S: Simd>(
    simd: S,
    x: &[f32],
    out: &mut [f32],
    f: impl Fn(S::Floats) -> S::Floats,
) {
    for (x, out) in x.chunks(S::LANES).zip(out.chunks_mut(S::LANES)) {
        simd.store(f(simd.load(x)), out);
    }
}

/// `out = f(a, b)`.
#[inline(always)]
pub(crate) fn map2<S: Simd>(
    simd: S,
    [a, b]: [&[f32]; 2],
    out: &mut [f32],
    f: impl Fn(S::Floats, S::Floats) -> S::Floats,
) {
    for ((a, b), out) in a.chunks(S::LANES).zip(b.chunks(S::LANES)).zip(out.chunks_mut(S::LANES)) {
        simd.store(f(simd.load(a), simd.load(b)), out);
    }
}

/// `out = f(a, b, c)`.
#[inline(always)]
pub(crate) fn map3<S: Simd>(
    simd: S,
    [a, b, c]: [&[f32]; 3],
    out: &mut [f32],
    f: impl Fn(S::Floats, S::Floats, S::Floats) -> S::Floats,
) {
    let inputs = a.chunks(S::LANES).zip(b.chunks(S::LANES)).zip(c.chunks(S::LANES));
    for (((a, b), c), out) in inputs.zip(out.chunks_mut(S::LANES)) {
        simd.store(f(simd.load(a), simd.load(b), simd.load(c)), out);
    }
}

/// `out = f(out)`.
#[inline(always)]
pub(crate) fn update1<S: Simd>(simd: S, out: &mut [f32], f: impl Fn(S::Floats) -> S::Floats) {
    for out in out.chunks_mut(S::LANES) {
        simd.store(f(simd.load(out)), out);
    }
}
