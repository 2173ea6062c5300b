//! One decoder for all the EVT formats.

use serde::Deserialize;

use super::evt2::Evt2;
use super::evt3::Evt3;
use super::evt21::{Evt21, Order};
use super::tally::Tally;
use crate::data::{EventBatch, Geometry};

/// How the words of a stream are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// EVT2.0.
    Evt2,
    /// EVT2.1, mask half first (`GenX320`).
    Evt21Little,
    /// EVT2.1, type half first (`IMX636`).
    Evt21Legacy,
    /// EVT3.0.
    Evt3,
}

impl Format {
    /// As its makers call it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Evt2 => "EVT 2.0",
            Self::Evt21Little => "EVT 2.1, little word order",
            Self::Evt21Legacy => "EVT 2.1, legacy word order",
            Self::Evt3 => "EVT 3.0",
        }
    }

    /// Word order, where the format has one.
    #[must_use]
    pub const fn order(self) -> Option<Order> {
        match self {
            Self::Evt21Little => Some(Order::Little),
            Self::Evt21Legacy => Some(Order::Legacy),
            Self::Evt2 | Self::Evt3 => None,
        }
    }
}

/// A decoder of any EVT format: bytes in, cut anywhere; events and triggers out.
#[derive(Debug, Clone)]
pub enum Decoder {
    /// EVT2.0.
    Evt2(Evt2),
    /// EVT2.1, either word order.
    Evt21(Evt21),
    /// EVT3.0.
    Evt3(Evt3),
}

impl Decoder {
    /// A decoder of `format` for a sensor of `geometry`.
    #[must_use]
    pub fn new(format: Format, geometry: Geometry) -> Self {
        match format {
            Format::Evt2 => Self::Evt2(Evt2::new(geometry)),
            Format::Evt21Little => Self::Evt21(Evt21::new(Order::Little, geometry)),
            Format::Evt21Legacy => Self::Evt21(Evt21::new(Order::Legacy, geometry)),
            Format::Evt3 => Self::Evt3(Evt3::new(geometry)),
        }
    }

    /// Decodes `bytes`, appending to `out`.
    pub fn push(&mut self, bytes: &[u8], out: &mut EventBatch) {
        match self {
            Self::Evt2(decoder) => decoder.push(bytes, out),
            Self::Evt21(decoder) => decoder.push(bytes, out),
            Self::Evt3(decoder) => decoder.push(bytes, out),
        }
    }

    /// Words are missing before the next ones. What hangs on them is not guessed: events are dropped
    /// and counted until their time, and in EVT3 their row, have been told again. Time goes on, so
    /// the gap must be shorter than half the wrap of the format (EVT3: 8.4 s).
    pub const fn gap(&mut self) {
        match self {
            Self::Evt2(decoder) => decoder.gap(),
            Self::Evt21(decoder) => decoder.gap(),
            Self::Evt3(decoder) => decoder.gap(),
        }
    }

    /// Ends the stream: counts a cut word and compares the sensor's own event count.
    pub const fn finish(&mut self) {
        match self {
            Self::Evt2(decoder) => decoder.finish(),
            Self::Evt21(decoder) => decoder.finish(),
            Self::Evt3(decoder) => decoder.finish(),
        }
    }

    /// What was seen so far.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        match self {
            Self::Evt2(decoder) => decoder.tally(),
            Self::Evt21(decoder) => decoder.tally(),
            Self::Evt3(decoder) => decoder.tally(),
        }
    }
}
