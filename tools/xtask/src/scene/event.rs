//! The scene as an event camera sees it: a moving luminance field and a contrast threshold.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use visaged::data::{Event, Geometry};
use visaged::sensor::evt::write;

use super::noise::Noise;
use super::visitor::{self, Pose};

const GEOMETRY: Geometry = Geometry { width: 320, height: 320 };
/// Time between two renderings, microseconds.
const STEP: i64 = 2_000;
/// Change of log luminance that makes an event.
const THRESHOLD: f64 = 0.35;
/// Background activity per pixel, events per second.
const BACKGROUND: f64 = 0.02;

pub(super) fn write(file: &Path) -> Result<()> {
    let bytes = write::raw(GEOMETRY, &events())?;
    fs::write(file, bytes).with_context(|| format!("cannot write {}", file.display()))
}

fn events() -> Vec<Event> {
    let mut noise = Noise::seeded(61);
    let pixels = usize::from(GEOMETRY.width) * usize::from(GEOMETRY.height);
    let mut remembered: Vec<f64> = Vec::new();
    let mut events = Vec::new();
    #[expect(clippy::cast_possible_truncation, reason = "15 s in microseconds")]
    let end = (super::SECONDS * 1e6) as i64;
    for t in (0..end).step_by(usize::try_from(STEP).unwrap_or(1)) {
        #[expect(clippy::cast_precision_loss, reason = "15 s in microseconds")]
        let pose = visitor::at(t as f64 / 1e6);
        let image = Image::of(&pose);
        let start = events.len();
        for y in 0..GEOMETRY.height {
            for x in 0..GEOMETRY.width {
                let now = image.log_luminance(f64::from(x), f64::from(y));
                let at = usize::from(y) * usize::from(GEOMETRY.width) + usize::from(x);
                if remembered.len() < pixels {
                    remembered.push(now);
                    continue;
                }
                let change = now - remembered[at];
                if change.abs() >= THRESHOLD {
                    remembered[at] = now;
                    events.push(Event { t: within(t, &mut noise), x, y, on: change > 0.0 });
                }
            }
        }
        background(t, &mut noise, &mut events);
        events[start..].sort_by_key(|event| event.t);
    }
    events
}

fn within(t: i64, noise: &mut Noise) -> i64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a step")]
    let late = (noise.uniform() * STEP as f64) as i64;
    t + late
}

fn background(t: i64, noise: &mut Noise, events: &mut Vec<Event>) {
    #[expect(clippy::cast_precision_loss, reason = "a step")]
    let seconds = STEP as f64 / 1e6;
    let mean = BACKGROUND * f64::from(GEOMETRY.width) * f64::from(GEOMETRY.height) * seconds;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few")]
    let count = (mean + noise.uniform()).floor() as usize;
    for _ in 0..count {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below 320")]
        let mut pixel = |size: u16| (noise.uniform() * f64::from(size)) as u16;
        let (x, y) = (pixel(GEOMETRY.width), pixel(GEOMETRY.height));
        events.push(Event { t: within(t, noise), x, y, on: noise.uniform() < 0.5 });
    }
}

/// A face of soft ellipses on a grey wall.
struct Image {
    blobs: Vec<Blob>,
}

/// A soft-edged ellipse that multiplies the luminance inside.
struct Blob {
    x: f64,
    y: f64,
    half_width: f64,
    half_height: f64,
    log_gain: f64,
}

impl Image {
    fn of(pose: &Pose) -> Self {
        let Some(range) = pose.range else { return Self { blobs: Vec::new() } };
        let scale = 0.32 / range;
        let (cx, cy) = (160.0 + pose.sway.0, 165.0 + pose.sway.1);
        let part = |dx: f64, dy: f64, half_width: f64, half_height: f64, log_gain: f64| Blob {
            x: cx + dx * scale,
            y: cy + dy * scale,
            half_width: half_width * scale,
            half_height: half_height.max(1.0) * scale,
            log_gain,
        };
        let lid = 7.0 * (1.0 - pose.blink) * (1.0 + 0.3 * pose.shock);
        let brow = -32.0 - 9.0 * pose.shock + 6.0 * pose.anger;
        let brow_x = 26.0 - 5.0 * pose.anger;
        let mouth = (20.0 + 10.0 * pose.smile - 5.0 * pose.shock, 4.0 + 14.0 * pose.shock);
        Self {
            blobs: vec![
                part(0.0, 0.0, 68.0, 90.0, 0.9),
                part(-26.0, -18.0, 12.0, lid, -0.9),
                part(26.0, -18.0, 12.0, lid, -0.9),
                part(-brow_x, brow, 16.0, 4.0, -0.8),
                part(brow_x, brow, 16.0, 4.0, -0.8),
                part(0.0, 12.0, 8.0, 16.0, -0.3),
                part(0.0, 44.0 + 5.0 * pose.shock, mouth.0, mouth.1, -0.9),
            ],
        }
    }

    fn log_luminance(&self, x: f64, y: f64) -> f64 {
        self.blobs
            .iter()
            .map(|blob| {
                let (u, v) = ((x - blob.x) / blob.half_width, (y - blob.y) / blob.half_height);
                // Edges about three pixels wide.
                let outside =
                    ((u * u + v * v).sqrt() - 1.0) * blob.half_height.min(blob.half_width);
                blob.log_gain * (0.5 - outside / 3.0).clamp(0.0, 1.0)
            })
            .sum()
    }
}
