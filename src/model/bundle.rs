//! Bundles: a folder with `manifest.toml` and the weights it names, checked before anything is used.
//!
//! ```toml
//! schema = 1
//! tool-version = "0.1.0"
//!
//! [radar]                        # optional: refuse other chirps
//! rx = 3
//! chirps = 64
//! samples = 128
//! center-ghz = 60.6
//! bandwidth-mhz = 1000
//! chirp-period-us = 391.55
//! frame-period-ms = 50
//!
//! [event]                        # optional: refuse other windows
//! window-ms = 320
//! background-activity-us = 5000
//!
//! [[network]]
//! name = "fooder_gate"           # row of MODELS
//! role = "gate"                  # optional: what the pipeline asks for; else the name
//! preset = "default"
//! file = "gate.safetensors"
//! sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
//! classes = ["dynamic", "static"]
//! threshold = 0.5                # optional
//! temperature = 1.0              # optional
//! trained-on = "simulated twin"
//! ```
//!
//! The order of checks: manifest, then per network size, SHA-256, safetensors, and at last that
//! names, shapes and types of the tensors are exactly those of the network. Nothing is loaded in
//! part. The manifest itself is not signed: whoever writes to the folder can exchange the bundle,
//! and [`Bundle::digest`] is what tells.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use toml::Spanned;

use super::fooder_auth::FooderAuth;
use super::fooder_auth::score::Calibration;
use super::manifest::{Manifest, NetworkRow};
use super::weights::Shelf;
use super::{Digest, Error, EventRequirement, Kind, Model, Network, RadarRequirement};

/// Largest manifest read, bytes.
const MANIFEST_LIMIT: u64 = 64 * 1024;
/// Largest file of weights read, bytes: C3D with all its dense layers has 312 MB.
const WEIGHTS_LIMIT: u64 = 512 * 1024 * 1024;

/// A bundle with all its networks loaded.
pub struct Bundle {
    /// The folder.
    pub folder: PathBuf,
    /// SHA-256 of the manifest, which holds those of the weights: the bundle's identity.
    pub digest: Digest,
    /// Version of the tool that wrote it.
    pub tool_version: String,
    /// What the radar must be set to.
    pub radar: Option<RadarRequirement>,
    /// How events must be prepared.
    pub event: Option<EventRequirement>,
    /// The networks, in the order of the manifest.
    pub networks: Vec<Loaded>,
}

/// One network of a bundle.
pub struct Loaded {
    /// What the pipeline asks for; no two networks of a bundle share it.
    pub role: String,
    /// Row of [`MODELS`](super::MODELS).
    pub kind: &'static Kind,
    /// Its preset.
    pub preset: String,
    /// Name of each score.
    pub classes: Vec<String>,
    /// Threshold on the scores, as calibrated.
    pub threshold: Option<f64>,
    /// Temperature by which scores are divided, as calibrated.
    pub temperature: Option<f64>,
    /// What makes one score of the authentication's errors, if it was calibrated.
    pub calibration: Option<Calibration>,
    /// What the weights were trained on, for messages and reports.
    pub trained_on: String,
    /// SHA-256 of the weights.
    pub sha256: Digest,
    /// The network, ready to run.
    pub model: Box<dyn Model>,
}

impl Bundle {
    /// Loads and checks the bundle in `folder`.
    ///
    /// # Errors
    /// When a file is missing, too large, damaged or not what the manifest says, or the manifest
    /// is not what this build understands.
    pub fn load(folder: &Path) -> Result<Self, Error> {
        let path = folder.join("manifest.toml");
        let bytes = read(&path, MANIFEST_LIMIT)?;
        let refused = |source| Error::Manifest { path: path.clone(), source: Box::new(source) };
        let manifest: Manifest = toml::from_slice(&bytes).map_err(refused)?;
        let Manifest { tool_version, radar, event, network, .. } = manifest;

        let mut networks: Vec<Loaded> = Vec::with_capacity(network.len());
        for row in network {
            let value = Value { path: &path, text: &bytes };
            let loaded = load_network(folder, row, value, &networks)?;
            networks.push(loaded);
        }
        let (folder, digest) = (folder.to_owned(), Digest::of(&bytes));
        Ok(Self { folder, digest, tool_version, radar, event, networks })
    }

