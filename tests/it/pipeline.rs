//! The pipeline as one object: what comes out depends on what went in, and on nothing else.

use std::path::Path;

use ndarray::Array3;
use proptest::prelude::*;
use visaged::data::message::{Alignment, Liveness, Message, Payload, SensorState, Status};
use visaged::data::{
    ChirpConfig, Counts, Epoch, Event, EventBatch, Geometry, RadarFrame, Reading, Samples, Source,
    View,
};
use visaged::pipeline::{Config, Pipeline, PlanError};
use visaged::sensor;
use visaged::units::{Micros, Stamp};

const GEOMETRY: Geometry = Geometry { width: 64, height: 48 };

fn chirp() -> ChirpConfig {
    ChirpConfig { rx_antennas: vec![1, 3], chirps: 8, samples: 32, ..ChirpConfig::food() }
}

pub(crate) fn radar() -> Source {
    Source { name: "radar".into(), view: View::Radar(chirp()), epoch: Epoch::Synthesised }
}

pub(crate) fn camera() -> Source {
    Source { name: "camera".into(), view: View::Event(GEOMETRY), epoch: Epoch::Device }
}

/// Frames every 50 ms with a pattern that depends on the number.
pub(crate) fn frame(number: u64) -> Reading {
    let samples = Array3::from_shape_fn((2, 8, 32), |(rx, chirp, sample)| {
        let number = usize::try_from(number).unwrap();
        i16::try_from((rx * 91 + chirp * 37 * (number + 1) + sample * 13) % 4096).unwrap()
    });
    Reading::Radar(RadarFrame {
        number,
        stamp: Stamp::from_micros(i64::try_from(number).unwrap() * 50_000),
        samples: Samples::Real(samples),
        has_holes: false,
    })
}

/// A pixel every 100 us, walking over the sensor.
pub(crate) fn events(count: i64) -> Vec<Event> {
    (0..count)
        .map(|i| Event {
            t: 7_000 + i * 100,
            x: u16::try_from(i * 3 % 64).unwrap(),
            y: u16::try_from(i / 7 % 48).unwrap(),
            on: i % 2 == 0,
        })
        .collect()
}

pub(crate) fn batch(events: &[Event]) -> Reading {
    Reading::Events(EventBatch { events: events.to_vec(), ..EventBatch::default() })
}

/// Feeds both sensors as the daemon does: whoever the pipeline is hungry for.
pub(crate) fn play(pipeline: &mut Pipeline, frames: u64, batches: &[Reading]) -> Vec<Message> {
    let mut out = Vec::new();
    let mut next_frame = 0;
    let mut batches = batches.iter();
    while let Some(source) = pipeline.hungry() {
        if source == 0 && next_frame < frames {
            pipeline.push(0, frame(next_frame), &mut out);
            next_frame += 1;
        } else if source == 1
            && let Some(batch) = batches.next()
        {
            pipeline.push(1, batch.clone(), &mut out);
        } else {
            pipeline.end(source, &mut out);
        }
    }
    out
}

fn both() -> Pipeline {
    Pipeline::plan(&Config::default(), &[radar(), camera()], None).unwrap()
}

fn last_status(messages: &[Message]) -> &Status {
    let status = messages.iter().rev().find_map(|message| match &message.payload {
        Payload::Status(status) => Some(status),
        _ => None,
    });
    status.unwrap()
}

#[test]
fn every_frame_speaks_of_radar_and_identity_and_time_never_runs_backwards() {
    let messages = play(&mut both(), 40, &[batch(&events(15_000))]);
    let count =
        |stream: &str| messages.iter().filter(|message| message.payload.stream() == stream).count();
    assert_eq!(count("radar"), 40);
    assert_eq!(count("identity"), 40);
    assert!(count("event") >= 14, "{} summaries of 1.5 s", count("event"));
    let summed: u64 = messages
        .iter()
        .filter_map(|message| match &message.payload {
            Payload::Event(event) => Some(event.events),
            _ => None,
        })
        .sum();
    assert_eq!(summed, 15_000, "every event is in exactly one summary");
    let status = last_status(&messages);
    assert_eq!(status.alignment, Alignment::Starts);
    assert!(status.sensors.iter().all(|sensor| sensor.state == SensorState::Ended));
    assert!(status.dropped.is_empty(), "{:?}", status.dropped);
    // Summaries are stamped with the end of their window, which lies before what made them known.
    let frames: Vec<_> = messages
        .iter()
        .filter(|message| message.payload.stream() == "radar")
        .map(|message| message.recorded)
        .collect();
    assert!(frames.is_sorted());
}

#[test]
fn a_camera_alone_still_says_that_nothing_is_known() {
    let mut pipeline = Pipeline::plan(&Config::default(), &[camera()], None).unwrap();
    let mut out = Vec::new();
    pipeline.push(0, batch(&events(5_000)), &mut out);
    pipeline.end(0, &mut out);
    let identities: Vec<_> =
        out.iter().filter(|message| message.payload.stream() == "identity").collect();
    assert!(identities.len() >= 4, "{} in half a second", identities.len());
    assert!(out.iter().any(|message| message.payload.stream() == "expression"));
}

