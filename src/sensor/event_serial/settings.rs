//! `[sensor.settings]` of an `event-serial` sensor: where it is and how it must be set.

use std::path::PathBuf;

use firmware_proto::{ConfigBody, EventConfig, EventFormat};
use serde::Deserialize;

use crate::data::Geometry;
use crate::sensor::evt::Format;
use crate::sensor::serial::{Difference, LinkKeys, LinkSettings, Refused, differing};

/// Columns and rows that EVT words can name: 11 bits.
const SIDES: core::ops::RangeInclusive<u16> = 1..=2048;

/// Settings of an event camera on a serial port.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Keys")]
pub struct Config {
    /// Where the board is and how to speak with it.
    pub link: LinkSettings,
    /// How the camera must be set.
    pub camera: CameraSettings,
}

/// How the camera must be set. What is `None` is left as the device has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CameraSettings {
    /// Word format of its blocks.
    pub format: Format,
    /// Pixels of its sensor.
    pub geometry: Geometry,
    /// Biases in the chip's own steps, in the order of the protocol: `diff_on`, `diff_off`, `fo`,
    /// `hpf`, `refr`.
    pub biases: [Option<i16>; 5],
}

/// The keys as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Keys {
    port: Option<PathBuf>,
    vid_pid: Option<String>,
    serial_number: Option<String>,
    baud: Option<u32>,
    key_file: Option<PathBuf>,
    format: Format,
    geometry: Geometry,
    bias_diff_on: Option<i16>,
    bias_diff_off: Option<i16>,
    bias_fo: Option<i16>,
    bias_hpf: Option<i16>,
    bias_refr: Option<i16>,
}

impl TryFrom<Keys> for Config {
    type Error = Refused;

    fn try_from(keys: Keys) -> Result<Self, Refused> {
        let Geometry { width, height } = keys.geometry;
        if !SIDES.contains(&width) || !SIDES.contains(&height) {
            let problem = format!("{width} x {height} pixels; each side is 1 to 2048");
            return Err(Refused::new("geometry", problem));
        }
        let link = LinkSettings::try_from(LinkKeys {
            port: keys.port,
            vid_pid: keys.vid_pid,
            serial_number: keys.serial_number,
            baud: keys.baud,
            key_file: keys.key_file,
        })?;
        let biases =
            [keys.bias_diff_on, keys.bias_diff_off, keys.bias_fo, keys.bias_hpf, keys.bias_refr];
        let camera = CameraSettings { format: keys.format, geometry: keys.geometry, biases };
        Ok(Self { link, camera })
    }
}

/// The format in the words of the protocol.
pub(super) const fn on_the_wire(format: Format) -> EventFormat {
    match format {
        Format::Evt2 => EventFormat::Evt2,
        Format::Evt21Little => EventFormat::Evt21,
        Format::Evt21Legacy => EventFormat::Evt21Legacy,
        Format::Evt3 => EventFormat::Evt3,
    }
}

impl CameraSettings {
    /// How a device that is set as `actual` must be set.
    pub(super) fn wanted(&self, actual: &EventConfig) -> ConfigBody {
        let mut biases = actual.biases;
        for (bias, wanted) in biases.iter_mut().zip(self.biases) {
            *bias = wanted.unwrap_or(*bias);
        }
        ConfigBody::Event(EventConfig {
            format: on_the_wire(self.format),
            width: self.geometry.width,
            height: self.geometry.height,
            sensor_model: actual.sensor_model,
            biases,
        })
    }
}

/// Where two configurations differ, in the words of the settings.
pub(super) fn differences(wanted: &EventConfig, actual: &EventConfig) -> Vec<Difference> {
    differing(named(wanted), named(actual))
}

fn named(config: &EventConfig) -> [(&'static str, String); 7] {
    let format = match config.format {
        EventFormat::Evt2 => "evt2",
        EventFormat::Evt21 => "evt21-little",
        EventFormat::Evt21Legacy => "evt21-legacy",
        EventFormat::Evt3 => "evt3",
    };
    let [diff_on, diff_off, fo, hpf, refr] = config.biases.map(|bias| bias.to_string());
    [
        ("format", format.to_owned()),
        ("geometry", format!("{} x {}", config.width, config.height)),
        ("bias-diff-on", diff_on),
        ("bias-diff-off", diff_off),
        ("bias-fo", fo),
        ("bias-hpf", hpf),
        ("bias-refr", refr),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: &str = "port = \"/dev/x\"\nformat = \"evt21-little\"\n";

    fn parse(text: &str) -> Result<Config, String> {
        toml::from_str(text).map_err(|error: toml::de::Error| error.to_string())
    }

    #[test]
    fn biases_that_are_not_set_are_as_the_device_has_them() {
        let text = format!("{KEYS}geometry = {{ width = 320, height = 320 }}\nbias-fo = -5\n");
        let camera = parse(&text).unwrap().camera;
        let device = EventConfig {
            format: EventFormat::Evt3,
            width: 320,
            height: 320,
            sensor_model: 101,
            biases: [1, 2, 3, 4, 5],
        };
        let ConfigBody::Event(wanted) = camera.wanted(&device) else { panic!("another kind") };
        assert_eq!(wanted.biases, [1, 2, -5, 4, 5]);
        let told: Vec<_> = differences(&wanted, &device)
            .into_iter()
            .map(|d| format!("{} {} {}", d.key, d.wanted, d.actual))
            .collect();
        assert_eq!(told, ["format evt21-little evt3", "bias-fo -5 3"]);
    }

    #[test]
    fn a_sensor_without_pixels_or_beyond_the_words_is_refused() {
        for (width, height) in [(0, 1), (1, 0), (2049, 1)] {
            let text = format!("{KEYS}geometry = {{ width = {width}, height = {height} }}\n");
            assert!(parse(&text).unwrap_err().contains("geometry"));
        }
    }
}
