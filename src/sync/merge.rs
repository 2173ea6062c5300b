//! Merging of several ordered sources into one ordered stream.

use std::collections::VecDeque;

use crate::data::At;
use crate::units::{HostClock, Stamp};

/// Holds what each source delivered until it is known to be next.
///
/// An item is released once every open source has something waiting, so the order depends on
/// stamps alone, never on who was read first. At equal stamps the lower source number goes first.
/// Memory is bounded by reading only from the source that [`hungry`](Self::hungry) names.
#[derive(Debug)]
pub struct Merge<T> {
    waiting: Vec<VecDeque<At<T>>>,
    open: Vec<bool>,
    released: Option<Stamp<HostClock>>,
    late: u64,
}

impl<T> Merge<T> {
    /// For `sources` sources, all open.
    #[must_use]
    pub fn new(sources: usize) -> Self {
        Self {
            waiting: (0..sources).map(|_| VecDeque::new()).collect(),
            open: vec![true; sources],
            released: None,
            late: 0,
        }
    }

    /// Adds what `source` delivered. Stamps of one source that step back are taken as they are and
    /// counted as late when they come out behind the stream.
    ///
    /// # Panics
    /// When there is no such source.
    pub fn push(&mut self, source: usize, item: At<T>) {
        self.waiting[source].push_back(item);
    }

    /// `source` has ended: nobody waits for it any more.
    ///
    /// # Panics
    /// When there is no such source.
    pub fn close(&mut self, source: usize) {
        self.open[source] = false;
    }

    /// `source` delivers again: it is waited for.
    ///
    /// # Panics
    /// When there is no such source.
    pub fn open(&mut self, source: usize) {
        self.open[source] = true;
    }

    /// All sources are open again.
    pub fn reopen(&mut self) {
        self.open.fill(true);
    }

    /// The first open source with nothing waiting: read this one next.
    #[must_use]
    pub fn hungry(&self) -> Option<usize> {
        (0..self.open.len()).find(|&source| self.open[source] && self.waiting[source].is_empty())
    }

    /// The next item in time order, or `None` while an open source has nothing waiting.
    pub fn pop(&mut self) -> Option<(usize, At<T>)> {
        if self.hungry().is_some() {
            return None;
        }
        let source = self.first()?;
        self.release(source)
    }

    /// The next item in time order that is not after `bound`, whoever else is silent: a live stream
    /// does not wait for ever.
    pub fn pop_until(&mut self, bound: Stamp<HostClock>) -> Option<(usize, At<T>)> {
        let source = self.first().filter(|&source| {
            self.waiting[source].front().is_some_and(|item| item.stamp <= bound)
        })?;
        self.release(source)
    }

    /// The source whose next item is first in time.
    fn first(&self) -> Option<usize> {
        (0..self.waiting.len())
            .filter(|&source| !self.waiting[source].is_empty())
            .min_by_key(|&source| self.waiting[source].front().map(|item| item.stamp))
    }

    fn release(&mut self, source: usize) -> Option<(usize, At<T>)> {
        let item = self.waiting[source].pop_front()?;
        match self.released {
            Some(newest) if item.stamp < newest => self.late += 1,
            _ => self.released = Some(item.stamp),
        }
        Some((source, item))
    }

    /// How many items of `source` wait.
    ///
    /// # Panics
    /// When there is no such source.
    #[must_use]
    pub fn waiting(&self, source: usize) -> usize {
        self.waiting[source].len()
    }

    /// Items that came out behind one already released.
    #[must_use]
    pub const fn late(&self) -> u64 {
        self.late
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(micros: i64) -> At<i64> {
        At { stamp: Stamp::from_micros(micros), value: micros }
    }

    #[test]
    fn nothing_comes_out_while_a_source_is_silent() {
        let mut merge = Merge::new(2);
        merge.push(1, at(5));
        assert_eq!(merge.hungry(), Some(0));
        assert_eq!(merge.pop(), None);
        merge.close(0);
        assert_eq!(merge.pop(), Some((1, at(5))));
    }

    #[test]
    fn a_bound_releases_what_is_older_though_a_source_is_silent() {
        let mut merge = Merge::new(2);
        merge.push(1, at(5));
        merge.push(1, at(9));
        assert_eq!(merge.pop_until(Stamp::from_micros(5)), Some((1, at(5))));
        assert_eq!(merge.pop_until(Stamp::from_micros(8)), None);
        merge.push(0, at(7));
        assert_eq!(merge.pop_until(Stamp::from_micros(9)), Some((0, at(7))));
        assert_eq!(merge.late(), 0);
    }

    #[test]
    fn a_stamp_behind_the_stream_is_delivered_and_counted() {
        let mut merge = Merge::new(1);
        merge.push(0, at(5));
        merge.push(0, at(3));
        merge.close(0);
        assert_eq!(merge.pop().map(|(_, item)| item.value), Some(5));
        assert_eq!(merge.pop().map(|(_, item)| item.value), Some(3));
        assert_eq!(merge.late(), 1);
    }

    proptest! {
        #[test]
        fn reading_the_hungry_source_gives_the_sorted_union(
            mut a in prop::collection::vec(0_i64..100, 0..30),
            mut b in prop::collection::vec(0_i64..100, 0..30),
        ) {
            a.sort_unstable();
            b.sort_unstable();
            let mut expected: Vec<_> =
                a.iter().map(|&t| (t, 0)).chain(b.iter().map(|&t| (t, 1))).collect();
            expected.sort_unstable();
            let mut inputs = [a.into_iter(), b.into_iter()];
            let mut merge = Merge::new(2);
            let mut got = Vec::new();
            while let Some(source) = merge.hungry() {
                match inputs[source].next() {
                    Some(t) => merge.push(source, at(t)),
                    None => merge.close(source),
                }
                while let Some((source, item)) = merge.pop() {
                    got.push((item.value, source));
                }
            }
            prop_assert_eq!(got, expected);
            prop_assert_eq!(merge.late(), 0);
        }
    }
}
