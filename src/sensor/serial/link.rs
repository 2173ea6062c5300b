//! A session on a port: opens it, keeps the board talking, and lets go of it when it is lost.

use core::fmt;
use core::ops::Range;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::{Duration, Instant};

use firmware_proto::Nonce;

use super::instrument::Instrument;
use super::port::{Address, Port};
use super::session::{Fault, Session};
use super::settings::LinkSettings;
use crate::data::{Counts, Loss, Notice, Reading};
use crate::sensor::{Description, Error, Progress, Sensor};
use crate::units::{HostClock, Stamp};

/// Bytes asked of the port at a time. A terminal gives 4 KiB at most.
const CHUNK: usize = 16 << 10;
/// How often a board that does not answer is greeted.
const GREET_EVERY: Duration = Duration::from_millis(250);
/// How long a board may take from the first greeting to its data.
const HANDSHAKE: Duration = Duration::from_secs(1);
/// How long a board may say nothing before it is greeted. One that answers is only slow.
const QUIET: Duration = Duration::from_millis(500);
/// How long it may say nothing at all.
const SILENT: Duration = Duration::from_millis(1_500);
/// Lines of a board's log pass no faster than this.
const LOG_EVERY: Duration = Duration::from_secs(1);
/// Where random numbers come from.
const RANDOM: &str = "/dev/urandom";

/// A sensor board on a serial port.
pub struct SerialSensor<I> {
    description: Description,
    address: Address,
    baud: u32,
    session: Session<I>,
    connection: Option<Connection>,
    buffer: Box<[u8]>,
    /// What of `buffer` was read and not taken by the session yet.
    ahead: Range<usize>,
    logged: Option<Instant>,
}

/// An open port and the patience with what is behind it.
#[derive(Debug)]
struct Connection {
    port: Port,
    greeted: Instant,
    /// Since when the board has had nothing to say; its messages as counted then.
    quiet: Instant,
    messages: u64,
    /// Messages, and among the refused those without a valid tag, when the port was opened.
    before: (u64, u64),
    /// Since when its data are not believed.
    waiting: Option<Instant>,
}

impl<I: fmt::Debug> fmt::Debug for SerialSensor<I> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, session, connection, .. } = self;
        formatter
            .debug_struct("SerialSensor")
            .field("address", address)
            .field("connection", connection)
            .field("session", session)
            .finish_non_exhaustive()
    }
}

impl<I: Instrument> SerialSensor<I> {
    /// The board that `settings` name, not touched until the first read.
    pub(crate) fn new(
        description: Description,
        settings: LinkSettings,
        session: Session<I>,
    ) -> Self {
        Self {
            description,
            address: settings.address,
            baud: settings.baud,
            session,
            connection: None,
            buffer: vec![0; CHUNK].into_boxed_slice(),
            ahead: 0..0,
            logged: None,
        }
    }

    /// One step: at most one wait of 50 ms.
    fn advance(&mut self) -> Result<Reading, Error> {
        if let Some(reading) = self.digest()? {
            return Ok(reading);
        }
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let connection = self.connection.insert(connection);
        connection.send(&self.address, &mut self.session)?;
        let read = connection.port.read(&mut self.buffer).map_err(gone(&self.address))?;
        self.ahead = 0..read;
        if let Some(reading) = self.digest()? {
            return Ok(reading);
        }
        // Only now: whatever the board has said to the point has been heard.
        if let Some(connection) = &mut self.connection {
            connection.keep_talking(&self.address, &mut self.session)?;
            connection.send(&self.address, &mut self.session)?;
        }
        Ok(Reading::Notice(Notice::Idle))
    }

    /// Gives the session what was read, up to the next reading, and sends what it answers.
    fn digest(&mut self) -> Result<Option<Reading>, Error> {
        let mut bytes = &self.buffer[self.ahead.clone()];
        if bytes.is_empty() {
            return Ok(None);
        }
        let reading = self.session.receive(&mut bytes);
        self.ahead.start = self.ahead.end - bytes.len();
        self.forward_log();
        let reading = reading.map_err(|fault| unusable(&self.address, &fault))?;
        if let Some(connection) = &mut self.connection {
            connection.send(&self.address, &mut self.session)?;
        }
        Ok(reading)
    }

    fn connect(&mut self) -> Result<Connection, Error> {
        let port = self.address.open(self.baud)?;
        self.session.greet(nonce()?);
        let now = now();
        let messages = self.session.messages();
        let before = (messages, self.session.unauthentic());
        Ok(Connection { port, greeted: now, quiet: now, messages, before, waiting: Some(now) })
    }

    fn disconnect(&mut self) {
        self.connection = None;
        self.ahead = 0..0;
        self.session.disconnect();
    }

