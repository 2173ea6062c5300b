//! Settings of the pipeline, each table read by the stage it belongs to.

use std::path::PathBuf;

use serde::Deserialize;

use crate::dsp;
use crate::dsp::event::{DenoiseConfig, FaceConfig, VoxelConfig};
use crate::dsp::radar::{MicroDopplerConfig, PeakConfig, RangeDopplerConfig, RespirationConfig};
use crate::fusion;
use crate::model;

/// `[pipeline]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Config {
    /// `[pipeline.radar]`
    pub radar: RadarConfig,
    /// `[pipeline.event]`
    pub event: EventConfig,
    /// `[pipeline.decision]`
    pub decision: fusion::Config,
}

/// `[pipeline.radar]`
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct RadarConfig {
    /// How range-Doppler maps are made.
    pub range_doppler: RangeDopplerConfig,
    /// How micro-range-Doppler maps are made.
    pub micro_doppler: MicroDopplerConfig,
    /// Where the strongest cells of range-Doppler maps are looked for.
    pub peaks: PeakConfig,
    /// The same for micro-range-Doppler maps. The mean of a block is taken off, so that even the
    /// bins beside zero are motion: `still-bins` is 0 here.
    pub slow_peaks: PeakConfig,
    /// Peaks weaker than this over the median of their map are not told, decibels, 0 to 120. The
    /// strongest of 500 to 2000 cells of mere noise, averaged over three receivers, reaches 10.
    pub least_snr_db: f32,
    /// The same for micro-range-Doppler maps. Over seconds the phase noise of a still room adds up,
    /// to 19 in the simulated empty chairs; a person who only breathes, 0.3 m away in a real
    /// recording, stands 45 out.
    pub least_slow_snr_db: f32,
    /// Whoever moves by so much more than the median of all distances within 0.4 s is there,
    /// decibels, 0 to 120. The strongest of a simulated empty chair reaches 4; a person who only
    /// breathes, 0.3 m away in a real recording, stands 23 out where the chest turns.
    pub least_recent_snr_db: f32,
    /// Where and how long breathing is looked for.
    pub respiration: RespirationConfig,
}

impl Default for RadarConfig {
    fn default() -> Self {
        Self {
            range_doppler: RangeDopplerConfig::default(),
            micro_doppler: MicroDopplerConfig::default(),
            peaks: PeakConfig::default(),
            slow_peaks: PeakConfig { still_bins: 0, ..PeakConfig::default() },
            least_snr_db: 12.0,
            least_slow_snr_db: 24.0,
            least_recent_snr_db: 15.0,
            respiration: RespirationConfig::default(),
        }
    }
}

/// `[pipeline.event]`
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct EventConfig {
    /// Length of the slices in which events are merged with radar frames, milliseconds, 1 to 1000.
    /// Shorter slices add less delay and cost more.
    pub slice_ms: u32,
    /// Noise filters.
    pub denoise: DenoiseConfig,
    /// Where the face is.
    pub face: FaceConfig,
    /// Windows of events as tensors.
    pub voxels: VoxelConfig,
}

impl Default for EventConfig {
    fn default() -> Self {
        Self {
            slice_ms: 10,
            denoise: DenoiseConfig::default(),
            face: FaceConfig::default(),
            voxels: VoxelConfig::default(),
        }
    }
}

impl Config {
    /// Checks the ranges.
    ///
    /// # Errors
    /// The key, without its `pipeline.`, and what is wrong with its value.
    pub fn check(&self) -> Result<(), (String, String)> {
        let respiration = self.radar.respiration.check();
        respiration.map_err(|(key, problem)| (format!("radar.respiration.{key}"), problem))?;
        let decision = self.decision.check();
        decision.map_err(|(key, problem)| (format!("decision.{key}"), problem))?;
        let event = &self.event;
        if !(1..=1000).contains(&event.slice_ms) {
            let problem = format!("{} must lie in 1..=1000", event.slice_ms);
            return Err(("event.slice-ms".to_owned(), problem));
        }
        let least = [
            ("radar.least-snr-db", self.radar.least_snr_db),
            ("radar.least-slow-snr-db", self.radar.least_slow_snr_db),
            ("radar.least-recent-snr-db", self.radar.least_recent_snr_db),
        ];
        if let Some((key, db)) = least.into_iter().find(|(_, db)| !(0.0..=120.0).contains(db)) {
            return Err((key.to_owned(), format!("{db} must lie in 0..=120")));
        }
        let tables = [
            ("denoise", event.denoise.check()),
            ("face", event.face.check()),
            ("voxels", event.voxels.check()),
        ];
        for (table, result) in tables {
            result.map_err(|out| (format!("event.{table}.{}", out.key), out.to_string()))?;
        }
        Ok(())
    }
}

/// Why the pipeline cannot be planned.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A radar.
    #[error("sensor `{name}`: {error}")]
    Radar {
        /// Its name in the configuration.
        name: String,
        /// What its kernels refuse.
        error: dsp::radar::Error,
    },
    /// Live sensors and recordings together.
    #[error(
        "sensor `{name}` is a recording and others are live: there is no common time line; \
         configure only live sensors or only recordings"
    )]
    Mixed {
        /// Name of a recording in the configuration.
        name: String,
    },
    /// The networks of the model bundle do not fit together.
    #[error("the model bundle in {folder}: network `{role}`: {problem}", folder = folder.display())]
    Network {
        /// The bundle's folder.
        folder: PathBuf,
        /// What the network is asked for.
        role: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The model bundle says nothing sensible about inputs.
    #[error(transparent)]
    Manifest(#[from] model::Error),
    /// Inputs cannot be made as the model bundle asks.
    #[error("sensor `{name}`, with `[radar.inputs]` of the model bundle: {error}")]
    Inputs {
        /// Name of the radar in the configuration.
        name: String,
        /// What its kernels refuse.
        error: dsp::radar::Error,
    },
    /// The recipe for the inputs of the radar's networks is out of range.
    #[error("{}: radar.inputs.{key}: {problem}", folder.join("manifest.toml").display())]
    Recipe {
        /// Folder of the bundle.
        folder: PathBuf,
        /// Key in `[radar.inputs]`.
        key: &'static str,
        /// What is wrong with its value.
        problem: String,
    },
    /// The model bundle was made for other sensors.
    #[error(
        "the model bundle does not fit sensor `{name}`: {}; configure the sensor as the bundle \
         asks, or choose another bundle",
        mismatches.join("; ")
    )]
    Bundle {
        /// Its name in the configuration.
        name: String,
        /// Each difference, with both sides.
        mismatches: Vec<String>,
    },
}
