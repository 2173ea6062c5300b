//! Event-camera kernels: from a noisy stream to a face region and the tensors a network reads.
//!
//! Every kernel takes one event at a time, so a result cannot depend on how the stream was cut
//! into batches. All times given to one kernel, events and windows alike, are microseconds on ONE
//! clock: map event times to the host clock (or windows to the camera's) before coming here.
//! Integer arithmetic decides which event belongs where; floats appear in the finished tensors
//! only. Time may step back: each kernel says what it does then, and counts it.
//!
//! ```
//! use ndarray::Array4;
//! use visaged::data::{Event, Geometry};
//! use visaged::dsp::event::{Denoise, DenoiseConfig, FaceConfig, FaceRegion, VoxelConfig, Voxels};
//!
//! let geometry = Geometry { width: 320, height: 240 };
//! let mut denoise = Denoise::plan(&DenoiseConfig::default(), geometry);
//! let mut face = FaceRegion::plan(&FaceConfig::default(), geometry);
//! let mut voxels = Voxels::plan(&VoxelConfig::default());
//! let mut tensor = Array4::zeros(Voxels::SHAPE);
//!
//! let mut windows = 0;
//! let stream = (0..500_000).map(|t| Event { t, x: (t % 97) as u16, y: (t % 89) as u16, on: true });
//! for event in stream.filter(|event| denoise.keeps(*event)) {
//!     while let Some(_window) = voxels.run(event.t, face.sighting().region, &mut tensor) {
//!         windows += 1; // `tensor` now holds the events of `_window`
//!     }
//!     face.push(event);
//!     voxels.push(event);
//! }
//! assert_eq!(windows, 1); // 80 ms .. 400 ms: the first whole one
//! ```

mod background_activity;
mod denoise;
mod face_region;
mod hot_pixels;
mod pixel_times;
mod refractory;
mod tbr;
mod time_surface;
mod voxels;

#[cfg(test)]
mod testing;

pub use background_activity::BackgroundActivity;
pub use denoise::{Denoise, DenoiseConfig, DenoiseCounts};
pub use face_region::{FaceConfig, FaceCounts, FaceRegion, Region, Sighting};
pub use hot_pixels::{HotPixelConfig, HotPixelMask};
pub use refractory::Refractory;
pub use tbr::Tbr;
pub use time_surface::TimeSurface;
pub use voxels::{VoxelConfig, VoxelCounts, Voxelized, Voxels};

/// A setting outside its range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key} is {got}, but must lie in {low}..={high}")]
pub struct OutOfRange {
    /// Key as written in the config, without its table.
    pub key: &'static str,
    /// Value there.
    pub got: u32,
    /// Smallest allowed value.
    pub low: u32,
    /// Largest allowed value.
    pub high: u32,
}

/// `Ok` if `got` lies in `low..=high`.
const fn within(key: &'static str, got: u32, low: u32, high: u32) -> Result<(), OutOfRange> {
    if got < low || got > high { Err(OutOfRange { key, got, low, high }) } else { Ok(()) }
}
