//! Hot-pixel mask: pixels that fire far more often than the rest say nothing about the scene.

use serde::{Deserialize, Serialize};

use super::OutOfRange;
use crate::data::{Event, Geometry};

/// The `hot-pixels` table: which pixels to mask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct HotPixelConfig {
    /// How long to watch before masking, milliseconds, 0 to 600 000. 0 learns nothing.
    pub learn_ms: u32,
    /// A pixel is hot above this many times the median of the pixels that fired, 2 to 1 000 000.
    pub factor: u32,
    /// A pixel is never hot below this many events while learning, 1 to 1 000 000.
    pub least_events: u32,
    /// Pixels `[x, y]` to mask from the start.
    pub pixels: Vec<[u16; 2]>,
}

impl Default for HotPixelConfig {
    fn default() -> Self {
        Self { learn_ms: 0, factor: 20, least_events: 200, pixels: Vec::new() }
    }
}

impl HotPixelConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// When a value lies outside the range stated at its key.
    pub fn check(&self) -> Result<(), OutOfRange> {
        super::within("learn-ms", self.learn_ms, 0, 600_000)?;
        super::within("factor", self.factor, 2, 1_000_000)?;
        super::within("least-events", self.least_events, 1, 1_000_000)
    }
}

/// Learns once which pixels are hot, then drops their events.
///
/// While it learns, only the pixels named in the config are masked.
#[derive(Debug, Clone)]
pub struct HotPixelMask {
    geometry: Geometry,
    masked: Vec<bool>,
    learning: Option<Learning>,
    factor: u32,
    least_events: u32,
}

#[derive(Debug, Clone)]
struct Learning {
    span: u64,
    start: Option<i64>,
    fired: Vec<u32>,
    scratch: Vec<u32>,
}

impl HotPixelMask {
    /// Plans for a sensor. Allocates 9 bytes per pixel if it is to learn, else 1. Pixels in the
    /// config that lie outside the sensor are ignored.
    #[must_use]
    pub fn plan(config: &HotPixelConfig, geometry: Geometry) -> Self {
        let pixels = usize::from(geometry.width) * usize::from(geometry.height);
        let learning = (config.learn_ms > 0).then(|| Learning {
            span: u64::from(config.learn_ms) * 1000,
            start: None,
            fired: vec![0; pixels],
            scratch: Vec::with_capacity(pixels),
        });
        let mut mask = Self {
            geometry,
            masked: vec![false; pixels],
            learning,
            factor: config.factor,
            least_events: config.least_events,
        };
        for &[x, y] in &config.pixels {
            if let Some(index) = mask.index(x, y) {
                mask.masked[index] = true;
            }
        }
        mask
    }

    /// True if `event` is to be kept. An event outside the sensor is not.
    ///
    /// Learning runs from the earliest time seen; a step back in time moves that start and keeps
    /// what was counted.
    #[must_use]
    pub fn keeps(&mut self, event: Event) -> bool {
        let Some(index) = self.index(event.x, event.y) else { return false };
        if self.learning.as_mut().is_some_and(|learning| learning.is_over(event.t)) {
            self.finish_learning();
        }
        if let Some(learning) = &mut self.learning {
            learning.fired[index] = learning.fired[index].saturating_add(1);
        }
        !self.masked[index]
    }

    /// True until the learning span is over.
    #[must_use]
    pub const fn is_learning(&self) -> bool {
        self.learning.is_some()
    }

    /// Masked pixels as `(x, y)`, row by row: what to write into the config to fix the list.
    pub fn pixels(&self) -> impl Iterator<Item = (u16, u16)> + '_ {
        let Geometry { width, height } = self.geometry;
        (0..height)
            .flat_map(move |y| (0..width).map(move |x| (x, y)))
            .zip(&self.masked)
            .filter_map(|(pixel, &masked)| masked.then_some(pixel))
    }

    fn index(&self, x: u16, y: u16) -> Option<usize> {
        let Geometry { width, height } = self.geometry;
        (x < width && y < height).then(|| usize::from(y) * usize::from(width) + usize::from(x))
    }

    fn finish_learning(&mut self) {
        let Some(mut learning) = self.learning.take() else { return };
        let limit = u64::from(self.factor) * u64::from(learning.median());
        for (masked, &fired) in self.masked.iter_mut().zip(&learning.fired) {
            *masked |= fired >= self.least_events && u64::from(fired) > limit;
        }
    }
}

impl Learning {
    fn is_over(&mut self, t: i64) -> bool {
        let start = self.start.get_or_insert(t);
        *start = t.min(*start);
        t.abs_diff(*start) >= self.span
    }

    /// Median count of the pixels that fired: most pixels of a still scene never do.
    fn median(&mut self) -> u32 {
        self.scratch.extend(self.fired.iter().copied().filter(|&n| n > 0));
        let middle = self.scratch.len() / 2;
        if self.scratch.is_empty() { 0 } else { *self.scratch.select_nth_unstable(middle).1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::event::testing::{SMALL, event};

    const LEARN: HotPixelConfig =
        HotPixelConfig { learn_ms: 10, factor: 5, least_events: 20, pixels: Vec::new() };

    #[test]
    fn the_pixel_that_fires_all_the_time_is_masked_and_the_rest_is_not() {
        let mut mask = HotPixelMask::plan(&LEARN, SMALL);
        for (t, i) in (0..10_000).zip(0u16..) {
            assert!(mask.keeps(event(t, i % 7, i / 7 % 5, true)));
            if t % 3 == 0 {
                assert!(mask.keeps(event(t, 9, 9, t % 2 == 0)));
            }
        }
        assert!(mask.is_learning());
        assert!(!mask.keeps(event(10_000, 9, 9, true)));
        assert!(mask.keeps(event(10_000, 1, 1, true)));
        assert!(!mask.is_learning());
        assert_eq!(mask.pixels().collect::<Vec<_>>(), [(9, 9)]);
    }

    #[test]
    fn a_few_events_make_no_pixel_hot() {
        let mut mask = HotPixelMask::plan(&LEARN, SMALL);
        (0..19).for_each(|t| assert!(mask.keeps(event(t, 9, 9, true))));
        (0..9).for_each(|x| assert!(mask.keeps(event(30, x, 1, true))));
        assert!(mask.keeps(event(10_000, 9, 9, true)));
        assert_eq!(mask.pixels().count(), 0);
    }

    #[test]
    fn a_fixed_list_needs_no_learning_and_ignores_pixels_off_the_sensor() {
        let pixels = vec![[2, 3], [SMALL.width, 0], [0, u16::MAX]];
        let config = HotPixelConfig { pixels, ..HotPixelConfig::default() };
        let mut mask = HotPixelMask::plan(&config, SMALL);
        assert!(!mask.is_learning());
        assert!(!mask.keeps(event(0, 2, 3, true)));
        assert!(mask.keeps(event(0, 3, 2, true)));
        assert!(!mask.keeps(event(0, SMALL.width, 0, true)));
        assert_eq!(mask.pixels().collect::<Vec<_>>(), [(2, 3)]);
    }

    #[test]
    fn times_at_both_ends_of_i64_end_the_learning_without_overflow() {
        let mut mask = HotPixelMask::plan(&LEARN, SMALL);
        assert!(mask.keeps(event(i64::MAX, 1, 1, true)));
        assert!(mask.keeps(event(i64::MIN, 1, 1, true)));
        assert!(mask.is_learning());
        assert!(mask.keeps(event(i64::MAX, 1, 1, true)));
        assert!(!mask.is_learning());
    }
}
