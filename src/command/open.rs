//! Opening recordings named on the command line.

use std::path::{Path, PathBuf};

use clap::Args;

use super::Failure;
use crate::config::SensorConfig;
use crate::sensor::{self, Kind, Sensor};

/// How to read a recording that does not say what it is.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct Headerless {
    /// Format of a headerless event stream: evt2, evt21-little, evt21-legacy or evt3.
    #[arg(long, requires = "geometry", value_name = "FORMAT")]
    format: Option<String>,
    /// Pixels of an event sensor that the recording does not state, e.g. 320x320.
    #[arg(long, value_name = "WxH", value_parser = geometry)]
    geometry: Option<(u16, u16)>,
}

fn geometry(text: &str) -> Result<(u16, u16), String> {
    let parsed = text.split_once('x').and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
    parsed.filter(|&(w, h)| w > 0 && h > 0).ok_or_else(|| "write WIDTHxHEIGHT, e.g. 640x480".into())
}

/// The sensor that plays the recording at `path`: its kind found from content.
pub(super) fn recording(path: &Path, headerless: &Headerless) -> Result<SensorConfig, Failure> {
    let (kind, mut settings) = if let Some(format) = &headerless.format {
        // Somebody says what it is: do not guess.
        let mut settings = toml::Table::new();
        settings.insert("format".into(), format.clone().into());
        ("evt", settings)
    } else {
        (sensor::detect(path)?.name, toml::Table::new())
    };
    if let Some((width, height)) = headerless.geometry {
        let mut geometry = toml::Table::new();
        geometry.insert("width".into(), i64::from(width).into());
        geometry.insert("height".into(), i64::from(height).into());
        settings.insert("geometry".into(), geometry.into());
    }
    settings.insert("path".into(), path.to_string_lossy().into_owned().into());
    Ok(SensorConfig { name: kind.to_owned(), kind: kind.to_owned(), settings })
}

/// [`recording`] for each path; a second recording of a kind is called `<kind>-2`.
pub(super) fn recordings(
    paths: &[PathBuf],
    headerless: &Headerless,
) -> Result<Vec<SensorConfig>, Failure> {
    let mut found: Vec<SensorConfig> = Vec::new();
    for path in paths {
        let mut next = recording(path, headerless)?;
        let same = found.iter().filter(|other| other.kind == next.kind).count();
        if same > 0 {
            next.name = format!("{}-{}", next.kind, same + 1);
        }
        found.push(next);
    }
    Ok(found)
}

/// Opens one recording.
pub(super) fn open(path: &Path, headerless: &Headerless) -> Result<Box<dyn Sensor>, Failure> {
    Ok(recording(path, headerless)?.open()?)
}

/// `examples`, and one line for each kind of recording, for `--help`.
pub(super) fn help(examples: &str) -> String {
    let rows =
        sensor::SENSORS.iter().map(|Kind { name, about, .. }| format!("  {name:10} {about}"));
    let rows = rows.collect::<Vec<_>>().join("\n");
    format!("{examples}\n\nRecordings are recognised by content:\n{rows}")
}
