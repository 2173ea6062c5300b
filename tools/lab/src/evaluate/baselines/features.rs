//! Radar maps as rows of numbers.

use candle_core::{DType, Device, Result, Tensor};

use super::matrix::Matrix;

/// Added before the logarithm, as a share of the strongest cell: noise lies below it, and must not
/// decide.
const FLOOR: f64 = 0.05;
/// Share of the strongest range bin from which a bin counts as part of the face.
const FACE: f64 = 0.05;
/// Bins around the face that its window function reaches.
const SKIRT: usize = 2;

/// How pixels become numbers.
#[derive(Debug, Clone)]
pub(super) enum Look {
    /// As they are.
    Linear,
    /// Their logarithm.
    Log,
    /// Their logarithm, range bins set to the floor where the mask is 0.
    Masked(Tensor),
}

impl Look {
    /// Shapes: `maps[frame, map, range, doppler]` in, `[frame, map * range * doppler]` out.
    pub(super) fn rows(&self, maps: &Tensor) -> Result<Matrix> {
        let maps = maps.to_dtype(DType::F64)?;
        let seen = match self {
            Self::Linear => maps,
            Self::Log => (maps + FLOOR)?.log()?,
            Self::Masked(mask) => (maps.broadcast_mul(mask)? + FLOOR)?.log()?,
        };
        Matrix::from_tensor(&seen.flatten_from(1)?)
    }

    /// Everything but the range bins that the face reaches in the mean of `maps`, and how many
    /// bins are left.
    pub(super) fn without_face(maps: &Tensor) -> Result<(Self, usize)> {
        // [range]: the strongest Doppler bin of the mean range-Doppler map
        let mean = maps.to_dtype(DType::F64)?.narrow(1, 0, 1)?.squeeze(1)?.mean(0)?;
        let profile: Vec<f64> = mean.max(1)?.to_vec1()?;
        let most = profile.iter().copied().fold(0.0, f64::max);
        let is_face: Vec<bool> = profile.iter().map(|x| *x >= FACE * most).collect();
        let is_near = |bin: usize| {
            let last = is_face.len() - 1;
            is_face[bin.saturating_sub(SKIRT)..=(bin + SKIRT).min(last)].contains(&true)
        };
        let mask: Vec<f64> =
            (0..is_face.len()).map(|bin| if is_near(bin) { 0.0 } else { 1.0 }).collect();
        let left = mask.iter().filter(|open| **open > 0.0).count();
        let bins = mask.len();
        Ok((Self::Masked(Tensor::from_vec(mask, (1, 1, bins, 1), &Device::Cpu)?), left))
    }
}
