//! 128-bit vectors of 64-bit ARM.

use core::arch::aarch64::{
    float32x4_t, vaddq_f32, vaddq_s32, vbslq_f32, vcgtq_f32, vcgtzq_f32, vcltq_f32, vcvtnq_s32_f32,
    vdivq_f32, vdupq_n_f32, vdupq_n_s32, vfmaq_f32, vld1q_f32, vmulq_f32, vreinterpretq_f32_s32,
    vshlq_n_s32, vsqrtq_f32, vst1q_f32, vsubq_f32,
};

use super::Simd;

/// The CPU has NEON.
#[derive(Clone, Copy)]
pub(super) struct Neon(());

impl Neon {
    /// Callable only where the compiler or an `unsafe` block vouches for the instructions.
    #[target_feature(enable = "neon")]
    pub(super) fn new() -> Self {
        Self(())
    }
}

impl Simd for Neon {
    type Floats = float32x4_t;
    const LANES: usize = 4;
    const ROWS: usize = 12; // 24 accumulators of 32 registers

    #[inline(always)]
    fn splat(self, value: f32) -> float32x4_t {
        // SAFETY: the token proves the instructions.
        unsafe { vdupq_n_f32(value) }
    }

    #[inline(always)]
    fn add(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: the token proves the instructions.
        unsafe { vaddq_f32(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: the token proves the instructions.
        unsafe { vsubq_f32(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: the token proves the instructions.
        unsafe { vmulq_f32(a, b) }
    }

    #[inline(always)]
    fn div(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: the token proves the instructions.
        unsafe { vdivq_f32(a, b) }
    }

    #[inline(always)]
    fn mul_add(self, a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        // SAFETY: the token proves the instructions.
        unsafe { vfmaq_f32(c, a, b) }
    }

    #[inline(always)]
    fn max(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: the token proves the instructions.
        unsafe { vbslq_f32(vcgtq_f32(a, b), a, b) }
    }

    #[inline(always)]
    fn min(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: the token proves the instructions.
        unsafe { vbslq_f32(vcltq_f32(a, b), a, b) }
    }

    #[inline(always)]
    fn sqrt(self, a: float32x4_t) -> float32x4_t {
        // SAFETY: the token proves the instructions.
        unsafe { vsqrtq_f32(a) }
    }

    #[inline(always)]
    fn where_positive(self, test: float32x4_t, yes: float32x4_t, no: float32x4_t) -> float32x4_t {
        // SAFETY: the token proves the instructions.
        unsafe { vbslq_f32(vcgtzq_f32(test), yes, no) }
    }

    #[inline(always)]
    fn scale(self, a: float32x4_t, power: float32x4_t) -> float32x4_t {
        // SAFETY: the token proves the instructions.
        unsafe {
            // Two to a whole power is that power, biased by 127, in the exponent's bits.
            let biased = vaddq_s32(vcvtnq_s32_f32(power), vdupq_n_s32(127));
            vmulq_f32(a, vreinterpretq_f32_s32(vshlq_n_s32::<23>(biased)))
        }
    }

    #[inline(always)]
    unsafe fn load_at(self, from: *const f32) -> float32x4_t {
        // SAFETY: the caller vouches for `from`, the token for the instructions.
        unsafe { vld1q_f32(from) }
    }

    #[inline(always)]
    unsafe fn store_at(self, value: float32x4_t, to: *mut f32) {
        // SAFETY: the caller vouches for `to`, the token for the instructions.
        unsafe { vst1q_f32(to, value) }
    }
}
