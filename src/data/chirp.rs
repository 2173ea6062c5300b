//! The chirp configuration of an FMCW radar and what follows from it.

use serde::{Deserialize, Serialize};

use crate::units::{Hertz, Meters, MetersPerSecond, SPEED_OF_LIGHT, Seconds};

/// How a radar chirps: everything needed to give range and velocity bins their units.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChirpConfig {
    /// Receive antennas as the device numbers them, e.g. `[1, 3]`: index 1 of a frame is RX3.
    pub rx_antennas: Vec<u8>,
    /// Chirps per frame and receive antenna.
    pub chirps: usize,
    /// Samples per chirp (complex pairs count once).
    pub samples: usize,
    /// True if samples are I/Q pairs.
    pub complex: bool,
    /// Frequency at the first sample of a chirp.
    pub start: Hertz,
    /// Frequency after the last sample of a chirp: start plus slope times sampled time.
    pub end: Hertz,
    /// ADC sample rate.
    pub sample_rate: Hertz,
    /// Time from the start of a chirp to the start of the next chirp of the same transmitter.
    pub chirp_period: Seconds,
    /// Time from the start of a frame to the start of the next frame.
    pub frame_period: Seconds,
    /// ADC resolution in bits; real samples lie in `0..2^bits`, complex ones in the signed range.
    pub adc_bits: u8,
}

impl ChirpConfig {
    /// The chirps of the FOOD paper (arXiv 2406.04546, table 1): a BGT60TR13C with 1 GHz of sweep,
    /// which the FOODER networks were designed for.
    #[must_use]
    pub fn food() -> Self {
        Self {
            rx_antennas: vec![1, 2, 3],
            chirps: 64,
            samples: 128,
            complex: false,
            start: Hertz(60.1e9),
            end: Hertz(61.1e9),
            sample_rate: Hertz(2e6),
            chirp_period: Seconds(391.55e-6),
            frame_period: Seconds(0.05),
            adc_bits: 12,
        }
    }

    /// Swept bandwidth while sampling.
    #[must_use]
    pub fn bandwidth(&self) -> Hertz {
        Hertz((self.end.0 - self.start.0).abs())
    }

    /// Frequency in the middle of the sweep.
    #[must_use]
    pub fn center(&self) -> Hertz {
        Hertz(f64::midpoint(self.start.0, self.end.0))
    }

    /// Wavelength at the middle of the sweep.
    #[must_use]
    pub fn wavelength(&self) -> Meters {
        Meters(SPEED_OF_LIGHT / self.center().0)
    }

    /// Width of one range bin, `c / 2B`.
    #[must_use]
    pub fn range_resolution(&self) -> Meters {
        Meters(SPEED_OF_LIGHT / (2.0 * self.bandwidth().0))
    }

    /// Range bins of a map without zero padding: `N/2 + 1` for real samples, `N` for complex ones.
    #[must_use]
    pub fn range_bins(&self) -> usize {
        if self.complex { self.samples } else { self.samples / 2 + 1 }
    }

    /// Largest unambiguous range: `N/2` bins for real samples, `N` bins for complex ones.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "sample counts are far below 2^52")]
    pub fn max_range(&self) -> Meters {
        let bins = if self.complex { self.samples } else { self.samples / 2 };
        Meters(self.range_resolution().0 * bins as f64)
    }

    /// Width of one Doppler bin over the chirps of one frame, `lambda / (2 M T)`.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "chirp counts are far below 2^52")]
    pub fn velocity_resolution(&self) -> MetersPerSecond {
        MetersPerSecond(self.wavelength().0 / (2.0 * self.chirps as f64 * self.chirp_period.0))
    }

    /// Largest unambiguous speed in either direction, `lambda / 4T`.
    #[must_use]
    pub fn max_velocity(&self) -> MetersPerSecond {
        MetersPerSecond(self.wavelength().0 / (4.0 * self.chirp_period.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// HOOD (arXiv 2308.02396) prints 15 cm and 9.6 m for the same chirps.
    #[test]
    fn the_food_chirp_table_gives_15_cm_bins_and_9_6_m() {
        let food = ChirpConfig::food();
        assert!((food.range_resolution().0 - 0.15).abs() < 2e-4);
        assert!((food.max_range().0 - 9.6).abs() < 0.01);
        assert!((food.max_velocity().0 - 3.16).abs() < 0.01);
        assert!((food.velocity_resolution().0 - 0.0988).abs() < 1e-4);
        assert_eq!(food.range_bins(), 65);
    }
}
