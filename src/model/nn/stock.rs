//! The operators from candle's own operations: obvious, slow, with right gradients in any float.
//! [`ops`](super::ops) sends 64-bit floats here.
//!
//! candle 0.11 has operations whose gradient on the CPU is wrong or missing without an error. Each
//! detour below says which; `tests` checks every gradient against finite differences.

use candle_core::{D, Result, Tensor};

use super::kernels::Activation;
use super::ops::{Conv, ConvTransposed};

/// See [`ops::conv2d`](super::ops::conv2d).
pub(super) fn conv2d(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    conv: Conv,
) -> Result<Tensor> {
    let Conv { stride, padding, groups } = conv;
    let y = channels_first(x)?.conv2d(weight, padding, stride, 1, groups)?;
    add_bias(channels_last(&y)?, bias)
}

/// See [`ops::conv_transpose2d`](super::ops::conv_transpose2d).
pub(super) fn conv_transpose2d(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    conv: ConvTransposed,
) -> Result<Tensor> {
    let ConvTransposed { stride, padding, output_padding } = conv;
    let y = channels_first(x)?.conv_transpose2d(weight, padding, output_padding, stride, 1)?;
    add_bias(channels_last(&y)?, bias)
}

/// See [`ops::temporal_conv`](super::ops::temporal_conv).
///
/// One product per tap: the weight gradient of `conv1d` is garbage for a batch above one.
pub(super) fn temporal_conv(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let frames = x.dim(1)?;
    let taps = weight.dim(2)?;
    let padded = x.pad_with_zeros(1, taps / 2, taps / 2)?;
    let mut sum: Option<Tensor> = None;
    for tap in 0..taps {
        let weight = weight.narrow(2, tap, 1)?.squeeze(2)?.contiguous()?;
        let product = linear(&padded.narrow(1, tap, frames)?, &weight, None)?;
        sum = Some(match sum {
            None => product,
            Some(sum) => (sum + product)?,
        });
    }
    add_bias(sum.unwrap_or(padded), bias)
}

/// See [`ops::linear`](super::ops::linear).
///
/// Flattened and contiguous first: the product of a transposed left side with a broadcast right
/// side is garbage.
pub(super) fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let mut shape = x.dims().to_vec();
    let channels = shape.pop().unwrap_or(1);
    shape.push(weight.dim(0)?);
    let rows = x.contiguous()?.reshape(((), channels))?;
    add_bias(rows.matmul(&weight.t()?)?.reshape(shape)?, bias)
}

/// See [`ops::batch_norm_train`](super::ops::batch_norm_train).
pub(super) fn batch_norm_train(
    x: &Tensor,
    gamma: &Tensor,
    beta: &Tensor,
    eps: f64,
) -> Result<(Tensor, Tensor, Tensor)> {
    let mean_rows = |x: &Tensor| in_blocks(x, gamma.dim(0)?)?.mean(1)?.mean(0);
    let mean = mean_rows(x)?;
    let var = mean_rows(&by_channel(x, &mean, Tensor::broadcast_sub)?.sqr()?)?;
    let y = batch_norm_eval(x, gamma, beta, &mean, &var, eps)?;
    Ok((y, mean, var))
}

/// See [`ops::batch_norm_eval`](super::ops::batch_norm_eval).
pub(super) fn batch_norm_eval(
    x: &Tensor,
    gamma: &Tensor,
    beta: &Tensor,
    mean: &Tensor,
    var: &Tensor,
    eps: f64,
) -> Result<Tensor> {
    let scale = (gamma / (var + eps)?.sqrt()?)?;
    let y = by_channel(x, mean, Tensor::broadcast_sub)?;
    let y = by_channel(&y, &scale, Tensor::broadcast_mul)?;
    by_channel(&y, beta, Tensor::broadcast_add)
}

/// See [`ops::layer_norm`](super::ops::layer_norm).
///
/// Spelled out: candle's fused layer norm cuts the gradient without an error.
pub(super) fn layer_norm(x: &Tensor, gamma: &Tensor, beta: &Tensor, eps: f64) -> Result<Tensor> {
    let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
    let var = centred.sqr()?.mean_keepdim(D::Minus1)?;
    let y = centred.broadcast_div(&(var + eps)?.sqrt()?)?;
    let y = by_channel(&y, gamma, Tensor::broadcast_mul)?;
    by_channel(&y, beta, Tensor::broadcast_add)
}

/// See [`ops::coarser_counts`](super::ops::coarser_counts).
pub(super) fn coarser_counts(x: &Tensor, full: f64) -> Result<Tensor> {
    let (_, height, width, _) = x.dims4()?;
    let x = x.detach().narrow(1, 0, height / 2 * 2)?.narrow(2, 0, width / 2 * 2)?;
    let (images, height, width, channels) = x.dims4()?;
    let (rows, columns) = (images * height / 2, width / 2);
    let over_rows = x.contiguous()?.reshape((rows, 2, width * channels))?.sum(1)?;
    let sums = over_rows.reshape((rows * columns, 2, channels))?.sum(1)?;
    sums.minimum(full)?.reshape((images, height / 2, columns, channels))
}

/// See [`ops::max_pool2d`](super::ops::max_pool2d).
pub(super) fn max_pool2d(x: &Tensor, size: usize) -> Result<Tensor> {
    let (n, h, w, c) = x.dims4()?;
    let (rows, columns) = (h / size, w / size);
    let cropped = x.narrow(1, 0, rows * size)?.narrow(2, 0, columns * size)?;
    let squares = cropped.reshape(vec![n, rows, size, columns, size, c])?;
    let squares = squares.permute(vec![0, 1, 3, 5, 2, 4])?;
    max_last(&squares.reshape((n, rows, columns, c, size * size))?)
}

