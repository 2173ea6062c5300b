//! A radar session without a port: any split, any damage, every refusal.

use firmware_proto::{
    ConfigBody, FrameEnd, Log, LogLevel, Message, SensorEvent, SensorEventKind, Source, frame_flag,
};
use proptest::prelude::*;
use visaged::data::{Loss, Notice, RadarFrame, Reading, Samples};
use visaged::sensor::radar_serial::{Config, Frames};
use visaged::sensor::serial::{Fault, Key, Session};
use visaged::units::Stamp;

use super::board::{Board, Quirk, RADAR, RADAR_KEYS, chip_samples};

const NONCE: [u8; 16] = [5; 16];

fn session(keys: &str, key: Option<[u8; 32]>) -> Session<Frames> {
    let config: Config = toml::from_str(&format!("port = \"/dev/none\"\n{keys}")).unwrap();
    Session::new(Frames::new(config.radar), key.map(Key::new))
}

/// Everything that `bytes` give.
fn receive(session: &mut Session<Frames>, bytes: &[u8]) -> Result<Vec<Reading>, Fault> {
    let mut rest = bytes;
    let mut readings = Vec::new();
    while let Some(reading) = session.receive(&mut rest)? {
        readings.push(reading);
    }
    assert!(rest.is_empty());
    Ok(readings)
}

/// Lets both talk until neither has anything to say.
fn talk(session: &mut Session<Frames>, board: &mut Board) -> Result<Vec<Reading>, Fault> {
    let mut readings = Vec::new();
    loop {
        let said = core::mem::take(session.outgoing());
        if said.is_empty() {
            return Ok(readings);
        }
        readings.extend(receive(session, &board.answer(&said))?);
    }
}

/// A session that streams, and its board.
fn streaming() -> (Session<Frames>, Board) {
    let (mut session, mut board) = (session(RADAR_KEYS, None), Board::radar());
    session.greet(NONCE);
    assert_eq!(talk(&mut session, &mut board), Ok(vec![]));
    assert!(session.is_streaming());
    (session, board)
}

fn frames(readings: &[Reading]) -> Vec<&RadarFrame> {
    readings
        .iter()
        .filter_map(|reading| match reading {
            Reading::Radar(frame) => Some(frame),
            Reading::Events(_) | Reading::Notice(_) => None,
        })
        .collect()
}

fn assert_is_frame(frame: &RadarFrame, number: u32) {
    assert_eq!(frame.number, u64::from(number));
    let Samples::Real(samples) = &frame.samples else { panic!("complex") };
    assert_eq!(samples.dim(), (2, 6, 8));
    let chip = chip_samples(number, &RADAR);
    for ((rx, chirp, sample), &value) in samples.indexed_iter() {
        assert_eq!(value, chip[(chirp * 8 + sample) * 2 + rx].cast_signed());
    }
}

#[test]
fn a_greeted_board_streams_frames_with_their_samples_and_device_times() {
    let (mut session, mut board) = streaming();
    for number in 0..3 {
        let readings = receive(&mut session, &board.frame(number).concat()).unwrap();
        let [Reading::Radar(frame)] = &readings[..] else { panic!("{readings:?}") };
        assert_is_frame(frame, number);
        let micros = i64::try_from(board.clock_us).unwrap();
        assert_eq!(frame.stamp, Stamp::from_micros(micros));
    }
    assert!(session.counts().is_empty(), "{:?}", session.counts());
}

#[test]
fn bytes_cut_anywhere_give_the_same_frames() {
    let (_, mut board) = streaming();
    let bytes = [board.introduce(NONCE), board.frame(0).concat(), board.frame(1).concat()].concat();
    for cut in 0..=bytes.len() {
        let mut session = session(RADAR_KEYS, None);
        session.greet(NONCE);
        let mut readings = receive(&mut session, &bytes[..cut]).unwrap();
        readings.extend(receive(&mut session, &bytes[cut..]).unwrap());
        let found = frames(&readings);
        assert_eq!(found.len(), 2, "cut at {cut}");
        assert_is_frame(found[1], 1);
    }
    let mut session = session(RADAR_KEYS, None);
    session.greet(NONCE);
    let one_by_one = bytes.iter().filter_map(|&byte| session.receive(&mut &[byte][..]).unwrap());
    assert_eq!(one_by_one.count(), 2);
}

