//! The keys of `[sensor.settings]` that every sensor board has.

use std::path::PathBuf;

use super::Refused;
use super::key::Key;
use super::port::{Address, check_baud};
use crate::sensor::Error;

/// Bits per second unless the settings say otherwise: what fast USB bridges do. USB CDC ignores it.
const DEFAULT_BAUD: u32 = 3_000_000;

/// Where a board is and how to speak with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkSettings {
    /// Where it is.
    pub address: Address,
    /// Bits per second.
    pub baud: u32,
    /// File with the key, if only authentic messages are believed.
    pub key_file: Option<PathBuf>,
}

/// The keys as written.
#[derive(Debug, Clone)]
pub(crate) struct LinkKeys {
    pub(crate) port: Option<PathBuf>,
    pub(crate) vid_pid: Option<String>,
    pub(crate) serial_number: Option<String>,
    pub(crate) baud: Option<u32>,
    pub(crate) key_file: Option<PathBuf>,
}

impl TryFrom<LinkKeys> for LinkSettings {
    type Error = Refused;

    fn try_from(keys: LinkKeys) -> Result<Self, Refused> {
        Ok(Self {
            address: Address::of(keys.port, keys.vid_pid, keys.serial_number)?,
            baud: check_baud(keys.baud.unwrap_or(DEFAULT_BAUD))?,
            key_file: keys.key_file,
        })
    }
}

impl LinkSettings {
    /// The key, and notes about its file.
    ///
    /// # Errors
    /// When the file cannot be read or holds no key.
    pub(crate) fn key(&self) -> Result<(Option<Key>, Vec<String>), Error> {
        let Some(path) = &self.key_file else { return Ok((None, Vec::new())) };
        let key = Key::read(path)?;
        let warning = Key::warning(path);
        if let Some(warning) = &warning {
            tracing::warn!("{warning}");
        }
        Ok((Some(key), warning.into_iter().collect()))
    }
}
