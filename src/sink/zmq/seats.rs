//! Who listens to which topics, and what waits for each of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::first::FirstSubscription;
use super::limits::Limits;
use super::outbox::{Encoded, Outbox};
use super::tally::{Reason, Tally};

/// All subscribers that have shaken hands.
#[derive(Debug)]
pub(super) struct Seats {
    taken: Mutex<Taken>,
    limits: Limits,
    tally: Arc<Tally>,
    first: Arc<FirstSubscription>,
    /// Somebody's outbox has shrunk, or somebody has left. Only the publishing loop waits for it.
    moved: Notify,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    by_number: BTreeMap<u64, Arc<Desk>>,
}

/// What the publishing loop and the subscriber's own task share.
#[derive(Debug)]
struct Desk {
    papers: Mutex<Papers>,
    /// Something was put into the outbox. Only the subscriber's own task waits for it.
    filled: Notify,
}

#[derive(Debug)]
struct Papers {
    subscriptions: Subscriptions,
    outbox: Outbox,
}

impl Seats {
    /// Nobody yet.
    pub(super) fn new(limits: Limits, tally: Arc<Tally>, first: Arc<FirstSubscription>) -> Self {
        Self { taken: Mutex::default(), limits, tally, first, moved: Notify::new() }
    }

    /// Where what happens at the seats is counted.
    pub(super) const fn tally(&self) -> &Arc<Tally> {
        &self.tally
    }

    /// A seat for one subscriber, free again when it is dropped.
    pub(super) fn take(self: &Arc<Self>) -> Seat {
        let papers = Papers {
            subscriptions: Subscriptions::default(),
            outbox: Outbox::new(self.limits.outbox_bytes),
        };
        let desk = Arc::new(Desk { papers: Mutex::new(papers), filled: Notify::new() });
        let mut taken = lock(&self.taken);
        let number = taken.next;
        taken.next += 1;
        taken.by_number.insert(number, Arc::clone(&desk));
        Seat { seats: Arc::clone(self), desk, number }
    }

    /// True if nobody would hear a message.
    pub(super) fn is_empty(&self) -> bool {
        lock(&self.taken).by_number.is_empty()
    }

    /// Puts `message` into the outbox of everybody who wants `topic`; never waits.
    pub(super) fn deliver(&self, topic: &[u8], message: &Encoded) {
        for desk in lock(&self.taken).by_number.values() {
            let mut papers = lock(&desk.papers);
            if papers.subscriptions.want(topic) {
                let dropped = papers.outbox.push(Arc::clone(message));
                self.tally.add(Reason::DroppedSlow, dropped);
                desk.filled.notify_one();
            }
        }
    }

    /// Waits until a message of `len` bytes on `topic` can be delivered without a loss.
    pub(super) async fn room_for(&self, topic: &[u8], len: usize) {
        self.until(|papers| !papers.subscriptions.want(topic) || papers.outbox.has_room(len)).await;
    }

    /// Waits until everything was written.
    pub(super) async fn emptied(&self) {
        self.until(|papers| papers.outbox.is_empty()).await;
    }

    async fn until(&self, holds: impl Fn(&Papers) -> bool) {
        while !lock(&self.taken).by_number.values().all(|desk| holds(&lock(&desk.papers))) {
            self.moved.notified().await;
        }
    }
}

/// The subscriber's end of its seat.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Arc<Seats>,
    desk: Arc<Desk>,
    number: u64,
}

impl Seat {
    /// False if it has as many subscriptions as it may have.
    pub(super) fn subscribe(&self, prefix: Vec<u8>) -> bool {
        let added =
            lock(&self.desk.papers).subscriptions.add(prefix, self.seats.limits.subscriptions);
        if added {
            self.seats.first.note();
        }
        added
    }

    /// Takes back one subscription to `prefix`; nothing happens if there is none.
    pub(super) fn cancel(&self, prefix: &[u8]) {
        lock(&self.desk.papers).subscriptions.remove(prefix);
    }

    /// Answers a PING before the next message.
    pub(super) fn set_pong(&self, pong: Vec<u8>) {
        lock(&self.desk.papers).outbox.set_pong(pong);
        self.desk.filled.notify_one();
    }

    /// Waits for something to write: the bytes, and how many of them were written already.
    pub(super) async fn next(&self) -> (Encoded, usize) {
        loop {
            let next = lock(&self.desk.papers).outbox.next();
            match next {
                Some(next) => return next,
                None => self.desk.filled.notified().await,
            }
        }
    }

    /// `n` more bytes of [`next`](Self::next) are written.
    pub(super) fn advance(&self, n: usize) {
        lock(&self.desk.papers).outbox.advance(n);
        self.seats.moved.notify_one();
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        lock(&self.seats.taken).by_number.remove(&self.number);
        self.seats.moved.notify_one();
    }
}

/// The prefixes of one subscriber, each as often as it was asked for: a prefix ends with its last
/// cancel, and a cancel of an unknown one frees no place.
#[derive(Debug, Default)]
struct Subscriptions {
    times: BTreeMap<Vec<u8>, usize>,
    total: usize,
}

impl Subscriptions {
    fn add(&mut self, prefix: Vec<u8>, limit: usize) -> bool {
        let has_place = self.total < limit;
        if has_place {
            self.total += 1;
            *self.times.entry(prefix).or_insert(0) += 1;
        }
        has_place
    }

    fn remove(&mut self, prefix: &[u8]) {
        if let Some(times) = self.times.get_mut(prefix) {
            self.total -= 1;
            *times -= 1;
            if *times == 0 {
                self.times.remove(prefix);
            }
        }
    }

    fn want(&self, topic: &[u8]) -> bool {
        self.times.keys().any(|prefix| topic.starts_with(prefix))
    }
}

/// No code that holds a lock here can panic half-way, so what a poisoned one holds is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_with_its_last_cancel_and_an_unknown_cancel_frees_no_place() {
        let mut subscriptions = Subscriptions::default();
        assert!(subscriptions.add(b"v1/".to_vec(), 2));
        assert!(subscriptions.add(b"v1/".to_vec(), 2));
        assert!(!subscriptions.add(b"v2/".to_vec(), 2));
        subscriptions.remove(b"never");
        assert!(!subscriptions.add(b"v2/".to_vec(), 2));
        subscriptions.remove(b"v1/");
        assert!(subscriptions.want(b"v1/radar/"));
        subscriptions.remove(b"v1/");
        assert!(!subscriptions.want(b"v1/radar/"));
        assert!(subscriptions.add(Vec::new(), 2), "the places are free again");
        assert!(subscriptions.want(b"anything"));
    }

    #[test]
    fn only_who_subscribed_is_served_and_who_left_holds_nobody_up() {
        let seats = Arc::new(Seats::new(Limits::default(), Arc::default(), Arc::default()));
        let (ours, other) = (seats.take(), seats.take());
        assert!(ours.subscribe(b"v1/".to_vec()));
        seats.deliver(b"v1/radar/", &b"message".as_slice().into());
        let empty = |seat: &Seat| lock(&seat.desk.papers).outbox.is_empty();
        assert!(!empty(&ours) && empty(&other));
        drop(ours);
        assert_eq!(lock(&seats.taken).by_number.len(), 1);
    }
}
