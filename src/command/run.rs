//! `visaged run`: the daemon.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use super::Failure;
use crate::config::Config;
use crate::daemon::{self, Console, Orders, Stop};

/// Runs until SIGINT or SIGTERM, or until all recordings have ended.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Configuration; without it the shipped demo scene.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print nothing on standard output.
    #[arg(long, short)]
    quiet: bool,
}

const EXAMPLES: &str = "\
Examples:
  visaged run                                          the shipped demo scene
  visaged run --quiet --config /etc/visaged/visaged.toml
  RUST_LOG=visaged=debug visaged run                   more on standard error";

/// The demo configuration, relative to the working directory or to the source tree.
const DEMO: &str = "configs/demo.toml";
/// The same, where a package puts it.
const INSTALLED: &str = "/usr/share/visaged/configs/demo.toml";

pub(super) fn execute(args: &Args) -> Result<(), Failure> {
    let file = configuration(args.config.as_ref());
    let config = Config::load(&file)?;
    let stop = Stop::default();
    let again = file.clone();
    let orders = Orders::new(move || Config::load(&again).map_err(|error| error.to_string()));
    // A terminal that closes ends what was started in it; a service is told to read again.
    let hung_up = stop.clone();
    let hang_up: Box<dyn Fn() + Send> = if std::io::stderr().is_terminal() {
        Box::new(move || hung_up.throw())
    } else {
        Box::new(orders.hang_up(&stop))
    };
    daemon::on_signals(&stop, hang_up).map_err(daemon::Error::Thread)?;
    tracing::info!(config = %file.display(), "starting");
    let mut console = Console::default();
    let mut stdout = std::io::stdout();
    daemon::run(config, &orders, &stop, |message| {
        if let Some(line) = console.see(message).filter(|_| !args.quiet) {
            // A closed terminal must not end the daemon.
            drop(writeln!(stdout, "{line}"));
        }
    })?;
    Ok(())
}

/// The file named on the command line, else the demo.
pub(super) fn configuration(named: Option<&PathBuf>) -> PathBuf {
    let (here, installed) = (Path::new(DEMO), Path::new(INSTALLED));
    match named {
        Some(file) => file.clone(),
        None if here.exists() => here.to_owned(),
        None if installed.exists() => installed.to_owned(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join(DEMO),
    }
}
