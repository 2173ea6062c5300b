//! Adds nodes, checks their shapes, and finds a place for each result.

use std::ops::Range;

use candle_core::Tensor;

use super::arena::{Buffer, LINE, places};
use super::work::Work;
use super::{Error, Program, Step};
use crate::model::nn::kernels::{
    Activation, Attention, Broadcast, Combine, Conv2d, ConvShape, ConvTranspose2d, Depthwise, Isa,
    MAX_TAPS, MaxPool, Reduce, SoftSpike, TemporalConv, TemporalShape,
};
use crate::model::nn::ops::{Conv, ConvTransposed};

/// A result of a program that is being built; of use with the builder it came from alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value(usize);

/// What follows a convolution or linear layer: `activation(sum + residual)`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct After {
    /// Added first; of the shape of the output.
    pub residual: Option<Value>,
    /// Applied then.
    pub activation: Activation,
}

impl After {
    /// An activation alone.
    #[must_use]
    pub fn then(activation: Activation) -> Self {
        Self { residual: None, activation }
    }

    /// A residual alone.
    #[must_use]
    pub fn plus(residual: Value) -> Self {
        Self { residual: Some(residual), activation: Activation::None }
    }
}

/// Takes the nodes of a network, in any order in which each comes after its inputs.
#[derive(Debug, Default)]
pub struct Builder {
    /// Shape of each value, and the node that computes it.
    values: Vec<(Vec<usize>, usize)>,
    nodes: Vec<Node>,
}

#[derive(Debug)]
struct Node {
    /// `None`: an input.
    work: Option<Work>,
    /// Nodes whose results it reads.
    reads: Vec<usize>,
    /// Floats of its result.
    len: usize,
}

impl Builder {
    /// An input of the program, of a shape that has its batch axis.
    ///
    /// # Errors
    /// When an axis is of size zero.
    pub fn input(&mut self, shape: &[usize]) -> Result<Value, Error> {
        if shape.contains(&0) {
            return Err(wrong("an input", &[shape], "an axis of size zero"));
        }
        Ok(self.push(None, &[], shape.to_vec()))
    }

    /// Shape of a value.
    #[must_use]
    pub fn shape(&self, value: Value) -> &[usize] {
        &self.values[value.0].0
    }

    /// The same numbers under another shape. Costs nothing.
    ///
    /// # Errors
    /// When there are not as many.
    pub fn reshape(&mut self, x: Value, shape: &[usize]) -> Result<Value, Error> {
        let (old, node) = &self.values[x.0];
        if old.iter().product::<usize>() != shape.iter().product::<usize>() {
            return Err(wrong("a reshape", &[old, shape], "not as many numbers"));
        }
        let node = *node;
        self.values.push((shape.to_vec(), node));
        Ok(Value(self.values.len() - 1))
    }

    /// As [`ops::conv2d`](super::super::ops::conv2d), then `after`.
    ///
    /// # Errors
    /// When shapes do not fit, or a weight is not 32-bit floats.
    pub fn conv2d(
        &mut self,
        x: Value,
        weight: &Tensor,
        bias: Option<&Tensor>,
        conv: Conv,
        after: After,
    ) -> Result<Value, Error> {
        const NODE: &str = "a convolution";
        let refuse = |why| Err(wrong(NODE, &[self.shape(x), weight.dims()], why));
        let (&[images, height, width, from], &[to, per, down, right]) =
            (self.shape(x), weight.dims())
        else {
            return refuse("four axes each");
        };
        let Conv { stride, padding, groups } = conv;
        let shape =
            ConvShape { input: [height, width], kernel: [down, right], from, to, stride, padding };
        let Some([rows, columns]) = shape.output() else {
            return refuse("the kernel does not fit the image");
        };
        let output = vec![images, rows, columns, to];
        let (weights, bias) = (floats(weight)?, bias_floats(NODE, bias, to)?);
        if groups == 1 {
            if per != from {
                return refuse("weights for other channels");
            }
            let bias = bias.as_deref();
            let plan = Conv2d::plan(Isa::best(), &shape, &weights, bias, after.activation);
            return self.push_after(NODE, Work::Conv(plan), x, output, after);
        }
        if groups != from || to != from || per != 1 || down * right > MAX_TAPS {
            return refuse("groups must be 1 or the channels, and the kernel at most 8 x 8");
        }
        // A depthwise kernel has no residual of its own.
        let now = if after.residual.is_some() { Activation::None } else { after.activation };
        let plan = Depthwise::plan(Isa::best(), &shape, &weights, bias.as_deref(), now);
        let y = self.push(Some(Work::Depthwise(plan)), &[x], output);
        match after.residual {
            None => Ok(y),
            Some(residual) => {
                let sum = self.combine(Combine::Add, y, residual)?;
                Ok(self.activation(sum, after.activation))
            }
        }
    }

