//! EVT and DAT recordings against the answers of other people's decoders.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use visaged::data::{Counts, Event, EventBatch, Geometry, Trigger};
use visaged::sensor::evt::{Decoder, Format, Header};
use visaged::sensor::{self, Description, Kind, Reading, Sensor, View};

use crate::support;

/// Everything that a recording gives.
struct Decoded {
    description: Description,
    batch: EventBatch,
    counts: Counts,
}

fn drain(mut sensor: Box<dyn Sensor>) -> Decoded {
    let mut batch = EventBatch::default();
    while let Some(reading) = sensor.read().unwrap() {
        let Reading::Events(next) = reading else { panic!("a radar frame") };
        batch.events.extend(next.events);
        batch.triggers.extend(next.triggers);
        batch.non_monotonic |= next.non_monotonic;
    }
    let progress = sensor.progress();
    assert_eq!(progress.done, progress.total);
    Decoded { description: sensor.description().clone(), batch, counts: sensor.counts() }
}

fn decode(path: &Path) -> Decoded {
    drain(sensor::open(path).unwrap())
}

pub fn digest(events: &[Event]) -> String {
    let mut hash = Sha256::new();
    for event in events {
        hash.update(event.t.to_le_bytes());
        hash.update(event.x.to_le_bytes());
        hash.update(event.y.to_le_bytes());
        hash.update([u8::from(event.on)]);
    }
    hash.finalize().iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// `[{t, x, y, p}]` of a reference.
fn listed(answer: &Value) -> Vec<Event> {
    let event = |row: &Value| Event {
        t: row["t"].as_i64().unwrap(),
        x: u16::try_from(row["x"].as_u64().unwrap()).unwrap(),
        y: u16::try_from(row["y"].as_u64().unwrap()).unwrap(),
        on: row["p"] == 1,
    };
    answer.as_array().unwrap().iter().map(event).collect()
}

/// Decodes `event/<name>` and compares with the JSON beside it, made by the peers it names.
fn golden(name: &str, format: &str) -> Option<Decoded> {
    let path = support::shared(&format!("event/{name}"))?;
    let text = fs::read_to_string(path.with_file_name(format!("{name}.json"))).unwrap();
    let answer: Value = serde_json::from_str(&text).unwrap();
    let decoded = decode(&path);
    assert_eq!(decoded.description.format, format);
    let View::Event(Geometry { width, height }) = decoded.description.view else { panic!() };
    assert_eq!(answer["resolution"], format!("{width}x{height}"));
    let events = &decoded.batch.events;
    assert_eq!(answer["count"], events.len());
    assert_eq!(listed(&answer["first5"]), events[..5]);
    assert_eq!(listed(&answer["last5"]), events[events.len() - 5..]);
    assert_eq!(answer["t_min"], events.iter().map(|e| e.t).min().unwrap());
    assert_eq!(answer["t_max"], events.iter().map(|e| e.t).max().unwrap());
    assert_eq!(answer["sum_t"], events.iter().map(|e| e.t).sum::<i64>());
    assert_eq!(answer["sum_x"], events.iter().map(|e| i64::from(e.x)).sum::<i64>());
    assert_eq!(answer["sum_y"], events.iter().map(|e| i64::from(e.y)).sum::<i64>());
    assert_eq!(answer["on"], events.iter().filter(|e| e.on).count());
    assert_eq!(answer["off"], events.iter().filter(|e| !e.on).count());
    assert_eq!(answer["sha256_packed_i64t_u16x_u16y_u8p_le"], digest(events));
    assert_eq!(decoded.batch.non_monotonic, answer["backward_steps"] != 0);
    Some(decoded)
}

#[test]
fn the_face_recordings_decode_as_the_peers_decode_them_and_lose_nothing() {
    for (name, format) in [
        ("face_dvxplorer_evt2.raw", "EVT 2.0"),
        ("face_dvxplorer_evt21_little.raw", "EVT 2.1, little word order"),
        ("face_dvxplorer_evt21_legacy.raw", "EVT 2.1, legacy word order"),
        ("face_dvxplorer_evt3.raw", "EVT 3.0"),
        ("face_dvxplorer_cd.dat", "DAT, EventCD"),
    ] {
        if let Some(decoded) = golden(name, format) {
            assert!(decoded.counts.is_empty(), "{name}: {:?}", decoded.counts);
            assert_eq!(decoded.batch.triggers, [], "{name}");
        }
    }
}

#[test]
fn a_gen3_recording_without_format_and_geometry_is_read_by_its_old_keys() {
    let Some(decoded) = golden("gen3_vga_evt2_sparklers.raw", "EVT 2.0") else { return };
    assert!(decoded.counts.is_empty(), "{:?}", decoded.counts);
    assert_eq!(decoded.description.device, "Prophesee Gen3.0, serial 00000157");
    let notes = decoded.description.notes.join("\n");
    assert!(notes.contains("`evt`") && notes.contains("`system_ID` 21"), "{notes}");
}

#[test]
fn an_imx636_recording_has_exactly_the_events_that_the_sensor_counted() {
    let Some(decoded) = golden("imx636_evk4_evt3.raw", "EVT 3.0") else { return };
    let counts = decoded.counts;
    assert_eq!(counts.get("erc-events-in"), 1_218_618);
    assert_eq!(counts.get("erc-events-out"), 1_218_618);
    assert_eq!(counts.iter().count(), 2, "{counts:?}");
    let device = "Prophesee IMX636, generation 4.2, serial 00050567";
    assert_eq!(decoded.description.device, device);
}

/// `[[t, x, y, p]]` of a peer's answer; that of `OpenEB` has triggers `[[t, id, value]]` beside it.
fn answered(answer: &Value) -> (Vec<Event>, Vec<Trigger>) {
    let rows = |value: &Value| -> Vec<Vec<i64>> { serde_json::from_value(value.clone()).unwrap() };
    let event = |row: Vec<i64>| Event {
        t: row[0],
        x: u16::try_from(row[1]).unwrap(),
        y: u16::try_from(row[2]).unwrap(),
        on: row[3] == 1,
    };
    let trigger = |row: Vec<i64>| Trigger {
        t: row[0],
        id: u8::try_from(row[1]).unwrap(),
        rising: row[2] == 1,
    };
    if answer.is_array() {
        return (rows(answer).into_iter().map(event).collect(), Vec::new());
    }
    (
        rows(&answer["events"]).into_iter().map(event).collect(),
        rows(&answer["triggers"]).into_iter().map(trigger).collect(),
    )
}

/// An edge stream, the peer whose answer our policy demands, and what must be counted.
type Edge = (&'static str, &'static str, &'static [(&'static str, u64)]);

