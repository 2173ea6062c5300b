//! Frames for tests: echoes whose distances are known.

use ndarray::Array3;

use crate::data::{ChirpConfig, Samples};
use crate::units::SPEED_OF_LIGHT;

/// What one receiver of a radar that is set to `chirp` samples of still echoes, `(metres, counts)`
/// each, with `noise` in every sample: 12 bits about 2,048.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "12 bits")]
pub(super) fn echoes(
    chirp: &ChirpConfig,
    echoes: &[(f64, f64)],
    mut noise: impl FnMut() -> f64,
) -> Samples {
    Samples::Real(Array3::from_shape_fn((1, chirp.chirps, chirp.samples), |(_, _, sample)| {
        let hertz = chirp.start.0 + chirp.bandwidth().0 * sample as f64 / chirp.samples as f64;
        let phase = |range: f64| std::f64::consts::TAU * 2.0 * range * hertz / SPEED_OF_LIGHT;
        let sum: f64 = echoes.iter().map(|(range, size)| size * phase(*range).cos()).sum();
        (sum + noise()).round() as i16 + 2_048
    }))
}