    /// As [`ops::conv_transpose2d`](super::super::ops::conv_transpose2d), then `after`.
    ///
    /// # Errors
    /// When shapes do not fit, or a weight is not 32-bit floats.
    pub fn conv_transpose2d(
        &mut self,
        x: Value,
        weight: &Tensor,
        bias: Option<&Tensor>,
        conv: ConvTransposed,
        after: After,
    ) -> Result<Value, Error> {
        const NODE: &str = "a transposed convolution";
        let refuse = |why| Err(wrong(NODE, &[self.shape(x), weight.dims()], why));
        let (&[images, height, width, from], &[weight_from, to, down, right]) =
            (self.shape(x), weight.dims())
        else {
            return refuse("four axes each");
        };
        if weight_from != from {
            return refuse("weights for other channels");
        }
        let ConvTransposed { stride, padding, output_padding } = conv;
        let side = |side: usize, kernel: usize| {
            ((side - 1) * stride + kernel + output_padding).saturating_sub(2 * padding)
        };
        let input = [side(height, down), side(width, right)];
        let shape = ConvShape { input, kernel: [down, right], from: to, to: from, stride, padding };
        if shape.output() != Some([height, width]) {
            return refuse("paddings do not fit the stride");
        }
        let (weights, bias) = (floats(weight)?, bias_floats(NODE, bias, to)?);
        let bias = bias.as_deref();
        let plan = ConvTranspose2d::plan(Isa::best(), &shape, &weights, bias, after.activation);
        let output = vec![images, input[0], input[1], to];
        self.push_after(NODE, Work::Transposed(plan), x, output, after)
    }

    /// As [`ops::temporal_conv`](super::super::ops::temporal_conv), then `after`.
    ///
    /// # Errors
    /// When shapes do not fit, or a weight is not 32-bit floats.
    pub fn temporal_conv(
        &mut self,
        x: Value,
        weight: &Tensor,
        bias: Option<&Tensor>,
        after: After,
    ) -> Result<Value, Error> {
        const NODE: &str = "a convolution over time";
        let refuse = |why| Err(wrong(NODE, &[self.shape(x), weight.dims()], why));
        let (&[clips, frames, height, width, from], &[to, weight_from, taps]) =
            (self.shape(x), weight.dims())
        else {
            return refuse("clips of five axes, weights of three");
        };
        if weight_from != from || to == 0 || taps.is_multiple_of(2) {
            return refuse("weights for other channels, or an even number of frames");
        }
        let shape = TemporalShape { frames, pixels: height * width, from, to, taps };
        let (weights, bias) = (floats(weight)?, bias_floats(NODE, bias, to)?);
        let bias = bias.as_deref();
        let plan = TemporalConv::plan(Isa::best(), &shape, &weights, bias, after.activation);
        let output = vec![clips, frames, height, width, to];
        self.push_after(NODE, Work::OverTime(plan), x, output, after)
    }

