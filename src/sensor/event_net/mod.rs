//! Event cameras over the network or a pipe: EVT2.0, EVT2.1, EVT3.0 and dv-processing streams.

mod pipe;
mod source;
mod stream;

pub use source::Transport;
pub use stream::Stream;

use std::io;
use std::net::SocketAddr;

use serde::Deserialize;

use self::source::{News, Source};
use super::evt::{CHUNK, Format};
use super::{
    Candidate, Description, Device, Epoch, Error, Notice, Progress, Reading, Sensor, View,
};
use crate::data::{Counts, EventBatch, Geometry, Loss, Modality};

/// Datagrams taken in one read at most.
const MOST_DATAGRAMS: usize = 64;
/// A step back in time by more than this is a camera that started anew behind an open connection.
const RESTART_US: i64 = 1_000_000;

/// What a stream is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StreamFormat {
    /// EVT2.0.
    Evt2,
    /// EVT2.1, mask half first (`GenX320`).
    Evt21Little,
    /// EVT2.1, type half first (`IMX636`).
    Evt21Legacy,
    /// EVT3.0.
    Evt3,
    /// What dv-processing's `NetworkWriter` sends: AEDAT 4 without its first line.
    Dv,
}

impl StreamFormat {
    const fn evt(self) -> Option<Format> {
        match self {
            Self::Evt2 => Some(Format::Evt2),
            Self::Evt21Little => Some(Format::Evt21Little),
            Self::Evt21Legacy => Some(Format::Evt21Legacy),
            Self::Evt3 => Some(Format::Evt3),
            Self::Dv => None,
        }
    }

    const fn label(self) -> &'static str {
        match self.evt() {
            Some(format) => format.label(),
            None => "dv-processing network stream",
        }
    }
}

/// `[sensor.settings]` of an `event-net` sensor.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Settings")]
pub struct Config {
    /// Where the stream comes from.
    pub transport: Transport,
    /// What it is made of; `None` leaves that to a header in front of it.
    pub format: Option<StreamFormat>,
    /// Pixels of the camera; a stream that states others is refused.
    pub geometry: Geometry,
    /// Number of the event stream of a dv stream; the first one by default.
    pub stream: Option<i32>,
}

/// The same, key by key: exactly one of `connect`, `listen`, `udp` and `stdin` is set.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Settings {
    connect: Option<String>,
    listen: Option<SocketAddr>,
    udp: Option<SocketAddr>,
    #[serde(default)]
    stdin: bool,
    format: Option<StreamFormat>,
    geometry: Geometry,
    stream: Option<i32>,
}

impl TryFrom<Settings> for Config {
    type Error = String;

    fn try_from(settings: Settings) -> Result<Self, String> {
        let Settings { connect, listen, udp, stdin, format, geometry, stream } = settings;
        let transport = match (connect, listen, udp, stdin) {
            (Some(to), None, None, false) => Transport::Connect(to),
            (None, Some(at), None, false) => Transport::Listen(at),
            (None, None, Some(at), false) => Transport::Udp(at),
            (None, None, None, true) => Transport::Stdin,
            _ => return Err("set exactly one of `connect`, `listen`, `udp`, `stdin`".to_owned()),
        };
        if let Transport::Connect(to) = &transport
            && to.rsplit_once(':').is_none_or(|(_, port)| port.parse::<u16>().is_err())
        {
            return Err(format!("`connect`: {to:?} is not HOST:PORT"));
        }
        if geometry.width == 0 || geometry.height == 0 {
            return Err("`geometry`: a camera has pixels".to_owned());
        }
        if format == Some(StreamFormat::Dv) && matches!(transport, Transport::Udp(_)) {
            return Err("`format`: a dv stream cannot be read from datagrams".to_owned());
        }
        if stream.is_some() && format != Some(StreamFormat::Dv) {
            return Err("`stream`: only a dv stream has several".to_owned());
        }
        Ok(Self { transport, format, geometry, stream })
    }
}

/// A camera at the other end of a connection.
#[derive(Debug)]
pub struct EventNet {
    description: Description,
    config: Config,
    source: Source,
    stream: Stream,
    buffer: Vec<u8>,
    /// Read but not given out yet.
    held: Option<EventBatch>,
    /// Why the connection was closed, after what it left was given out.
    parting: Option<Error>,
    /// The newest time given out, of this connection.
    newest: Option<i64>,
    /// Something was given out, so that a new connection begins a new time.
    delivered: bool,
    /// Of connections that are closed.
    earlier: Counts,
    strangers: u64,
}

impl Device for EventNet {
    const NAME: &'static str = "event-net";
    const MODALITY: Modality = Modality::Event;
    const ABOUT: &'static str = "live: EVT2.0, EVT2.1, EVT3.0 or dv stream over TCP, UDP or stdin";
    type Config = Config;

    fn recognises(_: &Candidate) -> bool {
        false
    }

