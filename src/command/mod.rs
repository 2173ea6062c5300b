//! The command line: one file per subcommand.

mod check;
mod convert;
mod enroll;
mod export;
mod failure;
mod info;
mod keygen;
mod lockstep;
mod open;
mod progress;
mod record;
mod recorded;
mod replay;
mod run;
mod status;

use std::io;

use clap::{CommandFactory, Parser, Subcommand};

pub use failure::Failure;

/// Who sits there, and which expression they pose: radar and event-camera fusion as a daemon.
#[derive(Debug, Parser)]
#[command(name = "visaged", version, about, after_help = EXAMPLES)]
pub struct Cli {
    /// Without a subcommand: `run` with the shipped demo scene.
    #[command(subcommand)]
    command: Option<Command>,
}

const EXAMPLES: &str = "\
Examples:
  visaged                                     the shipped demo scene, published on tcp://127.0.0.1:5556
  visaged info RECORDING                      what a recording holds
  visaged replay radar_folder/ events.raw     the pipeline over recordings, results as JSON lines
  visaged record --out recordings/ --for 60   a minute of the demo scene in a file
  visaged enroll --guided --config lab.toml --out data --person anna
  visaged export radar_folder/ --what rdi --out maps.npy
  visaged check --config /etc/visaged/visaged.toml

Exit status: 0 success, 2 wrong usage, 3 bad input (recording, configuration, bundle), 1 otherwise.
Results are hints with measured error rates, never access decisions.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the daemon.
    Run(run::Args),
    /// Runs the configured sensors and records what they deliver and what is said about it.
    Record(record::Args),
    /// Records labelled sessions of a person, who is shown what to pose.
    Enroll(enroll::Args),
    /// Plays recordings through the pipeline in recorded time and prints each message as JSON.
    Replay(replay::Args),
    /// Says what a recording holds.
    Info(info::Args),
    /// Writes recordings of any kind into one of our own (MCAP).
    Convert(convert::Args),
    /// Writes maps, tensors or events of a recording to a NumPy file.
    Export(export::Args),
    /// Checks a configuration file.
    Check(check::Args),
    /// Says how a running daemon and its sensors are.
    Status(status::Args),
    /// Makes a running daemon read its configuration again.
    Reload(status::Args),
    /// Makes a running daemon start or stop recording.
    #[command(subcommand)]
    Recording(status::Recording),
    /// Makes a private key with which messages are signed, or shows the public key of one.
    Keygen(keygen::Args),
    /// Prints a completion script for a shell, e.g. `visaged completions bash`.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

impl Cli {
    /// Does what was asked.
    ///
    /// # Errors
    /// When it cannot be done; the failure knows its exit status.
    pub fn execute(self) -> Result<(), Failure> {
        match self.command {
            None => run::execute(&run::Args::default()),
            Some(Command::Run(args)) => run::execute(&args),
            Some(Command::Record(args)) => record::execute(&args),
            Some(Command::Enroll(args)) => enroll::execute(&args),
            Some(Command::Replay(args)) => replay::execute(&args),
            Some(Command::Info(args)) => info::execute(&args),
            Some(Command::Convert(args)) => convert::execute(&args),
            Some(Command::Export(args)) => export::execute(&args),
            Some(Command::Check(args)) => check::execute(&args),
            Some(Command::Status(args)) => status::status(&args),
            Some(Command::Reload(args)) => status::reload(&args),
            Some(Command::Recording(what)) => status::recording(&what),
            Some(Command::Keygen(args)) => keygen::execute(&args),
            Some(Command::Completions { shell }) => {
                let mut command = Self::command();
                clap_complete::generate(shell, &mut command, "visaged", &mut io::stdout());
                Ok(())
            }
        }
    }
}
