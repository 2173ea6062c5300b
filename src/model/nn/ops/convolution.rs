//! Convolutions and linear layers as nodes of the graph.

use candle_core::{Result, Shape, Tensor, bail};

use super::operator::{Known, Operator, apply3};
use super::{Conv, ConvTransposed, threads};
use crate::model::nn::kernels::{
    Activation, Conv2d, ConvShape, ConvTranspose2d, Depthwise, Isa, MAX_TAPS, TemporalConv,
    TemporalShape, Term, column_sums, conv2d_weight_gradient, each_item, temporal_weight_gradient,
};

/// The bias, or zeros that nothing depends on.
fn bias_or_zeros(bias: Option<&Tensor>, channels: usize, weight: &Tensor) -> Result<Tensor> {
    let Some(bias) = bias else {
        return Tensor::zeros(channels, weight.dtype(), weight.device());
    };
    if bias.dims() != [channels] {
        bail!("a bias of {:?} for {channels} output channels", bias.dims());
    }
    Ok(bias.clone())
}

/// Adds up the gradient of a bias where it is wanted.
fn bias_gradient(known: &Known<'_, 3>, channels: usize) -> Option<Vec<f32>> {
    known.wanted[2]
        .then(|| column_sums(Isa::best(), threads(), (known.gradient, channels), Term::Itself))
}

pub(super) fn conv2d(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    conv: Conv,
) -> Result<Tensor> {
    let (images, height, width, from) = x.dims4()?;
    let (to, per_group, down, right) = weight.dims4()?;
    let Conv { stride, padding, groups } = conv;
    let shape =
        ConvShape { input: [height, width], kernel: [down, right], from, to, stride, padding };
    let Some([out_height, out_width]) = shape.output() else {
        bail!("a {down} x {right} kernel, {conv:?}, does not fit an image of {height} x {width}");
    };
    let bias = bias_or_zeros(bias, to, weight)?;
    let output = Shape::from((images, out_height, out_width, to));
    if groups == 1 {
        if per_group != from {
            bail!("weights for {per_group} channels, but the image has {from}");
        }
        return apply3([x, weight, &bias], Plain { shape, output });
    }
    if groups != from || to != from || per_group != 1 {
        bail!(
            "{groups} groups from {from} to {to} channels: only 1 group, or 1 a channel, is known"
        );
    }
    if down * right > MAX_TAPS {
        bail!("a depthwise kernel of {down} x {right}: at most {MAX_TAPS} taps are known");
    }
    apply3([x, weight, &bias], PerChannel { shape, output })
}

pub(super) fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let (to, from) = weight.dims2()?;
    let Some((&last, leading)) = x.dims().split_last() else { bail!("a linear layer of a scalar") };
    if last != from || from == 0 || to == 0 {
        bail!("weights from {from} to {to} channels, but the input has {last}");
    }
    let output = Shape::from([leading, &[to]].concat());
    let bias = bias_or_zeros(bias, to, weight)?;
    apply3([x, weight, &bias], Plain { shape: ConvShape::linear(from, to), output })
}

/// A convolution, or a linear layer as one of images of a single pixel.
struct Plain {
    shape: ConvShape,
    output: Shape,
}

impl Operator<3> for Plain {
    const NAME: &'static str = "conv2d";

    fn shape(&self) -> Shape {
        self.output.clone()
    }

    fn forward(&self, [x, weight, bias]: [&[f32]; 3], output: &mut [f32]) {
        let plan = Conv2d::plan(Isa::best(), &self.shape, weight, Some(bias), Activation::None);
        let (image, len) = (plan.image(), plan.output());
        each_item(threads(), cost(&self.shape, len), (output, len), |first, out| {
            let images = out.len() / len;
            plan.run(&x[first * image..(first + images) * image], None, out);
        });
    }

    fn backward(&self, known: &Known<'_, 3>) -> [Option<Vec<f32>>; 3] {
        let [x, weight, _] = known.inputs;
        let isa = Isa::best();
        let of_x = known.wanted[0].then(|| {
            let plan = ConvTranspose2d::plan(isa, &self.shape, weight, None, Activation::None);
            let mut out = vec![0.0; x.len()];
            let (image, len) = (plan.image(), plan.output());
            each_item(threads(), cost(&self.shape, image), (&mut out, len), |first, out| {
                let images = out.len() / len;
                plan.run(&known.gradient[first * image..(first + images) * image], None, out);
            });
            out
        });
        let of_weight = known.wanted[1]
            .then(|| conv2d_weight_gradient(isa, threads(), &self.shape, x, known.gradient));
        [of_x, of_weight, bias_gradient(known, self.shape.to)]
    }
}

/// Multiplications of an image whose output side has `output` floats.
fn cost(shape: &ConvShape, output: usize) -> usize {
    output * shape.from * shape.kernel[0] * shape.kernel[1]
}

struct PerChannel {
    shape: ConvShape,
    output: Shape,
}

impl PerChannel {
    fn plan(&self, weight: &[f32], bias: Option<&[f32]>) -> Depthwise {
        Depthwise::plan(Isa::best(), &self.shape, weight, bias, Activation::None)
    }
}

impl Operator<3> for PerChannel {
    const NAME: &'static str = "depthwise-conv2d";

    fn shape(&self) -> Shape {
        self.output.clone()
    }

    fn forward(&self, [x, weight, bias]: [&[f32]; 3], output: &mut [f32]) {
        let plan = self.plan(weight, Some(bias));
        let (image, len) = (plan.image(), plan.output());
        let cost = len * self.shape.kernel[0] * self.shape.kernel[1];
        each_item(threads(), cost, (output, len), |first, out| {
            let images = out.len() / len;
            plan.run(&x[first * image..(first + images) * image], out);
        });
    }