#[test]
fn a_board_set_otherwise_is_asked_and_then_streams() {
    let mut board = Board::radar();
    board.body = ConfigBody::Radar(firmware_proto::RadarConfig { if_gain_db: 60, ..RADAR });
    let mut session = session(RADAR_KEYS, None);
    session.greet(NONCE);
    talk(&mut session, &mut board).unwrap();
    assert_eq!(board.body, ConfigBody::Radar(RADAR));
    assert!(session.is_streaming());
    let readings = receive(&mut session, &board.frame(0).concat()).unwrap();
    assert_is_frame(frames(&readings)[0], 0);
}

#[test]
fn a_board_that_cannot_be_set_as_wanted_is_refused_with_both_sides_of_every_setting() {
    for quirk in [Quirk::Fixed, Quirk::Stubborn, Quirk::Refusing] {
        let mut board = Board::radar();
        board.quirk = quirk;
        let keys = format!("{RADAR_KEYS}end-frequency-khz = 61000000\nhp-cutoff-hz = 45000\n");
        let mut session = session(&keys, None);
        session.greet(NONCE);
        let fault = talk(&mut session, &mut board).unwrap_err();
        assert_eq!(fault.loss(), Loss::Configuration);
        let told = fault.to_string();
        for word in
            ["`end-frequency-khz`", "61000000", "63500000", "`hp-cutoff-hz`", "45000", "80000"]
        {
            assert!(told.contains(word), "{quirk:?}: {told}");
        }
        assert!(!told.contains("if-gain-db"), "{told}");
        assert!(!session.is_streaming());
    }
}

#[test]
fn a_board_of_another_protocol_or_without_a_radar_is_refused() {
    let mut other_schema = Board::radar();
    other_schema.hello.schema_hash ^= 1;
    let mut no_radar = Board::radar();
    no_radar.hello.capabilities = firmware_proto::capability::EVENTS;
    let mut newer = Board::radar();
    newer.hello.version = (2, 0);
    for (mut board, word) in [(other_schema, "schema"), (no_radar, "radar"), (newer, "2.0")] {
        let mut session = session(RADAR_KEYS, None);
        session.greet(NONCE);
        let fault = talk(&mut session, &mut board).unwrap_err();
        assert!(fault.to_string().contains(word), "{fault}");
    }
    let mut minor = Board::radar();
    minor.hello.version = (1, 9);
    minor.hello.schema_hash ^= 1;
    let mut session = session(RADAR_KEYS, None);
    session.greet(NONCE);
    talk(&mut session, &mut minor).unwrap();
    assert!(session.is_streaming(), "a higher minor version only adds");
}

#[test]
fn data_from_before_the_handshake_are_counted_and_not_used() {
    let (mut session, mut board) = (session(RADAR_KEYS, None), Board::radar());
    session.greet(NONCE);
    assert_eq!(receive(&mut session, &board.frame(0).concat()), Ok(vec![]));
    assert_eq!(session.counts().get("before-handshake"), 4);
    // A hello that answers somebody else is no answer.
    assert_eq!(receive(&mut session, &board.introduce([0; 16])), Ok(vec![]));
    assert!(!session.has_met());
}

#[test]
fn a_lost_message_costs_its_frame_alone_and_is_counted_once() {
    for lost in 0..4 {
        let (mut session, mut board) = streaming();
        let mut bytes = board.frame(0).concat();
        let mut damaged = board.frame(1);
        damaged.remove(lost);
        bytes.extend(damaged.concat());
        bytes.extend(board.frame(2).concat());
        let readings = receive(&mut session, &bytes).unwrap();
        let numbers: Vec<_> = frames(&readings).iter().map(|frame| frame.number).collect();
        assert_eq!(numbers, [0, 2], "message {lost}");
        let counts = session.counts();
        assert_eq!(counts.get("missing-messages"), 1);
        let reason = if lost == 3 { "missing-end" } else { "missing-slice" };
        // The last slice is missed when the end counts one more.
        let reason = if lost == 2 { "count-mismatch" } else { reason };
        assert_eq!(counts.get(reason), 1, "message {lost}: {counts:?}");
    }
}

