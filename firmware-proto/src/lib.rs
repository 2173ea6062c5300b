//! The wire protocol between the sensor microcontroller and the daemon.
//!
//! Firmware and daemon share this crate; a firmware team that writes C ships `c/visaged_proto.c`,
//! which is held to the same golden vectors. `WIRE.md` is the specification.
//!
//! ```
//! use firmware_proto::{Decoder, Encoder, Message, TimeRequest, MAX_WIRE};
//!
//! let mut wire = [0; MAX_WIRE];
//! let request = Message::TimeRequest(TimeRequest { host_send_ns: 7 });
//! let used = Encoder::new().encode(0, 0, &request, &mut wire)?;
//!
//! let mut decoder: Decoder = Decoder::new();
//! let mut bytes = &wire[..used];
//! while let Some(found) = decoder.push(&mut bytes) {
//!     assert_eq!(found.map(|frame| frame.message), Ok(request));
//! }
//! # Ok::<(), firmware_proto::EncodeError>(())
//! ```
//!
//! Features, both on by default: `fast-crc` (16 KiB of tables for hosts; without it 1 KiB) and
//! `auth` (keyed BLAKE3 tags). Firmware turns the defaults off.
//!
//! Every refused frame is counted by reason in [`Counts`]; nothing is lost in silence.
#![no_std]
#![forbid(unsafe_code)]

mod assembler;
#[cfg_attr(not(feature = "auth"), path = "no_auth.rs")]
mod auth;
mod bits;
mod cobs;
mod crc32c;
mod decoder;
pub mod delta_rice;
mod encoder;
mod fields;
mod header;
mod messages;
pub mod raw12;
mod refusal;
mod samples;
mod sequence;

pub use assembler::{AssembledFrame, AssemblerCounts, FrameAssembler, Lost};
#[cfg(feature = "auth")]
pub use auth::{Direction, Nonce, Signer, Verifier};
pub use crc32c::crc32c;
pub use decoder::{Decoder, Frame};
pub use encoder::{EncodeError, Encoder, encode};
pub use header::{
    FLAG_AUTHENTICATED, HEADER_LEN, Header, MAGIC_VERSION, MAX_FRAME, MAX_WIRE, TAG_LEN,
};
pub use messages::{
    Ack, Config, ConfigBody, EventBlock, EventConfig, EventFormat, FrameEnd, Hello, HelloRequest,
    Log, LogLevel, Message, Nak, NakReason, RadarConfig, RadarSlice, SensorEvent, SensorEventKind,
    Source, TimeReply, TimeRequest, capability, frame_flag, message_type,
};
pub use refusal::{Counts, Refusal};
pub use samples::{Encoding, SampleError, Shape, encode_samples};
pub use sequence::{Gap, SequenceCheck};

/// Protocol version spoken by this crate: major and minor.
pub const PROTOCOL_VERSION: (u8, u8) = (1, 0);

/// CRC-32C of `schema.txt`: two sides with the same hash agree on every field of every message.
pub const SCHEMA_HASH: u32 = crc32c::bitwise(include_bytes!("../schema.txt"));

#[cfg(doctest)]
#[doc = include_str!("../WIRE.md")]
struct WireSpecification;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
