//! Radar and event-camera fusion: who sits there, and which expression they pose.

#![forbid(unsafe_code)]

pub mod data;
pub mod dsp;
pub mod model;
pub mod sensor;
pub mod sink;
pub mod sync;
pub mod units;