#[test]
fn a_reboot_in_the_middle_of_a_frame_is_told_and_the_half_frame_is_not_used() {
    let (mut session, mut board) = streaming();
    let first = board.frame(900).concat();
    assert_eq!(frames(&receive(&mut session, &first).unwrap()).len(), 1);
    let half = board.frame(901)[..2].concat();
    assert_eq!(receive(&mut session, &half), Ok(vec![]));
    board.reboot();
    // The hello of a start, then data before anybody asked.
    let start = [board.introduce([0; 16]), board.frame(0).concat()].concat();
    assert_eq!(receive(&mut session, &start), Ok(vec![]));
    assert!(session.wants_greeting());
    session.greet([6; 16]);
    let readings = talk(&mut session, &mut board).unwrap();
    assert_eq!(readings, [Reading::Notice(Notice::Restarted)]);
    let readings = receive(&mut session, &board.frame(1).concat()).unwrap();
    assert_is_frame(frames(&readings)[0], 1);
    assert_eq!(session.counts().get("interrupted"), 1);
    assert_eq!(session.counts().get("before-handshake"), 4);
}

#[test]
fn a_reboot_whose_hello_was_lost_is_found_by_its_numbers() {
    let (mut session, mut board) = streaming();
    receive(&mut session, &board.frame(900).concat()).unwrap();
    board.reboot();
    assert_eq!(receive(&mut session, &board.frame(0).concat()), Ok(vec![]));
    assert!(session.wants_greeting() && !session.is_streaming());
    session.greet([6; 16]);
    assert_eq!(talk(&mut session, &mut board), Ok(vec![Reading::Notice(Notice::Restarted)]));
}

#[test]
fn a_lost_port_keeps_board_and_numbers_so_that_what_was_missed_is_counted() {
    let (mut session, mut board) = streaming();
    receive(&mut session, &board.frame(10).concat()).unwrap();
    receive(&mut session, &board.frame(11)[0]).unwrap();
    session.disconnect();
    (12..20).for_each(|number| drop(board.frame(number)));
    session.greet([6; 16]);
    assert_eq!(talk(&mut session, &mut board), Ok(vec![]), "the same boot is no restart");
    let readings = receive(&mut session, &board.frame(20).concat()).unwrap();
    assert_is_frame(frames(&readings)[0], 20);
    let counts = session.counts();
    assert_eq!((counts.get("unseen-frames"), counts.get("missing-end")), (8, 1));
    assert_eq!(counts.get("missing-messages"), 3 + 8 * 4);
}

#[test]
fn a_question_for_the_time_comes_back_with_three_stamps_and_a_stray_answer_does_not() {
    let (mut session, mut board) = streaming();
    session.ask_time(Stamp::from_micros(123_456));
    let received = i64::try_from(board.clock_us).unwrap();
    let readings = talk(&mut session, &mut board).unwrap();
    let [Reading::Notice(Notice::Time(answer))] = readings[..] else { panic!("{readings:?}") };
    assert_eq!(answer.host_sent, Stamp::from_micros(123_456));
    assert_eq!(answer.device_received, Stamp::from_micros(received));
    assert_eq!(answer.device_sent, Stamp::from_micros(received + 20));
    let stray = Message::TimeReply(firmware_proto::TimeReply {
        host_send_ns: 5,
        device_receive_us: 1,
        device_send_us: 2,
    });
    let stray = board.say(0, &stray);
    assert_eq!(receive(&mut session, &stray), Ok(vec![]));
    assert_eq!(session.counts().get("stray-time-replies"), 1);
}

#[test]
fn a_board_that_answers_no_question_is_not_asked_without_end() {
    let (mut session, _) = streaming();
    (0..1_000).for_each(|now| session.ask_time(Stamp::from_micros(now)));
    let asked = session.outgoing().len();
    assert!(asked < 256, "{asked}");
    // A minute later the answers count as lost, and it is asked again.
    session.ask_time(Stamp::from_micros(60_001_000));
    assert!(session.outgoing().len() > asked);
}

