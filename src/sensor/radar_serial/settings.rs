//! `[sensor.settings]` of a `radar-serial` sensor: where it is and how it must chirp.

use firmware_proto::{ConfigBody, RadarConfig};
use serde::Deserialize;

use crate::data::ChirpConfig;
use crate::sensor::serial::{Difference, LinkKeys, LinkSettings, Refused, differing};
use crate::units::{Hertz, Seconds};

/// Most samples of one frame over all receivers: 40 times the largest known use.
const LARGEST_FRAME: usize = 1 << 20;

/// Settings of a radar on a serial port.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Keys")]
pub struct Config {
    /// Where the board is and how to speak with it.
    pub link: LinkSettings,
    /// How the radar must be set.
    pub radar: RadarSettings,
}

/// Sets of chirp settings by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// The chirps of the FOOD paper, which the FOODER networks were designed for.
    #[default]
    Food,
    /// 5.5 GHz of sweep, range bins of 2.7 cm: a face at 20 to 60 cm.
    Face,
}

/// How the radar must be set. What is `None` is left as the device has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RadarSettings {
    /// First frequency of the sampled sweep in kHz.
    pub start_frequency_khz: u32,
    /// Last frequency of the sampled sweep in kHz; below the first for a falling chirp.
    pub end_frequency_khz: u32,
    /// ADC rate in samples per second and receiver.
    pub sample_rate_hz: u32,
    /// From chirp to chirp in nanoseconds.
    pub chirp_period_ns: u32,
    /// From frame to frame in microseconds.
    pub frame_period_us: u32,
    /// Samples per chirp and receiver.
    pub samples_per_chirp: u16,
    /// Chirps per frame.
    pub chirps_per_frame: u16,
    /// Bit n set: receiver n + 1 is active.
    pub rx_mask: u8,
    /// Bits per sample, 1 to 15.
    pub adc_bits: u8,
    /// Bit n set: transmitter n + 1 is active.
    pub tx_mask: Option<u8>,
    /// Gain behind the mixer in dB.
    pub if_gain_db: Option<i8>,
    /// Transmit power in the chip's own steps.
    pub tx_power_level: Option<u8>,
    /// High-pass corner in Hz.
    pub hp_cutoff_hz: Option<u32>,
    /// Anti-aliasing corner in Hz.
    pub aaf_cutoff_hz: Option<u32>,
    /// From the start of the first chirp of a frame to the interrupt that the device stamps, in
    /// microseconds; taken off every stamp.
    pub stamp_delay_us: u32,
}

/// The keys as written; a preset fills in for the absent ones.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Keys {
    port: Option<std::path::PathBuf>,
    vid_pid: Option<String>,
    serial_number: Option<String>,
    baud: Option<u32>,
    key_file: Option<std::path::PathBuf>,
    #[serde(default)]
    preset: Preset,
    start_frequency_khz: Option<u32>,
    end_frequency_khz: Option<u32>,
    sample_rate_hz: Option<u32>,
    chirp_period_ns: Option<u32>,
    frame_period_us: Option<u32>,
    samples_per_chirp: Option<u16>,
    chirps_per_frame: Option<u16>,
    rx_antennas: Option<Vec<u8>>,
    adc_bits: Option<u8>,
    tx_antennas: Option<Vec<u8>>,
    if_gain_db: Option<i8>,
    tx_power_level: Option<u8>,
    hp_cutoff_hz: Option<u32>,
    aaf_cutoff_hz: Option<u32>,
    #[serde(default)]
    stamp_delay_us: u32,
}

impl TryFrom<Keys> for Config {
    type Error = Refused;

