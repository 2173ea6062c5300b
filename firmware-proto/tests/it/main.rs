//! The protocol seen from outside: vectors, damaged streams, the C code, a real recording.

mod assembler;
#[cfg(feature = "auth")]
mod auth;
mod c_code;
mod json;
mod recording;
mod samples;
mod stream;
mod vectors;
