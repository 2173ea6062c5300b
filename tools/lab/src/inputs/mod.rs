//! `lab inputs`: recordings as networks see them, computed once and kept beside the data set.
//!
//! Recordings are those of one sensor, or sessions of `visaged enroll` with both in one file.
//! One safetensors file per recording, `inputs/<id>.safetensors` in the data set's folder, made by
//! the very kernels that the daemon runs:
//!
//! | tensor | type | shape | what |
//! |---|---|---|---|
//! | `radar.maps` | F16 | `[frame, map 2, range 64, doppler 64]` | what gate and experts see, 0 to 1 |
//! | `radar.faces` | F16 | `[frame, map 2, range 64, doppler 64]` | what the authentication sees; zeros where it sees nothing |
//! | `radar.steady` | U8 | `[frame]` | 1 where the authentication sees something |
//! | `radar.time` | F64 | `[frame]` | seconds from the start of the recording |
//! | `radar.range` | F32 | `[frame]` | metres to the strongest motion; NaN where there is none |
//! | `event.voxels` | U8 | `[window, polarity 2, bin 16, row 112, column 112]` | counts, 0 to 5 |
//! | `event.time` | F64 | `[window]` | seconds from the start, end of the window |
//! | `event.rate` | F32 | `[window]` | events a second in the face region |
//!
//! Beside it, `<id>.hashes.safetensors` has a number for each of them, `hashes`, I64, by which a
//! copy of raw data is told.

mod compute;
mod readings;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use candle_core::{Device, Tensor, safetensors};
use clap::Args;
use rayon::prelude::*;

pub(crate) use readings::Readings;

use crate::dataset::{Dataset, Recording};
use crate::progress;

/// Which inputs to compute.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Data sets: folders with a `dataset.toml`.
    #[arg(required = true)]
    pub(crate) datasets: Vec<PathBuf>,
    /// Keeps one radar frame in so many; neighbours are near copies of each other.
    #[arg(long, default_value_t = 2)]
    pub(crate) frame_step: usize,
    /// Keeps one event window in so many.
    #[arg(long, default_value_t = 2)]
    pub(crate) window_step: usize,
    /// Computes what is there already again.
    #[arg(long)]
    pub(crate) again: bool,
}

/// Folder of the inputs in a data set.
const FOLDER: &str = "inputs";

/// The inputs of one recording.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    /// Of the radar's networks, if there is a radar.
    pub(crate) radar: Option<RadarSet>,
    /// Of the event network, if there is a camera.
    pub(crate) event: Option<EventSet>,
}

/// Inputs of the radar's networks.
#[derive(Debug)]
pub(crate) struct RadarSet {
    /// `[frame, map 2, range 64, doppler 64]`, F16.
    pub(crate) maps: Tensor,
    /// The same for the authentication, which averages over time; zeros where it sees nothing.
    pub(crate) faces: Tensor,
    /// 1 where it sees something.
    pub(crate) steady: Vec<u8>,
    /// Seconds from the start, of each frame.
    pub(crate) time: Vec<f64>,
    /// Metres to the strongest motion, NaN where there is none.
    pub(crate) range: Vec<f32>,
}

/// Inputs of the event network.
#[derive(Debug)]
pub(crate) struct EventSet {
    /// `[window, polarity 2, bin 16, row 112, column 112]`, U8: counts.
    pub(crate) voxels: Tensor,
    /// Seconds from the start, of the end of each window.
    pub(crate) time: Vec<f64>,
    /// Events a second in the face region.
    pub(crate) rate: Vec<f32>,
}

/// Computes the inputs of all recordings of the data sets that have none yet.
pub(crate) fn run(options: &Options) -> Result<()> {
    ensure!(options.frame_step > 0 && options.window_step > 0, "steps begin at 1");
    for folder in &options.datasets {
        let dataset = Dataset::read(folder)?;
        let out = folder.join(FOLDER);
        std::fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
        let due = |recording: &&Recording| options.again || !path(folder, recording).exists();
        let recordings: Vec<_> = dataset.recordings.iter().filter(due).collect();
        let bar = progress::bar(recordings.len(), "inputs");
        recordings.par_iter().try_for_each(|recording| {
            let (inputs, hashes) = compute::inputs(folder, recording, options)
                .with_context(|| format!("recording `{}`", recording.id))?;
            let hashes = Tensor::new(hashes.as_slice(), &Device::Cpu)?;
            write(vec![("hashes", hashes)], &hashes_path(folder, recording))?;
            inputs.write(&path(folder, recording))?;
            bar.inc(1);
            anyhow::Ok(())
        })?;
        bar.finish_and_clear();
    }
    Ok(())
}

/// Where the inputs of `recording` are.
fn path(folder: &Path, recording: &Recording) -> PathBuf {
    folder.join(FOLDER).join(format!("{}.safetensors", recording.id))
}

