//! Recordings of Infineon BGT60 radars as the Radar Fusion GUI and ifxdaq write them.

pub mod decode;
pub mod layout;
pub mod npy;
mod settings;
mod stamps;
pub mod write;

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use self::layout::Layout;
use self::npy::Found;
use self::settings::Settings;
use super::{Candidate, Description, Device, Epoch, Error, Progress, Reading, Sensor, View};
use crate::data::{ChirpConfig, Counts, Modality, RadarFrame, Samples};
use crate::units::{RadarClock, Seconds, Stamp};

/// An open recording; holds one frame in memory.
#[derive(Debug)]
pub struct Infineon {
    description: Description,
    path: PathBuf,
    reader: BufReader<File>,
    settings: Settings,
    extent: Extent,
    /// Frames read so far, refused ones included.
    number: u64,
    /// Unix time of each frame, microseconds, where the recorder wrote them down.
    times: Option<Vec<i64>>,
    /// Bytes of one frame, reused.
    buffer: Vec<u8>,
    counts: Counts,
}

/// `[sensor.settings]` of an `infineon` sensor.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Config {
    /// The recording folder, the `RadarIfxAvian_NN` folder in it, or the `radar.npy` itself.
    pub path: PathBuf,
}

/// Which bytes of the file are frames.
#[derive(Debug, Clone, Copy)]
struct Extent {
    data_start: u64,
    frames: u64,
    /// Bytes after the last whole frame, until they are counted.
    partial: u64,
    total: u64,
}

impl Device for Infineon {
    const NAME: &'static str = "infineon";
    const MODALITY: Modality = Modality::Radar;
    const ABOUT: &'static str = "Infineon BGT60 recording folder (Radar Fusion GUI, ifxdaq)";
    type Config = Config;

    fn recognises(candidate: &Candidate) -> bool {
        let path = &candidate.path;
        if path.is_dir() {
            return layout::devices(path).is_ok_and(|devices| !devices.is_empty())
                || (path.join(layout::SAMPLES).is_file()
                    && has_config(&path.join(layout::SAMPLES)));
        }
        // Candidate::HEAD may be shorter than the header, so a damaged one is as good here.
        npy::parse(&candidate.head) != Found::Foreign && has_config(path)
    }

    fn open(config: Config) -> Result<Self, Error> {
        let files = Layout::find(&config.path)?;
        let settings = settings::read(&files)?;
        let path = files.samples;
        let file = File::open(&path).map_err(Error::io(&path))?;
        let total = file.metadata().map_err(Error::io(&path))?.len();
        let mut head = Vec::new();
        (&file).take(npy::LONGEST).read_to_end(&mut head).map_err(Error::io(&path))?;

        let mut notes = Vec::new();
        let data_start = data_start(&path, &head, &settings, total, &mut notes)?;
        let data = total.saturating_sub(data_start);
        let frame_bytes = settings.frame_bytes as u64;
        let extent =
            Extent { data_start, frames: data / frame_bytes, partial: data % frame_bytes, total };
        let times = times(&path, extent.frames, &mut notes);

        let mut reader = BufReader::with_capacity(1 << 16, file);
        reader.seek(SeekFrom::Start(data_start)).map_err(Error::io(&path))?;
        let description = Description {
            kind: Self::NAME,
            format: "Infineon DaqKit 1.0.0, radar.npy".to_owned(),
            device: settings.device.clone(),
            view: View::Radar(settings.chirps.clone()),
            epoch: if times.is_some() { Epoch::Unix } else { Epoch::Synthesised },
            notes,
        };
        let buffer = vec![0; settings.frame_bytes];
        let counts = Counts::default();
        Ok(Self { description, path, reader, settings, extent, number: 0, times, buffer, counts })
    }
}

impl Infineon {
    /// Start of frame `number`: as recorded, else rounded by itself, so that errors do not add up.
    #[expect(clippy::cast_precision_loss, reason = "exact below 2^53 frames")]
    fn stamp(&self, number: u64) -> Stamp<RadarClock> {
        let recorded = usize::try_from(number).ok().and_then(|at| self.times.as_ref()?.get(at));
        let period = self.settings.chirps.frame_period.0;
        Stamp::from_micros(
            recorded.copied().unwrap_or_else(|| Seconds(number as f64 * period).to_micros().0),
        )
    }
}

/// Recorded times of `frames` frames, or a note on why there are none.
fn times(samples: &Path, frames: u64, notes: &mut Vec<String>) -> Option<Vec<i64>> {
    let synthesised = "stamps are frame number x frame_repetition_time_s";
    match stamps::find(samples, frames) {
        stamps::Found::Times(times) => return Some(times),
        stamps::Found::Nothing => notes.push(format!("the recording has no times: {synthesised}")),
        stamps::Found::Refused(why) => notes.push(format!("{why}; {synthesised}")),
    }
    None
}

