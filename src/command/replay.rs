//! `visaged replay`: recordings through the pipeline in lock-step.

use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::time::Duration;

use super::Failure;
use super::open::{self, Headerless};
use super::progress::Bar;
use crate::config::Config;
use crate::daemon::{self, Prepared, Stop, clock};
use crate::data::message::Message;
use crate::sink::zmq::{Endpoint, Publisher};
use crate::sink::{Encoding, Envelope, Stamper};

/// Plays recordings through the pipeline in recorded time.
///
/// Prints one JSON object per message, in the order of publishing. Several recordings are merged
/// by time; those without absolute time are aligned at their starts, and `v1/status/` says so.
/// Two replays print identical bytes. Messages also go out on ZeroMQ when endpoints are given.
#[derive(Debug, clap::Args)]
#[command(after_help = open::help(EXAMPLES))]
pub(super) struct Args {
    /// Recordings: files or folders.
    #[arg(required = true, value_name = "RECORDING")]
    recordings: Vec<PathBuf>,
    /// Settings of pipeline, model and publishing; its sensors are replaced by the recordings.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// `max` never sleeps; `real` plays at recorded speed.
    #[arg(long, value_enum, default_value_t = Speed::Max)]
    speed: Speed,
    /// Publish here instead of where the configuration says. Without either:
    /// port 5556 of this machine, if it is free.
    #[arg(long, value_name = "ENDPOINT")]
    publish: Vec<Endpoint>,
    /// Before the first message, wait so many seconds at most for a subscriber, so that it misses
    /// nothing even at `--speed max`.
    #[arg(long, value_name = "SECONDS", default_value_t = 0, conflicts_with = "no_publish")]
    await_subscriber: u16,
    /// Publish nothing.
    #[arg(long, conflicts_with = "publish")]
    no_publish: bool,
    #[command(flatten)]
    headerless: Headerless,
}

const EXAMPLES: &str = "\
Examples:
  visaged replay radar_folder/ events.raw > results.jsonl
  visaged replay radar_folder/ --config lab.toml --no-publish | jq .payload.slow.range_m
  visaged replay radar_folder/ events.raw --speed real --publish tcp://127.0.0.1:6000
  visaged replay radar_folder/ events.raw --await-subscriber 10 > /dev/null";

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Speed {
    Max,
    Real,
}

pub(super) fn execute(args: &Args) -> Result<(), Failure> {
    let mut config = match &args.config {
        Some(file) => Config::load(file)?,
        None => Config::default(),
    };
    config.sensors = open::recordings(&args.recordings, &args.headerless)?;
    let prepared = daemon::prepare(&config)?;
    let mut outlet = Outlet {
        stamper: Stamper::new(Stamper::REPLAY),
        stdout: BufWriter::new(std::io::stdout().lock()),
        publisher: publisher(args, &config)?,
        encoding: config.publish.encoding,
    };
    if let Some(publisher) = &outlet.publisher {
        for endpoint in publisher.bound() {
            tracing::info!(endpoint, "publishing");
        }
        let limit = Duration::from_secs(args.await_subscriber.into());
        if !publisher.await_subscriber(limit) && !limit.is_zero() {
            tracing::warn!("nobody has subscribed; replaying all the same");
        }
    }
    let mut pace = Pacing::new(args.speed).map_err(daemon::Error::Thread)?;
    drive(&config, prepared, |message| {
        if pace.wait_for(&message) {
            return Ok(false);
        }
        outlet.send(message, args.speed == Speed::Real).map(|()| true)
    })?;
    outlet.stdout.flush().map_err(Failure::Stdout)?;
    if let Some(publisher) = outlet.publisher {
        publisher.finish();
    }
    Ok(())
}

/// Reads whichever sensor the pipeline waits for until all have ended or `send` says stop.
fn drive(
    config: &Config,
    prepared: Prepared,
    mut send: impl FnMut(Message) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    let Prepared { mut sensors, mut pipeline } = prepared;
    let bars: Vec<_> =
        config.sensors.iter().zip(&sensors).map(|(c, s)| Bar::over(s.as_ref(), &c.name)).collect();
    let mut out = Vec::new();
    while let Some(source) = pipeline.hungry() {
        match sensors[source].read()? {
            Some(reading) => {
                pipeline.report(source, sensors[source].counts());
                pipeline.push(source, reading, &mut out);
                bars[source].show(sensors[source].as_ref());
            }
            None => {
                pipeline.report(source, sensors[source].counts());
                pipeline.end(source, &mut out);
            }
        }
        for message in out.drain(..) {
            if !send(message)? {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Where messages of a replay go.
struct Outlet<W> {
    stamper: Stamper,
    stdout: W,
    publisher: Option<Publisher>,
    encoding: Encoding,
}

impl<W: Write> Outlet<W> {
    fn send(&mut self, message: Message, at_once: bool) -> Result<(), Failure> {
        let published = message.recorded;
        let envelope: Envelope = self.stamper.stamp(message, published);
        writeln!(self.stdout, "{}", envelope.to_json_line()?).map_err(Failure::Stdout)?;
        if at_once {
            self.stdout.flush().map_err(Failure::Stdout)?;
        }
        if let Some(publisher) = &self.publisher {
            // A publisher that died has said so on standard error; the lines are still right.
            let _handed = publisher.publish_patiently(envelope.to_frames(self.encoding)?);
        }
        Ok(())
    }
}

fn publisher(args: &Args, config: &Config) -> Result<Option<Publisher>, Failure> {
    if args.no_publish {
        return Ok(None);
    }
    let asked = if args.publish.is_empty() { &config.publish.endpoints } else { &args.publish };
    if !asked.is_empty() {
        return Ok(Some(Publisher::start(asked).map_err(daemon::Error::Publish)?));
    }
    if args.config.is_some() {
        return Ok(None); // the configuration says: nowhere
    }
    match Publisher::start(&[Endpoint::demo()]) {
        Ok(publisher) => Ok(Some(publisher)),
        Err(error) => {
            tracing::warn!(%error, "replaying without publishing");
            Ok(None)
        }
    }
}

/// Waits until messages are due, or not at all.
struct Pacing {
    pace: Option<(clock::Pace, Stop)>,
}

impl Pacing {
    fn new(speed: Speed) -> std::io::Result<Self> {
        let pace = match speed {
            Speed::Max => None,
            Speed::Real => {
                let stop = Stop::default();
                let hung_up = stop.clone();
                daemon::on_signals(&stop, move || hung_up.throw())?;
                Some((clock::Pace::start(), stop))
            }
        };
        Ok(Self { pace })
    }

    /// True if the replay was stopped while it waited.
    fn wait_for(&mut self, message: &Message) -> bool {
        self.pace
            .as_mut()
            .is_some_and(|(pace, stop)| stop.pause(pace.wait_for(message.recorded.as_micros())))
    }
}