    /// As [`ops::linear`](super::super::ops::linear), then `after`.
    ///
    /// # Errors
    /// When shapes do not fit, or a weight is not 32-bit floats.
    pub fn linear(
        &mut self,
        x: Value,
        weight: &Tensor,
        bias: Option<&Tensor>,
        after: After,
    ) -> Result<Value, Error> {
        const NODE: &str = "a linear layer";
        let refuse = |why| Err(wrong(NODE, &[self.shape(x), weight.dims()], why));
        let &[to, from] = weight.dims() else { return refuse("weights of two axes") };
        let mut output = self.shape(x).to_vec();
        match output.last_mut() {
            Some(last) if *last == from && to > 0 => *last = to,
            _ => return refuse("weights for other channels"),
        }
        let (weights, bias) = (floats(weight)?, bias_floats(NODE, bias, to)?);
        let (shape, bias) = (ConvShape::linear(from, to), bias.as_deref());
        let plan = Conv2d::plan(Isa::best(), &shape, &weights, bias, after.activation);
        self.push_after(NODE, Work::Conv(plan), x, output, after)
    }

    /// As [`ops::max_pool2d`](super::super::ops::max_pool2d).
    ///
    /// # Errors
    /// When there are not four axes, or an image is smaller than `size`.
    pub fn max_pool2d(&mut self, x: Value, size: usize) -> Result<Value, Error> {
        match *self.shape(x) {
            [images, height, width, channels] if (1..=height.min(width)).contains(&size) => {
                let pool = MaxPool::plan_2d(Isa::best(), [height, width, channels], size);
                let output = vec![images, height / size, width / size, channels];
                Ok(self.push(Some(Work::Pool(pool)), &[x], output))
            }
            _ => Err(wrong("a pool", &[self.shape(x)], "four axes, and images as large as it")),
        }
    }

    /// As [`ops::coarser_counts`](super::super::ops::coarser_counts).
    ///
    /// # Errors
    /// When there are not four axes, or an image has no two rows and columns.
    pub fn coarser_counts(&mut self, x: Value, full: f32) -> Result<Value, Error> {
        match *self.shape(x) {
            [images, height, width, channels] if height.min(width) >= 2 => {
                let work = Work::Coarser { image: [height, width, channels], full };
                Ok(self.push(Some(work), &[x], vec![images, height / 2, width / 2, channels]))
            }
            _ => Err(wrong("coarser counts", &[self.shape(x)], "four axes, and 2 x 2 pixels")),
        }
    }

    /// As [`ops::max_pool_time`](super::super::ops::max_pool_time).
    ///
    /// # Errors
    /// When there are not five axes, or a clip is shorter than `size`.
    pub fn max_pool_time(&mut self, x: Value, size: usize) -> Result<Value, Error> {
        match *self.shape(x) {
            [clips, frames, height, width, channels] if (1..=frames).contains(&size) => {
                let pool =
                    MaxPool::plan_time(Isa::best(), [frames, height * width * channels], size);
                let output = vec![clips, frames / size, height, width, channels];
                Ok(self.push(Some(Work::Pool(pool)), &[x], output))
            }
            _ => Err(wrong("a pool over time", &[self.shape(x)], "five axes, and enough frames")),
        }
    }

    /// Mean over neighbouring axes, which are gone then; `1..3` are the pixels of an image.
    ///
    /// # Errors
    /// When the axes do not exist.
    pub fn mean(&mut self, x: Value, axes: Range<usize>) -> Result<Value, Error> {
        self.reduce(Reduce::Mean, x, axes)
    }

    /// The largest number over neighbouring axes, which are gone then.
    ///
    /// # Errors
    /// When the axes do not exist.
    pub fn max(&mut self, x: Value, axes: Range<usize>) -> Result<Value, Error> {
        self.reduce(Reduce::Max, x, axes)
    }

    fn reduce(&mut self, how: Reduce, x: Value, axes: Range<usize>) -> Result<Value, Error> {
        let shape = self.shape(x);
        if axes.is_empty() || axes.end > shape.len() {
            return Err(wrong("a reduction", &[shape, &[axes.start, axes.end]], "no such axes"));
        }
        let outer = &shape[..axes.start];
        let inner = &shape[axes.end..];
        let size = |axes: &[usize]| axes.iter().product();
        let sizes = [size(outer), size(&shape[axes.clone()]), size(inner)];
        let output = [outer, inner].concat();
        Ok(self.push(Some(Work::Reduce { how, sizes }), &[x], output))
    }

