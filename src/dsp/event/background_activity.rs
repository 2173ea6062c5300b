//! Background-activity filter: a real edge moves across neighbours, noise fires alone.

use super::pixel_times::PixelTimes;
use crate::data::{Event, Geometry};

/// Keeps an event if one of the eight pixels around it fired within `tau`.
///
/// Delbruck, "Frame-free dynamic digital vision", 2008. The pixel itself does not count as its own
/// witness: a hot pixel would confirm itself. Dropped events still witness for later ones, so the
/// second event of a new edge passes.
#[derive(Debug, Clone)]
pub struct BackgroundActivity {
    last: PixelTimes,
    tau: u32,
}

impl BackgroundActivity {
    /// Plans for a sensor; `tau` in microseconds. Allocates 8 bytes per pixel.
    #[must_use]
    pub fn plan(tau: u32, geometry: Geometry) -> Self {
        Self { last: PixelTimes::new(geometry), tau }
    }

    /// True if `event` is to be kept. An event outside the sensor is not.
    ///
    /// Where time stepped back, a neighbour that fired up to `tau` later is a witness too; one
    /// that fired in a far future is not.
    #[must_use]
    pub fn keeps(&mut self, event: Event) -> bool {
        let Some(index) = self.last.index(event) else { return false };
        self.last.set(index, event.t);
        self.last.neighbour_fired_within(index, event.t, self.tau)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dsp::event::testing::{SMALL, any_events, event};

    /// Looks through the whole past instead of a map.
    fn slow_twin(events: &[Event], tau: u32) -> Vec<bool> {
        let latest = |before: &[Event], x: i32, y: i32| {
            before.iter().rev().find(|e| i32::from(e.x) == x && i32::from(e.y) == y).map(|e| e.t)
        };
        let around = [(-1, -1), (0, -1), (1, -1), (-1, 0), (1, 0), (-1, 1), (0, 1), (1, 1)];
        events
            .iter()
            .enumerate()
            .map(|(i, e)| {
                around.iter().any(|&(dx, dy)| {
                    latest(&events[..i], i32::from(e.x) + dx, i32::from(e.y) + dy)
                        .is_some_and(|t| (i128::from(t) - i128::from(e.t)).abs() <= i128::from(tau))
                })
            })
            .collect()
    }

    #[test]
    fn a_lone_event_goes_and_its_neighbour_within_tau_stays() {
        let mut filter = BackgroundActivity::plan(5_000, SMALL);
        assert!(!filter.keeps(event(0, 3, 3, true)));
        assert!(filter.keeps(event(5_000, 4, 4, false)));
        assert!(!filter.keeps(event(10_001, 5, 5, false)));
    }

    #[test]
    fn a_pixel_is_no_witness_for_itself() {
        let mut filter = BackgroundActivity::plan(5_000, SMALL);
        assert!((0..100).all(|t| !filter.keeps(event(t, 3, 3, true))));
    }

    #[test]
    fn opposite_edges_of_the_sensor_are_not_neighbours() {
        let mut filter = BackgroundActivity::plan(5_000, SMALL);
        assert!(!filter.keeps(event(0, SMALL.width - 1, 2, true)));
        assert!(!filter.keeps(event(1, 0, 3, true)));
        assert!(!filter.keeps(event(2, 5, SMALL.height - 1, true)));
        assert!(!filter.keeps(event(3, 5, 0, true)));
    }

    #[test]
    fn the_ends_of_time_are_not_within_tau_of_never() {
        for t in [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX] {
            let mut filter = BackgroundActivity::plan(u32::MAX, SMALL);
            assert!(!filter.keeps(event(t, 3, 3, true)), "{t}");
            assert!(filter.keeps(event(t, 3, 4, true)), "{t}");
        }
    }

    proptest! {
        #[test]
        fn the_map_agrees_with_a_search_through_the_past(events in any_events(), tau in 0u32..60) {
            let mut filter = BackgroundActivity::plan(tau, SMALL);
            let kept: Vec<bool> = events.iter().map(|&e| filter.keeps(e)).collect();
            prop_assert_eq!(kept, slow_twin(&events, tau));
        }
    }
}
