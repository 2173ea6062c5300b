//! `visaged convert`: recordings of any kind into one of our own.

use std::fs::{self, File, OpenOptions};
use std::io::BufWriter;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::Failure;
use super::lockstep;
use super::open::{self, Headerless};
use crate::config::Config;
use crate::daemon::{self, Prepared};
use crate::data::{Input, Reading};
use crate::pipeline::Pipeline;
use crate::recording::{Packed, Writer};
use crate::sink::Stamper;
use crate::units::Micros;

/// Writes recordings into one MCAP file that holds what the pipeline is told in lock-step, what it
/// says, and pictures of its maps.
///
/// Replayed, the file says what a replay of the recordings says. Two conversions of the same
/// recordings give identical files.
#[derive(Debug, clap::Args)]
#[command(after_help = open::help(EXAMPLES))]
pub(super) struct Args {
    /// Recordings, files or folders, and last the file to write; it must not exist.
    #[arg(required = true, num_args = 2.., value_name = "IN... OUT.mcap")]
    paths: Vec<PathBuf>,
    /// Settings of pipeline and model; its sensors are replaced by the recordings.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    headerless: Headerless,
}

const EXAMPLES: &str = "\
Examples:
  visaged convert radar_folder/ events.raw visit.mcap
  visaged convert dump.bin dump.mcap --format evt21-little --geometry 320x320";

/// Recorded time between two pictures of a map.
const PREVIEW_PERIOD: Micros = Micros::from_millis(500);

pub(super) fn execute(args: &Args) -> Result<(), Failure> {
    let Some((out, recordings)) = args.paths.split_last() else {
        return Err(Failure::Usage("name recordings and a file to write".to_owned()));
    };
    let mut config = match &args.config {
        Some(file) => Config::load(file)?,
        None => Config::default(),
    };
    config.sensors = open::recordings(recordings, &args.headerless)?;
    let prepared = daemon::prepare(&config)?;
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(out);
    let file = file.map_err(|source| Failure::Output { path: out.clone(), source })?;
    let result = convert(&config, prepared, file, out);
    if result.is_err() {
        // What there is of it must not be taken for the recording.
        drop(fs::remove_file(out));
    }
    result
}

fn convert(config: &Config, prepared: Prepared, file: File, path: &Path) -> Result<(), Failure> {
    let failure = |source| Failure::Convert { path: path.to_owned(), source };
    let opening = daemon::opening(config, &prepared, Stamper::REPLAY, Micros(0));
    let writer = Writer::start(BufWriter::new(file), &opening, 0).map_err(failure)?;
    let mut tape = Tape { writer, number: 0, now: 0, pictured: None };
    let Prepared { sensors, mut pipeline, .. } = prepared;
    let mut stamper = Stamper::new(Stamper::REPLAY);
    let mut out = Vec::new();
    lockstep::drive(config, sensors, &mut pipeline, |pipeline, input| {
        tape.input(&input).map_err(failure)?;
        pipeline.take(input, &mut out);
        for message in out.drain(..) {
            let published = message.recorded;
            let envelope = stamper.stamp(message, published);
            let line = envelope.to_json_line()?;
            let entry = Packed::published(&envelope.topic, line, tape.now);
            tape.writer.write(&entry).map_err(failure)?;
        }
        tape.pictures(pipeline).map_err(failure)?;
        Ok(true)
    })?;
    let file = tape.writer.finish().map_err(failure)?;
    let file = file.into_inner().map_err(|error| failure(error.into_error().into()))?;
    file.sync_all().map_err(|error| failure(error.into()))
}

/// The file, and how far it is.
struct Tape {
    writer: Writer<BufWriter<File>>,
    number: u64,
    /// The newest device time that was read: no clock of ours goes into the file, so that two
    /// conversions give the same bytes.
    now: i64,
    pictured: Option<i64>,
}

impl Tape {
    fn input(&mut self, input: &Input) -> Result<(), crate::recording::WriteError> {
        let stamp = match input {
            Input::Reading { reading: Reading::Radar(frame), .. } => Some(frame.stamp.as_micros()),
            Input::Reading { reading: Reading::Events(batch), .. } => {
                batch.events.last().map(|event| event.t)
            }
            _ => None,
        };
        self.now = self.now.max(stamp.unwrap_or(0));
        self.writer.write(&Packed::input(self.number, input, self.now))?;
        self.number += 1;
        Ok(())
    }

    fn pictures(&mut self, pipeline: &Pipeline) -> Result<(), crate::recording::WriteError> {
        if self.pictured.is_some_and(|at| self.now.saturating_sub(at) < PREVIEW_PERIOD.0) {
            return Ok(());
        }
        for (source, map) in pipeline.range_doppler_maps() {
            self.pictured = Some(self.now);
            self.writer.write(&Packed::preview(source, map, self.now))?;
        }
        Ok(())
    }
}
