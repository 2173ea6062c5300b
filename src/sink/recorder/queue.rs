//! The queue in front of the writer: bounded by bytes, and never in the pipeline's way.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::recording::{Loss, Packed};

/// What may wait for the disk: half a minute of a radar and a busy camera.
pub(super) const MOST: usize = 64 << 20;

/// Entries dropped because the disk was too slow.
pub(super) const FULL: &str = "record-queue-full";

/// Entries on their way to the writer. When it is full the newest is dropped and counted, and the
/// next one that fits is preceded by a word about the loss.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    news: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Packed>,
    bytes: usize,
    closed: bool,
    /// Since the last entry that fitted.
    untold: u64,
    dropped: u64,
    failed: u64,
}

/// What the writer is to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Write this.
    Entry(Packed),
    /// Nothing came.
    Idle,
    /// End the file.
    Close,
}

impl Queue {
    /// Takes an entry if there is room.
    pub(super) fn put(&self, entry: Packed) {
        let mut state = self.lock();
        if state.bytes.saturating_add(entry.size()) > MOST {
            state.dropped += 1;
            state.untold += 1;
            return;
        }
        let untold = std::mem::take(&mut state.untold);
        if untold > 0 {
            let loss = Loss { reason: FULL.to_owned(), entries: untold };
            state.push(Packed::loss(&loss, entry.micros()));
        }
        state.push(entry);
        drop(state);
        self.news.notify_one();
    }

    /// The next entry; waits no longer than `patience`.
    pub(super) fn next(&self, patience: Duration) -> Next {
        let state = self.lock();
        let nothing = |state: &mut State| state.waiting.is_empty() && !state.closed;
        let (mut state, _) = self
            .news
            .wait_timeout_while(state, patience, nothing)
            .unwrap_or_else(PoisonError::into_inner);
        match state.waiting.pop_front() {
            Some(entry) => {
                state.bytes -= entry.size();
                Next::Entry(entry)
            }
            None if state.closed => Next::Close,
            None => Next::Idle,
        }
    }

    /// Nothing more will come.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.news.notify_one();
    }

    /// The writer says how many entries the disk has cost so far.
    pub(super) fn fail(&self, entries: u64) {
        self.lock().failed = entries;
    }

    /// Entries dropped here, and entries that the disk has cost.
    pub(super) fn losses(&self) -> (u64, u64) {
        let state = self.lock();
        (state.dropped, state.failed)
    }

    /// Bytes that wait.
    pub(super) fn bytes(&self) -> usize {
        self.lock().bytes
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn push(&mut self, entry: Packed) {
        self.bytes = self.bytes.saturating_add(entry.size());
        self.waiting.push_back(entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(size: usize) -> Packed {
        Packed::published("v1/x/y/", "x".repeat(size), 7)
    }

    #[test]
    fn a_full_queue_drops_the_newest_and_says_so_before_the_next_that_fits() {
        let queue = Queue::default();
        let quarter = entry(MOST / 4 - 1000);
        (0..7).for_each(|_| queue.put(quarter.clone()));
        assert_eq!(queue.losses(), (3, 0));
        for _ in 0..4 {
            assert_eq!(queue.next(Duration::ZERO), Next::Entry(quarter.clone()));
        }
        assert_eq!(queue.next(Duration::ZERO), Next::Idle);
        queue.put(entry(1));
        let loss = Loss { reason: FULL.to_owned(), entries: 3 };
        assert_eq!(queue.next(Duration::ZERO), Next::Entry(Packed::loss(&loss, 7)));
        queue.close();
        assert_eq!(queue.next(Duration::ZERO), Next::Entry(entry(1)));
        assert_eq!(queue.next(Duration::ZERO), Next::Close);
    }
}
