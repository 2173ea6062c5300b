//! Recordings of our own: every input of a pipeline in an MCAP file, and what was said about it.
//!
//! ```text
//! /visaged/opening          who recorded: sensors, configuration, bundle, boot id (MessagePack)
//! /visaged/input            what the pipeline was told by no sensor in particular (LAYOUT.md)
//! /visaged/input/<sensor>   what a sensor delivered, lost or refused (LAYOUT.md)
//! /visaged/lost             what is missing here, and why (JSON)
//! /visaged/label            which expression was posed when, if somebody was guided (JSON)
//! /visaged/preview/<radar>  range-Doppler maps as pictures (JSON, foxglove.CompressedImage)
//! v1/...                    what was published, the lines that `visaged replay` prints (JSON)
//! ```
//!
//! The inputs alone decide what a pipeline says, so a recording replays to the same bytes. The rest
//! is for people and their viewers, and labels for those who learn from them. Clock fits are part of `v1/status/fused/`. Chunks are not
//! compressed: radar samples are noise, from which lz4 takes 11 %, and the C it needs is not worth
//! that; events are packed by their own words.

mod bytes;
mod clocks;
mod entry;
mod error;
mod events;
mod layout;
mod opening;
mod picture;
mod reader;
mod schemas;
mod writer;

pub use clocks::Clocks;
pub use entry::{Entry, Label, Loss, Packed, Published};
pub use error::{ReadError, WriteError};
pub use opening::Opening;
pub use picture::{grey, picture};
pub use reader::{Ending, Reader, is_recording};
pub use writer::Writer;

/// Version of `LAYOUT.md` and of [`Opening`].
pub const LAYOUT: u16 = 1;
