//! Virtual sensors: recordings played over the real wire formats, with the accidents of real cables.
//!
//! ```text
//! recording -> tape -> board (firmware-proto) -> line (flips, noise) -> pty  -> visaged
//!                   -> dca1000, evt, dv                              -> sockets
//! ```
//!
//! The `vdev` program is for people who want to try the daemon without hardware; the integration
//! tests use the same code. Boards take the time as an argument, so tests may let it fly.
#![forbid(unsafe_code)]

pub mod board;
pub mod dca1000;
pub mod dv;
mod error;
pub mod line;
pub mod outlet;
pub mod pty;
pub mod random;
pub mod serial;
pub mod settings;
pub mod tape;
pub mod timing;
pub mod words;

pub use error::Error;
