//! The newest picture of each kind, painted only while somebody looks.
//!
//! Viewers ask, the pipeline thread paints what is due and hangs it up in the place of the one
//! before. Nobody waits for anybody: a viewer that is slow finds a newer picture, and one that has
//! stopped asks no more.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ndarray::ArrayRef3;
use serde::Serialize;

use super::canvas::Canvas;
use crate::data::{EventBatch, Source, View};
use crate::recording::grey;
use crate::units::{HostClock, Micros, Stamp};

/// Time between two pictures of the same kind.
const PERIOD: Micros = Micros::from_millis(100);
/// Events are painted for so long after somebody asked.
const ATTENTION: Micros = Micros::from_millis(1_000);

/// A picture as it is sent: the length of the header (u32, little-endian), the header (JSON), and
/// the pixels, a byte each, row by row from the top.
pub(super) type Picture = Arc<Vec<u8>>;

/// Where pictures hang. Bounded by sensors and kinds.
#[derive(Debug, Clone, Default)]
pub(super) struct Gallery(Arc<Walls>);

#[derive(Debug, Default)]
struct Walls {
    asked: AtomicBool,
    pictures: Mutex<BTreeMap<String, Picture>>,
}

impl Gallery {
    /// Somebody wants pictures.
    pub(super) fn ask(&self) {
        self.0.asked.store(true, Ordering::Relaxed);
    }

    /// The newest picture of each name.
    pub(super) fn newest(&self) -> Vec<(String, Picture)> {
        let pictures = self.0.pictures.lock().unwrap_or_else(PoisonError::into_inner);
        pictures.iter().map(|(name, picture)| (name.clone(), Arc::clone(picture))).collect()
    }

    fn hang(&self, header: &Header<'_>, pixels: &[u8]) {
        let name = format!("{}/{}", header.picture, header.source);
        let picture = Arc::new(frame(header, pixels));
        let mut pictures = self.0.pictures.lock().unwrap_or_else(PoisonError::into_inner);
        pictures.insert(name, picture);
    }

    fn clear(&self) {
        self.0.pictures.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn was_asked(&self) -> bool {
        self.0.asked.swap(false, Ordering::Relaxed)
    }
}

/// What a picture shows.
#[derive(Debug, Clone, Copy, Serialize)]
struct Header<'a> {
    /// `range-doppler`, `micro-range-doppler`, `events` or `breath`.
    picture: &'static str,
    /// The sensor.
    source: &'a str,
    width: usize,
    height: usize,
    #[serde(flatten)]
    scale: Scale,
}

/// What rows and columns are.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(untagged)]
enum Scale {
    Map(MapScale),
    Sensor { sensor_width: u16, sensor_height: u16 },
    Trace { step_s: f64, low_mm: f64, high_mm: f64 },
}

/// Axes of a map: the lowest row is distance 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MapScale {
    /// Width of a range bin, metres.
    pub range_step_m: f64,
    /// Width of a Doppler bin, metres per second.
    pub velocity_step_m_s: f64,
    /// The column of zero velocity; approach is left of it.
    pub zero_column: usize,
}

/// Which map of a radar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Map {
    /// Fast motion, within one frame.
    RangeDoppler,
    /// Slow motion, across frames.
    MicroRangeDoppler,
}

/// The pipeline's end of a gallery.
#[derive(Debug)]
pub struct Painter {
    gallery: Gallery,
    due: Stamp<HostClock>,
    watched_until: Stamp<HostClock>,
    sources: Vec<Source>,
    /// When each camera delivered last, by its number.
    delivered: BTreeMap<usize, Stamp<HostClock>>,
    /// One for each camera while somebody looks.
    canvases: BTreeMap<usize, Canvas>,
}

impl Painter {
    pub(super) fn new(gallery: Gallery) -> Self {
        let start = Stamp::from_micros(i64::MIN);
        Self {
            gallery,
            due: start,
            watched_until: start,
            sources: Vec::new(),
            delivered: BTreeMap::new(),
            canvases: BTreeMap::new(),
        }
    }

