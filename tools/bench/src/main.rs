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
use workload::{Error, Job, Workload};

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
    #[arg(long, conflicts_with_all = ["seconds", "json"])]
    smoke: bool,
    /// Time for each workload.
    #[arg(long, value_name = "S", default_value_t = 1.0, value_parser = seconds)]
    seconds: f64,
    /// One JSON object per workload instead of a table.
    #[arg(long)]
    json: bool,
    /// Read this recording from the file instead: find out what it is, open it, decode it all.
    #[arg(long, value_name = "RECORDING", conflicts_with_all = ["only", "list", "smoke"])]
    file: Option<PathBuf>,
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
    if let Some(path) = &args.file {
        let mut job = workloads::from_file(path)?;
        return print(args, &path.display().to_string(), &mut job, &mut out);
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
    if args.smoke {
        smoke(&inputs, &chosen, &mut out)
    } else {
        measure(args, &inputs, &chosen, &mut out)
    }
}

/// Runs each workload for its share of a second.
fn smoke(inputs: &Inputs, chosen: &[&Workload], out: &mut impl Write) -> Result<(), Error> {
    let effort = Effort::smoke(Duration::from_secs(1), chosen.len());
    let mut ran = 0;
    for workload in chosen {
        if let Some(mut job) = (workload.prepare)(inputs)? {
            clock::measure(effort, &mut job.run);
            ran += 1;
        }
    }
    say_counts(ran, chosen.len(), out)
}

/// Runs each workload in turn and prints its line as soon as it is known.
fn measure(
    args: &Args,
    inputs: &Inputs,
    chosen: &[&Workload],
    out: &mut impl Write,
) -> Result<(), Error> {
    let mut ran = 0;
    for workload in chosen {
        if let Some(mut job) = (workload.prepare)(inputs)? {
            print(args, workload.name, &mut job, out)?;
            ran += 1;
        }
    }
    if args.json { Ok(()) } else { say_counts(ran, chosen.len(), out) }
}

fn print(args: &Args, name: &str, job: &mut Job, out: &mut impl Write) -> Result<(), Error> {
    let effort = Effort::thorough(Duration::from_secs_f64(args.seconds));
    let line = Line::new(name, job.amount, &clock::measure(effort, &mut job.run));
    if args.json {
        writeln!(out, "{}", line.to_json()?)?;
    } else {
        writeln!(out, "{line}")?;
    }
    Ok(out.flush()?)
}

fn say_counts(ran: usize, all: usize, out: &mut impl Write) -> Result<(), Error> {
    let skipped = all - ran;
    Ok(writeln!(out, "{ran} workloads ran, {skipped} skipped for want of a recording")?)
}
