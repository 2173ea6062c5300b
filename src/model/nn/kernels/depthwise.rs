//! Convolution of each channel with its own kernel.

use core::mem::MaybeUninit;

use super::contraction::{Geometry, Indirect, Table};
use super::simd::{Isa, Kernel, Simd, dispatch};
use super::{Activation, ConvShape, parallel};

/// Most taps of a kernel: 8 x 8.
pub const MAX_TAPS: usize = 64;
/// Output pixels computed together, so that a weight is loaded once for all of them.
const TILE: usize = 4;

/// A planned depthwise convolution.
#[derive(Debug, Clone)]
pub struct Depthwise {
    isa: Isa,
    channels: usize,
    taps: usize,
    table: Table,
    /// `[tap, channel]`
    weights: Vec<f32>,
    bias: Vec<f32>,
    activation: Activation,
    image: usize,
}

impl Depthwise {
    /// Shapes: `weight[channel, kernel row, kernel column]`, `bias[channel]`; `from` and `to` of
    /// `shape` are the number of channels.
    ///
    /// # Panics
    /// Where [`ConvShape::output`] is `None`, a length does not fit, or there are more than
    /// [`MAX_TAPS`].
    #[must_use]
    pub fn plan(
        isa: Isa,
        shape: &ConvShape,
        weight: &[f32],
        bias: Option<&[f32]>,
        activation: Activation,
    ) -> Self {
        let taps = shape.kernel[0] * shape.kernel[1];
        let channels = shape.from;
        assert!(taps <= MAX_TAPS, "a kernel of at most 64 taps");
        assert!(shape.to == channels, "as many channels out as in");
        assert_eq!(weight.len(), channels * taps, "one weight for each channel and tap");
        let bias = bias.map_or_else(|| vec![0.0; channels], <[f32]>::to_vec);
        assert_eq!(bias.len(), channels, "one bias for each channel");
        Self {
            isa,
            channels,
            taps,
            table: shape.table(),
            weights: transposed(weight, [channels, taps]),
            bias,
            activation,
            image: shape.input[0] * shape.input[1] * channels,
        }
    }

    /// Floats of an input image.
    #[must_use]
    pub fn image(&self) -> usize {
        self.image
    }

    /// Floats of an output image.
    #[must_use]
    pub fn output(&self) -> usize {
        self.table.pixels() * self.channels
    }

    /// `out = activation(convolution + bias)`.
    ///
    /// Shapes: `x[image, row, column, channel]` in, the same axes out.
    ///
    /// # Panics
    /// Where lengths do not fit.
    pub fn run(&self, x: &[f32], out: &mut [f32]) {
        let images = x.len() / self.image;
        assert_eq!(x.len(), images * self.image, "whole images");
        assert_eq!(out.len(), images * self.output(), "as many images out as in");
        for (x, out) in x.chunks_exact(self.image).zip(out.chunks_exact_mut(self.output())) {
            let geometry = Indirect::new(&self.table, x);
            dispatch(self.isa, Run { plan: self, geometry, out: out.as_mut_ptr() });
        }
    }

    /// Gradient of the input of a batch.
    ///
    /// Shapes: `gradient` as the output of [`run`](Self::run), the result as its input.
    ///
    /// # Panics
    /// Where lengths do not fit.
    #[must_use]
    pub fn input_gradient(&self, threads: usize, gradient: &[f32]) -> Vec<f32> {
        let images = gradient.len() / self.output();
        assert_eq!(gradient.len(), images * self.output(), "whole images");
        let mut out = vec![0.0; images * self.image];
        let cost = self.output() * self.taps;
        parallel::each_item(threads, cost, (&mut out, self.image), |first, out| {
            let gradient = &gradient[first * self.output()..];
            dispatch(self.isa, InputGradient { plan: self, gradient, out });
        });
        out
    }

    /// Gradient of the weights, in their order, summed over a batch.
    ///
    /// # Panics
    /// Where lengths do not fit.
    #[must_use]
    pub fn weight_gradient(&self, threads: usize, x: &[f32], gradient: &[f32]) -> Vec<f32> {
        let (image, output) = (self.image, self.output());
        let images = x.len() / image;
        assert!(x.len() == images * image && gradient.len() == images * output, "whole images");
        let sizes = (images, output * self.taps);
        let sums = parallel::sum(threads, sizes, self.taps * self.channels, |images, sums| {
            let x = &x[images.start * image..images.end * image];
            let gradient = &gradient[images.start * output..];
            dispatch(self.isa, WeightGradient { plan: self, x, gradient, sums });
        });
        transposed(&sums, [self.taps, self.channels])
    }
}

