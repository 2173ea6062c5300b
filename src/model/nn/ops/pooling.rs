//! Maxima and means as nodes of the graph.

use candle_core::{Device, Result, Shape, Tensor, bail};

use super::operator::{Known, Operator, apply1, with_floats};
use super::threads;
use crate::model::nn::kernels::{
    Isa, MaxPool, Reduce, coarser_counts as coarser, each_item, reduce,
};

pub(super) fn max_pool2d(x: &Tensor, size: usize) -> Result<Tensor> {
    let (images, height, width, channels) = x.dims4()?;
    if size == 0 {
        bail!("pools of 0 x 0 pixels");
    }
    let pool = MaxPool::plan_2d(Isa::best(), [height, width, channels], size);
    let output = Shape::from((images, height / size, width / size, channels));
    apply1(x, Largest { pool, output })
}

pub(super) fn max_pool_time(x: &Tensor, size: usize) -> Result<Tensor> {
    let (clips, frames, height, width, channels) = x.dims5()?;
    if size == 0 {
        bail!("pools of 0 frames");
    }
    let pool = MaxPool::plan_time(Isa::best(), [frames, height * width * channels], size);
    let output = Shape::from((clips, frames / size, height, width, channels));
    apply1(x, Largest { pool, output })
}

/// No node of the graph: nothing is learnt through counts.
pub(super) fn coarser_counts(x: &Tensor, full: f32) -> Result<Tensor> {
    let (images, height, width, channels) = x.dims4()?;
    let shape = (images, height / 2, width / 2, channels);
    let mut out = vec![0.0; Shape::from(shape).elem_count()];
    with_floats(&x.contiguous()?, |x| coarser([height, width, channels], full, x, &mut out))?;
    Tensor::from_vec(out, shape, &Device::Cpu)
}

struct Largest {
    pool: MaxPool,
    output: Shape,
}

impl Operator<1> for Largest {
    const NAME: &'static str = "max-pool";

    fn shape(&self) -> Shape {
        self.output.clone()
    }

    fn forward(&self, [x]: [&[f32]; 1], output: &mut [f32]) {
        let (input, len) = (self.pool.input(), self.pool.output());
        each_item(threads(), input, (output, len), |first, out| {
            let items = out.len().checked_div(len).unwrap_or(0);
            self.pool.run(&x[first * input..(first + items) * input], out);
        });
    }

    fn backward(&self, known: &Known<'_, 1>) -> [Option<Vec<f32>>; 1] {
        let [x] = known.inputs;
        let mut of_x = vec![0.0; x.len()];
        let (input, len) = (self.pool.input(), self.pool.output());
        each_item(threads(), input, (&mut of_x, input), |first, out| {
            let items = out.len().checked_div(input).unwrap_or(0);
            let (from, to) = (first * input..(first + items) * input, first * len..);
            let (largest, gradient) = (&known.output[to.clone()], &known.gradient[to]);
            let (largest, gradient) = (&largest[..items * len], &gradient[..items * len]);
            self.pool.gradient(&x[from], largest, gradient, out);
        });
        [Some(of_x)]
    }
}

pub(super) fn mean_pool2d(x: &Tensor, size: usize) -> Result<Tensor> {
    let (images, height, width, channels) = x.dims4()?;
    let whole = size > 0 && height.is_multiple_of(size) && width.is_multiple_of(size);
    if !whole || height * width * channels == 0 {
        bail!("means of squares of {size} x {size} of {:?}", x.dims());
    }
    let output = Shape::from((images, height / size, width / size, channels));
    apply1(x, Mean { window: [size, size], width, channels, output })
}

pub(super) fn mean_pixels(x: &Tensor) -> Result<Tensor> {
    let (images, height, width, channels) = x.dims4()?;
    if height * width * channels == 0 {
        bail!("the mean of an image of {height} x {width} with {channels} channels");
    }
    let output = Shape::from((images, channels));
    apply1(x, Mean { window: [height, width], width, channels, output })
}

/// Means over windows that do not overlap and leave nothing out.
struct Mean {
    /// Rows and columns of a window.
    window: [usize; 2],
    /// Pixels of an image's row.
    width: usize,
    channels: usize,
    output: Shape,
}

impl Mean {
    /// Floats that a row of windows takes in, and those that it gives.
    fn lengths(&self) -> [usize; 2] {
        let [rows, columns] = self.window;
        [rows * self.width * self.channels, self.width / columns * self.channels]
    }
}

impl Operator<1> for Mean {
    const NAME: &'static str = "mean-pool";

    fn shape(&self) -> Shape {
        self.output.clone()
    }

    fn forward(&self, [x]: [&[f32]; 1], output: &mut [f32]) {
        let ([rows, columns], [from, to]) = (self.window, self.lengths());
        each_item(threads(), from, (output, to), |first, out| {
            if out.is_empty() {
                return;
            }
            let (isa, down) = (Isa::best(), out.len() / to);
            let mut across = vec![0.0; rows * out.len()];
            let sizes = [across.len() / self.channels, columns, self.channels];
            reduce(isa, Reduce::Mean, sizes, &x[first * from..][..down * from], &mut across);
            reduce(isa, Reduce::Mean, [down, rows, to], &across, out);
        });
    }

    fn backward(&self, known: &Known<'_, 1>) -> [Option<Vec<f32>>; 1] {
        let ([rows, columns], [from, to]) = (self.window, self.lengths());
        #[expect(clippy::cast_precision_loss, reason = "a window has far less than 2^24 pixels")]
        let share = ((rows * columns) as f32).recip();
        let mut of_x = vec![0.0; known.inputs[0].len()];
        each_item(threads(), from, (&mut of_x, from), |first, out| {
            let gradient = known.gradient[first * to..].chunks_exact(to);
            for (out, gradient) in out.chunks_exact_mut(from).zip(gradient) {
                // One row of pixels, then the others like it.
                let (row, others) = out.split_at_mut(from / rows);
                let windows = row.chunks_exact_mut(columns * self.channels);
                for (window, gradient) in windows.zip(gradient.chunks_exact(self.channels)) {
                    for pixel in window.chunks_exact_mut(self.channels) {
                        pixel.iter_mut().zip(gradient).for_each(|(out, g)| *out = g * share);
                    }
                }
                others.chunks_exact_mut(row.len()).for_each(|other| other.copy_from_slice(row));
            }
        });
        [Some(of_x)]
    }
}