    /// As [`ops::layer_norm`](super::super::ops::layer_norm).
    ///
    /// # Errors
    /// When shapes do not fit, or a weight is not 32-bit floats.
    pub fn layer_norm(
        &mut self,
        x: Value,
        gamma: &Tensor,
        beta: &Tensor,
        eps: f32,
    ) -> Result<Value, Error> {
        let shape = self.shape(x).to_vec();
        let last = shape.last().copied().into_iter().collect::<Vec<_>>();
        if gamma.dims() != last || beta.dims() != last {
            let got = [&shape[..], gamma.dims(), beta.dims()];
            return Err(wrong("a layer norm", &got, "one parameter for each channel"));
        }
        let (gamma, beta) = (floats(gamma)?, floats(beta)?);
        Ok(self.push(Some(Work::LayerNorm { gamma, beta, eps }), &[x], shape))
    }

    /// Attention of tokens to each other, as [`ops::attention`](super::super::ops::attention), for
    /// queries, keys and values side by side.
    ///
    /// Shapes: `qkv[batch, token, 3 heads dim]` in, ordered query, key, value, then head, then
    /// number; `[batch, token, heads dim]` out.
    ///
    /// # Errors
    /// When the shape does not fit.
    pub fn attention(&mut self, qkv: Value, heads: usize) -> Result<Value, Error> {
        let &[batch, tokens, width] = self.shape(qkv) else {
            return Err(wrong("attention", &[self.shape(qkv)], "three axes"));
        };
        if heads == 0 || !width.is_multiple_of(3 * heads) {
            return Err(wrong("attention", &[self.shape(qkv), &[heads]], "3 x heads x numbers"));
        }
        let dim = width / 3 / heads;
        let head = Attention::plan(Isa::best(), tokens, dim);
        let output = vec![batch, tokens, heads * dim];
        Ok(self.push(Some(Work::Heads { head, heads, tokens, dim }), &[qkv], output))
    }

    /// As [`ops::soft_spike`](super::super::ops::soft_spike).
    ///
    /// # Errors
    /// When shapes do not fit, or a weight is not 32-bit floats.
    pub fn soft_spike(&mut self, x: Value, decay: &Tensor, bias: &Tensor) -> Result<Value, Error> {
        let shape = self.shape(x).to_vec();
        let &[_, frames, height, width, channels] = &shape[..] else {
            return Err(wrong("soft spikes", &[&shape], "five axes"));
        };
        if decay.dims() != [channels] || bias.dims() != [channels] {
            let got = [&shape[..], decay.dims(), bias.dims()];
            return Err(wrong("soft spikes", &got, "one parameter for each channel"));
        }
        let clip = [frames, height * width];
        let neurons = SoftSpike::plan(Isa::best(), clip, &floats(decay)?, &floats(bias)?);
        let clip = frames * height * width * channels;
        Ok(self.push(Some(Work::Spike { neurons, clip }), &[x], shape))
    }

    /// A function of each number. Name it in [`After`] where you can.
    pub fn activation(&mut self, x: Value, activation: Activation) -> Value {
        if activation == Activation::None {
            return x;
        }
        let shape = self.shape(x).to_vec();
        self.push(Some(Work::Activate(activation)), &[x], shape)
    }

    /// `a` with `b`, number by number; an axis of `b` may be of size one and then counts for the
    /// whole axis of `a`.
    ///
    /// # Errors
    /// When another axis differs.
    pub fn combine(&mut self, how: Combine, a: Value, b: Value) -> Result<Value, Error> {
        let (of_a, of_b) = (self.shape(a).to_vec(), self.shape(b));
        match Broadcast::plan(Isa::best(), how, &of_a, of_b) {
            Some(plan) => Ok(self.push(Some(Work::Combine(plan)), &[a, b], of_a)),
            None => Err(wrong("a combination", &[&of_a, of_b], "axes of other sizes than 1")),
        }
    }

