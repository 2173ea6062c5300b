//! Whether radar and event camera see the same motion.
//!
//! Both see a face that moves: the radar as the energy of small fast motion, the camera as a rate of
//! events. If one of them looks at somebody else, or is fed a recording, the two do not rise and
//! fall together.
//!
//! With `x_i` the square root of the radar's energy in frame `i` of the last 3 s and `y_i` that of
//! the rate of events in the face region (square roots: an amplitude, and a count whose noise is
//! then as large at every rate), the agreement is the greatest normalised correlation
//!
//! ```text
//!   r = max_k  cov(x_i, y_(i+k)) / sqrt(var(x_i) var(y_(i+k)))        |k| frames <= 100 ms
//! ```
//!
//! ```text
//!   insufficient   less than 3 s were seen, or either sensor saw too little motion to compare, or
//!                  r lies between the bounds, or the answer is younger than 1 s
//!   live           r >= 0.5 for 1 s
//!   not live       r <= 0.15 for 1 s
//! ```
//!
//! A face that is held still gives no answer, and a blink alone gives none: only the camera sees
//! it. The bounds were chosen on the shipped scene and on simulated bursts, see the tests; no
//! recording of both sensors before one person exists yet.

use std::collections::VecDeque;

use crate::data::message::Liveness;
use crate::units::{HostClock, Micros, Stamp};

/// Length of what is compared.
const SPAN: Micros = Micros::from_millis(3_000);
/// Difference of the clocks and of the sensors' own delays that is forgiven.
const LAG: Micros = Micros::from_millis(100);
/// A longer gap between two frames starts again.
const GAP: Micros = Micros::from_millis(250);
/// How long an answer must last before it is given.
const CALM: Micros = Micros::from_millis(1_000);
/// Age from which the newest frame says nothing any more.
const STALE: Micros = Micros::from_millis(500);
/// Most frames that are kept: 170 a second.
const MOST_FRAMES: usize = 512;
/// Motion must fill a tenth of the span in each sensor: two blinks fill less.
const LEAST_SHARE: usize = 10;
/// Energy over the median of the span from which the radar sees motion: 10 dB.
const MOTION_OVER_MEDIAN: f64 = 10.0;
/// Rate in the face region from which the camera sees motion, events a second: sway and noise of a
/// still face stay below.
const MOTION_RATE: f64 = 1_000.0;

/// At least so much is agreement.
const AGREE: f64 = 0.5;
/// At most so much is none.
const DIFFER: f64 = 0.15;

/// Compares the motion that both sensors see.
#[derive(Debug, Clone)]
pub struct Agreement {
    samples: VecDeque<Sample>,
    /// Scratch for the median.
    sorted: Vec<f64>,
    /// The answer of the newest frame, and since when it has been the same.
    raw: Option<(Stamp<HostClock>, Liveness)>,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Stamp<HostClock>,
    /// Square roots of energy and rate.
    radar: f64,
    camera: f64,
}

impl Agreement {
    /// Nothing seen.
    #[must_use]
    pub fn new() -> Self {
        let sorted = Vec::with_capacity(MOST_FRAMES);
        Self { samples: VecDeque::with_capacity(MOST_FRAMES), sorted, raw: None }
    }

    /// Takes the radar frame of `now`, later than the one before: its energy of motion in any
    /// unit, and the rate of events in the face region since the frame before, events a second.
    /// Numbers that are negative or not finite start again.
    pub fn push(&mut self, now: Stamp<HostClock>, energy: f64, rate: f64) {
        let is_late = self.samples.back().is_some_and(|newest| now - newest.at > GAP);
        let is_good = |x: f64| x.is_finite() && x >= 0.0;
        if is_late || !is_good(energy) || !is_good(rate) {
            self.restart();
            if !is_good(energy) || !is_good(rate) {
                return;
            }
        }
        let is_old = |sample: &Sample| now - sample.at > SPAN;
        while self.samples.len() == MOST_FRAMES || self.samples.front().is_some_and(is_old) {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample { at: now, radar: energy.sqrt(), camera: rate.sqrt() });
        let answer = self.answer();
        if self.raw.is_none_or(|(_, before)| before != answer) {
            self.raw = Some((now, answer));
        }
    }

    /// The answer at `now`, no earlier than the newest frame.
    #[must_use]
    pub fn state(&self, now: Stamp<HostClock>) -> Liveness {
        let newest = self.samples.back().map(|sample| sample.at);
        match (newest, self.raw) {
            (Some(newest), Some((since, answer)))
                if now - newest <= STALE && newest - since >= CALM =>
            {
                answer
            }
            _ => Liveness::Insufficient,
        }
    }

    /// Forgets everything.
    pub fn restart(&mut self) {
        self.samples.clear();
        self.raw = None;
    }

    fn answer(&mut self) -> Liveness {
        let (Some(first), Some(last)) = (self.samples.front(), self.samples.back()) else {
            return Liveness::Insufficient;
        };
        let (span, frames) = (last.at - first.at, self.samples.len());
        if span < Micros(SPAN.0 - GAP.0) || !self.is_moving() {
            return Liveness::Insufficient;
        }
        // At 20 frames a second two frames; slower than 10 a second only the frame itself.
        let steps = i64::try_from(frames - 1).unwrap_or(i64::MAX);
        let lag = usize::try_from(LAG.0.saturating_mul(steps) / span.0.max(1)).unwrap_or(0);
        let lag = lag.min(frames / 4);
        let greatest = (0..=lag)
            .flat_map(|k| [self.correlation(k, 0), self.correlation(0, k)])
            .fold(-1.0, f64::max);
        if greatest >= AGREE {
            Liveness::Live
        } else if greatest <= DIFFER {
            Liveness::NotLive
        } else {
            Liveness::Insufficient
        }
    }

    /// True if both sensors saw motion for long enough to compare.
    fn is_moving(&mut self) -> bool {
        self.sorted.clear();
        self.sorted.extend(self.samples.iter().map(|sample| sample.radar));
        let middle = self.sorted.len() / 2;
        let (_, median, _) = self.sorted.select_nth_unstable_by(middle, f64::total_cmp);
        let radar = *median * MOTION_OVER_MEDIAN.sqrt();
        let camera = MOTION_RATE.sqrt();
        let [radar, camera] = [
            self.samples.iter().filter(|sample| sample.radar > radar).count(),
            self.samples.iter().filter(|sample| sample.camera > camera).count(),
        ];
        radar.min(camera) * LEAST_SHARE >= self.samples.len()
    }

    /// Correlation of the radar from frame `from_radar` on with the camera from `from_camera` on;
    /// 0 if one of them is constant.
    fn correlation(&self, from_radar: usize, from_camera: usize) -> f64 {
        let radar = self.samples.iter().skip(from_radar).map(|sample| sample.radar);
        let camera = self.samples.iter().skip(from_camera).map(|sample| sample.camera);
        let pairs = radar.zip(camera);
        let (count, x, y) = pairs
            .clone()
            .fold((0.0, 0.0, 0.0), |(count, x, y), (a, b)| (count + 1.0, x + a, y + b));
        let (x, y) = (x / count, y / count);
        let (both, xx, yy) = pairs.fold((0.0, 0.0, 0.0), |(both, xx, yy), (a, b)| {
            let (a, b) = (a - x, b - y);
            (both + a * b, xx + a * a, yy + b * b)
        });
        if xx > 0.0 && yy > 0.0 { both / (xx * yy).sqrt() } else { 0.0 }
    }
}

impl Default for Agreement {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
