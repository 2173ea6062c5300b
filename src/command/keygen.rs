//! `visaged keygen`: keys for the signatures on messages.

use std::io::Write as _;
use std::path::PathBuf;

use super::Failure;
use crate::sink::signing::PrivateKey;

/// Makes a private key for `[publish] signing-key`, or shows the public key of one.
///
/// The public key goes to receivers, over a way that nobody can tamper with. The private key stays
/// on this machine; its file has mode 0600 and is never overwritten. `openssl rand -hex 32` makes one
/// as well.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Write a new private key to this file.
    #[arg(long, value_name = "FILE", required_unless_present = "show")]
    out: Option<PathBuf>,
    /// Show the public key of this private key.
    #[arg(long, value_name = "FILE", conflicts_with = "out")]
    show: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  visaged keygen --out /etc/visaged/signing.key
  visaged keygen --show /etc/visaged/signing.key       what receivers need to know";

pub(super) fn execute(args: &Args) -> Result<(), Failure> {
    let key = match (&args.out, &args.show) {
        (Some(path), _) => PrivateKey::create(path)?,
        (None, Some(path)) => PrivateKey::read(path)?,
        (None, None) => return Err(Failure::Usage("say --out FILE or --show FILE".to_owned())),
    };
    writeln!(std::io::stdout(), "key-id {}\npublic-key {}", key.id(), key.public())
        .map_err(Failure::Stdout)
}
