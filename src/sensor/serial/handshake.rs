//! The host's side of the conversation: greeting, configuration, and questions for the time.

use std::collections::VecDeque;

use firmware_proto::{
    Ack, Config, Direction, Encoder, Hello, HelloRequest, MAX_FRAME, MAX_WIRE, Message, Nak, Nonce,
    PROTOCOL_VERSION, SCHEMA_HASH, Signer, TimeRequest, capability, message_type,
};

use super::instrument::{Difference, Instrument};
use super::key::Key;
use super::session::Fault;
use crate::units::{HostClock, Stamp};

/// The control stream.
const CONTROL: u8 = 0;
/// Questions for the time that may wait for an answer. A board that answers none is asked four times
/// a minute, so that a write never blocks on one that hardly reads.
const UNANSWERED: usize = 4;
/// A question that waited so long was lost on the way, or its answer was.
const FORGOTTEN_NS: u64 = 60_000_000_000;

/// Where the conversation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Waiting for an answer to our greeting: whoever speaks now is not known.
    Greeting,
    /// Waiting for the board to run with the wanted configuration.
    Configuring {
        /// Sequence number of the wish we sent, if we had to.
        asked: Option<u16>,
        /// The board has said that it applied it.
        acknowledged: bool,
    },
    /// Data are believed.
    Streaming,
}

/// What a `Hello` has told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meeting {
    /// It answers no question of ours.
    Stranger,
    /// The board met first.
    First,
    /// The board and boot known from before.
    Again,
    /// Another boot or another board, or a known one whose numbers went back.
    Anew,
}

/// The host's side of the protocol; what it has to say waits in [`Handshake::outgoing`].
#[derive(Debug)]
pub(super) struct Handshake {
    key: Option<Key>,
    encoder: Encoder,
    /// Messages sent, which is the next sequence number of the control stream.
    sent: u16,
    state: State,
    nonce: Nonce,
    boot_id: Option<u64>,
    can_configure: bool,
    /// What our wish was to change.
    differences: Vec<Difference>,
    wants_greeting: bool,
    /// Numbers or times have gone back, whatever the boot id says.
    doubted: bool,
    /// The host's clock as last heard, for the headers of our own messages.
    now_us: u64,
    /// First stamps of the questions that wait for an answer.
    asked_ns: VecDeque<u64>,
    /// Bytes to be sent.
    pub(super) outgoing: Vec<u8>,
    wire: Box<[u8; MAX_WIRE]>,
}

impl Handshake {
    pub(super) fn new(key: Option<Key>) -> Self {
        Self {
            key,
            encoder: Encoder::new(),
            sent: 0,
            state: State::Greeting,
            nonce: [0; 16],
            boot_id: None,
            can_configure: false,
            differences: Vec::new(),
            wants_greeting: false,
            doubted: false,
            now_us: 0,
            asked_ns: VecDeque::with_capacity(UNANSWERED),
            outgoing: Vec::new(),
            wire: Box::new([0; MAX_WIRE]),
        }
    }

    pub(super) const fn key(&self) -> Option<Key> {
        self.key
    }

    /// True once the board is known, so that its messages mean something.
    pub(super) fn has_met(&self) -> bool {
        self.state != State::Greeting
    }

    /// True while data are believed.
    pub(super) fn is_streaming(&self) -> bool {
        self.state == State::Streaming
    }

    /// True if the board has to be greeted again before anything it says can be believed.
    pub(super) const fn wants_greeting(&self) -> bool {
        self.wants_greeting
    }

    /// Greets the board. What a known board says stays good until it answers.
    pub(super) fn greet(&mut self, nonce: Nonce) {
        self.nonce = nonce;
        self.wants_greeting = false;
        // The board's boot is not known yet, or may have changed: see WIRE.md, section 6.
        self.sign_for(0);
        let max_frame = u16::try_from(MAX_FRAME).unwrap_or(u16::MAX);
        self.say(&Message::HelloRequest(HelloRequest {
            nonce,
            version: PROTOCOL_VERSION,
            max_frame,
        }));
        if let Some(boot_id) = self.boot_id {
            self.sign_for(boot_id);
        }
    }

    /// The board may have started anew without our knowing: nothing is believed until it answers.
    pub(super) fn doubt(&mut self) {
        self.state = State::Greeting;
        self.wants_greeting = true;
        self.doubted = true;
    }

    /// The port was lost. Board and boot are remembered.
    pub(super) fn disconnect(&mut self) {
        self.state = State::Greeting;
        self.wants_greeting = false;
        self.outgoing.clear();
        self.asked_ns.clear();
    }

