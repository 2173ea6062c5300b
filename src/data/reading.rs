//! What sensors deliver, and what their pixels and chirps look like.

use serde::{Deserialize, Serialize};

use super::{ChirpConfig, EventBatch, Geometry, Modality, RadarFrame};
use crate::units::{DeviceClock, HostClock, Stamp};

/// What one read of a sensor gave, on the sensor's own clock.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// One radar frame.
    Radar(RadarFrame),
    /// A run of events; an empty one says that the camera is alive and saw nothing.
    Events(EventBatch),
    /// What a live device says beside its data.
    Notice(Notice),
}

/// What a live device says beside its data; no recording holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// Nothing came for as long as the device cares to wait in one read.
    Idle,
    /// The device has started anew: its clock and its numbers begin again.
    Restarted,
    /// The device has answered a question for its time.
    Time(TimeAnswer),
}

/// Three of the four stamps of a time exchange; whoever takes the reading adds the fourth, its
/// arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeAnswer {
    /// The question left the host.
    pub host_sent: Stamp<HostClock>,
    /// The question reached the device.
    pub device_received: Stamp<DeviceClock>,
    /// The answer left the device.
    pub device_sent: Stamp<DeviceClock>,
}

/// Geometry of what a sensor delivers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum View {
    /// A radar and its chirps.
    Radar(ChirpConfig),
    /// An event camera and its pixels.
    Event(Geometry),
}

impl View {
    /// Radar or event camera.
    #[must_use]
    pub const fn modality(&self) -> Modality {
        match self {
            Self::Radar(_) => Modality::Radar,
            Self::Event(_) => Modality::Event,
        }
    }
}

/// What the zero of a sensor's clock is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Epoch {
    /// Microseconds since 1970-01-01 UTC.
    Unix,
    /// The device's own counter, zero unknown.
    Device,
    /// No times were recorded: frame number times the configured frame period.
    Synthesised,
    /// A live device's own counter: it is mapped to the host's monotonic clock as readings come.
    Live,
}

/// One sensor as the pipeline knows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// Its name in the configuration; the last part of its topics.
    pub name: String,
    /// What it delivers.
    pub view: View,
    /// What its times mean.
    pub epoch: Epoch,
}
