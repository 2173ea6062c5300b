//! A small data set, made and read back as a user would.

use std::fs;
use std::path::Path;

use clap::Parser;
use visaged::data::Reading;

use super::*;
use crate::dataset::{Expression, Scene};
use crate::testing::Folder;

#[derive(Debug, Parser)]
#[command(args_override_self = true)]
struct Line {
    #[command(flatten)]
    options: Options,
}

fn make(folder: &Path, arguments: &[&str]) -> Result<Dataset> {
    let out = folder.to_string_lossy().into_owned();
    let small = ["--persons", "2", "--sessions", "1", "--empty", "1", "--seconds", "5"];
    let line = ["twin", &out].into_iter().chain(small).chain(arguments.iter().copied());
    run(&Line::try_parse_from(line)?.options)?;
    Ok(Dataset::read(folder)?)
}

fn readings(path: &Path) -> Vec<Reading> {
    let mut sensor = visaged::sensor::open(path).unwrap();
    std::iter::from_fn(|| sensor.read().unwrap()).collect()
}

#[test]
fn what_was_recorded_opens_as_any_other_recording() {
    let folder = Folder::new("opens");
    let dataset = make(&folder.0, &[]).unwrap();
    assert_eq!(dataset.recordings.len(), 4);
    assert_eq!(dataset.consent, "simulated");
    let first = &dataset.recordings[0];
    assert_eq!((first.person.as_deref(), first.conditions.scene), (Some("p000"), Scene::Person));
    assert!(first.labels.iter().any(|label| label.expression != Expression::Neutral));
    let frames = readings(&folder.0.join(first.radar.as_ref().unwrap()));
    assert_eq!(frames.len(), 100);
    let mut events = 0;
    for reading in readings(&folder.0.join(first.event.as_ref().unwrap())) {
        let Reading::Events(batch) = reading else { panic!("a radar frame among events") };
        assert!(!batch.non_monotonic);
        events += batch.events.len();
    }
    assert!(events > 10_000, "{events}");
    let chair = &dataset.recordings[2];
    assert_eq!((chair.person.as_deref(), chair.conditions.scene), (None, Scene::EmptyChair));
}

#[test]
fn the_same_seed_gives_the_same_bytes_with_one_thread_and_with_two() {
    let (one, two) = (Folder::new("one"), Folder::new("two"));
    make(&one.0, &["--threads", "1", "--seconds", "2"]).unwrap();
    make(&two.0, &["--threads", "2", "--seconds", "2"]).unwrap();
    let other = Folder::new("other-twin");
    make(&other.0, &["--seed", "2", "--seconds", "2"]).unwrap();
    for file in ["dataset.toml", "p001-s0/radar/radar.npy", "p001-s0/event.raw", "fan-s0/event.raw"]
    {
        let [a, b, c] = [&one, &two, &other].map(|folder| fs::read(folder.0.join(file)).unwrap());
        assert!(a == b, "{file} differs between one and two threads");
        assert!(a != c, "{file} does not depend on the seed");
    }
}

#[test]
fn a_folder_that_holds_a_data_set_is_left_alone() {
    let folder = Folder::new("again");
    make(&folder.0, &["--seconds", "1", "--persons", "1"]).unwrap();
    let refused = make(&folder.0, &["--seconds", "1", "--persons", "1"]);
    assert!(refused.unwrap_err().to_string().contains("holds a data set already"));
}

#[test]
fn one_sensor_alone_records_what_it_records_beside_the_other() {
    let (both, alone) = (Folder::new("both"), Folder::new("alone"));
    make(&both.0, &["--seconds", "1", "--empty", "0"]).unwrap();
    let dataset = make(&alone.0, &["--seconds", "1", "--empty", "0", "--only", "radar"]).unwrap();
    assert!(dataset.recordings.iter().all(|r| r.event.is_none() && r.device.event.is_none()));
    let [a, b] = [&both, &alone].map(|f| fs::read(f.0.join("p001-s0/radar/radar.npy")).unwrap());
    assert!(a == b);
}
