//! Raw recordings of TI radars: `adc_data.bin` as the DCA1000 tools write it, with a sidecar.

pub mod decode;
pub mod iq_check;
pub mod sidecar;

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::PathBuf;

use serde::Deserialize;

use self::sidecar::{IqOrder, Sidecar};
use super::{Candidate, Description, Device, Epoch, Error, Progress, Reading, Sensor, View};
use crate::data::{Counts, Modality, RadarFrame, Samples};
use crate::units::{Seconds, Stamp};

/// Frames looked at for the order of I and Q.
const CHECKED_FRAMES: u64 = 2;

/// An open recording; holds one frame in memory.
#[derive(Debug)]
pub struct TiBin {
    description: Description,
    path: PathBuf,
    reader: BufReader<File>,
    sidecar: Sidecar,
    frame_period: Seconds,
    frames: u64,
    /// Bytes after the last whole frame, until they are counted.
    partial: u64,
    total: u64,
    /// Frames read so far.
    number: u64,
    /// Bytes of one frame, reused.
    buffer: Vec<u8>,
    counts: Counts,
}

/// `[sensor.settings]` of a `ti-bin` sensor.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Config {
    /// `<name>.bin`, or the sidecar `<name>.toml` beside it.
    pub path: PathBuf,
}

impl Device for TiBin {
    const NAME: &'static str = "ti-bin";
    const MODALITY: Modality = Modality::Radar;
    const ABOUT: &'static str = "TI adc_data.bin (DCA1000) with a .toml sidecar";
    type Config = Config;

    fn recognises(candidate: &Candidate) -> bool {
        let (sidecar, samples) = sidecar::pair(&candidate.path);
        samples.is_file() && Sidecar::read(&sidecar).is_ok()
    }

    fn open(config: Config) -> Result<Self, Error> {
        let (sidecar_path, path) = sidecar::pair(&config.path);
        let sidecar = Sidecar::read(&sidecar_path)?;
        let file = File::open(&path).map_err(Error::io(&path))?;
        let total = file.metadata().map_err(Error::io(&path))?.len();
        // `read` refuses a sidecar without a frame size.
        let mut buffer = vec![0; sidecar.frame_bytes().unwrap_or(1)];
        let frame_bytes = buffer.len() as u64;
        let (frames, partial) = (total / frame_bytes, total % frame_bytes);

        let mut reader = BufReader::with_capacity(1 << 16, file);
        let mut counts = Counts::default();
        let mut notes = notes(total);
        for _ in 0..frames.min(CHECKED_FRAMES) {
            reader.read_exact(&mut buffer).map_err(Error::io(&path))?;
            if let Some(note) = order_note(&buffer, &sidecar) {
                counts.add("iq-order-doubtful", 1);
                notes.push(note);
                break;
            }
        }
        reader.rewind().map_err(Error::io(&path))?;

        let view = sidecar.chirp_config();
        let frame_period = view.frame_period;
        let description = Description {
            kind: Self::NAME,
            format: format!("TI adc_data.bin, {}", sample_order(&sidecar)),
            device: String::new(),
            view: View::Radar(view),
            epoch: Epoch::Synthesised,
            notes,
        };
        let number = 0;
        Ok(Self {
            description,
            path,
            reader,
            sidecar,
            frame_period,
            frames,
            partial,
            total,
            number,
            buffer,
            counts,
        })
    }
}

impl Sensor for TiBin {
    fn description(&self) -> &Description {
        &self.description
    }

    fn read(&mut self) -> Result<Option<Reading>, Error> {
        while self.number < self.frames {
            self.reader.read_exact(&mut self.buffer).map_err(Error::io(&self.path))?;
            let number = self.number;
            self.number += 1;
            if let Some(samples) = decode::frame(&self.buffer, &self.sidecar) {
                let stamp = stamp(number, self.frame_period);
                return Ok(Some(Reading::Radar(RadarFrame {
                    number,
                    stamp,
                    samples,
                    has_holes: false,
                })));
            }
            self.counts.add("undecodable-frame", 1);
        }
        self.counts.add("partial-frame-bytes", core::mem::take(&mut self.partial));
        Ok(None)
    }

    fn counts(&self) -> Counts {
        self.counts.clone()
    }

    fn progress(&self) -> Progress {
        let read = self.number * self.buffer.len() as u64;
        Progress {
            done: if self.number == self.frames { self.total } else { read },
            total: self.total,
        }
    }
}

/// Start of frame `number`: each is rounded by itself, so that errors do not add up.
#[expect(clippy::cast_precision_loss, reason = "exact below 2^53 frames")]
pub(crate) fn stamp<C>(number: u64, frame_period: Seconds) -> Stamp<C> {
    Stamp::from_micros(Seconds(number as f64 * frame_period.0).to_micros().0)
}

/// What holds for the file as a whole.
fn notes(total: u64) -> Vec<String> {
    let mut notes =
        vec!["the recording has no times: stamps are frame number x frame-period-ms".to_owned()];
    if !total.is_multiple_of(2) {
        notes.push(
            "odd file size: bytes were lost, or the packet headers of the DCA1000 were left in"
                .to_owned(),
        );
    }
    notes
}

/// Lanes and kind of samples, in words.
pub(crate) fn sample_order(sidecar: &Sidecar) -> String {
    let samples = match (sidecar.complex, sidecar.iq_order) {
        (false, _) => "real",
        (true, IqOrder::Iq) => "complex, I first",
        (true, IqOrder::Qi) => "complex, Q first",
    };
    format!("{} lanes, {samples}", sidecar.lanes)
}

/// A warning if most of the energy lies where no echo can be.
fn order_note(frame: &[u8], sidecar: &Sidecar) -> Option<String> {
    let ratio = echo_ratio(&decode::frame(frame, sidecar)?, sidecar)?;
    let (now, other) = match sidecar.iq_order {
        IqOrder::Iq => ("iq", "qi"),
        IqOrder::Qi => ("qi", "iq"),
    };
    (ratio < 1.0).then(|| {
        format!(
            "WARNING: the range spectrum looks mirrored (energy ratio {ratio:.3}, above 1 expected \
             with iq-order = \"{now}\"): try iq-order = \"{other}\""
        )
    })
}

/// Energy where echoes can be over energy where none can be; `None` of real samples or silence.
pub(crate) fn echo_ratio(samples: &Samples, sidecar: &Sidecar) -> Option<f64> {
    let Samples::Complex(samples) = samples else { return None };
    // A falling chirp puts echoes at negative frequencies.
    let positive = iq_check::positive_to_negative(samples)?;
    Some(if sidecar.slope_mhz_per_us > 0.0 { positive } else { positive.recip() })
}
