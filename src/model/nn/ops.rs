//! The operators that layers call, on [`kernels`](super::kernels), each with a backward pass
//! written by hand.
//!
//! All take and give channels-last tensors of 32-bit floats on the CPU; what is not contiguous is
//! copied first. candle's own backward passes are wrong in places (max pooling, layer norm, 1-d
//! convolution of batches), and slow in most.
//!
//! Tensors of 64-bit floats go to `stock`, the same from candle's own operations: in 64 bits a wrong
//! gradient cannot pass as rounding, so that is how whole layers and networks are checked.
//!
//! Inference runs on the calling thread when `RAYON_NUM_THREADS=1`; otherwise large batches are
//! split. How sums are split does not depend on the number of threads.

mod convolution;
mod normalisation;
mod operator;
mod pointwise;
mod pooling;

use candle_core::{DType, Result, Tensor};

use super::kernels::Activation;
use super::stock;
pub(super) use operator::with_floats;

/// Geometry of a convolution with a square kernel; rows and columns are treated alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv {
    /// Step from one output pixel to the next, in input pixels.
    pub stride: usize,
    /// Rows and columns of zeros around the input.
    pub padding: usize,
    /// 1, or the number of input channels (depthwise).
    pub groups: usize,
}

/// Geometry of a transposed convolution with a square kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvTransposed {
    /// Step from one input pixel to the next, in output pixels.
    pub stride: usize,
    /// Rows and columns cut off around the output.
    pub padding: usize,
    /// Rows and columns added at the far end of the output.
    pub output_padding: usize,
}

/// Convolution.
///
/// Shapes: `x[n, h, w, ci]`, `weight[co, ci / groups, kh, kw]`, `bias[co]` in;
/// `[n, ho, wo, co]` out, `ho = (h + 2 padding - kh) / stride + 1`, rounded down.
///
/// # Errors
/// When shapes do not fit.
pub fn conv2d(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, conv: Conv) -> Result<Tensor> {
    if in_64_bits(x) {
        return stock::conv2d(x, weight, bias, conv);
    }
    convolution::conv2d(x, weight, bias, conv)
}

/// Transposed convolution: the gradient of a convolution with respect to its input.
///
/// Shapes: `x[n, h, w, ci]`, `weight[ci, co, kh, kw]`, `bias[co]` in; `[n, ho, wo, co]` out,
/// `ho = (h - 1) stride - 2 padding + kh + output_padding`.
///
/// # Errors
/// When shapes do not fit.
pub fn conv_transpose2d(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    conv: ConvTransposed,
) -> Result<Tensor> {
    if in_64_bits(x) {
        return stock::conv_transpose2d(x, weight, bias, conv);
    }
    convolution::conv_transpose2d(x, weight, bias, conv)
}

/// Convolution over time alone, zeros before the first and after the last frame.
///
/// Shapes: `x[n, t, h, w, ci]`, `weight[co, ci, kt]` with `kt` odd, `bias[co]` in;
/// `[n, t, h, w, co]` out.
///
/// # Errors
/// When shapes do not fit.
pub fn temporal_conv(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    if in_64_bits(x) {
        return stock::temporal_conv(x, weight, bias);
    }
    convolution::temporal_conv(x, weight, bias)
}

/// `x` times the transpose of `weight`.
///
/// Shapes: `x[.., ci]`, `weight[co, ci]`, `bias[co]` in; `[.., co]` out.
///
/// # Errors
/// When shapes do not fit.
pub fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    if in_64_bits(x) {
        return stock::linear(x, weight, bias);
    }
    convolution::linear(x, weight, bias)
}

/// Batch normalisation by the statistics of the batch, `then` a function of each number. The
/// statistics are returned: mean and biased variance, both `[c]`. The gradient of `x` is that through the statistics, too; the two that are
/// returned hand no gradient on.
///
/// Shapes: `x[.., c]`, `gamma[c]`, `beta[c]` in; `[.., c]` out.
///
/// # Errors
/// When shapes do not fit.
pub fn batch_norm_train(
    x: &Tensor,
    gamma: &Tensor,
    beta: &Tensor,
    eps: f64,
    then: Activation,
) -> Result<(Tensor, Tensor, Tensor)> {
    if in_64_bits(x) {
        let (y, mean, var) = stock::batch_norm_train(x, gamma, beta, eps)?;
        return Ok((activation(&y, then)?, mean, var));
    }
    normalisation::batch_norm_train(x, gamma, beta, eps, then)
}

/// Batch normalisation by given statistics, which get no gradient.
///
/// Shapes: `x[.., c]` and `[c]` for the rest in; `[.., c]` out.
///
/// # Errors
/// When shapes do not fit.
pub fn batch_norm_eval(
    x: &Tensor,
    gamma: &Tensor,
    beta: &Tensor,
    mean: &Tensor,
    var: &Tensor,
    eps: f64,
) -> Result<Tensor> {
    if in_64_bits(x) {
        return stock::batch_norm_eval(x, gamma, beta, mean, var, eps);
    }
    normalisation::batch_norm_eval([x, gamma, beta, mean, var], eps)
}

/// Normalisation of each position over its channels.
///
/// Shapes: `x[.., c]`, `gamma[c]`, `beta[c]` in; `[.., c]` out.
///
/// # Errors
/// When shapes do not fit.
pub fn layer_norm(x: &Tensor, gamma: &Tensor, beta: &Tensor, eps: f64) -> Result<Tensor> {
    if in_64_bits(x) {
        return stock::layer_norm(x, gamma, beta, eps);
    }
    normalisation::layer_norm(x, gamma, beta, eps)
}

