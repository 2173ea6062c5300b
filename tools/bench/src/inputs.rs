//! Recordings, and inputs made from them or from nothing.

use std::fs;
use std::path::{Path, PathBuf};

use ndarray::Array3;
use visaged::data::{ChirpConfig, Event, EventBatch, Geometry, Samples, View};
use visaged::sensor::evt::{Decoder, Format, Header, write};
use visaged::sensor::{self, infineon};

use crate::workload::Error;

/// How often the sparklers are repeated as EVT2.
const EVT2_REPEATS: u32 = 16;
/// How often they are repeated as EVT3: long enough that opening a file does not count.
const EVT3_REPEATS: u32 = 4;
/// Frames of the radar recording that is written: 5 s at 20 Hz.
const WRITTEN_FRAMES: usize = 100;
const SPARKLERS: &str = "event/gen3_vga_evt2_sparklers.raw";

/// Where recordings lie.
pub(crate) struct Inputs {
    shared: PathBuf,
    scenes: PathBuf,
}

/// An event stream in memory.
pub(crate) struct Stream {
    pub(crate) format: Format,
    pub(crate) geometry: Geometry,
    /// All bytes of the file.
    pub(crate) file: Vec<u8>,
    /// Length of its header.
    pub(crate) header: usize,
}

impl Stream {
    pub(crate) fn payload(&self) -> &[u8] {
        &self.file[self.header..]
    }

    pub(crate) fn decode(&self) -> Vec<Event> {
        let mut batch = EventBatch::default();
        Decoder::new(self.format, self.geometry).push(self.payload(), &mut batch);
        batch.events
    }

    fn of(format: Format, geometry: Geometry, file: Vec<u8>) -> Self {
        let header = Header::parse(&file).bytes;
        Self { format, geometry, file, header }
    }
}

impl Inputs {
    /// `../shared/data` beside the repository, and the scenes in it.
    pub(crate) fn beside_the_repository() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        Self { shared: root.join("../shared/data"), scenes: root.join("configs/scenes") }
    }

    /// A recording under `../shared/data`, if it is there.
    pub(crate) fn shared(&self, path: &str) -> Option<PathBuf> {
        Some(self.shared.join(path)).filter(|path| path.exists())
    }

    /// A recording under `configs/scenes`.
    pub(crate) fn scene(&self, path: &str) -> Option<PathBuf> {
        Some(self.scenes.join(path)).filter(|path| path.exists())
    }

    /// The EVT recording `path` under `../shared/data`.
    pub(crate) fn evt(&self, path: &str, format: Format) -> Result<Option<Stream>, Error> {
        let Some(path) = self.shared(path) else { return Ok(None) };
        let View::Event(geometry) = sensor::open(&path)?.description().view else {
            return Ok(None);
        };
        Ok(Some(Stream::of(format, geometry, read(&path)?)))
    }

    /// The sparklers repeated as EVT2, `TIME_HIGH` raised each time so that time goes on.
    pub(crate) fn evt2_sparklers(&self) -> Result<Option<Stream>, Error> {
        let Some(once) = self.evt(SPARKLERS, Format::Evt2)? else { return Ok(None) };
        let mut file = once.file[..once.header].to_vec();
        let (words, _) = once.payload().as_chunks::<4>();
        let words: Vec<u32> = words.iter().map(|&word| u32::from_le_bytes(word)).collect();
        let highs = || words.iter().filter(|&&word| is_time_high(word)).map(|word| word & HIGH);
        let span = highs().max().unwrap_or(0) - highs().min().unwrap_or(0) + 1;
        for repeat in 0..EVT2_REPEATS {
            for &word in &words {
                let raised = if is_time_high(word) { word + repeat * span } else { word };
                file.extend(raised.to_le_bytes());
            }
        }
        Ok(Some(Stream::of(Format::Evt2, once.geometry, file)))
    }

    /// The sparklers repeated as EVT3, written by [`write::raw`] with vectors where they pay: a
    /// dense stream of a real scene.
    pub(crate) fn evt3_sparklers(&self) -> Result<Option<Stream>, Error> {
        let Some(once) = self.evt(SPARKLERS, Format::Evt2)? else { return Ok(None) };
        let events = once.decode();
        let (first, last) = match (events.first(), events.last()) {
            (Some(first), Some(last)) => (first.t, last.t),
            _ => return Ok(None),
        };
        let again = (0..EVT3_REPEATS).flat_map(|repeat| {
            let later = i64::from(repeat) * (last - first + 1);
            events.iter().map(move |event| Event { t: event.t + later, ..*event })
        });
        let file = write::raw(once.geometry, &again.collect::<Vec<_>>())?;
        Ok(Some(Stream::of(Format::Evt3, once.geometry, file)))
    }

    /// Writes what is made at run time to `folder`; says what was written.
    pub(crate) fn write(&self, folder: &Path) -> Result<Vec<PathBuf>, Error> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::File { path, source }
        };
        fs::create_dir_all(folder).map_err(at(folder))?;
        let mut written = Vec::new();
        for (name, stream) in [
            ("sparklers_x16_evt2.raw", self.evt2_sparklers()?),
            ("sparklers_x4_evt3.raw", self.evt3_sparklers()?),
            ("synthetic_evt3.raw", Some(synthetic_evt3()?)),
        ] {
            let Some(stream) = stream else { continue };
            let path = folder.join(name);
            fs::write(&path, stream.file).map_err(at(&path))?;
            written.push(path);
        }
        let radar = folder.join("radar_20hz");
        let mut writer = infineon::write::Writer::create(&radar, &ChirpConfig::food(), "noise")?;
        for frame in radar_frames(WRITTEN_FRAMES) {
            if let Samples::Real(samples) = frame {
                writer.push(&samples)?;
            }
        }
        writer.finish()?;
        written.push(radar);
        Ok(written)
    }
}

