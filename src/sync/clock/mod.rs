//! A device's clock against the host's: offset, drift, and stamps mapped from one to the other.
//!
//! ```text
//! offset(t) = device time - host time        drift = d offset / d t, in ppm: + is a fast device
//! host      = device - offset(device)
//! ```
//!
//! Two sources of knowledge, used together where a device gives both:
//!
//! - **Exchanges** ([`Exchange`], four stamps) bound the offset from both sides. What remains is
//!   half the difference between the *minimum* latencies there and back, at most half the lowest
//!   round trip.
//! - **Arrivals** (a message's device stamp and when it came) bound it from one side, but there are
//!   many of them: their lower envelope gives the drift. Alone they give the offset too, except for
//!   the minimum latency, which nobody can see from one side.
//!
//! What simulated devices reach (`tests.rs`: drift of 200 ppm either way, exponential delays above an
//! equal minimum on both ways, error at the 99th percentile from 10 s to 40 s after a boot):
//!
//! | known | mean delay | error |
//! |---|---|---|
//! | exchanges and 20 frames/s | 5 ms | 0.5 ms |
//! | exchanges alone | 1.1 ms (5 ms once in 100) | 0.4 ms |
//! | exchanges alone | 5 ms | 2 ms |
//! | 20 frames/s alone | 5 ms | 0.2 ms and the minimum latency |
//!
//! No clock is read here and nothing is sent: [`Schedule`] says when to ask, the caller brings the
//! stamps. Wrapping counters go through [`Unwrap`] first.
//!
//! Peers: Klipper's `clocksync.py` (regression over about 30 s, outliers beyond 5 deviations and
//! 500 us, minimum round trip with ageing; here the window ages it), `MAVLink`'s TIMESYNC (many
//! rounds, low round trips preferred), NTP (RFC 5905).

mod envelope;
mod exchange;
mod fit;
mod mapping;
mod number;
mod period;
mod schedule;
mod status;
#[cfg(test)]
mod tests;
mod unwrap;

use core::marker::PhantomData;

use envelope::{Envelope, MIN_SPAN, NEW_TRUTH, WINDOW, blend};
pub use exchange::Exchange;
use exchange::Round;
use fit::{Drift, Fit, Line, drift_of_upper_bounds, fit};
use mapping::Mapping;
pub use period::{Period, PeriodEstimate};
pub use schedule::{QUICK_ROUNDS, Schedule};
pub use status::{Basis, ClockStatus, Verdict};

pub use crate::data::message::ClockState;
pub use unwrap::Unwrap;

use crate::units::{HostClock, Micros, Stamp};

/// Exchanges before the first fit: half of the quick rounds.
const MIN_ROUNDS: usize = 4;
/// Exchanges kept, should someone ask far more often than the schedule says.
const MAX_ROUNDS: usize = 128;
/// Arrivals before the first line of a device without exchanges.
const MIN_ARRIVALS: usize = 8;
/// Without news for this long a clock is in holdover.
const HOLDOVER: Micros = Micros::from_millis(10_000);

/// Offset and drift of the clock `C` of one device, and the mapping of its stamps to host time.
///
/// Within one boot of the device mapped stamps never run backwards: a correction is slewed in, at
/// no less than 1 % and no more than 50 % of device time (1 ms takes 0.1 s, 100 ms 3.3 s).
#[derive(Debug, Clone)]
pub struct ClockFit<C: Copy> {
    /// In order of arrival.
    rounds: Vec<Round>,
    arrivals: Envelope,
    drift: Drift,
    /// The fit of the exchanges, once there are enough.
    fit: Option<Fit>,
    /// What is mapped by: the fit's line, or that of the arrivals.
    line: Option<Line>,
    mapping: Mapping,
    last_good: Option<Stamp<HostClock>>,
    misses: u32,
    used: u64,
    rejected: u64,
    clock: PhantomData<C>,
}

impl<C: Copy> Default for ClockFit<C> {
    fn default() -> Self {
        Self {
            rounds: Vec::new(),
            arrivals: Envelope::default(),
            drift: Drift::UNKNOWN,
            fit: None,
            line: None,
            mapping: Mapping::default(),
            last_good: None,
            misses: 0,
            used: 0,
            rejected: 0,
            clock: PhantomData,
        }
    }
}

