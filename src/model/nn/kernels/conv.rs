//! Two-dimensional convolution and its transpose on channels-last images.

use super::contraction::{
    Geometry, Indirect, Packed, Panels, Rows, Table, contract, weight_gradient,
};
use super::simd::Isa;
use super::{Activation, parallel};

/// What a convolution reads and how it steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvShape {
    /// Rows and columns of an input image.
    pub input: [usize; 2],
    /// Rows and columns of the kernel.
    pub kernel: [usize; 2],
    /// Input channels.
    pub from: usize,
    /// Output channels.
    pub to: usize,
    /// Pixels from one output pixel to the next.
    pub stride: usize,
    /// Zeros around the image.
    pub padding: usize,
}

impl ConvShape {
    /// Rows and columns of an output image; `None` where the kernel is larger than the image with
    /// its padding, or a size is zero.
    #[must_use]
    pub fn output(&self) -> Option<[usize; 2]> {
        let side = |axis: usize| {
            let room = (self.input[axis] + 2 * self.padding).checked_sub(self.kernel[axis])?;
            Some(room.checked_div(self.stride)? + 1)
        };
        let some = self.from > 0 && self.to > 0 && self.kernel[0] > 0 && self.kernel[1] > 0;
        some.then_some([side(0)?, side(1)?])
    }

    /// The input row or column that output `at` sees under tap `tap` of the kernel.
    fn source(&self, axis: usize, at: usize, tap: usize) -> Option<usize> {
        (at * self.stride + tap).checked_sub(self.padding).filter(|&at| at < self.input[axis])
    }

    /// A linear layer: an image of one pixel.
    #[must_use]
    pub fn linear(from: usize, to: usize) -> Self {
        Self { input: [1, 1], kernel: [1, 1], from, to, stride: 1, padding: 0 }
    }

    /// Whether each pixel sees the one at its place alone, so that images do not matter.
    fn sees_itself(&self) -> bool {
        self.kernel == [1, 1] && self.stride == 1 && self.padding == 0
    }

    /// Where each tap of each output pixel lies.
    ///
    /// # Panics
    /// Where [`output`](Self::output) is `None`.
    pub(crate) fn table(&self) -> Table {
        let [height, width] = self.output().unwrap_or_default();
        assert!(height > 0, "the kernel is larger than the image");
        let [rows, columns] = self.kernel;
        let sizes = [self.input[0] * self.input[1], self.from, self.to, rows * columns];
        Table::new(sizes, 0..height * width, |pixel, tap| {
            let row = self.source(0, pixel / width, tap / columns)?;
            let column = self.source(1, pixel % width, tap % columns)?;
            Some(row * self.input[1] + column)
        })
    }
}

/// A planned convolution.
#[derive(Debug, Clone)]
pub struct Conv2d {
    isa: Isa,
    packed: Packed,
    activation: Activation,
    /// `None` where each pixel sees itself alone.
    table: Option<Table>,
    image: usize,
    pixels: usize,
}

