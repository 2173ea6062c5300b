//! Why a recording cannot be written or read.

use std::io;

/// Why an entry could not be written. The recording behind it cannot be used any more.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Disk or file system.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The container.
    #[error("cannot write the recording: {0}")]
    Container(mcap::McapError),
    /// What opens the recording cannot be encoded.
    #[error("cannot encode the opening of the recording: {0}")]
    Opening(#[from] rmp_serde::encode::Error),
    /// A schema cannot be encoded.
    #[error("cannot encode a schema: {0}")]
    Schema(#[from] serde_json::Error),
    /// More sensors than the layout can number.
    #[error("{0} sensors are configured, a recording can hold 65535")]
    Sources(usize),
}

impl From<mcap::McapError> for WriteError {
    fn from(error: mcap::McapError) -> Self {
        match error {
            mcap::McapError::Io(error) => Self::Io(error),
            error => Self::Container(error),
        }
    }
}

/// Why a recording cannot be read, or not further.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The container is damaged, which a crash does not do: it only cuts.
    #[error("byte {at}: {problem}; the file was damaged after it was written, all before is good")]
    Damaged {
        /// How far was read, in bytes.
        at: u64,
        /// What is wrong.
        problem: mcap::McapError,
    },
    /// An entry that no writer of this layout writes.
    #[error(
        "byte {at}: an entry of `{topic}` does not follow layout {layout}; the file was damaged or changed"
    )]
    Entry {
        /// How far was read, in bytes.
        at: u64,
        /// The channel.
        topic: String,
        /// The layout.
        layout: u16,
    },
    /// No entry, or one before the opening.
    #[error(
        "this MCAP file does not start as a recording of visaged does; convert recordings with `visaged convert`"
    )]
    NotOurs,
    /// The opening does not decode.
    #[error("cannot read the opening of the recording: {0}")]
    Opening(rmp_serde::decode::Error),
    /// Another layout.
    #[error(
        "the recording has layout {is}, this version reads {known}; replay it with visaged {version}"
    )]
    Layout {
        /// As recorded.
        is: u16,
        /// What we read.
        known: u16,
        /// The program that wrote it.
        version: String,
    },
}