    /// Passes on what the board wrote for people, now and then.
    fn forward_log(&mut self) {
        let Some(line) = self.session.take_log() else { return };
        let now = now();
        if self.logged.is_some_and(|logged| now - logged < LOG_EVERY) {
            return;
        }
        self.logged = Some(now);
        let device = tracing::field::display(&self.address);
        if line.is_warning {
            tracing::warn!(device, "says: {}", line.text);
        } else {
            tracing::debug!(device, "says: {}", line.text);
        }
    }
}

impl Connection {
    /// Greets a board that says nothing, or that cannot be believed; gives up when it does not help.
    fn keep_talking<I: Instrument>(
        &mut self,
        address: &Address,
        session: &mut Session<I>,
    ) -> Result<(), Error> {
        let now = now();
        if session.messages() != self.messages {
            (self.quiet, self.messages) = (now, session.messages());
        }
        let quiet = now - self.quiet;
        let is_due = if session.is_streaming() {
            self.waiting = None;
            if quiet > SILENT {
                return Err(silent(address));
            }
            quiet > QUIET && now - self.greeted > GREET_EVERY
        } else {
            let waiting = *self.waiting.get_or_insert(now);
            if now - waiting > HANDSHAKE {
                return Err(unmet(address, session, self.before));
            }
            session.wants_greeting() || now - self.greeted > GREET_EVERY
        };
        if is_due {
            self.greeted = now;
            session.greet(nonce()?);
        }
        Ok(())
    }

    fn send<I: Instrument>(
        &mut self,
        address: &Address,
        session: &mut Session<I>,
    ) -> Result<(), Error> {
        let outgoing = session.outgoing();
        if outgoing.is_empty() {
            return Ok(());
        }
        let result = self.port.write(outgoing).map_err(gone(address));
        outgoing.clear();
        result
    }
}

impl<I: Instrument + Send> Sensor for SerialSensor<I> {
    fn description(&self) -> &Description {
        &self.description
    }

    fn read(&mut self) -> Result<Option<Reading>, Error> {
        let result = self.advance();
        if result.is_err() {
            self.disconnect();
        }
        result.map(Some)
    }

    fn counts(&self) -> Counts {
        self.session.counts()
    }

    fn progress(&self) -> Progress {
        Progress::default()
    }

    fn ask_time(&mut self, now: Stamp<HostClock>) -> Result<(), Error> {
        let Some(connection) = &mut self.connection else { return Ok(()) };
        self.session.ask_time(now);
        let result = connection.send(&self.address, &mut self.session);
        if result.is_err() {
            self.disconnect();
        }
        result
    }
}

/// Patience is measured here and nowhere else below `sensor`; no stamp comes from it.
#[expect(clippy::disallowed_methods, reason = "a time-out, not an instant of the time line")]
fn now() -> Instant {
    Instant::now()
}

/// Sixteen random bytes.
fn nonce() -> Result<Nonce, Error> {
    let mut nonce = [0; 16];
    let random = File::open(RANDOM).and_then(|mut random| random.read_exact(&mut nonce));
    random.map_err(Error::io(Path::new(RANDOM)))?;
    Ok(nonce)
}

fn gone(address: &Address) -> impl FnOnce(io::Error) -> Error {
    |error| address.absent(format!("is lost ({error})"), "plug it in again, or look at its power")
}

fn unusable(address: &Address, fault: &Fault) -> Error {
    Error::Device {
        device: address.to_string(),
        loss: fault.loss(),
        problem: fault.to_string(),
        remedy: fault.remedy(),
    }
}

fn silent(address: &Address) -> Error {
    let device = address.to_string();
    let problem = format!("has said nothing for {} ms, greeted or not", SILENT.as_millis());
    Error::Device { device, loss: Loss::Protocol, problem, remedy: "reset the board" }
}

/// Why the board is not streaming when it should be; the same words each time it is.
fn unmet<I: Instrument>(
    address: &Address,
    session: &Session<I>,
    (messages, unauthentic): (u64, u64),
) -> Error {
    let (problem, remedy) = if session.has_met() {
        (
            format!("answers and does not say how its {} is set", I::NAME),
            "look at the firmware: a `config` belongs behind each `hello`",
        )
    } else if session.unauthentic() > unauthentic {
        (
            "sends messages without a valid tag".to_owned(),
            "give the board and `key-file` the same key",
        )
    } else if session.messages() > messages {
        (
            "speaks the protocol and does not answer a greeting".to_owned(),
            "look at the firmware: a `hello` answers each `hello_request`",
        )
    } else {
        (
            "does not answer in the protocol of sensor boards".to_owned(),
            "correct `port` or `baud`, or reset the board",
        )
    };
    Error::Device { device: address.to_string(), loss: Loss::Protocol, problem, remedy }
}