#[test]
fn what_the_device_says_about_its_frames_is_believed_and_counted() {
    let (mut session, mut board) = streaming();
    let mut end = |number: u32, flags: u8, dropped_frames: u32| {
        let mut messages = board.frame(number);
        messages.pop();
        let ConfigBody::Radar(radar) = board.body else { panic!("no radar") };
        messages.push(board.say(
            1,
            &Message::FrameEnd(FrameEnd {
                config_id: board.config_id,
                frame_number: number,
                slice_count: 3,
                flags,
                chirp_count: radar.chirps_per_frame,
                saturated_samples: 9,
                dropped_frames,
            }),
        ));
        let bytes = messages.concat();
        // The end that was thrown away left a gap in the numbers.
        frames(&receive(&mut session, &bytes).unwrap()).len()
    };
    assert_eq!(end(0, 0, 0), 1);
    assert_eq!(end(1, frame_flag::SATURATED, 0), 1);
    assert_eq!(end(2, frame_flag::OVERFLOW, 0), 0);
    assert_eq!(end(5, 0, 2), 1);
    let overflow = SensorEvent {
        kind: SensorEventKind::Overflow,
        source: Source::Radar,
        count: 1,
        frame_number: 6,
    };
    let bytes = board.say(1, &Message::SensorEvent(overflow));
    receive(&mut session, &bytes).unwrap();
    let counts = session.counts();
    for (reason, n) in [
        ("saturated-frames", 1),
        ("frame-with-fifo-overflow", 1),
        ("unseen-frames", 2),
        ("device-dropped-frames", 2),
        ("sensor-fifo-overflows", 1),
    ] {
        assert_eq!(counts.get(reason), n, "{reason}");
    }
}

#[test]
fn frames_that_the_configuration_does_not_allow_are_refused() {
    let (mut session, mut board) = streaming();
    board.config_id += 1;
    assert_eq!(receive(&mut session, &board.frame(0).concat()), Ok(vec![]));
    assert_eq!(session.counts().get("frame-of-other-config"), 1);
    board.config_id -= 1;
    board.body = ConfigBody::Radar(firmware_proto::RadarConfig { chirps_per_frame: 4, ..RADAR });
    assert_eq!(receive(&mut session, &board.frame(1).concat()), Ok(vec![]));
    assert_eq!(session.counts().get("frame-of-wrong-shape"), 1);
    let mut ten_bits = self::session(&format!("{RADAR_KEYS}adc-bits = 10\n"), None);
    let mut board = Board::radar();
    ten_bits.greet(NONCE);
    talk(&mut ten_bits, &mut board).unwrap();
    receive(&mut ten_bits, &board.frame(30).concat()).unwrap();
    assert_eq!(ten_bits.counts().get("sample-beyond-adc-range"), 1);
}

#[test]
fn a_change_of_configuration_on_the_device_is_set_right_or_refused() {
    let (mut session, mut board) = streaming();
    board.body = ConfigBody::Radar(firmware_proto::RadarConfig { if_gain_db: 60, ..RADAR });
    board.config_id += 1;
    let told = board.tell_config();
    receive(&mut session, &told).unwrap();
    assert!(!session.is_streaming());
    talk(&mut session, &mut board).unwrap();
    assert!(session.is_streaming());
    assert_eq!(board.body, ConfigBody::Radar(RADAR));
}

#[test]
fn the_board_s_log_is_kept_for_people_without_its_control_characters() {
    let (mut session, mut board) = streaming();
    let line = Log { level: LogLevel::Warn, text: b"FIFO at 90 \xC2\xB0C\x1b[31m\n\xFF" };
    let bytes = board.say(0, &Message::Log(line));
    receive(&mut session, &bytes).unwrap();
    let log = session.take_log().unwrap();
    assert!(log.is_warning);
    assert_eq!(log.text, "FIFO at 90 \u{b0}C [31m \u{fffd}");
    assert_eq!(session.counts().get("device-log-warnings"), 1);
    assert_eq!(session.take_log(), None);
}

