//! The kinds of network that CS3D's paper compares itself with (arXiv 2512.09592, abstract): C3D, a
//! recurrent network, a Transformer.
//!
//! All take the same voxels as [`visaged::model::cs3d`] and give the same four scores, so one
//! trainer and one evaluation serve them all. Which recurrent network and which Transformer the
//! paper took is not known to us; the sizes of those two are ours.

mod c3d;
mod gru;
mod transformer;

pub use c3d::{C3d, C3dConfig};
pub use gru::{Gru, GruConfig};
pub use transformer::{Transformer, TransformerConfig};

use candle_core::{Result, Tensor};
use visaged::model::cs3d;
use visaged::model::nn::ops;

/// Polarities, time bins, rows and columns of a clip.
const INPUT: [usize; 4] = [2, 16, 112, 112];
/// Scores of every network here, those of [`cs3d::CLASSES`].
const SCORES: usize = cs3d::CLASSES.len();
/// Rows and columns of voxels that are averaged into one where a network has no convolutions.
const COARSE: usize = 8;
/// Numbers of a coarse frame.
const FRAME: usize = INPUT[0] * (INPUT[2] / COARSE) * (INPUT[3] / COARSE);

/// The frames of a clip as coarse pictures, each a row of numbers in the order polarity, row,
/// column.
///
/// Shapes: `[batch, polarity 2, bin 16, row 112, column 112]` in, `[batch, bin 16, FRAME]` out.
fn coarse_frames(voxels: &Tensor) -> Result<Tensor> {
    let (batch, polarities, bins, rows, columns) = voxels.dims5()?;
    let (down, across) = (rows / COARSE, columns / COARSE);
    let cells = voxels.reshape(vec![batch * polarities * bins, down, COARSE, across, COARSE])?;
    let cells = cells.mean(4)?.mean(2)?.reshape((batch, polarities, bins, down * across))?;
    cells.transpose(1, 2)?.reshape((batch, bins, polarities * down * across))
}

/// Frames of a clip without their axis of time.
///
/// Shapes: `[n, t, h, w, c]` in, `[n t, h, w, c]` out.
fn frames(clip: &Tensor) -> Result<Tensor> {
    clip.flatten(0, 1)
}

/// Pools 2x2 pixels, and `time` frames.
///
/// Shapes: `[n, t, h, w, c]` in, `[n, t / time, h / 2, w / 2, c]` out.
fn pool(clip: &Tensor, time: usize) -> Result<Tensor> {
    let (n, t, h, w, c) = clip.dims5()?;
    let pooled = ops::max_pool2d(&frames(clip)?, 2)?.reshape((n, t, h / 2, w / 2, c))?;
    if time == 1 { Ok(pooled) } else { ops::max_pool_time(&pooled, time) }
}

#[cfg(test)]
mod tests;
