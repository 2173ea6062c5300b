//! Event recordings of iniVation's DV software: AEDAT 4.0.

pub mod compression;
pub mod decode;
pub mod flatbuffer;
pub mod header;
mod lz4;

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use self::decode::{Decoder, MAGIC};
use self::header::{Header, HeaderError};
use super::{Candidate, Description, Device, Epoch, Error, Progress, Reading, Sensor, View};
use crate::data::{Counts, EventBatch, Modality};

/// Bytes read at a time. Its events stay below the size from which the allocator asks the system
/// for fresh pages each time: 6 % faster than 64 KiB.
const CHUNK: usize = 32 << 10;

/// An open recording.
#[derive(Debug)]
pub struct Aedat4 {
    description: Description,
    path: PathBuf,
    file: File,
    decoder: Decoder,
    chunk: Vec<u8>,
    /// Events that came in the same chunk as the end of the header.
    first: EventBatch,
    progress: Progress,
}

/// `[sensor.settings]` of an `aedat4` sensor.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Config {
    /// The recording.
    pub path: PathBuf,
    /// Number of the event stream to read; the first one by default.
    #[serde(default)]
    pub stream: Option<i32>,
}

impl Device for Aedat4 {
    const NAME: &'static str = "aedat4";
    const MODALITY: Modality = Modality::Event;
    const ABOUT: &'static str = "iniVation AEDAT 4 recording (DV, dv-processing)";
    type Config = Config;

    fn recognises(candidate: &Candidate) -> bool {
        candidate.head.starts_with(MAGIC)
    }

    fn open(config: Config) -> Result<Self, Error> {
        let path = config.path;
        let mut file = File::open(&path).map_err(Error::io(&path))?;
        let total = file.metadata().map_err(Error::io(&path))?.len();
        let mut progress = Progress { done: 0, total };
        let mut decoder = Decoder::file(config.stream);
        let mut chunk = vec![0; CHUNK];
        let mut first = EventBatch::default();
        while decoder.header().is_none() {
            if advance(&path, &mut file, &mut chunk, &mut progress, &mut decoder, &mut first)? == 0
            {
                break;
            }
        }
        let description =
            decoder.header().map(|header| describe(header, config.stream)).transpose();
        let description =
            description.map_err(malformed(&path))?.ok_or_else(|| Error::Malformed {
                path: path.clone(),
                offset: total,
                problem: "the file ends inside its header".to_owned(),
                remedy: "copy the recording again",
            })?;
        Ok(Self { description, path, file, decoder, chunk, first, progress })
    }
}

impl Sensor for Aedat4 {
    fn description(&self) -> &Description {
        &self.description
    }

    fn read(&mut self) -> Result<Option<Reading>, Error> {
        let mut batch = core::mem::take(&mut self.first);
        while batch.events.is_empty() {
            let Self { path, file, chunk, progress, decoder, .. } = self;
            if advance(path, file, chunk, progress, decoder, &mut batch)? == 0 {
                decoder.finish(&mut batch);
                break;
            }
        }
        Ok((!batch.events.is_empty()).then_some(Reading::Events(batch)))
    }

    fn counts(&self) -> Counts {
        self.decoder.counts().clone()
    }

    fn progress(&self) -> Progress {
        self.progress
    }
}

/// Decodes the next chunk and says how many bytes it had, 0 at the end of the file.
fn advance(
    path: &Path,
    file: &mut File,
    chunk: &mut [u8],
    progress: &mut Progress,
    decoder: &mut Decoder,
    batch: &mut EventBatch,
) -> Result<usize, Error> {
    let read = loop {
        match file.read(chunk) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            other => break other.map_err(Error::io(path))?,
        }
    };
    progress.done += read as u64;
    decoder.push(chunk.get(..read).unwrap_or_default(), batch).map_err(malformed(path))?;
    Ok(read)
}

fn describe(header: &Header, wanted: Option<i32>) -> Result<Description, HeaderError> {
    let (stream, geometry) = header.events(wanted)?;
    let ids: Vec<String> = header.event_streams().map(|stream| stream.id.to_string()).collect();
    let mut notes = Vec::new();
    if ids.len() > 1 {
        notes.push(format!(
            "event streams {}: reading {}; choose another with `stream`",
            ids.join(", "),
            stream.id
        ));
    }
    Ok(Description {
        kind: Aedat4::NAME,
        format: format!("AEDAT 4.0, {}", header.compression.name()),
        device: stream.source.clone(),
        view: View::Event(geometry),
        epoch: Epoch::Unix,
        notes,
    })
}

/// For `map_err` on header errors.
fn malformed(path: &Path) -> impl FnOnce(HeaderError) -> Error {
    let path = path.to_owned();
    move |error| {
        let (offset, remedy) = match error {
            HeaderError::Magic { .. } => (0, "name an AEDAT 4.0 file; AEDAT 2 and 3 are others"),
            HeaderError::NoEvents { .. } => {
                (MAGIC.len(), "name one of the EVTS streams with `stream`, or record events")
            }
            HeaderError::Geometry { .. } => (MAGIC.len(), "record with a current version of DV"),
            HeaderError::Size { .. }
            | HeaderError::Layout(_)
            | HeaderError::Compression { .. }
            | HeaderError::Text(_)
            | HeaderError::Xml(_) => {
                (MAGIC.len(), "copy the recording again: its header is damaged")
            }
        };
        Error::Malformed { path, offset: offset as u64, problem: error.to_string(), remedy }
    }
}
