//! What a workload is.

use std::io;
use std::path::PathBuf;

use crate::inputs::Inputs;

/// One row of the table of workloads.
pub(crate) struct Workload {
    /// Kernel or decoder first, then what it works on.
    pub(crate) name: &'static str,
    /// Reads or makes the input and plans the kernel; `None` where the recording is absent.
    pub(crate) prepare: fn(&Inputs) -> Result<Option<Job>, Error>,
}

/// A workload ready to run.
pub(crate) struct Job {
    /// One call does all of `amount`.
    pub(crate) run: Box<dyn FnMut()>,
    pub(crate) amount: Amount,
}

/// What one call gets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Amount {
    /// Radar frames: told in nanoseconds per frame.
    Frames(u32),
    /// Events: told in millions per second.
    Events(u32),
    /// Bytes of a wire: told in megabytes per second.
    Bytes(u32),
    /// A whole recording: told in nanoseconds.
    Recording,
}

impl Amount {
    /// `count` events.
    pub(crate) fn events(count: usize) -> Self {
        Self::Events(u32::try_from(count).unwrap_or(u32::MAX))
    }

    /// `count` bytes.
    pub(crate) fn bytes(count: usize) -> Self {
        Self::Bytes(u32::try_from(count).unwrap_or(u32::MAX))
    }
}

/// Why nothing could be measured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("no workload is called {0:?}...; see --list")]
    NoWorkload(String),
    #[error("{path}: {source}", path = path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{0}")]
    Output(#[from] io::Error),
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    #[error("{received} of {sent} frames came through the session")]
    Frames { sent: u32, received: u32 },
    #[error("a slice does not fit its buffer")]
    Slice,
    #[error("{0}")]
    Encode(#[from] firmware_proto::EncodeError),
    #[error("{0}")]
    Session(#[from] visaged::sensor::serial::Fault),
    #[error("{0}")]
    Settings(#[from] toml::de::Error),
    #[error("{0}")]
    Sensor(#[from] visaged::sensor::Error),
    #[error("{0}")]
    Write(#[from] visaged::sensor::evt::write::Error),
    #[error("{0}")]
    WriteRadar(#[from] visaged::sensor::infineon::write::WriteError),
    #[error("{0}")]
    Radar(#[from] visaged::dsp::radar::Error),
    #[error("{0}")]
    Program(#[from] visaged::model::nn::program::Error),
    #[error("no network comes as `{0}`")]
    Preset(&'static str),
    #[error("{0}")]
    Candle(#[from] candle_core::Error),
    #[error("{0}")]
    Plan(#[from] visaged::pipeline::PlanError),
}