impl Conv2d {
    /// Shapes: `weight[to, from, kernel row, kernel column]`, `bias[to]`.
    ///
    /// # Panics
    /// Where [`ConvShape::output`] is `None` or a length does not fit.
    #[must_use]
    pub fn plan(
        isa: Isa,
        shape: &ConvShape,
        weight: &[f32],
        bias: Option<&[f32]>,
        activation: Activation,
    ) -> Self {
        let taps = shape.kernel[0] * shape.kernel[1];
        let [height, width] = shape.output().unwrap_or_default();
        assert_eq!(weight.len(), shape.to * shape.from * taps, "one weight for each pair and tap");
        let panels = Panels::new(isa, taps, shape.from, shape.to);
        let packed = Packed::new(panels, bias, |tap, from, to| {
            weight[(to * shape.from + from) * taps + tap]
        });
        Self {
            isa,
            packed,
            activation,
            table: (!shape.sees_itself()).then(|| shape.table()),
            image: shape.input[0] * shape.input[1] * shape.from,
            pixels: height * width,
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
        self.pixels * self.packed.panels.columns
    }

    /// `out = activation(convolution + bias + residual)`.
    ///
    /// Shapes: `x[image, row, column, from]`, `residual` and `out[image, row, column, to]`.
    ///
    /// # Panics
    /// Where lengths do not fit.
    pub fn run(&self, x: &[f32], residual: Option<&[f32]>, out: &mut [f32]) {
        let images = x.len() / self.image;
        assert_eq!(x.len(), images * self.image, "whole images");
        assert_eq!(out.len(), images * self.output(), "as many images out as in");
        let columns = self.packed.panels.columns;
        let Some(table) = &self.table else {
            let rows = Rows::dense(x, self.packed.panels.depth, columns);
            self.contract(rows, residual, out);
            return;
        };
        for (image, (x, out)) in
            x.chunks_exact(self.image).zip(out.chunks_exact_mut(self.output())).enumerate()
        {
            let residual = residual.map(|all| &all[image * out.len()..][..out.len()]);
            self.contract(Indirect::new(table, x), residual, out);
        }
    }

    fn contract(&self, geometry: impl Geometry, residual: Option<&[f32]>, out: &mut [f32]) {
        contract(self.isa, &self.packed.with(geometry, residual, self.activation), out);
    }
}

/// A planned transposed convolution: the adjoint of the convolution of `shape`, from its output
/// side to its input side.
///
/// One ordinary convolution per phase: output pixels whose rows and columns leave the same rest
/// when divided by the stride see the same taps, and no others. So nothing is multiplied by zeros
/// put between pixels, and nothing is added up in memory.
#[derive(Debug, Clone)]
pub struct ConvTranspose2d {
    isa: Isa,
    /// Their table is `None` where each pixel sees itself alone; there is one phase then.
    phases: Vec<(Packed, Option<Table>)>,
    activation: Activation,
    image: usize,
    output: usize,
}

impl ConvTranspose2d {
    /// Shapes: `weight[to, from, kernel row, kernel column]`, `bias[from]`, where `from` and `to`
    /// are those of `shape`: the transposed convolution goes from `to` to `from`. That is the order
    /// of `PyTorch`'s `ConvTranspose2d` as well as of the `Conv2d` that it reverses.
    ///
    /// # Panics
    /// Where [`ConvShape::output`] is `None` or a length does not fit.
    #[must_use]
    pub fn plan(
        isa: Isa,
        shape: &ConvShape,
        weight: &[f32],
        bias: Option<&[f32]>,
        activation: Activation,
    ) -> Self {
        let ConvShape { input: [rows, columns], kernel, from, to, stride, padding } = *shape;
        let [height, width] = shape.output().unwrap_or_default();
        let all_taps = kernel[0] * kernel[1];
        assert!(height > 0, "the kernel is larger than the image");
        assert_eq!(weight.len(), to * from * all_taps, "one weight for each pair and tap");
        let source = |at: usize, tap: usize, side: usize| {
            let at = (at + padding).checked_sub(tap)?;
            Some(at / stride).filter(|&source| at % stride == 0 && source < side)
        };
        // Taps that row or column `phase` may see.
        let seen = |phase: usize, axis: usize| {
            (0..kernel[axis]).filter(move |tap| (phase + padding) % stride == tap % stride)
        };
        let mut phases = Vec::new();
        for down in 0..stride.min(rows) {
            for right in 0..stride.min(columns) {
                let taps: Vec<_> = seen(down, 0)
                    .flat_map(|row| seen(right, 1).map(move |column| [row, column]))
                    .collect();
                let panels = Panels::new(isa, taps.len(), to, from);
                let packed = Packed::new(panels, bias, |tap, to, from| {
                    let [row, column] = taps[tap];
                    weight[(to * shape.from + from) * all_taps + row * kernel[1] + column]
                });
                let pixels = (down..rows).step_by(stride).flat_map(|row| {
                    (right..columns).step_by(stride).map(move |column| row * columns + column)
                });
                let sizes = [height * width, to, from, taps.len()];
                let table = (!shape.sees_itself()).then(|| {
                    Table::new(sizes, pixels, |pixel, tap| {
                        let row = source(pixel / columns, taps[tap][0], height)?;
                        let column = source(pixel % columns, taps[tap][1], width)?;
                        Some(row * width + column)
                    })
                });
                phases.push((packed, table));
            }
        }
        Self { isa, phases, activation, image: height * width * to, output: rows * columns * from }
    }

