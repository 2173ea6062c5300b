//! Where each intermediate result lies: results that are not alive together share memory.

use std::ops::Range;

/// Floats to which every buffer is aligned: a cache line.
pub(super) const LINE: usize = 16;

/// A result, from the step that writes it to the last one that reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Buffer {
    /// Floats.
    pub(super) len: usize,
    /// First and last step of its life.
    pub(super) life: (usize, usize),
}

/// Places for `buffers`, and the floats they take together. Largest first, each at the lowest place
/// where it meets none that is alive with it.
pub(super) fn places(buffers: &[Buffer]) -> (Vec<Range<usize>>, usize) {
    let mut order: Vec<usize> = (0..buffers.len()).collect();
    order.sort_by_key(|&n| std::cmp::Reverse(buffers[n].len));
    let mut places: Vec<Range<usize>> = vec![0..0; buffers.len()];
    let mut placed: Vec<usize> = Vec::new();
    let mut total = 0;
    for n in order {
        let Buffer { len, life } = buffers[n];
        let mut others: Vec<_> = placed
            .iter()
            .filter(|&&other| {
                let there = buffers[other].life;
                life.0 <= there.1 && there.0 <= life.1
            })
            .map(|&other| places[other].clone())
            .collect();
        others.sort_by_key(|place| place.start);
        let mut start = 0;
        for other in others {
            if start + len <= other.start {
                break;
            }
            start = start.max(other.end.next_multiple_of(LINE));
        }
        places[n] = start..start + len;
        total = total.max(start + len);
        placed.push(n);
    }
    (places, total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::Lcg;

    #[test]
    fn a_chain_needs_room_for_two_results() {
        let link = |n| Buffer { len: 160, life: (n, n + 1) };
        assert_eq!(places(&[link(0), link(1), link(2), link(3)]).1, 320);
    }

    #[test]
    fn no_two_results_that_live_together_overlap() {
        let mut lcg = Lcg(1);
        let mut below = |limit: u16| {
            let drawn = (lcg.next() + 1.0) / 2.0 * f32::from(limit);
            (0..limit).rev().find(|&n| f32::from(n) <= drawn).map_or(0, usize::from)
        };
        for _ in 0..300 {
            let buffers: Vec<_> = (0..1 + below(40))
                .map(|_| {
                    let first = below(20);
                    Buffer { len: 1 + below(500), life: (first, first + below(9)) }
                })
                .collect();
            let (places, total) = places(&buffers);
            for (n, a) in buffers.iter().enumerate() {
                let of_a = &places[n];
                assert!(of_a.len() == a.len && of_a.end <= total && of_a.start % LINE == 0);
                for (m, b) in buffers.iter().enumerate().skip(n + 1) {
                    let together = a.life.0 <= b.life.1 && b.life.0 <= a.life.1;
                    let apart = of_a.end <= places[m].start || places[m].end <= of_a.start;
                    assert!(apart || !together, "{buffers:?} {places:?}");
                }
            }
        }
    }
}
