//! `lab`: makes data sets, and networks out of them. One file or folder per subcommand.

mod dataset;
mod evaluate;
mod progress;
mod twin;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Makes data sets, and networks out of them, for visaged.
#[derive(Debug, Parser)]
#[command(name = "lab", version)]
struct Lab {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Records simulated persons with a simulated radar and event camera.
    Twin(twin::Options),
    /// Says what a bundle is worth, on recordings that took no part in making it.
    Eval(evaluate::Options),
}

fn main() -> Result<()> {
    match Lab::parse().command {
        Command::Twin(options) => twin::run(&options),
        Command::Eval(options) => evaluate::run(&options),
    }
}
