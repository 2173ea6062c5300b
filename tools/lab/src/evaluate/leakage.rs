//! Refuses to judge what a bundle was made from; `split` refuses the rest: persons and raw data.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context as _, Result, ensure};
use visaged::model::Digest;

use crate::split::{Member, Part};

/// Refuses recordings of the test of which a raw file is one of `seen`.
///
/// # Errors
/// Names the recording; or a raw file cannot be read.
pub(crate) fn refuse_seen(members: &[Member], seen: &BTreeSet<Digest>) -> Result<()> {
    if seen.is_empty() {
        return Ok(());
    }
    for member in members.iter().filter(|member| member.part == Part::Test) {
        let id = &member.recording.id;
        for file in member.files() {
            let bytes = fs::read(&file).with_context(|| format!("{}", file.display()))?;
            ensure!(
                !seen.contains(&Digest::of(&bytes)),
                "the bundle was made from {}: `{id}` cannot test it; take it out of the test",
                file.display()
            );
        }
    }
    Ok(())
}