    /// Takes a `Hello`.
    pub(super) fn hello<I: Instrument>(&mut self, hello: &Hello) -> Result<Meeting, Fault> {
        if hello.nonce != self.nonce {
            // Sent on its own at a start or when the port opened, or the answer to an earlier
            // question of ours.
            if self.has_met() && self.boot_id != Some(hello.boot_id) {
                self.doubt();
            }
            return Ok(Meeting::Stranger);
        }
        let (version, host) = (hello.version, PROTOCOL_VERSION);
        if version.0 != host.0 {
            return Err(Fault::Version { device: version, host });
        }
        // A higher minor version only adds, so that its other schema can be read.
        if version.1 <= host.1 && hello.schema_hash != SCHEMA_HASH {
            return Err(Fault::Schema { device: hello.schema_hash, host: SCHEMA_HASH });
        }
        if hello.capabilities & I::CAPABILITY == 0 {
            return Err(Fault::Incapable { name: I::NAME });
        }
        let meeting = match self.boot_id.replace(hello.boot_id) {
            None => Meeting::First,
            Some(boot_id) if boot_id == hello.boot_id && !self.doubted => Meeting::Again,
            Some(_) => Meeting::Anew,
        };
        self.doubted = false;
        self.can_configure = hello.capabilities & capability::CONFIG != 0;
        self.sign_for(hello.boot_id);
        if meeting != Meeting::Again || !self.is_streaming() {
            self.state = State::Configuring { asked: None, acknowledged: false };
            self.asked_ns.clear();
        }
        Ok(meeting)
    }

    /// Takes what the board says that its sensor runs with; true if that is what is wanted.
    pub(super) fn config<I: Instrument>(
        &mut self,
        instrument: &I,
        actual: &Config,
    ) -> Result<bool, Fault> {
        let Some(wanted) = instrument.wanted(&actual.body) else { return Ok(false) };
        let differences = I::differences(&wanted, &actual.body);
        if differences.is_empty() {
            self.state = State::Streaming;
            return Ok(true);
        }
        match self.state {
            // What it ran with before it heard our wish.
            State::Configuring { asked: Some(_), acknowledged: false } => Ok(false),
            State::Configuring { asked: Some(_), acknowledged: true } => {
                Err(Fault::Configuration { differences })
            }
            _ if !self.can_configure => Err(Fault::Configuration { differences }),
            _ => {
                self.state = State::Configuring { asked: Some(self.sent), acknowledged: false };
                self.differences = differences;
                let config_id = actual.config_id.wrapping_add(1);
                self.say(&Message::Config(Config { config_id, body: wanted }));
                Ok(false)
            }
        }
    }

    /// Takes an acknowledgement.
    pub(super) fn acknowledged(&mut self, ack: Ack) {
        if let State::Configuring { asked: Some(sequence), acknowledged } = &mut self.state
            && is_about(ack, *sequence)
        {
            *acknowledged = true;
        }
    }

    /// Takes a refusal.
    pub(super) fn refused(&self, nak: Nak) -> Result<(), Fault> {
        match self.state {
            State::Configuring { asked: Some(sequence), .. } if is_about(nak.to, sequence) => {
                let differences = self.differences.clone();
                Err(Fault::Refused { reason: nak.reason, differences })
            }
            _ => Ok(()),
        }
    }

    /// Asks the board for its time, if it is known and answers such questions.
    pub(super) fn ask_time(&mut self, now: Stamp<HostClock>) {
        self.now_us = u64::try_from(now.as_micros()).unwrap_or(0).max(self.now_us);
        let host_send_ns = self.now_us.saturating_mul(1_000);
        self.asked_ns.retain(|&asked| host_send_ns.saturating_sub(asked) < FORGOTTEN_NS);
        if self.has_met() && self.asked_ns.len() < UNANSWERED {
            self.asked_ns.push_back(host_send_ns);
            self.say(&Message::TimeRequest(TimeRequest { host_send_ns }));
        }
    }

    /// True if `host_send_ns` is the stamp of a question that waits; earlier ones wait no longer.
    pub(super) fn is_answer(&mut self, host_send_ns: u64) -> bool {
        let Some(at) = self.asked_ns.iter().position(|&asked| asked == host_send_ns) else {
            return false;
        };
        self.asked_ns.drain(..=at);
        true
    }

    fn sign_for(&mut self, boot_id: u64) {
        let signer =
            |key: Key| Signer::new(&key.bytes(), Direction::HostToDevice, &self.nonce, boot_id);
        self.encoder.sign_with(self.key.map(signer));
    }

    fn say(&mut self, message: &Message<'_>) {
        // A message of a control type on stream 0 always fits a wire buffer.
        if let Ok(used) =
            self.encoder.encode(CONTROL, self.now_us, message, self.wire.as_mut_slice())
        {
            self.outgoing.extend_from_slice(&self.wire[..used]);
            self.sent = self.sent.wrapping_add(1);
        }
    }
}

/// True if an answer is about the configuration we sent as number `sequence`.
const fn is_about(answer: Ack, sequence: u16) -> bool {
    answer.acked_type == message_type::CONFIG
        && answer.acked_stream == CONTROL
        && answer.acked_sequence == sequence
}
