//! Plumbing: threads, channels and the clock around one synchronous pipeline.

pub mod clock;
mod console;
mod reader;
mod state;
mod stop;

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use crate::config::Config;
use crate::data::message::{Message, Payload};
use crate::data::{Counts, Source};
use crate::model::Bundle;
use crate::pipeline::{self, Pipeline};
use crate::sensor::{self, Sensor};
use crate::sink::zmq::{self, Handed, PublishError, Publisher};
use crate::sink::{Encoding, Stamper};
use crate::units::Micros;

pub use console::Console;
pub use stop::{Stop, on_signals};

use reader::{Delivery, Reader};
use state::Keeper;

/// How long the pipeline thread waits for a sensor before it looks at the stop switch again.
const GLANCE: Duration = Duration::from_millis(100);

/// Recorded time between the end of one round and the start of the next.
const ROUND_GAP: Micros = Micros::from_millis(100);

/// Why the daemon could not start or had to end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A sensor or recording.
    #[error("sensor `{name}`: {source}")]
    Sensor {
        /// Its name in the configuration.
        name: String,
        /// What is wrong.
        source: sensor::Error,
    },
    /// Nothing to do.
    #[error("no sensor is configured; add a [[sensor]] table, or name recordings to `replay`")]
    NoSensor,
    /// The model bundle.
    #[error(transparent)]
    Bundle(#[from] crate::model::Error),
    /// The pipeline cannot work with these sensors.
    #[error(transparent)]
    Pipeline(#[from] pipeline::PlanError),
    /// Results cannot be published.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The lockout cannot be kept.
    #[error(
        "the lockout cannot be kept in {file}: {source}; make the folder of `[state]` writable",
        file = file.display()
    )]
    State {
        /// Where it was to be kept.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A message cannot be encoded.
    #[error(transparent)]
    Encode(#[from] crate::sink::EncodeError),
    /// A thread cannot be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] io::Error),
}

/// Sensors opened, and the pipeline planned for them.
pub struct Prepared {
    /// Open sensors in the order of the configuration.
    pub sensors: Vec<Box<dyn Sensor>>,
    /// The pipeline, which knows them by the same numbers.
    pub pipeline: Pipeline,
}

/// Opens all sensors and plans the pipeline for them.
///
/// # Errors
/// When a sensor cannot be opened, the bundle is refused, or they do not fit together.
pub fn prepare(config: &Config) -> Result<Prepared, Error> {
    let mut sensors = Vec::new();
    let mut sources = Vec::new();
    for entry in &config.sensors {
        let sensor =
            entry.open().map_err(|source| Error::Sensor { name: entry.name.clone(), source })?;
        let description = sensor.description();
        sources.push(Source {
            name: entry.name.clone(),
            view: description.view.clone(),
            epoch: description.epoch,
        });
        sensors.push(sensor);
    }
    if sensors.is_empty() {
        return Err(Error::NoSensor);
    }
    let bundle = match &config.model {
        Some(model) => Some(Bundle::load(&model.bundle)?),
        None => None,
    };
    let pipeline = Pipeline::plan(&config.pipeline, &sources, bundle)?;
    Ok(Prepared { sensors, pipeline })
}

/// Runs until `stop` is thrown or every recording has ended, calling `seen` with each message.
///
/// # Errors
/// When it cannot start, or a sensor fails while it runs.
pub fn run(config: &Config, stop: &Stop, mut seen: impl FnMut(&Message)) -> Result<(), Error> {
    let Prepared { sensors, mut pipeline } = prepare(config)?;
    let keeper = match &config.state {
        Some(state) => Keeper::open(&state.folder, &mut pipeline)?,
        None => Keeper::forgetful(config.model.is_some()),
    };
    let publisher = Publisher::start(&config.publish.endpoints)?;
    for endpoint in publisher.bound() {
        tracing::info!(endpoint, "publishing");
    }
    let mut readers = Vec::new();
    for (entry, sensor) in config.sensors.iter().zip(sensors) {
        readers.push(Reader::start(entry.clone(), sensor, stop.clone())?);
    }
    notify(&[sd_notify::NotifyState::Ready]);
    let mut outlet = Outlet {
        publisher,
        stamper: Stamper::new(clock::boot_id()),
        encoding: config.publish.encoding,
        lost: 0,
        said: Counts::default(),
    };
    let result = feed(config, stop, &readers, pipeline, keeper, |message| {
        seen(&message);
        outlet.send(message)
    });
    notify(&[sd_notify::NotifyState::Stopping]);
    stop.throw();
    if outlet.lost > 0 {
        tracing::warn!(lost = outlet.lost, "messages were lost between pipeline and publisher");
    }
    outlet.publisher.finish();
    readers.into_iter().for_each(Reader::join);
    result
}

/// Messages on their way out of the pipeline thread.
struct Outlet {
    publisher: Publisher,
    stamper: Stamper,
    encoding: Encoding,
    lost: u64,
    /// What the publisher has counted as far as the pipeline knows it.
    said: Counts,
}

impl Outlet {
    /// Hands one message over; gives what was lost or refused since the last time, by reason. The
    /// publisher's own counts come with each status, in time for the next one.
    fn send(&mut self, message: Message) -> Result<Counts, Error> {
        let mut lost = Counts::default();
        if matches!(message.payload, Payload::Status(_)) {
            lost = self.news();
        }
        let envelope = self.stamper.stamp(message, clock::now());
        match self.publisher.publish(envelope.to_frames(self.encoding)?) {
            Handed::Over => {}
            Handed::QueueFull => {
                self.lost += 1;
                lost.add("publish-queue-full", 1);
            }
            Handed::Dead => return Err(PublishError::Ended.into()),
        }
        Ok(lost)
    }

    /// What the publisher has counted since the last call, but for connections let in.
    fn news(&mut self) -> Counts {
        let now = self.publisher.counts();
        let mut news = Counts::default();
        for (reason, n) in now.iter().filter(|&(reason, _)| reason != zmq::ACCEPTED) {
            news.add(reason, n.saturating_sub(self.said.get(reason)));
        }
        self.said = now;
        news
    }
}

/// The pipeline thread: takes from the sensor that the pipeline waits for, in lock-step.
fn feed(
    config: &Config,
    stop: &Stop,
    readers: &[Reader],
    mut pipeline: Pipeline,
    mut keeper: Keeper,
    mut send: impl FnMut(Message) -> Result<Counts, Error>,
) -> Result<(), Error> {
    let mut out = Vec::new();
    while !stop.is_thrown() {
        let Some(source) = pipeline.hungry() else {
            if !config.playback.repeat {
                return Ok(());
            }
            pipeline.restart(ROUND_GAP);
            readers.iter().for_each(Reader::again);
            continue;
        };
        pipeline.tell_boot_time(clock::since_boot());
        match readers[source].deliveries.recv_timeout(GLANCE) {
            Ok(Delivery::Reading(reading, counts)) => {
                pipeline.report(source, counts);
                pipeline.push(source, reading, &mut out);
            }
            Ok(Delivery::End) | Err(RecvTimeoutError::Disconnected) => {
                pipeline.end(source, &mut out);
            }
            Ok(Delivery::Failed(source_error)) => {
                let name = config.sensors[source].name.clone();
                return Err(Error::Sensor { name, source: source_error });
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        // Before anybody hears of a rejection it is on disk: kill -9 comes too late.
        keeper.keep(pipeline.lockout_to_store());
        for message in out.drain(..) {
            for (reason, n) in send(message)?.iter() {
                pipeline.count(reason, n);
            }
        }
        // Fed here and nowhere else, so that a hang in the pipeline is seen by the supervisor.
        notify(&[sd_notify::NotifyState::Watchdog]);
    }
    Ok(())
}

/// Tells systemd, if it started us.
fn notify(state: &[sd_notify::NotifyState<'_>]) {
    // Without a supervisor there is nobody to tell.
    drop(sd_notify::notify(state));
}
