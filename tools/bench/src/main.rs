//! How fast the kernels, the decoders and the pipeline are, by workload.

mod clock;
mod inputs;
mod report;
mod workload;
mod workloads;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use clock::Effort;
use inputs::Inputs;
use report::Line;
use workload::{Error, Workload};

/// Measures how fast the kernels, the decoders and the pipeline of visaged are.
///
/// Workloads read the recordings in `../shared/data` beside the repository; those whose recording
/// is absent are skipped and counted. Run it pinned to one CPU: `taskset -c 1`.
#[derive(Debug, Parser)]
struct Args {
    /// Name the workloads and stop.
    #[arg(long)]
    list: bool,
    /// Only workloads whose name starts so.
    #[arg(long, value_name = "NAME-PREFIX", default_value = "")]
    only: String,
    /// Every workload at least once, one second in all, one line of output.
    #[arg(long, conflicts_with = "seconds")]
    smoke: bool,
    /// Time for each workload.
    #[arg(long, value_name = "S", default_value_t = 1.0, value_parser = seconds)]
    seconds: f64,
    /// One JSON object per workload instead of a table.
    #[arg(long)]
    json: bool,
    /// Write the inputs that are made at run time to this folder, for other decoders, and stop.
    #[arg(long, value_name = "FOLDER")]
    write_inputs: Option<PathBuf>,
}

fn seconds(text: &str) -> Result<f64, String> {
    let parsed = text.parse().ok().filter(|s: &f64| (0.0..=3600.0).contains(s));
    parsed.ok_or_else(|| "write a number of seconds from 0 to 3600".to_owned())
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        // `| head` closes the pipe; that is no fault.
        Err(Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            drop(writeln!(io::stderr(), "visaged-bench: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Error> {
    let inputs = Inputs::beside_the_repository();
    let mut out = io::stdout().lock();
    if let Some(folder) = &args.write_inputs {
        for path in inputs.write(folder)? {
            writeln!(out, "{}", path.display())?;
        }
        return Ok(());
    }
    let chosen: Vec<&Workload> =
        workloads::ALL.iter().filter(|workload| workload.name.starts_with(&args.only)).collect();
    if chosen.is_empty() {
        return Err(Error::NoWorkload(args.only.clone()));
    }
    if args.list {
        for workload in chosen {
            writeln!(out, "{}", workload.name)?;
        }
        return Ok(());
    }
    measure(args, &inputs, &chosen, &mut out)
}

/// Runs each workload in turn and prints its line as soon as it is known.
fn measure(
    args: &Args,
    inputs: &Inputs,
    chosen: &[&Workload],
    out: &mut impl Write,
) -> Result<(), Error> {
    let mut skipped = 0;
    for workload in chosen {
        let Some(mut job) = (workload.prepare)(inputs)? else {
            skipped += 1;
            continue;
        };
        let effort = if args.smoke {
            Effort::smoke(Duration::from_secs(1), chosen.len())
        } else {
            Effort::thorough(Duration::from_secs_f64(args.seconds))
        };
        let line = Line::new(workload.name, job.amount, &clock::measure(effort, &mut job.run));
        match (args.smoke, args.json) {
            (_, true) => writeln!(out, "{}", line.to_json()?)?,
            (true, false) => {}
            (false, false) => writeln!(out, "{line}")?,
        }
        out.flush()?;
    }
    if !args.json {
        let ran = chosen.len() - skipped;
        writeln!(out, "{ran} workloads ran, {skipped} skipped for want of a recording")?;
    }
    Ok(())
}