impl Sensor for Infineon {
    fn description(&self) -> &Description {
        &self.description
    }

    fn read(&mut self) -> Result<Option<Reading>, Error> {
        let chirps = &self.settings.chirps;
        let dim = (chirps.rx_antennas.len(), chirps.chirps, chirps.samples);
        while self.number < self.extent.frames {
            self.reader.read_exact(&mut self.buffer).map_err(Error::io(&self.path))?;
            let number = self.number;
            self.number += 1;
            let largest = decode::largest_sample(chirps.adc_bits);
            if let Some(samples) = decode::frame(&self.buffer, dim, largest) {
                return Ok(Some(Reading::Radar(RadarFrame {
                    number,
                    stamp: self.stamp(number),
                    samples: Samples::Real(samples),
                    has_holes: false,
                })));
            }
            self.counts.add("sample-beyond-adc-range", 1);
        }
        self.counts.add("partial-frame-bytes", core::mem::take(&mut self.extent.partial));
        Ok(None)
    }

    fn counts(&self) -> Counts {
        self.counts.clone()
    }

    fn progress(&self) -> Progress {
        let Extent { data_start, frames, total, .. } = self.extent;
        let read = data_start + self.number * self.settings.frame_bytes as u64;
        Progress { done: if self.number == frames { total } else { read }, total }
    }
}

fn has_config(samples: &Path) -> bool {
    settings::is_config(&samples.with_file_name(layout::CONFIG))
}

/// First byte of the samples, once header and `config.json` agree or the header proves damaged.
fn data_start(
    path: &Path,
    head: &[u8],
    settings: &Settings,
    total: u64,
    notes: &mut Vec<String>,
) -> Result<u64, Error> {
    let (data_start, shape) = match trusted(path, npy::parse(head), head)? {
        // A shape with a 0 was written when the recording started and never replaced.
        (data_start, Some(shape)) if !shape.contains(&0) => (data_start, shape),
        (data_start, _) => {
            notes.push(format!(
                "the NPY header was never completed (the recorder was not closed): shape from \
                 config.json, frame count from the file size, samples from byte {data_start}"
            ));
            return Ok(data_start);
        }
    };
    let stated = frames_of(path, &shape, &settings.chirps)?;
    let held = total.saturating_sub(data_start) / settings.frame_bytes as u64;
    if held != stated {
        notes.push(format!(
            "the header says {stated} frames, the file holds {held} whole ones: the file counts"
        ));
    }
    Ok(data_start)
}

/// First byte of the samples and, unless the header is damaged, its shape.
fn trusted(path: &Path, found: Found, head: &[u8]) -> Result<(u64, Option<Vec<u64>>), Error> {
    let (offset, problem, remedy) = match found {
        Found::Damaged { data_start } => return Ok((data_start, None)),
        Found::Foreign => {
            let got = head.get(..6.min(head.len())).unwrap_or_default().escape_ascii();
            let problem =
                format!("expected `\\x93NUMPY` or a blank header of 1024 bytes, found `{got}`");
            (0, problem, "name the radar.npy of a recording")
        }
        Found::Intact { descr, .. } if descr != "<u2" => {
            let problem = format!("element type `{descr}`, expected `<u2`");
            (10, problem, "record raw samples, or convert them to unsigned 16-bit integers")
        }
        Found::Intact { fortran_order: true, .. } => {
            let problem = "Fortran order, expected C order".to_owned();
            (10, problem, "save the array with numpy.ascontiguousarray")
        }
        Found::Intact { data_start, shape, .. } => return Ok((data_start, Some(shape))),
    };
    Err(Error::Malformed { path: path.to_owned(), offset, problem, remedy })
}

/// Frames that a header's `shape` states, if its other axes are those of `config.json`.
fn frames_of(path: &Path, shape: &[u64], chirps: &ChirpConfig) -> Result<u64, Error> {
    let planned = [chirps.rx_antennas.len(), chirps.chirps, chirps.samples].map(|n| n as u64);
    match shape.split_first() {
        Some((&frames, rest)) if rest == planned => Ok(frames),
        _ => Err(Error::Key {
            path: path.to_owned(),
            key: "shape".to_owned(),
            problem: format!(
                "the header says {shape:?} [frame, rx, chirp, sample], config.json says \
                 {planned:?} [rx, chirp, sample]"
            ),
            remedy: "put the config.json of this recording beside it",
        }),
    }
}
