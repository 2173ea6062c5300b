//! One radar frame as the ADC gave it.

use ndarray::Array3;

use crate::units::{RadarClock, Stamp};

/// ADC samples of one frame, raw counts.
///
/// Shapes: `[rx, chirp, sample]` in both cases, C order.
#[derive(Debug, Clone, PartialEq)]
pub enum Samples {
    /// Real samples (Infineon BGT60: 12-bit counts `0..=4095`; TI real mode: signed).
    Real(Array3<i16>),
    /// Complex samples, each `[in-phase, quadrature]` (TI).
    Complex(Array3<[i16; 2]>),
}

impl Samples {
    /// `(rx, chirp, sample)`.
    #[must_use]
    pub fn dim(&self) -> (usize, usize, usize) {
        match self {
            Self::Real(samples) => samples.dim(),
            Self::Complex(samples) => samples.dim(),
        }
    }
}

/// One frame of chirps from all receive antennas.
#[derive(Debug, Clone, PartialEq)]
pub struct RadarFrame {
    /// Frame number as the recording or device counts it, from 0.
    pub number: u64,
    /// Start of the first chirp on the radar's clock.
    pub stamp: Stamp<RadarClock>,
    /// The samples.
    pub samples: Samples,
    /// True if some of the samples were lost and filled with zeros.
    pub has_holes: bool,
}
