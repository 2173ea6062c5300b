//! When each pixel last fired, with a border so that neighbours need no bounds check.

use crate::data::{Event, Geometry};

/// Times before this one are taken for this one, so that "never" lies further from every real time
/// than any span of 32 bits.
const EARLIEST: i64 = i64::MIN + (1 << 33);
const NEVER: i64 = i64::MIN;

/// Last time of every pixel, in a map with one extra pixel on each side.
///
/// Shapes: `times[(height + 2) * (width + 2)]`, row by row.
#[derive(Debug, Clone)]
pub(super) struct PixelTimes {
    times: Vec<i64>,
    geometry: Geometry,
    stride: usize,
}

impl PixelTimes {
    /// A map in which no pixel has fired yet. Allocates 8 bytes per pixel.
    pub(super) fn new(geometry: Geometry) -> Self {
        let stride = usize::from(geometry.width) + 2;
        let rows = usize::from(geometry.height) + 2;
        Self { times: vec![NEVER; stride * rows], geometry, stride }
    }

    /// Where the pixel of `event` lies in the map, or `None` outside the sensor.
    pub(super) const fn index(&self, event: Event) -> Option<usize> {
        if event.x >= self.geometry.width || event.y >= self.geometry.height {
            return None;
        }
        // `as` because `From` is not const; widening from u16 loses nothing.
        Some((event.y as usize + 1) * self.stride + event.x as usize + 1)
    }

    /// Notes that the pixel at `index` fired at `t`.
    pub(super) fn set(&mut self, index: usize, t: i64) {
        self.times[index] = t.max(EARLIEST);
    }

    /// True if the pixel at `index` fired less than `span` from `t`, on either side.
    pub(super) fn fired_within(&self, index: usize, t: i64, span: u32) -> bool {
        self.times[index].abs_diff(t.max(EARLIEST)) < u64::from(span)
    }

    /// True if one of the eight neighbours of `index` fired at most `span` from `t`, on either
    /// side.
    ///
    /// Both sides, because a camera that steps back by some microseconds still saw them together.
    pub(super) fn neighbour_fired_within(&self, index: usize, t: i64, span: u32) -> bool {
        let t = t.max(EARLIEST);
        let span = u64::from(span);
        let near = |time: i64| time.abs_diff(t) <= span;
        let row = |middle: usize| &self.times[middle - 1..middle + 2];
        let here = row(index);
        // `|`, not `||`: half of the answers are yes, and a branch guessed wrong costs more than
        // all eight comparisons.
        let any = |row: &[i64]| row.iter().fold(false, |any, &time| any | near(time));
        near(here[0])
            | near(here[2])
            | any(row(index - self.stride))
            | any(row(index + self.stride))
    }
}