const EDGES: &[Edge] = &[
    ("evt3_time_high_wrap", "openeb_hal_default", &[]),
    (
        "evt3_time_high_back_by_1",
        "openeb_hal_default",
        &[("time-high-went-back", 1), ("time-went-back", 1)],
    ),
    ("evt3_time_high_repeat_same", "openeb_hal_default", &[]),
    ("evt3_event_after_new_time_high_before_low", "openeb_hal_default", &[]),
    (
        "evt3_events_before_first_time_high",
        "openeb_hal_default",
        &[("before-first-addr-y", 1), ("before-first-time-high", 2)],
    ),
    ("evt3_no_addr_y_yet", "openeb_hal_default", &[("before-first-addr-y", 1)]),
    (
        "evt3_others_c12_c12_c4",
        "openeb_hal_default",
        &[("erc-dropped-by-sensor", 5), ("erc-events-in", 5)],
    ),
    ("evt3_vect_12_12_8_full", "openeb_hal_default", &[]),
    ("evt3_vect_8_alone", "event_camera_codecs", &[]),
    ("evt3_vect_without_base", "openeb_hal_default", &[("vector-before-first-base", 1)]),
    ("evt3_x_out_of_range", "event_camera_codecs", &[("x-beyond-width", 2)]),
    ("evt3_ext_trigger", "openeb_hal_default", &[]),
    ("evt3_padding_0x9999", "openeb_hal_default", &[("unknown-words", 2)]),
    ("evt2_basic", "openeb_hal", &[]),
    ("evt2_time_high_wrap_34bit", "openeb_hal", &[]),
    ("evt2_events_before_first_time_high", "openeb_hal", &[("before-first-time-high", 1)]),
    ("evt2_trigger", "openeb_hal", &[]),
    (
        "evt2_other_continued",
        "openeb_hal",
        &[
            ("erc-dropped-by-sensor", 34),
            ("erc-events-in", 1234),
            // The sensor says 1200 and the stream holds two.
            ("erc-events-mismatch", 1198),
            ("erc-events-out", 1200),
        ],
    ),
    ("evt2_xy_out_of_range", "eventcv", &[("x-beyond-width", 1), ("y-beyond-height", 2)]),
    ("evt21_little_trigger", "openeb_hal_little", &[]),
    ("evt21_legacy_trigger", "openeb_hal_legacy", &[]),
    ("evt21_little_before_first_time_high", "openeb_hal_little", &[("before-first-time-high", 1)]),
    ("evt21_legacy_before_first_time_high", "openeb_hal_legacy", &[("before-first-time-high", 1)]),
    ("evt21_little_basic_vectors", "openeb_hal_little", &[]),
    ("evt21_legacy_basic_vectors", "openeb_hal_legacy", &[]),
    ("evt21_little_wrap_34bit", "openeb_hal_little", &[]),
    ("evt21_legacy_wrap_34bit", "openeb_hal_legacy", &[]),
];

