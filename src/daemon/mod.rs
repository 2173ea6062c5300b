//! Plumbing: threads, channels and the clock around one synchronous pipeline.

pub mod clock;
mod console;
mod crew;
mod drive;
mod inbox;
mod live;
mod onlookers;
mod orders;
mod pulse;
mod reader;
mod state;
mod stop;
mod tape;

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use crate::config::{Config, ModelConfig};
use crate::data::message::Message;
use crate::data::{Counts, Epoch, Input, Source};
use crate::model::Bundle;
use crate::pipeline::{self, Pipeline};
use crate::recording::{LAYOUT, Opening};
use crate::sensor::{self, Sensor};
use crate::sink::signing::{KeyError, PrivateKey, Signer};
use crate::sink::web::WebError;
use crate::sink::zmq::control::Control;
use crate::sink::zmq::{Limits, PublishError, Publisher};
use crate::sink::{Board, Stamper};
use crate::units::Micros;

pub use console::Console;
pub use orders::Orders;
pub use stop::{Stop, on_signals};

use crew::Crew;
use drive::{Drive, Outlet};
use live::Readers;
use onlookers::Onlookers;
use pulse::Pulse;
use reader::{Delivery, Reader};
use state::Keeper;
use tape::Tape;

/// How long the pipeline thread waits for a sensor before it looks at the stop switch again.
const GLANCE: Duration = Duration::from_millis(100);

