//! Boards without ports: what a host would hear, decoded with the protocol's own crate.

use std::collections::BTreeMap;
use std::path::PathBuf;

use firmware_proto::{
    AssembledFrame, Config, Decoder, Encoder, EventFormat, FrameAssembler, HelloRequest, MAX_WIRE,
    Message, RadarConfig, TimeRequest,
};
use visaged::data::{Event, EventBatch, Geometry};
use visaged::sensor::evt::{self, Format};

use super::*;
use crate::tape::{EventTape, RadarTape, Sight, chip_order};

const NOON: Stamp<HostClock> = Stamp::from_micros(43_200_000_000);
const NONCE: [u8; 16] = [9; 16];
/// Samples of a frame of the shipped scene: 16 chirps x 64 samples x 3 receivers.
const FRAME: usize = 16 * 64 * 3;

fn scene(part: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../configs/scenes/demo").join(part)
}

fn radar(options: BoardOptions, encoding: SampleEncoding) -> Board {
    let stage = Stage::new(1, 1.0);
    Board::radar(&scene("radar"), None, stage, NOON, (options, RadarOptions { encoding })).unwrap()
}

fn camera(options: BoardOptions, format: EventFormat) -> Board {
    let events = EventOptions { format, ..EventOptions::default() };
    let stage = Stage::new(1, 1.0);
    Board::events(&scene("event.raw"), None, stage, NOON, (options, events)).unwrap()
}

/// The host: encodes requests, and keeps what it hears.
struct Host {
    encoder: Encoder,
    decoder: Decoder,
    assembler: FrameAssembler<Vec<u16>>,
    frames: BTreeMap<u32, (u64, Vec<u16>)>,
    words: Vec<u8>,
    heard: Vec<String>,
    boots: Vec<u64>,
    configs: Vec<Config>,
    longest: usize,
}

impl Host {
    fn new() -> Self {
        Self {
            encoder: Encoder::new(),
            decoder: Decoder::new(),
            assembler: FrameAssembler::new(vec![0; FRAME]),
            frames: BTreeMap::new(),
            words: Vec::new(),
            heard: Vec::new(),
            boots: Vec::new(),
            configs: Vec::new(),
            longest: 0,
        }
    }

    fn ask(&mut self, board: &mut Board, now: Stamp<HostClock>, message: &Message<'_>) {
        let mut wire = [0; MAX_WIRE];
        let used = self.encoder.encode(CONTROL, 0, message, &mut wire).unwrap();
        board.hear(now, &wire[..used]);
    }

    fn greet(&mut self, board: &mut Board, now: Stamp<HostClock>) {
        let request = HelloRequest { nonce: NONCE, version: (1, 0), max_frame: 4096 };
        self.ask(board, now, &Message::HelloRequest(request));
    }

    /// Takes everything that waits.
    fn listen(&mut self, board: &mut Board) {
        let bytes = board.waiting().to_vec();
        board.sent(bytes.len());
        self.longest =
            self.longest.max(bytes.split(|&byte| byte == 0).map(<[u8]>::len).max().unwrap_or(0));
        let mut rest = &bytes[..];
        while let Some(found) = self.decoder.push(&mut rest) {
            let Ok(frame) = found else { continue };
            if let Some(done) = self.assembler.push(&frame) {
                let AssembledFrame { frame_number, time_us, samples, .. } = done;
                let again = self.frames.insert(frame_number, (time_us, samples.to_vec()));
                assert!(again.is_none(), "frame {frame_number} came twice");
            }
            match frame.message {
                Message::EventBlock(block) => self.words.extend_from_slice(block.words),
                Message::Hello(hello) => self.boots.push(hello.boot_id),
                Message::Config(config) => self.configs.push(config),
                Message::RadarSlice(_) | Message::FrameEnd(_) => {}
                other => self.heard.push(format!("{other:?}")),
            }
        }
    }

    /// Plays the board to its end, or to `until`.
    fn play(&mut self, board: &mut Board, until: Option<Stamp<HostClock>>) {
        while let Some(due) = board.next_due().unwrap() {
            if until.is_some_and(|until| due > until) {
                return;
            }
            board.advance(due).unwrap();
            self.listen(board);
        }
    }
}

fn recorded_frames() -> Vec<(i64, Vec<u16>)> {
    let mut tape = RadarTape::open(&scene("radar"), None).unwrap();
    std::iter::from_fn(|| tape.next_frame().unwrap())
        .map(|(at, frame)| (at.0, chip_order(&frame.samples).unwrap()))
        .collect()
}

