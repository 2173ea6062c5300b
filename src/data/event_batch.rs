//! Events and triggers as the event camera sent them.

use serde::{Deserialize, Serialize};

/// One brightness change of one pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Event {
    /// Microseconds on the camera's clock.
    pub t: i64,
    /// Column, 0 at the left.
    pub x: u16,
    /// Row, 0 at the top.
    pub y: u16,
    /// True for ON (brighter), false for OFF (darker).
    pub on: bool,
}

/// An edge on one of the camera's trigger inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trigger {
    /// Microseconds on the camera's clock.
    pub t: i64,
    /// Trigger input.
    pub id: u8,
    /// True for a rising edge.
    pub rising: bool,
}

/// Pixels of an event sensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Geometry {
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

/// A run of events in the order in which the camera sent them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventBatch {
    /// The events; every `x` and `y` lies inside the sensor's [`Geometry`].
    pub events: Vec<Event>,
    /// Trigger edges between them.
    pub triggers: Vec<Trigger>,
    /// True if time stepped back inside this batch or against the one before.
    pub non_monotonic: bool,
}

/// Events of a fixed span of a sensor's time, all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventSlice {
    /// Where the span ends, exclusive: lane time, microseconds.
    pub end: i64,
    /// The events; their `t` is lane time, too.
    pub batch: EventBatch,
}

impl EventBatch {
    /// Empties the batch and keeps its memory.
    pub fn clear(&mut self) {
        self.events.clear();
        self.triggers.clear();
        self.non_monotonic = false;
    }
}
