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

#[cfg(test)]
mod tests {
    use super::*;

    /// One-pixel vectors over all columns, a `TIME_HIGH` before every tenth with `low` below it,
    /// and a word of reserved type after every `damage`.
    fn stream(low: u32, damage: usize) -> Vec<u8> {
        let mut words = Vec::new();
        for n in 0..1000 {
            if n % 10 == 0 {
                words.extend([low, 0x8000_0001]);
            }
            if n % damage == 0 {
                words.extend([0, 0x5000_0000]);
            }
            words.extend([1 << (n % 32), 0x1000_0805]);
        }
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    #[test]
    fn the_order_is_told_from_a_clean_and_from_a_damaged_stream() {
        for damage in [2000, 100] {
            let payload = stream(0, damage);
            assert!(!is_wrong(&payload, Order::Little), "damage {damage}");
            assert!(is_wrong(&payload, Order::Legacy), "damage {damage}");
        }
    }

    #[test]
    fn time_highs_over_a_half_that_is_not_empty_are_not_held_against_the_order() {
        let payload = stream(0x0000_1234, 2000);
        assert!(!is_wrong(&payload, Order::Little));
        assert!(is_wrong(&payload, Order::Legacy));
    }

    #[test]
    fn nothing_is_wrong_with_an_empty_payload() {
        assert!(!is_wrong(&[], Order::Little) && !is_wrong(&[], Order::Legacy));
    }
}
