//! The first message of each part of a recording: everything needed to plan the same pipeline again.

use serde::{Deserialize, Serialize};

use crate::data::Source;

/// Who recorded, and with what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Opening {
    /// Version of the layout, [`LAYOUT`](super::LAYOUT).
    pub layout: u16,
    /// Version of the program.
    pub version: String,
    /// The `boot_id` of the published headers; the same in all parts of a run.
    pub boot_id: String,
    /// Number of this part of the run, from 0.
    pub part: u32,
    /// The sensors, in the order of the numbers by which inputs name them.
    pub sources: Vec<Source>,
    /// Text of the configuration file; empty for the defaults. Secrets in it are in the recording.
    pub config: String,
    /// Folder to which paths in the configuration are relative.
    pub folder: String,
    /// Digest of the model bundle.
    pub bundle: Option<String>,
    /// Unix time minus the host's monotonic time when recording began, microseconds: log times of
    /// messages are monotonic time plus this, so that they never step.
    pub unix_offset_us: i64,
}