/// `x[row, column]` as `[column, row]`.
fn transposed(x: &[f32], [rows, columns]: [usize; 2]) -> Vec<f32> {
    (0..rows * columns).map(|at| x[at % rows * columns + at / rows]).collect()
}

struct Run<'a> {
    plan: &'a Depthwise,
    geometry: Indirect<'a>,
    out: *mut f32,
}

impl Kernel for Run<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let pixels = self.geometry.pixels();
        let mut pixel = 0;
        while pixel + TILE <= pixels {
            // SAFETY: the tile ends at or before the last pixel; `run` has checked the lengths.
            unsafe { self.tile::<S, TILE>(simd, pixel) };
            pixel += TILE;
        }
        while pixel < pixels {
            // SAFETY: as above.
            unsafe { self.tile::<S, 1>(simd, pixel) };
            pixel += 1;
        }
    }
}

impl Run<'_> {
    /// All channels of `PIXELS` pixels.
    ///
    /// # Safety
    /// `pixel + PIXELS` is at most the geometry's pixels, and there is room for all of them.
    #[inline(always)]
    unsafe fn tile<S: Simd, const PIXELS: usize>(&self, simd: S, pixel: usize) {
        let Depthwise { channels, taps, .. } = *self.plan;
        let mut inputs = [MaybeUninit::<[*const f32; PIXELS]>::uninit(); MAX_TAPS];
        for tap in 0..taps {
            let mut rows = [core::ptr::null(); PIXELS];
            for at in 0..PIXELS {
                rows[at] = self.geometry.row(pixel + at, tap);
            }
            inputs[tap].write(rows);
        }
        let mut channel = 0;
        while channel < channels {
            let count = S::LANES.min(channels - channel);
            let mut sums = [simd.load(&self.plan.bias[channel..channel + count]); PIXELS];
            for tap in 0..taps {
                let at = tap * channels + channel;
                let weight = simd.load(&self.plan.weights[at..at + count]);
                // SAFETY: the first `taps` were written above; each row holds all channels.
                unsafe {
                    let rows = inputs[tap].assume_init_ref();
                    for at in 0..PIXELS {
                        let from = rows[at].add(channel);
                        let input = if count == S::LANES {
                            simd.load_at(from)
                        } else {
                            simd.load_first(from, count)
                        };
                        sums[at] = simd.mul_add(input, weight, sums[at]);
                    }
                }
            }
            for at in 0..PIXELS {
                let value = self.plan.activation.of(simd, sums[at]);
                // SAFETY: each place has room for all channels, of which `count` start here.
                unsafe {
                    let to = self.out.add(self.geometry.place(pixel + at) + channel);
                    if count == S::LANES {
                        simd.store_at(value, to);
                    } else {
                        simd.store_first(value, to, count);
                    }
                }
            }
            channel += S::LANES;
        }
    }
}

struct InputGradient<'a> {
    plan: &'a Depthwise,
    gradient: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for InputGradient<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Depthwise { channels, taps, image, .. } = *self.plan;
        let images = self.out.chunks_exact_mut(image);
        for (out, gradient) in images.zip(self.gradient.chunks_exact(self.plan.output())) {
            for (pixel, gradient) in gradient.chunks_exact(channels).enumerate() {
                for tap in 0..taps {
                    let Some(at) = self.plan.table.offset(pixel, tap) else { continue };
                    let weight = &self.plan.weights[tap * channels..][..channels];
                    add_product(simd, &mut out[at..at + channels], gradient, weight);
                }
            }
        }
    }
}

struct WeightGradient<'a> {
    plan: &'a Depthwise,
    x: &'a [f32],
    gradient: &'a [f32],
    sums: &'a mut [f32],
}

impl Kernel for WeightGradient<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Depthwise { channels, taps, image, .. } = *self.plan;
        let images = self.x.chunks_exact(image);
        for (x, gradient) in images.zip(self.gradient.chunks_exact(self.plan.output())) {
            for (pixel, gradient) in gradient.chunks_exact(channels).enumerate() {
                for tap in 0..taps {
                    let Some(at) = self.plan.table.offset(pixel, tap) else { continue };
                    let sums = &mut self.sums[tap * channels..][..channels];
                    add_product(simd, sums, gradient, &x[at..at + channels]);
                }
            }
        }
    }
}

/// `out += a * b`
#[inline(always)]
fn add_product<S: Simd>(simd: S, out: &mut [f32], a: &[f32], b: &[f32]) {
    let inputs = a.chunks(S::LANES).zip(b.chunks(S::LANES));
    for (out, (a, b)) in out.chunks_mut(S::LANES).zip(inputs) {
        simd.store(simd.mul_add(simd.load(a), simd.load(b), simd.load(out)), out);
    }
}
