//! The sizes that radar kernels are planned for.

use core::fmt;

use ndarray::{ArrayRef3, Axis};

use super::Error;
use crate::data::{ChirpConfig, Samples};

/// Sizes of one radar frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameShape {
    /// Receive antennas.
    pub rx: usize,
    /// Chirps per receive antenna.
    pub chirps: usize,
    /// Samples per chirp (complex pairs count once).
    pub samples: usize,
    /// True if samples are I/Q pairs.
    pub complex: bool,
}

impl FrameShape {
    /// Largest size of an axis. Sums of so many 16-bit counts still fit 32 bits.
    pub const LIMIT: usize = 16_384;

    /// The shape of `samples`.
    #[must_use]
    pub fn of(samples: &Samples) -> Self {
        let (rx, chirps, length) = samples.dim();
        let complex = matches!(samples, Samples::Complex(_));
        Self { rx, chirps, samples: length, complex }
    }

    /// Range bins without zero padding: `N/2 + 1` for real samples, `N` for complex ones.
    #[must_use]
    pub const fn range_bins(&self) -> usize {
        self.range_bins_of(self.samples)
    }

    /// Range bins of chirps padded to `length` samples.
    pub(super) const fn range_bins_of(&self, length: usize) -> usize {
        if self.complex { length } else { length / 2 + 1 }
    }

    /// Numbers per sample: 1, or 2 for I/Q pairs.
    pub(super) const fn parts(&self) -> usize {
        if self.complex { 2 } else { 1 }
    }

    /// Numbers per receive antenna.
    pub(super) const fn numbers_per_rx(&self) -> usize {
        self.chirps * self.samples * self.parts()
    }

    /// Refuses sizes that no kernel can work with.
    pub(super) fn checked(self) -> Result<Self, Error> {
        let sizes = [self.rx, self.chirps, self.samples];
        if sizes.contains(&0) {
            return Err(Error::EmptyFrame(self));
        }
        if sizes.iter().any(|&size| size > Self::LIMIT) || sizes.iter().product::<usize>() > 1 << 28
        {
            return Err(Error::HugeFrame(self));
        }
        Ok(self)
    }
}

impl From<&ChirpConfig> for FrameShape {
    fn from(chirp: &ChirpConfig) -> Self {
        Self {
            rx: chirp.rx_antennas.len(),
            chirps: chirp.chirps,
            samples: chirp.samples,
            complex: chirp.complex,
        }
    }
}

impl fmt::Display for FrameShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.complex { "complex" } else { "real" };
        let Self { rx, chirps, samples, .. } = self;
        write!(f, "a frame of {rx} rx x {chirps} chirps x {samples} {kind} samples")
    }
}

/// The numbers of `samples`, `[rx, chirp, sample, part]` in C order.
///
/// Panics if the frame is not what the kernel was planned for, or not in C order.
pub(super) fn numbers<'a>(samples: &'a Samples, planned: &FrameShape) -> &'a [i16] {
    assert_eq!(FrameShape::of(samples), *planned, "the frame was not planned for");
    let numbers = match samples {
        Samples::Real(array) => array.as_slice(),
        Samples::Complex(array) => array.as_slice().map(<[[i16; 2]]>::as_flattened),
    };
    assert!(numbers.is_some(), "samples must lie in C order");
    numbers.unwrap_or_default()
}

/// The cells of `map`, `[rx, range_bin, doppler_bin]` in C order.
///
/// Panics if the map has not the planned shape, or does not lie in C order.
pub(super) fn cells(map: &mut ArrayRef3<f32>, planned: (usize, usize, usize)) -> &mut [f32] {
    assert_eq!(map.dim(), planned, "the map has the wrong shape");
    assert!(map.is_standard_layout(), "the map must lie in C order");
    debug_assert_eq!(map.len_of(Axis(0)), planned.0);
    map.as_slice_mut().unwrap_or_default()
}
