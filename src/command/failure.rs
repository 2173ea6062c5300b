//! Why a command failed, and the exit status that says so.

use std::io;
use std::path::PathBuf;

use crate::{config, daemon, dsp, pipeline, recording, sensor, sink};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The arguments contradict each other or the recording.
    #[error("{0}")]
    Usage(String),
    /// A recording.
    #[error(transparent)]
    Sensor(#[from] sensor::Error),
    /// A recording of our own.
    #[error("{path}: {source}", path = path.display())]
    Recording {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: recording::ReadError,
    },
    /// A recording of our own cannot be written.
    #[error("{path}: {source}", path = path.display())]
    Convert {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: recording::WriteError,
    },
    /// The configuration.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// The daemon.
    #[error(transparent)]
    Daemon(#[from] daemon::Error),
    /// The pipeline cannot work with these recordings.
    #[error(transparent)]
    Pipeline(#[from] pipeline::PlanError),
    /// A kernel cannot work with this recording.
    #[error(transparent)]
    Radar(#[from] dsp::radar::Error),
    /// A message.
    #[error(transparent)]
    Encode(#[from] sink::EncodeError),
    /// The output file.
    #[error("{path}: {source}", path = path.display())]
    Output {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A running daemon cannot be asked.
    #[error(transparent)]
    Ask(#[from] sink::zmq::control::AskError),
    /// A running daemon refuses.
    #[error("the daemon refuses to {command}: {problem}")]
    Refused {
        /// What was asked.
        command: String,
        /// Its words.
        problem: String,
    },
    /// A signing key.
    #[error(transparent)]
    Key(#[from] sink::signing::KeyError),
    /// A file that was named, and what is wrong in it.
    #[error("{path}: {problem}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A guided session that cannot be used.
    #[error("{0}")]
    Session(String),
    /// Standard output.
    #[error("cannot write to standard output: {0}")]
    Stdout(io::Error),
}

impl Failure {
    /// 2 for usage, 3 for bad input, 1 otherwise.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Sensor(_)
            | Self::File { .. }
            | Self::Recording { .. }
            | Self::Config(_)
            | Self::Key(_)
            | Self::Pipeline(_)
            | Self::Radar(_) => 3,
            Self::Daemon(error) => match error {
                daemon::Error::Sensor { .. }
                | daemon::Error::NoSensor
                | daemon::Error::Bundle(_)
                | daemon::Error::Key(_)
                | daemon::Error::Pipeline(_) => 3,
                daemon::Error::Publish(_)
                | daemon::Error::State { .. }
                | daemon::Error::Control { .. }
                | daemon::Error::Encode(_)
                | daemon::Error::Thread(_)
                | daemon::Error::Web(_) => 1,
            },
            Self::Ask(_)
            | Self::Convert { .. }
            | Self::Refused { .. }
            | Self::Encode(_)
            | Self::Output { .. }
            | Self::Session(_)
            | Self::Stdout(_) => 1,
        }
    }

    /// True if nobody reads standard output any more, as in `visaged replay ... | head`.
    #[must_use]
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Stdout(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}