fn recorded_events() -> Vec<(i64, Event)> {
    let mut tape = EventTape::open(&scene("event.raw"), None).unwrap();
    std::iter::from_fn(|| {
        let next = tape.peek().unwrap();
        tape.take();
        next
    })
    .map(|(at, sight)| match sight {
        Sight::Event(event) => (at.0, Event { t: 0, ..event }),
        Sight::Trigger(_) => panic!("the scene has no triggers"),
    })
    .collect()
}

#[test]
fn every_frame_of_the_recording_comes_whole_in_each_encoding() {
    let expected = recorded_frames();
    assert!(expected.len() >= 300);
    for encoding in [SampleEncoding::Raw12, SampleEncoding::U16, SampleEncoding::DeltaRice] {
        let mut board = radar(BoardOptions::default(), encoding);
        let mut host = Host::new();
        host.greet(&mut board, NOON);
        host.play(&mut board, None);
        let got: Vec<_> = host.frames.into_values().collect();
        assert_eq!(got.len(), expected.len());
        let first = got[0].0;
        for ((time, samples), (at, recorded)) in got.iter().zip(&expected) {
            assert_eq!(i64::try_from(time - first).unwrap(), *at);
            assert!(samples == recorded, "{encoding:?}: frame at {at} us differs");
        }
        // A frame of 4096 bytes and its COBS codes, without the zeros around it.
        assert!(host.longest <= MAX_WIRE - 2);
        assert!(board.has_ended().unwrap());
    }
}

#[test]
fn a_frame_bears_the_time_when_its_first_slice_was_taken() {
    let mut board = radar(BoardOptions::default(), SampleEncoding::Raw12);
    let mut host = Host::new();
    host.greet(&mut board, NOON);
    host.play(&mut board, Some(NOON + Micros(200_000)));
    // 1 s of clock offset, 100 ms of lead; 4058 bytes hold 14 chirps of 288 bytes, 591.1 us each.
    assert_eq!(host.frames[&0].0, 1_000_000 + 100_000 + 8_275);
}

#[test]
fn every_event_comes_in_each_format_at_its_time() {
    let expected = recorded_events();
    let geometry = Geometry { width: 320, height: 320 };
    for (format, decoded_as) in [
        (EventFormat::Evt2, Format::Evt2),
        (EventFormat::Evt21, Format::Evt21Little),
        (EventFormat::Evt21Legacy, Format::Evt21Legacy),
        (EventFormat::Evt3, Format::Evt3),
    ] {
        let mut board = camera(BoardOptions::default(), format);
        let mut host = Host::new();
        host.greet(&mut board, NOON);
        host.play(&mut board, None);
        let mut batch = EventBatch::default();
        evt::Decoder::new(decoded_as, geometry).push(&host.words, &mut batch);
        let first = batch.events[0].t;
        let got: Vec<_> =
            batch.events.iter().map(|e| (e.t - first, Event { t: 0, ..*e })).collect();
        assert!(got == expected, "{format:?}: {} events, {}", got.len(), expected.len());
        assert!(host.longest <= MAX_WIRE - 2);
    }
}

#[test]
fn it_answers_who_it_is_what_it_runs_with_and_what_time_it_is() {
    let mut board = radar(BoardOptions::default(), SampleEncoding::Raw12);
    let mut host = Host::new();
    host.greet(&mut board, NOON + Micros(40));
    let now = NOON + Micros(2_000_000);
    host.ask(&mut board, now, &Message::TimeRequest(TimeRequest { host_send_ns: 77 }));
    host.listen(&mut board);
    assert_eq!(host.boots.len(), 1);
    let firmware_proto::ConfigBody::Radar(config) = host.configs[0].body else { panic!() };
    let expected = RadarConfig {
        start_frequency_khz: 58_000_000,
        end_frequency_khz: 63_500_000,
        sample_rate_hz: 2_000_000,
        chirp_period_ns: 591_100,
        frame_period_us: 50_000,
        samples_per_chirp: 64,
        chirps_per_frame: 16,
        rx_mask: 0b111,
        adc_bits: 12,
        ..config
    };
    assert_eq!(config, expected);
    let reply = host.heard.last().unwrap();
    assert!(reply.contains("host_send_ns: 77") && reply.contains("3000000"), "{reply}");
}

