//! Refuses to judge what a bundle was made from; `split` refuses the rest: persons and raw data.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use visaged::model::Digest;

use crate::split::{Member, Part};

/// Hashes that the manifest of the bundle in `folder` lists as `seen`; empty if it lists none.
///
/// # Errors
/// When the manifest cannot be read, or `seen` is no list of SHA-256.
pub(crate) fn seen(folder: &Path) -> Result<BTreeSet<String>> {
    let path = folder.join("manifest.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("{}", path.display()))?;
    let manifest: toml::Table = toml::from_str(&text)?;
    let Some(list) = manifest.get("seen") else { return Ok(BTreeSet::new()) };
    let wrong = || format!("{}: `seen` must be a list of SHA-256", path.display());
    let list = list.as_array().with_context(wrong)?;
    let hash = |value: &toml::Value| {
        let text = value.as_str().with_context(wrong)?;
        Digest::try_from(text.to_owned()).ok().with_context(wrong)?;
        Ok(text.to_owned())
    };
    list.iter().map(hash).collect()
}

/// Refuses recordings of the test of which a raw file is one of `seen`.
///
/// # Errors
/// Names the recording; or a raw file cannot be read.
pub(crate) fn refuse_seen(members: &[Member], seen: &BTreeSet<String>) -> Result<()> {
    if seen.is_empty() {
        return Ok(());
    }
    for member in members.iter().filter(|member| member.part == Part::Test) {
        let id = &member.recording.id;
        for file in member.files() {
            let bytes = fs::read(&file).with_context(|| format!("{}", file.display()))?;
            ensure!(
                !seen.contains(&Digest::of(&bytes).to_string()),
                "the bundle was made from {}: `{id}` cannot test it; take it out of the test",
                file.display()
            );
        }
    }
    Ok(())
}
