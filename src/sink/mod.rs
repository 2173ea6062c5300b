//! Where results go: ZeroMQ topics, JSON lines, recordings and the live page, all from the same
//! envelope; and the metrics.

mod board;
mod envelope;
pub mod metrics;
pub mod recorder;
pub mod web;
pub mod zmq;

pub use board::Board;
pub use envelope::{EncodeError, Encoding, Envelope, Stamper};