/// The 28 bits of an EVT2 `TIME_HIGH`.
const HIGH: u32 = (1 << 28) - 1;

const fn is_time_high(word: u32) -> bool {
    word >> 28 == 8
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| Error::File { path: path.to_owned(), source })
}

/// Pixels of the synthetic events.
pub(crate) const SMALL: Geometry = Geometry { width: 320, height: 240 };

/// A second of a busy scene: an event each five microseconds, at pixels without order.
pub(crate) fn synthetic_events() -> Vec<Event> {
    let mut random = Random(1);
    let event = |n: i64| Event {
        t: n * 5,
        x: random.below(SMALL.width),
        y: random.below(SMALL.height),
        on: random.below(2) == 0,
    };
    (0..200_000).map(event).collect()
}

/// [`synthetic_events`] as EVT3, without any vector.
pub(crate) fn synthetic_evt3() -> Result<Stream, Error> {
    Ok(Stream::of(Format::Evt3, SMALL, write::raw(SMALL, &synthetic_events())?))
}

/// `frames` frames of 3 rx x 64 chirps x 128 samples: noise around the middle of a 12-bit ADC.
pub(crate) fn radar_frames(frames: usize) -> Vec<Samples> {
    let mut random = Random(2);
    let mut frame = || Array3::from_shape_fn((3, 64, 128), |_| 1500 + random.below(1100));
    let signed = |frame: Array3<u16>| Samples::Real(frame.mapv(u16::cast_signed));
    (0..frames).map(|_| signed(frame())).collect()
}

/// Marsaglia's xorshift64: any numbers do, if they are the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u16) -> u16 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u16::try_from((self.0 >> 16) % u64::from(limit)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_synthetic_stream_reads_back_as_written() {
        assert_eq!(synthetic_evt3().unwrap().decode(), synthetic_events());
    }

    #[test]
    fn repeating_the_sparklers_repeats_their_events_and_time_goes_on() {
        let inputs = Inputs::beside_the_repository();
        let Some(once) = inputs.evt(SPARKLERS, Format::Evt2).unwrap() else { return };
        let count = once.decode().len();
        let evt2 = inputs.evt2_sparklers().unwrap().unwrap().decode();
        assert_eq!(evt2.len(), 16 * count);
        assert!(evt2.is_sorted_by_key(|event| event.t));
        let evt3 = inputs.evt3_sparklers().unwrap().unwrap().decode();
        assert_eq!(evt3.len(), 4 * count);
        assert!(evt3.is_sorted_by_key(|event| event.t));
    }
}
