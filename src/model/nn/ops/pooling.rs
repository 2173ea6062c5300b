//! Maxima and means as nodes of the graph.

use candle_core::{Device, Result, Shape, Tensor, bail};

use super::operator::{Known, Operator, apply1, with_floats};
use super::threads;
use crate::model::nn::kernels::{
    Isa, MaxPool, MeanPool, Term, coarser_counts as coarser, column_sums, each_item,
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
    let pool = MeanPool::plan(Isa::best(), [width, channels], size);
    let output = Shape::from((images, height / size, width / size, channels));
    apply1(x, MeanSquares { pool, output })
}

struct MeanSquares {
    pool: MeanPool,
    output: Shape,
}

impl Operator<1> for MeanSquares {
    const NAME: &'static str = "mean-pool";

    fn shape(&self) -> Shape {
        self.output.clone()
    }

    fn forward(&self, [x]: [&[f32]; 1], output: &mut [f32]) {
        let [from, to] = self.pool.rows();
        each_item(threads(), from, (output, to), |first, out| {
            self.pool.run(&x[first * from..][..out.len() / to * from], out);
        });
    }

    fn backward(&self, known: &Known<'_, 1>) -> [Option<Vec<f32>>; 1] {
        let [from, to] = self.pool.rows();
        let mut of_x = vec![0.0; known.inputs[0].len()];
        each_item(threads(), from, (&mut of_x, from), |first, out| {
            self.pool.gradient(&known.gradient[first * to..][..out.len() / from * to], out);
        });
        [Some(of_x)]
    }
}

pub(super) fn mean_pixels(x: &Tensor) -> Result<Tensor> {
    let (images, height, width, channels) = x.dims4()?;
    if height * width * channels == 0 {
        bail!("the mean of an image of {height} x {width} with {channels} channels");
    }
    apply1(x, Mean { images, pixels: height * width, channels })
}

struct Mean {
    images: usize,
    pixels: usize,
    channels: usize,
}

impl Mean {
    #[expect(clippy::cast_precision_loss, reason = "an image has far less than 2^24 pixels")]
    fn share(&self) -> f32 {
        (self.pixels as f32).recip()
    }
}

impl Operator<1> for Mean {
    const NAME: &'static str = "mean-pixels";

    fn shape(&self) -> Shape {
        Shape::from((self.images, self.channels))
    }

    fn forward(&self, [x]: [&[f32]; 1], output: &mut [f32]) {
        let (channels, image) = (self.channels, self.pixels * self.channels);
        for (x, out) in x.chunks_exact(image).zip(output.chunks_exact_mut(channels)) {
            let sums = column_sums(Isa::best(), 1, (x, channels), Term::Itself);
            for (out, sum) in out.iter_mut().zip(sums) {
                *out = sum * self.share();
            }
        }
    }

    fn backward(&self, known: &Known<'_, 1>) -> [Option<Vec<f32>>; 1] {
        let share = self.share();
        let rows = known.gradient.chunks_exact(self.channels);
        let scaled = rows.map(|row| row.iter().map(|g| g * share).collect::<Vec<_>>());
        [Some(scaled.flat_map(|row| row.repeat(self.pixels)).collect())]
    }
}
