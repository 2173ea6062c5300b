//! 512-bit vectors of x86-64.

use core::arch::x86_64::{
    __m512, __mmask16, _CMP_GT_OQ, _mm512_add_ps, _mm512_cmp_ps_mask, _mm512_div_ps,
    _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_mask_blend_ps, _mm512_mask_storeu_ps,
    _mm512_maskz_loadu_ps, _mm512_max_ps, _mm512_min_ps, _mm512_mul_ps, _mm512_scalef_ps,
    _mm512_set1_ps, _mm512_setzero_ps, _mm512_sqrt_ps, _mm512_storeu_ps, _mm512_sub_ps,
};

use super::Simd;

/// The CPU has AVX-512 F, VL and DQ.
#[derive(Clone, Copy)]
pub(super) struct Avx512(());

impl Avx512 {
    /// Callable only where the compiler or an `unsafe` block vouches for the instructions.
    #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx2,fma")]
    pub(super) fn new() -> Self {
        Self(())
    }
}

/// The first `count` of 16 lanes.
#[inline(always)]
fn first(count: usize) -> __mmask16 {
    debug_assert!(count <= Avx512::LANES, "a mask has 16 lanes");
    !(u16::MAX.checked_shl(u32::try_from(count).unwrap_or(u32::MAX)).unwrap_or(0))
}

impl Simd for Avx512 {
    type Floats = __m512;
    const LANES: usize = 16;
    const ROWS: usize = 12; // 24 accumulators of 32 registers

    #[inline(always)]
    fn splat(self, value: f32) -> __m512 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_set1_ps(value) }
    }

    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_sub_ps(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    fn div(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_div_ps(a, b) }
    }

    #[inline(always)]
    fn mul_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_max_ps(a, b) }
    }

    #[inline(always)]
    fn min(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_min_ps(a, b) }
    }

    #[inline(always)]
    fn sqrt(self, a: __m512) -> __m512 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_sqrt_ps(a) }
    }

    #[inline(always)]
    fn where_positive(self, test: __m512, yes: __m512, no: __m512) -> __m512 {
        // SAFETY: the token proves the instructions.
        unsafe {
            let positive = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(test, _mm512_setzero_ps());
            _mm512_mask_blend_ps(positive, no, yes)
        }
    }

    #[inline(always)]
    fn scale(self, a: __m512, power: __m512) -> __m512 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm512_scalef_ps(a, power) }
    }

    #[inline(always)]
    unsafe fn load_at(self, from: *const f32) -> __m512 {
        // SAFETY: the caller vouches for `from`, the token for the instructions.
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store_at(self, value: __m512, to: *mut f32) {
        // SAFETY: the caller vouches for `to`, the token for the instructions.
        unsafe { _mm512_storeu_ps(to, value) }
    }

    #[inline(always)]
    unsafe fn load_first(self, from: *const f32, count: usize) -> __m512 {
        // SAFETY: only `count` lanes are touched, for which the caller vouches.
        unsafe { _mm512_maskz_loadu_ps(first(count), from) }
    }

    #[inline(always)]
    unsafe fn store_first(self, value: __m512, to: *mut f32, count: usize) {
        // SAFETY: only `count` lanes are touched, for which the caller vouches.
        unsafe { _mm512_mask_storeu_ps(to, first(count), value) }
    }
}
