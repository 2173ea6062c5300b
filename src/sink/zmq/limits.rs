//! What one subscriber may cost, in one place.

use std::time::Duration;

/// Limits of the publisher towards everybody who connects.
///
/// The worst case in memory is `connections` x (`outbox_bytes` + one message + `send_buffer`) plus
/// the hand-over queue: 32 x 4 MiB for the defaults if every subscriber stalls on messages of its
/// own. Subscribers to the same topics share the bytes of a message, so in practice it is far less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at one time, over all endpoints; more are closed at once. Default: 32.
    pub connections: usize,
    /// Time for greeting and READY together. Default: 2 s.
    pub handshake: Duration,
    /// Longest frame taken from a subscriber, in bytes; a longer one is refused at its header.
    /// Default: 512, room for a topic prefix and for READY with an identity.
    pub inbound_frame: usize,
    /// Reads from one subscriber before it has to rest. Default: 16, more than a handshake and 64
    /// subscriptions take.
    pub inbound_reads: u32,
    /// The rest after them. A flood of small frames costs at most 320 wake-ups a second for each
    /// connection, and its sender finds the line full. Default: 50 ms.
    pub inbound_rest: Duration,
    /// Subscriptions of one subscriber, repeated ones counted each. Default: 64.
    pub subscriptions: usize,
    /// Bytes waiting for one subscriber; above it the oldest whole message is dropped.
    /// Default: 4 MiB.
    pub outbox_bytes: usize,
    /// Largest message, in bytes with its framing; a larger one is not sent. Default: 8 MiB.
    pub message_bytes: usize,
    /// A subscriber of whom the kernel took no byte for so long is disconnected. One that is slow
    /// but moves loses messages and stays. Default: 10 s.
    pub stall: Duration,
    /// Send buffer asked of the kernel for each TCP connection, in bytes. Default: 256 KiB, so that
    /// a stall shows early and the kernel cannot hold megabytes for each peer.
    pub send_buffer: u32,
    /// Pause after an accept that failed, e.g. for want of descriptors. Default: 100 ms.
    pub accept_rest: Duration,
    /// How long a patient message waits for room at subscribers that are behind. Default: 100 ms.
    pub patience: Duration,
    /// How long messages may still travel after the last one was handed over. Default: 200 ms.
    pub linger: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 32,
            handshake: Duration::from_secs(2),
            inbound_frame: 512,
            inbound_reads: 16,
            inbound_rest: Duration::from_millis(50),
            subscriptions: 64,
            outbox_bytes: 4 << 20,
            message_bytes: 8 << 20,
            stall: Duration::from_secs(10),
            send_buffer: 256 << 10,
            accept_rest: Duration::from_millis(100),
            patience: Duration::from_millis(100),
            linger: Duration::from_millis(200),
        }
    }
}
