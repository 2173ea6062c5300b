//! `manifest.toml` as it is written; what the daemon reads is its documentation.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use visaged::data::score::{ExpressionCalibration, IdentityCalibration};
use visaged::model::bundle::signature;
use visaged::model::fooder_auth::score::Calibration;
use visaged::model::{EventRequirement, RadarRequirement};

/// The file's name in a bundle.
pub(crate) const FILE: &str = "manifest.toml";

/// The whole file, plain values first as TOML wants it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Manifest {
    pub(crate) schema: u32,
    pub(crate) tool_version: String,
    /// SHA-256 of each recording file that was trained or calibrated on.
    pub(crate) seen: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) radar: Option<RadarRequirement>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) event: Option<EventRequirement>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) identity: Option<IdentityCalibration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expression: Option<ExpressionCalibration>,
    #[serde(rename = "network")]
    pub(crate) networks: Vec<NetworkRow>,
}

/// One network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct NetworkRow {
    pub(crate) name: String,
    pub(crate) role: String,
    pub(crate) preset: String,
    pub(crate) file: String,
    pub(crate) sha256: String,
    pub(crate) classes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) threshold: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) temperature: Option<f64>,
    pub(crate) trained_on: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) calibration: Option<Calibration>,
}

impl Manifest {
    /// Reads the manifest of the bundle in `folder`.
    ///
    /// # Errors
    /// When it is absent or malformed.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(FILE);
        let text = std::fs::read_to_string(&path).with_context(|| format!("{}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("{}", path.display()))
    }

    /// Writes it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(FILE);
        // What was signed is no more.
        drop(std::fs::remove_file(folder.join(signature::FILE)));
        std::fs::write(&path, toml::to_string(self)?)
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// The network with this role.
    pub(crate) fn role(&mut self, role: &str) -> Option<&mut NetworkRow> {
        self.networks.iter_mut().find(|network| network.role == role)
    }
}
