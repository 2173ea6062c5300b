//! The nouns that travel from stage to stage; no behaviour beyond their own arithmetic.

mod chirp;
mod counts;
mod event_batch;
pub mod hex;
mod input;
mod lockout;
pub mod message;
mod radar_frame;
mod reading;
pub mod score;

pub use chirp::ChirpConfig;
pub use counts::Counts;
pub use event_batch::{Event, EventBatch, EventSlice, Geometry, Trigger};
pub use input::{Input, Loss};
pub use lockout::LockoutRecord;
pub use radar_frame::{RadarFrame, Samples};
pub use reading::{Epoch, Notice, Reading, Source, TimeAnswer, View};

use crate::units::{HostClock, Stamp};

/// A value and the instant at which it was true, on the host clock.
#[derive(Debug, Clone, PartialEq)]
pub struct At<T> {
    /// When it was true.
    pub stamp: Stamp<HostClock>,
    /// What was true.
    pub value: T,
}

impl<T> At<T> {
    /// The same instant with `change` applied to the value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> At<U> {
        At { stamp: self.stamp, value: change(self.value) }
    }
}

/// What a sensor measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Modality {
    /// FMCW radar frames.
    Radar,
    /// Event-camera streams.
    Event,
}
