//! `visaged check`: is this configuration file right?

use std::io::Write as _;
use std::path::PathBuf;

use super::Failure;
use crate::config::Config;
use crate::sink::signing::PrivateKey;

/// Reads a configuration file, checks every value and the signing key, and opens nothing.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

pub(super) fn execute(args: &Args) -> Result<(), Failure> {
    let config = Config::load(&args.config)?;
    let key = config.publish.signing_key.as_deref().map(PrivateKey::read).transpose()?;
    writeln!(
        std::io::stdout(),
        "{}: good; sensors: {}, endpoints: {}{}",
        args.config.display(),
        config.sensors.len(),
        config.publish.endpoints.len(),
        key.map(|key| format!(", signed by key {}", key.id())).unwrap_or_default()
    )
    .map_err(Failure::Stdout)
}
