//! Messages to bytes on the wire, and the ring in which they wait for the host.

use firmware_proto::{Encoder, MAX_WIRE, Message, Signer};

use crate::line::{Faults, Line};

/// Encodes messages, lets the wire damage them, and keeps them until the host reads.
pub(super) struct Sender {
    encoder: Encoder,
    line: Line,
    wire: [u8; MAX_WIRE],
    waiting: Vec<u8>,
    ring: usize,
    bytes: u64,
}

impl Sender {
    pub(super) fn new(faults: Faults, ring: usize) -> Self {
        Self {
            encoder: Encoder::new(),
            line: Line::new(faults),
            wire: [0; MAX_WIRE],
            waiting: Vec::new(),
            ring,
            bytes: 0,
        }
    }

    pub(super) fn reboot(&mut self) {
        self.encoder = Encoder::new();
        self.waiting.clear();
    }

    pub(super) fn sign_with(&mut self, signer: Signer) {
        self.encoder.sign_with(Some(signer));
    }

    /// Sends `message`. Control messages are small and always find room.
    pub(super) fn send(&mut self, stream: u8, time_us: u64, message: &Message<'_>) {
        // Feeds plan their messages to fit, so there is nothing to lose here.
        if let Ok(used) = self.encoder.encode(stream, time_us, message, &mut self.wire) {
            let before = self.waiting.len();
            self.line.carry(time_us, &self.wire[..used], &mut self.waiting);
            self.bytes += (self.waiting.len() - before) as u64;
        }
    }

    /// Whether `bytes` more may wait.
    pub(super) const fn has_room_for(&self, bytes: usize) -> bool {
        self.waiting.len() + bytes <= self.ring
    }

    pub(super) fn waiting(&self) -> &[u8] {
        &self.waiting
    }

    pub(super) fn sent(&mut self, count: usize) {
        self.waiting.drain(..count);
    }

    pub(super) fn forget(&mut self) {
        self.waiting.clear();
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) const fn flipped(&self) -> u64 {
        self.line.flipped()
    }
}
