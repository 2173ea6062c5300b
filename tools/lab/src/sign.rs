//! `lab sign`: says who made a bundle, once nothing in it changes any more.

use std::path::PathBuf;

use crate::progress::say;
use anyhow::{Context as _, Result};
use clap::Args;
use visaged::model::Bundle;
use visaged::model::bundle::signature::{FILE, PREFIX};
use visaged::sink::signing::PrivateKey;

/// What to sign, and who does.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The bundle, calibrated.
    bundle: PathBuf,
    /// Private key, as `visaged keygen --out FILE` makes it.
    #[arg(long)]
    key: PathBuf,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    // A bundle that the daemon would refuse is not worth a signature.
    Bundle::load(&options.bundle)?;
    let key = PrivateKey::read(&options.key)?;
    let manifest = options.bundle.join("manifest.toml");
    let text = std::fs::read(&manifest).with_context(|| format!("{}", manifest.display()))?;
    let path = options.bundle.join(FILE);
    std::fs::write(&path, key.sign(&[PREFIX, &text].concat()) + "\n")
        .with_context(|| format!("cannot write {}", path.display()))?;
    Bundle::load_signed(&options.bundle, &key.public())?;
    say(&format!(
        "write into the daemon's configuration:\n\n  [model]\n  signed-by = \"{}\"\n",
        key.public()
    ));
    Ok(())
}
