//! A camera session without a port: words across blocks, gaps, and two clocks.

use firmware_proto::{ConfigBody, EventConfig, Message, SensorEvent, SensorEventKind, Source};
use visaged::data::{Event, EventBatch, Geometry, Notice, Reading};
use visaged::sensor::event_serial::{Blocks, Config};
use visaged::sensor::evt::{Header, write};
use visaged::sensor::serial::Session;
use visaged::units::Stamp;

use super::board::{Board, CAMERA};

const KEYS: &str = "port = \"/dev/none\"\nformat = \"evt3\"\n\
    geometry = { width = 320, height = 240 }\n";
const GEOMETRY: Geometry = Geometry { width: 320, height: 240 };

fn session() -> Session<Blocks> {
    let config: Config = toml::from_str(KEYS).unwrap();
    Session::new(Blocks::new(config.camera), None)
}

fn receive(session: &mut Session<Blocks>, bytes: &[u8]) -> Vec<Reading> {
    let mut rest = bytes;
    core::iter::from_fn(|| session.receive(&mut rest).unwrap()).collect()
}

fn talk(session: &mut Session<Blocks>, board: &mut Board) -> Vec<Reading> {
    let mut readings = Vec::new();
    loop {
        let said = core::mem::take(session.outgoing());
        if said.is_empty() {
            return readings;
        }
        readings.extend(receive(session, &board.answer(&said)));
    }
}

fn streaming() -> (Session<Blocks>, Board) {
    let (mut session, mut board) = (session(), Board::camera());
    session.greet([5; 16]);
    assert_eq!(talk(&mut session, &mut board), []);
    assert!(session.is_streaming());
    (session, board)
}

/// An event each 100 us from `start` on.
fn events(start: i64, count: i64) -> Vec<Event> {
    (0..count)
        .map(|n| Event {
            t: start + 100 * n,
            x: u16::try_from(n % 320).unwrap(),
            y: u16::try_from(n % 240).unwrap(),
            on: n % 3 == 0,
        })
        .collect()
}

/// EVT3 words of `events`, in the way that visaged writes files.
fn words(events: &[Event]) -> Vec<u8> {
    let file = write::raw(GEOMETRY, events).unwrap();
    file[Header::parse(&file).bytes..].to_vec()
}

