//! `manifest.toml`: what a bundle holds, for which sensor, and what it was trained on.

use std::fmt;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use toml::Spanned;

use super::fooder_auth::score::Calibration;
use super::{Kind, MODELS};
use crate::data::score::{ExpressionCalibration, IdentityCalibration};
use crate::data::{ChirpConfig, hex};

/// The whole file. Values that can be wrong on their own check themselves while parsing, so that
/// the parser's error names line and key.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Manifest {
    /// Layout of this file.
    #[expect(dead_code, reason = "checked while parsing; there is only one")]
    schema: Schema,
    /// Version of the tool that wrote the bundle.
    pub(super) tool_version: String,
    /// What the radar must be set to.
    pub(super) radar: Option<RadarRequirement>,
    /// How events must be prepared.
    pub(super) event: Option<EventRequirement>,
    /// What scores of the authentication are worth.
    pub(super) identity: Option<Spanned<IdentityCalibration>>,
    /// What answers of the expression networks are worth.
    pub(super) expression: Option<Spanned<ExpressionCalibration>>,
    /// Recordings that must not be evaluated on.
    #[serde(default)]
    pub(super) seen: Vec<Digest>,
    /// The networks.
    pub(super) network: Vec<NetworkRow>,
}

/// One `[[network]]` table.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct NetworkRow {
    pub(super) name: Row,
    pub(super) role: Option<Spanned<String>>,
    pub(super) preset: Spanned<String>,
    pub(super) file: RelativeFile,
    pub(super) sha256: Digest,
    pub(super) classes: Spanned<Vec<String>>,
    pub(super) threshold: Option<Finite>,
    pub(super) temperature: Option<Positive>,
    pub(super) trained_on: NonEmpty,
    pub(super) calibration: Option<Spanned<Calibration>>,
}

/// The `[radar]` table: the chirps that the networks were trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RadarRequirement {
    /// Receive antennas.
    pub rx: usize,
    /// Chirps per frame and antenna.
    pub chirps: usize,
    /// Samples per chirp.
    pub samples: usize,
    /// True if samples are I/Q pairs.
    #[serde(default)]
    pub complex: bool,
    /// Middle of the sweep, gigahertz; 1 % off is accepted.
    pub center_ghz: f64,
    /// Swept bandwidth while sampling, megahertz; 1 % off is accepted.
    pub bandwidth_mhz: f64,
    /// Start of a chirp to the start of the next, microseconds; 1 % off is accepted.
    pub chirp_period_us: f64,
    /// Start of a frame to the start of the next, milliseconds; 1 % off is accepted.
    pub frame_period_ms: f64,
    /// How frames become inputs, in the words of whoever makes them; they are read by
    /// [`Bundle::radar_inputs`](super::Bundle::radar_inputs). Empty: as the maker has it by default.
    #[serde(default, skip_serializing_if = "toml::Table::is_empty")]
    pub inputs: toml::Table,
}

impl RadarRequirement {
    /// How far two values may differ: devices round their ramps and periods.
    const TOLERANCE: f64 = 0.01;

    /// Everything in which `chirps` differ from the requirement, one line each; empty if they fit.
    #[must_use]
    pub fn mismatches(&self, chirps: &ChirpConfig) -> Vec<String> {
        let mut lines = Vec::new();
        let mut exact = |what: &str, is: usize, must: usize| {
            if is != must {
                lines.push(format!("{what}: the radar has {is}, the bundle was made for {must}"));
            }
        };
        exact("rx antennas", chirps.rx_antennas.len(), self.rx);
        exact("chirps per frame", chirps.chirps, self.chirps);
        exact("samples per chirp", chirps.samples, self.samples);
        if chirps.complex != self.complex {
            let name = |complex| if complex { "complex" } else { "real" };
            let (is, must) = (name(chirps.complex), name(self.complex));
            lines.push(format!("samples: the radar's are {is}, the bundle was made for {must}"));
        }
        let mut near = |what: &str, is: f64, must: f64| {
            let fits = (is - must).abs() <= Self::TOLERANCE * must.abs(); // never for a NaN
            if !fits {
                lines.push(format!("{what}: the radar has {is}, the bundle was made for {must}"));
            }
        };
        near("center in GHz", chirps.center().0 / 1e9, self.center_ghz);
        near("bandwidth in MHz", chirps.bandwidth().0 / 1e6, self.bandwidth_mhz);
        near("chirp period in us", chirps.chirp_period.0 * 1e6, self.chirp_period_us);
        near("frame period in ms", chirps.frame_period.0 * 1e3, self.frame_period_ms);
        lines
    }
}

/// The `[event]` table: how the events that the networks were trained on were prepared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct EventRequirement {
    /// Length of a voxel window, milliseconds.
    pub window_ms: u32,
    /// Span of the background-activity filter, microseconds.
    pub background_activity_us: u32,
    /// How the face region was followed, in the words of `[pipeline.event.face]`. Empty: not said.
    #[serde(default, skip_serializing_if = "toml::Table::is_empty")]
    pub face: toml::Table,
}

/// A SHA-256, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// The SHA-256 of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for Digest {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        // One spelling of each, so that digests can be compared as text.
        let is_lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
        let digest = hex::decode(&text).filter(|_| is_lower);
        digest.map(Self).ok_or("a SHA-256 is 64 hexadecimal digits, 0-9 and a-f")
    }
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "i64")]
struct Schema;

impl TryFrom<i64> for Schema {
    type Error = String;

    fn try_from(schema: i64) -> Result<Self, Self::Error> {
        if schema == 1 {
            return Ok(Self);
        }
        Err(format!("this build reads bundles of schema 1, not {schema}; use a matching release"))
    }
}

/// A row of [`MODELS`], by name.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Row(pub(super) &'static Kind);

impl TryFrom<String> for Row {
    type Error = String;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        let known = || MODELS.iter().map(|kind| kind.name).collect::<Vec<_>>().join(", ");
        Kind::named(&name)
            .map(Self)
            .ok_or_else(|| format!("no network is called `{name}`; known are {}", known()))
    }
}

/// A path that stays inside the bundle's folder.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct RelativeFile(pub(super) PathBuf);

impl TryFrom<String> for RelativeFile {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let inside = Path::new(&text).components().all(|part| matches!(part, Component::Normal(_)));
        if text.is_empty() || text.contains('\0') || !inside {
            return Err("a file is named relative to the manifest, without `..`");
        }
        Ok(Self(text.into()))
    }
}

/// Text that says something.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct NonEmpty(pub(super) String);

impl TryFrom<String> for NonEmpty {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.trim().is_empty() { Err("must not be empty") } else { Ok(Self(text)) }
    }
}

/// Neither NaN nor infinite, both of which TOML can write.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "f64")]
pub(super) struct Finite(pub(super) f64);

impl TryFrom<f64> for Finite {
    type Error = &'static str;

    fn try_from(number: f64) -> Result<Self, Self::Error> {
        if number.is_finite() { Ok(Self(number)) } else { Err("must be finite") }
    }
}

/// Finite and above zero.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "f64")]
pub(super) struct Positive(pub(super) f64);

impl TryFrom<f64> for Positive {
    type Error = &'static str;

    fn try_from(number: f64) -> Result<Self, Self::Error> {
        let good = number.is_finite() && number > 0.0;
        if good { Ok(Self(number)) } else { Err("must be finite and above zero") }
    }
}
