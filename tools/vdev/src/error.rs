//! Why a virtual device cannot play.

use std::io;
use std::path::PathBuf;

use visaged::data::Modality;
use visaged::sensor;

/// Why a virtual device cannot play.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The recording.
    #[error(transparent)]
    Recording(#[from] sensor::Error),
    /// The recording is of the other kind of sensor.
    #[error("{path}: holds {held:?} data, this device plays {wanted:?} data; name another recording", path = path.display())]
    Modality {
        /// The recording.
        path: PathBuf,
        /// What it is of.
        held: Modality,
        /// What the device plays.
        wanted: Modality,
    },
    /// The device cannot carry such samples or pixels.
    #[error("{path}: {problem}; {remedy}", path = path.display())]
    Unfit {
        /// The recording.
        path: PathBuf,
        /// What does not fit, with both sides.
        problem: String,
        /// What to do.
        remedy: &'static str,
    },
    /// A port or its link.
    #[error("{path}: {source}", path = path.display())]
    Port {
        /// The link or the pseudo-terminal.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Something that is no link stands where the link should be.
    #[error("{path} is there and no link; remove it, or name another --link", path = path.display())]
    NoLink {
        /// Where the link should be.
        path: PathBuf,
    },
    /// A socket.
    #[error("{address}: {source}")]
    Socket {
        /// Where.
        address: String,
        /// The system's reason.
        source: io::Error,
    },
    /// An output file or stream.
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
}
