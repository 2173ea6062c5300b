//! The event camera: from poses to events.
//!
//! ```text
//! picture of the person (painted once) + poses -> warp -> luminance of a tile of pixels
//!   -> bandwidth, threshold, refractory time of each pixel -> read-out -> events
//! ```
//!
//! The scene is looked at every millisecond, but only tiles in which the luminance may have moved
//! by more than `tiles::CHANGE` are computed: most of a face is still most of the time.

mod backdrop;
mod camera;
mod noise;
mod paint;
mod picture;
mod pixels;
mod readout;
mod tiles;
mod warp;

use visaged::data::{Event, Geometry};

use crate::motion::{Performance, Pose};
use crate::number::{real, whole};
use crate::person::Person;
use crate::random::Random;
use crate::setting::Setting;
use camera::Camera;
use noise::Noise;
use picture::Picture;
use pixels::Pixels;
use tiles::{Subject, Tiles};
use warp::Warp;

/// What the camera recorded.
#[derive(Debug, Clone, Default)]
pub struct Footage {
    /// The events, in order of time.
    pub events: Vec<Event>,
    /// Events that the read-out could not carry.
    pub lost: usize,
}

/// Log luminance of every pixel, row by row, as the camera would see `person` at `time` seconds.
#[must_use]
pub fn snapshot(
    geometry: Geometry,
    person: Option<(&Person, &Performance)>,
    setting: &Setting,
    time: f64,
    seed: u64,
) -> Vec<f32> {
    let mut pixels = Pixels::new(geometry, &setting.camera, Random::stream(seed, "snapshot"));
    let pose = person.map_or_else(Pose::default, |(_, performance)| performance.at(time));
    let mut tiles = scene(geometry, person, setting, seed);
    tiles.step(0.0, &pose, &mut pixels);
    let (width, height) = (usize::from(geometry.width), usize::from(geometry.height));
    let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    places.map(|(x, y)| pixels.luminance(pixels.index(x, y))).collect()
}

fn scene(
    geometry: Geometry,
    person: Option<(&Person, &Performance)>,
    setting: &Setting,
    seed: u64,
) -> Tiles {
    let wall = backdrop::paint(geometry, setting.camera.background);
    let subject = person.map(|(person, _)| Subject {
        camera: Camera::new(geometry, setting),
        picture: Picture::paint(person, setting, seed),
        warp: Warp::new(person, setting),
        glasses: setting.glasses,
    });
    Tiles::new(geometry, &wall, subject, setting.camera.flicker)
}

/// Looks every millisecond.
const STEP: f64 = 1e-3;

/// Records `seconds` of `person` playing `performance` with a camera of `geometry`.
///
/// `None` instead of a person is an empty chair. `name` is the stream of the pixels' mismatch and
/// noise. Geometries up to 1024 pixels each way.
#[must_use]
pub fn record(
    geometry: Geometry,
    person: Option<(&Person, &Performance)>,
    setting: &Setting,
    seconds: f64,
    seed: u64,
    name: &str,
) -> Footage {
    let stream = |what: &str| Random::stream(seed, &format!("{name} {what}"));
    let mut pixels = Pixels::new(geometry, &setting.camera, stream("pixels"));
    let mut noise = Noise::new(geometry, setting.camera.noise, stream("noise"));
    let mut tiles = scene(geometry, person, setting, seed);
    let nobody = Pose::default();
    for step in 0..whole(seconds / STEP) {
        let pose = person.map_or(&nobody, |(_, performance)| performance.entry(step));
        tiles.step(real(step) * STEP, pose, &mut pixels);
        noise.step(real(step) * STEP, STEP, &mut pixels);
    }
    readout::deliver(pixels.into_events(), seconds)
}

#[cfg(test)]
mod tests;
