//! Event streams over sockets, against what others decode from the same bytes.

use std::fs;
use std::io::{ErrorKind, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::thread;

use proptest::prelude::*;
use serde_json::Value;
use visaged::data::{Counts, Event, EventBatch, Geometry, Loss};
use visaged::sensor::aedat4::decode::MAGIC;
use visaged::sensor::event_net::{Stream, StreamFormat};
use visaged::sensor::{self, Epoch, Error, Kind, Notice, Reading, Sensor};

use crate::aedat4::{LZ4, NONE, ZSTD, numbered, recording};
use crate::evt::digest;
use crate::loopback::{address, next};
use crate::support;

const FACE: Geometry = Geometry { width: 320, height: 240 };
const PIXELS: &str = "geometry = { width = 320, height = 240 }";

fn open(settings: &str) -> Box<dyn Sensor> {
    let kind = Kind::named("event-net").unwrap();
    kind.open(toml::from_str(&format!("{settings}\n{PIXELS}")).unwrap()).unwrap()
}

/// Everything up to 1 s of silence or a loss.
#[derive(Debug, Default)]
struct Heard {
    events: Vec<Event>,
    restarts: usize,
    lost: Option<Error>,
}

fn hear(sensor: &mut dyn Sensor) -> Heard {
    let mut heard = Heard::default();
    let mut silent = 0;
    while silent < 20 {
        silent += 1;
        match sensor.read() {
            Ok(Some(Reading::Events(batch))) => {
                heard.events.extend(batch.events);
                silent = 0;
            }
            Ok(Some(Reading::Notice(Notice::Restarted))) => heard.restarts += 1,
            Ok(Some(Reading::Notice(Notice::Idle))) => {}
            Ok(other) => panic!("{other:?}"),
            Err(error) => {
                heard.lost = Some(error);
                break;
            }
        }
    }
    heard
}

/// Sends `bytes` to whoever connects first, then closes.
fn serve(listener: &TcpListener, bytes: &[u8], piece: usize) {
    let (mut peer, _) = listener.accept().unwrap();
    peer.set_nodelay(true).unwrap();
    bytes.chunks(piece).for_each(|piece| peer.write_all(piece).unwrap());
}

/// The digest that the peers named in the JSON beside a recording agree on.
fn reference(path: &Path) -> (usize, String) {
    let mut json = path.as_os_str().to_owned();
    json.push(".json");
    let answer: Value = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    let digest = answer["sha256_packed_i64t_u16x_u16y_u8p_le"].as_str().unwrap();
    (usize::try_from(answer["count"].as_u64().unwrap()).unwrap(), digest.to_owned())
}

#[test]
fn streams_of_all_formats_over_tcp_equal_what_others_decode_from_the_file() {
    for (name, format) in [
        ("face_dvxplorer_evt2.raw", "format = 'evt2'"),
        ("face_dvxplorer_evt21_little.raw", "format = 'evt21-little'"),
        ("face_dvxplorer_evt21_legacy.raw", "format = 'evt21-legacy'"),
        ("face_dvxplorer_evt3.raw", "format = 'evt3'"),
        // The header says it all.
        ("face_dvxplorer_evt3.raw", ""),
        ("dvnet_face_lz4.bin", "format = 'dv'"),
    ] {
        let Some(path) = support::shared(&format!("event/{name}")) else { continue };
        let bytes = fs::read(&path).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let mut sensor = open(&format!("connect = '{at}'\n{format}"));
        assert_eq!(sensor.description().epoch, Epoch::Live);
        let sender = thread::spawn(move || serve(&listener, &bytes, 100_001));
        let heard = hear(&mut *sensor);
        sender.join().unwrap();
        assert_eq!((heard.events.len(), digest(&heard.events)), reference(&path), "{name}");
        assert!(sensor.counts().is_empty(), "{name}: {:?}", sensor.counts());
        assert_eq!(heard.restarts, 0);
        // The other side has closed.
        let error = heard.lost.unwrap();
        assert_eq!(error.loss(), Loss::Absent);
        assert!(error.to_string().contains("closed the connection"), "{error}");
    }
}

/// Everything that the sensor for recordings decodes from `path`.
fn from_file(path: &Path) -> (Vec<Event>, Counts) {
    let mut sensor = sensor::open(path).unwrap();
    let mut events = Vec::new();
    while let Some(Reading::Events(batch)) = sensor.read().unwrap() {
        events.extend(batch.events);
    }
    (events, sensor.counts())
}

fn rows(counts: &Counts) -> Vec<(&str, u64)> {
    counts.iter().collect()
}

#[test]
fn a_stream_in_pieces_of_one_byte_equals_the_file_damage_included() {
    for (name, geometry) in [
        ("face_dvxplorer_evt2.raw", FACE),
        ("face_dvxplorer_evt21_little.raw", FACE),
        ("face_dvxplorer_evt3.raw", FACE),
        ("edge/evt3_padding_0x9999.raw", Geometry { width: 1280, height: 720 }),
        ("edge/evt3_vect_without_base.raw", Geometry { width: 1280, height: 720 }),
    ] {
        let Some(path) = support::shared(&format!("event/{name}")) else { continue };
        let (events, counts) = from_file(&path);
        let mut stream = Stream::new("test", None, geometry, None);
        let mut batch = EventBatch::default();
        for byte in fs::read(&path).unwrap() {
            stream.push(&[byte], &mut batch).unwrap();
        }
        stream.finish(&mut batch);
        assert!(batch.events == events, "{name}");
        assert_eq!(rows(&stream.counts()), rows(&counts), "{name}");
    }
}

#[test]
fn bytes_that_trickle_over_tcp_one_by_one_lose_nothing() {
    let Some(path) = support::shared("event/face_dvxplorer_evt3.raw") else { return };
    let bytes = fs::read(&path).unwrap()[..20_001].to_vec();
    let mut stream = Stream::new("test", None, FACE, None);
    let mut expected = EventBatch::default();
    stream.push(&bytes, &mut expected).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut sensor = open(&format!("connect = '{}'", listener.local_addr().unwrap()));
    let sender = thread::spawn(move || serve(&listener, &bytes, 1));
    assert!(hear(&mut *sensor).events == expected.events);
    sender.join().unwrap();
    assert_eq!(sensor.counts().get("trailing-bytes"), 1);
}

#[test]
fn after_a_loss_the_next_connection_starts_a_new_time_with_a_new_decoder() {
    let Some(path) = support::shared("event/face_dvxplorer_evt3.raw") else { return };
    let bytes = fs::read(&path).unwrap();
    let (events, _) = from_file(&path);
    let at = format!("{}:7777", address(61));
    let mut sensor = open(&format!("listen = '{at}'\nformat = 'evt3'"));
    assert_eq!(sensor.read().unwrap(), Some(Reading::Notice(Notice::Idle)));
    for round in 0..3 {
        let sender = {
            let (at, bytes) = (at.clone(), bytes.clone());
            // Cut in the middle of a word, and of everything that EVT3 keeps between words.
            let cut = if round == 2 { bytes.len() } else { 100_001 };
            thread::spawn(move || {
                TcpStream::connect(at).unwrap().write_all(&bytes[..cut]).unwrap();
            })
        };
        let heard = hear(&mut *sensor);
        sender.join().unwrap();
        assert!(heard.lost.is_some(), "round {round}");
        assert_eq!(heard.restarts, usize::from(round > 0), "round {round}");
        assert!(events.starts_with(&heard.events), "round {round}");
        assert_eq!(heard.events.len() == events.len(), round == 2);
    }
    assert_eq!(rows(&sensor.counts()), [("trailing-bytes", 2)]);
}

#[test]
fn nobody_at_the_other_end_is_an_error_and_the_next_read_tries_again() {
    let listener = TcpListener::bind((address(62), 7777)).unwrap();
    let at = listener.local_addr().unwrap();
    drop(listener);
    let mut sensor = open(&format!("connect = '{at}'\nformat = 'evt2'"));
    for _ in 0..2 {
        let error = sensor.read().unwrap_err();
        assert_eq!(error.loss(), Loss::Absent);
        assert!(error.to_string().contains("start the sender"), "{error}");
    }
    let listener = TcpListener::bind(at).unwrap();
    assert_eq!(sensor.read().unwrap(), Some(Reading::Notice(Notice::Idle)));
    let (mut peer, _) = listener.accept().unwrap();
    // TIME_HIGH 0 alone: the camera is there and saw nothing.
    peer.write_all(&0x8000_0000_u32.to_le_bytes()).unwrap();
    let heard = next(&mut *sensor, 20);
    assert_eq!(heard, Some(Reading::Events(EventBatch::default())));
}

#[test]
fn datagrams_of_one_peer_are_a_stream_and_others_are_refused() {
    let Some(path) = support::shared("event/face_dvxplorer_evt2.raw") else { return };
    let bytes = fs::read(&path).unwrap();
    let (events, _) = from_file(&path);
    let at = (address(63), 7777);
    let mut sensor = open(&format!("udp = '{}:7777'\nformat = 'evt2'", address(63)));
    assert!(sensor.description().notes[0].contains("not seen"));
    assert_eq!(sensor.read().unwrap(), Some(Reading::Notice(Notice::Idle)));
    let (camera, stranger) = (UdpSocket::bind((address(64), 0)), UdpSocket::bind((address(65), 0)));
    let (camera, stranger) = (camera.unwrap(), stranger.unwrap());
    let mut heard = Vec::new();
    // The header makes the first datagram no whole number of words.
    let (head, rest) = bytes.split_at(bytes.len() % 1400);
    camera.send_to(head, at).unwrap();
    for (number, datagram) in rest.chunks(1400).enumerate() {
        camera.send_to(datagram, at).unwrap();
        if number == 3 {
            stranger.send_to(&[0; 1400], at).unwrap();
        }
        if number % 16 == 0 {
            while let Some(Reading::Events(batch)) = sensor.read().unwrap() {
                heard.extend(batch.events);
            }
        }
    }
    heard.extend(hear(&mut *sensor).events);
    assert!(heard == events);
    assert_eq!(rows(&sensor.counts()), [("datagrams-of-strangers", 1)]);

    // After a second of silence another one may speak; a cut word goes on nowhere.
    stranger.send_to(&bytes[..head.len() + 1399], at).unwrap();
    let heard = hear(&mut *sensor);
    assert_eq!(heard.restarts, 1);
    assert!(!heard.events.is_empty() && events.starts_with(&heard.events));
    assert_eq!(sensor.counts().get("bytes-of-cut-words"), 3);
}

#[test]
fn a_stream_that_is_not_what_the_settings_say_is_an_error_that_names_both() {
    let header = "% evt 3.0\n% format EVT3;height=720;width=1280\n% end\n";
    for (format, bytes, words) in [
        (None, header.to_owned(), ["1280x720", "320x240"]),
        (Some(StreamFormat::Evt2), header.replace(";height=720;width=1280", ""), ["3.0", "2.0"]),
        (None, "% Date 2020\n% end\n".to_owned(), ["neither", "`format`"]),
        (None, "\u{1}".to_owned(), ["neither", "`format`"]),
        (None, "% evt 3.0\n".repeat(7000), ["header", "bytes"]),
        (Some(StreamFormat::Dv), "\u{0}".repeat(100), ["test", "IOHeader"]),
    ] {
        let mut stream = Stream::new("test", format, FACE, None);
        let error = stream.push(bytes.as_bytes(), &mut EventBatch::default()).unwrap_err();
        let message = error.to_string();
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
    }
}

#[test]
fn the_wrong_word_order_is_an_error() {
    for (name, format) in [
        ("face_dvxplorer_evt21_little.raw", StreamFormat::Evt21Legacy),
        ("face_dvxplorer_evt21_legacy.raw", StreamFormat::Evt21Little),
    ] {
        let Some(path) = support::shared(&format!("event/{name}")) else { continue };
        let mut stream = Stream::new("test", Some(format), FACE, None);
        let bytes = fs::read(&path).unwrap();
        let error = stream.push(&bytes, &mut EventBatch::default()).unwrap_err();
        assert_eq!(error.loss(), Loss::Configuration);
        assert!(error.to_string().contains("EVT 2.1"), "{error}");
    }
}

#[test]
fn dv_streams_are_read_whatever_their_compression() {
    for compression in [NONE, LZ4, ZSTD] {
        let bytes = recording(compression, &numbered(compression, 0..50));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let mut sensor = open(&format!("connect = '{at}'\nformat = 'dv'\nstream = 0"));
        let sender = thread::spawn(move || serve(&listener, &bytes[MAGIC.len()..], 77));
        let heard = hear(&mut *sensor);
        sender.join().unwrap();
        assert_eq!(heard.events.len(), 150, "compression {compression}");
        assert_eq!(heard.events[149], Event { t: 4902, x: 49, y: 3, on: true });
        assert!(sensor.counts().is_empty(), "{:?}", sensor.counts());
    }
}

#[test]
fn a_sender_that_nobody_reads_has_to_wait_and_then_nothing_is_missing() {
    let Some(path) = support::shared("event/imx636_evk4_evt3.raw") else { return };
    let bytes = fs::read(&path).unwrap();
    let (count, expected) = reference(&path);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let kind = Kind::named("event-net").unwrap();
    let settings =
        format!("connect = '{at}'\nformat = 'evt3'\ngeometry = {{ width = 1280, height = 720 }}");
    let mut sensor = kind.open(toml::from_str(&settings).unwrap()).unwrap();
    assert_eq!(sensor.read().unwrap(), Some(Reading::Notice(Notice::Idle)));
    let (mut peer, _) = listener.accept().unwrap();
    peer.set_nonblocking(true).unwrap();
    let mut sent = 0;
    while sent < bytes.len() {
        match peer.write(&bytes[sent..]) {
            Ok(length) => sent += length,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                break;
            }
        }
    }
    // The sensor was not read: all of it is in the kernel, which took what it holds and no more.
    assert!(sent < bytes.len(), "the kernel took {sent} bytes");
    peer.set_nonblocking(false).unwrap();
    let sender = thread::spawn(move || peer.write_all(&bytes[sent..]).unwrap());
    let heard = hear(&mut *sensor);
    sender.join().unwrap();
    assert_eq!((heard.events.len(), digest(&heard.events)), (count, expected));
}

