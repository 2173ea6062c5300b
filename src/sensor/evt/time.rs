//! Counters that wrap, and times that step back.

/// What a new value of a wrapping counter did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It stayed or went on, possibly through a wrap.
    On,
    /// It fell by less than half its range: the clock went back.
    Back,
}

/// A counter of `bits` bits, continued past its wraps by the half-range rule: a fall of half the
/// range or more is a wrap, a smaller fall is a step back and taken as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wrap {
    bits: u32,
    last: u32,
    loops: i64,
}

impl Wrap {
    /// A counter of `bits` bits (at most 32) that starts at `value`.
    #[must_use]
    pub const fn starting(bits: u32, value: u32) -> Self {
        Self { bits, last: value, loops: 0 }
    }

    /// The value last taken, as the device sent it.
    #[must_use]
    pub const fn last(&self) -> u32 {
        self.last
    }

    /// Takes the next `value`.
    pub const fn advance(&mut self, value: u32) -> Step {
        let fall = self.last.saturating_sub(value);
        self.last = value;
        if fall == 0 {
            return Step::On;
        }
        if fall >= 1 << (self.bits - 1) {
            self.loops += 1;
            return Step::On;
        }
        Step::Back
    }

    /// The value last taken plus all wraps before it.
    #[must_use]
    pub fn total(&self) -> i64 {
        (self.loops << self.bits) | i64::from(self.last)
    }
}

/// The latest delivered time, to find deliveries that step back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Latest(i64);

impl Latest {
    /// Nothing was delivered yet.
    pub(crate) const NOTHING: Self = Self(i64::MIN);

    /// Takes the next delivered time; 1 if it lies before the one last delivered, else 0.
    #[inline]
    pub(crate) const fn steps_back(&mut self, t: i64) -> u64 {
        let back = t < self.0;
        self.0 = t;
        back as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fall_of_half_the_range_is_a_wrap_and_one_less_is_a_step_back() {
        let mut counter = Wrap::starting(12, 2048);
        assert_eq!((counter.advance(0), counter.total()), (Step::On, 4096));
        let mut counter = Wrap::starting(12, 2048);
        assert_eq!((counter.advance(1), counter.total()), (Step::Back, 1));
    }

    #[test]
    fn a_32_bit_counter_wraps_at_its_own_range() {
        let mut counter = Wrap::starting(32, u32::MAX);
        assert_eq!((counter.advance(3), counter.total()), (Step::On, (1 << 32) + 3));
    }

    #[test]
    fn a_jump_ahead_by_more_than_half_the_range_stays_in_its_loop() {
        let mut counter = Wrap::starting(12, 0);
        assert_eq!((counter.advance(4095), counter.total()), (Step::On, 4095));
    }
}
