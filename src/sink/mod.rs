//! Where results go: ZeroMQ topics and JSON lines, both from the same envelope.

mod envelope;
pub mod zmq;

pub use envelope::{EncodeError, Encoding, Envelope, Stamper};
