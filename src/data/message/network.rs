//! What is told about the networks of the model bundle.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One network of the model bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NetworkStatus {
    /// What it is asked for: `auth`, `gate`, `expert-dynamic`, `expert-static` or `event`.
    pub role: String,
    /// Which network it is, e.g. `fooder_auth`.
    pub name: String,
    /// What its weights were trained on, in the words of whoever trained it: whether its answers
    /// speak of people or of a simulation.
    pub trained_on: String,
    /// Whether it is asked.
    pub state: NetworkState,
}

/// Whether a network is asked, or why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkState {
    /// It is asked whenever its question comes up.
    Active,
    /// The sensor that it needs is not configured.
    NoSensor,
    /// The bundle does not say what its answers are worth, and there is no default for that.
    NoCalibration,
    /// It is asked about the enrolled person alone, and nothing in the bundle tells who that is.
    NoIdentity,
}
