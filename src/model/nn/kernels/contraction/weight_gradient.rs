//! The gradient of the weights of a contraction: the same sums, taken over pixels.

use super::panels::Block;
use super::{Geometry, Panels};
use crate::model::nn::kernels::simd::{Isa, Kernel, Simd, dispatch};

/// Pixels whose inputs and gradients stay in the first two levels of cache while all taps and
/// channels pass over them.
const PIXELS: usize = 128;

/// Adds to `sums`, ordered by `panels`, for each tap, channel and column:
/// `sum over pixel of input(pixel, tap)[channel] * gradient[place(pixel) + column]`.
pub(crate) fn weight_gradient<G: Geometry>(
    isa: Isa,
    panels: Panels,
    geometry: G,
    gradient: &[f32],
    sums: &mut [f32],
) {
    if geometry.pixels() == 0 {
        return;
    }
    // The unsafe blocks below lean on these.
    assert_eq!(sums.len(), panels.len(), "sums in the order of the panels");
    assert_eq!(panels, Panels::new(isa, panels.taps, panels.depth, panels.columns), "same lanes");
    assert!(geometry.taps().end <= panels.taps, "a sum for each tap");
    assert_eq!(geometry.depth(), panels.depth, "a sum for each channel");
    assert!(geometry.last_place() + panels.columns <= gradient.len(), "a gradient for each pixel");
    dispatch(isa, Run { panels, geometry, gradient, sums: sums.as_mut_ptr() });
}

struct Run<'a, G> {
    panels: Panels,
    geometry: G,
    gradient: &'a [f32],
    sums: *mut f32,
}

impl<G: Geometry> Kernel for Run<'_, G> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let all = self.geometry.pixels();
        let mut pixel = 0;
        while pixel < all {
            let pixels = (pixel, all.min(pixel + PIXELS));
            for block in 0..self.panels.blocks() {
                let block = self.panels.block(block);
                for tap in self.geometry.taps() {
                    // SAFETY: `weight_gradient` has checked all sizes; blocks, taps and pixels are
                    // those of panels and geometry.
                    unsafe {
                        if block.vectors == 2 {
                            self.channels::<S, 2>(simd, pixels, tap, block);
                        } else {
                            self.channels::<S, 1>(simd, pixels, tap, block);
                        }
                    }
                }
            }
            pixel = pixels.1;
        }
    }
}

impl<G: Geometry> Run<'_, G> {
    /// # Safety
    /// As [`tile`](Self::tile).
    #[inline(always)]
    unsafe fn channels<S: Simd, const VECTORS: usize>(
        &self,
        simd: S,
        pixels: (usize, usize),
        tap: usize,
        block: Block,
    ) {
        let depth = self.panels.depth;
        let mut channel = 0;
        // SAFETY: each tile ends at or before the last channel.
        unsafe {
            while S::ROWS == 12 && channel + 12 <= depth {
                self.tile::<S, 12, VECTORS>(simd, pixels, (tap, channel), block);
                channel += 12;
            }
            while S::ROWS >= 6 && channel + 6 <= depth {
                self.tile::<S, 6, VECTORS>(simd, pixels, (tap, channel), block);
                channel += 6;
            }
            while channel + 4 <= depth {
                self.tile::<S, 4, VECTORS>(simd, pixels, (tap, channel), block);
                channel += 4;
            }
            while channel + 2 <= depth {
                self.tile::<S, 2, VECTORS>(simd, pixels, (tap, channel), block);
                channel += 2;
            }
            if channel < depth {
                self.tile::<S, 1, VECTORS>(simd, pixels, (tap, channel), block);
            }
        }
    }

    /// `ROWS` channels from `channel` on by `VECTORS` vectors of columns.
    ///
    /// # Safety
    /// `pixels` are within the geometry, `tap` is one of its taps, `channel + ROWS` is at most the
    /// depth, `block` is one of the panels with `VECTORS` vectors, and the sizes are those that
    /// [`weight_gradient`] checks.
    #[inline(always)]
    unsafe fn tile<S: Simd, const ROWS: usize, const VECTORS: usize>(
        &self,
        simd: S,
        pixels: (usize, usize),
        (tap, channel): (usize, usize),
        block: Block,
    ) {
        let first_row = tap * self.panels.depth + channel;
        let whole = block.valid == VECTORS * S::LANES;
        let mut sums = [[simd.splat(0.0); VECTORS]; ROWS];
        // SAFETY: the block has `taps * depth` rows of VECTORS vectors, of which ROWS start at
        // `first_row`; an input row holds `depth` floats; a gradient holds the valid columns.
        unsafe {
            let base = self.sums.add(block.weights + first_row * VECTORS * S::LANES);
            for row in 0..ROWS {
                for vector in 0..VECTORS {
                    sums[row][vector] = simd.load_at(base.add((row * VECTORS + vector) * S::LANES));
                }
            }
            for pixel in pixels.0..pixels.1 {
                let input = self.geometry.row(pixel, tap).add(channel);
                let from = self.gradient.as_ptr().add(self.geometry.place(pixel) + block.column);
                let mut gradient = [simd.splat(0.0); VECTORS];
                for vector in 0..VECTORS {
                    let first = vector * S::LANES;
                    gradient[vector] = if whole {
                        simd.load_at(from.add(first))
                    } else {
                        simd.load_first(from.add(first), S::LANES.min(block.valid - first))
                    };
                }
                for row in 0..ROWS {
                    let input = simd.splat(*input.add(row));
                    for vector in 0..VECTORS {
                        sums[row][vector] =
                            simd.mul_add(input, gradient[vector], sums[row][vector]);
                    }
                }
            }
            for row in 0..ROWS {
                for vector in 0..VECTORS {
                    simd.store_at(sums[row][vector], base.add((row * VECTORS + vector) * S::LANES));
                }
            }
        }
    }
}