    /// The network with this role.
    #[must_use]
    pub fn role(&mut self, role: &str) -> Option<&mut Loaded> {
        self.networks.iter_mut().find(|network| network.role == role)
    }
}

/// Where a value of the manifest stands, for messages.
#[derive(Clone, Copy)]
struct Value<'m> {
    path: &'m Path,
    text: &'m [u8],
}

impl Value<'_> {
    fn wrong<T>(self, key: &'static str, value: &Spanned<T>, problem: String) -> Error {
        let before = self.text.iter().take(value.span().start);
        let line = 1 + before.filter(|&&byte| byte == b'\n').count();
        Error::ManifestValue { path: self.path.to_owned(), line, key, problem }
    }
}

fn load_network(
    folder: &Path,
    row: NetworkRow,
    value: Value<'_>,
    before: &[Loaded],
) -> Result<Loaded, Error> {
    let kind = row.name.0;
    let role = row.role.as_ref().map_or(kind.name, |role| role.get_ref());
    if before.iter().any(|network| network.role == role) {
        let at = row.role.as_ref().unwrap_or(&row.preset);
        return Err(value.wrong("role", at, format!("a network before this one is `{role}` too")));
    }
    if !kind.presets.contains(&row.preset.get_ref().as_str()) {
        let (is, known) = (row.preset.get_ref(), kind.presets.join(", "));
        let problem = format!("`{}` comes as {known}, not as `{is}`", kind.name);
        return Err(value.wrong("preset", &row.preset, problem));
    }
    let model = load_model(&folder.join(&row.file.0), kind, row.preset.get_ref(), row.sha256)?;
    if row.classes.get_ref().len() != model.scores() {
        let (is, must) = (row.classes.get_ref().len(), model.scores());
        let problem = format!("{is} names, but `{}` gives {must} scores", kind.name);
        return Err(value.wrong("classes", &row.classes, problem));
    }
    if let Some(calibration) = &row.calibration
        && kind.name != FooderAuth::NAME
    {
        let (of, is) = (FooderAuth::NAME, kind.name);
        let problem = format!("only `{of}` is calibrated so, not `{is}`; remove the table");
        return Err(value.wrong("calibration", calibration, problem));
    }
    Ok(Loaded {
        role: role.to_owned(),
        kind,
        preset: row.preset.into_inner(),
        classes: row.classes.into_inner(),
        threshold: row.threshold.map(|number| number.0),
        temperature: row.temperature.map(|number| number.0),
        calibration: row.calibration.map(Spanned::into_inner),
        trained_on: row.trained_on.0,
        sha256: row.sha256,
        model,
    })
}

fn load_model(
    path: &Path,
    kind: &'static Kind,
    preset: &str,
    stated: Digest,
) -> Result<Box<dyn Model>, Error> {
    let bytes = read(path, WEIGHTS_LIMIT)?;
    let got = Digest::of(&bytes);
    if got != stated {
        return Err(Error::Hash { path: path.to_owned(), stated, got });
    }
    let refused = |source| Error::Safetensors { path: path.to_owned(), source };
    let shelf = Shelf::read(&bytes).map_err(refused)?;
    let model = kind.build(preset, &shelf.builder())?;
    let faults = shelf.faults();
    if !faults.is_empty() {
        let (path, preset) = (path.to_owned(), preset.to_owned());
        return Err(Error::Weights { path, network: kind.name, preset, faults });
    }
    Ok(model)
}

/// Reads a regular file of at most `limit` bytes.
fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    // Asked before opening: opening a pipe would wait for its other end.
    let is_file = fs::metadata(path).map_err(Error::io(path))?.is_file();
    let mut bytes = Vec::new();
    if is_file {
        let file = File::open(path).map_err(Error::io(path))?;
        file.take(limit + 1).read_to_end(&mut bytes).map_err(Error::io(path))?;
    }
    if !is_file || bytes.len() as u64 > limit {
        return Err(Error::NotThisFile { path: path.to_owned(), limit });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