    /// `a + b`, as [`combine`](Self::combine).
    ///
    /// # Errors
    /// As there.
    pub fn add(&mut self, a: Value, b: Value) -> Result<Value, Error> {
        self.combine(Combine::Add, a, b)
    }

    /// Channels of `a`, then those of `b`.
    ///
    /// # Errors
    /// When another axis differs.
    pub fn concat(&mut self, a: Value, b: Value) -> Result<Value, Error> {
        let (of_a, of_b) = (self.shape(a).to_vec(), self.shape(b));
        match (of_a.split_last(), of_b.split_last()) {
            (Some((&first, leading)), Some((&second, other))) if leading == other => {
                let output = [leading, &[first + second]].concat();
                Ok(self.push(Some(Work::Concat([first, second])), &[a, b], output))
            }
            _ => Err(wrong("a concatenation", &[&of_a, of_b], "only the last axis may differ")),
        }
    }

    /// One more channel, behind the others and the same in each image: `plane[row, column]`.
    ///
    /// # Errors
    /// When `x` is no batch of images, or of another size than the plane.
    pub fn append(&mut self, x: Value, plane: &[f32]) -> Result<Value, Error> {
        let &[images, height, width, len] = self.shape(x) else {
            return Err(wrong("a plane", &[self.shape(x)], "behind four axes"));
        };
        if plane.len() != height * width {
            return Err(wrong("a plane", &[self.shape(x), &[plane.len()]], "a number a pixel"));
        }
        let work = Work::Append { plane: plane.to_vec(), len };
        Ok(self.push(Some(work), &[x], vec![images, height, width, len + 1]))
    }

    /// Some neighbouring channels.
    ///
    /// # Errors
    /// When they do not exist.
    pub fn channels(&mut self, x: Value, range: Range<usize>) -> Result<Value, Error> {
        let mut shape = self.shape(x).to_vec();
        match shape.last_mut() {
            Some(last) if !range.is_empty() && range.end <= *last => {
                let work = Work::Part { of: *last, start: range.start, len: range.len() };
                *last = range.len();
                Ok(self.push(Some(work), &[x], shape))
            }
            _ => Err(wrong("a part", &[&shape, &[range.start, range.end]], "no such channels")),
        }
    }

    /// Axes in another order: the axis `order[n]` becomes axis `n`. The last one stays last.
    ///
    /// # Errors
    /// When `order` does not name each axis once, or moves the last one.
    pub fn permute(&mut self, x: Value, order: &[usize]) -> Result<Value, Error> {
        let shape = self.shape(x).to_vec();
        let mut sorted = order.to_vec();
        sorted.sort_unstable();
        let each_once = sorted.into_iter().eq(0..shape.len());
        let (Some((&last, leading)), true) = (order.split_last(), each_once) else {
            return Err(wrong("a permutation", &[&shape, order], "each axis once"));
        };
        if last + 1 != shape.len() {
            return Err(wrong("a permutation", &[&shape, order], "the last axis must stay"));
        }
        let mut rows = vec![0];
        for &axis in leading {
            let step: usize = shape[axis + 1..last].iter().product();
            rows = rows.iter().flat_map(|r| (0..shape[axis]).map(move |n| r + n * step)).collect();
        }
        let output = order.iter().map(|&axis| shape[axis]).collect();
        Ok(self.push(Some(Work::Reorder { rows, len: shape[last] }), &[x], output))
    }

