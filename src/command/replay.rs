//! `visaged replay`: recordings through the pipeline in lock-step.

use std::io::{BufWriter, StdoutLock, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use super::Failure;
use super::lockstep;
use super::open::{self, Headerless};
use super::recorded::Run;
use crate::config::Config;
use crate::daemon::{self, Prepared, Stop, clock};
use crate::data::message::Message;
use crate::sink::zmq::{Endpoint, Publisher};
use crate::sink::{Encoding, Envelope, Stamper};
use crate::units::{HostClock, Stamp};

/// Plays recordings through the pipeline in recorded time.
///
/// Prints one JSON object per message, in the order of publishing. Several recordings are merged
/// by time; those without absolute time are aligned at their starts, and `v1/status/` says so.
/// Two replays print identical bytes. Messages also go out on ZeroMQ when endpoints are given.
///
/// A recording of visaged's own (MCAP, all files of one run) gives the bytes that were published
/// when it was recorded, but for `boot_id`, which is `replay`, so that nobody takes it for life.
/// Configuration and bundle are those it was made with, unless `--config` names others.
#[derive(Debug, clap::Args)]
#[command(after_help = open::help(EXAMPLES))]
pub(super) struct Args {
    /// Recordings: files or folders.
    #[arg(required = true, value_name = "RECORDING")]
    recordings: Vec<PathBuf>,
    /// Settings of pipeline, model and publishing; its sensors are replaced by the recordings.
    /// Without it the defaults, or what a recording of our own was made with.
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
  visaged replay radar_folder/ events.raw --await-subscriber 10 > /dev/null
  visaged replay /var/lib/visaged/recordings/visaged-00001*.mcap";

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Speed {
    Max,
    Real,
}

pub(super) fn execute(args: &Args) -> Result<(), Failure> {
    match Run::open(&args.recordings)? {
        Some(run) => again(args, run),
        None => afresh(args),
    }
}

/// Recordings of sensors: the pipeline reads them for the first time.
fn afresh(args: &Args) -> Result<(), Failure> {
    let mut config = match &args.config {
        Some(file) => Config::load(file)?,
        None => Config::default(),
    };
    config.sensors = open::recordings(&args.recordings, &args.headerless)?;
    let Prepared { sensors, mut pipeline, .. } = daemon::prepare(&config)?;
    let mut outlet = Outlet::open(args, &config)?;
    let mut out = Vec::new();
    lockstep::drive(&config, sensors, &mut pipeline, |pipeline, input| {
        pipeline.take(input, &mut out);
        for message in out.drain(..) {
            let published = message.recorded;
            if !outlet.send(message, published)? {
                return Ok(false);
            }
        }
        Ok(true)
    })?;
    outlet.finish()
}

/// A recording of ours: the pipeline is told again what it was told.
fn again(args: &Args, run: Run) -> Result<(), Failure> {
    let (config, mut pipeline) = match &args.config {
        Some(file) => {
            let config = Config::load(file)?;
            let (pipeline, bundle) = daemon::plan(&config, run.sources())?;
            run.compare(bundle.as_deref());
            (config, pipeline)
        }
        None => run.plan()?,
    };
    let mut outlet = Outlet::open(args, &config)?;
    run.replay(&mut pipeline, |message, published| outlet.send(message, published))?;
    outlet.finish()
}

/// Where messages of a replay go.
struct Outlet {
    stamper: Stamper,
    stdout: BufWriter<StdoutLock<'static>>,
    publisher: Option<Publisher>,
    encoding: Encoding,
    pace: Pacing,
    at_once: bool,
}

impl Outlet {
    fn open(args: &Args, config: &Config) -> Result<Self, Failure> {
        let outlet = Self {
            stamper: Stamper::new(Stamper::REPLAY),
            stdout: BufWriter::new(std::io::stdout().lock()),
            publisher: publisher(args, config)?,
            encoding: config.publish.encoding,
            pace: Pacing::new(args.speed).map_err(daemon::Error::Thread)?,
            at_once: args.speed == Speed::Real,
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
        Ok(outlet)
    }

    /// Sends a message when it is due; false if the replay was stopped before that.
    fn send(&mut self, message: Message, published: Stamp<HostClock>) -> Result<bool, Failure> {
        if self.pace.wait_for(&message) {
            return Ok(false);
        }
        let envelope: Envelope = self.stamper.stamp(message, published);
        writeln!(self.stdout, "{}", envelope.to_json_line()?).map_err(Failure::Stdout)?;
        if self.at_once {
            self.stdout.flush().map_err(Failure::Stdout)?;
        }
        if let Some(publisher) = &self.publisher {
            // A publisher that died has said so on standard error; the lines are still right.
            let _handed = publisher.publish_patiently(envelope.to_frames(self.encoding)?);
        }
        Ok(true)
    }

    fn finish(mut self) -> Result<(), Failure> {
        self.stdout.flush().map_err(Failure::Stdout)?;
        if let Some(publisher) = self.publisher {
            publisher.finish();
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
