//! `lab`: makes data sets, and networks out of them. One file or folder per subcommand.

mod bundle;
mod calibrate;
mod dataset;
mod enroll;
mod evaluate;
mod inputs;
mod memory;
mod progress;
mod scene;
mod sign;
mod split;
#[cfg(test)]
mod testing;
mod train;
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
    /// Computes what networks see of recordings.
    Inputs(inputs::Options),
    /// Says which recordings teach, calibrate and test.
    Split(split::Options),
    /// Trains one network.
    Train(train::Options),
    /// Packs trained networks for the daemon.
    Bundle(bundle::Options),
    /// Measures what a bundle's answers are worth.
    Calibrate(calibrate::Options),
    /// Makes a bundle out of a person's recordings, from inputs to the report.
    Enroll(enroll::Options),
    /// Signs a bundle that is finished.
    Sign(sign::Options),
    /// Records a visit of a simulated person, for the demo.
    Scene(scene::Options),
    /// Says what a bundle is worth, on recordings that took no part in making it.
    Eval(evaluate::Options),
}

fn main() -> Result<()> {
    match Lab::parse().command {
        Command::Twin(options) => twin::run(&options),
        Command::Inputs(options) => inputs::run(&options),
        Command::Split(options) => split::run(&options),
        Command::Train(options) => {
            memory::keep_freed()?;
            train::run(&options)
        }
        Command::Bundle(options) => bundle::run(&options),
        Command::Calibrate(options) => calibrate::run(&options),
        Command::Enroll(options) => {
            memory::keep_freed()?;
            enroll::run(&options)
        }
        Command::Sign(options) => sign::run(&options),
        Command::Scene(options) => scene::run(&options),
        Command::Eval(options) => evaluate::run(&options),
    }
}
