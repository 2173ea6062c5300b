//! Operators of the networks, compiled as a program of one node, each beside stock candle's.
//!
//! Both take one batch-1 input that is used again and give a result in their own layout: ours has
//! channels last, candle's first. candle allocates its result, ours is kept.

use std::hint::black_box;

use candle_core::{DType, Device, Result, Tensor};
use visaged::model::nn::ops::{Conv, ConvTransposed};
use visaged::model::nn::program::{self, Activation, After, Builder, Program, Value};

use crate::inputs::Inputs;
use crate::workload::{Amount, Error, Job};

pub(super) type Prepared = std::result::Result<Option<Job>, Error>;
type Node = std::result::Result<Value, program::Error>;

/// Numbers of many sizes: no operator takes a short cut at zeros or ones.
pub(super) fn numbers(shape: &[usize]) -> Result<Tensor> {
    let count = u32::try_from(shape.iter().product::<usize>()).unwrap_or(u32::MAX);
    Tensor::arange(0, count, &Device::Cpu)?.to_dtype(DType::F32)?.sin()?.reshape(shape)
}

/// A program of one node on an input of `shape`.
fn ours(shape: &[usize], node: impl FnOnce(&mut Builder, Value) -> Node) -> Prepared {
    let mut builder = Program::builder();
    let input = builder.input(shape)?;
    let output = node(&mut builder, input)?;
    let mut out = vec![0.0; builder.shape(output).iter().product()];
    let mut program = builder.finish(&[output])?;
    let x: Vec<f32> = numbers(shape)?.flatten_all()?.to_vec1()?;
    let run = move || {
        // Lengths are those that were planned, so that this cannot fail.
        drop(program.run(&[black_box(&x)], &mut [&mut out]));
        black_box(&out);
    };
    Ok(Some(Job { run: Box::new(run), amount: Amount::Frames(1) }))
}

/// Stock candle's `operator` on an input of `shape`.
fn stock(shape: &[usize], operator: impl Fn(&Tensor) -> Result<Tensor> + 'static) -> Prepared {
    let x = numbers(shape)?;
    drop(operator(&x)?); // shapes fit, so that it cannot fail below
    let run = move || drop(black_box(operator(black_box(&x))));
    Ok(Some(Job { run: Box::new(run), amount: Amount::Frames(1) }))
}

const SAME: Conv = Conv { stride: 1, padding: 1, groups: 1 };

pub(crate) fn conv_stem(_: &Inputs) -> Prepared {
    let weight = numbers(&[16, 2, 3, 3])?;
    ours(&[1, 64, 64, 2], |b, x| b.conv2d(x, &weight, None, SAME, After::default()))
}

pub(crate) fn conv_stem_stock(_: &Inputs) -> Prepared {
    let weight = numbers(&[16, 2, 3, 3])?;
    stock(&[1, 2, 64, 64], move |x| x.conv2d(&weight, 1, 1, 1, 1))
}

pub(crate) fn conv(_: &Inputs) -> Prepared {
    let weight = numbers(&[32, 32, 3, 3])?;
    ours(&[1, 32, 32, 32], |b, x| b.conv2d(x, &weight, None, SAME, After::default()))
}

pub(crate) fn conv_stock(_: &Inputs) -> Prepared {
    let weight = numbers(&[32, 32, 3, 3])?;
    stock(&[1, 32, 32, 32], move |x| x.conv2d(&weight, 1, 1, 1, 1))
}

pub(crate) fn depthwise(_: &Inputs) -> Prepared {
    let weight = numbers(&[64, 1, 3, 3])?;
    let each = Conv { groups: 64, ..SAME };
    ours(&[1, 32, 32, 64], |b, x| b.conv2d(x, &weight, None, each, After::default()))
}

pub(crate) fn depthwise_stock(_: &Inputs) -> Prepared {
    let weight = numbers(&[64, 1, 3, 3])?;
    stock(&[1, 64, 32, 32], move |x| x.conv2d(&weight, 1, 1, 1, 64))
}

