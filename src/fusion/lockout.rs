//! The lockout: whoever is rejected again and again has to wait, longer each time.

use crate::data::LockoutRecord;
use crate::units::{BootClock, Micros, Stamp};

/// Rejections in a row before anybody has to wait (NIST SP 800-63B-4 draft: at most 5).
const FREE: u32 = 4;
/// The first wait; each further rejection doubles it (NIST: at least 30 s before each further try).
const FIRST_WAIT: Micros = Micros::from_millis(30_000);
/// The longest wait. Without it the hard stop would lie beyond the life of the sun.
const LONGEST_WAIT: Micros = Micros::from_millis(3_600_000);
/// Rejections in a row after which only an operator helps (NIST: 50).
const MOST: u32 = 50;
/// Longest span between two looks at the clock that is believed.
const LONGEST_LOOK: Micros = Micros::from_millis(2_000);

/// Whether anybody may be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// Yes.
    Open,
    /// Not before a wait is over.
    Waiting,
    /// Not before an operator has removed the record.
    Stopped,
}

/// Counts rejections in a row and the time that has to pass after them.
///
/// ```text
///             5th rejection in a row: wait 30 s, 60 s, 120 s ... 1 h
///       ┌───────────────────────────────────────────────────────────┐
///     open <────────────────────────────────────────────────────> waiting
///       │                     wait is over                          │
///       │ 50th rejection                          a restart: the wait│
///       └────────> stopped                        begins anew <─────┘
///
///   accepted, in `open`: the count starts again from 0
/// ```
///
/// Time is counted in steps from look to look, and a step that runs backwards or is longer than 2 s
/// counts as nothing: a clock that jumps, a machine that sleeps and a radar that is unplugged make
/// a wait longer, never shorter.
#[derive(Debug, Clone, Copy)]
pub struct Lockout {
    rejections: u32,
    /// What is left to wait.
    left: Micros,
    looked: Option<Stamp<BootClock>>,
}

impl Lockout {
    /// Nobody was rejected so far.
    #[must_use]
    pub const fn new() -> Self {
        Self { rejections: 0, left: Micros(0), looked: None }
    }

    /// Goes on from `record`. A wait that is owed begins anew.
    #[must_use]
    pub fn resume(record: LockoutRecord) -> Self {
        let left = if record.served { Micros(0) } else { wait(record.rejections) };
        Self { rejections: record.rejections, left, looked: None }
    }

    /// The clock shows `now`.
    pub fn look(&mut self, now: Stamp<BootClock>) -> Lock {
        let step = self.looked.replace(now).map_or(Micros(0), |before| now - before);
        if (Micros(0)..=LONGEST_LOOK).contains(&step) {
            self.left = Micros((self.left.0 - step.0).max(0));
        }
        self.lock()
    }

    /// What the last look came to.
    #[must_use]
    pub fn lock(&self) -> Lock {
        if self.rejections >= MOST {
            Lock::Stopped
        } else if self.left > Micros(0) {
            Lock::Waiting
        } else {
            Lock::Open
        }
    }

    /// Somebody was checked and is not the enrolled person.
    pub fn reject(&mut self) {
        self.rejections = self.rejections.saturating_add(1);
        self.left = wait(self.rejections);
    }

    /// The enrolled person was recognised. Without effect while nobody may be checked.
    pub fn accept(&mut self) {
        if self.lock() == Lock::Open {
            self.rejections = 0;
        }
    }

    /// What must outlive a restart.
    #[must_use]
    pub fn record(&self) -> LockoutRecord {
        LockoutRecord { rejections: self.rejections, served: self.lock() == Lock::Open }
    }
}

impl Default for Lockout {
    fn default() -> Self {
        Self::new()
    }
}

