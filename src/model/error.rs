//! Why a bundle was refused or a network could not run.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::Digest;
use super::nn::program;

/// Why a bundle was refused or a network could not run. Every message names the file and what to
/// do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// File.
        path: PathBuf,
        /// Its reason.
        source: io::Error,
    },
    /// A file is too large to be what it claims, or no regular file at all.
    #[error("{path}: must be a regular file of at most {limit} bytes", path = path.display())]
    NotThisFile {
        /// File.
        path: PathBuf,
        /// Largest size accepted.
        limit: u64,
    },
    /// The manifest does not parse; the parser names line and key.
    #[error("{path}: {source}", path = path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What the parser said.
        source: Box<toml::de::Error>,
    },
    /// The manifest parses, but a value in it cannot be.
    #[error("{path}: line {line}: {key}: {problem}", path = path.display())]
    ManifestValue {
        /// The manifest.
        path: PathBuf,
        /// Line of the value, from 1.
        line: usize,
        /// Key of the value.
        key: String,
        /// What is wrong, with both sides.
        problem: String,
    },
    /// The weights are not the ones that the manifest was written for.
    #[error(
        "{path}: SHA-256 is {got}, but the manifest says {stated}; the file was damaged or \
         exchanged, fetch the bundle again",
        path = path.display()
    )]
    Hash {
        /// The weights.
        path: PathBuf,
        /// What the manifest says.
        stated: Digest,
        /// What the file has.
        got: Digest,
    },
    /// Nobody who is trusted has signed the bundle.
    #[error("{path}: {problem}", path = path.display())]
    Signature {
        /// The signature.
        path: PathBuf,
        /// What is wrong, and what to do.
        problem: &'static str,
    },
    /// The weights are no valid safetensors file.
    #[error("{path}: not a safetensors file: {source}", path = path.display())]
    Safetensors {
        /// The weights.
        path: PathBuf,
        /// What the parser said.
        source: safetensors::SafeTensorError,
    },
    /// The weights are not those of the network.
    #[error(
        "{path}: not the weights of `{network}`, preset `{preset}`:{faults}",
        path = path.display(), faults = Listed(faults)
    )]
    Weights {
        /// The weights.
        path: PathBuf,
        /// Row of [`MODELS`](super::MODELS).
        network: &'static str,
        /// Its preset.
        preset: String,
        /// All that is wrong, ordered by name.
        faults: Vec<Fault>,
    },
    /// The input has another shape than the network.
    #[error("input has shape {got:?}, but `{network}` takes {expected:?}")]
    Input {
        /// Row of [`MODELS`](super::MODELS).
        network: &'static str,
        /// Shape given.
        got: Vec<usize>,
        /// Shape taken.
        expected: Vec<usize>,
    },
    /// The caller's place for scores has another length than the network's result.
    #[error("`{network}` gives {got} scores, but there is room for {room}")]
    Scores {
        /// Row of [`MODELS`](super::MODELS).
        network: &'static str,
        /// Scores that the network gives.
        got: usize,
        /// Scores that the caller expected.
        room: usize,
    },
    /// A NaN or an infinity.
    #[error("{what} of `{network}` holds a number that is not finite")]
    NotFinite {
        /// Row of [`MODELS`](super::MODELS).
        network: &'static str,
        /// Input or scores.
        what: &'static str,
    },
    /// The network could not be compiled or run: a bug in its definition.
    #[error("`{network}`: {source}")]
    Program {
        /// Row of [`MODELS`](super::MODELS).
        network: &'static str,
        /// What was wrong.
        source: Box<program::Error>,
    },
    /// candle failed: a bug in the network's definition.
    #[error("`{network}`: {source}")]
    Candle {
        /// Row of [`MODELS`](super::MODELS).
        network: &'static str,
        /// What candle said.
        source: Box<candle_core::Error>,
    },
}

impl Error {
    /// For `map_err` on file operations.
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    /// For `map_err` on compiled programs.
    pub(super) fn program(network: &'static str) -> impl FnOnce(program::Error) -> Self {
        move |source| Self::Program { network, source: Box::new(source) }
    }

    /// For `map_err` on candle's operations.
    pub(super) fn candle(network: &'static str) -> impl FnOnce(candle_core::Error) -> Self {
        move |source| Self::Candle { network, source: Box::new(source) }
    }
}

/// What is wrong with one weight of a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The network needs it, the file lacks it.
    #[error("{name} {shape:?} is missing")]
    Missing {
        /// Weight.
        name: String,
        /// Shape that the network needs.
        shape: Vec<usize>,
    },
    /// The file has it, the network knows nothing of it.
    #[error("{name} {shape:?} is not part of the network")]
    Extra {
        /// Weight.
        name: String,
        /// Shape in the file.
        shape: Vec<usize>,
    },
    /// Both have it, in different shapes.
    #[error("{name} has shape {got:?}, not {expected:?}")]
    Shape {
        /// Weight.
        name: String,
        /// Shape in the file.
        got: Vec<usize>,
        /// Shape that the network needs.
        expected: Vec<usize>,
    },
    /// Neither 32-bit nor 16-bit floats.
    #[error("{name} is of type {got}, neither F32 nor F16")]
    Type {
        /// Weight.
        name: String,
        /// Type in the file.
        got: String,
    },
    /// A NaN or an infinity among its numbers.
    #[error("{name} holds a number that is not finite")]
    NotFinite {
        /// Weight.
        name: String,
    },
}

/// One fault per line.
struct Listed<'f>(&'f [Fault]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}