pub(crate) fn transposed(_: &Inputs) -> Prepared {
    let weight = numbers(&[64, 32, 3, 3])?;
    let twice = ConvTransposed { stride: 2, padding: 1, output_padding: 1 };
    ours(&[1, 8, 8, 64], |b, x| b.conv_transpose2d(x, &weight, None, twice, After::default()))
}

pub(crate) fn transposed_stock(_: &Inputs) -> Prepared {
    let weight = numbers(&[64, 32, 3, 3])?;
    stock(&[1, 64, 8, 8], move |x| x.conv_transpose2d(&weight, 1, 1, 2, 1))
}

pub(crate) fn over_time(_: &Inputs) -> Prepared {
    let weight = numbers(&[32, 32, 3])?;
    ours(&[1, 16, 56, 56, 32], |b, x| b.temporal_conv(x, &weight, None, After::default()))
}

pub(crate) fn over_time_stock(_: &Inputs) -> Prepared {
    // A row of frames is a column of an image: candle has no convolution of three axes.
    let weight = numbers(&[32, 32, 3, 1])?;
    stock(&[1, 32, 16, 56 * 56], move |x| x.pad_with_zeros(2, 1, 1)?.conv2d(&weight, 0, 1, 1, 1))
}

pub(crate) fn linear(_: &Inputs) -> Prepared {
    let weight = numbers(&[128, 8192])?;
    ours(&[1, 8192], |b, x| b.linear(x, &weight, None, After::default()))
}

pub(crate) fn linear_stock(_: &Inputs) -> Prepared {
    let weight = numbers(&[128, 8192])?.t()?;
    stock(&[1, 8192], move |x| x.matmul(&weight))
}

pub(crate) fn silu(_: &Inputs) -> Prepared {
    ours(&[65_536], |b, x| Ok(b.activation(x, Activation::Silu)))
}

pub(crate) fn silu_stock(_: &Inputs) -> Prepared {
    stock(&[65_536], Tensor::silu)
}

pub(crate) fn pool(_: &Inputs) -> Prepared {
    ours(&[1, 32, 32, 64], |b, x| b.max_pool2d(x, 2))
}

pub(crate) fn pool_stock(_: &Inputs) -> Prepared {
    stock(&[1, 64, 32, 32], |x| x.max_pool2d(2))
}

pub(crate) fn spikes(_: &Inputs) -> Prepared {
    let (decay, bias) = (numbers(&[32])?.abs()?, numbers(&[32])?);
    ours(&[1, 16, 56, 56, 32], |b, x| b.soft_spike(x, &decay, &bias))
}

pub(crate) fn spikes_stock(_: &Inputs) -> Prepared {
    let (decay, bias) = (numbers(&[32])?.abs()?, numbers(&[32])?);
    stock(&[1, 16, 56, 56, 32], move |x| {
        let mut spikes: Vec<Tensor> = Vec::new();
        let mut kept = x.narrow(1, 0, 1)?.zeros_like()?;
        for frame in 0..16 {
            let state = (x.narrow(1, frame, 1)? + kept.broadcast_mul(&decay)?)?;
            let spike = (state.broadcast_add(&bias)?.neg()?.exp()? + 1.0)?.recip()?;
            kept = (&state - (&state * &spike)?)?;
            spikes.push(spike);
        }
        Tensor::cat(&spikes, 1)
    })
}

/// Tokens, heads, numbers of a head.
const HEADS: [usize; 3] = [64, 4, 24];

pub(crate) fn attention(_: &Inputs) -> Prepared {
    let [tokens, heads, dim] = HEADS;
    ours(&[4, tokens, 3 * heads * dim], |b, x| b.attention(x, heads))
}

pub(crate) fn attention_stock(_: &Inputs) -> Prepared {
    let [tokens, heads, dim] = HEADS;
    stock(&[3, 4 * heads, tokens, dim], |x| {
        let (q, k, v) = (x.get(0)?, x.get(1)?, x.get(2)?);
        let scores = (q.matmul(&k.t()?)? * 0.204)?; // 1 / sqrt(24)
        let powers = scores.broadcast_sub(&scores.max_keepdim(2)?)?.exp()?;
        powers.broadcast_div(&powers.sum_keepdim(2)?)?.matmul(&v)
    })
}
