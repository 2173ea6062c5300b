//! Bundles: a folder with `manifest.toml` and the weights it names, checked before anything is used.
//!
//! ```toml
//! schema = 1
//! tool-version = "0.1.0"
//! seen = ["0000000000000000000000000000000000000000000000000000000000000000"]  # optional: SHA-256
//!                                # of each recording file that was trained or calibrated on
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
//! [radar.inputs]                 # optional: how frames become inputs, a `pipeline::RadarInputConfig`
//! range-doppler.clutter.mti.alpha = 0.8
//! micro-doppler.mode = "stacked-frames"
//!
//! [event]                        # optional: refuse other windows
//! window-ms = 320
//! background-activity-us = 5000
//!
//! [identity]                     # optional: without it nobody is ever identified
//! enrolled = { mean = 0.0, deviation = 1.0 }   # window means of the authentication's score
//! reference = { mean = 3.0, deviation = 1.6 }
//!
//! [expression]                   # optional: without it no expression is ever shown
//! gate-temperature = 1.3
//! radar-reliability = 0.9
//! event-reliability = 0.9
//! half-rate-ev-s = 2000
//! persistence-ms = 1000          # how long belief lasts; 1000 if not stated
//! radar-repeat-ms = 400          # answers closer than this count as one; 500 if not stated
//! event-repeat-ms = 300
//! least-confidence = 0.6
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
//!
//! [network.calibration]          # of the authentication alone: what makes one score of its errors
//! variant = "leaves"
//! means = [0.1, 0.2, 0.3, 0.1, 0.2, 0.3]
//! deviations = [0.01, 0.02, 0.03, 0.01, 0.02, 0.03]
//! ```
//!
//! Weights are 32-bit floats, or 16-bit ones, which take half the space and are widened.
//!
//! The order of checks: manifest, then per network size, SHA-256, safetensors, and at last that
//! names, shapes and types of the tensors are exactly those of the network. Nothing is loaded in
//! part. Whoever writes to the folder can exchange the bundle, unless its manifest must be signed
//! ([`signature`]); [`Bundle::digest`] tells which one it is.

pub mod signature;

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::Spanned;

use super::fooder_auth::FooderAuth;
use super::fooder_auth::score::Calibration;
use super::manifest::{Manifest, NetworkRow};
use super::weights::Shelf;
use super::{Digest, Error, EventRequirement, Kind, Model, Network, RadarRequirement};
use crate::data::score::{ExpressionCalibration, IdentityCalibration, Miscalibrated};

/// Largest manifest read, bytes: a recording file takes 70 of them.
const MANIFEST_LIMIT: u64 = 1024 * 1024;
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
    /// What scores of the authentication are worth; checked.
    pub identity: Option<IdentityCalibration>,
    /// What answers of the expression networks are worth; checked.
    pub expression: Option<ExpressionCalibration>,
    /// SHA-256 of each recording file that was trained or calibrated on: whoever evaluates on one
    /// of them measures memory.
    pub seen: Vec<Digest>,
    /// The networks, in the order of the manifest.
    pub networks: Vec<Loaded>,
    /// The manifest, for tables that others read.
    text: Vec<u8>,
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
        Self::read(folder, None)
    }

    /// The same of a bundle that must be signed with the private key of `public`, 64 hexadecimal
    /// digits.
    ///
    /// # Errors
    /// As [`load`](Self::load), and when [`signature::FILE`] is missing or another's.
    pub fn load_signed(folder: &Path, public: &str) -> Result<Self, Error> {
        Self::read(folder, Some(public))
    }

    fn read(folder: &Path, public: Option<&str>) -> Result<Self, Error> {
        let path = folder.join("manifest.toml");
        let bytes = read(&path, MANIFEST_LIMIT)?;
        if let Some(public) = public {
            signature::verify(folder, &bytes, public)?;
        }
        let refused = |source| Error::Manifest { path: path.clone(), source: Box::new(source) };
        let manifest: Manifest = toml::from_slice(&bytes).map_err(refused)?;
        let Manifest { tool_version, radar, event, identity, expression, seen, network, .. } =
            manifest;

        let value = Value { path: &path, text: &bytes };
        value.check("identity", identity.as_ref(), IdentityCalibration::check)?;
        value.check("expression", expression.as_ref(), ExpressionCalibration::check)?;
        let mut networks: Vec<Loaded> = Vec::with_capacity(network.len());
        for row in network {
            let loaded = load_network(folder, row, value, &networks)?;
            networks.push(loaded);
        }
        Ok(Self {
            folder: folder.to_owned(),
            digest: Digest::of(&bytes),
            tool_version,
            radar,
            event,
            identity: identity.map(Spanned::into_inner),
            expression: expression.map(Spanned::into_inner),
            seen,
            networks,
            text: bytes,
        })
    }

    /// The table `[radar.inputs]` as whoever makes inputs understands it; `None` if there is none.
    ///
    /// # Errors
    /// When it is not what `T` is made of; the message names line and key.
    pub fn radar_inputs<T: DeserializeOwned>(&self) -> Result<Option<T>, Error> {
        let path = self.folder.join("manifest.toml");
        let refused = |source| Error::Manifest { path, source: Box::new(source) };
        let manifest: InputsOf<T> = toml::from_slice(&self.text).map_err(refused)?;
        Ok(manifest.radar.and_then(|radar| radar.inputs))
    }

    /// The network with this role.
    #[must_use]
    pub fn role(&mut self, role: &str) -> Option<&mut Loaded> {
        self.networks.iter_mut().find(|network| network.role == role)
    }
}

/// The part of a manifest that others read; the rest was checked before.
#[derive(Deserialize)]
struct InputsOf<T> {
    radar: Option<RadarInputsOf<T>>,
}

#[derive(Deserialize)]
struct RadarInputsOf<T> {
    inputs: Option<T>,
}

/// Where a value of the manifest stands, for messages.
#[derive(Clone, Copy)]
struct Value<'m> {
    path: &'m Path,
    text: &'m [u8],
}

impl Value<'_> {
    fn wrong<T>(self, key: &str, value: &Spanned<T>, problem: String) -> Error {
        let before = self.text.iter().take(value.span().start);
        let line = 1 + before.filter(|&&byte| byte == b'\n').count();
        Error::ManifestValue { path: self.path.to_owned(), line, key: key.to_owned(), problem }
    }

    /// Holds the optional table `name` to its own `check`.
    fn check<T>(
        self,
        name: &str,
        table: Option<&Spanned<T>>,
        check: impl Fn(&T) -> Result<(), Miscalibrated>,
    ) -> Result<(), Error> {
        let Some(table) = table else { return Ok(()) };
        check(table.get_ref())
            .map_err(|(key, problem)| self.wrong(&format!("{name}.{key}"), table, problem))
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
