//! What sensors deliver, and what their pixels and chirps look like.

use serde::Serialize;

use super::{ChirpConfig, EventBatch, Geometry, Modality, RadarFrame};

/// What one read of a sensor gave, on the sensor's own clock.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// One radar frame.
    Radar(RadarFrame),
    /// A run of events.
    Events(EventBatch),
}

/// Geometry of what a sensor delivers.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Epoch {
    /// Microseconds since 1970-01-01 UTC.
    Unix,
    /// The device's own counter, zero unknown.
    Device,
    /// No times were recorded: frame number times the configured frame period.
    Synthesised,
}

/// One sensor as the pipeline knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// Its name in the configuration; the last part of its topics.
    pub name: String,
    /// What it delivers.
    pub view: View,
    /// What its times mean.
    pub epoch: Epoch,
}
