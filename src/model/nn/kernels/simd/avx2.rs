//! 256-bit vectors of x86-64.

use core::arch::x86_64::{
    __m256, __m256i, _CMP_GT_OQ, _mm256_add_epi32, _mm256_add_ps, _mm256_blendv_ps,
    _mm256_castsi256_ps, _mm256_cmp_ps, _mm256_cvtps_epi32, _mm256_div_ps, _mm256_fmadd_ps,
    _mm256_loadu_ps, _mm256_loadu_si256, _mm256_maskload_ps, _mm256_maskstore_ps, _mm256_max_ps,
    _mm256_min_ps, _mm256_mul_ps, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_ps,
    _mm256_slli_epi32, _mm256_sqrt_ps, _mm256_storeu_ps, _mm256_sub_ps,
};

use super::Simd;

/// The CPU has AVX2 and FMA.
#[derive(Clone, Copy)]
pub(super) struct Avx2(());

/// Eight lanes from any of the first nine on are a mask.
const WINDOW: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];

impl Avx2 {
    /// Callable only where the compiler or an `unsafe` block vouches for the instructions.
    #[target_feature(enable = "avx2,fma")]
    pub(super) fn new() -> Self {
        Self(())
    }

    /// A mask of the first `count` of 8 lanes.
    #[inline(always)]
    fn first(self, count: usize) -> __m256i {
        assert!(count <= Self::LANES, "a mask has 8 lanes");
        // SAFETY: eight numbers from at most the eighth on are inside the sixteen of WINDOW; the
        // token proves the instructions.
        unsafe { _mm256_loadu_si256(WINDOW.as_ptr().add(8 - count).cast()) }
    }
}

impl Simd for Avx2 {
    type Floats = __m256;
    const LANES: usize = 8;
    const ROWS: usize = 6; // 12 accumulators of 16 registers

    #[inline(always)]
    fn splat(self, value: f32) -> __m256 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm256_set1_ps(value) }
    }

    #[inline(always)]
    fn add(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm256_add_ps(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm256_sub_ps(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm256_mul_ps(a, b) }
    }

    #[inline(always)]
    fn div(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm256_div_ps(a, b) }
    }

    #[inline(always)]
    fn mul_add(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn max(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm256_max_ps(a, b) }
    }

    #[inline(always)]
    fn min(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm256_min_ps(a, b) }
    }

    #[inline(always)]
    fn sqrt(self, a: __m256) -> __m256 {
        // SAFETY: the token proves the instructions.
        unsafe { _mm256_sqrt_ps(a) }
    }

    #[inline(always)]
    fn where_positive(self, test: __m256, yes: __m256, no: __m256) -> __m256 {
        // SAFETY: the token proves the instructions.
        unsafe {
            let positive = _mm256_cmp_ps::<_CMP_GT_OQ>(test, _mm256_setzero_ps());
            _mm256_blendv_ps(no, yes, positive)
        }
    }

    #[inline(always)]
    fn scale(self, a: __m256, power: __m256) -> __m256 {
        // SAFETY: the token proves the instructions.
        unsafe {
            // Two to a whole power is that power, biased by 127, in the exponent's bits.
            let biased = _mm256_add_epi32(_mm256_cvtps_epi32(power), _mm256_set1_epi32(127));
            _mm256_mul_ps(a, _mm256_castsi256_ps(_mm256_slli_epi32::<23>(biased)))
        }
    }

    #[inline(always)]
    unsafe fn load_at(self, from: *const f32) -> __m256 {
        // SAFETY: the caller vouches for `from`, the token for the instructions.
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store_at(self, value: __m256, to: *mut f32) {
        // SAFETY: the caller vouches for `to`, the token for the instructions.
        unsafe { _mm256_storeu_ps(to, value) }
    }

    #[inline(always)]
    unsafe fn load_first(self, from: *const f32, count: usize) -> __m256 {
        // SAFETY: only `count` lanes are touched, for which the caller vouches.
        unsafe { _mm256_maskload_ps(from, self.first(count)) }
    }

    #[inline(always)]
    unsafe fn store_first(self, value: __m256, to: *mut f32, count: usize) {
        // SAFETY: only `count` lanes are touched, for which the caller vouches.
        unsafe { _mm256_maskstore_ps(to, self.first(count), value) }
    }
}