#[test]
fn every_edge_stream_gives_the_answer_of_the_peer_that_the_policy_follows() {
    let Some(folder) = support::shared("event/edge") else { return };
    let text = fs::read_to_string(folder.join("answers.json")).unwrap();
    let answers: Value = serde_json::from_str(&text).unwrap();
    for &(name, peer, counts) in EDGES {
        let case = name.replace("evt21_little", "evt21").replace("evt21_legacy", "evt21");
        let (events, triggers) = answered(&answers[case]["results"][peer]);
        let decoded = decode(&folder.join(format!("{name}.raw")));
        assert_eq!(decoded.batch.events, events, "{name} as {peer}");
        assert_eq!(decoded.batch.triggers, triggers, "{name} as {peer}");
        assert_eq!(decoded.counts.iter().collect::<Vec<_>>(), counts, "{name}");
        assert_eq!(decoded.batch.non_monotonic, name == "evt3_time_high_back_by_1", "{name}");
    }
    let recorded = fs::read_dir(&folder).unwrap().count() - 1;
    assert_eq!(EDGES.len(), recorded, "an edge stream without a row in the table");
}

/// The RAW recordings with their headers.
fn recordings() -> Vec<(&'static str, Vec<u8>)> {
    [
        "face_dvxplorer_evt2.raw",
        "face_dvxplorer_evt21_little.raw",
        "face_dvxplorer_evt21_legacy.raw",
        "face_dvxplorer_evt3.raw",
        "gen3_vga_evt2_sparklers.raw",
        "imx636_evk4_evt3.raw",
    ]
    .into_iter()
    .filter_map(|name| Some((name, fs::read(support::shared(&format!("event/{name}"))?).unwrap())))
    .collect()
}