fn batches(readings: &[Reading]) -> Vec<&EventBatch> {
    readings
        .iter()
        .map(|reading| match reading {
            Reading::Events(batch) => batch,
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn words_cut_into_blocks_anywhere_give_the_events_and_an_empty_block_is_alive() {
    let (mut session, mut board) = streaming();
    let sent = events(7_000, 2_000);
    let mut bytes = board.block(&[]);
    for part in words(&sent).chunks(202) {
        bytes.extend(board.block(part));
    }
    let readings = receive(&mut session, &bytes);
    let found = batches(&readings);
    assert_eq!(found[0], &EventBatch::default());
    let found: Vec<_> = found.iter().flat_map(|batch| batch.events.clone()).collect();
    assert_eq!(found, sent);
    assert!(session.counts().is_empty(), "{:?}", session.counts());
}

#[test]
fn behind_a_lost_block_no_event_gets_the_time_or_row_of_another() {
    let sent = events(7_000, 2_000);
    let (mut session, mut board) = streaming();
    let mut bytes = Vec::new();
    let words = words(&sent);
    // What is missing behind the last block cannot be known, so the last one is there.
    let is_lost = |n: usize| n % 7 == 3 && n + 1 < words.len().div_ceil(202);
    for (n, part) in words.chunks(202).enumerate() {
        let block = board.block(part);
        if !is_lost(n) {
            bytes.extend(block);
        }
    }
    let readings = receive(&mut session, &bytes);
    let mut rest = sent.iter();
    let mut delivered = 0;
    for event in batches(&readings).iter().flat_map(|batch| &batch.events) {
        assert!(rest.any(|sent| sent == event), "{event:?} was not sent");
        delivered += 1;
    }
    assert!((500..1_900).contains(&delivered), "{delivered}");
    let counts = session.counts();
    let lost = (0..words.len().div_ceil(202)).filter(|&n| is_lost(n)).count();
    assert_eq!(counts.get("missing-messages"), u64::try_from(lost).unwrap());
    assert!(counts.get("before-first-time-high") > 0);
}

#[test]
fn dropped_words_and_a_restarted_sensor_are_told() {
    let (mut session, mut board) = streaming();
    let first = board.block(&words(&events(5_000_000, 10)));
    assert_eq!(batches(&receive(&mut session, &first))[0].events.len(), 10);
    let event = |kind, count| {
        Message::SensorEvent(SensorEvent { kind, source: Source::Event, count, frame_number: 0 })
    };
    let dropped = board.say(2, &event(SensorEventKind::Dropped, 44));
    assert_eq!(receive(&mut session, &dropped), []);
    let restart = board.say(2, &event(SensorEventKind::Restart, 0));
    assert_eq!(receive(&mut session, &restart), [Reading::Notice(Notice::Restarted)]);
    // The camera's clock starts anew: that is no step back.
    let again = board.block(&words(&events(50, 10)));
    let readings = receive(&mut session, &again);
    assert_eq!(batches(&readings)[0].events, events(50, 10));
    let counts = session.counts();
    assert_eq!((counts.get("device-dropped-words"), counts.get("sensor-restarts")), (44, 1));
    assert_eq!(counts.get("time-went-back"), 0);
}

#[test]
fn a_lost_port_ends_the_time_of_the_camera() {
    let (mut session, mut board) = streaming();
    let first = board.block(&words(&events(5_000_000, 10)));
    receive(&mut session, &first);
    session.disconnect();
    session.greet([6; 16]);
    assert_eq!(talk(&mut session, &mut board), [Reading::Notice(Notice::Restarted)]);
    let again = board.block(&words(&events(900, 10)));
    let readings = receive(&mut session, &again);
    assert_eq!(batches(&readings)[0].events, events(900, 10));
    assert_eq!(session.counts().get("time-went-back"), 0);
}

#[test]
fn time_replies_are_told_on_the_clock_of_the_events() {
    let (mut session, mut board) = streaming();
    session.ask_time(Stamp::from_micros(10));
    assert_eq!(talk(&mut session, &mut board), [], "no event has told the camera's time yet");
    // The camera is 400 ms behind the board.
    for n in 0..40_i64 {
        board.clock_us = u64::try_from(5_400_000 + 1_000 * n).unwrap();
        let block = board.block(&words(&events(5_000_000 + 1_000 * n, 10)));
        receive(&mut session, &block);
    }
    board.clock_us = 6_000_000;
    session.ask_time(Stamp::from_micros(20));
    let readings = talk(&mut session, &mut board);
    let [Reading::Notice(Notice::Time(answer))] = readings[..] else { panic!("{readings:?}") };
    assert_eq!(answer.host_sent, Stamp::from_micros(20));
    assert_eq!(answer.device_received, Stamp::from_micros(5_600_000));
    assert_eq!(answer.device_sent, Stamp::from_micros(5_600_020));
}

#[test]
fn blocks_of_another_format_or_configuration_are_refused() {
    let (mut session, mut board) = streaming();
    board.body = ConfigBody::Event(EventConfig { width: 640, ..CAMERA });
    let wide = board.block(&words(&events(50, 10)));
    assert_eq!(receive(&mut session, &wide), []);
    board.body = ConfigBody::Event(CAMERA);
    board.config_id += 1;
    let other = board.block(&words(&events(50, 10)));
    assert_eq!(receive(&mut session, &other), []);
    let counts = session.counts();
    assert_eq!(counts.get("block-of-wrong-format"), 1);
    assert_eq!(counts.get("block-of-other-config"), 1);
}
