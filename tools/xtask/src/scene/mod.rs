//! The demo scene: one simulated visitor in front of both sensors, written as recordings.
//!
//! It exists so that `cargo run` shows something on a machine without hardware. It is a cartoon
//! with the right units, not a data set: nothing may be trained or evaluated on it.

mod event;
pub(crate) mod noise;
mod radar;
mod visitor;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

/// Length of the scene in seconds; both recordings end here, so that they can be repeated together.
const SECONDS: f64 = 15.0;

/// Writes both recordings into `folder`.
pub(crate) fn write(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    radar::write(&folder.join("radar"))?;
    event::write(&folder.join("event.raw"))
}
