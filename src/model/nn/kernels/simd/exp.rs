//! The exponential function of a whole vector.

use super::Simd;

/// Beyond these the result is 0 or infinite as a float; it is cut off there, so that it stays
/// finite and above 0.
const LIMITS: (f32, f32) = (-87.0, 88.0);
/// ln 2 in two parts; the first has zeros at its end, so that a small multiple of it is exact
/// (Cody and Waite 1980).
const LN_2: (f32, f32) = (0.693_145_75, 1.428_606_8e-6);
/// 1.5 * 2^23: a float of that size has no room for a fraction, so that adding it rounds.
const ROUNDER: f32 = 12_582_912.0;
/// Of e^r on |r| <= ln 2 / 2, from the sixth power down to the second: Taylor's series, whose
/// remainder there is below 2^-22 / 10.
const POWERS: [f32; 5] = [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5];

/// e to the power of `x`, relative error below 3e-7; `x` is cut to -87..88, and what is not a
/// number stays that.
#[inline(always)]
pub(crate) fn exp<S: Simd>(simd: S, x: S::Floats) -> S::Floats {
    let x = simd.max(simd.splat(LIMITS.0), x);
    let x = simd.min(simd.splat(LIMITS.1), x);
    let rounder = simd.splat(ROUNDER);
    let turns = simd.mul_add(x, simd.splat(core::f32::consts::LOG2_E), rounder);
    let turns = simd.sub(turns, rounder);
    let rest = simd.mul_add(turns, simd.splat(-LN_2.0), x);
    let rest = simd.mul_add(turns, simd.splat(-LN_2.1), rest);
    let [first, others @ ..] = POWERS;
    let mut series = simd.splat(first);
    for power in others {
        series = simd.mul_add(series, rest, simd.splat(power));
    }
    series = simd.mul_add(series, rest, simd.splat(1.0));
    series = simd.mul_add(series, rest, simd.splat(1.0));
    simd.scale(series, turns)
}

/// `1 / (1 + e^-x)`.
#[inline(always)]
pub(crate) fn sigmoid<S: Simd>(simd: S, x: S::Floats) -> S::Floats {
    let one = simd.splat(1.0);
    let exp = exp(simd, simd.sub(simd.splat(0.0), x));
    simd.div(one, simd.add(one, exp))
}
