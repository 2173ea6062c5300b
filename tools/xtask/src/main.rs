//! Project chores: `cargo xtask --help`.

mod golden;
mod scene;
mod schema;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(about = "Project chores")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Makes the shipped demo scene again: configs/scenes/demo.
    Scene,
    /// Compares what is said about scenes, formats and faults with tests/golden/{demo,scenes}.
    Golden {
        /// Writes the files instead; review the difference like code.
        #[arg(long)]
        bless: bool,
    },
    /// Writes the JSON Schema of all published messages: configs/schema/v1.json.
    Schema,
}

fn main() -> Result<()> {
    match Cli::parse().chore {
        Chore::Scene => scene::write(&root().join("configs/scenes/demo")),
        Chore::Golden { bless } => golden::run(&root(), bless),
        Chore::Schema => schema::write(&root().join("configs/schema/v1.json")),
    }
}

/// The repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
