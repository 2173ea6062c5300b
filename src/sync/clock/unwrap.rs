//! Device counters of few bits, continued past their wraps.

/// A counter of `BITS` bits (1 to 63), continued without end.
///
/// Half-range rule: each step is taken modulo `2^BITS` and read as the number of smallest size
/// that it can be, so it goes through a wrap in either direction. This is the truth as long as
/// two readings lie less than half a range apart: 8.4 s for 24 bits of microseconds, 36 min for
/// 32, 2.4 h for 34. A longer silence, or a counter that starts again at a boot, looks like any
/// other step; whoever knows of it calls [`restart`](Self::restart).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unwrap<const BITS: u32> {
    total: Option<i64>,
}

impl<const BITS: u32> Unwrap<BITS> {
    const UNUSED: u32 = {
        assert!(BITS > 0 && BITS < 64, "a counter has 1 to 63 bits");
        64 - BITS
    };

    /// Nothing was read yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { total: None }
    }

    /// Takes the next reading and returns the continued count; bits above `BITS` are ignored.
    ///
    /// The first reading is returned as it is.
    pub const fn advance(&mut self, reading: u64) -> i64 {
        let total = match self.total {
            None => (reading << Self::UNUSED >> Self::UNUSED).cast_signed(),
            Some(total) => {
                let step = reading.wrapping_sub(total.cast_unsigned());
                // Up and arithmetically down again: the top bit of the step becomes its sign.
                let step = (step << Self::UNUSED).cast_signed() >> Self::UNUSED;
                total.saturating_add(step)
            }
        };
        self.total = Some(total);
        total
    }

    /// The device has booted: the next reading counts from its own zero.
    pub const fn restart(&mut self) {
        self.total = None;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_wrap_goes_on_and_a_small_step_back_goes_back() {
        let mut counter = Unwrap::<24>::new();
        assert_eq!(counter.advance(0xff_fff0), 0xff_fff0);
        assert_eq!(counter.advance(0x10), 0x100_0010);
        assert_eq!(counter.advance(0xff_ffff), 0xff_ffff);
    }

    #[test]
    fn after_a_restart_the_device_counts_from_its_own_zero() {
        let mut counter = Unwrap::<32>::new();
        counter.advance(0xffff_ffff);
        assert_eq!(counter.advance(4), 0x1_0000_0004);
        counter.restart();
        assert_eq!(counter.advance(7), 7);
    }

    fn follows<const BITS: u32>(start: u64, steps: &[i64]) -> Result<(), TestCaseError> {
        let half = 1_i64 << (BITS - 1);
        let mask = (1_u64 << BITS) - 1;
        let mut truth = (start & mask).cast_signed();
        let mut counter = Unwrap::<BITS>::new();
        prop_assert_eq!(counter.advance(start), truth);
        for step in steps {
            truth += step.rem_euclid(2 * half) - half;
            let reading = truth.cast_unsigned() & mask;
            prop_assert_eq!(counter.advance(reading), truth);
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn any_steps_below_half_the_range_are_followed(
            start: u64,
            steps in prop::collection::vec(any::<i64>(), 0..50),
        ) {
            follows::<24>(start, &steps)?;
            follows::<32>(start, &steps)?;
            follows::<34>(start, &steps)?;
        }

        #[test]
        fn no_reading_is_too_strange(readings: Vec<u64>) {
            let (mut one, mut most) = (Unwrap::<1>::new(), Unwrap::<63>::new());
            for reading in readings {
                one.advance(reading);
                most.advance(reading);
            }
        }
    }
}