    /// The program that computes `outputs`.
    ///
    /// # Errors
    /// Never, for values of this builder.
    pub fn finish(self, outputs: &[Value]) -> Result<Program, Error> {
        let node_of = |value: Value| self.values[value.0].1;
        let end = self.nodes.len();
        // The last node that reads each result; outputs live to the end.
        let mut last: Vec<usize> = (0..end).collect();
        for (at, node) in self.nodes.iter().enumerate() {
            for &read in &node.reads {
                last[read] = at;
            }
        }
        for &output in outputs {
            last[node_of(output)] = end;
        }
        // A node that changes its input shares the buffer with it, unless somebody needs it later.
        let mut buffer_of: Vec<usize> = Vec::new();
        let mut buffers: Vec<Buffer> = Vec::new();
        for (at, node) in self.nodes.iter().enumerate() {
            let takes_over = node.work.as_ref().is_some_and(Work::in_place)
                && last[node.reads[0]] == at
                && node.reads[1..].iter().all(|other| *other != node.reads[0]);
            if takes_over {
                let buffer = buffer_of[node.reads[0]];
                buffers[buffer].life.1 = last[at];
                buffer_of.push(buffer);
            } else {
                // Inputs are all written before the first step.
                let first = if node.work.is_none() { 0 } else { at };
                buffer_of.push(buffers.len());
                buffers.push(Buffer { len: node.len, life: (first, last[at]) });
            }
        }
        let results = buffers.len();
        for (at, node) in self.nodes.iter().enumerate() {
            let len = node.work.as_ref().map_or(0, Work::scratch);
            buffers.push(Buffer { len, life: (at, at) });
        }
        let (places, total) = places(&buffers);
        let arena = vec![0.0; total + LINE];
        // Vectors that do not straddle cache lines load faster.
        let shift = arena.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE);
        let place_of = |buffer: usize| {
            let place = &places[buffer];
            // What is empty must not lie inside of something else.
            if place.is_empty() { 0..0 } else { place.start + shift..place.end + shift }
        };
        let (mut steps, mut inputs) = (Vec::new(), Vec::new());
        for (at, node) in self.nodes.into_iter().enumerate() {
            let out = buffer_of[at];
            let Some(work) = node.work else {
                inputs.push(place_of(out));
                continue;
            };
            let first = buffer_of[node.reads[0]];
            let second = node.reads.get(1).map(|&read| buffer_of[read]);
            let shared = first == out;
            let twice = second == Some(first);
            let a = if shared { 0..0 } else { place_of(first) };
            let b = second.filter(|_| !twice).map_or(0..0, place_of);
            let copy = work.in_place() && !shared;
            let places = [a, b, place_of(out), place_of(results + at)];
            steps.push(Step { work, places, twice, copy });
        }
        let outputs = outputs.iter().map(|&value| place_of(buffer_of[self.values[value.0].1]));
        Ok(Program { steps, inputs, outputs: outputs.collect(), arena })
    }

    /// Adds a node with a residual, if there is one.
    fn push_after(
        &mut self,
        node: &'static str,
        work: Work,
        x: Value,
        shape: Vec<usize>,
        after: After,
    ) -> Result<Value, Error> {
        let Some(residual) = after.residual else { return Ok(self.push(Some(work), &[x], shape)) };
        if self.shape(residual) != shape {
            return Err(wrong(node, &[&shape, self.shape(residual)], "a residual of its shape"));
        }
        Ok(self.push(Some(work), &[x, residual], shape))
    }

    fn push(&mut self, work: Option<Work>, reads: &[Value], shape: Vec<usize>) -> Value {
        let reads = reads.iter().map(|value| self.values[value.0].1).collect();
        self.nodes.push(Node { work, reads, len: shape.iter().product() });
        self.values.push((shape, self.nodes.len() - 1));
        Value(self.values.len() - 1)
    }
}

fn wrong(node: &'static str, shapes: &[&[usize]], why: &'static str) -> Error {
    let got = shapes.iter().map(|shape| format!("{shape:?}")).collect::<Vec<_>>().join(" and ");
    Error::Shape { node, got, why }
}

fn floats(weight: &Tensor) -> Result<Vec<f32>, Error> {
    Ok(weight.flatten_all()?.to_vec1()?)
}

fn bias_floats(
    node: &'static str,
    bias: Option<&Tensor>,
    channels: usize,
) -> Result<Option<Vec<f32>>, Error> {
    let Some(bias) = bias else { return Ok(None) };
    if bias.dims() != [channels] {
        return Err(wrong(node, &[bias.dims(), &[channels]], "one bias for each channel"));
    }
    Ok(Some(floats(bias)?))
}
