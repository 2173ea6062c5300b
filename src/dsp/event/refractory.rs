//! Refractory period: a pixel that just fired is deaf for a while.

use super::pixel_times::PixelTimes;
use crate::data::{Event, Geometry};

/// Drops an event if its pixel's last KEPT event is less than `period` away.
///
/// Measured from the last kept event, as in the pixel's own circuit: a pixel that never rests
/// still gets through once per period.
#[derive(Debug, Clone)]
pub struct Refractory {
    last: PixelTimes,
    period: u32,
}

impl Refractory {
    /// Plans for a sensor; `period` in microseconds, 0 keeps everything inside the sensor.
    /// Allocates 8 bytes per pixel.
    #[must_use]
    pub fn plan(period: u32, geometry: Geometry) -> Self {
        Self { last: PixelTimes::new(geometry), period }
    }

    /// True if `event` is to be kept. An event outside the sensor is not.
    ///
    /// An event up to one period BEFORE the last kept one is dropped too; one that is further
    /// back means that the clock restarted, and is kept.
    #[must_use]
    pub fn keeps(&mut self, event: Event) -> bool {
        let Some(index) = self.last.index(event) else { return false };
        let rested = !self.last.fired_within(index, event.t, self.period);
        if rested {
            self.last.set(index, event.t);
        }
        rested
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dsp::event::testing::{SMALL, any_events, event};

    #[test]
    fn a_pixel_that_never_rests_gets_through_once_per_period() {
        let mut filter = Refractory::plan(10, SMALL);
        let kept: Vec<i64> = (0..35).filter(|&t| filter.keeps(event(t, 1, 1, true))).collect();
        assert_eq!(kept, [0, 10, 20, 30]);
    }

    #[test]
    fn a_clock_that_restarted_does_not_silence_the_pixel() {
        let mut filter = Refractory::plan(10, SMALL);
        assert!(filter.keeps(event(1_000_000, 1, 1, true)));
        assert!(!filter.keeps(event(999_995, 1, 1, true)));
        assert!(filter.keeps(event(0, 1, 1, true)));
    }

    proptest! {
        #[test]
        fn a_period_of_zero_keeps_every_event(events in any_events()) {
            let mut filter = Refractory::plan(0, SMALL);
            prop_assert!(events.iter().all(|&e| filter.keeps(e)));
        }

        #[test]
        fn two_kept_events_of_a_pixel_in_a_row_are_a_period_apart(events in any_events(), period in 1u32..60) {
            let mut filter = Refractory::plan(period, SMALL);
            let kept: Vec<Event> = events.iter().copied().filter(|&e| filter.keeps(e)).collect();
            for (i, e) in kept.iter().enumerate() {
                let before = kept[..i].iter().rev().find(|b| (b.x, b.y) == (e.x, e.y));
                prop_assert!(before.is_none_or(|b| b.t.abs_diff(e.t) >= u64::from(period)));
            }
        }
    }
}