#[test]
fn with_a_key_only_its_holder_is_believed() {
    let key = [9; 32];
    let (mut good, mut board) = (session(RADAR_KEYS, Some(key)), Board::radar().with_key(key));
    good.greet(NONCE);
    talk(&mut good, &mut board).unwrap();
    assert!(good.is_streaming());
    let readings = receive(&mut good, &board.frame(0).concat()).unwrap();
    assert_is_frame(frames(&readings)[0], 0);
    good.ask_time(Stamp::from_micros(5));
    assert_eq!(talk(&mut good, &mut board).unwrap().len(), 1);

    // Played back, or from a board without the key: refused and counted.
    let mut stranger = Board::radar();
    stranger.clock_us = board.clock_us + 1_000_000;
    let frame = stranger.frame(1).concat();
    assert_eq!(receive(&mut good, &frame), Ok(vec![]));
    assert_eq!(good.counts().get("auth"), 4);

    let mut wrong = Board::radar().with_key([8; 32]);
    let mut session = session(RADAR_KEYS, Some(key));
    session.greet(NONCE);
    assert_eq!(talk(&mut session, &mut wrong), Ok(vec![]));
    assert!(!session.has_met());
    // The board refuses our greeting as we refuse its hello.
    receive(&mut session, &wrong.introduce(NONCE)).unwrap();
    assert!(!session.has_met());
    assert_eq!(session.unauthentic(), 2);
}

#[test]
fn with_a_key_a_reboot_is_found_by_greeting_again() {
    let key = [9; 32];
    let (mut session, mut board) = (session(RADAR_KEYS, Some(key)), Board::radar().with_key(key));
    session.greet(NONCE);
    talk(&mut session, &mut board).unwrap();
    board.reboot();
    session.greet([7; 16]);
    assert_eq!(talk(&mut session, &mut board), Ok(vec![Reading::Notice(Notice::Restarted)]));
    assert!(session.is_streaming());
}

proptest! {
    /// Frames are delivered as they were sent or counted as lost, each once.
    #[test]
    fn damage_anywhere_corrupts_no_frame_and_every_loss_is_counted(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1_u8..), 0..12),
    ) {
        let (mut session, mut board) = streaming();
        // The first and the last frame are whole, so that every loss lies between two frames.
        let first = board.frame(0).concat();
        let mut middle: Vec<u8> = (1..29).flat_map(|number| board.frame(number).concat()).collect();
        let last = board.frame(29).concat();
        for (at, flip) in flips {
            let at = at.index(middle.len());
            middle[at] ^= flip;
        }
        let readings = receive(&mut session, &[first, middle, last].concat()).unwrap();
        let delivered = frames(&readings);
        for frame in &delivered {
            assert_is_frame(frame, u32::try_from(frame.number).unwrap());
        }
        let counts = session.counts();
        let lost: u64 = firmware_proto::Lost::ALL.iter().map(|why| counts.get(why.name())).sum();
        let delivered = u64::try_from(delivered.len()).unwrap();
        prop_assert_eq!(delivered + lost + counts.get("unseen-frames"), 30);
        // What was refused is missing; a message can also vanish in the one before it.
        let refused: u64 =
            firmware_proto::Refusal::ALL.iter().map(|why| counts.get(why.name())).sum();
        prop_assert!(counts.get("missing-messages") > 0 || delivered == 30 && refused == 0);
    }

    /// A session that streams takes any bytes, cut anywhere, without a panic and alike.
    #[test]
    fn noise_is_taken_without_a_panic_and_alike_however_it_is_cut(
        noise in prop::collection::vec(prop_oneof![3 => any::<u8>(), 1 => Just(0)], 0..3_000),
        cut in any::<prop::sample::Index>(),
    ) {
        let ((mut whole, _), (mut halves, _)) = (streaming(), streaming());
        let at = cut.index(noise.len() + 1);
        prop_assert_eq!(receive(&mut whole, &noise), Ok(vec![]));
        prop_assert_eq!(receive(&mut halves, &noise[..at]), Ok(vec![]));
        prop_assert_eq!(receive(&mut halves, &noise[at..]), Ok(vec![]));
        prop_assert_eq!(whole.counts(), halves.counts());
    }
}
