//! The talk with an OpenMV camera: against a camera of ours that follows its firmware's rules.

use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use proptest::prelude::*;
use serialport::SerialPort;
use visaged::data::{Event, Loss};
use visaged::sensor::openmv::{
    ACK, ACK_REQ, EVENT, FRAGMENT, NAK, Packet, Packets, RTX, Said, Session,
};
use visaged::sensor::{Kind, Reading};

use crate::loopback::next;
use crate::player::pty;

/// Bytes of a frame, and the channel it is read from.
const FRAME: usize = 2048;
const CHANNEL: u8 = 4;

/// A camera: answers every question as the firmware does, one packet at a time.
#[derive(Default)]
struct Camera {
    packets: Packets,
    sequence: u8,
    /// Sent but not confirmed yet, then what follows it.
    waiting: Option<Vec<u8>>,
    queue: Vec<(u8, Vec<u8>)>,
    opcode: u8,
    channel: u8,
    frames: u32,
    without_channel: bool,
}

impl Camera {
    /// The frame after so many others: each a `TIME_HIGH` and events in it.
    fn frame(number: u32) -> Vec<u8> {
        let mut words = vec![0x8000_0000 | (1000 + number * 100)];
        words.extend(
            (1..512_u32).map(|n| 0x1000_0000 | (n % 64) << 22 | (n % 320) << 11 | (n % 300)),
        );
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    fn events(number: u32) -> Vec<Event> {
        let base = i64::from(1000 + number * 100) * 64;
        let event =
            |n: u16| Event { t: base + i64::from(n % 64), x: n % 320, y: n % 300, on: true };
        (1..512).map(event).collect()
    }

    /// Takes what the host sent and says what the camera sends.
    fn hear(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.packets.push(bytes);
        let mut packets = std::mem::take(&mut self.packets);
        let mut out = Vec::new();
        while let Some(packet) = packets.pop() {
            self.take(&packet, &mut out);
        }
        self.packets = packets;
        out
    }

    fn take(&mut self, packet: &Packet<'_>, out: &mut Vec<u8>) {
        if packet.opcode == 0 {
            (self.sequence, self.waiting) = (0, None);
            self.queue.clear();
            Packet { sequence: 0, channel: 0, flags: ACK, opcode: 0, payload: &[] }.encode(out);
            return;
        }
        if packet.flags & ACK != 0 {
            if self.waiting.is_some() && packet.sequence == self.sequence {
                self.waiting = None;
                self.sequence = self.sequence.wrapping_add(1);
                self.send(out);
            }
            return;
        }
        if packet.sequence != self.sequence {
            let (sequence, channel, opcode) = (self.sequence, packet.channel, packet.opcode);
            Packet { sequence, channel, flags: NAK, opcode, payload: &[6, 0] }.encode(out);
            self.sequence = self.sequence.wrapping_add(1);
            return;
        }
        (self.opcode, self.channel) = (packet.opcode, packet.channel);
        self.queue = self.answer(packet);
        self.queue.reverse();
        self.send(out);
    }

    fn answer(&mut self, packet: &Packet<'_>) -> Vec<(u8, Vec<u8>)> {
        let one = |payload: &[u8]| vec![(ACK_REQ, payload.to_vec())];
        match packet.opcode {
            0x01 => one(&[15, 0, 0, 0, 0xF2, 0x0F, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            0x02 => {
                assert_eq!(packet.payload[..6], [15, 0, 0, 0, 0xF2, 0x0F]);
                vec![(ACK, Vec::new())]
            }
            0x20 => {
                let mut list = Vec::new();
                let names = ["usb", "stdin", "stdout", "stream", "raw_events"];
                let count = if self.without_channel { 4 } else { 5 };
                for (name, number) in names.into_iter().zip(0..count) {
                    let mut entry = vec![number, 1];
                    entry.extend_from_slice(name.as_bytes());
                    entry.resize(16, 0);
                    list.extend(entry);
                }
                one(&list)
            }
            0x21 => one(&[1 << CHANNEL, 0, 0, 0]),
            0x25 => {
                assert_eq!(packet.channel, CHANNEL);
                one(&u32::try_from(FRAME).unwrap().to_le_bytes())
            }
            0x26 => {
                assert_eq!(packet.payload, [0, 0, 0, 0, 0, 8, 0, 0]);
                let frame = Self::frame(self.frames);
                self.frames += 1;
                let mut parts: Vec<_> =
                    frame.chunks(500).map(|part| (ACK_REQ | FRAGMENT, part.to_vec())).collect();
                parts.last_mut().unwrap().0 = ACK_REQ;
                parts
            }
            other => panic!("opcode {other}"),
        }
    }

    /// Sends the next packet of the answer.
    fn send(&mut self, out: &mut Vec<u8>) {
        let Some((flags, payload)) = self.queue.pop() else { return };
        let (sequence, channel, opcode) = (self.sequence, self.channel, self.opcode);
        let start = out.len();
        Packet { sequence, channel, flags, opcode, payload: &payload }.encode(out);
        if flags & ACK_REQ != 0 {
            self.waiting = Some(out[start..].to_vec());
        } else {
            self.sequence = self.sequence.wrapping_add(1);
        }
    }

    /// The packet that was not confirmed, marked as sent before.
    fn repeat(&self) -> Vec<u8> {
        let Some(waiting) = &self.waiting else { return Vec::new() };
        let mut packets = Packets::default();
        packets.push(waiting);
        let packet = packets.pop().unwrap();
        let mut out = Vec::new();
        Packet { flags: packet.flags | RTX, ..packet }.encode(&mut out);
        out
    }
}

/// One exchange; `spoil` may change what the camera sent.
fn exchange(
    session: &mut Session,
    camera: &mut Camera,
    spoil: impl FnOnce(&mut Vec<u8>),
    frames: &mut Vec<Vec<u8>>,
) {
    let mut said = camera.hear(&session.outgoing());
    spoil(&mut said);
    let emit = &mut |said: Said<'_>| {
        let Said::Frame(frame) = said else { panic!("a reboot") };
        frames.push(frame.to_vec());
    };
    session.receive(&said, emit).unwrap();
}

#[test]
fn frames_come_in_order_and_whole() {
    let (mut session, mut camera) = (Session::new("raw_events"), Camera::default());
    let mut frames = Vec::new();
    for _ in 0..100 {
        exchange(&mut session, &mut camera, |_| {}, &mut frames);
    }
    assert!(frames.len() > 10, "{}", frames.len());
    for (frame, number) in frames.iter().zip(0..) {
        assert_eq!(*frame, Camera::frame(number));
    }
    assert!(session.counts().is_empty(), "{:?}", session.counts());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever happens to an answer, a frame that comes out is one that the camera sent, and the
    /// talk goes on.
    #[test]
    fn lost_and_damaged_answers_are_asked_for_again(
        fates in prop::collection::vec(prop_oneof![6 => Just(0), 1 => Just(1), 1 => Just(2)], 300),
        at in any::<usize>(),
    ) {
        let (mut session, mut camera) = (Session::new("raw_events"), Camera::default());
        let mut frames = Vec::new();
        for fate in fates {
            let spoil = |said: &mut Vec<u8>| match fate {
                1 => said.clear(),
                2 if !said.is_empty() => {
                    let at = at % said.len();
                    said[at] ^= 0x40;
                }
                _ => {}
            };
            exchange(&mut session, &mut camera, spoil, &mut frames);
            if fate != 0 {
                // The camera repeats what nobody confirmed; without that the talk begins again.
                if at % 2 == 0 {
                    let again = camera.repeat();
                    session.receive(&again, &mut |_| {}).unwrap();
                } else if (0..200).any(|_| session.tick().is_err()) {
                    session = Session::new("raw_events");
                }
            }
            prop_assert!(!frames.iter().any(|frame| frame.len() != FRAME));
        }
        let before = frames.len();
        for _ in 0..10 {
            if (0..200).any(|_| session.tick().is_err()) {
                session = Session::new("raw_events");
            }
            for _ in 0..30 {
                exchange(&mut session, &mut camera, |_| {}, &mut frames);
            }
        }
        prop_assert!(frames.len() > before);
        let sent: Vec<_> = (0..camera.frames).map(Camera::frame).collect();
        prop_assert!(frames.iter().all(|frame| sent.contains(frame)));
    }

    #[test]
    fn hostile_bytes_never_panic(
        packets in prop::collection::vec((any::<u8>(), 0_u8..6, any::<u8>(), 0_u8..0x2A,
            prop::collection::vec(any::<u8>(), 0..600)), 0..60),
        noise in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut session = Session::new("raw_events");
        for (sequence, channel, flags, opcode, payload) in packets {
            let mut bytes = noise.clone();
            // Small sequence numbers: those that fit.
            let packet =
                Packet { sequence: sequence % 8, channel, flags, opcode, payload: &payload };
            packet.encode(&mut bytes);
            if session.receive(&bytes, &mut |_| {}).is_err() {
                session = Session::new("raw_events");
            }
            drop(session.outgoing());
            drop(session.tick());
        }
    }
}

#[test]
fn a_reboot_is_told_and_the_talk_begins_again() {
    let (mut session, mut camera) = (Session::new("raw_events"), Camera::default());
    let mut frames = Vec::new();
    (0..30).for_each(|_| exchange(&mut session, &mut camera, |_| {}, &mut frames));
    let mut bytes = Vec::new();
    Packet { sequence: 99, channel: 0, flags: EVENT, opcode: 0x13, payload: &[2, 0] }
        .encode(&mut bytes);
    let mut rebooted = false;
    session.receive(&bytes, &mut |said| rebooted |= said == Said::Rebooted).unwrap();
    assert!(rebooted);
    let before = frames.len();
    (0..30).for_each(|_| exchange(&mut session, &mut camera, |_| {}, &mut frames));
    assert!(frames.len() > before);
}

#[test]
fn a_camera_without_the_script_and_one_that_refuses_are_errors_that_say_so() {
    let mut session = Session::new("raw_events");
    let mut camera = Camera { without_channel: true, ..Camera::default() };
    let trouble = (0..20).find_map(|_| {
        let said = camera.hear(&session.outgoing());
        session.receive(&said, &mut |_| {}).err()
    });
    let trouble = trouble.unwrap();
    assert_eq!(trouble.loss, Loss::Configuration);
    assert_eq!(trouble.problem, "no channel `raw_events`; there are usb, stdin, stdout, stream");

    let mut session = Session::new("raw_events");
    let mut bytes = Vec::new();
    Packet { sequence: 0, channel: 0, flags: NAK, opcode: 0, payload: &[2, 0] }.encode(&mut bytes);
    let trouble = session.receive(&bytes, &mut |_| {}).unwrap_err();
    assert!(trouble.problem.contains("PROTO_SYNC was a refusal with status 2"), "{trouble:?}");

    let mut session = Session::new("raw_events");
    let trouble = (0..1000).find_map(|_| session.tick().err()).unwrap();
    assert!(trouble.problem.contains("no answer to PROTO_SYNC"), "{trouble:?}");
}

#[test]
fn over_a_terminal_events_come_and_an_unplugged_camera_is_lost_and_found() {
    let (mut device, port) = pty();
    device.set_timeout(Duration::from_millis(1)).unwrap();
    let settings = toml::from_str(&format!("port = '{port}'")).unwrap();
    let mut sensor = Kind::named("openmv").unwrap().open(settings).unwrap();
    let mut camera = Camera::default();
    let mut batches = Vec::new();
    let mut buffer = [0; 4096];
    for _ in 0..2000 {
        // The host's turn first; its read waits no longer than we need.
        match next(&mut *sensor, 1) {
            Some(Reading::Events(batch)) => batches.push(batch.events),
            other => assert_eq!(other, None),
        }
        match device.read(&mut buffer) {
            Ok(length) => device.write_all(&camera.hear(&buffer[..length])).unwrap(),
            Err(error) => assert_eq!(error.kind(), ErrorKind::TimedOut),
        }
        if batches.len() == 3 {
            break;
        }
    }
    for (events, number) in batches.iter().zip(0..) {
        assert_eq!(*events, Camera::events(number));
    }
    assert_eq!(batches.len(), 3);
    drop(device);
    // At once as a rule; on a busy machine silence may come between.
    let mut error = || (0..2000).find_map(|_| sensor.read().err()).unwrap();
    assert_eq!(error().loss(), Loss::Absent);
    // Gone: it tries to open it again, and says what is wrong.
    assert_eq!(error().loss(), Loss::Absent);
}
