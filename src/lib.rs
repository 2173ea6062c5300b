//! Radar and event-camera fusion: who sits there, and which expression they pose.

#![deny(unsafe_code)] // `model::nn::kernels` lifts it, and says why

pub mod command;
pub mod config;
pub mod daemon;
pub mod data;
pub mod dsp;
pub mod fusion;
pub mod model;
pub mod pipeline;
pub mod sensor;
pub mod sink;
pub mod sync;
pub mod units;
