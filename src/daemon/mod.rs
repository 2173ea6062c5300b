//! Plumbing: threads, channels and the clock around one synchronous pipeline.

pub mod clock;
mod console;
mod inbox;
mod live;
mod reader;
mod stop;

use std::io;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use crate::config::Config;
use crate::data::message::{Message, Payload};
use crate::data::{Counts, Epoch, Input, Source};
use crate::model::Bundle;
use crate::pipeline::{self, Pipeline};
use crate::recording::{LAYOUT, Opening};
use crate::sensor::{self, Sensor};
use crate::sink::recorder::Recorder;
use crate::sink::zmq::{self, Handed, PublishError, Publisher};
use crate::sink::{Encoding, Stamper};
use crate::units::Micros;

pub use console::Console;
pub use stop::{Stop, on_signals};

use live::Readers;
use reader::{Delivery, Reader};

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
    /// The same as the pipeline knows them.
    pub sources: Vec<Source>,
    /// The pipeline, which knows them by the same numbers.
    pub pipeline: Pipeline,
    /// Digest of the model bundle.
    pub bundle: Option<String>,
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
    let (pipeline, bundle) = plan(config, &sources)?;
    Ok(Prepared { sensors, sources, pipeline, bundle })
}

/// Plans the pipeline for `sources`, and gives the digest of its model bundle.
///
/// # Errors
/// When the bundle is refused, or does not fit the sources.
pub fn plan(config: &Config, sources: &[Source]) -> Result<(Pipeline, Option<String>), Error> {
    let bundle = match &config.model {
        Some(model) => Some(Bundle::load(&model.bundle)?),
        None => None,
    };
    let digest = bundle.as_ref().map(|bundle| bundle.digest.to_string());
    Ok((Pipeline::plan(&config.pipeline, sources, bundle)?, digest))
}

/// What opens a recording of a run of `config`.
#[must_use]
pub fn opening(
    config: &Config,
    prepared: &Prepared,
    boot_id: &str,
    unix_offset: Micros,
) -> Opening {
    Opening {
        layout: LAYOUT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        boot_id: boot_id.to_owned(),
        part: 0,
        sources: prepared.sources.clone(),
        config: config.origin.text.clone(),
        folder: config.origin.folder.to_string_lossy().into_owned(),
        bundle: prepared.bundle.clone(),
        unix_offset_us: unix_offset.0,
    }
}

/// Runs until `stop` is thrown or every recording has ended, calling `seen` with each message.
///
/// # Errors
/// When it cannot start, or a sensor fails while it runs.
pub fn run(config: &Config, stop: &Stop, mut seen: impl FnMut(&Message)) -> Result<(), Error> {
    let prepared = prepare(config)?;
    let boot_id = clock::boot_id();
    let recorder = match &config.record {
        None => None,
        Some(record) => {
            tracing::info!(folder = %record.folder.display(), "recording");
            let opening = opening(config, &prepared, &boot_id, clock::unix_offset());
            Some(Recorder::start(record, opening)?)
        }
    };
    let Prepared { sensors, pipeline, .. } = prepared;
    let publisher = Publisher::start(&config.publish.endpoints)?;
    for endpoint in publisher.bound() {
        tracing::info!(endpoint, "publishing");
    }
    let mut outlet = Outlet {
        publisher,
        recorder: recorder.as_ref(),
        stamper: Stamper::new(boot_id),
        encoding: config.publish.encoding,
        lost: 0,
        said: Counts::default(),
    };
    let mut send = |message: Message| {
        seen(&message);
        outlet.send(message)
    };
    let mut drive =
        Drive { pipeline, recorder: recorder.as_ref(), out: Vec::new(), send: &mut send };
    let result = if sensors.iter().all(|sensor| sensor.description().epoch == Epoch::Live) {
        play_live(config, sensors, &mut drive, stop)
    } else {
        play_recordings(config, sensors, &mut drive, stop)
    };
    if outlet.lost > 0 {
        tracing::warn!(lost = outlet.lost, "messages were lost between pipeline and publisher");
    }
    outlet.publisher.finish();
    if let Some(recorder) = recorder {
        recorder.finish();
    }
    result
}

fn play_live(
    config: &Config,
    sensors: Vec<Box<dyn Sensor>>,
    drive: &mut Drive<'_>,
    stop: &Stop,
) -> Result<(), Error> {
    let names: Vec<_> = config.sensors.iter().map(|entry| entry.name.clone()).collect();
    let readers = Readers::start(sensors, &names, stop)?;
    notify(&[sd_notify::NotifyState::Ready]);
    let result = readers.feed(drive, stop);
    notify(&[sd_notify::NotifyState::Stopping]);
    stop.throw();
    readers.join();
    result
}

