//! Time surface: how recently each pixel fired, fading exponentially.

use ndarray::ArrayRef3;

use crate::data::{Event, Geometry};

/// `exp(-(t - t_last) / tau)` per polarity and pixel.
///
/// Lagorce et al., "HOTS", TPAMI 2017.
#[derive(Debug, Clone)]
pub struct TimeSurface {
    geometry: Geometry,
    /// Last time per polarity and pixel, in the order of the surface.
    last: Vec<Option<i64>>,
    tau: f32,
}

impl TimeSurface {
    /// Plans for a sensor; `tau_us` in microseconds (0 is taken for 1). Allocates 32 bytes per
    /// pixel.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a tau of 16 s and more loses a microsecond")]
    pub fn plan(tau_us: u32, geometry: Geometry) -> Self {
        let pixels = usize::from(geometry.width) * usize::from(geometry.height);
        Self { geometry, last: vec![None; 2 * pixels], tau: tau_us.max(1) as f32 }
    }

    /// Takes one event; false if it lies outside the sensor. The last event counts, even one that
    /// stepped back in time.
    pub fn push(&mut self, event: Event) -> bool {
        let Geometry { width, height } = self.geometry;
        if event.x >= width || event.y >= height {
            return false;
        }
        let row = usize::from(event.on) * usize::from(height) + usize::from(event.y);
        self.last[row * usize::from(width) + usize::from(event.x)] = Some(event.t);
        true
    }

    /// The surface as seen at `now`.
    ///
    /// Shapes: `surface[polarity 2, row, column]` out, OFF is 0 and ON is 1. Values are 0 (never
    /// fired) to 1 (fired at `now`; also for an event later than `now`).
    ///
    /// # Panics
    /// When `surface` has another shape than two times the sensor.
    pub fn run(&self, now: i64, surface: &mut ArrayRef3<f32>) {
        let Geometry { width, height } = self.geometry;
        let shape = (2, usize::from(height), usize::from(width));
        assert_eq!(surface.dim(), shape, "surface has the wrong shape");
        for (value, last) in surface.iter_mut().zip(&self.last) {
            *value = last.map_or(0.0, |last| self.faded(now.saturating_sub(last).max(0)));
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "an age of 16 s has faded long ago")]
    fn faded(&self, age: i64) -> f32 {
        (-(age as f32) / self.tau).exp()
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::*;
    use crate::dsp::event::testing::{SMALL, event};

    fn surface(events: &[Event], now: i64) -> Array3<f32> {
        let mut kernel = TimeSurface::plan(10_000, SMALL);
        events.iter().for_each(|&e| assert!(kernel.push(e)));
        let mut out = Array3::from_elem((2, 10, 12), f32::NAN);
        kernel.run(now, &mut out);
        out
    }

    #[test]
    fn an_event_one_tau_ago_has_faded_to_one_over_e_in_its_own_polarity() {
        let out = surface(&[event(0, 3, 2, false), event(5_000, 3, 2, true)], 10_000);
        // one f32 rounding each in the quotient and in exp
        assert!((out[[0, 2, 3]] - (-1.0f32).exp()).abs() < 1e-7);
        assert!((out[[1, 2, 3]] - (-0.5f32).exp()).abs() < 1e-7);
        assert!((out.sum() - out[[0, 2, 3]] - out[[1, 2, 3]]).abs() < 1e-7);
    }

    #[test]
    fn the_latest_event_of_a_pixel_decides() {
        let out = surface(&[event(0, 3, 2, true), event(9_000, 3, 2, true)], 9_000);
        assert_eq!(out[[1, 2, 3]].to_bits(), 1.0f32.to_bits());
    }

    #[test]
    fn times_at_both_ends_of_i64_give_values_between_0_and_1() {
        let ends = [event(i64::MIN, 0, 0, true), event(i64::MAX, 1, 0, true)];
        for now in [i64::MIN, 0, i64::MAX] {
            assert!(surface(&ends, now).iter().all(|v| (0.0..=1.0).contains(v)));
        }
    }
}
