//! What networks see: one recipe for the daemon that runs them and the tool that trains them.

mod event;
mod radar;
mod steady;
mod target;

pub use event::EventInputs;
pub use radar::{RadarInputConfig, RadarInputs, Seen};
