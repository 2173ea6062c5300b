//! Prophesee DAT recordings: `Event2D` (type 0x00) and `EventCD` (type 0x0C).

mod decode;

pub use decode::{Decoder, Tally};

use std::path::PathBuf;

use serde::Deserialize;

use super::{Candidate, Description, Device, Epoch, Error, Progress, Reading, Sensor, View};
use crate::data::{Counts, EventBatch, Geometry, Modality};
use crate::sensor::evt::{Chunks, Header, is_raw};
use decode::RECORD;

/// Event type of old files.
const EVENT_2D: u8 = 0x00;
/// Event type of files since Metavision.
const EVENT_CD: u8 = 0x0C;
/// Bytes between header and records: event type and record size.
const PREAMBLE: usize = 2;
const SET_GEOMETRY: &str = "set `geometry = { width = ..., height = ... }` in the sensor settings";

/// Settings of a DAT recording.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Config {
    /// The recording.
    pub path: PathBuf,
    /// Pixels of the sensor; needed where the header of an old file lacks them, wins over one.
    #[serde(default)]
    pub geometry: Option<Geometry>,
}

/// An open DAT recording.
#[derive(Debug)]
pub struct Dat {
    description: Description,
    chunks: Chunks,
    decoder: Decoder,
}

impl Device for Dat {
    const NAME: &'static str = "dat";
    const MODALITY: Modality = Modality::Event;
    const ABOUT: &'static str = "Prophesee DAT recording: Event2D (0x00) or EventCD (0x0C)";
    type Config = Config;

    fn recognises(candidate: &Candidate) -> bool {
        let header = Header::parse(&candidate.head);
        let records = &candidate.head[header.bytes..];
        header.bytes > 0 && !is_raw(&candidate.head) && record_type(records).is_some()
    }

    fn open(config: Config) -> Result<Self, Error> {
        let mut chunks = Chunks::open(&config.path)?;
        let header = Header::parse(chunks.ahead());
        chunks.skip(header.bytes);
        let Some(format) = record_type(chunks.ahead()) else {
            return Err(no_records(&config, header.bytes, chunks.ahead()));
        };
        chunks.skip(PREAMBLE);
        let mut notes = Vec::new();
        let geometry = geometry(&header, &config, &mut notes)?;
        let description = Description {
            kind: Self::NAME,
            format: format.to_owned(),
            device: header
                .get("serial_number")
                .map(|text| format!("serial {text}"))
                .unwrap_or_default(),
            view: View::Event(geometry),
            epoch: Epoch::Device,
            notes,
        };
        Ok(Self { description, chunks, decoder: Decoder::new(geometry) })
    }
}

impl Sensor for Dat {
    fn description(&self) -> &Description {
        &self.description
    }

    /// The events of the next 64 KiB at most.
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

/// What the two bytes between header and records say, if they announce events of eight bytes.
fn record_type(bytes: &[u8]) -> Option<&'static str> {
    let (&[kind, size], _) = bytes.split_first_chunk()?;
    match kind {
        _ if usize::from(size) != RECORD => None,
        EVENT_2D => Some("DAT, Event2D"),
        EVENT_CD => Some("DAT, EventCD"),
        _ => None,
    }
}

/// Why `records`, which starts at byte `offset`, announces no events that we know.
fn no_records(config: &Config, offset: usize, records: &[u8]) -> Error {
    let problem = match records {
        [kind, size, ..] => format!(
            "records of type {kind:#04x} and {size} bytes, known are 0x00 and 0x0c of {RECORD} bytes"
        ),
        _ => "the file ends before the type of its records".to_owned(),
    };
    let remedy = "check that this is a DAT recording of events";
    Error::Malformed { path: config.path.clone(), offset: offset as u64, problem, remedy }
}

/// From the settings, else from `Width` and `Height`, which old type-0 files lack.
fn geometry(header: &Header, config: &Config, notes: &mut Vec<String>) -> Result<Geometry, Error> {
    let wrong = |key: &str, problem| {
        let (path, key) = (config.path.clone(), key.to_owned());
        Err(Error::Key { path, key, problem, remedy: SET_GEOMETRY })
    };
    if let Some(geometry) = config.geometry {
        if geometry.width == 0 || geometry.height == 0 {
            return wrong("geometry", "a sensor without pixels".to_owned());
        }
        notes.push("pixels of the sensor taken from the settings".to_owned());
        return Ok(geometry);
    }
    let mut sides = [0_u16; 2];
    for (side, key) in sides.iter_mut().zip(["Width", "Height"]) {
        let Some(text) = header.get(key) else {
            return wrong(key, "missing in the header".to_owned());
        };
        match text.parse() {
            Ok(pixels) if pixels > 0 => *side = pixels,
            _ => return wrong(key, format!("{text:?} is no number of pixels")),
        }
    }
    let [width, height] = sides;
    Ok(Geometry { width, height })
}

#[cfg(test)]
mod tests;
