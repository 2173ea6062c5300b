//! The link to a sensor board on a serial port, spoken in the protocol of `firmware-proto`.
//!
//! ```text
//! port ── bytes ─> link ── bytes ─> session ── frames ─> instrument ── readings ─>
//!                  patience         handshake, loss      radar frames | event blocks
//! ```
//!
//! [`Session`] is the whole protocol without a port or a clock, so that it is tested and measured
//! byte by byte; [`SerialSensor`] drives one through a port.

mod handshake;
mod instrument;
mod key;
mod link;
mod port;
mod session;
mod settings;
mod traffic;

pub use instrument::{Difference, Instrument};
pub use key::Key;
pub use link::SerialSensor;
pub use port::Address;
pub use session::{DeviceLog, Fault, Session};
pub use settings::LinkSettings;

pub(crate) use instrument::differing;
pub(crate) use settings::LinkKeys;

use crate::units::Stamp;

/// A value of the settings table that no sensor can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}`: {problem}")]
pub struct Refused {
    /// As written in the table.
    pub key: &'static str,
    /// What is wrong, with both sides.
    pub problem: String,
}

impl Refused {
    pub(crate) fn new(key: &'static str, problem: impl Into<String>) -> Self {
        Self { key, problem: problem.into() }
    }
}

/// The protocol's microseconds as an instant; no clock runs for 292 000 years.
pub(crate) fn stamp<C>(micros: u64) -> Stamp<C> {
    Stamp::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
}
