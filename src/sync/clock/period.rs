//! The frame period as it is, not as it was configured.

use std::collections::VecDeque;

use serde::Serialize;

use super::number::{float, median};
use crate::units::{Micros, Seconds, Stamp};

/// Frames looked back at.
const WINDOW: usize = 64;
/// Fewer frames give no estimate.
const AT_LEAST: usize = 8;

/// Measures the period of numbered frames from their stamps.
///
/// A radar's chirps and frames run from the chip's own crystal and the stamps from the
/// controller's, so the configured period is only nearly true. The estimate is
///
/// ```text
/// period = median over i of (t[i + w/2] - t[i]) / (number[i + w/2] - number[i])
/// ```
///
/// over a window of w frames. The frame numbers count lost frames in, the median leaves up to half
/// of the stamps be wrong, and pairs half a window apart make jitter and the rounding to whole
/// microseconds small (Theil's incomplete method, 1950).
#[derive(Debug, Clone)]
pub struct PeriodEstimate<C: Copy> {
    configured: Seconds,
    frames: VecDeque<(u32, Stamp<C>)>,
}

/// The frame period of a sensor, measured and configured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Period {
    /// Measured, microseconds of the clock that stamped the frames.
    pub measured_us: f64,
    /// Configured, microseconds.
    pub configured_us: f64,
    /// Measured against configured, parts per million; zero if nothing was configured.
    pub deviation_ppm: f64,
    /// Frames that the estimate rests on.
    pub frames: usize,
}

impl<C: Copy> PeriodEstimate<C> {
    /// For frames that should come every `configured` seconds.
    #[must_use]
    pub const fn new(configured: Seconds) -> Self {
        Self { configured, frames: VecDeque::new() }
    }

    /// Takes a frame. A number or a stamp that did not go up means that the device has started
    /// again, and so does the estimate; numbers may wrap.
    pub fn push(&mut self, number: u32, stamp: Stamp<C>) {
        if let Some(&(last, before)) = self.frames.back() {
            let ahead = number.wrapping_sub(last);
            let follows = ahead > 0 && ahead <= u32::MAX / 2;
            if !follows || stamp - before <= Micros(0) {
                self.frames.clear();
            }
        }
        if self.frames.len() == WINDOW {
            self.frames.pop_front();
        }
        self.frames.push_back((number, stamp));
    }

    /// The estimate; `None` until there are eight frames.
    #[must_use]
    pub fn period(&self) -> Option<Period> {
        let frames = self.frames.len();
        if frames < AT_LEAST {
            return None;
        }
        let pairs = self.frames.iter().zip(self.frames.iter().skip(frames / 2));
        let mut periods: Vec<_> = pairs
            .map(|(&(from, start), &(to, end))| {
                float((end - start).0) / f64::from(to.wrapping_sub(from).max(1))
            })
            .collect();
        let measured_us = median(&mut periods)?;
        let configured_us = self.configured.0 * 1e6;
        let deviation_ppm =
            if configured_us > 0.0 { (measured_us / configured_us - 1.0) * 1e6 } else { 0.0 };
        Some(Period { measured_us, configured_us, deviation_ppm, frames })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::units::RadarClock;

    /// Frames of a crystal 120 ppm slow, i.e. a period of 50 006 us, without those `lost` names.
    fn estimate(lost: impl Fn(u32) -> bool, noise: impl Fn(u32) -> i64) -> Period {
        let mut estimate = PeriodEstimate::<RadarClock>::new(Seconds(0.05));
        let first = u32::MAX - 20;
        for i in (0..64).filter(|&i| !lost(i)) {
            let stamp = Stamp::from_micros(i64::from(i) * 50_006 + noise(i));
            estimate.push(first.wrapping_add(i), stamp);
        }
        estimate.period().unwrap()
    }

    #[test]
    fn lost_frames_and_a_wrap_of_the_numbers_do_not_bias_it() {
        for period in [estimate(|_| false, |_| 0), estimate(|i| i % 3 == 1, |_| 0)] {
            // Exact stamps on a straight line: only f64 rounding is left.
            assert!((period.measured_us - 50_006.0).abs() < 1e-6, "{period:?}");
            assert!((period.deviation_ppm - 120.0).abs() < 1e-3, "{period:?}");
        }
    }

    #[test]
    fn late_stamps_of_a_fifth_of_the_frames_hardly_move_it() {
        let period = estimate(|_| false, |i| if i % 5 == 0 { 3_000 } else { i64::from(i % 3) });
        // Pairs 32 frames apart: 2 us of noise is 0.06 us of period, about 1 ppm.
        assert!((period.deviation_ppm - 120.0).abs() < 2.0, "{period:?}");
    }

    #[test]
    fn a_device_that_starts_again_gives_no_estimate_across_the_start() {
        let mut estimate = PeriodEstimate::<RadarClock>::new(Seconds(0.05));
        (0..20).for_each(|i| estimate.push(i, Stamp::from_micros(i64::from(i) * 50_000)));
        estimate.push(0, Stamp::from_micros(40));
        assert_eq!(estimate.period(), None);
    }

    proptest! {
        #[test]
        fn no_frame_is_too_strange(frames: Vec<(u32, i64)>) {
            let mut estimate = PeriodEstimate::<RadarClock>::new(Seconds(f64::NAN));
            for (number, stamp) in frames {
                estimate.push(number, Stamp::from_micros(stamp));
                prop_assert!(estimate.period().is_none_or(|period| period.measured_us > 0.0));
            }
        }
    }
}
