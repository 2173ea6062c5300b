//! From a stream of events to the windows that the event network sees.

use ndarray::Array4;

use crate::data::{Event, Geometry};
use crate::dsp::event::{
    Denoise, DenoiseCounts, FaceRegion, Region, VoxelCounts, Voxelized, Voxels,
};
use crate::pipeline::EventConfig;

/// Makes the inputs of the event network from a stream of events: filters, face region, voxels.
pub struct EventInputs {
    denoise: Denoise,
    face: FaceRegion,
    voxels: Voxels,
    /// `[polarity, bin, row, column]`
    tensor: Array4<f32>,
}

impl EventInputs {
    /// Plans for a camera of `geometry`, with a `config` that was checked.
    #[must_use]
    pub fn plan(config: &EventConfig, geometry: Geometry) -> Self {
        Self {
            denoise: Denoise::plan(&config.denoise, geometry),
            face: FaceRegion::plan(&config.face, geometry),
            voxels: Voxels::plan(&config.voxels),
            tensor: Array4::zeros(Voxels::SHAPE),
        }
    }

    /// Takes an event and hands each window that ended before it to `window`. True if the filters
    /// kept the event.
    ///
    /// Shapes: `[polarity 2, bin 16, row 112, column 112]` to `window`, 0 to 1.
    pub fn push(&mut self, event: Event, mut window: impl FnMut(Voxelized, &Array4<f32>)) -> bool {
        if !self.denoise.keeps(event) {
            return false;
        }
        let Self { face, voxels, tensor, .. } = self;
        while let Some(voxelized) = voxels.run(event.t, face.sighting().region, tensor) {
            window(voxelized, tensor);
        }
        face.push(event);
        voxels.push(event);
        true
    }

    /// Where the face is, by the events so far.
    #[must_use]
    pub const fn region(&self) -> Region {
        self.face.sighting().region
    }

    /// What the filters took out.
    #[must_use]
    pub const fn filtered(&self) -> DenoiseCounts {
        self.denoise.counts()
    }

    /// What became of events and windows.
    #[must_use]
    pub const fn windows(&self) -> VoxelCounts {
        self.voxels.counts()
    }

    /// Forgets the open window; the stream starts again later.
    pub fn restart(&mut self) {
        self.voxels.restart();
    }
}
