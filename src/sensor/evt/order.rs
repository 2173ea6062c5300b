//! Which word order an EVT2.1 payload has, by its own statistics.

use super::evt2::{CONTINUED, EXT_TRIGGER, OTHERS, TIME_HIGH};
use super::evt21::Order;

/// One word in so many may have a reserved type before an order looks wrong: a wrong order shows at
/// least two bits of a one-pixel mask in 32 as such (types 2 and 4).
const TOLERATED: usize = 64;

/// True if `payload` reads as EVT2.1 in the other order than `order`.
///
/// In the wrong order the top bits of pixel masks pass for word types. Then reserved types are
/// frequent, and a `TIME_HIGH` above an empty mask, without which nothing has a time, is missing.
#[must_use]
pub fn is_wrong(payload: &[u8], order: Order) -> bool {
    let (claimed, other) = (Seen::of(payload, order), Seen::of(payload, order.other()));
    let words = payload.len() / 8;
    claimed.reserved > other.reserved + words / TOLERATED
        || claimed.clean_time_highs == 0 && other.clean_time_highs > 0
}

#[derive(Debug, Default)]
struct Seen {
    /// Words of reserved type.
    reserved: usize,
    /// `TIME_HIGH` words whose other half is empty.
    clean_time_highs: usize,
}

impl Seen {
    fn of(payload: &[u8], order: Order) -> Self {
        let mut seen = Self::default();
        for &word in payload.as_chunks().0 {
            let (word, mask) = order.halves(word);
            match word >> 28 {
                TIME_HIGH => seen.clean_time_highs += usize::from(mask == 0),
                0 | 1 | EXT_TRIGGER | OTHERS | CONTINUED => {}
                _ => seen.reserved += 1,
            }
        }
        seen
    }
}
