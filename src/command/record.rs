//! `visaged record`: the configured sensors into files.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use super::Failure;
use super::run::configuration;
use crate::config::Config;
use crate::daemon::{self, Console, Orders, Stop};
use crate::sink::recorder;

/// Runs the configured sensors until SIGINT or SIGTERM, and records what they deliver and what is
/// said about it. Nothing is published; to record while the daemon publishes, add `[record]` to its
/// configuration.
///
/// Recordings show a person: keep them only with that person's consent, and not for long.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Configuration; without it the shipped demo scene.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of the recordings, instead of the one in the configuration.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Stop after so many seconds.
    #[arg(long = "for", value_name = "SECONDS")]
    seconds: Option<u32>,
    /// Print nothing on standard output.
    #[arg(long, short)]
    quiet: bool,
}

const EXAMPLES: &str = "\
Examples:
  visaged record --out recordings/ --for 20            the shipped demo scene
  visaged record --config lab.toml                     where [record] of lab.toml says
  visaged info recordings/visaged-000001-*.mcap
  visaged replay recordings/visaged-000001-*.mcap";

pub(super) fn execute(args: &Args) -> Result<(), Failure> {
    let mut config = Config::load(&configuration(args.config.as_ref()))?;
    config.publish.endpoints.clear();
    config.control.endpoint = None;
    match (&mut config.record, &args.out) {
        (Some(record), out) => {
            record.at_start = true;
            if let Some(out) = out {
                record.folder.clone_from(out);
            }
        }
        (record @ None, Some(out)) => *record = Some(recorder::Config::into(out.clone())),
        (None, None) => {
            let problem = "the configuration has no [record]; say where with --out FOLDER";
            return Err(Failure::Usage(problem.to_owned()));
        }
    }
    let stop = Stop::default();
    let hung_up = stop.clone();
    daemon::on_signals(&stop, move || hung_up.throw()).map_err(daemon::Error::Thread)?;
    let orders = Orders::new(|| Err("a recording keeps its configuration".to_owned()));
    if let Some(seconds) = args.seconds {
        let stop = stop.clone();
        let timer = move || {
            let _thrown = stop.pause(Duration::from_secs(seconds.into()));
            stop.throw();
        };
        let thread = std::thread::Builder::new().name("timer".into()).spawn(timer);
        drop(thread.map_err(daemon::Error::Thread)?); // it ends by itself
    }
    let mut console = Console::default();
    let mut stdout = std::io::stdout();
    daemon::run(config, &orders, &stop, |message| {
        if let Some(line) = console.see(message).filter(|_| !args.quiet) {
            // A closed terminal must not end the recording.
            drop(writeln!(stdout, "{line}"));
        }
    })?;
    Ok(())
}