fn play_recordings(
    config: &Config,
    sensors: Vec<Box<dyn Sensor>>,
    drive: &mut Drive<'_>,
    stop: &Stop,
) -> Result<(), Error> {
    let mut readers = Vec::new();
    for (entry, sensor) in config.sensors.iter().zip(sensors) {
        readers.push(Reader::start(entry.clone(), sensor, stop.clone())?);
    }
    notify(&[sd_notify::NotifyState::Ready]);
    let result = feed(config, stop, &readers, drive);
    notify(&[sd_notify::NotifyState::Stopping]);
    stop.throw();
    readers.into_iter().for_each(Reader::join);
    result
}

/// The pipeline and the way out of it: everything it is told goes through here.
struct Drive<'a> {
    pipeline: Pipeline,
    recorder: Option<&'a Recorder>,
    out: Vec<Message>,
    /// Publishes a message; gives what was lost or refused on the way out.
    send: &'a mut dyn FnMut(Message) -> Result<Counts, Error>,
}

impl Drive<'_> {
    /// Tells the pipeline `input` and sends what it says.
    fn tell(&mut self, input: Input) -> Result<(), Error> {
        self.take(input);
        let mut lost = Counts::default();
        for message in self.out.drain(..) {
            lost.merge(&(self.send)(message)?);
        }
        if !lost.is_empty() {
            self.take(Input::Dropped { counts: lost });
        }
        if let Some(recorder) = self.recorder {
            preview(recorder, &self.pipeline);
        }
        Ok(())
    }

    fn take(&mut self, input: Input) {
        if let Some(recorder) = self.recorder {
            recorder.input(&input, clock::now());
        }
        self.pipeline.take(input, &mut self.out);
    }
}

/// Records pictures of the maps if they are due.
fn preview(recorder: &Recorder, pipeline: &Pipeline) {
    let now = clock::now();
    if recorder.wants_preview(now) {
        for (source, map) in pipeline.range_doppler_maps() {
            recorder.preview(source, map, now);
        }
    }
}

/// Messages on their way out of the pipeline thread.
struct Outlet<'a> {
    publisher: Publisher,
    recorder: Option<&'a Recorder>,
    stamper: Stamper,
    encoding: Encoding,
    lost: u64,
    /// What the publisher and the recorder have counted as far as the pipeline knows it.
    said: Counts,
}

impl Outlet<'_> {
    /// Hands one message over; gives what was lost or refused since the last time, by reason. The
    /// publisher's own counts come with each status, in time for the next one.
    fn send(&mut self, message: Message) -> Result<Counts, Error> {
        let mut lost = Counts::default();
        if matches!(message.payload, Payload::Status(_)) {
            lost = self.news();
        }
        let envelope = self.stamper.stamp(message, clock::now());
        if let Some(recorder) = self.recorder {
            recorder.published(&envelope)?;
        }
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

    /// What publisher and recorder have counted since the last call, but for connections let in.
    fn news(&mut self) -> Counts {
        let mut now = self.publisher.counts();
        if let Some(recorder) = self.recorder {
            now.merge(&recorder.counts());
        }
        let mut news = Counts::default();
        for (reason, n) in
            now.since(&self.said).iter().filter(|&(reason, _)| reason != zmq::ACCEPTED)
        {
            news.add(reason.to_owned(), n);
        }
        self.said = now;
        news
    }
}

/// The pipeline thread of recordings: takes from the one that the pipeline waits for, in lock-step.
fn feed(
    config: &Config,
    stop: &Stop,
    readers: &[Reader],
    drive: &mut Drive<'_>,
) -> Result<(), Error> {
    while !stop.is_thrown() {
        let Some(source) = drive.pipeline.hungry() else {
            if !config.playback.repeat {
                return Ok(());
            }
            drive.tell(Input::Restart { gap: ROUND_GAP })?;
            readers.iter().for_each(Reader::again);
            continue;
        };
        match readers[source].deliveries.recv_timeout(GLANCE) {
            Ok(Delivery::Reading(reading, counts)) => {
                drive.tell(Input::Counts { source, counts })?;
                drive.tell(Input::Reading { source, reading, arrival: None })?;
            }
            Ok(Delivery::End) | Err(RecvTimeoutError::Disconnected) => {
                drive.tell(Input::End { source })?;
            }
            Ok(Delivery::Failed(source_error)) => {
                let name = config.sensors[source].name.clone();
                return Err(Error::Sensor { name, source: source_error });
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        // Fed here and nowhere else, so that a hang in the pipeline is seen by systemd.
        notify(&[sd_notify::NotifyState::Watchdog]);
    }
    Ok(())
}

/// Tells systemd, if it started us.
fn notify(state: &[sd_notify::NotifyState<'_>]) {
    // Without a supervisor there is nobody to tell.
    drop(sd_notify::notify(state));
}
