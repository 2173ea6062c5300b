//! Prophesee RAW recordings: EVT2.0, EVT2.1 in both word orders, EVT3.0.

mod carry;
mod chunks;
mod decoder;
mod evt2;
mod evt21;
mod evt3;
mod format;
mod header;
mod order;
mod tally;
mod time;
pub mod write;

pub use decoder::{Decoder, Format};
pub use evt2::Evt2;
pub use evt3::Evt3;
pub use evt21::{Evt21, Order};
pub use header::Header;
pub use order::is_wrong as is_wrong_order;
pub use tally::Tally;
pub use time::{Step, Wrap};

pub(crate) use carry::Carry;
pub(crate) use chunks::{CHUNK, Chunks};
pub(crate) use format::{claimed, is_raw};
pub(crate) use time::Latest;

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Candidate, Description, Device, Epoch, Error, Progress, Reading, Sensor, View};
use crate::data::{Counts, EventBatch, Geometry, Modality};

/// Settings of an EVT recording.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Config {
    /// The recording.
    pub path: PathBuf,
    /// Format of the payload; needed for a file without a header, wins over one.
    #[serde(default)]
    pub format: Option<Format>,
    /// Pixels of the sensor; needed for a file without a header, wins over one.
    #[serde(default)]
    pub geometry: Option<Geometry>,
}

/// An open EVT recording.
#[derive(Debug)]
pub struct Evt {
    description: Description,
    chunks: Chunks,
    decoder: Decoder,
}

impl Device for Evt {
    const NAME: &'static str = "evt";
    const MODALITY: Modality = Modality::Event;
    const ABOUT: &'static str =
        "Prophesee RAW recording: EVT2.0, EVT2.1 (both word orders) or EVT3.0";
    type Config = Config;

    fn recognises(candidate: &Candidate) -> bool {
        is_raw(&candidate.head)
    }

    fn open(config: Config) -> Result<Self, Error> {
        let mut chunks = Chunks::open(&config.path)?;
        let header = Header::parse(chunks.ahead());
        if header.bytes == CHUNK {
            return Err(endless(&config.path));
        }
        let resolved = format::resolve(&header, &config)?;
        chunks.skip(header.bytes);
        check_order(&config, resolved.format, chunks.ahead(), header.bytes as u64)?;
        let decoder = Decoder::new(resolved.format, resolved.geometry);
        Ok(Self { description: describe(resolved), chunks, decoder })
    }
}

impl Sensor for Evt {
    fn description(&self) -> &Description {
        &self.description
    }

    /// The events of the next 64 KiB at most; there may be none among them.
    fn read(&mut self) -> Result<Option<Reading>, Error> {
        let Some(chunk) = self.chunks.next()? else {
            self.decoder.finish();
            return Ok(None);
        };
        let mut batch = EventBatch::default();
        self.decoder.push(chunk, &mut batch);
        Ok(Some(Reading::Events(batch)))
    }

    fn counts(&self) -> Counts {
        self.decoder.tally().counts()
    }

    fn progress(&self) -> Progress {
        self.chunks.progress()
    }
}

fn describe(resolved: format::Resolved) -> Description {
    Description {
        kind: Evt::NAME,
        format: resolved.format.label().to_owned(),
        device: resolved.device,
        view: View::Event(resolved.geometry),
        epoch: Epoch::Device,
        notes: resolved.notes,
    }
}

/// Refuses an EVT2.1 payload that reads as the other word order.
fn check_order(config: &Config, format: Format, payload: &[u8], offset: u64) -> Result<(), Error> {
    let Some(order) = format.order() else { return Ok(()) };
    if !order::is_wrong(payload, order) {
        return Ok(());
    }
    let (claimed, found, remedy) = match order {
        Order::Little => {
            ("little", "legacy", "set `format = \"evt21-legacy\"` in the sensor settings")
        }
        Order::Legacy => {
            ("legacy", "little", "set `format = \"evt21-little\"` in the sensor settings")
        }
    };
    Err(Error::Malformed {
        path: config.path.clone(),
        offset,
        problem: format!(
            "EVT2.1 claimed to be in {claimed} word order reads as {found} word order"
        ),
        remedy,
    })
}

fn endless(path: &Path) -> Error {
    Error::Malformed {
        path: path.to_owned(),
        offset: CHUNK as u64,
        problem: format!("the header goes on beyond {CHUNK} bytes"),
        remedy: "check that this is a RAW recording",
    }
}

#[cfg(test)]
mod tests;