/// A file of this test run with `bytes`.
fn scratch(name: &str, bytes: &[u8]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn a_recording_with_any_header_line_removed_decodes_the_same_or_says_what_is_missing() {
    let mut refused = BTreeSet::new();
    for (name, bytes) in recordings() {
        let header = Header::parse(&bytes).bytes;
        // 200 kB are enough to see that the events are the same.
        let payload = &bytes[header..bytes.len().min(header + 200_000)];
        let whole = scratch(&format!("whole_{name}"), &[&bytes[..header], payload].concat());
        let expected = digest(&decode(&whole).batch.events);
        let lines: Vec<&[u8]> = bytes[..header].split_inclusive(|&byte| byte == b'\n').collect();
        for removed in 0..lines.len() {
            let mut kept = lines.clone();
            let line = String::from_utf8_lossy(kept.remove(removed)).into_owned();
            let key = line.split(' ').nth(1).unwrap().trim_end().to_owned();
            let path =
                scratch(&format!("without_{key}_{name}"), &[&kept.concat(), payload].concat());
            match sensor::open(&path) {
                Ok(sensor) => assert_eq!(digest(&drain(sensor).batch.events), expected, "{line}"),
                Err(error) => assert!(refused.insert((
                    name,
                    key,
                    error.to_string().replace(&path.display().to_string(), "FILE")
                ))),
            }
        }
    }
    let refused: Vec<_> =
        refused.iter().map(|(name, key, text)| format!("{name} without {key}: {text}")).collect();
    let expected = [
        "face_dvxplorer_evt21_legacy.raw without format: FILE: at byte 133: EVT2.1 claimed to be in \
         little word order reads as legacy word order; set `format = \"evt21-legacy\"` in the sensor \
         settings",
        "gen3_vga_evt2_sparklers.raw without system_ID: FILE: geometry: the header has no size in \
         `format` or `geometry` and no known `system_ID`; set `geometry = { width = ..., height = \
         ... }` in the sensor settings",
    ];
    if !refused.is_empty() {
        assert_eq!(refused, expected);
    }
}

#[test]
fn a_face_recording_under_the_header_of_the_other_word_order_is_refused_by_name() {
    let recordings = recordings();
    let Some((_, little)) = recordings.iter().find(|(name, _)| name.contains("little")) else {
        return;
    };
    let Some((_, legacy)) = recordings.iter().find(|(name, _)| name.contains("legacy")) else {
        return;
    };
    for (name, header, payload, found) in [
        ("little", little, legacy, "reads as legacy"),
        ("legacy", legacy, little, "reads as little"),
    ] {
        let (front, back) = (Header::parse(header).bytes, Header::parse(payload).bytes);
        for length in [80, 4000, payload.len() - back] {
            let bytes = [&header[..front], &payload[back..back + length]].concat();
            let error = sensor::open(&scratch(&format!("order_{name}"), &bytes)).err().unwrap();
            assert!(error.to_string().contains(found), "{length} bytes: {error}");
        }
    }
}

#[test]
fn real_recordings_decode_the_same_in_pieces_of_any_size() {
    for (name, bytes) in recordings() {
        let header = Header::parse(&bytes).bytes;
        let payload = &bytes[header..bytes.len().min(header + 60_000)];
        let format = match name {
            name if name.contains("little") => Format::Evt21Little,
            name if name.contains("legacy") => Format::Evt21Legacy,
            name if name.contains("evt2") => Format::Evt2,
            _ => Format::Evt3,
        };
        let run = |piece: usize| {
            let mut decoder = Decoder::new(format, Geometry { width: 1280, height: 720 });
            let mut batch = EventBatch::default();
            payload.chunks(piece).for_each(|bytes| decoder.push(bytes, &mut batch));
            decoder.finish();
            (batch, *decoder.tally())
        };
        let whole = run(payload.len());
        for piece in [1, 2, 3, 5, 7, 64, 127, 1021] {
            assert!(run(piece) == whole, "{name} in pieces of {piece}");
        }
    }
}

/// Opens `path` as `kind` with `settings` beside the path.
fn open_with(kind: &str, path: &Path, settings: &str) -> Result<Box<dyn Sensor>, sensor::Error> {
    let mut table: toml::Table = settings.parse().unwrap();
    table.insert("path".to_owned(), path.to_str().unwrap().into());
    Kind::named(kind).unwrap().open(table)
}

#[test]
fn a_recording_without_a_header_decodes_by_the_settings_alone() {
    let Some(path) = support::shared("event/face_dvxplorer_evt3.raw") else { return };
    let bytes = fs::read(&path).unwrap();
    let bare = scratch("bare.bin", &bytes[Header::parse(&bytes).bytes..]);
    let error = sensor::open(&bare).err().unwrap().to_string();
    assert!(error.contains("headerless event stream needs"), "{error}");
    let settings = "format = \"evt3\"\ngeometry = { width = 320, height = 240 }";
    let events = drain(open_with("evt", &bare, settings).unwrap()).batch.events;
    assert_eq!(digest(&events), digest(&decode(&path).batch.events));
}

#[test]
fn an_old_dat_recording_of_type_0_without_pixels_decodes_by_the_settings() {
    let Some(path) = support::shared("event/face_dvxplorer_cd.dat") else { return };
    let bytes = fs::read(&path).unwrap();
    let records = &bytes[Header::parse(&bytes).bytes + 2..];
    let old = [b"% Data file containing Event2D events.\n% Version 2\n\x00\x08", records].concat();
    let old = scratch("old.dat", &old);
    let error = sensor::open(&old).err().unwrap().to_string();
    assert!(error.contains("Width: missing in the header; set `geometry"), "{error}");
    let decoded =
        drain(open_with("dat", &old, "geometry = { width = 320, height = 240 }").unwrap());
    assert_eq!(decoded.description.format, "DAT, Event2D");
    assert_eq!(digest(&decoded.batch.events), digest(&decode(&path).batch.events));
}