    /// From now on pictures are of `sources`; those of others are taken down.
    pub fn begin(&mut self, sources: &[Source]) {
        self.sources = sources.to_vec();
        self.delivered.clear();
        self.canvases.clear();
        self.gallery.clear();
    }

    /// Camera `source` has delivered `batch`. Costs next to nothing unless somebody looks.
    pub fn events(&mut self, source: usize, batch: &EventBatch, now: Stamp<HostClock>) {
        self.delivered.insert(source, now);
        if now < self.watched_until
            && let Some(View::Event(geometry)) = self.sources.get(source).map(|source| &source.view)
        {
            let canvas = self.canvases.entry(source).or_insert_with(|| Canvas::new(*geometry));
            canvas.paint(&batch.events);
        }
    }

    /// True if pictures are due and somebody wants them.
    #[must_use]
    pub fn is_due(&mut self, now: Stamp<HostClock>) -> bool {
        if now < self.due || !self.gallery.was_asked() {
            return false;
        }
        if now >= self.watched_until {
            self.canvases.clear(); // nobody has looked for a while
        }
        self.due = now + PERIOD;
        self.watched_until = now + ATTENTION;
        true
    }

    /// Hangs up `map[rx, range_bin, doppler_bin]` of radar `source`: mean over antennas, near at
    /// the bottom, in steps of 60 dB / 255 below the strongest cell.
    pub fn map(&self, kind: Map, source: usize, map: &ArrayRef3<f32>, scale: MapScale) {
        let picture = match kind {
            Map::RangeDoppler => "range-doppler",
            Map::MicroRangeDoppler => "micro-range-doppler",
        };
        let (_, height, width) = map.dim();
        let scale = Scale::Map(scale);
        self.hang(Header { picture, source: "", width, height, scale }, source, &grey(map));
    }

    /// Hangs up how a chest moved, metres, one value each `step_s` seconds; nothing while no breath
    /// is seen. Each value is a byte between the lowest and the highest.
    pub fn breath(&self, source: usize, moved: &[f64], step_s: f64) {
        let low = moved.iter().copied().fold(f64::INFINITY, f64::min);
        let high = moved.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (low_mm, high_mm) = if moved.is_empty() { (0.0, 0.0) } else { (low * 1e3, high * 1e3) };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of 255; `as` saturates and takes NaN to 0"
        )]
        let byte = |value: &f64| ((value - low) / (high - low) * 255.0).round() as u8;
        let pixels: Vec<u8> = moved.iter().map(byte).collect();
        let scale = Scale::Trace { step_s, low_mm, high_mm };
        let (width, height) = (pixels.len(), 1);
        self.hang(Header { picture: "breath", source: "", width, height, scale }, source, &pixels);
    }

    /// Hangs up what each camera saw that still delivers at `now`, and lets it fade.
    pub fn cameras(&mut self, now: Stamp<HostClock>) {
        for (&number, _) in self.delivered.iter().filter(|(_, then)| now - **then < ATTENTION) {
            let Some(source) = self.sources.get(number) else { continue };
            let View::Event(geometry) = source.view else { continue };
            let canvas = self.canvases.entry(number).or_insert_with(|| Canvas::new(geometry));
            let (width, height) = canvas.size();
            let scale =
                Scale::Sensor { sensor_width: geometry.width, sensor_height: geometry.height };
            let header = Header { picture: "events", source: &source.name, width, height, scale };
            self.gallery.hang(&header, canvas.pixels());
            canvas.fade();
        }
    }

    fn hang(&self, header: Header<'_>, source: usize, pixels: &[u8]) {
        if let Some(source) = self.sources.get(source) {
            self.gallery.hang(&Header { source: &source.name, ..header }, pixels);
        }
    }
}