    /// Floats of an input image.
    #[must_use]
    pub fn image(&self) -> usize {
        self.image
    }

    /// Floats of an output image.
    #[must_use]
    pub fn output(&self) -> usize {
        self.output
    }

    /// `out = activation(transposed convolution + bias + residual)`.
    ///
    /// Shapes: `x[image, row, column, to]`, `residual` and `out[image, row, column, from]`.
    ///
    /// # Panics
    /// Where lengths do not fit.
    pub fn run(&self, x: &[f32], residual: Option<&[f32]>, out: &mut [f32]) {
        let images = x.len() / self.image;
        assert_eq!(x.len(), images * self.image, "whole images");
        assert_eq!(out.len(), images * self.output, "as many images out as in");
        for (packed, table) in &self.phases {
            let Some(table) = table else {
                let rows = Rows::dense(x, packed.panels.depth, packed.panels.columns);
                contract(self.isa, &packed.with(rows, residual, self.activation), out);
                continue;
            };
            let images = x.chunks_exact(self.image).zip(out.chunks_exact_mut(self.output));
            for (image, (x, out)) in images.enumerate() {
                let residual = residual.map(|all| &all[image * self.output..][..self.output]);
                let geometry = Indirect::new(table, x);
                contract(self.isa, &packed.with(geometry, residual, self.activation), out);
            }
        }
    }
}

/// Gradient of a convolution's weights, in their order, summed over the images of a batch.
///
/// Shapes: `x[image, row, column, from]`, `gradient[image, row, column, to]` on the output side.
///
/// # Panics
/// Where [`ConvShape::output`] is `None` or a length does not fit.
#[must_use]
pub fn conv2d_weight_gradient(
    isa: Isa,
    threads: usize,
    shape: &ConvShape,
    x: &[f32],
    gradient: &[f32],
) -> Vec<f32> {
    let taps = shape.kernel[0] * shape.kernel[1];
    let panels = Panels::new(isa, taps, shape.from, shape.to);
    if shape.sees_itself() {
        return rows_weight_gradient(isa, threads, panels, x, gradient);
    }
    let table = shape.table();
    let image = shape.input[0] * shape.input[1] * shape.from;
    let output = table.pixels() * shape.to;
    let images = x.len() / image;
    assert!(x.len() == images * image && gradient.len() == images * output, "whole images");
    let cost = output * taps * shape.from;
    let sums = parallel::sum(threads, (images, cost), panels.len(), |images, sums| {
        for n in images {
            let geometry = Indirect::new(&table, &x[n * image..][..image]);
            weight_gradient(isa, panels, geometry, &gradient[n * output..][..output], sums);
        }
    });
    let mut weights = vec![0.0; shape.to * shape.from * taps];
    panels.unpack(&sums, |tap, from, to, sum| weights[(to * shape.from + from) * taps + tap] = sum);
    weights
}

/// Where each row sees itself alone.
fn rows_weight_gradient(
    isa: Isa,
    threads: usize,
    panels: Panels,
    x: &[f32],
    gradient: &[f32],
) -> Vec<f32> {
    let Panels { depth: from, columns: to, .. } = panels;
    let rows = x.len() / from;
    assert!(x.len() == rows * from && gradient.len() == rows * to, "whole rows");
    let sums = parallel::sum(threads, (rows, from * to), panels.len(), |rows, sums| {
        let gradient = &gradient[rows.start * to..rows.end * to];
        let x = Rows::dense(&x[rows.start * from..rows.end * from], from, to);
        weight_gradient(isa, panels, x, gradient, sums);
    });
    let mut weights = vec![0.0; to * from];
    panels.unpack(&sums, |_, from, to, sum| weights[to * panels.depth + from] = sum);
    weights
}
