//! What is known of a device's clock, as plain data.

use serde::Serialize;

use crate::data::message::{ClockReport, ClockState};

/// What a fit rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// Time exchanges: wrong by at most half the lowest round trip.
    Exchanges,
    /// Arrivals alone: late by the minimum latency, which cannot be seen.
    Arrivals,
}

/// What became of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It is in the window.
    Used,
    /// It excludes what all others say, by more than 5 deviations and 500 us.
    Outlier,
    /// Something arrived before it was sent.
    Impossible,
}

/// A device's clock against the host's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ClockStatus {
    /// Whether stamps can be mapped, and how fresh the fit is.
    pub state: ClockState,
    /// What the fit rests on; absent while unsynced.
    pub basis: Option<Basis>,
    /// Device time minus host time at the newest fit, microseconds.
    pub offset_us: Option<i64>,
    /// What the device clock gains, parts per million.
    pub drift_ppm: Option<f64>,
    /// Robust deviation from the fit, microseconds: of the quickest quarter of the exchanges, or
    /// the median height of the arrivals above their envelope.
    pub residual_us: Option<f64>,
    /// Lowest round trip in the window, microseconds; the offset is wrong by at most half of it.
    pub round_trip_us: Option<i64>,
    /// Exchanges used since the start.
    pub used: u64,
    /// Exchanges left out since the start.
    pub rejected: u64,
}

impl ClockStatus {
    /// What is published of it.
    #[must_use]
    pub const fn report(&self) -> ClockReport {
        let &Self { state, drift_ppm, residual_us, round_trip_us, .. } = self;
        ClockReport { state, drift_ppm, residual_us, round_trip_us }
    }
}