#[test]
fn what_does_not_fit_a_source_is_counted_and_dropped() {
    let mut pipeline = both();
    let mut out = Vec::new();
    pipeline.push(0, batch(&events(3)), &mut out);
    let Reading::Radar(mut odd) = frame(0) else { unreachable!() };
    odd.samples = Samples::Real(Array3::zeros((2, 8, 31)));
    pipeline.push(0, Reading::Radar(odd), &mut out);
    let messages = play(&mut pipeline, 2, &[batch(&events(10))]);
    let status = last_status(&messages);
    assert_eq!(status.dropped.get("reading-of-wrong-kind"), 1);
    assert_eq!(status.dropped.get("radar-frame-of-wrong-shape"), 1);
    assert_eq!(status.sensors[0].received, 2);
}

#[test]
fn a_second_round_goes_on_in_time_and_keeps_its_counts() {
    let mut pipeline = both();
    let mut counts = Counts::default();
    counts.add("junk", 5);
    pipeline.report(1, counts.clone());
    let first = play(&mut pipeline, 10, &[batch(&events(100))]);
    let end = first.iter().map(|message| message.recorded).max().unwrap();
    pipeline.restart(Micros::from_millis(100));
    pipeline.report(1, counts);
    let second = play(&mut pipeline, 10, &[batch(&events(100))]);
    let starts = second.iter().filter(|message| message.payload.stream() == "radar");
    assert_eq!(starts.map(|m| m.recorded).min(), Some(end + Micros::from_millis(100)));
    assert_eq!(last_status(&second).sensors[1].counts.get("junk"), 10);
}

#[test]
fn a_radar_that_cannot_be_processed_is_refused_by_name() {
    let mut radar = radar();
    radar.view = View::Radar(ChirpConfig { samples: 0, ..chirp() });
    let Err(error) = Pipeline::plan(&Config::default(), &[radar], None) else {
        panic!("a radar without samples was accepted");
    };
    assert!(matches!(error, PlanError::Radar { .. }));
    assert!(error.to_string().contains("`radar`"), "{error}");
}

#[test]
fn the_settings_of_replay_toml_are_the_defaults() {
    let file = Path::new("configs/replay.toml");
    let shipped = visaged::config::Config::load(file).unwrap().pipeline;
    assert_eq!(format!("{shipped:?}"), format!("{:?}", Config::default()));
}

/// Liveness over the shipped scene, in seconds, as if both recordings carried one clock and the
/// camera's were `late_us` off.
fn liveness_of_the_scene(late_us: i64) -> Vec<(f64, Liveness)> {
    let scene = Path::new("configs/scenes/demo");
    let mut sensors = ["radar", "event.raw"].map(|name| sensor::open(&scene.join(name)).unwrap());
    let sources = ["radar", "camera"].map(str::to_owned);
    let sources: Vec<_> = sources
        .into_iter()
        .zip(&sensors)
        .map(|(name, sensor)| Source {
            name,
            view: sensor.description().view.clone(),
            epoch: Epoch::Unix,
        })
        .collect();
    let mut pipeline = Pipeline::plan(&Config::default(), &sources, None).unwrap();
    let mut out = Vec::new();
    while let Some(source) = pipeline.hungry() {
        match sensors[source].read().unwrap() {
            Some(Reading::Events(mut batch)) => {
                batch.events.iter_mut().for_each(|event| event.t += late_us);
                pipeline.push(source, Reading::Events(batch), &mut out);
            }
            Some(reading) => pipeline.push(source, reading, &mut out),
            None => pipeline.end(source, &mut out),
        }
    }
    let told = out.iter().filter_map(|message| match &message.payload {
        Payload::Identity(identity) => {
            Some((Micros(message.recorded.as_micros()).as_seconds(), identity.liveness))
        }
        _ => None,
    });
    told.collect()
}

#[test]
fn the_shipped_visitor_is_alive_to_both_sensors_and_not_when_the_camera_is_a_second_late() {
    let together = liveness_of_the_scene(0);
    let seated = together.iter().filter(|(at, _)| (9.0..13.0).contains(at));
    assert!(seated.clone().count() >= 80);
    assert!(seated.clone().all(|(_, liveness)| *liveness == Liveness::Live));
    assert!(together.iter().all(|(_, liveness)| *liveness != Liveness::NotLive));
    let apart = liveness_of_the_scene(1_200_000);
    let refused = apart.iter().filter(|(_, liveness)| *liveness == Liveness::NotLive).count();
    // Half a second of the nine that he sits: where slices end moves it by a few frames.
    assert!(refused >= 10, "not live in {refused} frames");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_batches_in_which_events_are_read_do_not_show(
        mut cuts in prop::collection::vec(0_usize..4_000, 0..12),
    ) {
        let events = events(4_000);
        cuts.extend([0, events.len()]);
        cuts.sort_unstable();
        let batches: Vec<_> =
            cuts.windows(2).map(|cut| batch(&events[cut[0]..cut[1]])).collect();
        let whole = play(&mut both(), 8, &[batch(&events)]);
        let cut = play(&mut both(), 8, &batches);
        // How far reading has come when a status is due depends on the batches, and is said.
        let told = |messages: Vec<Message>| -> Vec<_> {
            let spoken = messages.into_iter();
            spoken.filter(|message| message.payload.stream() != "status").collect()
        };
        prop_assert_eq!(told(cut), told(whole));
    }
}
