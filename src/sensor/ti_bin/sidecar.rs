//! The sidecar: what `adc_data.bin` does not say about itself.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::data::ChirpConfig;
use crate::sensor::Error;
use crate::units::{Hertz, Seconds};

/// Most bytes that a sidecar may have.
const LARGEST_SIDECAR: u64 = 1 << 16;
/// Most bytes of one frame; the radar cube memory of these devices is at most a few MiB.
const LARGEST_FRAME: usize = 64 << 20;
/// Lanes of the 4-lane devices: one per receiver, whether it is used or not.
const FOUR_LANES: usize = 4;

/// `<name>.toml` beside `<name>.bin`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Sidecar {
    /// Receive antennas in the order of the file, as the device numbers them.
    pub rx_antennas: Vec<u8>,
    /// Chirps per frame *and transmitter*: the loops of `frameCfg`.
    pub chirps: usize,
    /// Samples per chirp; complex pairs count once.
    pub samples: usize,
    /// LVDS lanes: 2 (xWR16xx, 18xx, 68xx) or 4 (xWR12xx, 14xx).
    pub lanes: u8,
    /// True if the samples are I/Q pairs (`adcCfg 2 1` or `adcCfg 2 2`).
    pub complex: bool,
    /// Which of I and Q comes first. Ignored for real samples.
    #[serde(default)]
    pub iq_order: IqOrder,
    /// Frequency at the first sample of a chirp, GHz.
    pub start_frequency_ghz: f64,
    /// Slope of the chirp, MHz per microsecond.
    pub slope_mhz_per_us: f64,
    /// ADC sample rate, thousand samples per second.
    pub sample_rate_ksps: f64,
    /// Start of a chirp to the start of the next one of *any* transmitter: idle plus ramp time.
    pub chirp_period_us: f64,
    /// Start of a frame to the start of the next.
    pub frame_period_ms: f64,
    /// Transmitters that chirp in turn (TDM); 1 to 16.
    #[serde(default = "one")]
    pub transmitters: u8,
    /// ADC resolution, 1 to 16 bits.
    #[serde(default = "sixteen")]
    pub adc_bits: u8,
}

/// A value that no radar can have.
#[derive(Debug, thiserror::Error)]
#[error("`{key}`: {problem}; {remedy}")]
pub struct Wrong {
    /// The key, or keys that contradict.
    pub key: &'static str,
    /// What is wrong, with both sides.
    pub problem: String,
    /// What to do.
    pub remedy: &'static str,
}

/// Which of I and Q comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IqOrder {
    /// I first: `sampleSwap = 0` in `adcbufCfg`.
    #[default]
    Iq,
    /// Q first: `sampleSwap = 1`, the default of the out-of-box demo.
    Qi,
}

const fn one() -> u8 {
    1
}

const fn sixteen() -> u8 {
    16
}

/// Sidecar and samples of a recording of which either was named.
#[must_use]
pub fn pair(path: &Path) -> (PathBuf, PathBuf) {
    if path.extension().is_some_and(|extension| extension == "toml") {
        (path.to_owned(), path.with_extension("bin"))
    } else {
        (path.with_extension("toml"), path.to_owned())
    }
}