impl<C: Copy> ClockFit<C> {
    /// Nothing is known of the device's clock.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a finished time exchange.
    ///
    /// One that excludes the fit is left out, unless it was so much quicker than all others that the
    /// fit must be wrong. Five such in a row are believed, and all before them is forgotten: the
    /// clock has stepped.
    pub fn exchange(&mut self, exchange: &Exchange<C>) -> Verdict {
        if !exchange.is_possible() {
            self.rejected += 1;
            return Verdict::Impossible;
        }
        let round = exchange.round();
        if self.fit.is_some_and(|fit| !fit.agrees(round)) && !self.is_quickest_by_far(round) {
            self.misses += 1;
            if self.misses < NEW_TRUTH {
                self.rejected += 1;
                return Verdict::Outlier;
            }
            self.rounds.clear();
            self.arrivals = Envelope::default();
            self.fit = None;
        }
        self.misses = 0;
        self.used += 1;
        self.last_good = Some(exchange.host_received);
        self.rounds.push(round);
        self.rounds.retain(|old| round.device.saturating_sub(old.device) <= WINDOW);
        let surplus = self.rounds.len().saturating_sub(MAX_ROUNDS);
        self.rounds.drain(..surplus);
        self.push_arrival(exchange.device_sent, exchange.host_received);
        self.refit();
        Verdict::Used
    }

    /// Takes the arrival of a message that carries the device's time, such as a radar frame.
    ///
    /// For a device that answers time exchanges this sharpens the drift; for one that does not it
    /// is all there is.
    pub fn arrival(&mut self, device_sent: Stamp<C>, received: Stamp<HostClock>) {
        let changed = self.push_arrival(device_sent, received);
        // With exchanges the next one is soon there, and the line is not corrected between two.
        if changed && self.fit.is_none() {
            self.last_good = Some(received);
            self.refit();
        }
    }

    /// When the device clock showed `device`, on the host clock; `None` while unsynced.
    ///
    /// Never before the stamp returned last; a device stamp older than the newest one mapped gets
    /// the newest one's host time.
    pub fn map(&mut self, device: Stamp<C>) -> Option<Stamp<HostClock>> {
        let line = self.line?;
        Some(Stamp::from_micros(self.mapping.map(line, device.as_micros())))
    }

    /// The device has booted: its clock starts anew. Its crystal is the same, so the drift is kept
    /// until it can be measured again, and the counts go on.
    pub fn restart(&mut self) {
        let Self { drift, used, rejected, .. } = *self;
        *self = Self { drift, used, rejected, ..Self::default() };
    }

    /// What is known at `now`.
    #[must_use]
    pub fn status(&self, now: Stamp<HostClock>) -> ClockStatus {
        let basis = self.line.map(|_| match self.fit {
            Some(_) => Basis::Exchanges,
            None => Basis::Arrivals,
        });
        ClockStatus {
            state: self.state(now),
            basis,
            offset_us: self.line.map(|line| line.offset),
            drift_ppm: self.line.map(|line| line.drift * 1e6),
            residual_us: self.fit.map_or_else(
                || self.line.and_then(|line| self.arrivals.roughness(-line.drift)),
                |fit| Some(fit.residual),
            ),
            round_trip_us: self.rounds.iter().map(|round| round.round_trip()).min(),
            used: self.used,
            rejected: self.rejected,
        }
    }

    fn state(&self, now: Stamp<HostClock>) -> ClockState {
        match (self.line, self.last_good) {
            (Some(_), Some(good)) if now - good <= HOLDOVER => ClockState::Locked,
            (Some(_), _) => ClockState::Holdover,
            (None, _) => ClockState::Unsynced,
        }
    }

    /// Whether `round` was on its way for less than a third of the time of any other: rounds that
    /// all waited at the same end agree with each other, and are all wrong.
    fn is_quickest_by_far(&self, round: Round) -> bool {
        let least = self.rounds.iter().map(|round| round.round_trip()).min();
        least.is_some_and(|least| round.round_trip().saturating_mul(3) < least)
    }

    fn push_arrival(&mut self, sent: Stamp<C>, received: Stamp<HostClock>) -> bool {
        let sent = sent.as_micros();
        self.arrivals.push(sent, received.as_micros().saturating_sub(sent))
    }

    fn refit(&mut self) {
        if let Some(drift) = self.measure_drift() {
            self.drift = Drift::measured(drift);
        }
        if self.rounds.len() >= MIN_ROUNDS {
            self.fit = fit(&self.rounds, self.drift);
        }
        let Some(new) = self.fit.map(|fit| fit.line).or_else(|| self.line_of_arrivals()) else {
            return;
        };
        if let Some(old) = self.line.replace(new) {
            self.mapping.correct(old, new);
        }
    }

    /// From the upper bounds of the exchanges and from all arrivals, whichever are more.
    fn measure_drift(&self) -> Option<f64> {
        let span = self.rounds.last().zip(self.rounds.first());
        let there = span
            .filter(|(last, first)| last.device.saturating_sub(first.device) >= MIN_SPAN)
            .and_then(|_| drift_of_upper_bounds(&self.rounds));
        let back = self.arrivals.edge().and_then(|(_, slope)| slope);
        blend(
            there.map(|drift| (drift, self.rounds.len())),
            back.map(|slope| (-slope, self.arrivals.points())),
        )
    }

    fn line_of_arrivals(&self) -> Option<Line> {
        if self.arrivals.points() < MIN_ARRIVALS {
            return None;
        }
        self.arrivals.under(-self.drift.value).map(Line::from_arrivals)
    }
}