    fn try_from(keys: Keys) -> Result<Self, Refused> {
        let preset = RadarSettings::preset(keys.preset);
        let antennas = |key, list: Option<Vec<u8>>| list.map(|list| mask(key, &list)).transpose();
        let radar = RadarSettings {
            start_frequency_khz: keys.start_frequency_khz.unwrap_or(preset.start_frequency_khz),
            end_frequency_khz: keys.end_frequency_khz.unwrap_or(preset.end_frequency_khz),
            sample_rate_hz: keys.sample_rate_hz.unwrap_or(preset.sample_rate_hz),
            chirp_period_ns: keys.chirp_period_ns.unwrap_or(preset.chirp_period_ns),
            frame_period_us: keys.frame_period_us.unwrap_or(preset.frame_period_us),
            samples_per_chirp: keys.samples_per_chirp.unwrap_or(preset.samples_per_chirp),
            chirps_per_frame: keys.chirps_per_frame.unwrap_or(preset.chirps_per_frame),
            rx_mask: antennas("rx-antennas", keys.rx_antennas)?.unwrap_or(preset.rx_mask),
            adc_bits: keys.adc_bits.unwrap_or(preset.adc_bits),
            tx_mask: antennas("tx-antennas", keys.tx_antennas)?.or(preset.tx_mask),
            if_gain_db: keys.if_gain_db.or(preset.if_gain_db),
            tx_power_level: keys.tx_power_level.or(preset.tx_power_level),
            hp_cutoff_hz: keys.hp_cutoff_hz.or(preset.hp_cutoff_hz),
            aaf_cutoff_hz: keys.aaf_cutoff_hz.or(preset.aaf_cutoff_hz),
            stamp_delay_us: keys.stamp_delay_us,
        };
        let link = LinkSettings::try_from(LinkKeys {
            port: keys.port,
            vid_pid: keys.vid_pid,
            serial_number: keys.serial_number,
            baud: keys.baud,
            key_file: keys.key_file,
        })?;
        radar.check()?;
        Ok(Self { link, radar })
    }
}

/// The mask of a list of antennas, numbered from 1 as on the chip.
fn mask(key: &'static str, antennas: &[u8]) -> Result<u8, Refused> {
    let is_one = |&antenna: &u8| (1..=8).contains(&antenna);
    if antennas.is_empty() || !antennas.iter().all(is_one) || !antennas.is_sorted_by(|a, b| a < b) {
        let problem = format!("{antennas:?} is not a rising list of antennas from 1 to 8");
        return Err(Refused::new(key, problem));
    }
    Ok(antennas.iter().fold(0, |mask, antenna| mask | 1 << (antenna - 1)))
}

/// The antennas of a mask, numbered from 1.
fn antennas(mask: u8) -> Vec<u8> {
    (1..=8).filter(|antenna| mask >> (antenna - 1) & 1 == 1).collect()
}

impl RadarSettings {
    /// The settings of a preset.
    #[must_use]
    pub const fn preset(preset: Preset) -> Self {
        // FOOD paper, table 1: the integer form of `ChirpConfig::food`.
        let food = Self {
            start_frequency_khz: 60_100_000,
            end_frequency_khz: 61_100_000,
            sample_rate_hz: 2_000_000,
            chirp_period_ns: 391_550,
            frame_period_us: 50_000,
            samples_per_chirp: 128,
            chirps_per_frame: 64,
            rx_mask: 0b111,
            adc_bits: 12,
            tx_mask: None,
            if_gain_db: None,
            tx_power_level: None,
            hp_cutoff_hz: None,
            aaf_cutoff_hz: None,
            stamp_delay_us: 0,
        };
        match preset {
            Preset::Food => food,
            // All of the band the chip has. Gain as in a recording at 0.3 m that did not saturate;
            // the high-pass takes the transmitter's leak at 5 to 10 cm down.
            Preset::Face => Self {
                start_frequency_khz: 58_000_000,
                end_frequency_khz: 63_500_000,
                if_gain_db: Some(23),
                hp_cutoff_hz: Some(80_000),
                ..food
            },
        }
    }

