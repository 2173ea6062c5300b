//! When to ask a device for its time.

use crate::units::{HostClock, Micros, Stamp};

/// Rounds in quick succession after a start, so that a device is locked within a second.
pub const QUICK_ROUNDS: u32 = 8;
const QUICK_PERIOD: Micros = Micros::from_millis(100);
const PERIOD: Micros = Micros::from_millis(1000);
/// Each period is drawn from its mean plus or minus this share of it, in percent.
const SPREAD: i64 = 15;

/// Says when the next time exchange is due; reads no clock and sends nothing.
///
/// Eight quick rounds, then about one per second. The periods are irregular so that the exchange
/// never falls into step with something else on the same cable, such as a radar frame every
/// 50 ms, and always finds it busy. (Klipper asks every 0.9839 s for the same reason.) They come
/// from the seed alone, so two runs ask at the same times.
#[derive(Debug, Clone)]
pub struct Schedule {
    rounds: u32,
    due: Option<Stamp<HostClock>>,
    random: u64,
}

impl Schedule {
    /// The first round is due at once.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { rounds: 0, due: None, random: seed }
    }

    /// When the next round is due; not after `now` if it is due already.
    #[must_use]
    pub fn next_due(&self, now: Stamp<HostClock>) -> Stamp<HostClock> {
        self.due.unwrap_or(now)
    }

    /// A round was sent at `now`, answered or not.
    pub fn sent(&mut self, now: Stamp<HostClock>) {
        self.rounds = self.rounds.saturating_add(1);
        let Micros(mean) = if self.rounds < QUICK_ROUNDS { QUICK_PERIOD } else { PERIOD };
        let spread = mean * SPREAD / 100;
        self.due = Some(now + Micros(mean - spread + self.draw(2 * spread + 1)));
    }

    /// The device has booted or was plugged in again: quick rounds, the first one at once.
    pub const fn restart(&mut self) {
        self.rounds = 0;
        self.due = None;
    }

    /// A number from 0 to `below`, exclusive: the top half of `SplitMix64`, scaled.
    ///
    /// Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
    fn draw(&mut self, below: i64) -> i64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((mixed ^ (mixed >> 31)) >> 32).cast_signed() * below) >> 32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(seed: u64, rounds: usize) -> Vec<i64> {
        let mut schedule = Schedule::new(seed);
        let mut now = Stamp::from_micros(5);
        let mut waits = Vec::new();
        for _ in 0..rounds {
            let due = schedule.next_due(now);
            waits.push((due - now).0);
            now = due;
            schedule.sent(now);
        }
        waits
    }

    #[test]
    fn eight_quick_rounds_are_followed_by_about_one_per_second() {
        let waits = waits(1, 200);
        assert_eq!(waits[0], 0);
        assert!(waits[1..8].iter().all(|wait| (85_000..=115_000).contains(wait)), "{waits:?}");
        assert!(waits[8..].iter().all(|wait| (850_000..=1_150_000).contains(wait)), "{waits:?}");
        // The mean of 192 uniform draws of +-150 ms has a deviation of 87 ms / 14 = 6 ms.
        let mean = waits[8..].iter().sum::<i64>() / 192;
        assert!((970_000..=1_030_000).contains(&mean), "{mean}");
    }

    #[test]
    fn the_seed_alone_decides() {
        assert_eq!(waits(7, 30), waits(7, 30));
        assert_ne!(waits(7, 30), waits(8, 30));
    }

    #[test]
    fn after_a_restart_the_rounds_are_quick_again() {
        let mut schedule = Schedule::new(3);
        let now = Stamp::from_micros(0);
        (0..20).for_each(|_| schedule.sent(now));
        schedule.restart();
        assert_eq!(schedule.next_due(now), now);
        schedule.sent(now);
        assert!(schedule.next_due(now) <= Stamp::from_micros(115_000));
    }
}
