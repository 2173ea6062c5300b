//! Four floats in an array, for CPUs of which nothing is known, and for interpreters such as Miri.

use super::Simd;

/// Needs nothing.
#[derive(Clone, Copy)]
pub(super) struct Portable;

type Four = [f32; 4];

#[inline(always)]
fn zip(a: Four, b: Four, f: impl Fn(f32, f32) -> f32) -> Four {
    [f(a[0], b[0]), f(a[1], b[1]), f(a[2], b[2]), f(a[3], b[3])]
}

impl Simd for Portable {
    type Floats = Four;
    const LANES: usize = 4;
    const ROWS: usize = 4; // 8 accumulators of the 16 registers of plain x86-64

    #[inline(always)]
    fn splat(self, value: f32) -> Four {
        [value; 4]
    }

    #[inline(always)]
    fn add(self, a: Four, b: Four) -> Four {
        zip(a, b, |a, b| a + b)
    }

    #[inline(always)]
    fn sub(self, a: Four, b: Four) -> Four {
        zip(a, b, |a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, a: Four, b: Four) -> Four {
        zip(a, b, |a, b| a * b)
    }

    #[inline(always)]
    fn div(self, a: Four, b: Four) -> Four {
        zip(a, b, |a, b| a / b)
    }

    #[inline(always)]
    fn mul_add(self, a: Four, b: Four, c: Four) -> Four {
        // Not f32::mul_add: without an instruction for it, that is a call into the C library.
        self.add(self.mul(a, b), c)
    }

    #[inline(always)]
    fn max(self, a: Four, b: Four) -> Four {
        zip(a, b, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    fn min(self, a: Four, b: Four) -> Four {
        zip(a, b, |a, b| if a < b { a } else { b })
    }

    #[inline(always)]
    fn sqrt(self, a: Four) -> Four {
        a.map(f32::sqrt)
    }

    #[inline(always)]
    fn where_positive(self, test: Four, yes: Four, no: Four) -> Four {
        let pick = |lane: usize| if test[lane] > 0.0 { yes[lane] } else { no[lane] };
        [pick(0), pick(1), pick(2), pick(3)]
    }

    #[inline(always)]
    fn scale(self, a: Four, power: Four) -> Four {
        zip(a, power, |a, power| {
            // In range by contract: two to a whole power is that power, biased by 127, in the
            // exponent's bits. Adding 2^23 puts the whole number into the low bits of a float.
            let whole = (power + (127.0 + 8_388_608.0)).to_bits() & 0xff;
            a * f32::from_bits(whole << 23)
        })
    }

    #[inline(always)]
    unsafe fn load_at(self, from: *const f32) -> Four {
        // SAFETY: the caller vouches for four floats; an array of them needs no more alignment.
        unsafe { from.cast::<Four>().read() }
    }

    #[inline(always)]
    unsafe fn store_at(self, value: Four, to: *mut f32) {
        // SAFETY: the caller vouches for four floats; an array of them needs no more alignment.
        unsafe { to.cast::<Four>().write(value) }
    }
}
