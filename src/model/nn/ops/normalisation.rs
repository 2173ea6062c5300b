//! Batch and layer normalisation as nodes of the graph.

use candle_core::{Result, Shape, Tensor, bail};

use super::operator::{Known, Operator, apply3, with_floats};
use super::{narrow, threads};
use crate::model::nn::kernels;
use crate::model::nn::kernels::{
    Activation, BatchNorm, Isa, batch_statistics, each_item, layer_norm_gradient, scale_shift,
    scale_shift_slope,
};

/// Checks that each of `parameters` has one number for each channel of `x`.
fn channels(x: &Tensor, parameters: &[&Tensor]) -> Result<usize> {
    let Some(&channels) = x.dims().last() else { bail!("a norm of a scalar") };
    if channels == 0 {
        bail!("a norm of no channels");
    }
    if let Some(other) = parameters.iter().find(|other| other.dims() != [channels]) {
        bail!("parameters of {:?} for {channels} channels", other.dims());
    }
    Ok(channels)
}

pub(super) fn batch_norm_train(
    x: &Tensor,
    gamma: &Tensor,
    beta: &Tensor,
    eps: f64,
    then: Activation,
) -> Result<(Tensor, Tensor, Tensor)> {
    let channels = channels(x, &[gamma, beta])?;
    let x = x.contiguous()?;
    let (mean, var) = with_floats(&x, |x| batch_statistics(Isa::best(), threads(), x, channels))?;
    let tensor = |values: &[f32]| Tensor::from_slice(values, channels, x.device());
    let (mean_tensor, var_tensor) = (tensor(&mean)?, tensor(&var)?);
    let shape = x.shape().clone();
    let norm = Norm { shape, mean, var, eps: narrow(eps), of_batch: true, then };
    Ok((apply3([&x, gamma, beta], norm)?, mean_tensor, var_tensor))
}

pub(super) fn batch_norm_eval(
    [x, gamma, beta, mean, var]: [&Tensor; 5],
    eps: f64,
) -> Result<Tensor> {
    channels(x, &[gamma, beta, mean, var])?;
    let (mean, var) = (mean.to_vec1()?, var.to_vec1()?);
    let shape = x.shape().clone();
    let (eps, then) = (narrow(eps), Activation::None);
    apply3([x, gamma, beta], Norm { shape, mean, var, eps, of_batch: false, then })
}

/// Batch normalisation of `x`, `gamma`, `beta`, and what follows it.
struct Norm {
    shape: Shape,
    mean: Vec<f32>,
    var: Vec<f32>,
    eps: f32,
    /// Whether mean and variance follow from the input.
    of_batch: bool,
    /// Computed in the same pass; nodes of their own would cost two more passes over memory each way.
    then: Activation,
}

impl Norm {
    fn with<'a>(&'a self, gamma: &'a [f32]) -> BatchNorm<'a> {
        BatchNorm { gamma, mean: &self.mean, var: &self.var, eps: self.eps }
    }
}

impl Operator<3> for Norm {
    const NAME: &'static str = "batch-norm";

    fn shape(&self) -> Shape {
        self.shape.clone()
    }

    fn forward(&self, [x, gamma, beta]: [&[f32]; 3], output: &mut [f32]) {
        let [scale, shift] = self.with(gamma).folded(beta);
        let channels = gamma.len();
        each_item(threads(), channels, (output, channels), |row, out| {
            let x = &x[row * channels..][..out.len()];
            scale_shift(Isa::best(), x, [&scale, &shift], self.then, out);
        });
    }

    fn backward(&self, known: &Known<'_, 3>) -> [Option<Vec<f32>>; 3] {
        let [x, gamma, beta] = known.inputs;
        let norm = self.with(gamma);
        let (isa, channels) = (Isa::best(), gamma.len());
        let [scale, shift] = norm.folded(beta);
        // Of the norm's own output.
        let mut gradient = vec![0.0; x.len()];
        each_item(threads(), channels, (&mut gradient, channels), |row, out| {
            let here = row * channels..row * channels + out.len();
            let (x, gradient) = (&x[here.clone()], &known.gradient[here]);
            scale_shift_slope(isa, x, [&scale, &shift], self.then, gradient, out);
        });
        let [of_gamma, of_beta] = norm.parameter_gradients(isa, threads(), x, &gradient);
        if !known.wanted[0] {
            return [None, Some(of_gamma), Some(of_beta)];
        }
        if self.of_batch {
            norm.input_gradient((isa, threads()), x, &mut gradient, [&of_gamma, &of_beta]);
        } else {
            for row in gradient.chunks_exact_mut(channels) {
                row.iter_mut().zip(&scale).for_each(|(gradient, scale)| *gradient *= scale);
            }
        }
        [Some(gradient), Some(of_gamma), Some(of_beta)]
    }
}

pub(super) fn layer_norm(x: &Tensor, gamma: &Tensor, beta: &Tensor, eps: f64) -> Result<Tensor> {
    channels(x, &[gamma, beta])?;
    apply3([x, gamma, beta], LayerNorm { shape: x.shape().clone(), eps: narrow(eps) })
}

struct LayerNorm {
    shape: Shape,
    eps: f32,
}

impl Operator<3> for LayerNorm {
    const NAME: &'static str = "layer-norm";

    fn shape(&self) -> Shape {
        self.shape.clone()
    }

    fn forward(&self, [x, gamma, beta]: [&[f32]; 3], output: &mut [f32]) {
        kernels::layer_norm(Isa::best(), x, [gamma, beta], self.eps, output);
    }

    fn backward(&self, known: &Known<'_, 3>) -> [Option<Vec<f32>>; 3] {
        let [x, gamma, _] = known.inputs;
        let channels = gamma.len();
        let mut of_x = vec![0.0; x.len()];
        let mut of_gamma = vec![0.0; 2 * channels];
        let given = (gamma, self.eps);
        layer_norm_gradient(Isa::best(), x, given, known.gradient, &mut of_x, &mut of_gamma);
        let of_beta = of_gamma.split_off(channels);
        [Some(of_x), Some(of_gamma), Some(of_beta)]
    }
}
