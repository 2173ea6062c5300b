//! `MODEL-CARD.md` of a bundle: what each network is, what taught it, and what it must not be used for.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::{Manifest, NetworkRow};
use crate::train::Run;

/// The file's name in a bundle.
const FILE: &str = "MODEL-CARD.md";

/// Writes the card of the networks in `manifest`, of which each was trained by its run.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn write(folder: &Path, manifest: &Manifest, runs: &[Run]) -> Result<()> {
    let mut text = String::from(HEAD);
    for (network, run) in manifest.networks.iter().zip(runs) {
        describe(&mut text, network, run)?;
    }
    let path = folder.join(FILE);
    std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}

const HEAD: &str = "\
# Model card

Written by `lab bundle` from the runs themselves. How well the networks do is in no card: it is measured
by `lab eval`, on recordings that took no part in making them, and stands in its report.

**Meant for**: a hint, with measured error rates, whether the one enrolled person sits in front of the
sensors, and which pose their face resembles. **Not for**: access decisions, safety functions, the
workplace or education, or saying what anybody feels: labels name posed facial expressions.

The weights of an authentication are a biometric template of the person whom they were trained on.
";

fn describe(text: &mut String, network: &NetworkRow, run: &Run) -> Result<()> {
    let NetworkRow { name, role, preset, trained_on, classes, sha256, .. } = network;
    writeln!(text, "\n## `{role}`: {name}, preset `{preset}`\n")?;
    writeln!(text, "- Trained on: {trained_on}")?;
    writeln!(
        text,
        "- Recordings that taught it ({}): {}",
        run.trained_on.len(),
        run.trained_on.join(", ")
    )?;
    writeln!(text, "- Enrolled person: `{}`", run.enrolled)?;
    if let Some(from) = &run.from {
        writeln!(text, "- Began with the weights of another run: `{}`", from.display())?;
    }
    writeln!(text, "- Scores: {}", classes.join(", "))?;
    writeln!(text, "- Weights: SHA-256 {sha256}")?;
    let recipe = toml::to_string(&run.recipe)? + &toml::to_string(&run.technique)?;
    writeln!(text, "\n```toml\n{recipe}```")?;
    Ok(())
}
