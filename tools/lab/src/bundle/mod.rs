//! `lab bundle`: packs trained networks for the daemon.
//!
//! The bundle is complete but for what its answers are worth, which `lab calibrate` measures on it
//! as it is, half floats and all. Until then the daemon identifies nobody with it.

mod card;
mod manifest;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use candle_core::DType;
use clap::Args;
use visaged::data::{Modality, View};
use visaged::model::cs3d;
use visaged::model::fooder_auth::TERMS;
use visaged::model::fooder_expert::{DYNAMIC_CLASSES, STATIC_CLASSES};
use visaged::model::fooder_gate;
use visaged::model::{Bundle, Digest, EventRequirement, RadarRequirement};
use visaged::pipeline::{EventConfig, RadarInputConfig};

pub(crate) use manifest::{Manifest, NetworkRow};

use crate::inputs::Readings;
use crate::split::{Member, Part, Split};
use crate::train::{Run, Task, WEIGHTS, Weights, restored};

/// What to pack.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Folder to write.
    pub(crate) out: PathBuf,
    /// Folder with a run per network, named by its role: `auth`, `gate`, ...
    #[arg(long)]
    pub(crate) runs: PathBuf,
    /// The split that they were trained on.
    #[arg(long)]
    pub(crate) split: PathBuf,
    /// Keeps weights in 32 bits.
    #[arg(long)]
    pub(crate) full: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let split = Split::read(&options.split)?;
    let members = split.members(&options.split)?;
    fs::create_dir_all(&options.out)
        .with_context(|| format!("cannot make {}", options.out.display()))?;
    let origin = origin(&members)?;
    let (mut networks, mut runs) = (Vec::new(), Vec::new());
    for task in Task::ALL {
        let folder = options.runs.join(task.role());
        if folder.join(WEIGHTS).exists() {
            let run = Run::read(&folder)?;
            networks.push(pack(task, &run, &folder, (options, &split, &origin))?);
            runs.push(run);
        }
    }
    ensure!(!networks.is_empty(), "{} holds no finished run", options.runs.display());
    let manifest = Manifest {
        schema: 1,
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        seen: seen(&members)?,
        radar: radar(&members)?,
        event: Some(event()?),
        identity: None,
        expression: None,
        networks,
    };
    manifest.write(&options.out)?;
    card::write(&options.out, &manifest, &runs)?;
    // Read as the daemon will read it.
    Bundle::load(&options.out)?;
    Ok(())
}

/// Converts the weights of `run`, whose folder is `folder`.
fn pack(
    task: Task,
    run: &Run,
    folder: &Path,
    (options, split, origin): (&Options, &Split, &str),
) -> Result<NetworkRow> {
    if run.task != task || run.enrolled != split.enrolled {
        bail!(
            "{} is a run of `{}` for {}, not of `{}` for {}",
            folder.display(),
            run.task.role(),
            run.enrolled,
            task.role(),
            split.enrolled
        );
    }
    let weights: Weights = restored(run, folder)?;
    let file = format!("{}.safetensors", task.role());
    let dtype = if options.full { DType::F32 } else { DType::F16 };
    weights.save(&options.out.join(&file), dtype)?;
    // The library makes files that only their owner reads; a daemon has a user of its own.
    fs::set_permissions(options.out.join(&file), fs::Permissions::from_mode(0o644))?;
    let bytes = fs::read(options.out.join(&file))?;
    let classes: &[&str] = match task {
        Task::Auth => &TERMS,
        Task::Gate => &fooder_gate::CLASSES,
        Task::ExpertDynamic => &DYNAMIC_CLASSES,
        Task::ExpertStatic => &STATIC_CLASSES,
        Task::Event => &cs3d::CLASSES,
    };
    Ok(NetworkRow {
        name: task.network().to_owned(),
        role: task.role().to_owned(),
        preset: run.preset.clone(),
        file,
        sha256: Digest::of(&bytes).to_string(),
        classes: classes.iter().map(|&class| class.to_owned()).collect(),
        threshold: None,
        temperature: None,
        trained_on: format!("{origin}; seed {}", run.recipe.seed),
        calibration: None,
    })
}

/// On what the networks were trained, in words.
fn origin(members: &[Member]) -> Result<String> {
    let mut origins: Vec<&str> = Vec::new();
    for member in members {
        if !origins.contains(&member.origin.as_str()) {
            origins.push(&member.origin);
        }
    }
    ensure!(!origins.is_empty(), "the split is empty");
    Ok(origins.join("; "))
}

/// SHA-256 of every recording file that was trained or is calibrated on.
fn seen(members: &[Member]) -> Result<Vec<String>> {
    let mut seen = Vec::new();
    for member in members.iter().filter(|member| member.part != Part::Test) {
        for file in member.files() {
            let bytes = fs::read(&file).with_context(|| format!("{}", file.display()))?;
            seen.push(Digest::of(&bytes).to_string());
        }
    }
    seen.sort();
    Ok(seen)
}

/// The chirps of the recordings, which must be the same in all.
fn radar(members: &[Member]) -> Result<Option<RadarRequirement>> {
    let mut requirement: Option<RadarRequirement> = None;
    for member in members {
        let Some(path) = &member.recording.radar else { continue };
        let readings = Readings::open(&member.folder.join(path), Modality::Radar)?;
        let View::Radar(chirp) = readings.view() else { continue };
        match &requirement {
            Some(known) => {
                let mismatches = known.mismatches(chirp);
                ensure!(mismatches.is_empty(), "{}: {mismatches:?}", member.recording.id);
            }
            None => {
                requirement = Some(RadarRequirement {
                    rx: chirp.rx_antennas.len(),
                    chirps: chirp.chirps,
                    samples: chirp.samples,
                    complex: chirp.complex,
                    center_ghz: chirp.center().0 / 1e9,
                    bandwidth_mhz: chirp.bandwidth().0 / 1e6,
                    chirp_period_us: chirp.chirp_period.0 * 1e6,
                    frame_period_ms: chirp.frame_period.0 * 1e3,
                    inputs: toml::Table::try_from(RadarInputConfig::default())?,
                });
            }
        }
    }
    Ok(requirement)
}

/// How windows are cut.
fn event() -> Result<EventRequirement> {
    let EventConfig { denoise, face, voxels, .. } = EventConfig::default();
    Ok(EventRequirement {
        window_ms: voxels.window_ms,
        background_activity_us: denoise.background_activity_us,
        face: toml::Table::try_from(face)?,
    })
}
