//! Reads the real recordings and stages the same scenes with the twin.

use std::path::Path;
use std::sync::Arc;

use ndarray::Array3;
use visaged::data::{ChirpConfig, Event, Geometry, Reading, Samples, View};
use visaged::sensor::{self, Sensor};

use crate::event;
use crate::motion::{Mood, Performance, Script};
use crate::number::{narrow, real};
use crate::person::Person;
use crate::radar::{Occupant, RadarTwin};
use crate::setting::Setting;

const SEED: u64 = 20;

/// Frames and chirps of a radar recording.
pub(super) fn real_radar(path: &Path) -> Result<(Vec<Array3<i16>>, ChirpConfig), String> {
    let mut frames = Vec::new();
    let view = read(path, |reading| {
        if let Reading::Radar(frame) = reading
            && let Samples::Real(samples) = frame.samples
        {
            frames.push(samples);
        }
    })?;
    match view {
        View::Radar(chirps) => Ok((frames, chirps)),
        View::Event(_) => Err(format!("{} holds events, not radar frames", path.display())),
    }
}

/// Events and geometry of an event recording.
pub(super) fn real_events(path: &Path) -> Result<(Vec<Event>, Geometry), String> {
    let mut events = Vec::new();
    let view = read(path, |reading| {
        if let Reading::Events(batch) = reading {
            events.extend(batch.events);
        }
    })?;
    match view {
        View::Event(geometry) => Ok((events, geometry)),
        View::Radar(_) => Err(format!("{} holds radar frames, not events", path.display())),
    }
}

fn read(path: &Path, mut each: impl FnMut(Reading)) -> Result<View, String> {
    let open = || -> Result<Box<dyn Sensor>, sensor::Error> { sensor::open(path) };
    let mut sensor = open().map_err(|error| error.to_string())?;
    while let Some(reading) = sensor.read().map_err(|error| error.to_string())? {
        each(reading);
    }
    Ok(sensor.description().view.clone())
}

/// Somebody who sits still and breathes, chest in front of the radar, as on the recording.
pub(super) fn twin_radar(chirps: &ChirpConfig, frames: usize) -> Vec<Array3<i16>> {
    let person = Arc::new(Person::draw(SEED, 0, 0.0));
    // The radar looks at the chest at 0.33 m; the face is above its beam.
    let setting = Setting { place: [0.0, -0.28, 0.27], ..Setting::PLAIN };
    let seconds = real(frames) * chirps.frame_period.0 + 1.0;
    let played =
        Performance::play(&person, &Script::default(), &Mood::PLAIN, seconds, SEED, "card");
    let occupant = Occupant::new(person, Arc::new(played), &setting);
    let mut radar = RadarTwin::new(chirps, &setting, vec![occupant], seconds, SEED, "card");
    (0..frames).map(|number| radar.frame(number)).collect()
}

/// A face that turns to the side and back a little, as on the recording.
pub(super) fn twin_events(geometry: Geometry) -> Vec<Event> {
    let seconds = 0.6;
    let person = Person::draw(SEED, 0, 0.0);
    let mut setting = Setting::PLAIN;
    setting.camera.noise = 0.065;
    setting.glasses = true;
    setting.place[2] = 0.27;
    let mut played =
        Performance::play(&person, &Script::default(), &Mood::PLAIN, seconds, SEED, "card");
    played.edit(|t, pose| {
        // 0.9 rad within half a second, and the head shifts along with the neck.
        let turn = 0.45 * (2.0 * std::f64::consts::PI * (t - 0.27) / 1.1).sin();
        pose.turn[0] += narrow(turn);
        pose.head[0] += narrow(60.0 * turn);
    });
    event::record(geometry, Some((&person, &played)), &setting, seconds, SEED, "card").events
}
