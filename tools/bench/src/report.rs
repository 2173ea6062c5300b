//! One result, as a table row or as JSON.

use core::fmt;

use serde::Serialize;

use crate::clock::Times;
use crate::workload::Amount;

/// What was measured of one workload. Times are of the unit: a frame, an event, a byte or a
/// recording.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Line {
    workload: String,
    unit: &'static str,
    /// Nanoseconds of one unit, wall clock.
    ns: Spread,
    /// The same by CPU time of the thread, median.
    cpu_ns: f64,
    /// Megabytes a second, median and its limits by wall clock; of bytes only.
    #[serde(skip_serializing_if = "Option::is_none")]
    mb_per_s: Option<Spread>,
    /// The same by CPU time.
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_mb_per_s: Option<f64>,
    /// Millions of events a second, median and its limits by wall clock; of events only.
    #[serde(skip_serializing_if = "Option::is_none")]
    mev_per_s: Option<Spread>,
    /// The same by CPU time.
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_mev_per_s: Option<f64>,
    /// Samples taken, and calls in each.
    runs: usize,
    calls_per_run: u32,
    /// Units in one call.
    units_per_call: u32,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Spread {
    median: f64,
    min: f64,
    max: f64,
}

impl Line {
    pub(crate) fn new(workload: &str, amount: Amount, times: &Times) -> Self {
        let (unit, units) = match amount {
            Amount::Frames(n) => ("frame", n),
            Amount::Events(n) => ("event", n),
            Amount::Bytes(n) => ("byte", n),
            Amount::Recording => ("recording", 1),
        };
        let each = |ns: f64| ns / f64::from(units);
        let ns = Spread { median: each(times.median), min: each(times.min), max: each(times.max) };
        let cpu_ns = each(times.cpu_median);
        let of_events = matches!(amount, Amount::Events(_));
        let of_bytes = matches!(amount, Amount::Bytes(_));
        // The longest time is the lowest rate.
        let rate = Spread { median: 1e3 / ns.median, min: 1e3 / ns.max, max: 1e3 / ns.min };
        Self {
            workload: workload.to_owned(),
            unit,
            ns,
            cpu_ns,
            mb_per_s: of_bytes.then_some(rate),
            cpu_mb_per_s: of_bytes.then_some(1e3 / cpu_ns),
            mev_per_s: of_events.then_some(rate),
            cpu_mev_per_s: of_events.then_some(1e3 / cpu_ns),
            runs: times.samples,
            calls_per_run: times.calls_per_sample,
            units_per_call: units,
        }
    }

    pub(crate) fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<58} ", self.workload)?;
        let events = self.mev_per_s.zip(self.cpu_mev_per_s).map(|rates| (rates, "Mev/s"));
        let bytes = self.mb_per_s.zip(self.cpu_mb_per_s).map(|rates| (rates, "MB/s"));
        if let Some(((Spread { median, min, max }, cpu), unit)) = events.or(bytes) {
            write!(f, "{median:8.1} {unit} ({min:.1} to {max:.1}; by CPU time {cpu:.1})")?;
        } else {
            let us = |ns: f64| ns / 1e3;
            let Spread { median, min, max } = self.ns;
            let (median, min, max, cpu) = (us(median), us(min), us(max), us(self.cpu_ns));
            let unit = self.unit;
            write!(f, "{median:8.1} us/{unit} ({min:.1} to {max:.1}; CPU {cpu:.1})")?;
        }
        write!(f, ", {} runs", self.runs)
    }
}
