//! Where results go: ZeroMQ topics, JSON lines and recordings, all from the same envelope.

mod board;
mod envelope;
pub mod recorder;
pub mod signing;
pub mod zmq;

pub use board::Board;
pub use envelope::{EncodeError, Encoding, Envelope, Stamper};
