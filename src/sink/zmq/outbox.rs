//! What waits for one subscriber: whole messages, bounded in bytes, the oldest dropped first.

use std::collections::VecDeque;
use std::sync::Arc;

/// Bytes of a whole message with its framing, shared between subscribers.
pub(super) type Encoded = Arc<[u8]>;

/// A queue of whole messages, and a place for one PONG beside it.
///
/// What is being written is taken out of the queue first and is never dropped, so a message is
/// never cut. The PONG has a place of its own: in the queue it would be dropped exactly when the
/// subscriber is slow, and a flood of PINGs would fill it.
#[derive(Debug)]
pub(super) struct Outbox {
    limit: usize,
    waiting: VecDeque<Encoded>,
    waiting_bytes: usize,
    pong: Option<Encoded>,
    /// Being written, and how much of it the kernel has taken.
    current: Option<(Encoded, usize)>,
}

impl Outbox {
    /// An empty one that holds `limit` bytes, or one message if that is larger.
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, waiting: VecDeque::new(), waiting_bytes: 0, pong: None, current: None }
    }

    /// True if `len` more bytes fit without a loss.
    pub(super) fn has_room(&self, len: usize) -> bool {
        self.waiting.is_empty() || self.waiting_bytes.saturating_add(len) <= self.limit
    }

    /// Appends a message; the number of older ones dropped for it.
    pub(super) fn push(&mut self, message: Encoded) -> u64 {
        let mut dropped = 0;
        while !self.has_room(message.len()) {
            let oldest = self.waiting.pop_front().map_or(0, |oldest| oldest.len());
            self.waiting_bytes -= oldest;
            dropped += 1;
        }
        self.waiting_bytes += message.len();
        self.waiting.push_back(message);
        dropped
    }

    /// Sets the PONG to be sent before the next message, in place of one not yet sent.
    pub(super) fn set_pong(&mut self, pong: Vec<u8>) {
        self.pong = Some(pong.into());
    }

    /// What to write next, and how much of it was written already.
    pub(super) fn next(&mut self) -> Option<(Encoded, usize)> {
        if self.current.is_none() {
            let next = self.pong.take().or_else(|| {
                let message = self.waiting.pop_front()?;
                self.waiting_bytes -= message.len();
                Some(message)
            });
            self.current = next.map(|bytes| (bytes, 0));
        }
        self.current.clone()
    }

    /// `n` more bytes of [`next`](Self::next) are written.
    pub(super) fn advance(&mut self, n: usize) {
        if let Some((bytes, written)) = &mut self.current {
            *written += n;
            if *written >= bytes.len() {
                self.current = None;
            }
        }
    }

    /// True if everything was written.
    pub(super) fn is_empty(&self) -> bool {
        self.current.is_none() && self.pong.is_none() && self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Writes up to `n` bytes, as a kernel that takes what it likes.
    fn write(outbox: &mut Outbox, n: usize, written: &mut Vec<u8>) {
        if let Some((bytes, at)) = outbox.next() {
            let n = n.min(bytes.len() - at);
            written.extend_from_slice(&bytes[at..at + n]);
            outbox.advance(n);
        }
    }

    #[test]
    fn the_message_being_written_is_not_dropped_and_the_pong_waits_for_its_end() {
        let mut outbox = Outbox::new(4);
        let mut written = Vec::new();
        assert_eq!(outbox.push(b"aaa".as_slice().into()), 0);
        write(&mut outbox, 1, &mut written);
        assert_eq!(outbox.push(b"bbb".as_slice().into()), 0);
        assert_eq!(outbox.push(b"ccc".as_slice().into()), 1);
        outbox.set_pong(b"first".to_vec());
        outbox.set_pong(b"P".to_vec());
        while !outbox.is_empty() {
            write(&mut outbox, 2, &mut written);
        }
        assert_eq!(written, b"aaaPccc");
    }

    #[test]
    fn a_message_above_the_limit_is_sent_alone() {
        let mut outbox = Outbox::new(4);
        outbox.push(b"a".as_slice().into());
        assert_eq!(outbox.push(b"larger".as_slice().into()), 1);
        assert_eq!(outbox.next().unwrap().0.as_ref(), b"larger");
    }

    proptest! {
        #[test]
        fn whatever_the_kernel_takes_whole_messages_arrive_in_order_and_the_queue_stays_bounded(
            steps in proptest::collection::vec((0..40_usize, 0..60_usize), 1..200),
        ) {
            let mut outbox = Outbox::new(100);
            let (mut written, mut pushed, mut dropped) = (Vec::new(), 0_u8, 0_u64);
            for (len, take) in steps {
                // Length, number, filler: what arrives can be cut into messages again.
                let len = u8::try_from(len).unwrap();
                let message: Vec<u8> =
                    [len, pushed].into_iter().chain((0..len).map(|_| 0)).collect();
                pushed += 1;
                dropped += outbox.push(message.into());
                prop_assert!(outbox.waiting_bytes <= 100);
                prop_assert_eq!(
                    outbox.waiting_bytes, outbox.waiting.iter().map(|m| m.len()).sum::<usize>());
                write(&mut outbox, take, &mut written);
            }
            while !outbox.is_empty() {
                write(&mut outbox, 7, &mut written);
            }
            let (mut rest, mut last, mut arrived) = (&written[..], None, 0);
            while let [len, number, more @ ..] = rest {
                prop_assert!(last.is_none_or(|last| last < *number));
                (last, arrived) = (Some(*number), arrived + 1);
                rest = &more[usize::from(*len)..];
            }
            prop_assert_eq!(arrived + dropped, u64::from(pushed));
        }
    }
}