#[test]
fn a_wish_for_what_the_recording_has_is_acked_and_any_other_refused_and_the_truth_told() {
    let mut board = radar(BoardOptions::default(), SampleEncoding::Raw12);
    let mut host = Host::new();
    host.greet(&mut board, NOON);
    host.listen(&mut board);
    let echoed = host.configs[0];
    host.ask(&mut board, NOON, &Message::Config(echoed));
    let firmware_proto::ConfigBody::Radar(radar) = echoed.body else { panic!() };
    let other = RadarConfig { samples_per_chirp: 128, ..radar };
    let body = firmware_proto::ConfigBody::Radar(other);
    host.ask(&mut board, NOON, &Message::Config(Config { body, ..echoed }));
    host.listen(&mut board);
    assert!(host.heard.iter().any(|said| said.starts_with("Ack")), "{:?}", host.heard);
    let refused = format!("reason: {:?}", firmware_proto::NakReason::BadValue);
    assert!(host.heard.last().unwrap().contains(&refused), "{:?}", host.heard);
    assert_eq!(host.configs, [echoed; 3]);
}

#[test]
fn a_board_that_reboots_has_another_boot_id_and_starts_its_numbers_again() {
    let mut board = radar(BoardOptions::default(), SampleEncoding::Raw12);
    let mut host = Host::new();
    host.greet(&mut board, NOON);
    host.play(&mut board, Some(NOON + Micros(1_000_000)));
    let before = host.frames.len();
    assert_eq!(before, 18);
    let later = NOON + Micros(2_000_000);
    board.reboot(later);
    board.advance(later).unwrap();
    let mut again = Host::new();
    again.greet(&mut board, later);
    again.play(&mut board, Some(later + Micros(1_000_000)));
    assert_ne!(host.boots, again.boots);
    assert!(again.frames.values().all(|&(time, _)| time < 1_000_000), "the clock goes on");
    let Tally { frames, frames_dropped, .. } = board.tally();
    assert_eq!(frames, (before + again.frames.len()) as u64);
    assert!((18..=21).contains(&frames_dropped), "{frames_dropped} of a second");
}

#[test]
fn a_ring_that_is_full_drops_whole_frames_and_says_how_many() {
    let ring = 3 * FRAME * 2;
    let mut board = radar(BoardOptions { ring, ..BoardOptions::default() }, SampleEncoding::Raw12);
    let mut host = Host::new();
    host.greet(&mut board, NOON);
    host.listen(&mut board);
    board.advance(NOON + Micros(2_000_000)).unwrap(); // and nobody reads
    host.listen(&mut board);
    host.play(&mut board, None);
    let Tally { frames, frames_dropped, .. } = board.tally();
    assert!(frames_dropped > 20, "{frames_dropped}");
    assert_eq!(frames + frames_dropped, recorded_frames().len() as u64);
    assert_eq!(host.frames.len() as u64, frames);
}

#[test]
fn a_damaged_frame_is_lost_and_no_other() {
    let faults = Faults { flip: 1e-4, noise: 200.0, seed: 1 };
    let mut board =
        radar(BoardOptions { faults, ..BoardOptions::default() }, SampleEncoding::Raw12);
    let mut host = Host::new();
    host.greet(&mut board, NOON);
    host.play(&mut board, None);
    let expected = recorded_frames();
    for (&number, (_, samples)) in &host.frames {
        assert!(*samples == expected[number as usize].1, "frame {number} is damaged");
    }
    let flipped = board.tally().flipped;
    assert!(flipped > 50, "{flipped}");
    // Each changed byte costs one frame; one that hides a zero costs the one behind it as well.
    let lost = (expected.len() - host.frames.len()) as u64;
    assert!(lost > 0 && lost <= 2 * flipped, "{lost} frames for {flipped} bytes");
}

#[test]
fn a_host_without_the_key_is_not_answered_and_one_with_it_gets_signed_frames() {
    let key = [5; 32];
    let options = BoardOptions { key: Some(key), ..BoardOptions::default() };
    let mut board = radar(options, SampleEncoding::U16);
    let mut stranger = Host::new();
    stranger.greet(&mut board, NOON);
    assert!(board.waiting().is_empty());

    let mut host = Host::new();
    host.encoder.sign_with(Some(Signer::new(&key, Direction::HostToDevice, &NONCE, 0)));
    host.decoder.require_auth(Verifier::host(key, NONCE));
    host.greet(&mut board, NOON);
    host.play(&mut board, None);
    assert_eq!(host.frames.len(), recorded_frames().len());
    assert!(host.longest <= MAX_WIRE - 2);
}
