//! The wire between device and host, and what it does to bytes.

use crate::random::Random;

/// How bad a wire is. All of it follows from the seed.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Faults {
    /// Probability that a byte is changed.
    pub flip: f64,
    /// Bytes of noise between frames, per second of the device's time.
    pub noise: f64,
    /// Where the random numbers start.
    pub seed: u64,
}

/// A wire that carries frames and damages them.
#[derive(Debug, Clone)]
pub struct Line {
    faults: Faults,
    random: Random,
    /// Bytes that pass until the next one is changed.
    until_flip: u64,
    /// Device time of the last frame, and noise that is due since, in parts of a byte.
    last_us: Option<u64>,
    noise: f64,
    flipped: u64,
}

impl Line {
    /// A wire with `faults`.
    #[must_use]
    pub fn new(faults: Faults) -> Self {
        let mut line = Self {
            faults,
            random: Random::new(faults.seed),
            until_flip: 0,
            last_us: None,
            noise: 0.0,
            flipped: 0,
        };
        line.until_flip = line.draw_until_flip();
        line
    }

    /// Appends to `out` what becomes of a `frame` sent at device time `time_us`.
    pub fn carry(&mut self, time_us: u64, frame: &[u8], out: &mut Vec<u8>) {
        self.make_noise(time_us, out);
        let from = out.len();
        out.extend_from_slice(frame);
        let mut left = frame.len() as u64;
        let mut at = from;
        while self.until_flip < left {
            at += usize::try_from(self.until_flip).unwrap_or(usize::MAX);
            out[at] ^= self.random.mask();
            self.flipped += 1;
            at += 1;
            left -= self.until_flip + 1;
            self.until_flip = self.draw_until_flip();
        }
        self.until_flip -= left;
    }

    /// Bytes changed so far.
    #[must_use]
    pub const fn flipped(&self) -> u64 {
        self.flipped
    }

    #[expect(clippy::cast_precision_loss, reason = "spans between frames are short")]
    fn make_noise(&mut self, time_us: u64, out: &mut Vec<u8>) {
        let last = self.last_us.replace(time_us).unwrap_or(time_us);
        self.noise += time_us.saturating_sub(last) as f64 * 1e-6 * self.faults.noise;
        while self.noise >= 1.0 {
            self.noise -= 1.0;
            let byte = self.random.byte();
            out.push(byte);
        }
    }

    /// The geometric distribution: how many bytes stay whole before one does not.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative, and `as` saturates"
    )]
    fn draw_until_flip(&mut self) -> u64 {
        if self.faults.flip <= 0.0 {
            return u64::MAX;
        }
        let draw = 1.0 - self.random.fraction(); // never zero
        (draw.ln() / (1.0 - self.faults.flip).ln()).floor() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_wire_changes_nothing() {
        let mut out = Vec::new();
        Line::new(Faults::default()).carry(0, b"frame", &mut out);
        assert_eq!(out, b"frame");
    }

    #[test]
    fn one_byte_in_a_hundred_is_changed_and_the_same_ones_with_the_same_seed() {
        let faults = Faults { flip: 0.01, noise: 0.0, seed: 5 };
        let pass = |faults| {
            let (mut line, mut out) = (Line::new(faults), Vec::new());
            (0..1_000).for_each(|time| line.carry(time, &[0; 100], &mut out));
            (out, line.flipped())
        };
        let (out, flipped) = pass(faults);
        let changed = out.iter().filter(|&&byte| byte != 0).count() as u64;
        assert_eq!(changed, flipped);
        // 1000 expected; five standard deviations of the binomial distribution are 157.
        assert!((843..=1157).contains(&changed), "{changed}");
        assert_eq!(out, pass(faults).0);
        assert_ne!(out, pass(Faults { seed: 6, ..faults }).0);
    }

    #[test]
    fn noise_comes_by_the_second() {
        let (mut line, mut out) =
            (Line::new(Faults { noise: 50.0, ..Faults::default() }), Vec::new());
        (0..=20).for_each(|frame| line.carry(frame * 100_000, b"", &mut out));
        // Twenty steps of five bytes; the sum of parts may fall short of a whole byte.
        assert!((99..=100).contains(&out.len()), "{}", out.len());
    }
}
