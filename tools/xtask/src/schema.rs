//! The JSON Schema of everything that is published, generated from the types.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use visaged::data::message::schema_json;

pub(crate) fn write(file: &Path) -> Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(file, schema_json()?).with_context(|| format!("cannot write {}", file.display()))
}
