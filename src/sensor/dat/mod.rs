//! Being written.

use std::path::PathBuf;

use serde::Deserialize;

use super::{Candidate, Description, Device, Error, Progress, Reading, Sensor};
use crate::data::{Counts, Modality};

/// Being written.
#[derive(Debug)]
pub struct Dat {
    description: Description,
}

/// Being written.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Config {
    /// The recording.
    pub path: PathBuf,
}

impl Device for Dat {
    const NAME: &'static str = "dat";
    const MODALITY: Modality = Modality::Event;
    const ABOUT: &'static str = "";
    type Config = Config;

    fn recognises(_candidate: &Candidate) -> bool {
        false
    }

    fn open(config: Config) -> Result<Self, Error> {
        Err(Error::Unrecognised { path: config.path, known: String::new() })
    }
}

impl Sensor for Dat {
    fn description(&self) -> &Description {
        &self.description
    }

    fn read(&mut self) -> Result<Option<Reading>, Error> {
        Ok(None)
    }

    fn counts(&self) -> Counts {
        Counts::default()
    }

    fn progress(&self) -> Progress {
        Progress::default()
    }
}