/// How often the daemon looks beside the pipeline.
const PULSE: Micros = Micros::from_millis(50);

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
    /// Messages cannot be signed.
    #[error("`publish.signing-key`: {0}")]
    Key(#[from] KeyError),
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
    /// The control endpoint.
    #[error("cannot listen on {path}: {source}; choose another `control.endpoint`", path = path.display())]
    Control {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The live page.
    #[error(transparent)]
    Web(#[from] WebError),
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
        Some(ModelConfig { bundle, signed_by: Some(public) }) => {
            Some(Bundle::load_signed(bundle, public)?)
        }
        Some(ModelConfig { bundle, signed_by: None }) => Some(Bundle::load(bundle)?),
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
/// When it cannot start, or a recording fails while it runs.
pub fn run(
    config: Config,
    orders: &Orders,
    stop: &Stop,
    mut seen: impl FnMut(&Message),
) -> Result<(), Error> {
    let mut prepared = prepare(&config)?;
    let boot_id = clock::boot_id();
    // Of the configuration at the start: where the lockout is kept is no matter of a reload.
    let keeper = Keeper::open(config.state.as_ref(), config.model.is_some())?;
    let board = Board::default();
    let control = control(&config, &board, orders)?;
    let signer = signer(&config)?;
    let publisher = Publisher::start_with(&config.publish.endpoints, Limits::default(), signer)?;
    for endpoint in publisher.bound() {
        tracing::info!(endpoint, "publishing");
    }
    let onlookers = Onlookers::open(&config, &board)?;
    let mut outlet = Outlet {
        publisher,
        tape: Tape::new(opening(&config, &prepared, &boot_id, Micros(0))),
        stamper: Stamper::new(boot_id.clone()),
        encoding: config.publish.encoding,
        board,
        pulse: Pulse::start(&config),
        keeper,
        onlookers,
        seen: &mut seen,
        lost: 0,
        said: Counts::default(),
    };
    let mut config = config;
    let result = loop {
        outlet.pulse.reconfigure(&config);
        outlet.tape.begin(&config)?;
        let Prepared { sensors, sources, pipeline, .. } = prepared;
        outlet.onlookers.begin(&sources);
        let (out, reloading) = (Vec::new(), None);
        let mut drive =
            Drive { pipeline, out, outlet: &mut outlet, orders, config: &config, reloading };
        if let Err(error) = drive.begin() {
            break Err(error);
        }
        let live = sensors.iter().all(|sensor| sensor.description().epoch == Epoch::Live);
        let played = if live {
            play_live(sensors, drive, stop)
        } else {
            play_recordings(sensors, drive, stop)
        };
        match played {
            Ok(Ended::Reload(next)) => {
                (config, prepared) = *next;
                let opening = opening(&config, &prepared, &boot_id, Micros(0));
                outlet.tape.rewind(opening);
            }
            Ok(Ended::Over) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    // The last look for them may be some time ago.
    orders.labels.try_iter().for_each(|label| outlet.tape.label(&label));
    outlet.tape.finish();
    notify(&[sd_notify::NotifyState::Stopping]);
    stop.throw();
    drop(control);
    if outlet.lost > 0 {
        tracing::warn!(lost = outlet.lost, "messages were lost between pipeline and publisher");
    }
    outlet.publisher.finish();
    result
}

/// Who signs what is published, if `config` says so.
fn signer(config: &Config) -> Result<Option<Signer>, Error> {
    let Some(path) = &config.publish.signing_key else { return Ok(None) };
    let key = PrivateKey::read(path)?;
    tracing::info!(key = key.id(), "signing what is published");
    Ok(Some(Signer::new(key, clock::machine_boot_id(), clock::unix)))
}

/// Why the sensors are no longer played.
enum Ended {
    /// The daemon was stopped, or every recording has ended.
    Over,
    /// The daemon goes on by another configuration, which is ready to be played.
    Reload(Box<(Config, Prepared)>),
}

fn control(config: &Config, board: &Board, orders: &Orders) -> Result<Option<Control>, Error> {
    let Some(path) = &config.control.endpoint else { return Ok(None) };
    let outbox = orders.outbox.clone();
    let control = Control::start(path, board.clone(), move |order| outbox.send(order).is_ok())
        .map_err(|source| Error::Control { path: path.clone(), source })?;
    tracing::info!(path = %path.display(), "listening for questions");
    Ok(Some(control))
}

fn play_live(
    sensors: Vec<Box<dyn Sensor>>,
    mut drive: Drive<'_, '_>,
    stop: &Stop,
) -> Result<Ended, Error> {
    let names: Vec<_> = drive.config.sensors.iter().map(|entry| entry.name.clone()).collect();
    let halt = Stop::default();
    let readers = Readers::start(sensors, &names, &halt)?;
    notify(&[sd_notify::NotifyState::Ready]);
    let result = readers.feed(&mut drive, stop);
    halt.throw();
    readers.join();
    result
}

fn play_recordings(
    sensors: Vec<Box<dyn Sensor>>,
    mut drive: Drive<'_, '_>,
    stop: &Stop,
) -> Result<Ended, Error> {
    let halt = Stop::default();
    let (mut crew, mut readers) = (Crew::default(), Vec::new());
    for (entry, sensor) in drive.config.sensors.iter().zip(sensors) {
        readers.push(Reader::start(&mut crew, entry.clone(), sensor, halt.clone())?);
    }
    notify(&[sd_notify::NotifyState::Ready]);
    let result = feed(stop, &readers, &mut drive);
    halt.throw();
    drop(readers);
    crew.dismiss();
    result
}

/// The pipeline thread of recordings: takes from the one that the pipeline waits for, in lock-step.
fn feed(stop: &Stop, readers: &[Reader], drive: &mut Drive<'_, '_>) -> Result<Ended, Error> {
    let mut due = clock::now();
    while !stop.is_thrown() {
        if clock::now() >= due {
            due = clock::now() + PULSE;
            if let Some(ended) = drive.pulse()? {
                return Ok(ended);
            }
        }
        let Some(source) = drive.pipeline.hungry() else {
            if !drive.config.playback.repeat {
                return Ok(Ended::Over);
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
                let name = drive.config.sensors[source].name.clone();
                return Err(Error::Sensor { name, source: source_error });
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
    Ok(Ended::Over)
}

/// Tells systemd, if it started us.
fn notify(state: &[sd_notify::NotifyState<'_>]) {
    // Without a supervisor there is nobody to tell.
    drop(sd_notify::notify(state));
}
