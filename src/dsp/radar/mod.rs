//! Radar kernels: from one frame of ADC samples to maps, profiles, network inputs and peaks.
//!
//! ```text
//! Samples[rx, chirp, sample]
//!   ├─ RangeDoppler ── map[rx, range_bin, doppler_bin] ──┬─ Peaks: strongest cells, signal to noise
//!   ├─ MicroDoppler ── map[rx, range_bin, doppler_bin] ──┴─ ModelInput: [64, 64] in 0..=1
//!   ├─ RangeProfile ── profile[rx, range_bin]
//!   └─ MeanSpectrum ── values[rx, range_bin] ──┬─ Respiration: breaths per minute, or why not
//!                                              └─ RangeMotion: what moved just now, and where
//! ```
//!
//! Every kernel is planned once and then runs without allocating. Conventions, all of them:
//!
//! - FFTs are forward, `exp(-i 2 pi k n / N)`, and unscaled, as in numpy.
//! - Range bin `k` of real samples lies at `k c / 2B`, for `k` in `0..=N/2`; complex samples have
//!   `N` range bins. Zero padding by `p` makes bins `p` times finer.
//! - Doppler bins are shifted: zero velocity is bin `M / 2`. **Approach is negative**, that is
//!   below `M / 2`, for chirps that sweep upwards.

mod breath_spectrum;
mod circle;
mod frame_mean;
mod mean_spectrum;
mod means;
mod micro_doppler;
mod model_input;
mod mti;
mod peak;
mod range_doppler;
mod range_motion;
mod range_profile;
mod range_spectra;
mod respiration;
mod shape;
mod stacked_frames;
#[cfg(test)]
mod twin;
mod unwrap;
mod window;

pub use circle::Circle;
pub use mean_spectrum::MeanSpectrum;
pub use micro_doppler::{MicroDoppler, MicroDopplerConfig, MicroDopplerMode};
pub use model_input::{ModelInput, ModelInputConfig, decibel_scale};
pub use peak::{Cell, Found, MapAxes, PeakConfig, Peaks, Place};
pub use range_doppler::{Clutter, Offset, RangeDoppler, RangeDopplerConfig};
pub use range_motion::RangeMotion;
pub use range_profile::RangeProfile;
pub use respiration::{Breath, NoBreath, Respiration, RespirationConfig};
pub use shape::FrameShape;
pub use unwrap::unwrapped_phase;
pub use window::{Ends, Window, WindowShape};

/// Why a radar kernel cannot be planned. Sizes come from recordings, so none of this is a bug.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A dimension of the frame is zero.
    #[error("{0} holds no sample; check the recording's header")]
    EmptyFrame(FrameShape),
    /// A dimension of the frame is beyond [`FrameShape::LIMIT`].
    #[error("{0} is beyond {limit} per axis; check the recording's header", limit = FrameShape::LIMIT)]
    HugeFrame(FrameShape),
    /// A zero-padding factor is out of range.
    #[error("zero padding by {factor} is not in 1..={limit}", limit = RangeDopplerConfig::MAX_PADDING)]
    ZeroPadding {
        /// What was asked for.
        factor: usize,
    },
    /// The share of a new frame in the moving-target history is out of range.
    #[error("MTI alpha {alpha} is not in 0..=1")]
    MtiAlpha {
        /// What was asked for.
        alpha: f64,
    },
    /// A micro-Doppler block or its hop is out of range.
    #[error("{frames} frames every {hop} frames: both must be in 1..={limit}", limit = MicroDopplerConfig::MAX_FRAMES)]
    Block {
        /// Frames in a block.
        frames: usize,
        /// Frames from one block to the next.
        hop: usize,
    },
    /// The micro-Doppler buffer would take more memory than a map is worth.
    #[error("{values} buffered complex values are beyond {limit}; use fewer frames", limit = MicroDopplerConfig::MAX_VALUES)]
    Buffer {
        /// Complex values that the buffer would hold.
        values: usize,
    },
    /// A map without range or Doppler bins.
    #[error("a map of {range_bins} range bins x {doppler_bins} Doppler bins has no cell")]
    EmptyMap {
        /// Range bins.
        range_bins: usize,
        /// Doppler bins.
        doppler_bins: usize,
    },
}
