//! The micro-kernel: some pixels by one or two vectors of columns, all sums kept in registers.

use core::mem::MaybeUninit;

use super::panels::Block;
use super::{Geometry, Panels};
use crate::model::nn::kernels::Activation;
use crate::model::nn::kernels::simd::{Isa, Kernel, Simd, WIDEST, dispatch};

/// Above this many bytes weights leave the second-level cache between tiles, and are better
/// streamed once, block by block, than once per tile.
const LARGE_WEIGHTS: usize = 512 * 1024;

/// What is multiplied with what, and what follows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Contraction<'a, G> {
    pub(crate) panels: Panels,
    /// Packed by `panels`.
    pub(crate) weights: &'a [f32],
    /// One a column, up to the padded columns.
    pub(crate) bias: Option<&'a [f32]>,
    pub(crate) geometry: G,
    /// Added before the activation; laid out as the output.
    pub(crate) residual: Option<&'a [f32]>,
    pub(crate) activation: Activation,
}

/// Computes `out[place(pixel) + column] = activation(sum + bias + residual)`.
pub(crate) fn contract<G: Geometry>(isa: Isa, what: &Contraction<'_, G>, out: &mut [f32]) {
    let Contraction { panels, geometry, .. } = *what;
    if geometry.pixels() == 0 {
        return;
    }
    // The unsafe blocks below lean on these.
    assert_eq!(what.weights.len(), panels.len(), "weights in the order of the panels");
    assert_eq!(panels, Panels::new(isa, panels.taps, panels.depth, panels.columns), "same lanes");
    assert!(geometry.taps().end <= panels.taps, "weights for each tap");
    assert_eq!(geometry.depth(), panels.depth, "weights for each channel");
    assert!(what.bias.is_none_or(|bias| bias.len() == panels.padded_columns()), "padded bias");
    let end = geometry.last_place() + panels.columns;
    assert!(end <= out.len(), "room for each pixel");
    assert!(what.residual.is_none_or(|residual| residual.len() >= end), "a residual for each");
    dispatch(isa, Run { what, out: out.as_mut_ptr() });
}

struct Run<'a, 'b, G> {
    what: &'a Contraction<'b, G>,
    out: *mut f32,
}

impl<G: Geometry> Kernel for Run<'_, '_, G> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let panels = self.what.panels;
        let all = 0..panels.blocks();
        // SAFETY: `contract` has checked all sizes.
        unsafe {
            if size_of_val(self.what.weights) > LARGE_WEIGHTS {
                for block in all {
                    self.pixels(simd, block..block + 1);
                }
            } else {
                self.pixels(simd, all);
            }
        }
    }
}

impl<G: Geometry> Run<'_, '_, G> {
    /// All pixels for some blocks, in the largest tiles that still fit.
    ///
    /// # Safety
    /// As [`tile`](Self::tile).
    #[inline(always)]
    unsafe fn pixels<S: Simd>(&self, simd: S, blocks: core::ops::Range<usize>) {
        let pixels = self.what.geometry.pixels();
        let mut pixel = 0;
        // SAFETY: each tile ends at or before the last pixel.
        unsafe {
            while S::ROWS == 12 && pixel + 12 <= pixels {
                self.tiles::<S, 12>(simd, pixel, blocks.clone());
                pixel += 12;
            }
            while S::ROWS >= 6 && pixel + 6 <= pixels {
                self.tiles::<S, 6>(simd, pixel, blocks.clone());
                pixel += 6;
            }
            while pixel + 4 <= pixels {
                self.tiles::<S, 4>(simd, pixel, blocks.clone());
                pixel += 4;
            }
            while pixel + 2 <= pixels {
                self.tiles::<S, 2>(simd, pixel, blocks.clone());
                pixel += 2;
            }
            if pixel < pixels {
                self.tiles::<S, 1>(simd, pixel, blocks);
            }
        }
    }

