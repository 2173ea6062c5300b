//! `visaged check`: is this configuration file right?

use std::io::Write as _;
use std::path::PathBuf;

use super::Failure;
use crate::config::Config;

/// Reads a configuration file, checks every value, and opens nothing.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

pub(super) fn execute(args: &Args) -> Result<(), Failure> {
    let config = Config::load(&args.config)?;
    writeln!(
        std::io::stdout(),
        "{}: good; sensors: {}, endpoints: {}",
        args.config.display(),
        config.sensors.len(),
        config.publish.endpoints.len()
    )
    .map_err(Failure::Stdout)
}
