//! EVT and DAT recordings against the answers of other people's decoders.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use visaged::data::{Counts, Event, EventBatch, Geometry, Trigger};
use visaged::sensor::evt::{Decoder, Format, Header};
use visaged::sensor::{self, Description, Reading, Sensor, View};

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

fn digest(events: &[Event]) -> String {
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