fn frame(header: &Header<'_>, pixels: &[u8]) -> Vec<u8> {
    // Numbers and words always become JSON.
    let text = serde_json::to_vec(header).unwrap_or_default();
    let length = u32::try_from(text.len()).unwrap_or(0).to_le_bytes();
    [&length[..], &text, pixels].concat()
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;
    use serde_json::Value;

    use super::*;
    use crate::data::{Epoch, Event, Geometry};

    fn painter() -> (Gallery, Painter) {
        let gallery = Gallery::default();
        let mut painter = Painter::new(gallery.clone());
        painter.begin(&[Source {
            name: "camera".to_owned(),
            view: View::Event(Geometry { width: 2, height: 1 }),
            epoch: Epoch::Live,
        }]);
        (gallery, painter)
    }

    fn at(millis: i64) -> Stamp<HostClock> {
        Stamp::from_micros(millis * 1000)
    }

    fn opened(picture: &[u8]) -> (Value, Vec<u8>) {
        let (length, rest) = picture.split_at(4);
        let length = u32::from_le_bytes(length.try_into().unwrap());
        let (header, pixels) = rest.split_at(length.try_into().unwrap());
        (serde_json::from_slice(header).unwrap(), pixels.to_vec())
    }

    #[test]
    fn nothing_is_painted_unless_somebody_asks_and_then_ten_times_a_second() {
        let (gallery, mut painter) = painter();
        assert!(!painter.is_due(at(0)));
        gallery.ask();
        assert!(painter.is_due(at(0)));
        gallery.ask();
        assert!(!painter.is_due(at(99)));
        assert!(painter.is_due(at(100)));
        assert!(!painter.is_due(at(300)), "nobody asked again");
    }

    #[test]
    fn events_are_painted_while_somebody_looks_and_not_a_second_later() {
        let (gallery, mut painter) = painter();
        let batch = EventBatch {
            events: vec![Event { t: 0, x: 1, y: 0, on: true }],
            ..EventBatch::default()
        };
        painter.events(0, &batch, at(0));
        assert!(painter.canvases.is_empty(), "nobody looks");
        gallery.ask();
        assert!(painter.is_due(at(0)));
        painter.cameras(at(0));
        let (_, pixels) = opened(&gallery.newest()[0].1);
        assert_eq!(pixels, [128, 128], "it delivers, and nothing has happened since");
        painter.events(0, &batch, at(999));
        painter.events(0, &batch, at(1_000));
        painter.cameras(at(1_998));
        let (name, picture) = gallery.newest().remove(0);
        let (header, pixels) = opened(&picture);
        assert_eq!(name, "events/camera");
        assert_eq!((header["width"].as_u64(), header["sensor_width"].as_u64()), (Some(2), Some(2)));
        assert_eq!(pixels, [128, 176], "one event and not two");
        painter.cameras(at(2_000));
        assert!(Arc::ptr_eq(&picture, &gallery.newest()[0].1), "the camera delivers no more");
    }

    #[test]
    fn a_map_keeps_its_axes_and_a_breath_its_extent() {
        let (gallery, painter) = painter();
        let scale = MapScale { range_step_m: 0.5, velocity_step_m_s: 0.1, zero_column: 2 };
        painter.map(Map::RangeDoppler, 0, &Array3::from_elem((1, 3, 4), 1.0), scale);
        painter.breath(0, &[0.001, -0.001, 0.0], 0.05);
        let pictures = gallery.newest();
        let (header, pixels) = opened(&pictures[0].1);
        assert_eq!((&header["picture"], &header["low_mm"]), (&"breath".into(), &(-1.0).into()));
        assert_eq!(pixels, [255, 0, 128]);
        let (header, pixels) = opened(&pictures[1].1);
        assert_eq!((&header["range_step_m"], &header["height"]), (&0.5.into(), &3.into()));
        assert_eq!(pixels, [255; 12]);
    }
}