    /// # Safety
    /// As [`tile`](Self::tile).
    #[inline(always)]
    unsafe fn tiles<S: Simd, const ROWS: usize>(
        &self,
        simd: S,
        pixel: usize,
        blocks: core::ops::Range<usize>,
    ) {
        for block in blocks {
            let block = self.what.panels.block(block);
            // SAFETY: the caller vouches for the pixels, `blocks` are those of the panels.
            unsafe {
                match (ROWS, block.vectors) {
                    (1, 2) => self.row::<S, 2>(simd, pixel, block),
                    (1, _) => self.row::<S, 1>(simd, pixel, block),
                    (_, 2) => self.tile::<S, ROWS, 2>(simd, pixel, block),
                    _ => self.tile::<S, ROWS, 1>(simd, pixel, block),
                }
            }
        }
    }

    /// `ROWS` pixels by `VECTORS` vectors of columns.
    ///
    /// # Safety
    /// `pixel + ROWS` is at most the geometry's pixels, `block` one of the panels with `VECTORS`
    /// vectors, and the sizes are those that [`contract`] checks.
    #[inline(always)]
    unsafe fn tile<S: Simd, const ROWS: usize, const VECTORS: usize>(
        &self,
        simd: S,
        pixel: usize,
        block: Block,
    ) {
        let Contraction { panels, geometry, .. } = *self.what;
        let mut sums = [self.bias::<S, VECTORS>(simd, block); ROWS];
        // SAFETY: the block's weights are `taps * depth` rows of VECTORS vectors, of which those of
        // the geometry's taps are read; input rows are `depth` floats by the geometry's contract.
        unsafe {
            let skipped = geometry.taps().start * panels.depth * VECTORS * S::LANES;
            let mut weights = self.what.weights.as_ptr().add(block.weights + skipped);
            for tap in geometry.taps() {
                let mut inputs = [core::ptr::null(); ROWS];
                for row in 0..ROWS {
                    inputs[row] = geometry.row(pixel + row, tap);
                }
                for channel in 0..panels.depth {
                    let mut weight = [simd.splat(0.0); VECTORS];
                    for vector in 0..VECTORS {
                        weight[vector] = simd.load_at(weights.add(vector * S::LANES));
                    }
                    weights = weights.add(VECTORS * S::LANES);
                    for row in 0..ROWS {
                        let input = simd.splat(*inputs[row].add(channel));
                        for vector in 0..VECTORS {
                            sums[row][vector] =
                                simd.mul_add(input, weight[vector], sums[row][vector]);
                        }
                    }
                }
            }
            self.finish::<S, ROWS, VECTORS>(simd, sums, pixel, block);
        }
    }

    /// One pixel by `VECTORS` vectors: four partial sums each, so that additions need not wait for
    /// each other.
    ///
    /// # Safety
    /// As [`tile`](Self::tile).
    #[inline(always)]
    unsafe fn row<S: Simd, const VECTORS: usize>(&self, simd: S, pixel: usize, block: Block) {
        const SPLIT: usize = 4;
        let Contraction { panels, geometry, .. } = *self.what;
        let mut sums = [[simd.splat(0.0); VECTORS]; SPLIT];
        sums[0] = self.bias::<S, VECTORS>(simd, block);
        // SAFETY: as in `tile`; `channel + part` stays below the depth.
        unsafe {
            let skipped = geometry.taps().start * panels.depth * VECTORS * S::LANES;
            let mut weights = self.what.weights.as_ptr().add(block.weights + skipped);
            for tap in geometry.taps() {
                let input = geometry.row(pixel, tap);
                let mut channel = 0;
                while channel + SPLIT <= panels.depth {
                    for part in 0..SPLIT {
                        let input = simd.splat(*input.add(channel + part));
                        for vector in 0..VECTORS {
                            let weight = weights.add((part * VECTORS + vector) * S::LANES);
                            sums[part][vector] =
                                simd.mul_add(input, simd.load_at(weight), sums[part][vector]);
                        }
                    }
                    weights = weights.add(SPLIT * VECTORS * S::LANES);
                    channel += SPLIT;
                }
                while channel < panels.depth {
                    let input = simd.splat(*input.add(channel));
                    for vector in 0..VECTORS {
                        let weight = simd.load_at(weights.add(vector * S::LANES));
                        sums[0][vector] = simd.mul_add(input, weight, sums[0][vector]);
                    }
                    weights = weights.add(VECTORS * S::LANES);
                    channel += 1;
                }
            }
            let mut total = [simd.splat(0.0); VECTORS];
            for vector in 0..VECTORS {
                let left = simd.add(sums[0][vector], sums[1][vector]);
                total[vector] = simd.add(left, simd.add(sums[2][vector], sums[3][vector]));
            }
            self.finish::<S, 1, VECTORS>(simd, [total], pixel, block);
        }
    }

