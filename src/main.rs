//! Parses arguments, does what was asked, and turns a failure into an exit status.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use tracing_subscriber::EnvFilter;
use visaged::command::Cli;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Standard output carries results, so that it can be piped; logs go beside it.
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("visaged=info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
    match cli.execute() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            // Nothing is left to be done if standard error is closed too.
            drop(writeln!(std::io::stderr(), "visaged: {failure}"));
            ExitCode::from(failure.exit_code())
        }
    }
}
