//! Everything the pipeline is ever told, so that a log of it replays a live run byte for byte.

use super::{Counts, LockoutRecord, Reading};
use crate::units::{BootClock, HostClock, Micros, Stamp};

/// One thing the pipeline is told. What it says depends on these, in this order, and on nothing
/// else: record them and a live run can be had again.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A sensor has delivered.
    Reading {
        /// Number of the sensor, in the order of the configuration.
        source: usize,
        /// What it delivered, on its own clock.
        reading: Reading,
        /// When it came; `None` from a recording, which comes when it is read.
        arrival: Option<Stamp<HostClock>>,
    },
    /// Everything a sensor's decoder and its queue have refused or dropped since it was opened.
    Counts {
        /// Number of the sensor.
        source: usize,
        /// By reason.
        counts: Counts,
    },
    /// A live sensor cannot be read; it is tried again.
    Lost {
        /// Number of the sensor.
        source: usize,
        /// Why, in the words of the status message.
        loss: Loss,
        /// When this was noticed.
        now: Stamp<HostClock>,
    },
    /// The host's clock has come to `now`. Live sensors are judged by it; recordings never see it.
    Clock {
        /// The host's clock.
        now: Stamp<HostClock>,
    },
    /// The clock that lockouts go by has come to `now`. Where it is never told, recorded time
    /// stands in.
    Boot {
        /// The clock that nobody can set.
        now: Stamp<BootClock>,
    },
    /// An earlier run has left a lockout behind.
    Lockout {
        /// What is left of it.
        record: LockoutRecord,
    },
    /// A recording has ended, or a live stream that will not come back, such as standard input.
    End {
        /// Number of the sensor.
        source: usize,
    },
    /// All recordings start again, `gap` after the newest instant.
    Restart {
        /// Recorded time between the end of one round and the start of the next.
        gap: Micros,
    },
    /// Something was lost behind the pipeline, on the way to receivers.
    Dropped {
        /// How much of what, by reason.
        counts: Counts,
    },
}

/// Why a live sensor cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// It is not there, or was unplugged.
    Absent,
    /// It is there and does not speak the protocol that was configured, or not with our key.
    Protocol,
    /// It runs with another configuration than the one asked for.
    Configuration,
    /// Its driver does not come back from a call.
    Hung,
}