    fn open(config: Config) -> Result<Self, Error> {
        let device = config.transport.name();
        let format = config.format.map_or("EVT, as its header says", StreamFormat::label);
        let mut notes = Vec::new();
        if matches!(config.transport, Transport::Udp(_)) {
            notes.push(
                "datagrams carry no numbers: what is lost on the way is not seen, unless the \
                 camera's own event counters (erc-events-mismatch) tell"
                    .to_owned(),
            );
        }
        let description = Description {
            kind: Self::NAME,
            format: format.to_owned(),
            device: device.clone(),
            view: View::Event(config.geometry),
            epoch: Epoch::Live,
            notes,
        };
        Ok(Self {
            description,
            source: Source::new(&config.transport),
            stream: Stream::new(&device, config.format, config.geometry, config.stream),
            config,
            buffer: vec![0; CHUNK],
            held: None,
            parting: None,
            newest: None,
            delivered: false,
            earlier: Counts::default(),
            strangers: 0,
        })
    }
}

impl Sensor for EventNet {
    fn description(&self) -> &Description {
        &self.description
    }

    /// The events of the next 64 KiB at most; none among them if the camera saw nothing.
    fn read(&mut self) -> Result<Option<Reading>, Error> {
        if let Some(batch) = self.held.take() {
            return Ok(Some(Reading::Events(batch)));
        }
        if let Some(error) = self.parting.take() {
            return Err(error);
        }
        match self.listen() {
            Ok(Heard::Events(batch)) => Ok(Some(self.deliver(batch))),
            Ok(Heard::Nothing) => Ok(Some(Reading::Notice(Notice::Idle))),
            Ok(Heard::End) => {
                let left = self.close();
                Ok((!left.events.is_empty()).then(|| self.deliver(left)))
            }
            Err(error) => {
                let left = self.close();
                if left.events.is_empty() {
                    return Err(error);
                }
                self.parting = Some(error);
                Ok(Some(self.deliver(left)))
            }
        }
    }

    fn counts(&self) -> Counts {
        let mut counts = self.earlier.clone();
        counts.merge(&self.stream.counts());
        counts.add("datagrams-of-strangers", self.strangers);
        counts
    }

    fn progress(&self) -> Progress {
        Progress::default()
    }
}

/// What a look at the source brought.
enum Heard {
    /// Bytes came, with these events in them.
    Events(EventBatch),
    Nothing,
    /// The source has ended for good.
    End,
}

impl EventNet {
    fn listen(&mut self) -> Result<Heard, Error> {
        let mut batch = EventBatch::default();
        let mut any = false;
        // A stream is read once, datagrams as far as they wait.
        let most = if self.source.is_datagrams() { MOST_DATAGRAMS } else { 1 };
        for round in 0..most {
            let news = self.source.receive(&mut self.buffer, round == 0);
            match news.map_err(|error| self.lost(&error))? {
                News::Bytes { length, fresh } => {
                    any = true;
                    self.take(length, fresh, &mut batch)?;
                }
                News::Stranger => self.strangers += 1,
                News::Nothing => break,
                News::End => return Ok(Heard::End),
            }
        }
        Ok(if any { Heard::Events(batch) } else { Heard::Nothing })
    }

    /// Decodes what lies in the buffer.
    fn take(&mut self, length: usize, fresh: bool, batch: &mut EventBatch) -> Result<(), Error> {
        if fresh {
            self.renew();
        }
        let bytes = self.buffer.get(..length).unwrap_or_default();
        if self.source.is_datagrams() {
            self.stream.push_datagram(bytes, batch)
        } else {
            self.stream.push(bytes, batch)
        }
    }

    /// Starts with a new decoder.
    fn renew(&mut self) {
        self.newest = None;
        let Config { format, geometry, stream, .. } = self.config;
        self.earlier.merge(&self.stream.counts());
        self.stream = Stream::new(&self.description.device, format, geometry, stream);
    }

    /// Closes the connection; gives what its decoder still held.
    fn close(&mut self) -> EventBatch {
        self.source.close();
        let mut left = EventBatch::default();
        self.stream.finish(&mut left);
        let newest = self.newest;
        self.renew();
        self.newest = newest;
        left
    }

    /// Gives `batch`, behind a notice if its time does not go on from the one before.
    fn deliver(&mut self, batch: EventBatch) -> Reading {
        let first = batch.events.first().map(|event| event.t);
        let restarted = match (first, self.newest) {
            (Some(_), None) => self.delivered,
            (Some(first), Some(newest)) => first < newest.saturating_sub(RESTART_US),
            (None, _) => false,
        };
        if let Some(last) = batch.events.last() {
            (self.newest, self.delivered) = (Some(last.t), true);
        }
        if restarted {
            self.held = Some(batch);
            return Reading::Notice(Notice::Restarted);
        }
        Reading::Events(batch)
    }

    fn lost(&self, error: &io::Error) -> Error {
        let (problem, remedy) = match (error.kind(), &self.config.transport) {
            (io::ErrorKind::UnexpectedEof, _) => {
                ("the other side has closed the connection".to_owned(), "start the sender again")
            }
            (io::ErrorKind::TimedOut, Transport::Connect(_)) => {
                ("no connection within 3 s".to_owned(), "check address, cable and firewall")
            }
            (_, Transport::Connect(_)) => {
                (error.to_string(), "start the sender, check its address")
            }
            (_, Transport::Stdin) => (error.to_string(), "check what is piped in"),
            (_, Transport::Listen(_) | Transport::Udp(_)) => {
                (error.to_string(), "name an own address and a free port")
            }
        };
        let device = self.description.device.clone();
        Error::Device { device, loss: Loss::Absent, problem, remedy }
    }
}