    /// Refuses what no radar can have.
    fn check(&self) -> Result<(), Refused> {
        within("start-frequency-khz", self.start_frequency_khz, 1_000_000, 300_000_000)?;
        within("end-frequency-khz", self.end_frequency_khz, 1_000_000, 300_000_000)?;
        within("sample-rate-hz", self.sample_rate_hz, 1_000, 1_000_000_000)?;
        within("samples-per-chirp", self.samples_per_chirp.into(), 1, u16::MAX.into())?;
        within("chirps-per-frame", self.chirps_per_frame.into(), 1, u16::MAX.into())?;
        within("frame-period-us", self.frame_period_us, 1, 10_000_000)?;
        within("adc-bits", self.adc_bits.into(), 1, 15)?;
        within("stamp-delay-us", self.stamp_delay_us, 0, self.frame_period_us)?;
        if self.start_frequency_khz == self.end_frequency_khz {
            let problem = "equals `start-frequency-khz`, so that there is no sweep";
            return Err(Refused::new("end-frequency-khz", problem));
        }
        if self.frame_len() > LARGEST_FRAME {
            let problem = format!(
                "a frame of {} samples exceeds the limit of {LARGEST_FRAME}",
                self.frame_len()
            );
            return Err(Refused::new("chirps-per-frame", problem));
        }
        let sampled_ns =
            u64::from(self.samples_per_chirp) * 1_000_000_000 / u64::from(self.sample_rate_hz);
        if u64::from(self.chirp_period_ns) < sampled_ns {
            let problem = format!(
                "{} is less than the {sampled_ns} that sampling a chirp takes",
                self.chirp_period_ns
            );
            return Err(Refused::new("chirp-period-ns", problem));
        }
        let chirping_us =
            u64::from(self.chirps_per_frame) * u64::from(self.chirp_period_ns) / 1_000;
        if u64::from(self.frame_period_us) < chirping_us {
            let problem = format!(
                "{} is less than the {chirping_us} that the chirps of a frame take",
                self.frame_period_us
            );
            return Err(Refused::new("frame-period-us", problem));
        }
        Ok(())
    }

    /// `(rx, chirp, sample)` of a frame.
    pub(super) fn dim(&self) -> (usize, usize, usize) {
        let rx = usize::try_from(self.rx_mask.count_ones()).unwrap_or(0);
        (rx, self.chirps_per_frame.into(), self.samples_per_chirp.into())
    }

    /// Samples of a frame.
    pub(super) fn frame_len(&self) -> usize {
        let (rx, chirps, samples) = self.dim();
        rx * chirps * samples
    }

    /// The same in units.
    #[must_use]
    pub fn chirps(&self) -> ChirpConfig {
        ChirpConfig {
            rx_antennas: antennas(self.rx_mask),
            chirps: self.chirps_per_frame.into(),
            samples: self.samples_per_chirp.into(),
            complex: false,
            start: Hertz(f64::from(self.start_frequency_khz) * 1e3),
            end: Hertz(f64::from(self.end_frequency_khz) * 1e3),
            sample_rate: Hertz(self.sample_rate_hz.into()),
            chirp_period: Seconds(f64::from(self.chirp_period_ns) / 1e9),
            frame_period: Seconds(f64::from(self.frame_period_us) / 1e6),
            adc_bits: self.adc_bits,
        }
    }

    /// How a device that is set as `actual` must be set.
    pub(super) fn wanted(&self, actual: &RadarConfig) -> ConfigBody {
        ConfigBody::Radar(RadarConfig {
            start_frequency_khz: self.start_frequency_khz,
            end_frequency_khz: self.end_frequency_khz,
            sample_rate_hz: self.sample_rate_hz,
            chirp_period_ns: self.chirp_period_ns,
            frame_period_us: self.frame_period_us,
            hp_cutoff_hz: self.hp_cutoff_hz.unwrap_or(actual.hp_cutoff_hz),
            aaf_cutoff_hz: self.aaf_cutoff_hz.unwrap_or(actual.aaf_cutoff_hz),
            samples_per_chirp: self.samples_per_chirp,
            chirps_per_frame: self.chirps_per_frame,
            rx_mask: self.rx_mask,
            tx_mask: self.tx_mask.unwrap_or(actual.tx_mask),
            if_gain_db: self.if_gain_db.unwrap_or(actual.if_gain_db),
            tx_power_level: self.tx_power_level.unwrap_or(actual.tx_power_level),
            sensor_model: actual.sensor_model,
            adc_bits: self.adc_bits,
        })
    }
}

fn within(key: &'static str, value: u32, least: u32, most: u32) -> Result<(), Refused> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(Refused::new(key, format!("{value} is not within {least} to {most}")))
}

/// Where two configurations differ, in the words of the settings.
pub(super) fn differences(wanted: &RadarConfig, actual: &RadarConfig) -> Vec<Difference> {
    differing(named(wanted), named(actual))
}

