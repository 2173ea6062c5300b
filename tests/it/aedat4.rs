//! AEDAT 4 recordings: a live face against five other decoders, re-packed and damaged ones.

use std::io::{Read, Write};
use std::ops::Range;
use std::path::Path;

use proptest::prelude::*;
use sha2::{Digest, Sha256};
use visaged::data::{Counts, Event, EventBatch, Geometry};
use visaged::sensor::aedat4::compression::LARGEST_BODY;
use visaged::sensor::aedat4::decode::{Decoder, MAGIC};
use visaged::sensor::{self, Epoch, Reading, View};

use crate::scratch::Scratch;
use crate::support;

const FACE: &str = "event/dvxplorer_lite_face.aedat4";
const NETWORK: &str = "event/dvnet_face_lz4.bin";
/// Codes of the compressions in a header.
pub const NONE: u8 = 0;
pub const LZ4: u8 = 1;
pub const ZSTD: u8 = 3;
/// Where dv-processing puts the code, after the magic line.
const COMPRESSION_AT: usize = 0x20;

// ---- Building recordings ----

/// Two event streams of 320 x 240, frames and motion, and one of a kind that does not exist.
fn info() -> String {
    let stream = |id: u8, kind: &str| {
        format!(
            r#"<node name="{id}"><attr key="typeIdentifier">{kind}</attr><node name="info">
            <attr key="sizeX">320</attr><attr key="sizeY">240</attr>
            <attr key="source">DVXplorer_{id}</attr></node></node>"#
        )
    };
    let streams: String =
        [(0, "EVTS"), (1, "FRME"), (2, "IMUS"), (3, "EVTS"), (4, "TRIG"), (5, "XYZW")]
            .map(|(id, kind)| stream(id, kind))
            .concat();
    format!(r#"<dv version="2.0"><node name="outInfo">{streams}</node></dv>"#)
}

/// The size-prefixed `IOHeader`, laid out as dv-processing does.
fn io_header(compression: u8, table_at: i64, info: &str) -> Vec<u8> {
    let mut buffer = vec![24, 0, 0, 0];
    buffer.extend_from_slice(b"IOHE");
    buffer.extend_from_slice(&[0; 6]);
    buffer.extend_from_slice(&[10, 0, 24, 0, 4, 0, 12, 0, 8, 0]);
    buffer.extend_from_slice(&[10, 0, 0, 0, compression, 0, 0, 0, 16, 0, 0, 0]);
    buffer.extend_from_slice(&table_at.to_le_bytes());
    buffer.extend_from_slice(&[0; 4]);
    buffer.extend_from_slice(&u32::try_from(info.len()).unwrap().to_le_bytes());
    buffer.extend_from_slice(info.as_bytes());
    buffer.push(0);
    prefixed(&buffer)
}

fn prefixed(buffer: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(buffer.len()).unwrap().to_le_bytes().to_vec();
    bytes.extend_from_slice(buffer);
    bytes
}

/// A size-prefixed event packet, laid out as dv-processing does.
fn event_body(events: &[(i64, i16, i16, bool)]) -> Vec<u8> {
    let mut buffer = vec![16, 0, 0, 0];
    buffer.extend_from_slice(b"EVTS");
    buffer.extend_from_slice(&[0, 0, 6, 0, 8, 0, 4, 0, 6, 0, 0, 0, 4, 0, 0, 0]);
    buffer.extend_from_slice(&u32::try_from(events.len()).unwrap().to_le_bytes());
    for &(t, x, y, on) in events {
        buffer.extend_from_slice(&t.to_le_bytes());
        buffer.extend_from_slice(&x.to_le_bytes());
        buffer.extend_from_slice(&y.to_le_bytes());
        buffer.extend_from_slice(&[u8::from(on), 0, 0, 0]);
    }
    prefixed(&buffer)
}

fn packet(stream: i32, compression: u8, body: &[u8]) -> Vec<u8> {
    let stored = match compression {
        NONE => body.to_vec(),
        LZ4 => {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
            encoder.write_all(body).unwrap();
            encoder.finish().unwrap()
        }
        _ => ruzstd::encoding::compress_to_vec(body, ruzstd::encoding::CompressionLevel::Fastest),
    };
    [&stream.to_le_bytes()[..], &prefixed(&stored)].concat()
}

/// Packets of three events each, of the stream 0, from time 100, 200 ... on.
pub fn numbered(compression: u8, numbers: Range<i16>) -> Vec<Vec<u8>> {
    numbers
        .map(|n| {
            let t = i64::from(n) * 100;
            let events = [(t, n, 1, true), (t + 1, n, 2, false), (t + 2, n, 3, true)];
            packet(0, compression, &event_body(&events))
        })
        .collect()
}

pub fn recording(compression: u8, packets: &[Vec<u8>]) -> Vec<u8> {
    [MAGIC.to_vec(), io_header(compression, -1, &info()), packets.concat()].concat()
}

// ---- Decoding them ----

struct Decoded {
    batch: EventBatch,
    counts: Counts,
}

fn decode_with(mut decoder: Decoder, pieces: impl Iterator<Item = Vec<u8>>) -> Decoded {
    let mut batch = EventBatch::default();
    for piece in pieces {
        if decoder.push(&piece, &mut batch).is_err() {
            break;
        }
    }
    decoder.finish(&mut batch);
    Decoded { batch, counts: decoder.counts().clone() }
}

/// Reasons and counts, for comparison.
fn rows(counts: &Counts) -> Vec<(&str, u64)> {
    counts.iter().collect()
}

fn decode(bytes: &[u8]) -> Decoded {
    decode_with(Decoder::file(None), std::iter::once(bytes.to_vec()))
}

fn packed_digest(events: &[Event]) -> String {
    let mut hash = Sha256::new();
    for event in events {
        hash.update(event.t.to_le_bytes());
        hash.update(event.x.to_le_bytes());
        hash.update(event.y.to_le_bytes());
        hash.update([u8::from(event.on)]);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn golden(path: &Path) -> serde_json::Value {
    let mut json = path.as_os_str().to_owned();
    json.push(".json");
    serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap()
}

fn assert_golden(events: &[Event], golden: &serde_json::Value) {
    assert_eq!(golden["count"], events.len());
    assert_eq!(golden["sha256_packed_i64t_u16x_u16y_u8p_le"], packed_digest(events));
    assert_eq!(golden["t_first"], events[0].t);
    assert_eq!(golden["t_last"], events[events.len() - 1].t);
}

fn columns(network: &[u8]) -> (Vec<u8>, Vec<Vec<u8>>) {
    let size = usize::try_from(u32::from_le_bytes(network[..4].try_into().unwrap())).unwrap();
    let (header, mut rest) = network.split_at(4 + size);
    let mut bodies = Vec::new();
    while !rest.is_empty() {
        let size = usize::try_from(u32::from_le_bytes(rest[4..8].try_into().unwrap())).unwrap();
        let mut body = Vec::new();
        lz4_flex::frame::FrameDecoder::new(&rest[8..8 + size]).read_to_end(&mut body).unwrap();
        bodies.push(body);
        rest = &rest[8 + size..];
    }
    (header.to_vec(), bodies)
}

// ---- Real recordings ----

#[test]
fn the_live_face_equals_five_other_decoders() {
    let Some(path) = support::shared(FACE) else { return };
    let golden = golden(&path);
    let mut sensor = sensor::open(&path).unwrap();
    let description = sensor.description().clone();
    assert_eq!((description.kind, description.format.as_str()), ("aedat4", "AEDAT 4.0, LZ4"));
    assert_eq!(description.device, "DVXplorer_DXB00010");
    assert_eq!(description.view, View::Event(Geometry { width: 320, height: 240 }));
    assert_eq!(description.epoch, Epoch::Unix);

    let mut events = Vec::new();
    while let Some(reading) = sensor.read().unwrap() {
        let Reading::Events(batch) = reading else { panic!("frames from an event camera") };
        assert!(!batch.non_monotonic);
        events.extend(batch.events);
    }
    assert_golden(&events, &golden);
    let shown = |event: &Event| serde_json::json!({ "t": event.t, "x": event.x, "y": event.y, "p": u8::from(event.on) });
    let first: Vec<_> = events[..5].iter().map(shown).collect();
    let last: Vec<_> = events[events.len() - 5..].iter().map(shown).collect();
    assert_eq!((&golden["first5"], &golden["last5"]), (&first.into(), &last.into()));
    let sum = |value: fn(&Event) -> i64| events.iter().map(|event| i128::from(value(event))).sum();
    let sums: [(&str, i128); 4] = [
        ("sum_t", sum(|event| event.t)),
        ("sum_x", sum(|event| event.x.into())),
        ("sum_y", sum(|event| event.y.into())),
        ("sum_p", sum(|event| event.on.into())),
    ];
    // Read as text: sum_t needs more than 64 bits.
    let text = std::fs::read_to_string(path.with_extension("aedat4.json")).unwrap();
    for (key, sum) in sums {
        assert!(text.contains(&format!("\"{key}\": {sum},")), "{key} is {sum}");
    }
    let counts = sensor.counts();
    assert!(counts.iter().all(|(reason, _)| reason.starts_with("skipped-packet-")), "{counts:?}");
    assert_eq!(sensor.progress().done, sensor.progress().total);
}

#[test]
fn the_network_stream_and_every_compression_of_it_give_the_same_face() {
    let Some(path) = support::shared(NETWORK) else { return };
    let golden = golden(&path);
    let bytes = std::fs::read(&path).unwrap();
    let decoded = decode_with(Decoder::network(None), std::iter::once(bytes.clone()));
    assert_golden(&decoded.batch.events, &golden);
    assert_eq!(rows(&decoded.counts), []);

    let (header, bodies) = columns(&bytes);
    assert_eq!(golden["packets_with_events"], bodies.len());
    assert_eq!(header[COMPRESSION_AT], LZ4);
    // The HIGH variants are 2 and 4.
    for (code, written) in [(0, NONE), (2, LZ4), (3, ZSTD), (4, ZSTD)] {
        let mut bytes = [&MAGIC[..], &header].concat();
        bytes[MAGIC.len() + COMPRESSION_AT] = code;
        bodies.iter().for_each(|body| bytes.extend(packet(0, written, body)));
        let decoded = decode(&bytes);
        assert_golden(&decoded.batch.events, &golden);
        assert_eq!(rows(&decoded.counts), [], "compression {code}");
    }
}

#[test]
fn the_face_split_anywhere_is_the_same_face() {
    let Some(path) = support::shared(FACE) else { return };
    let golden = golden(&path);
    let bytes = std::fs::read(&path).unwrap();
    for size in [1, 7, 11, 4096, 65_537] {
        let pieces = bytes.chunks(size).map(<[u8]>::to_vec);
        let decoded = decode_with(Decoder::file(None), pieces);
        assert_golden(&decoded.batch.events, &golden);
    }
}

#[test]
fn the_face_cut_anywhere_gives_its_first_packets_and_counts_the_rest() {
    let Some(path) = support::shared(FACE) else { return };
    let bytes = std::fs::read(&path).unwrap();
    let whole = decode(&bytes).batch.events;
    let header = 14 + 4 + 0x90C;
    for cut in (0..60_000).step_by(997).chain([header - 1, header, header + 1, header + 8]) {
        let decoded = decode(&bytes[..cut]);
        assert!(whole.starts_with(&decoded.batch.events), "cut at {cut}");
        let skipped = decoded.counts.iter().any(|(reason, _)| reason == "truncated-packet");
        assert!(cut <= header || skipped || cut % 997 != 0, "cut at {cut}: {:?}", decoded.counts);
    }
}

// ---- Hand-made recordings ----

#[test]
fn packets_of_other_streams_are_skipped_and_counted_by_kind() {
    let mut packets = numbered(LZ4, 1..4);
    for (at, stream) in [1, 2, 3, 4, 5, 9].into_iter().enumerate() {
        packets.insert(at, packet(stream, LZ4, &[0; 100]));
    }
    let decoded = decode(&recording(LZ4, &packets));
    assert_eq!(decoded.batch.events.len(), 9);
    let expected = [
        ("skipped-packet-frame", 1),
        ("skipped-packet-imu", 1),
        ("skipped-packet-other-events", 1),
        ("skipped-packet-other-kind", 1),
        ("skipped-packet-trigger", 1),
        ("skipped-packet-unlisted-stream", 1),
    ];
    assert_eq!(rows(&decoded.counts), expected);
}

#[test]
fn another_event_stream_can_be_chosen_and_the_choice_is_noted() {
    let scratch = Scratch::new("aedat4-streams");
    let second = packet(3, ZSTD, &event_body(&[(5, 10, 20, true)]));
    let path = scratch.put("two.bin", recording(ZSTD, &[numbered(ZSTD, 1..2).concat(), second]));
    for (stream, count, device) in [(None, 3, "DVXplorer_0"), (Some(3), 1, "DVXplorer_3")] {
        let mut settings = toml::Table::new();
        settings.insert("path".to_owned(), path.to_str().unwrap().into());
        if let Some(stream) = stream {
            settings.insert("stream".to_owned(), stream.into());
        }
        let kind = sensor::detect(&path).unwrap();
        let mut sensor = kind.open(settings).unwrap();
        assert_eq!(sensor.description().device, device);
        assert!(sensor.description().notes[0].contains("event streams 0, 3"));
        let Some(Reading::Events(batch)) = sensor.read().unwrap() else { panic!("no events") };
        assert_eq!(batch.events.len(), count);
        assert_eq!(sensor.read().unwrap(), None);
    }
}

#[test]
fn the_index_of_packets_at_the_end_is_not_taken_for_packets() {
    for compression in [NONE, LZ4, ZSTD] {
        let packets = numbered(compression, 1..4).concat();
        let header = io_header(compression, 0, &info()).len();
        let table_at = i64::try_from(MAGIC.len() + header + packets.len()).unwrap();
        let header = io_header(compression, table_at, &info());
        // An index that looks exactly like packets must not matter either.
        let bytes = [MAGIC.to_vec(), header, packets.clone(), packets].concat();
        for size in [1, bytes.len()] {
            let pieces = bytes.chunks(size).map(<[u8]>::to_vec);
            let decoded = decode_with(Decoder::file(None), pieces);
            assert_eq!(decoded.batch.events.len(), 9);
            assert_eq!(rows(&decoded.counts), []);
        }
    }
}

#[test]
fn events_outside_the_sensor_are_dropped_and_counted() {
    let events = [
        (1, 319, 239, true),
        (2, 320, 0, true),
        (3, -1, -1, true),
        (4, 0, 240, true),
        (5, 0, 0, false),
    ];
    let packets = [numbered(LZ4, 0..1).concat(), packet(0, LZ4, &event_body(&events))];
    let decoded = decode(&recording(LZ4, &packets));
    let times: Vec<i64> = decoded.batch.events.iter().map(|event| event.t).collect();
    // The first three are the packet before; the second packet starts a microsecond back.
    assert_eq!(times, [0, 1, 2, 1, 5]);
    let expected = [("time-went-back", 1), ("x-beyond-width", 2), ("y-beyond-height", 1)];
    assert_eq!(rows(&decoded.counts), expected);
}

#[test]
fn a_step_back_in_time_is_kept_counted_and_marked() {
    let back = packet(0, NONE, &event_body(&[(10, 0, 0, true), (9, 0, 0, true), (9, 0, 0, true)]));
    let decoded = decode(&recording(NONE, &[back]));
    assert_eq!(decoded.batch.events.iter().map(|e| e.t).collect::<Vec<_>>(), [10, 9, 9]);
    assert!(decoded.batch.non_monotonic);
    assert_eq!(rows(&decoded.counts), [("time-went-back", 1)]);
}

#[test]
fn a_bomb_is_refused_and_the_packets_around_it_are_delivered() {
    let bomb = vec![0; LARGEST_BODY + 1];
    for compression in [LZ4, ZSTD] {
        let mut packets = numbered(compression, 1..4);
        packets.insert(1, packet(0, compression, &bomb));
        let decoded = decode(&recording(compression, &packets));
        assert_eq!(decoded.batch.events.len(), 9);
        assert_eq!(rows(&decoded.counts)[0], ("packet-too-large", 1));
    }
}

#[test]
fn a_damaged_packet_costs_no_other_packet() {
    for compression in [NONE, LZ4, ZSTD] {
        let packets = numbered(compression, 1..6);
        let size = packets[2].len();
        // Size zero, too short, too long, beyond the file, beyond the limit; stream; magic.
        let sizes =
            [0, 20, size + 40, 1 << 20, 1 << 31].map(|size| (4, u32::try_from(size).unwrap()));
        for (at, value) in sizes.into_iter().chain([(0, 77), (8, 0)]) {
            let mut packets = packets.clone();
            packets[2][at..at + 4].copy_from_slice(&value.to_le_bytes());
            let decoded = decode(&recording(compression, &packets));
            let mut seen: Vec<u16> = decoded.batch.events.iter().map(|event| event.x).collect();
            seen.dedup();
            let context =
                format!("compression {compression}, {value} at {at}: {:?}", decoded.counts);
            // A damaged frame can still be whole inside a wrong size.
            assert!(seen == [1, 2, 4, 5] || seen == [1, 2, 3, 4, 5], "{seen:?}, {context}");
            assert!(!decoded.counts.is_empty(), "{context}");
        }
    }
}

#[test]
fn what_is_no_recording_says_what_it_is_not() {
    let scratch = Scratch::new("aedat4-errors");
    let mut settings = toml::Table::new();
    let mut error = |name: &str, bytes: Vec<u8>| {
        let path = scratch.put(name, bytes);
        settings.insert("path".to_owned(), path.to_str().unwrap().into());
        let kind = sensor::Kind::named("aedat4").unwrap();
        let message = kind.open(settings.clone()).err().unwrap().to_string();
        assert!(message.contains(name), "{message}");
        message
    };
    let good = recording(LZ4, &[]);
    assert!(error("a", b"#!AER-DAT2.0\r\n".to_vec()).contains("found `#!AER-DAT2.0"));
    assert!(error("b", good[..200].to_vec()).contains("ends inside its header"));
    assert!(error("c", Vec::new()).contains("ends inside its header"));
    let unknown = [MAGIC.to_vec(), io_header(9, -1, &info())].concat();
    assert!(error("d", unknown).contains("compression 9"));
    let frames = info().replace("EVTS", "FRME");
    let frames = [MAGIC.to_vec(), io_header(LZ4, -1, &frames)].concat();
    assert!(error("e", frames).contains("0 (FRME)"));
    let no_size = info().replace("sizeY", "height");
    let no_size = [MAGIC.to_vec(), io_header(LZ4, -1, &no_size)].concat();
    assert!(error("f", no_size).contains("sizeY is absent"));
    let endless = [&MAGIC[..], &[255; 100]].concat();
    assert!(error("g", endless).contains("4294967295 bytes"));
}

fn splits() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(1_usize..400, 1..50)
}

/// `bytes` in pieces of the given sizes, over and over.
fn cut(bytes: &[u8], sizes: &[usize]) -> Vec<Vec<u8>> {
    let mut rest = bytes;
    let pieces = sizes.iter().cycle().map_while(|&size| {
        let (piece, after) = rest.split_at(size.min(rest.len()));
        rest = after;
        (!piece.is_empty()).then(|| piece.to_vec())
    });
    pieces.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn damage_never_panics_and_is_seen_alike_in_every_split(
        compression in prop_oneof![Just(NONE), Just(LZ4), Just(ZSTD)],
        flips in proptest::collection::vec((any::<prop::sample::Index>(), 0_u8..8), 0..6),
        from in prop_oneof![Just(0_usize), Just(MAGIC.len()), Just(1600)],
        sizes in splits(),
    ) {
        let mut packets = numbered(compression, 1..12);
        packets.insert(3, packet(1, compression, &[1; 300]));
        let mut bytes = recording(compression, &packets);
        for (at, bit) in flips {
            let span = bytes.len() - from;
            bytes[from + at.index(span)] ^= 1 << bit;
        }
        let whole = decode(&bytes);
        let split = decode_with(Decoder::file(None), cut(&bytes, &sizes).into_iter());
        prop_assert_eq!(whole.batch, split.batch);
        prop_assert_eq!(whole.counts, split.counts);
    }
}