    /// The bias of a block's columns, where the sums start.
    #[inline(always)]
    fn bias<S: Simd, const VECTORS: usize>(&self, simd: S, block: Block) -> [S::Floats; VECTORS] {
        let mut bias = [simd.splat(0.0); VECTORS];
        if let Some(from) = self.what.bias {
            for vector in 0..VECTORS {
                bias[vector] = simd.load(&from[block.column + vector * S::LANES..]);
            }
        }
        bias
    }

    /// Residual, activation, and out.
    ///
    /// # Safety
    /// As [`tile`](Self::tile).
    #[inline(always)]
    unsafe fn finish<S: Simd, const ROWS: usize, const VECTORS: usize>(
        &self,
        simd: S,
        sums: [[S::Floats; VECTORS]; ROWS],
        pixel: usize,
        block: Block,
    ) {
        let geometry = self.what.geometry;
        let floor = match self.what.activation {
            Activation::Relu => 0.0,
            _ => f32::NEG_INFINITY,
        };
        let direct = matches!(self.what.activation, Activation::Relu | Activation::None)
            && self.what.residual.is_none()
            && block.valid == VECTORS * S::LANES;
        // SAFETY: all of the block's columns exist from each pixel's place on; `whole` has room for
        // what is put into it and read from it.
        unsafe {
            if direct {
                for row in 0..ROWS {
                    let to = self.out.add(geometry.place(pixel + row) + block.column);
                    for vector in 0..VECTORS {
                        let value = simd.max(simd.splat(floor), sums[row][vector]);
                        simd.store_at(value, to.add(vector * S::LANES));
                    }
                }
                return;
            }
            // By way of memory: a loop over registers that is not unrolled would keep all sums in
            // memory while they are added up, too.
            let mut whole = [[MaybeUninit::<[f32; WIDEST]>::uninit(); VECTORS]; ROWS];
            for row in 0..ROWS {
                for vector in 0..VECTORS {
                    simd.store_at(sums[row][vector], whole[row][vector].as_mut_ptr().cast());
                }
            }
            for row in 0..ROWS {
                let place = geometry.place(pixel + row) + block.column;
                for vector in 0..VECTORS {
                    let sum = simd.load_at(whole[row][vector].as_ptr().cast());
                    let first = vector * S::LANES;
                    let count = S::LANES.min(block.valid - first);
                    self.finish_vector(simd, sum, place + first, count);
                }
            }
        }
    }

    /// Residual, activation and out for `count` columns from `place` on.
    ///
    /// # Safety
    /// Output, and residual if there is one, hold `count` floats from `place` on, at most a vector.
    #[inline(always)]
    unsafe fn finish_vector<S: Simd>(
        &self,
        simd: S,
        mut sum: S::Floats,
        place: usize,
        count: usize,
    ) {
        // SAFETY: by contract.
        unsafe {
            if let Some(residual) = self.what.residual {
                let from = residual.as_ptr().add(place);
                let whole = count == S::LANES;
                let more = if whole { simd.load_at(from) } else { simd.load_first(from, count) };
                sum = simd.add(sum, more);
            }
            let value = self.what.activation.of(simd, sum);
            if count == S::LANES {
                simd.store_at(value, self.out.add(place));
            } else {
                simd.store_first(value, self.out.add(place), count);
            }
        }
    }
}
