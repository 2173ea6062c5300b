//! Which instruction set runs: asked from the CPU once, or chosen by a test.

use super::Simd;
#[cfg(target_arch = "aarch64")]
use super::neon::Neon;
use super::portable::Portable;
#[cfg(target_arch = "x86_64")]
use super::{avx2::Avx2, avx512::Avx512};

#[cfg(test)]
thread_local! {
    static CHOSEN: std::cell::Cell<Option<Isa>> = const { std::cell::Cell::new(None) };
}

/// An instruction set that this CPU has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Isa(Set);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "aarch64")]
    Neon,
    Portable,
}

impl Isa {
    /// All that this CPU has, best first. The last one needs nothing special.
    pub fn available() -> impl Iterator<Item = Self> {
        [
            #[cfg(target_arch = "x86_64")]
            has_avx512().then_some(Set::Avx512),
            #[cfg(target_arch = "x86_64")]
            has_avx2().then_some(Set::Avx2),
            #[cfg(target_arch = "aarch64")]
            std::arch::is_aarch64_feature_detected!("neon").then_some(Set::Neon),
            Some(Set::Portable),
        ]
        .into_iter()
        .flatten()
        .map(Self)
    }

    /// The fastest one.
    #[must_use]
    pub fn best() -> Self {
        #[cfg(test)]
        if let Some(chosen) = CHOSEN.get() {
            return chosen;
        }
        Self::available().next().unwrap_or(Self(Set::Portable))
    }

    /// Runs `work` once for each instruction set of this CPU, with that one as the best.
    #[cfg(test)]
    pub(crate) fn each(mut work: impl FnMut(Self)) {
        for isa in Self::available() {
            CHOSEN.set(Some(isa));
            work(isa);
        }
        CHOSEN.set(None);
    }

    /// Floats in a vector.
    #[must_use]
    pub fn lanes(self) -> usize {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => Avx512::LANES,
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => Avx2::LANES,
            #[cfg(target_arch = "aarch64")]
            Set::Neon => Neon::LANES,
            Set::Portable => Portable::LANES,
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512dq")
        && has_avx2()
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

/// Work that is the same for all instruction sets.
pub(crate) trait Kernel {
    /// Does it. Implementations are `#[inline(always)]`.
    fn run<S: Simd>(self, simd: S);
}

/// Runs `kernel` with the instructions of `isa`.
pub(crate) fn dispatch(isa: Isa, kernel: impl Kernel) {
    match isa.0 {
        #[cfg(target_arch = "x86_64")]
        Set::Avx512 => {
            // SAFETY: an `Isa` with this value exists only where the CPU said that it has them.
            unsafe { with_avx512(kernel) }
        }
        #[cfg(target_arch = "x86_64")]
        Set::Avx2 => {
            // SAFETY: as above.
            unsafe { with_avx2(kernel) }
        }
        #[cfg(target_arch = "aarch64")]
        Set::Neon => {
            // SAFETY: as above.
            unsafe { with_neon(kernel) }
        }
        Set::Portable => kernel.run(Portable),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx2,fma")]
fn with_avx512(kernel: impl Kernel) {
    kernel.run(Avx512::new());
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn with_avx2(kernel: impl Kernel) {
    kernel.run(Avx2::new());
}

#[cfg(target_arch = "aarch64")]
#[target_feature(enable = "neon")]
fn with_neon(kernel: impl Kernel) {
    kernel.run(Neon::new());
}