/// The wait after so many rejections in a row.
fn wait(rejections: u32) -> Micros {
    let Some(doublings) = rejections.checked_sub(FREE + 1) else { return Micros(0) };
    let factor = 1_i64.checked_shl(doublings).filter(|&factor| factor > 0).unwrap_or(i64::MAX);
    Micros(FIRST_WAIT.0.saturating_mul(factor)).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: i64) -> Stamp<BootClock> {
        Stamp::from_micros(millis * 1000)
    }

    /// The wait as a table: the document, not the arithmetic.
    fn table(rejections: u32) -> i64 {
        const SECONDS: [i64; 7] = [30, 60, 120, 240, 480, 960, 1920];
        match rejections {
            0..=4 => 0,
            n => SECONDS.get(n as usize - 5).map_or(3_600_000, |seconds| seconds * 1000),
        }
    }

    #[derive(Debug, Clone, Copy)]
    enum Act {
        /// Somebody tries and is rejected, if anybody is checked.
        Reject,
        /// The enrolled person tries.
        Accept,
        /// Looks every half second for so many halves of real time.
        Wait(i64),
        /// The clock jumps, milliseconds.
        Step(i64),
        /// kill -9 and start.
        Restart,
        /// No look for so long, milliseconds.
        Silence(i64),
    }

    const TWENTY_YEARS: i64 = 20 * 365 * 24 * 3_600_000;

    fn acts() -> impl Strategy<Value = Act> {
        prop_oneof![
            6 => Just(Act::Reject),
            1 => Just(Act::Accept),
            3 => (0..200_i64).prop_map(Act::Wait),
            2 => (-TWENTY_YEARS..=TWENTY_YEARS).prop_map(Act::Step),
            1 => (-10_000..=10_000_i64).prop_map(Act::Step),
            1 => Just(Act::Restart),
            1 => (0..60_000_i64).prop_map(Act::Silence),
        ]
    }

    proptest! {
        #[test]
        fn no_step_of_the_clock_and_no_restart_shortens_a_wait(
            acts in prop::collection::vec(acts(), 0..80),
        ) {
            let mut lockout = Lockout::new();
            // The world: real time, what the clock shows of it, and the last rejection that counts.
            let (mut real, mut shown) = (0_i64, 0_i64);
            let (mut rejections, mut rejected) = (0_u32, 0_i64);
            lockout.look(at(shown));
            for act in acts {
                match act {
                    Act::Reject if lockout.lock() == Lock::Open => {
                        lockout.reject();
                        (rejections, rejected) = (rejections + 1, real);
                    }
                    Act::Accept if lockout.lock() == Lock::Open => {
                        lockout.accept();
                        rejections = 0;
                    }
                    Act::Reject => {}
                    Act::Accept => lockout.accept(),
                    Act::Wait(halves) => {
                        for _ in 0..halves {
                            real += 500;
                            shown += 500;
                            lockout.look(at(shown));
                        }
                    }
                    // A step that looks like time passing cannot be told from it, up to 2 s.
                    Act::Step(step) if (0..=2_000).contains(&step) => {}
                    Act::Step(step) => shown += step,
                    Act::Restart => lockout = Lockout::resume(lockout.record()),
                    Act::Silence(millis) => {
                        real += millis;
                        shown += millis;
                    }
                }
                lockout.look(at(shown));
                if real - rejected < table(rejections) || rejections >= 50 {
                    prop_assert_ne!(lockout.lock(), Lock::Open, "{} at {}", rejections, real);
                }
                prop_assert_eq!(lockout.record().rejections, rejections);
            }
        }

        #[test]
        fn with_an_honest_clock_and_no_restart_a_wait_is_no_longer_than_the_table(
            rejections in 5_u32..49,
        ) {
            let mut lockout = Lockout::resume(LockoutRecord { rejections, served: false });
            let halves = table(rejections) / 500;
            for half in 0..halves {
                prop_assert_eq!(lockout.look(at(half * 500)), Lock::Waiting);
            }
            prop_assert_eq!(lockout.look(at(halves * 500)), Lock::Open);
        }
    }

    #[test]
    fn the_fifth_rejection_waits_30_s_the_sixth_a_minute_and_the_fiftieth_for_ever() {
        let mut lockout = Lockout::new();
        for _ in 0..4 {
            lockout.reject();
            assert_eq!(lockout.look(at(0)), Lock::Open);
        }
        let mut now = 0;
        for (rejections, seconds) in [(5, 30), (6, 60)] {
            lockout.reject();
            assert_eq!(lockout.record(), LockoutRecord { rejections, served: false });
            for _ in 0..seconds {
                assert_eq!(lockout.look(at(now)), Lock::Waiting);
                now += 1_000;
            }
            assert_eq!(lockout.look(at(now)), Lock::Open);
        }
        let mut stopped = Lockout::resume(LockoutRecord { rejections: 49, served: true });
        assert_eq!(stopped.look(at(0)), Lock::Open);
        stopped.reject();
        stopped.accept();
        for second in 0..10_000 {
            assert_eq!(stopped.look(at(second * 1_000)), Lock::Stopped);
        }
        assert_eq!(Lockout::resume(stopped.record()).look(at(0)), Lock::Stopped);
    }

    #[test]
    fn an_absent_record_owes_thirty_seconds_and_a_damaged_one_stops() {
        let mut absent = Lockout::resume(LockoutRecord::ABSENT);
        for second in 0..30 {
            assert_eq!(absent.look(at(second * 1_000)), Lock::Waiting);
        }
        assert_eq!(absent.look(at(30_000)), Lock::Open);
        assert_eq!(Lockout::resume(LockoutRecord::DAMAGED).look(at(0)), Lock::Stopped);
    }

    #[test]
    fn only_the_enrolled_person_starts_the_count_again() {
        let mut lockout = Lockout::resume(LockoutRecord { rejections: 4, served: true });
        lockout.accept();
        assert_eq!(lockout.record().rejections, 0);
        let mut locked = Lockout::resume(LockoutRecord { rejections: 5, served: false });
        locked.accept();
        assert_eq!(locked.record().rejections, 5, "nobody is recognised while locked");
    }
}