#[test]
fn a_camera_that_starts_anew_behind_an_open_connection_starts_a_new_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut sensor =
        open(&format!("connect = '{}'\nformat = 'evt2'", listener.local_addr().unwrap()));
    assert_eq!(sensor.read().unwrap(), Some(Reading::Notice(Notice::Idle)));
    let (mut peer, _) = listener.accept().unwrap();
    let mut say = |high: u32| {
        let words = [0x8000_0000 | high, 0x1000_0000 | 5 << 11 | 7];
        peer.write_all(words.map(u32::to_le_bytes).as_flattened()).unwrap();
    };
    let event = |t| Event { t, x: 5, y: 7, on: true };
    say(1 << 20);
    let Some(Reading::Events(batch)) = next(&mut *sensor, 20) else { panic!() };
    assert_eq!(batch.events, [event(1 << 26)]);
    say(3);
    assert_eq!(next(&mut *sensor, 20), Some(Reading::Notice(Notice::Restarted)));
    let Some(Reading::Events(batch)) = next(&mut *sensor, 20) else { panic!() };
    assert_eq!(batch.events, [event(3 << 6)]);
}

#[test]
fn settings_that_contradict_are_refused_with_the_key() {
    let kind = Kind::named("event-net").unwrap();
    for (settings, word) in [
        ("format = 'evt3'", "exactly one"),
        ("connect = 'a:1'\nstdin = true", "exactly one"),
        ("connect = 'camera'", "HOST:PORT"),
        ("udp = '127.0.0.1:1'\nformat = 'dv'", "`format`"),
        ("stdin = true\nstream = 1", "`stream`"),
        ("stdin = true\nport = 1", "port"),
    ] {
        let table = toml::from_str(&format!("{settings}\n{PIXELS}")).unwrap();
        let message = kind.check(table).unwrap_err().to_string();
        assert!(message.contains(word), "{message}");
    }
    let no_pixels = toml::from_str("stdin = true\ngeometry = { width = 0, height = 1 }").unwrap();
    assert!(kind.check(no_pixels).unwrap_err().to_string().contains("`geometry`"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn hostile_bytes_never_panic_and_any_split_gives_the_same(
        front in prop_oneof![Just(""), Just("% evt 3.0\n"), Just("% end\n"), Just("% ")],
        noise in prop::collection::vec(any::<u8>(), 0..3000),
        format in prop_oneof![Just(StreamFormat::Evt2), Just(StreamFormat::Evt21Little),
            Just(StreamFormat::Evt3), Just(StreamFormat::Dv)],
        piece in 1_usize..500,
    ) {
        let bytes = [front.as_bytes(), &noise].concat();
        let decode = |piece: usize| {
            let mut stream = Stream::new("test", Some(format), FACE, None);
            let mut batch = EventBatch::default();
            let failed = bytes.chunks(piece).any(|piece| stream.push(piece, &mut batch).is_err());
            stream.finish(&mut batch);
            (failed, batch.events, stream.counts())
        };
        let (whole, pieces) = (decode(usize::MAX), decode(piece));
        prop_assert_eq!(whole.0, pieces.0);
        if !whole.0 {
            prop_assert_eq!(whole.1, pieces.1);
            prop_assert_eq!(rows(&whole.2), rows(&pieces.2));
        }
    }
}