/// Largest value of each `size` x `size` square; rows and columns that fill none are left out. Of
/// equal values the first in reading order takes the gradient.
///
/// Shapes: `x[n, h, w, c]` in, `[n, h / size, w / size, c]` out.
///
/// # Errors
/// When shapes do not fit.
pub fn max_pool2d(x: &Tensor, size: usize) -> Result<Tensor> {
    if in_64_bits(x) {
        return stock::max_pool2d(x, size);
    }
    pooling::max_pool2d(x, size)
}

/// What a camera of four times larger pixels would have counted, where counting ends at `full`. A last
/// row or column without a neighbour is left out. The input gets no gradient: counts are data.
///
/// Shapes: `x[n, h, w, c]` in, `[n, h / 2, w / 2, c]` out.
///
/// # Errors
/// When shapes do not fit.
pub fn coarser_counts(x: &Tensor, full: f64) -> Result<Tensor> {
    if in_64_bits(x) {
        return stock::coarser_counts(x, full);
    }
    pooling::coarser_counts(x, narrow(full))
}

/// Largest value of each `size` consecutive frames; the earliest of equal ones takes the gradient.
///
/// Shapes: `x[n, t, h, w, c]` in, `[n, t / size, h, w, c]` out.
///
/// # Errors
/// When shapes do not fit.
pub fn max_pool_time(x: &Tensor, size: usize) -> Result<Tensor> {
    if in_64_bits(x) {
        return stock::max_pool_time(x, size);
    }
    pooling::max_pool_time(x, size)
}

/// Mean of each `size` x `size` square.
///
/// Shapes: `x[n, h, w, c]` in, `h` and `w` multiples of `size`; `[n, h / size, w / size, c]` out.
///
/// # Errors
/// When shapes do not fit.
pub fn mean_pool2d(x: &Tensor, size: usize) -> Result<Tensor> {
    if in_64_bits(x) {
        return stock::mean_pool2d(x, size);
    }
    pooling::mean_pool2d(x, size)
}

/// Mean over rows and columns.
///
/// Shapes: `x[n, h, w, c]` in, `[n, c]` out.
///
/// # Errors
/// When shapes do not fit.
pub fn mean_pixels(x: &Tensor) -> Result<Tensor> {
    if in_64_bits(x) {
        return stock::mean_pixels(x);
    }
    pooling::mean_pixels(x)
}

/// A function of each number. The gradients of relu and leaky relu at 0 are 0 and the slope.
///
/// # Errors
/// When candle fails.
pub fn activation(x: &Tensor, activation: Activation) -> Result<Tensor> {
    if in_64_bits(x) {
        return stock::activation(x, activation);
    }
    match activation {
        Activation::None => Ok(x.clone()),
        other => pointwise::activation(x, other),
    }
}

/// `max(x, 0)`.
///
/// # Errors
/// When candle fails.
pub fn relu(x: &Tensor) -> Result<Tensor> {
    activation(x, Activation::Relu)
}

/// `x` above 0, `slope x` below.
///
/// # Errors
/// When candle fails.
pub fn leaky_relu(x: &Tensor, slope: f64) -> Result<Tensor> {
    activation(x, Activation::LeakyRelu(narrow(slope)))
}

/// `x sigmoid(x)`.
///
/// # Errors
/// When candle fails.
pub fn silu(x: &Tensor) -> Result<Tensor> {
    activation(x, Activation::Silu)
}

/// `1 / (1 + exp(-x))`.
///
/// # Errors
/// When candle fails.
pub fn sigmoid(x: &Tensor) -> Result<Tensor> {
    activation(x, Activation::Sigmoid)
}

/// Scaled dot-product attention: `softmax(q k' / sqrt(dim)) v`.
///
/// Shapes: `q`, `k`, `v` and the result are `[b, heads, tokens, dim]`.
///
/// # Errors
/// When shapes do not fit.
pub fn attention(q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Tensor> {
    if in_64_bits(q) {
        return stock::attention(q, k, v);
    }
    pointwise::attention(q, k, v)
}

/// Soft spiking neurons over time, one per pixel and channel, at rest before the first frame.
///
/// The soft Spiking Neural Unit of Wozniak et al. (Nature Machine Intelligence 2, 2020) without
/// recurrent weights, its input activation the identity as in the authors' code (IBM/ostl):
/// `s_t = current_t + decay s_{t-1} (1 - y_{t-1})`, `y_t = sigmoid(s_t + bias)`. The paper's
/// threshold is `-bias`.
///
/// Shapes: `current[n, t, h, w, c]`, `decay[c]` within 0..1, `bias[c]` in;
/// `y[n, t, h, w, c]` out.
///
/// # Errors
/// When shapes do not fit.
pub fn soft_spike(current: &Tensor, decay: &Tensor, bias: &Tensor) -> Result<Tensor> {
    if in_64_bits(current) {
        return stock::soft_spike(current, decay, bias);
    }
    pointwise::soft_spike(current, decay, bias)
}

/// Mean of squared differences over all elements, a scalar.
///
/// # Errors
/// When shapes differ.
pub fn mse(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    if in_64_bits(a) {
        return stock::mse(a, b);
    }
    pointwise::mse(a, b)
}

/// Whether candle's own operations must do it.
fn in_64_bits(x: &Tensor) -> bool {
    x.dtype() == DType::F64
}

/// The nearest 32-bit float.
#[expect(clippy::cast_possible_truncation, reason = "kernels compute in 32 bits")]
fn narrow(value: f64) -> f32 {
    value as f32
}

/// Threads that a large batch may be split over.
fn threads() -> usize {
    candle_core::utils::get_num_threads()
}

#[cfg(test)]
pub(super) mod tests;
