//! OpenMV cameras with the `GenX320` event sensor, over USB.

mod packet;
mod session;

pub use packet::{ACK, ACK_REQ, EVENT, FRAGMENT, NAK, Packet, Packets, RTX};
pub use session::{Said, Session, Trouble};

use std::io::{ErrorKind, Read, Write};
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serialport::TTYPort;

use super::evt::{self, Format};
use super::{
    Candidate, Description, Device, Epoch, Error, Notice, Progress, Reading, Sensor, View,
};
use crate::data::{Counts, EventBatch, Geometry, Loss, Modality};

/// Pixels of the sensor.
const GENX320: Geometry = Geometry { width: 320, height: 320 };
/// Longest wait for bytes: the tick of a [`Session`].
const TICK: Duration = Duration::from_millis(5);
/// Ticks in one read: 50 ms.
const TICKS: usize = 10;
/// Bytes read at a time.
const CHUNK: usize = 64 << 10;
/// The rate by which the camera knows that its protocol is spoken; USB itself has none.
const BAUD: u32 = 921_600;

/// `[sensor.settings]` of an `openmv` sensor.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Config {
    /// The camera's port; take one below `/dev/serial/by-id`.
    pub port: PathBuf,
    /// Format that the script on the camera has chosen. Default: EVT2.0, like the script's.
    #[serde(default = "evt2")]
    pub format: Format,
    /// The channel that the script has registered. Default: `raw_events`.
    #[serde(default = "raw_events")]
    pub channel: String,
}

const fn evt2() -> Format {
    Format::Evt2
}

fn raw_events() -> String {
    "raw_events".to_owned()
}

/// A camera.
#[derive(Debug)]
pub struct OpenMv {
    description: Description,
    config: Config,
    line: Option<Line>,
    decoder: evt::Decoder,
    /// The decoder's clock does not go on from the last one that delivered.
    restarted: bool,
    delivered: bool,
    held: Option<EventBatch>,
    buffer: Vec<u8>,
    /// Of talks that are over.
    earlier: Counts,
}

/// An open port and the talk over it.
#[derive(Debug)]
struct Line {
    port: TTYPort,
    session: Session,
}

impl Device for OpenMv {
    const NAME: &'static str = "openmv";
    const MODALITY: Modality = Modality::Event;
    const ABOUT: &'static str = "live: OpenMV camera with GenX320 over USB (raw_events channel)";
    type Config = Config;

    fn recognises(_: &Candidate) -> bool {
        false
    }

    fn open(config: Config) -> Result<Self, Error> {
        let description = Description {
            kind: Self::NAME,
            format: format!("OpenMV raw events, {}", config.format.label()),
            device: "GenX320".to_owned(),
            view: View::Event(GENX320),
            epoch: Epoch::Live,
            notes: vec!["what the camera drops when it is overloaded leaves no count".to_owned()],
        };
        let decoder = evt::Decoder::new(config.format, GENX320);
        Ok(Self {
            description,
            config,
            line: None,
            decoder,
            restarted: false,
            delivered: false,
            held: None,
            buffer: vec![0; CHUNK],
            earlier: Counts::default(),
        })
    }
}

impl Sensor for OpenMv {
    fn description(&self) -> &Description {
        &self.description
    }

    /// The events of a frame of the camera; it sends one when the frame is full.
    fn read(&mut self) -> Result<Option<Reading>, Error> {
        if let Some(batch) = self.held.take() {
            return Ok(Some(Reading::Events(batch)));
        }
        match self.listen() {
            Ok(Some(batch)) if core::mem::take(&mut self.restarted) => {
                self.held = Some(batch);
                Ok(Some(Reading::Notice(Notice::Restarted)))
            }
            Ok(Some(batch)) => Ok(Some(Reading::Events(batch))),
            Ok(None) => Ok(Some(Reading::Notice(Notice::Idle))),
            Err(trouble) => {
                self.close();
                let Trouble { loss, problem, remedy } = trouble;
                let device = self.config.port.display().to_string();
                Err(Error::Device { device, loss, problem, remedy })
            }
        }
    }

    fn counts(&self) -> Counts {
        let mut counts = self.earlier.clone();
        counts.merge(&self.decoder.tally().counts());
        if let Some(line) = &self.line {
            counts.merge(&line.session.counts());
        }
        counts
    }

    fn progress(&self) -> Progress {
        Progress::default()
    }
}

impl OpenMv {
    /// Talks with the camera for 50 ms at most, or until it has given events.
    fn listen(&mut self) -> Result<Option<EventBatch>, Trouble> {
        if self.line.is_none() {
            let (port, session) = (open(&self.config.port)?, Session::new(&self.config.channel));
            self.line = Some(Line { port, session });
        }
        let mut batch = EventBatch::default();
        let mut frames = 0;
        for _ in 0..TICKS {
            let Self { line: Some(line), decoder, buffer, .. } = self else { break };
            let outgoing = line.session.outgoing();
            line.port.write_all(&outgoing).map_err(|error| absent(error.to_string()))?;
            let mut rebooted = false;
            match line.port.read(buffer) {
                Ok(0) => return Err(absent("unplugged".to_owned())),
                Ok(length) => {
                    let bytes = buffer.get(..length).unwrap_or_default();
                    line.session.receive(bytes, &mut |said| match said {
                        Said::Frame(words) => {
                            frames += 1;
                            decoder.push(words, &mut batch);
                        }
                        Said::Rebooted => rebooted = true,
                    })?;
                }
                Err(error) if error.kind() == ErrorKind::TimedOut => line.session.tick()?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(absent(error.to_string())),
            }
            self.delivered |= frames > 0;
            if rebooted {
                self.renew();
            }
            if frames > 0 {
                break;
            }
        }
        Ok((frames > 0).then_some(batch))
    }

    /// The camera's clock and its words begin anew.
    fn renew(&mut self) {
        self.earlier.merge(&self.decoder.tally().counts());
        self.decoder = evt::Decoder::new(self.config.format, GENX320);
        self.restarted = self.delivered;
    }

    fn close(&mut self) {
        if let Some(line) = self.line.take() {
            self.earlier.merge(&line.session.counts());
        }
        self.renew();
    }
}

/// Opens the port for us alone.
fn open(path: &std::path::Path) -> Result<TTYPort, Trouble> {
    let port = serialport::new(path.to_string_lossy(), BAUD).timeout(TICK).open_native();
    port.map_err(|error| absent(error.to_string()))
}

fn absent(problem: String) -> Trouble {
    Trouble {
        loss: Loss::Absent,
        problem,
        remedy: "plug the camera in, and disconnect OpenMV IDE from it",
    }
}
