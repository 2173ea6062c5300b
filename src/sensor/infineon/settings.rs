//! `config.json` and `meta.json`: how the radar chirped and what recorded it.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::layout::Layout;
use crate::data::ChirpConfig;
use crate::sensor::Error;
use crate::units::{Hertz, Seconds};

/// ADC resolution of every BGT60 radar, for recordings that do not say.
const ADC_BITS: u8 = 12;
/// Most bytes that a settings file may have; real ones have under 1 KiB.
const LARGEST_SETTINGS: u64 = 1 << 20;
/// Most bytes of one frame; the largest the chip can be set to is far smaller.
const LARGEST_FRAME: usize = 64 << 20;

/// What the settings files say.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Settings {
    /// How the radar chirps.
    pub chirps: ChirpConfig,
    /// Sensor description, empty if not recorded.
    pub device: String,
    /// Bytes of one frame in the sample file.
    pub frame_bytes: usize,
}

/// Reads the settings beside the samples.
///
/// # Errors
/// When `config.json` is missing, or a key in either file is missing or out of range.
pub(super) fn read(files: &Layout) -> Result<Settings, Error> {
    let config: ConfigFile = json(&files.config)?;
    let meta: Meta = if files.meta.is_file() { json(&files.meta)? } else { Meta::default() };
    let shape = config.device_config.fmcw_single_shape;
    let frame_bytes = shape.check(&files.config)?;
    let chirps = shape.into_chirps(meta.adc_bits(&files.meta)?);
    Ok(Settings { chirps, device: meta.description, frame_bytes })
}

/// True if `path` is a `config.json` of an FMCW recording.
#[must_use]
pub(super) fn is_config(path: &Path) -> bool {
    json::<ConfigFile>(path).is_ok()
}

#[derive(Debug, Deserialize)]
struct ConfigFile {
    device_config: DeviceConfig,
}

#[derive(Debug, Deserialize)]
struct DeviceConfig {
    fmcw_single_shape: Shape,
}

/// Other keys of the file (gains, cut-off frequencies, antennas sent from) do not change how the
/// samples are read.
#[derive(Debug, Deserialize)]
struct Shape {
    rx_antennas: Vec<u8>,
    #[serde(rename = "start_frequency_Hz", alias = "lower_frequency_Hz")]
    start: f64,
    #[serde(rename = "end_frequency_Hz", alias = "upper_frequency_Hz")]
    end: f64,
    #[serde(rename = "num_chirps_per_frame")]
    chirps: usize,
    #[serde(rename = "num_samples_per_chirp")]
    samples: usize,
    #[serde(rename = "chirp_repetition_time_s")]
    chirp_period: f64,
    #[serde(rename = "frame_repetition_time_s")]
    frame_period: f64,
    #[serde(rename = "sample_rate_Hz")]
    sample_rate: f64,
}

impl Shape {
    /// Bytes of one frame, once every value is one that a radar can have.
    fn check(&self, path: &Path) -> Result<usize, Error> {
        let positive = [
            ("start_frequency_Hz", self.start),
            ("end_frequency_Hz", self.end),
            ("chirp_repetition_time_s", self.chirp_period),
            ("frame_repetition_time_s", self.frame_period),
            ("sample_rate_Hz", self.sample_rate),
        ];
        for (key, value) in positive {
            if !(value.is_finite() && value > 0.0) {
                return Err(wrong(path, key, format!("{value} is not a positive number")));
            }
        }
        let lengths = [
            ("rx_antennas", self.rx_antennas.len()),
            ("num_chirps_per_frame", self.chirps),
            ("num_samples_per_chirp", self.samples),
        ];
        let mut bytes = Some(size_of::<u16>());
        for (key, length) in lengths {
            if length == 0 {
                return Err(wrong(path, key, "is 0, so that frames are empty".to_owned()));
            }
            bytes = bytes.and_then(|bytes| bytes.checked_mul(length));
        }
        bytes.filter(|&bytes| bytes <= LARGEST_FRAME).ok_or_else(|| {
            let got = lengths.map(|(_, length)| length.to_string()).join(" x ");
            let limit = LARGEST_FRAME / size_of::<u16>();
            let problem = format!("a frame of {got} samples exceeds the limit of {limit}");
            wrong(path, "rx_antennas x num_chirps_per_frame x num_samples_per_chirp", problem)
        })
    }

    fn into_chirps(self, adc_bits: u8) -> ChirpConfig {
        ChirpConfig {
            rx_antennas: self.rx_antennas,
            chirps: self.chirps,
            samples: self.samples,
            complex: false,
            start: Hertz(self.start),
            end: Hertz(self.end),
            sample_rate: Hertz(self.sample_rate),
            chirp_period: Seconds(self.chirp_period),
            frame_period: Seconds(self.frame_period),
            adc_bits,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
struct Meta {
    #[serde(default)]
    adc_resolution: Option<NumberOrText>,
    #[serde(default)]
    description: String,
}

/// The GUI writes a number, Infineon's converter the text `"12"`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum NumberOrText {
    Number(u64),
    Text(String),
}

impl Meta {
    fn adc_bits(&self, path: &Path) -> Result<u8, Error> {
        let (stated, shown) = match &self.adc_resolution {
            None => return Ok(ADC_BITS),
            Some(NumberOrText::Number(bits)) => (Some(*bits), bits.to_string()),
            Some(NumberOrText::Text(bits)) => (bits.trim().parse().ok(), format!("{bits:?}")),
        };
        // A frame holds i16, so that 15 bits are the most that fit.
        stated
            .filter(|bits| (1..=15).contains(bits))
            .and_then(|bits| u8::try_from(bits).ok())
            .ok_or_else(|| wrong(path, "adc_resolution", format!("{shown} is not within 1 to 15")))
    }
}

fn wrong(path: &Path, key: &str, problem: String) -> Error {
    Error::Key { path: path.to_owned(), key: key.to_owned(), problem, remedy: "correct the value" }
}

/// Parses a settings file; an error names the key.
fn json<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let mut text = String::new();
    let file = File::open(path).map_err(Error::io(path))?;
    let read =
        file.take(LARGEST_SETTINGS + 1).read_to_string(&mut text).map_err(Error::io(path))?;
    if read as u64 > LARGEST_SETTINGS {
        let problem = format!("larger than {LARGEST_SETTINGS} bytes, so it is no settings file");
        return Err(Error::io(path)(io::Error::other(problem)));
    }
    serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(&text)).map_err(
        |error| Error::Key {
            path: path.to_owned(),
            key: error.path().to_string(),
            problem: error.inner().to_string(),
            remedy: "take the file as the Radar Fusion GUI or ifxdaq wrote it",
        },
    )
}
