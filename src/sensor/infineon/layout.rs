//! Which files of a recording folder belong together.

use std::fs;
use std::path::{Path, PathBuf};

use crate::sensor::Error;

/// What device folders of a recording are called, before their number.
pub const DEVICE_PREFIX: &str = "RadarIfxAvian_";
/// The samples.
pub const SAMPLES: &str = "radar.npy";
/// The settings of the radar.
pub const CONFIG: &str = "config.json";
/// What recorded the samples.
pub const META: &str = "meta.json";
/// Version of the folder's layout.
pub const VERSION: &str = "format.version";

/// The files of one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// `radar.npy`, or the file that was named.
    pub samples: PathBuf,
    /// `config.json` beside it.
    pub config: PathBuf,
    /// `meta.json` beside it; may be absent.
    pub meta: PathBuf,
}

impl Layout {
    /// Finds the files from a recording folder, a device folder or the sample file itself.
    ///
    /// # Errors
    /// When nothing is there, or a folder holds no device, or several.
    pub fn find(path: &Path) -> Result<Self, Error> {
        // Asked first, so that the message names what was named and not a file inside it.
        if !fs::metadata(path).map_err(Error::io(path))?.is_dir() {
            return Ok(Self::around(path.to_owned()));
        }
        if path.join(SAMPLES).is_file() {
            return Ok(Self::around(path.join(SAMPLES)));
        }
        match devices(path)?.as_slice() {
            [only] => Ok(Self::around(path.join(only).join(SAMPLES))),
            [] => Err(Error::Key {
                path: path.to_owned(),
                key: SAMPLES.to_owned(),
                problem: format!("the folder holds neither this file nor a `{DEVICE_PREFIX}00`"),
                remedy: "name the folder that the Radar Fusion GUI or ifxdaq wrote",
            }),
            several => Err(Error::Key {
                path: path.to_owned(),
                key: format!("{DEVICE_PREFIX}*"),
                problem: format!("the recording has several radars: {}", several.join(", ")),
                remedy: "name one of these folders as the path",
            }),
        }
    }

    fn around(samples: PathBuf) -> Self {
        let config = samples.with_file_name(CONFIG);
        let meta = samples.with_file_name(META);
        Self { samples, config, meta }
    }
}

/// The device folders in `recording`, in the order of their numbers.
///
/// # Errors
/// When the folder cannot be listed.
pub fn devices(recording: &Path) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    for entry in fs::read_dir(recording).map_err(Error::io(recording))? {
        let entry = entry.map_err(Error::io(recording))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let number = name.strip_prefix(DEVICE_PREFIX).unwrap_or_default();
        if number.len() == 2
            && number.bytes().all(|b| b.is_ascii_digit())
            && entry.path().join(SAMPLES).is_file()
        {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}
