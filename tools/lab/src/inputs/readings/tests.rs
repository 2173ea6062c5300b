//! A session in one file gives the inputs of the recordings that it was made from.

use std::fs;

use clap::Parser;
use visaged::data::{Event, EventBatch, RadarFrame, Source};
use visaged::recording::{LAYOUT, Opening, Packed, Writer};
use visaged::sensor::Epoch;
use visaged::units::Stamp;

use super::*;
use crate::dataset::{Dataset, Recording};
use crate::inputs::compute;
use crate::inputs::{Inputs, Options};
use crate::testing::Folder;

fn simulate(folder: &Path) -> Recording {
    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        options: crate::twin::Options,
    }
    let out = folder.to_string_lossy();
    let line =
        ["twin", &out, "--persons", "1", "--sessions", "1", "--empty", "0", "--seconds", "6"];
    crate::twin::run(&Line::try_parse_from(line).unwrap().options).unwrap();
    Dataset::read(folder).unwrap().recordings.remove(0)
}

/// How devices came to the host in the file that is made.
#[derive(Clone, Copy)]
struct Told {
    epochs: [Epoch; 2],
    /// What radar and camera show more than their recordings, microseconds.
    shifts: [i64; 2],
    /// The host's time when the recordings began; `None` for a file that was converted.
    host: Option<i64>,
}

/// All readings of `recording` in one file, in the order of their times, as `told`.
fn session(folder: &Path, recording: &Recording, told: Told) -> PathBuf {
    let mut inputs = Vec::new();
    let mut sources = Vec::new();
    let paths = [recording.radar.as_ref().unwrap(), recording.event.as_ref().unwrap()];
    for (source, path) in paths.into_iter().enumerate() {
        let mut sensor = sensor::open(&folder.join(path)).unwrap();
        let view = sensor.description().view.clone();
        sources.push(Source { name: format!("sensor-{source}"), view, epoch: told.epochs[source] });
        while let Some(reading) = sensor.read().unwrap() {
            let (shift, transfer) = (told.shifts[source], if source == 0 { 25_059 } else { 0 });
            let (at, reading) = moved(reading, shift);
            let arrival = told.host.map(|host| Stamp::from_micros(host + at + transfer));
            inputs.push((at, Input::Reading { source, reading, arrival }));
        }
    }
    inputs.sort_by_key(|(at, _)| *at);
    let opening = Opening {
        layout: LAYOUT,
        version: "0".into(),
        boot_id: "boot".into(),
        part: 0,
        sources,
        config: String::new(),
        folder: String::new(),
        bundle: None,
        unix_offset_us: 0,
    };
    let mut writer = Writer::start(Vec::new(), &opening, 0).unwrap();
    for (number, (at, input)) in (0..).zip(inputs) {
        writer.write(&Packed::input(number, &input, at)).unwrap();
    }
    let path = folder.join("session.mcap");
    fs::write(&path, writer.finish().unwrap()).unwrap();
    path
}

/// The reading as a device whose clock shows `shift` more would give it, and when it was complete.
fn moved(reading: Reading, shift: i64) -> (i64, Reading) {
    match reading {
        Reading::Radar(frame) => {
            let at = frame.stamp.as_micros();
            (at, Reading::Radar(RadarFrame { stamp: Stamp::from_micros(at + shift), ..frame }))
        }
        Reading::Events(batch) => {
            let at = batch.events.last().map_or(0, |event| event.t);
            let move_one = |event: &Event| Event { t: event.t + shift, ..*event };
            let events = batch.events.iter().map(move_one).collect();
            (at, Reading::Events(EventBatch { events, ..batch }))
        }
        Reading::Notice(_) => unreachable!("a recording holds none"),
    }
}

fn inputs(folder: &Path, recording: &Recording) -> (Inputs, Vec<i64>) {
    let options = Options { datasets: vec![], frame_step: 1, window_step: 1, again: false };
    compute::inputs(folder, recording, &options).unwrap()
}

#[test]
fn inputs_of_a_session_are_those_of_its_recordings() {
    let folder = Folder::new("same");
    let plain = simulate(&folder.0);
    let (expected, hashes) = inputs(&folder.0, &plain);
    let (radar, event) = (expected.radar.unwrap(), expected.event.unwrap());
    let converted =
        Told { epochs: [Epoch::Synthesised, Epoch::Device], shifts: [0; 2], host: None };
    let live = Told {
        epochs: [Epoch::Live; 2],
        shifts: [5_000_000, 86_400_000_000],
        host: Some(777_000_000),
    };
    for told in [converted, live] {
        let path = session(&folder.0, &plain, told);
        let name = path.file_name().map(PathBuf::from);
        let own = Recording { radar: name.clone(), event: name, ..plain.clone() };
        let (found, found_hashes) = inputs(&folder.0, &own);
        let (found_radar, found_event) = (found.radar.unwrap(), found.event.unwrap());
        // The same frames at the same times, to the bit.
        assert_eq!(found_radar.time, radar.time);
        assert_eq!(found_radar.steady, radar.steady);
        let maps = |set: &crate::inputs::RadarSet| {
            set.maps.flatten_all().unwrap().to_vec1::<half::f16>().unwrap()
        };
        assert!(maps(&found_radar) == maps(&radar));
        assert_eq!(found_hashes[..radar.time.len()], hashes[..radar.time.len()]);
        // Windows begin at the first event, so they lie less than one hop of 100 ms apart.
        assert!(found_event.time.len().abs_diff(event.time.len()) <= 1);
        for (found, expected) in found_event.time.iter().zip(&event.time) {
            assert!((found - expected).abs() < 0.1, "{found} s, {expected} s");
        }
        let mean =
            |rates: &[f32]| rates.iter().sum::<f32>() / rates.iter().map(|_| 1.0).sum::<f32>();
        let (found, expected) = (mean(&found_event.rate), mean(&event.rate));
        // Other windows of the same events: their mean moves by what the edges hold.
        assert!(
            (found - expected).abs() < 0.1 * expected,
            "{found} and {expected} events a second"
        );
    }
}

#[test]
fn a_session_without_the_sensor_that_is_asked_for_is_refused_by_name() {
    let folder = Folder::new("absent");
    let opening = Opening {
        layout: LAYOUT,
        version: "0".into(),
        boot_id: "boot".into(),
        part: 0,
        sources: vec![],
        config: String::new(),
        folder: String::new(),
        bundle: None,
        unix_offset_us: 0,
    };
    let path = folder.0.join("empty.mcap");
    let writer = Writer::start(Vec::new(), &opening, 0).unwrap();
    fs::write(&path, writer.finish().unwrap()).unwrap();
    let refused = Readings::open(&path, Modality::Radar).map(drop).unwrap_err().to_string();
    assert!(refused.contains("empty.mcap") && refused.contains("dataset.toml"), "{refused}");
}
