//! One vector of floats, whatever the instruction set: the only place that names intrinsics.
//!
//! A value of a type that implements [`Simd`] is a token: it can only be made where the CPU was
//! asked whether it has the instructions, so that arithmetic on vectors is safe. Only reading and
//! writing through raw pointers is not.
//!
//! Every function here and every [`Kernel::run`] is `#[inline(always)]`: they must end up inside
//! the one function of [`dispatch`] that is compiled with the instruction set switched on.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod exp;
mod isa;
mod map;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;

pub(crate) use exp::{exp, sigmoid};
pub use isa::Isa;
pub(crate) use isa::{Kernel, dispatch};
pub(crate) use map::{map1, map2, map3, update1};

/// Vectors of one instruction set.
pub(crate) trait Simd: Copy {
    /// A vector.
    type Floats: Copy;
    /// Floats in a vector.
    const LANES: usize;
    /// Rows of accumulators that a micro-kernel of two vectors a row keeps in registers.
    const ROWS: usize;

    /// The same number in each lane.
    fn splat(self, value: f32) -> Self::Floats;
    /// `a + b`.
    fn add(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// `a - b`.
    fn sub(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// `a * b`.
    fn mul(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// `a / b`.
    fn div(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// `a * b + c`, rounded once where the CPU can.
    fn mul_add(self, a: Self::Floats, b: Self::Floats, c: Self::Floats) -> Self::Floats;
    /// The larger one; `b` if that is not a number.
    fn max(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// The smaller one; `b` if that is not a number.
    fn min(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// Square root.
    fn sqrt(self, a: Self::Floats) -> Self::Floats;
    /// `yes` where `test > 0`, else `no`.
    fn where_positive(
        self,
        test: Self::Floats,
        yes: Self::Floats,
        no: Self::Floats,
    ) -> Self::Floats;
    /// `a` times two to the power of `power`, a whole number in -126..=127.
    fn scale(self, a: Self::Floats, power: Self::Floats) -> Self::Floats;

    /// Reads a vector.
    ///
    /// # Safety
    /// `from` must be valid for reading [`LANES`](Self::LANES) floats.
    unsafe fn load_at(self, from: *const f32) -> Self::Floats;
    /// Writes a vector.
    ///
    /// # Safety
    /// `to` must be valid for writing [`LANES`](Self::LANES) floats.
    unsafe fn store_at(self, value: Self::Floats, to: *mut f32);

    /// Reads `count` floats, at most [`LANES`](Self::LANES); the lanes behind them are zero.
    ///
    /// # Safety
    /// `from` must be valid for reading `count` floats.
    #[inline(always)]
    unsafe fn load_first(self, from: *const f32, count: usize) -> Self::Floats {
        let mut whole = [0.0; WIDEST];
        // SAFETY: the caller vouches for `from`; `whole` holds WIDEST >= LANES >= count floats.
        unsafe {
            core::ptr::copy_nonoverlapping(from, whole.as_mut_ptr(), count);
            self.load_at(whole.as_ptr())
        }
    }

    /// Writes the first `count` lanes, at most [`LANES`](Self::LANES).
    ///
    /// # Safety
    /// `to` must be valid for writing `count` floats.
    #[inline(always)]
    unsafe fn store_first(self, value: Self::Floats, to: *mut f32, count: usize) {
        let mut whole = [0.0; WIDEST];
        // SAFETY: the caller vouches for `to`; `whole` holds WIDEST >= LANES >= count floats.
        unsafe {
            self.store_at(value, whole.as_mut_ptr());
            core::ptr::copy_nonoverlapping(whole.as_ptr(), to, count);
        }
    }

    /// Reads the first floats of `from`: a vector, or all there are with zeros behind them.
    #[inline(always)]
    fn load(self, from: &[f32]) -> Self::Floats {
        if from.len() >= Self::LANES {
            // SAFETY: `from` holds LANES floats.
            unsafe { self.load_at(from.as_ptr()) }
        } else {
            // SAFETY: `from` holds as many floats as are read.
            unsafe { self.load_first(from.as_ptr(), from.len()) }
        }
    }

    /// Writes the first floats of `to`: a vector, or as many as there is room for.
    #[inline(always)]
    fn store(self, value: Self::Floats, to: &mut [f32]) {
        if to.len() >= Self::LANES {
            // SAFETY: `to` holds LANES floats.
            unsafe { self.store_at(value, to.as_mut_ptr()) }
        } else {
            // SAFETY: `to` holds as many floats as are written.
            unsafe { self.store_first(value, to.as_mut_ptr(), to.len()) }
        }
    }

    /// All lanes added up, in order of lanes.
    #[inline(always)]
    fn sum(self, value: Self::Floats) -> f32 {
        let mut lanes = [0.0; WIDEST];
        self.store(value, &mut lanes);
        lanes[..Self::LANES].iter().sum()
    }

    /// The largest lane.
    #[inline(always)]
    fn largest(self, value: Self::Floats) -> f32 {
        let mut lanes = [0.0; WIDEST];
        self.store(value, &mut lanes);
        lanes[..Self::LANES].iter().copied().fold(f32::NEG_INFINITY, f32::max)
    }
}

/// Lanes of the widest vector of any instruction set.
pub(crate) const WIDEST: usize = 16;

#[cfg(test)]
mod tests;