fn named(config: &RadarConfig) -> [(&'static str, String); 14] {
    [
        ("start-frequency-khz", config.start_frequency_khz.to_string()),
        ("end-frequency-khz", config.end_frequency_khz.to_string()),
        ("sample-rate-hz", config.sample_rate_hz.to_string()),
        ("chirp-period-ns", config.chirp_period_ns.to_string()),
        ("frame-period-us", config.frame_period_us.to_string()),
        ("samples-per-chirp", config.samples_per_chirp.to_string()),
        ("chirps-per-frame", config.chirps_per_frame.to_string()),
        ("rx-antennas", format!("{:?}", antennas(config.rx_mask))),
        ("adc-bits", config.adc_bits.to_string()),
        ("tx-antennas", format!("{:?}", antennas(config.tx_mask))),
        ("if-gain-db", config.if_gain_db.to_string()),
        ("tx-power-level", config.tx_power_level.to_string()),
        ("hp-cutoff-hz", config.hp_cutoff_hz.to_string()),
        ("aaf-cutoff-hz", config.aaf_cutoff_hz.to_string()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        toml::from_str(text).map_err(|error: toml::de::Error| error.to_string())
    }

    #[test]
    fn the_preset_food_is_the_paper_s_table() {
        let config = parse("port = \"/dev/x\"\n").unwrap();
        assert_eq!(config.radar.chirps(), ChirpConfig::food());
    }

    #[test]
    fn the_preset_face_has_bins_of_2_7_cm_and_sees_beyond_60_cm() {
        let chirps = parse("port = \"/dev/x\"\npreset = \"face\"\n").unwrap().radar.chirps();
        assert!((chirps.range_resolution().0 - 0.0273).abs() < 1e-4);
        assert!(chirps.max_range().0 > 1.5);
    }

    #[test]
    fn a_key_wins_over_the_preset() {
        let text = "vid-pid = \"058b:0058\"\nrx-antennas = [1, 3]\nif-gain-db = 30\n";
        let radar = parse(text).unwrap().radar;
        assert_eq!((radar.rx_mask, radar.if_gain_db), (0b101, Some(30)));
        assert_eq!(radar.chirps().rx_antennas, [1, 3]);
    }

    #[test]
    fn what_no_radar_can_have_is_refused_by_its_key() {
        for (line, key) in [
            ("rx-antennas = []", "rx-antennas"),
            ("rx-antennas = [3, 1]", "rx-antennas"),
            ("rx-antennas = [0]", "rx-antennas"),
            ("tx-antennas = [9]", "tx-antennas"),
            ("end-frequency-khz = 60100000", "end-frequency-khz"),
            ("start-frequency-khz = 60", "start-frequency-khz"),
            ("chirp-period-ns = 63999", "chirp-period-ns"),
            ("frame-period-us = 25058", "frame-period-us"),
            ("samples-per-chirp = 0", "samples-per-chirp"),
            ("chirps-per-frame = 65535", "chirps-per-frame"),
            ("adc-bits = 16", "adc-bits"),
            ("stamp-delay-us = 50001", "stamp-delay-us"),
            ("baud = 1", "baud"),
            ("vid-pid = \"1:2\"", "vid-pid"),
            ("colour = 1", "colour"),
            ("if-gain-db = 128", "if-gain-db"),
        ] {
            let message = parse(&format!("port = \"/dev/x\"\n{line}\n")).unwrap_err();
            assert!(message.contains(key), "{line}: {message}");
        }
    }

    #[test]
    fn what_the_settings_leave_open_is_as_the_device_has_it() {
        let settings = RadarSettings::preset(Preset::Face);
        let device = RadarConfig {
            start_frequency_khz: 1,
            end_frequency_khz: 2,
            sample_rate_hz: 3,
            chirp_period_ns: 4,
            frame_period_us: 5,
            hp_cutoff_hz: 6,
            aaf_cutoff_hz: 7,
            samples_per_chirp: 8,
            chirps_per_frame: 9,
            rx_mask: 1,
            tx_mask: 1,
            if_gain_db: 40,
            tx_power_level: 31,
            sensor_model: 1,
            adc_bits: 10,
        };
        let ConfigBody::Radar(wanted) = settings.wanted(&device) else { panic!("another kind") };
        assert_eq!((wanted.aaf_cutoff_hz, wanted.tx_power_level, wanted.tx_mask), (7, 31, 1));
        let keys: Vec<_> = differences(&wanted, &device).iter().map(|d| d.key).collect();
        assert_eq!(keys.len(), 11, "{keys:?}");
        let gain = differences(&wanted, &device).into_iter().find(|d| d.key == "if-gain-db");
        assert_eq!(gain.map(|d| (d.wanted, d.actual)), Some(("23".into(), "40".into())));
    }
}
