//! Where results go: ZeroMQ topics and JSON lines, both from the same envelope.

mod board;
mod envelope;
pub mod zmq;

pub use board::Board;
pub use envelope::{EncodeError, Encoding, Envelope, Stamper};
