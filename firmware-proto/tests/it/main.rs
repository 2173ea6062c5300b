//! The protocol seen from outside: vectors, damaged streams, the C code, a real recording.
#![expect(
    clippy::unwrap_used,
    reason = "test helpers: clippy's exception for tests sees `#[test]` functions only"
)]

mod assembler;
#[cfg(feature = "auth")]
mod auth;
mod c_code;
mod json;
mod recording;
mod samples;
mod stream;
mod support;
mod vectors;
