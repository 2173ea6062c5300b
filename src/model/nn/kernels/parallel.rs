//! Splitting a batch over threads, for training: inference runs on the thread that asks for it.
//!
//! How work is cut depends on its size alone, never on the number of threads, so that sums are
//! rounded the same way on every machine.

use std::ops::Range;
use std::sync::Mutex;

/// Multiplications that are worth a thread of their own: some ten times what starting one costs.
const WORTH_A_THREAD: usize = 2_000_000;
/// Most pieces of a sum: each has its own copy of the sum.
const PIECES: usize = 8;

/// Calls `work(first, items)` for pieces of `out`, `len` floats an item, on up to `threads`
/// threads. One item takes `cost` multiplications.
pub(crate) fn each_item(
    threads: usize,
    cost: usize,
    (out, len): (&mut [f32], usize),
    work: impl Fn(usize, &mut [f32]) + Sync,
) {
    let items = out.len() / len.max(1);
    let threads = threads.min(items).min(items * cost / WORTH_A_THREAD).max(1);
    if threads == 1 {
        work(0, out);
        return;
    }
    let share = items.div_ceil(threads);
    std::thread::scope(|scope| {
        let work = &work;
        let mut pieces = out.chunks_mut(share * len).enumerate();
        let mine = pieces.next();
        for (piece, out) in pieces {
            scope.spawn(move || work(piece * share, out));
        }
        if let Some((_, out)) = mine {
            work(0, out);
        }
    });
}

/// The sum over `0..items` of what `work(items, sum)` adds to `sum`, `len` floats that start at
/// zero. One item takes `cost` multiplications.
pub(crate) fn sum(
    threads: usize,
    (items, cost): (usize, usize),
    len: usize,
    work: impl Fn(Range<usize>, &mut [f32]) + Sync,
) -> Vec<f32> {
    let pieces = PIECES.min(items).min(items * cost / WORTH_A_THREAD).max(1);
    let share = items.div_ceil(pieces);
    let mut sums = vec![0.0; len * pieces];
    if len == 0 {
        return sums;
    }
    let range = |piece: usize| (piece * share).min(items)..((piece + 1) * share).min(items);
    let left = Mutex::new(sums.chunks_mut(len).enumerate());
    let next = || left.lock().ok().and_then(|mut left| left.next());
    let run = || {
        while let Some((piece, sum)) = next() {
            work(range(piece), sum);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(pieces) {
            scope.spawn(run);
        }
        run();
    });
    let (total, others) = sums.split_at_mut(len);
    for other in others.chunks(len) {
        for (total, other) in total.iter_mut().zip(other) {
            *total += other;
        }
    }
    sums.truncate(len);
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_item_is_worked_on_once_whatever_the_number_of_threads() {
        for threads in [1, 2, 3, 7] {
            for items in [0, 1, 5, 13] {
                let mut out = vec![f32::NAN; items * 3];
                each_item(threads, 10 * WORTH_A_THREAD, (&mut out, 3), |first, out| {
                    for (item, out) in (first..).zip(out.chunks_mut(3)) {
                        assert!(out.iter().all(|old| old.is_nan()), "item {item} came twice");
                        out.fill(f32::from(u8::try_from(item).unwrap()));
                    }
                });
                let expected = (0..items).flat_map(|item| [u8::try_from(item).unwrap(); 3]);
                assert!(out.into_iter().eq(expected.map(f32::from)), "{items} items");
            }
        }
    }

    #[test]
    fn a_sum_has_the_same_bits_whatever_the_number_of_threads() {
        let add = |items: Range<usize>, sum: &mut [f32]| {
            for item in items {
                sum[item % 2] += (f32::from(u16::try_from(item).unwrap()) + 0.1).sqrt();
            }
        };
        let sums: Vec<_> =
            [1, 2, 5].map(|threads| sum(threads, (1001, WORTH_A_THREAD), 2, add)).into();
        let bits = |sum: &[f32]| sum.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&sums[0]), bits(&sums[1]));
        assert_eq!(bits(&sums[0]), bits(&sums[2]));
        let expected: f64 = (0..1001).map(|item| (f64::from(item) + 0.1).sqrt()).sum();
        assert!((f64::from(sums[0][0] + sums[0][1]) / expected - 1.0).abs() < 1e-5);
    }
}