/// See [`ops::max_pool_time`](super::ops::max_pool_time).
pub(super) fn max_pool_time(x: &Tensor, size: usize) -> Result<Tensor> {
    let (n, t, h, w, c) = x.dims5()?;
    let frames = t / size;
    let spans = x.narrow(1, 0, frames * size)?.reshape((n, frames, size, h * w * c))?;
    max_last(&spans.transpose(2, 3)?)?.reshape((n, frames, h, w, c))
}

/// The largest along the last axis, which goes away.
///
/// By index: candle's `max_pool2d` divides the gradient by the size of the square, and its `max`
/// gives the whole gradient to each of several equal values. Silent pixels make many of them.
pub(super) fn max_last(x: &Tensor) -> Result<Tensor> {
    let x = x.contiguous()?;
    x.gather(&x.argmax_keepdim(D::Minus1)?, D::Minus1)?.squeeze(D::Minus1)
}

/// See [`ops::mean_pool2d`](super::ops::mean_pool2d).
pub(super) fn mean_pool2d(x: &Tensor, size: usize) -> Result<Tensor> {
    let (n, h, w, c) = x.dims4()?;
    x.reshape(vec![n, h / size, size, w / size, size, c])?.mean(4)?.mean(2)
}

/// See [`ops::mean_pixels`](super::ops::mean_pixels).
pub(super) fn mean_pixels(x: &Tensor) -> Result<Tensor> {
    x.flatten(1, 2)?.mean(1)
}

/// See [`ops::activation`](super::ops::activation).
pub(super) fn activation(x: &Tensor, activation: Activation) -> Result<Tensor> {
    match activation {
        Activation::None => Ok(x.clone()),
        Activation::Relu => relu(x),
        Activation::LeakyRelu(slope) => leaky_relu(x, slope.into()),
        Activation::Silu => x.silu(),
        Activation::Sigmoid => sigmoid(x),
    }
}

/// By choice: the gradient of candle's `relu` at 0 is 1.
pub(super) fn relu(x: &Tensor) -> Result<Tensor> {
    x.gt(0f64)?.where_cond(x, &x.zeros_like()?)
}

pub(super) fn leaky_relu(x: &Tensor, slope: f64) -> Result<Tensor> {
    x.gt(0f64)?.where_cond(x, &(x * slope)?)
}

pub(super) fn sigmoid(x: &Tensor) -> Result<Tensor> {
    candle_nn::ops::sigmoid(x)
}

/// See [`ops::attention`](super::ops::attention).
///
/// With the unfused softmax: `softmax_last_dim` and `sdpa` cut the gradient without an error.
pub(super) fn attention(q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Tensor> {
    #[expect(clippy::cast_precision_loss, reason = "a head has some ten dimensions")]
    let dim = q.dim(D::Minus1)? as f64;
    let keys = k.transpose(D::Minus2, D::Minus1)?.contiguous()?;
    let products = (q.contiguous()?.matmul(&keys)? / dim.sqrt())?;
    candle_nn::ops::softmax(&products, D::Minus1)?.matmul(&v.contiguous()?)
}

/// See [`ops::soft_spike`](super::ops::soft_spike).
pub(super) fn soft_spike(current: &Tensor, decay: &Tensor, bias: &Tensor) -> Result<Tensor> {
    let mut spikes: Vec<Tensor> = Vec::new();
    let mut kept: Option<Tensor> = None; // s (1 - y) of the frame before
    for frame in 0..current.dim(1)? {
        let current = current.narrow(1, frame, 1)?;
        let state = match kept {
            None => current,
            Some(kept) => (current + kept.broadcast_mul(decay)?)?,
        };
        let spike = sigmoid(&state.broadcast_add(bias)?)?;
        kept = Some((&state * (1.0 - &spike)?)?);
        spikes.push(spike);
    }
    Tensor::cat(&spikes, 1)
}

/// See [`ops::mse`](super::ops::mse).
pub(super) fn mse(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    (a - b)?.sqr()?.mean_all()
}

fn add_bias(y: Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    match bias {
        None => Ok(y),
        Some(bias) => by_channel(&y, bias, Tensor::broadcast_add),
    }
}

/// Combines every row of `x[.., c]` with `parameter[c]`.
///
/// In blocks of rows: the gradient of a parameter is a sum over all rows, candle adds them one by
/// one, and 400 000 of them in 32 bits lose a tenth of a small gradient.
fn by_channel(
    x: &Tensor,
    parameter: &Tensor,
    combine: fn(&Tensor, &Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    let c = parameter.dim(0)?;
    let blocks = in_blocks(x, c)?;
    let parameter = parameter.reshape((1, 1, c))?.broadcast_as((blocks.dim(0)?, 1, c))?;
    combine(&blocks, &parameter)?.reshape(x.dims())
}

/// Rows of `c` numbers in about as many blocks as each block has rows.
///
/// Shapes: `x[.., c]` in, `[block, row, c]` out.
fn in_blocks(x: &Tensor, c: usize) -> Result<Tensor> {
    let rows = x.elem_count() / c.max(1);
    let blocks = (1..=rows.isqrt()).rev().find(|blocks| rows.is_multiple_of(*blocks));
    x.reshape((blocks.unwrap_or(1), (), c))
}

fn channels_first(x: &Tensor) -> Result<Tensor> {
    x.permute((0, 3, 1, 2))?.contiguous()
}

fn channels_last(x: &Tensor) -> Result<Tensor> {
    x.permute((0, 2, 3, 1))?.contiguous()
}

#[cfg(test)]
mod tests;