/// Where its hashes are.
fn hashes_path(folder: &Path, recording: &Recording) -> PathBuf {
    path(folder, recording).with_extension("hashes.safetensors")
}

/// The hashes of a recording of the data set in `folder`.
///
/// # Errors
/// When its inputs were not computed yet.
pub(crate) fn hashes(folder: &Path, recording: &Recording) -> Result<Vec<i64>> {
    let path = hashes_path(folder, recording);
    let read = || anyhow::Ok(safetensors::load(&path, &Device::Cpu)?);
    let mut tensors = read().with_context(|| missing(&path, folder))?;
    let hashes = tensors.remove("hashes").context("`hashes` is missing")?;
    Ok(hashes.to_vec1()?)
}

fn missing(path: &Path, folder: &Path) -> String {
    format!("{}: run `lab inputs {}` first", path.display(), folder.display())
}

/// Writes under another name first: a file that exists is whole.
fn write(tensors: Vec<(&str, Tensor)>, path: &Path) -> Result<()> {
    let partial = path.with_extension("partial");
    safetensors::save(&tensors.into_iter().collect(), &partial)?;
    std::fs::rename(&partial, path).with_context(|| format!("cannot write {}", path.display()))
}

impl RadarSet {
    /// What the authentication sees, in the place of what gate and experts see. Frames of which it
    /// sees nothing have no distance.
    pub(crate) fn into_faces(self) -> Self {
        let nowhere = self.steady.iter().zip(self.range);
        let range = nowhere.map(|(&steady, range)| if steady > 0 { range } else { f32::NAN });
        Self { maps: self.faces.clone(), range: range.collect(), ..self }
    }

    /// The frames of which the authentication sees something, and no others.
    ///
    /// # Errors
    /// When candle fails.
    pub(crate) fn steady_faces(&self) -> Result<Self> {
        let seen = |frame: &usize| self.steady[*frame] > 0;
        let frames: Vec<usize> = (0..self.time.len()).filter(seen).collect();
        let rows = frames.iter().map(|&frame| Ok(u32::try_from(frame)?));
        let rows = Tensor::new(rows.collect::<Result<Vec<u32>>>()?, &Device::Cpu)?;
        let faces = self.faces.index_select(&rows, 0)?;
        Ok(Self {
            maps: faces.clone(),
            faces,
            steady: vec![1; frames.len()],
            time: frames.iter().map(|&frame| self.time[frame]).collect(),
            range: frames.iter().map(|&frame| self.range[frame]).collect(),
        })
    }
}

impl Inputs {
    /// Reads the inputs of a recording of the data set in `folder`.
    ///
    /// # Errors
    /// When they were not computed yet, or the file is not what `lab inputs` writes.
    pub(crate) fn of(folder: &Path, recording: &Recording) -> Result<Self> {
        let path = path(folder, recording);
        Self::read(&path).with_context(|| missing(&path, folder))
    }

    fn read(path: &Path) -> Result<Self> {
        let mut tensors = safetensors::load(path, &Device::Cpu)?;
        let mut take = |name: &str| tensors.remove(name).context("a tensor is missing");
        let radar = match take("radar.maps") {
            Err(_) => None,
            Ok(maps) => Some(RadarSet {
                maps,
                faces: take("radar.faces")?,
                steady: take("radar.steady")?.to_vec1()?,
                time: take("radar.time")?.to_vec1()?,
                range: take("radar.range")?.to_vec1()?,
            }),
        };
        let event = match take("event.voxels") {
            Err(_) => None,
            Ok(voxels) => Some(EventSet {
                voxels,
                time: take("event.time")?.to_vec1()?,
                rate: take("event.rate")?.to_vec1()?,
            }),
        };
        Ok(Self { radar, event })
    }

    fn write(&self, path: &Path) -> Result<()> {
        let mut tensors: Vec<(&str, Tensor)> = Vec::new();
        if let Some(RadarSet { maps, faces, steady, time, range }) = &self.radar {
            tensors.extend([
                ("radar.maps", maps.clone()),
                ("radar.faces", faces.clone()),
                ("radar.steady", Tensor::new(steady.as_slice(), &Device::Cpu)?),
                ("radar.time", Tensor::new(time.as_slice(), &Device::Cpu)?),
                ("radar.range", Tensor::new(range.as_slice(), &Device::Cpu)?),
            ]);
        }
        if let Some(EventSet { voxels, time, rate }) = &self.event {
            tensors.extend([
                ("event.voxels", voxels.clone()),
                ("event.time", Tensor::new(time.as_slice(), &Device::Cpu)?),
                ("event.rate", Tensor::new(rate.as_slice(), &Device::Cpu)?),
            ]);
        }
        write(tensors, path)
    }
}

#[cfg(test)]
mod tests;
