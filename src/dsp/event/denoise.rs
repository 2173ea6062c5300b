//! The noise filters in the order in which they are cheapest and do each other no harm.

use serde::{Deserialize, Serialize};

use super::{BackgroundActivity, HotPixelConfig, HotPixelMask, OutOfRange, Refractory};
use crate::data::{Event, Geometry};

/// The `denoise` table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct DenoiseConfig {
    /// Span in which a neighbour must have fired, microseconds, 0 to 1 000 000. 0 switches the
    /// background-activity filter off.
    pub background_activity_us: u32,
    /// Span in which a pixel that fired stays deaf, microseconds, 0 to 1 000 000. 0 is off.
    pub refractory_us: u32,
    /// Pixels that fire all the time.
    pub hot_pixels: HotPixelConfig,
}

impl Default for DenoiseConfig {
    fn default() -> Self {
        Self {
            background_activity_us: 5_000,
            refractory_us: 0,
            hot_pixels: HotPixelConfig::default(),
        }
    }
}

impl DenoiseConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// When a value lies outside the range stated at its key.
    pub fn check(&self) -> Result<(), OutOfRange> {
        super::within("background-activity-us", self.background_activity_us, 0, 1_000_000)?;
        super::within("refractory-us", self.refractory_us, 0, 1_000_000)?;
        self.hot_pixels.check()
    }
}

/// What the filters did since they were planned. `seen` is the sum of the next five.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct DenoiseCounts {
    /// Events offered.
    pub seen: u64,
    /// Events kept.
    pub kept: u64,
    /// Events outside the sensor.
    pub outside: u64,
    /// Events of masked pixels.
    pub hot: u64,
    /// Events within the refractory period.
    pub refractory: u64,
    /// Events without a neighbour.
    pub background: u64,
    /// Events earlier than the one before them; also in one of the rows above.
    pub stepped_back: u64,
}

/// Hot-pixel mask, then refractory period, then background activity.
///
/// The mask comes first so that a hot pixel is no witness for its neighbours.
#[derive(Debug, Clone)]
pub struct Denoise {
    geometry: Geometry,
    hot_pixels: HotPixelMask,
    refractory: Option<Refractory>,
    background: Option<BackgroundActivity>,
    previous: i64,
    counts: DenoiseCounts,
}

impl Denoise {
    /// Plans for a sensor. Allocates up to 25 bytes per pixel.
    #[must_use]
    pub fn plan(config: &DenoiseConfig, geometry: Geometry) -> Self {
        let DenoiseConfig { background_activity_us, refractory_us, .. } = *config;
        Self {
            geometry,
            hot_pixels: HotPixelMask::plan(&config.hot_pixels, geometry),
            refractory: (refractory_us > 0).then(|| Refractory::plan(refractory_us, geometry)),
            background: (background_activity_us > 0)
                .then(|| BackgroundActivity::plan(background_activity_us, geometry)),
            previous: i64::MIN,
            counts: DenoiseCounts::default(),
        }
    }

    /// Removes noise from `events` in place, keeping their order.
    pub fn run(&mut self, events: &mut Vec<Event>) {
        events.retain(|&event| self.keeps(event));
    }

    /// True if `event` is to be kept.
    #[must_use]
    pub fn keeps(&mut self, event: Event) -> bool {
        self.counts.seen += 1;
        if event.t < self.previous {
            self.counts.stepped_back += 1;
        }
        self.previous = event.t;
        let counts = &mut self.counts;
        let reason = if event.x >= self.geometry.width || event.y >= self.geometry.height {
            &mut counts.outside
        } else if !self.hot_pixels.keeps(event) {
            &mut counts.hot
        } else if self.refractory.as_mut().is_some_and(|filter| !filter.keeps(event)) {
            &mut counts.refractory
        } else if self.background.as_mut().is_some_and(|filter| !filter.keeps(event)) {
            &mut counts.background
        } else {
            counts.kept += 1;
            return true;
        };
        *reason += 1;
        false
    }

    /// What happened since planning.
    #[must_use]
    pub const fn counts(&self) -> DenoiseCounts {
        self.counts
    }

    /// The masked pixels.
    #[must_use]
    pub const fn hot_pixels(&self) -> &HotPixelMask {
        &self.hot_pixels
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dsp::event::testing::{SMALL, any_events, event, splits};

    fn all_on() -> DenoiseConfig {
        DenoiseConfig {
            background_activity_us: 20,
            refractory_us: 3,
            hot_pixels: HotPixelConfig {
                learn_ms: 1,
                factor: 2,
                least_events: 2,
                pixels: vec![[1, 1]],
            },
        }
    }

    #[test]
    fn a_hot_pixel_is_no_witness_for_its_neighbours() {
        let mut denoise = Denoise::plan(&all_on(), SMALL);
        assert!(!denoise.keeps(event(0, 1, 1, true)));
        assert!(!denoise.keeps(event(1, 2, 1, true)));
        assert_eq!(denoise.counts().hot, 1);
        assert_eq!(denoise.counts().background, 1);
    }

    #[test]
    fn defaults_are_within_their_own_ranges_and_a_second_is_the_limit() {
        DenoiseConfig::default().check().unwrap();
        let long = DenoiseConfig { refractory_us: 1_000_001, ..DenoiseConfig::default() };
        assert_eq!(long.check().unwrap_err().key, "refractory-us");
    }

    #[test]
    fn an_event_off_the_sensor_is_counted_and_harms_nothing() {
        let mut denoise = Denoise::plan(&all_on(), SMALL);
        assert!(!denoise.keeps(event(i64::MIN, u16::MAX, u16::MAX, true)));
        assert!(!denoise.keeps(event(i64::MAX, SMALL.width, 0, true)));
        assert_eq!(denoise.counts().outside, 2);
    }

    proptest! {
        #[test]
        fn any_split_of_the_stream_keeps_the_same_events(events in any_events(), cuts in splits()) {
            let mut whole = events.clone();
            let mut denoise = Denoise::plan(&all_on(), SMALL);
            denoise.run(&mut whole);
            let mut pieces = Vec::new();
            let mut other = Denoise::plan(&all_on(), SMALL);
            for batch in cuts.of(&events) {
                let mut batch = batch.to_vec();
                other.run(&mut batch);
                pieces.extend(batch);
            }
            prop_assert_eq!(whole, pieces);
            prop_assert_eq!(denoise.counts(), other.counts());
        }

        #[test]
        fn every_event_has_exactly_one_fate(events in any_events()) {
            let mut denoise = Denoise::plan(&all_on(), SMALL);
            let kept = events.iter().filter(|&&e| denoise.keeps(e)).count() as u64;
            let c = denoise.counts();
            prop_assert_eq!(c.kept, kept);
            prop_assert_eq!(c.seen, c.kept + c.outside + c.hot + c.refractory + c.background);
        }
    }
}
