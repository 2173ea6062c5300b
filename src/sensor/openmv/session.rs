//! The talk with the camera: synchronise, find the channel, and read frames of raw events.
//!
//! Knows no port and no clock: bytes go in and come out, and somebody says when 5 ms went by.

use super::packet::{ACK, ACK_REQ, EVENT, FRAGMENT, LARGEST_PAYLOAD, NAK, Packet, Packets, RTX};
use crate::data::{Counts, Loss};

/// Most bytes of a frame of events: the longest buffer that the camera can be told to use.
const LARGEST_FRAME: usize = 65_536 * 4;
/// Ticks without an answer until everything begins again: 1 s.
const PATIENCE: u32 = 200;
/// Beginnings without an answer until the camera is lost.
const ATTEMPTS: u32 = 3;
/// Bytes of a channel in the list: number, flags, name.
const ENTRY: usize = 16;
/// Checksums, sequence numbers, confirmations and events, all of them on.
const CAPABILITIES: u32 = 0b1111;

/// Opcode and meaning of what the camera says unasked about itself.
const SYSTEM_EVENT: u8 = 0x13;
const SOFT_REBOOT: u16 = 2;
/// Reason of a refusal that only asks for patience.
const BUSY: u16 = 4;

/// What is being asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Synchronise,
    Capabilities,
    SetCapabilities,
    Channels,
    Size,
    Poll,
    Read,
}

impl Step {
    const fn opcode(self) -> u8 {
        match self {
            Self::Synchronise => 0x00,
            Self::Capabilities => 0x01,
            Self::SetCapabilities => 0x02,
            Self::Channels => 0x20,
            Self::Poll => 0x21,
            Self::Size => 0x25,
            Self::Read => 0x26,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Synchronise => "PROTO_SYNC",
            Self::Capabilities => "PROTO_GET_CAPS",
            Self::SetCapabilities => "PROTO_SET_CAPS",
            Self::Channels => "CHANNEL_LIST",
            Self::Poll => "CHANNEL_POLL",
            Self::Size => "CHANNEL_SIZE",
            Self::Read => "CHANNEL_READ",
        }
    }
}

/// What the camera gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said<'a> {
    /// One frame of event words.
    Frame(&'a [u8]),
    /// Its script starts anew, and its time with it.
    Rebooted,
}

/// Why the talk cannot go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What kind of loss this is.
    pub loss: Loss,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub remedy: &'static str,
}

/// A talk with one camera, from the first byte on.
#[derive(Debug)]
pub struct Session {
    name: String,
    packets: Packets,
    /// What is to be sent.
    outbox: Vec<u8>,
    step: Step,
    /// The next poll waits for the next tick: the camera had nothing.
    resting: bool,
    sequence: u8,
    /// Of the camera's packets.
    max_payload: u16,
    channel: u8,
    frame_bytes: usize,
    /// The fragments of an answer so far.
    answer: Vec<u8>,
    ticks: u32,
    attempts: u32,
    resynchronised: u64,
    out_of_sequence: u64,
    repeated: u64,
    refused: u64,
}