impl Sidecar {
    /// Reads and checks a sidecar.
    ///
    /// # Errors
    /// When it cannot be read, a key is missing, unknown or out of range, or keys contradict.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let mut text = String::new();
        let file = File::open(path).map_err(Error::io(path))?;
        file.take(LARGEST_SIDECAR).read_to_string(&mut text).map_err(Error::io(path))?;
        let sidecar: Self = toml::from_str(&text).map_err(|error| Error::Malformed {
            path: path.to_owned(),
            offset: error.span().map_or(0, |span| span.start as u64),
            problem: error.message().to_owned(),
            remedy: "write the keys that the manual of the `ti-bin` sensor lists",
        })?;
        sidecar.check().map_err(|Wrong { key, problem, remedy }| Error::Key {
            path: path.to_owned(),
            key: key.to_owned(),
            problem,
            remedy,
        })?;
        Ok(sidecar)
    }

    /// Refuses values that no radar can have.
    ///
    /// # Errors
    /// When a value is out of range or keys contradict.
    pub fn check(&self) -> Result<(), Wrong> {
        let wrong = |key, problem, remedy| Err(Wrong { key, problem, remedy });
        for (key, value) in self.positive() {
            if !(value.is_finite() && value > 0.0) {
                return wrong(key, format!("{value} is not positive"), "correct the value");
            }
        }
        // A negative slope is a falling chirp.
        if !(self.slope_mhz_per_us.is_finite() && self.slope_mhz_per_us != 0.0) {
            let problem = format!("{} is no slope", self.slope_mhz_per_us);
            return wrong("slope-mhz-per-us", problem, "correct the value");
        }
        if !matches!(self.lanes, 2 | 4) {
            return wrong("lanes", format!("{} is neither 2 nor 4", self.lanes), "name 2 or 4");
        }
        if self.lanes == 4 && self.rx_antennas.len() != FOUR_LANES {
            return wrong(
                "rx-antennas",
                format!("{} named, but 4 lanes carry 4", self.rx_antennas.len()),
                "name all four; unused ones hold zeros",
            );
        }
        if !(1..=16).contains(&self.transmitters) || !(1..=16).contains(&self.adc_bits) {
            let problem = format!("{} and {} must be 1 to 16", self.transmitters, self.adc_bits);
            return wrong("transmitters, adc-bits", problem, "correct the value");
        }
        if self.complex && self.lanes == 2 && !self.samples.is_multiple_of(2) {
            let problem = format!("{} is odd, but 2 lanes send samples in pairs", self.samples);
            return wrong("samples", problem, "name the samples per chirp of profileCfg");
        }
        if self.frame_bytes().is_none() {
            return wrong(
                "rx-antennas, chirps, samples",
                format!("a frame must have 1 to {LARGEST_FRAME} bytes"),
                "correct the value",
            );
        }
        Ok(())
    }

    const fn positive(&self) -> [(&'static str, f64); 4] {
        [
            ("start-frequency-ghz", self.start_frequency_ghz),
            ("sample-rate-ksps", self.sample_rate_ksps),
            ("chirp-period-us", self.chirp_period_us),
            ("frame-period-ms", self.frame_period_ms),
        ]
    }

    /// Bytes of one frame, or `None` if that is 0 or beyond reason.
    #[must_use]
    pub fn frame_bytes(&self) -> Option<usize> {
        let bytes_per_sample = if self.complex { 4 } else { 2 };
        self.rx_antennas
            .len()
            .checked_mul(usize::from(self.transmitters))?
            .checked_mul(self.chirps)?
            .checked_mul(self.samples)?
            .checked_mul(bytes_per_sample)
            .filter(|bytes| (1..=LARGEST_FRAME).contains(bytes))
    }

    /// What the frames look like: each pair of transmitter and receiver is an antenna, all
    /// receivers of the first transmitter first.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "sample counts are far below 2^52")]
    pub fn chirp_config(&self) -> ChirpConfig {
        let start = self.start_frequency_ghz * 1e9;
        let sampled_us = self.samples as f64 / self.sample_rate_ksps * 1e3;
        ChirpConfig {
            rx_antennas: self.rx_antennas.repeat(usize::from(self.transmitters)),
            chirps: self.chirps,
            samples: self.samples,
            complex: self.complex,
            start: Hertz(start),
            end: Hertz(start + self.slope_mhz_per_us * 1e6 * sampled_us),
            sample_rate: Hertz(self.sample_rate_ksps * 1e3),
            chirp_period: Seconds(self.chirp_period_us * 1e-6 * f64::from(self.transmitters)),
            frame_period: Seconds(self.frame_period_ms * 1e-3),
            adc_bits: self.adc_bits,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AWR1843: &str = "
        rx-antennas = [1]
        chirps = 16
        samples = 256
        lanes = 2
        complex = true
        iq-order = 'qi'
        start-frequency-ghz = 77.0
        slope-mhz-per-us = 70.0
        sample-rate-ksps = 5209.0
        chirp-period-us = 486.14
        frame-period-ms = 100.0
    ";

    fn sidecar(extra: &str) -> Sidecar {
        toml::from_str(&format!("{AWR1843}{extra}")).unwrap()
    }

    /// 70 MHz/us x 256 / 5.209 MS/s, against the peak of an independent reference: bin 59 = 2.5707 m.
    #[test]
    fn bandwidth_is_what_was_sampled_and_not_the_whole_ramp() {
        let chirps = sidecar("").chirp_config();
        assert!((chirps.range_resolution().0 * 59.0 - 2.570_745_421_584_766).abs() < 1e-9);
    }

    #[test]
    fn transmitters_multiply_antennas_and_chirp_period() {
        let chirps = sidecar("transmitters = 2").chirp_config();
        assert_eq!(chirps.rx_antennas, [1, 1]);
        assert_eq!(chirps.chirps, 16);
        assert!((chirps.chirp_period.0 - 972.28e-6).abs() < 1e-12);
        assert_eq!(sidecar("transmitters = 2").frame_bytes(), Some(2 * 16 * 256 * 4));
    }

    #[test]
    fn an_unknown_key_is_refused() {
        assert!(toml::from_str::<Sidecar>(&format!("{AWR1843}antennas = 3")).is_err());
    }

    #[test]
    fn a_value_out_of_range_is_named() {
        let base = sidecar("");
        let cases = [
            (Sidecar { lanes: 3, ..base.clone() }, "lanes"),
            (Sidecar { lanes: 4, ..base.clone() }, "rx-antennas"),
            (Sidecar { samples: 255, ..base.clone() }, "samples"),
            (Sidecar { chirps: 0, ..base.clone() }, "chirps"),
            (Sidecar { chirps: usize::MAX, ..base.clone() }, "chirps"),
            (Sidecar { frame_period_ms: f64::NAN, ..base.clone() }, "frame-period-ms"),
            (Sidecar { slope_mhz_per_us: 0.0, ..base.clone() }, "slope"),
            (Sidecar { transmitters: 0, ..base }, "transmitters"),
        ];
        for (sidecar, key) in cases {
            let message = sidecar.check().unwrap_err().to_string();
            assert!(message.contains(key), "{message}");
        }
    }

    #[test]
    fn either_file_leads_to_the_other() {
        let expected = (PathBuf::from("a/adc_data.toml"), PathBuf::from("a/adc_data.bin"));
        assert_eq!(pair(Path::new("a/adc_data.bin")), expected);
        assert_eq!(pair(Path::new("a/adc_data.toml")), expected);
    }
}