    fn backward(&self, known: &Known<'_, 3>) -> [Option<Vec<f32>>; 3] {
        let [x, weight, _] = known.inputs;
        let plan = self.plan(weight, None);
        [
            known.wanted[0].then(|| plan.input_gradient(threads(), known.gradient)),
            known.wanted[1].then(|| plan.weight_gradient(threads(), x, known.gradient)),
            bias_gradient(known, self.shape.to),
        ]
    }
}

pub(super) fn conv_transpose2d(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    conv: ConvTransposed,
) -> Result<Tensor> {
    let (images, height, width, from) = x.dims4()?;
    let (weight_from, to, down, right) = weight.dims4()?;
    if weight_from != from {
        bail!("weights for {weight_from} channels, but the image has {from}");
    }
    let ConvTransposed { stride, padding, output_padding } = conv;
    let side = |side: usize, kernel: usize| {
        (side.checked_sub(1)? * stride + kernel + output_padding).checked_sub(2 * padding)
    };
    let (Some(rows), Some(columns)) = (side(height, down), side(width, right)) else {
        bail!("{conv:?} leaves nothing of an image of {height} x {width}");
    };
    // The convolution that this one reverses.
    let shape = ConvShape {
        input: [rows, columns],
        kernel: [down, right],
        from: to,
        to: from,
        stride,
        padding,
    };
    if shape.output() != Some([height, width]) {
        bail!("{conv:?}: the output padding must be smaller than the stride");
    }
    let bias = bias_or_zeros(bias, to, weight)?;
    let output = Shape::from((images, rows, columns, to));
    apply3([x, weight, &bias], Transposed { shape, output })
}

struct Transposed {
    /// From the output of the transposed convolution to its input.
    shape: ConvShape,
    output: Shape,
}

impl Operator<3> for Transposed {
    const NAME: &'static str = "conv-transpose2d";

    fn shape(&self) -> Shape {
        self.output.clone()
    }

    fn forward(&self, [x, weight, bias]: [&[f32]; 3], output: &mut [f32]) {
        let activation = Activation::None;
        let plan = ConvTranspose2d::plan(Isa::best(), &self.shape, weight, Some(bias), activation);
        let (image, len) = (plan.image(), plan.output());
        each_item(threads(), cost(&self.shape, image), (output, len), |first, out| {
            let images = out.len() / len;
            plan.run(&x[first * image..(first + images) * image], None, out);
        });
    }

    fn backward(&self, known: &Known<'_, 3>) -> [Option<Vec<f32>>; 3] {
        let [x, weight, _] = known.inputs;
        let isa = Isa::best();
        let of_x = known.wanted[0].then(|| {
            let plan = Conv2d::plan(isa, &self.shape, weight, None, Activation::None);
            let mut out = vec![0.0; x.len()];
            let (image, len) = (plan.image(), plan.output());
            each_item(threads(), cost(&self.shape, len), (&mut out, len), |first, out| {
                let images = out.len() / len;
                plan.run(&known.gradient[first * image..(first + images) * image], None, out);
            });
            out
        });
        let of_weight = known.wanted[1]
            .then(|| conv2d_weight_gradient(isa, threads(), &self.shape, known.gradient, x));
        [of_x, of_weight, bias_gradient(known, self.shape.from)]
    }
}

pub(super) fn temporal_conv(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let (clips, frames, height, width, from) = x.dims5()?;
    let (to, weight_from, taps) = weight.dims3()?;
    if weight_from != from || from == 0 || to == 0 {
        bail!("weights from {weight_from} to {to} channels, but the clip has {from}");
    }
    if taps.is_multiple_of(2) {
        bail!("a kernel of {taps} frames has none in the middle; use an odd number");
    }
    if frames * height * width == 0 {
        bail!("a clip of {frames} frames of {height} x {width}");
    }
    let shape = TemporalShape { frames, pixels: height * width, from, to, taps };
    let bias = bias_or_zeros(bias, to, weight)?;
    let output = Shape::from((clips, frames, height, width, to));
    apply3([x, weight, &bias], OverTime { shape, output })
}

struct OverTime {
    shape: TemporalShape,
    output: Shape,
}

impl OverTime {
    /// Runs `plan` clip by clip.
    fn run(&self, plan: &TemporalConv, x: &[f32], out: &mut [f32]) {
        let TemporalShape { from, taps, .. } = self.shape;
        let (clip, len) = (plan.clip(), plan.output());
        each_item(threads(), len * from * taps, (out, len), |first, out| {
            let clips = out.len() / len;
            plan.run(&x[first * clip..(first + clips) * clip], None, out);
        });
    }
}

impl Operator<3> for OverTime {
    const NAME: &'static str = "temporal-conv";

    fn shape(&self) -> Shape {
        self.output.clone()
    }

    fn forward(&self, [x, weight, bias]: [&[f32]; 3], output: &mut [f32]) {
        let activation = Activation::None;
        let plan = TemporalConv::plan(Isa::best(), &self.shape, weight, Some(bias), activation);
        self.run(&plan, x, output);
    }

    fn backward(&self, known: &Known<'_, 3>) -> [Option<Vec<f32>>; 3] {
        let [x, weight, _] = known.inputs;
        let isa = Isa::best();
        let of_x = known.wanted[0].then(|| {
            let mut out = vec![0.0; x.len()];
            let plan = TemporalConv::plan_input_gradient(isa, &self.shape, weight);
            self.run(&plan, known.gradient, &mut out);
            out
        });
        let of_weight = known.wanted[1]
            .then(|| temporal_weight_gradient(isa, threads(), &self.shape, x, known.gradient));
        [of_x, of_weight, bias_gradient(known, self.shape.to)]
    }
}
