//! `visaged check`: is this configuration file right?

use std::io::Write as _;
use std::path::PathBuf;

use super::Failure;
use crate::config::Config;
use crate::daemon;
use crate::sink::signing::PrivateKey;

/// Reads a configuration file, checks every value, and loads the model bundle and the signing key;
/// opens no sensor.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

pub(super) fn execute(args: &Args) -> Result<(), Failure> {
    let config = Config::load(&args.config)?;
    // Without sensors: whether the bundle fits them is known when they are opened.
    let (_pipeline, bundle) = daemon::plan(&config, &[])?;
    let key = config.publish.signing_key.as_deref().map(PrivateKey::read).transpose()?;
    writeln!(
        std::io::stdout(),
        "{}: good; sensors: {}, endpoints: {}, bundle: {}{}",
        args.config.display(),
        config.sensors.len(),
        config.publish.endpoints.len(),
        bundle.as_deref().unwrap_or("none"),
        key.map(|key| format!(", signed by key {}", key.id())).unwrap_or_default()
    )
    .map_err(Failure::Stdout)
}
