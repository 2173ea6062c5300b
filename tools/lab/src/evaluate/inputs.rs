//! What networks see of one recording, as `lab inputs` keeps it.

use std::path::Path;

use anyhow::{Context as _, Result};
use candle_core::{Device, Tensor, safetensors};

use crate::dataset::Recording;

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
    /// Seconds from the start, of each frame.
    pub(crate) time: Vec<f64>,
    /// Metres to the strongest motion, NaN where there is none.
    pub(crate) range: Vec<f32>,
    /// Of the raw samples: equal for copies of a frame.
    pub(crate) hash: Vec<i64>,
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
    /// Of the counts: equal for copies of a window.
    pub(crate) hash: Vec<i64>,
}

impl Inputs {
    /// Reads the inputs of a recording of the data set in `folder`.
    ///
    /// # Errors
    /// When they were not computed yet, or the file is not what `lab inputs` writes.
    pub(crate) fn of(folder: &Path, recording: &Recording) -> Result<Self> {
        let path = folder.join(FOLDER).join(format!("{}.safetensors", recording.id));
        Self::read(&path).with_context(|| {
            format!("{}: run `lab inputs {}` first", path.display(), folder.display())
        })
    }

    fn read(path: &Path) -> Result<Self> {
        let mut tensors = safetensors::load(path, &Device::Cpu)?;
        let mut take = |name: &str| tensors.remove(name).context("a tensor is missing");
        let radar = match take("radar.maps") {
            Err(_) => None,
            Ok(maps) => Some(RadarSet {
                maps,
                time: take("radar.time")?.to_vec1()?,
                range: take("radar.range")?.to_vec1()?,
                hash: take("radar.hash")?.to_vec1()?,
            }),
        };
        let event = match take("event.voxels") {
            Err(_) => None,
            Ok(voxels) => Some(EventSet {
                voxels,
                time: take("event.time")?.to_vec1()?,
                rate: take("event.rate")?.to_vec1()?,
                hash: take("event.hash")?.to_vec1()?,
            }),
        };
        Ok(Self { radar, event })
    }
}
