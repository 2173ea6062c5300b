//! The read-out: one bus for all pixels.

use visaged::data::Event;

use super::Footage;
use super::pixels::unpack;

/// Time that an event takes on the bus, nanoseconds: 20 million events a second.
const SERVICE: u64 = 50;
/// Longest wait for the bus before a pixel's request is dropped, nanoseconds.
const QUEUE: u64 = 1_000_000;

/// Carries `words`, sorted by time, over the bus; what would arrive after `seconds` is cut.
pub(super) fn deliver(words: Vec<u64>, seconds: f64) -> Footage {
    let mut footage = Footage::default();
    let end = crate::number::micros(seconds);
    let mut free = 0_u64;
    for word in words {
        let (micros, x, y, on) = unpack(word);
        let asked = micros * 1000;
        let starts = free.max(asked);
        if starts - asked > QUEUE {
            footage.lost += 1;
            continue;
        }
        free = starts + SERVICE;
        let t = i64::try_from(starts / 1000).unwrap_or(i64::MAX);
        if t < end {
            footage.events.push(Event { t, x, y, on });
        }
    }
    footage
}
