//! Temporal binary representation: did the pixel fire in each of the last N slices, as one number.

use ndarray::ArrayRef2;

use crate::data::{Event, Geometry};

/// The last [`SLICES`](Self::SLICES) slices of every pixel, one bit each.
///
/// Innocenti et al., "Temporal binary representation for event-based action recognition", ICPR
/// 2020; used with NEFER and FACEMORPHIC. Slices lie on multiples of their length, so the events'
/// order within the window does not matter. Cost is one shift per event, whatever the sensor's
/// size.
#[derive(Debug, Clone)]
pub struct Tbr {
    geometry: Geometry,
    length: i64,
    /// Newest slice of each pixel, and its slices as bits: the newest is the highest.
    history: Vec<(i64, u16)>,
}

impl Tbr {
    /// Slices in a frame.
    pub const SLICES: u32 = u16::BITS;
    const NEWEST: u16 = 1 << (u16::BITS - 1);

    /// Plans for a sensor and slices of `slice_us` microseconds (0 is taken for 1). Allocates 16
    /// bytes per pixel.
    #[must_use]
    pub fn plan(slice_us: u32, geometry: Geometry) -> Self {
        let pixels = usize::from(geometry.width) * usize::from(geometry.height);
        Self { geometry, length: i64::from(slice_us.max(1)), history: vec![(i64::MIN, 0); pixels] }
    }

    /// Takes one event; false if it lies outside the sensor.
    ///
    /// After a step back in time the event sets the bit of its own slice, if that slice is still
    /// remembered.
    pub fn push(&mut self, event: Event) -> bool {
        let Geometry { width, height } = self.geometry;
        if event.x >= width || event.y >= height {
            return false;
        }
        let slice = event.t.div_euclid(self.length);
        let index = usize::from(event.y) * usize::from(width) + usize::from(event.x);
        let (newest, bits) = &mut self.history[index];
        if slice >= *newest {
            *bits = aged(*bits, slice.abs_diff(*newest)) | Self::NEWEST;
            *newest = slice;
        } else {
            *bits |= aged(Self::NEWEST, newest.abs_diff(slice));
        }
        true
    }

    /// The frame of the 16 whole slices before `end`.
    ///
    /// Shapes: `frame[row, column]` out, of the sensor's size. Each value is
    /// `sum_i b_i 2^i / (2^16 - 1)`, 0 to 1, with `b_15` the newest slice.
    ///
    /// Push no event of a later slice first: it ages the pixel's older slices out.
    ///
    /// # Panics
    /// When `frame` has another shape than the sensor.
    pub fn run(&self, end: i64, frame: &mut ArrayRef2<f32>) {
        let shape = (usize::from(self.geometry.height), usize::from(self.geometry.width));
        assert_eq!(frame.dim(), shape, "frame has the wrong shape");
        let last = end.div_euclid(self.length).saturating_sub(1);
        for (value, &(newest, bits)) in frame.iter_mut().zip(&self.history) {
            let bits = if newest <= last {
                aged(bits, last.abs_diff(newest))
            } else {
                later(bits, newest.abs_diff(last))
            };
            *value = f32::from(bits) / f32::from(u16::MAX);
        }
    }
}

/// `bits` seen `slices` later; everything is forgotten after 16.
fn aged(bits: u16, slices: u64) -> u16 {
    u32::try_from(slices).ok().and_then(|n| bits.checked_shr(n)).unwrap_or(0)
}

/// `bits` as they were `slices` earlier, as far as they are remembered.
fn later(bits: u16, slices: u64) -> u16 {
    u32::try_from(slices).ok().and_then(|n| bits.checked_shl(n)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::*;
    use crate::dsp::event::testing::{SMALL, any_events, event};

    const SHAPE: (usize, usize) = (10, 12);

    #[test]
    fn the_newest_slice_weighs_half_and_the_oldest_next_to_nothing() {
        let mut tbr = Tbr::plan(4_000, SMALL);
        assert!(tbr.push(event(0, 1, 0, true)));
        assert!(tbr.push(event(63_999, 2, 0, false)));
        let mut frame = Array2::zeros(SHAPE);
        tbr.run(64_000, &mut frame);
        let full = f64::from(u16::MAX);
        assert!((f64::from(frame[[0, 1]]) - 1.0 / full).abs() < 1e-9);
        // one f32 rounding of a value near 0.5
        assert!((f64::from(frame[[0, 2]]) - 32_768.0 / full).abs() < 6e-8);
        assert!(!tbr.push(event(0, 12, 0, true)));
    }

    /// Slices of every pixel from the whole list of events.
    fn slow_twin(events: &[Event], length: i128, end: i64) -> Array2<f32> {
        let last = i128::from(end).div_euclid(length) - 1;
        Array2::from_shape_fn(SHAPE, |(y, x)| {
            let fired = |slice: i128| {
                events.iter().any(|e| {
                    (usize::from(e.x), usize::from(e.y)) == (x, y)
                        && i128::from(e.t).div_euclid(length) == slice
                })
            };
            let number: u16 = (0..16).map(|i| u16::from(fired(last - 15 + i)) << i).sum();
            f32::from(number) / 65_535.0
        })
    }

    proptest! {
        #[test]
        fn the_frame_after_the_latest_event_agrees_with_a_search_through_the_past(
            events in any_events(), length in 1u32..60,
        ) {
            let mut tbr = Tbr::plan(length, SMALL);
            events.iter().for_each(|&e| assert!(tbr.push(e)));
            let newest = events.iter().map(|e| e.t).max().unwrap_or(0);
            let end = newest.saturating_add(i64::from(length));
            let mut frame = Array2::from_elem(SHAPE, f32::NAN);
            tbr.run(end, &mut frame);
            prop_assert_eq!(frame, slow_twin(&events, i128::from(length), end));
        }
    }
}
