//! Radar and event-camera fusion: who sits there, and which expression they pose.

#![forbid(unsafe_code)]

pub mod command;
pub mod config;
pub mod daemon;
pub mod data;
pub mod dsp;
pub mod fusion;
pub mod model;
pub mod pipeline;
pub mod recording;
pub mod sensor;
pub mod sink;
pub mod sync;
pub mod units;