impl Session {
    /// Wants to read the channel `name`.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let mut session = Self {
            name: name.to_owned(),
            packets: Packets::default(),
            outbox: Vec::new(),
            step: Step::Synchronise,
            resting: false,
            sequence: 0,
            max_payload: 0,
            channel: 0,
            frame_bytes: 0,
            answer: Vec::new(),
            ticks: 0,
            attempts: 0,
            resynchronised: 0,
            out_of_sequence: 0,
            repeated: 0,
            refused: 0,
        };
        session.begin();
        session
    }

    /// What is to be sent now; asked for once.
    pub fn outgoing(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.outbox)
    }

    /// Takes what the camera sent and gives what it completes to `emit`.
    ///
    /// # Errors
    /// When the camera has not got the channel, or answers what makes no sense.
    pub fn receive(
        &mut self,
        bytes: &[u8],
        emit: &mut impl FnMut(Said<'_>),
    ) -> Result<(), Trouble> {
        self.packets.push(bytes);
        let mut packets = core::mem::take(&mut self.packets);
        let mut result = Ok(());
        while result.is_ok()
            && let Some(packet) = packets.pop()
        {
            result = self.take(&packet, emit);
        }
        self.packets = packets;
        result
    }

    /// 5 ms went by and nothing came.
    ///
    /// # Errors
    /// When the camera has not answered for too long.
    pub fn tick(&mut self) -> Result<(), Trouble> {
        if core::mem::take(&mut self.resting) {
            self.ask(Step::Poll);
            return Ok(());
        }
        self.ticks += 1;
        if self.ticks < PATIENCE {
            return Ok(());
        }
        let asked = self.step.name();
        self.attempts += 1;
        if self.attempts >= ATTEMPTS {
            return Err(Trouble {
                loss: Loss::Absent,
                problem: format!("no answer to {asked} within 1 s, {ATTEMPTS} times"),
                remedy: "check that this is an OpenMV camera and that no IDE is connected to it",
            });
        }
        self.again();
        Ok(())
    }

    /// Everything refused or lost so far, by reason.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for (reason, n) in [
            ("bytes-outside-packets", self.packets.skipped),
            ("resynchronised", self.resynchronised),
            ("out-of-sequence-packets", self.out_of_sequence),
            ("repeated-packets", self.repeated),
            ("refused-commands", self.refused),
        ] {
            counts.add(reason, n);
        }
        counts
    }

    /// Asks for a new beginning.
    fn begin(&mut self) {
        self.sequence = 0;
        self.ask(Step::Synchronise);
    }

    fn again(&mut self) {
        self.resynchronised += 1;
        self.begin();
    }

    fn ask(&mut self, step: Step) {
        let caps = [&CAPABILITIES.to_le_bytes()[..], &self.max_payload.to_le_bytes(), &[0; 10]];
        let length = u32::try_from(self.frame_bytes).unwrap_or(0).to_le_bytes();
        let (channel, payload) = match step {
            Step::Synchronise | Step::Capabilities | Step::Channels | Step::Poll => (0, Vec::new()),
            Step::SetCapabilities => (0, caps.concat()),
            Step::Size => (self.channel, Vec::new()),
            Step::Read => (self.channel, [[0; 4], length].concat()),
        };
        let (sequence, opcode) = (self.sequence, step.opcode());
        let packet = Packet { sequence, channel, flags: 0, opcode, payload: &payload };
        packet.encode(&mut self.outbox);
        (self.step, self.ticks, self.resting) = (step, 0, false);
        self.answer.clear();
    }

    fn take(
        &mut self,
        packet: &Packet<'_>,
        emit: &mut impl FnMut(Said<'_>),
    ) -> Result<(), Trouble> {
        let has = |flag: u8| packet.flags & flag != 0;
        if self.step == Step::Synchronise && packet.opcode != Step::Synchronise.opcode() {
            return Ok(()); // Of an earlier talk.
        }
        let expected = packet.sequence == self.sequence || self.step == Step::Synchronise;
        if !expected && !has(EVENT) && !has(RTX) {
            self.out_of_sequence += 1;
            return Ok(());
        }
        if has(ACK_REQ) {
            let ack = Packet { flags: ACK, payload: &[], ..*packet };
            ack.encode(&mut self.outbox);
        }
        if has(EVENT) {
            return self.hear(packet, emit);
        }
        if !expected {
            self.repeated += 1;
            return Ok(());
        }
        if packet.opcode != self.step.opcode() {
            self.out_of_sequence += 1;
            return Ok(());
        }
        self.sequence = self.sequence.wrapping_add(1);
        self.ticks = 0;
        if has(NAK) {
            return self.refuse(packet);
        }
        self.answer.extend_from_slice(packet.payload);
        if self.answer.len() > LARGEST_FRAME {
            return Err(self.nonsense(&format!("more than {LARGEST_FRAME} bytes")));
        }
        if has(FRAGMENT) {
            return Ok(());
        }
        self.attempts = 0;
        let answer = core::mem::take(&mut self.answer);
        let result = self.complete(&answer, emit);
        // The memory is kept for the next frame.
        self.answer = answer;
        self.answer.clear();
        result
    }

    fn hear(
        &mut self,
        packet: &Packet<'_>,
        emit: &mut impl FnMut(Said<'_>),
    ) -> Result<(), Trouble> {
        let event = packet.payload.first_chunk().map(|&event| u16::from_le_bytes(event));
        if packet.opcode == SYSTEM_EVENT && event == Some(SOFT_REBOOT) {
            emit(Said::Rebooted);
            self.begin();
        }
        Ok(())
    }

    /// Takes a refusal.
    fn refuse(&mut self, packet: &Packet<'_>) -> Result<(), Trouble> {
        self.refused += 1;
        let status = packet.payload.first_chunk().map(|&status| u16::from_le_bytes(status));
        match (self.step, status) {
            // A frame may be gone between the question and the read.
            (Step::Poll | Step::Read, Some(BUSY)) => self.rest(),
            (Step::Poll | Step::Read, _) => self.again(),
            (_, status) => {
                let status = status.map_or_else(|| "none".to_owned(), |status| status.to_string());
                return Err(self.nonsense(&format!("a refusal with status {status}")));
            }
        }
        Ok(())
    }

    /// Asks again after a tick.
    const fn rest(&mut self) {
        (self.step, self.ticks, self.resting) = (Step::Poll, 0, true);
    }

    fn complete(&mut self, answer: &[u8], emit: &mut impl FnMut(Said<'_>)) -> Result<(), Trouble> {
        let word = answer.first_chunk().map(|&word| u32::from_le_bytes(word));
        match self.step {
            Step::Synchronise => {
                self.sequence = 0;
                self.ask(Step::Capabilities);
            }
            Step::Capabilities => {
                let Some(&[_, _, _, _, low, high]) = answer.first_chunk() else {
                    return Err(self.nonsense(&format!("{} bytes", answer.len())));
                };
                let largest = u16::try_from(LARGEST_PAYLOAD).unwrap_or(u16::MAX);
                self.max_payload = u16::from_le_bytes([low, high]).min(largest);
                self.ask(Step::SetCapabilities);
            }
            Step::SetCapabilities => self.ask(Step::Channels),
            Step::Channels => {
                self.channel = self.find(answer)?;
                self.ask(Step::Size);
            }
            Step::Size => {
                let size = word.and_then(|size| usize::try_from(size).ok());
                match size.filter(|size| (1..=LARGEST_FRAME).contains(size)) {
                    Some(size) => self.frame_bytes = size,
                    None => return Err(self.nonsense(&format!("a frame of {word:?} bytes"))),
                }
                self.ask(Step::Poll);
            }
            Step::Poll => match word {
                Some(ready) if ready & (1 << (self.channel & 31)) != 0 => self.ask(Step::Read),
                _ => self.rest(),
            },
            Step::Read => {
                if answer.len() != self.frame_bytes {
                    let problem = format!("{} of {} bytes", answer.len(), self.frame_bytes);
                    return Err(self.nonsense(&problem));
                }
                emit(Said::Frame(answer));
                self.ask(Step::Poll);
            }
        }
        Ok(())
    }

    /// The number of our channel in a list of channels.
    fn find(&self, list: &[u8]) -> Result<u8, Trouble> {
        let mut names = Vec::new();
        for &[number, _, ref name @ ..] in list.as_chunks::<ENTRY>().0 {
            let end = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
            let name = name[..end].escape_ascii().to_string();
            if name == self.name {
                return Ok(number);
            }
            names.push(name);
        }
        Err(Trouble {
            loss: Loss::Configuration,
            problem: format!("no channel `{}`; there are {}", self.name, names.join(", ")),
            remedy: "run the raw event streaming script of OpenMV on the camera",
        })
    }

    fn nonsense(&self, got: &str) -> Trouble {
        Trouble {
            loss: Loss::Protocol,
            problem: format!("the answer to {} was {got}", self.step.name()),
            remedy: "update the camera's firmware; it must speak protocol version 1",
        }
    }
}
