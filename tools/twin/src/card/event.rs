//! Figures of an event recording that the twin is held to.

use visaged::data::{Event, Geometry};

use crate::number::real;

/// Pixels along the side of a block.
const BLOCK: usize = 40;

/// What an event recording of a moving face looks like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EventFigures {
    /// Mean, million events a second.
    pub rate: f64,
    /// Of the busiest 10 ms, million events a second.
    pub peak: f64,
    /// Share of ON events.
    pub on: f64,
    /// Median over the quietest quarter of blocks of 40 x 40 pixels, events per pixel and second.
    pub quiet_rate: f64,
    /// Share of ON events in those blocks.
    pub quiet_on: f64,
    /// Share of pixels without any event.
    pub silent: f64,
}

/// Measures `events`, which must be in order of time.
#[must_use]
pub fn measure(events: &[Event], geometry: Geometry) -> EventFigures {
    let (width, height) = (usize::from(geometry.width), usize::from(geometry.height));
    let blocks_across = width / BLOCK;
    let mut blocks = vec![(0_usize, 0_usize); blocks_across * (height / BLOCK)];
    let mut fired = vec![false; width * height];
    let mut tens = vec![0_usize; 1];
    let first = events.first().map_or(0, |event| event.t);
    let last = events.last().map_or(first, |event| event.t);
    let seconds = seconds(last - first);
    for event in events {
        let (x, y) = (usize::from(event.x), usize::from(event.y));
        fired[y * width + x] = true;
        if let Some((count, on)) = blocks.get_mut(y / BLOCK * blocks_across + x / BLOCK) {
            *count += 1;
            *on += usize::from(event.on);
        }
        let ten = usize::try_from((event.t - first) / 10_000).unwrap_or(0);
        tens.resize(tens.len().max(ten + 1), 0);
        tens[ten] += 1;
    }
    blocks.sort_unstable();
    let quiet = &blocks[..blocks.len() / 4];
    let area = real(BLOCK * BLOCK);
    let (quiet_count, quiet_on) =
        quiet.iter().fold((0, 0), |(all, ons), (count, on)| (all + count, ons + on));
    let on = events.iter().filter(|event| event.on).count();
    EventFigures {
        rate: 1e-6 * real(events.len()) / seconds,
        peak: 1e-4 * real(tens.iter().copied().max().unwrap_or(0)),
        on: real(on) / real(events.len()),
        quiet_rate: real(quiet[quiet.len() / 2].0) / area / seconds,
        quiet_on: real(quiet_on) / real(quiet_count),
        silent: real(fired.iter().filter(|fired| !**fired).count()) / real(fired.len()),
    }
}

fn seconds(micros: i64) -> f64 {
    real(usize::try_from(micros).unwrap_or(0)) / 1e6
}
