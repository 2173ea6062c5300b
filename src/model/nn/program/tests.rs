//! Programs against the same operators in candle's graph, with memory full of NaN.

use candle_core::{D, Device, Result as Candle, Tensor};

use super::{Activation, After, Builder, Combine, Error, Program, Value};
use crate::model::nn::kernels::Isa;
use crate::model::nn::ops::{self, Conv, ConvTransposed};
use crate::model::testing::Lcg;

fn random(shape: &[usize], seed: u32) -> Tensor {
    let mut lcg = Lcg(seed);
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| lcg.next()).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

fn floats(x: &Tensor) -> Vec<f32> {
    x.flatten_all().unwrap().to_vec1().unwrap()
}

/// Runs what `build` builds on `inputs` twice, from memory full of NaN, on every instruction set.
fn agrees(
    inputs: &[Tensor],
    build: impl Fn(&mut Builder, &[Value]) -> Result<Vec<Value>, Error>,
    expected: impl Fn(&[Tensor]) -> Candle<Vec<Tensor>>,
) {
    let expected: Vec<_> = expected(inputs).unwrap().iter().map(floats).collect();
    let numbers: Vec<_> = inputs.iter().map(floats).collect();
    let slices: Vec<&[f32]> = numbers.iter().map(Vec::as_slice).collect();
    Isa::each(|isa| {
        let mut builder = Program::builder();
        let values: Vec<_> =
            inputs.iter().map(|input| builder.input(input.dims()).unwrap()).collect();
        let outputs = build(&mut builder, &values).unwrap();
        let mut program = builder.finish(&outputs).unwrap();
        for _ in 0..2 {
            program.arena.fill(f32::NAN);
            let mut got: Vec<Vec<f32>> = expected.iter().map(|e| vec![f32::NAN; e.len()]).collect();
            let mut slots: Vec<&mut [f32]> = got.iter_mut().map(Vec::as_mut_slice).collect();
            program.run(&slices, &mut slots).unwrap();
            for (got, expected) in got.iter().zip(&expected) {
                let size = expected.iter().fold(1.0_f32, |size, e| size.max(e.abs()));
                for (got, expected) in got.iter().zip(expected) {
                    // The same kernels in another order of sums.
                    assert!((got - expected).abs() < 1e-5 * size, "{isa:?}: {got}, {expected}");
                }
            }
        }
    });
}

const SAME: Conv = Conv { stride: 1, padding: 1, groups: 1 };

#[test]
fn a_residual_block_agrees_with_its_graph() {
    let (w1, w2, skip) =
        (random(&[5, 3, 3, 3], 1), random(&[5, 5, 3, 3], 2), random(&[5, 3, 1, 1], 3));
    let (bias, head) = (random(&[5], 4), random(&[2, 5], 5));
    let down = Conv { stride: 2, padding: 1, groups: 1 };
    let one = Conv { stride: 2, padding: 0, groups: 1 };
    agrees(
        &[random(&[2, 6, 6, 3], 6)],
        |b, x| {
            let inner = b.conv2d(x[0], &w1, Some(&bias), down, After::then(Activation::Relu))?;
            let around = b.conv2d(x[0], &skip, None, one, After::default())?;
            let after = After { residual: Some(around), activation: Activation::Relu };
            let y = b.conv2d(inner, &w2, Some(&bias), SAME, after)?;
            let mean = b.mean(y, 1..3)?;
            Ok(vec![b.linear(mean, &head, None, After::default())?, y])
        },
        |x| {
            let inner = ops::relu(&ops::conv2d(&x[0], &w1, Some(&bias), down)?)?;
            let around = ops::conv2d(&x[0], &skip, None, one)?;
            let y = ops::relu(&(ops::conv2d(&inner, &w2, Some(&bias), SAME)? + around)?)?;
            Ok(vec![ops::linear(&ops::mean_pixels(&y)?, &head, None)?, y])
        },
    );
}

#[test]
fn a_depthwise_block_with_a_residual_agrees_with_its_graph() {
    let (wide, deep, narrow) =
        (random(&[19, 3, 1, 1], 1), random(&[19, 1, 3, 3], 2), random(&[3, 19, 1, 1], 3));
    let each = Conv { stride: 1, padding: 1, groups: 19 };
    let one = Conv { stride: 1, padding: 0, groups: 1 };
    let silu = After::then(Activation::Silu);
    agrees(
        &[random(&[1, 5, 4, 3], 6)],
        |b, x| {
            let y = b.conv2d(x[0], &wide, None, one, silu)?;
            let after = After { residual: Some(y), activation: Activation::Silu };
            let y = b.conv2d(y, &deep, None, each, after)?;
            Ok(vec![b.conv2d(y, &narrow, None, one, After::plus(x[0]))?])
        },
        |x| {
            let y = ops::silu(&ops::conv2d(&x[0], &wide, None, one)?)?;
            let y = ops::silu(&(ops::conv2d(&y, &deep, None, each)? + &y)?)?;
            Ok(vec![(ops::conv2d(&y, &narrow, None, one)? + &x[0])?])
        },
    );
}

#[test]
fn a_transformer_over_patches_agrees_with_its_graph() {
    let (heads, dim, width) = (2, 3, 5);
    let qkv = random(&[3 * heads * dim, width], 1);
    let (out, bias) = (random(&[width, heads * dim], 2), random(&[width], 3));
    let (gamma, beta) = (random(&[width], 4), random(&[width], 5));
    agrees(
        &[random(&[1, 4, 6, width], 6)],
        |b, x| {
            let tokens = b.reshape(x[0], &[1, 2, 2, 3, 2, width])?;
            let tokens = b.permute(tokens, &[0, 2, 4, 1, 3, 5])?;
            let tokens = b.reshape(tokens, &[4, 6, width])?;
            let y = b.layer_norm(tokens, &gamma, &beta, 1e-5)?;
            let y = b.linear(y, &qkv, None, After::default())?;
            let y = b.attention(y, heads)?;
            let y = b.linear(y, &out, Some(&bias), After::plus(tokens))?;
            let y = b.reshape(y, &[1, 2, 2, 2, 3, width])?;
            let y = b.permute(y, &[0, 3, 1, 4, 2, 5])?;
            let y = b.reshape(y, &[1, 4, 6, width])?;
            Ok(vec![b.concat(x[0], y)?])
        },
        |x| {
            let tokens = x[0].reshape(&[1, 2, 2, 3, 2, width])?.permute(vec![0, 2, 4, 1, 3, 5])?;
            let tokens = tokens.reshape((4, 6, width))?;
            let y = ops::layer_norm(&tokens, &gamma, &beta, 1e-5)?;
            let y = ops::linear(&y, &qkv, None)?.reshape((4, 6, 3, heads, dim))?;
            let y = y.permute((2, 0, 3, 1, 4))?.contiguous()?;
            let y = ops::attention(&y.get(0)?, &y.get(1)?, &y.get(2)?)?;
            let y = y.transpose(1, 2)?.reshape((4, 6, heads * dim))?;
            let y = (ops::linear(&y, &out, Some(&bias))? + tokens)?;
            let y = y.reshape(&[1, 2, 2, 2, 3, width])?.permute(vec![0, 3, 1, 4, 2, 5])?;
            Ok(vec![Tensor::cat(&[&x[0], &y.reshape((1, 4, 6, width))?], 3)?])
        },
    );
}

#[test]
fn a_spiking_clip_with_gates_agrees_with_its_graph() {
    let (space, time) = (random(&[5, 2, 3, 3], 1), random(&[5, 5, 3], 2));
    let (decay, bias) = ((random(&[5], 3).abs().unwrap()), random(&[5], 4));
    let gate = random(&[5, 5], 5);
    agrees(
        &[random(&[2, 4, 4, 6, 2], 6)],
        |b, x| {
            let frames = b.reshape(x[0], &[8, 4, 6, 2])?;
            let y = b.conv2d(frames, &space, None, SAME, After::then(Activation::Relu))?;
            let y = b.reshape(y, &[2, 4, 4, 6, 5])?;
            let y = b.temporal_conv(y, &time, Some(&bias), After::default())?;
            let y = b.soft_spike(y, &decay, &bias)?;
            let frames = b.reshape(y, &[8, 4, 6, 5])?;
            let y = b.max_pool2d(frames, 2)?;
            let y = b.reshape(y, &[2, 4, 2, 3, 5])?;
            let y = b.max_pool_time(y, 2)?;
            let (mean, max) = (b.mean(y, 1..4)?, b.max(y, 1..4)?);
            let mean = b.linear(mean, &gate, None, After::default())?;
            let by = b.linear(max, &gate, None, After::plus(mean))?;
            let by = b.activation(by, Activation::Sigmoid);
            let by = b.reshape(by, &[2, 1, 1, 1, 5])?;
            let y = b.combine(Combine::Lift, y, by)?;
            let (mean, max) = (b.mean(y, 4..5)?, b.max(y, 2..5)?);
            let mean = b.reshape(mean, &[2, 2, 2, 3, 1])?;
            let y = b.combine(Combine::Multiply, y, mean)?;
            let max = b.reshape(max, &[2, 2, 1, 1, 1])?;
            Ok(vec![b.combine(Combine::Subtract, y, max)?, x[0]])
        },
        |x| {
            let frames = x[0].reshape((8, 4, 6, 2))?;
            let y = ops::relu(&ops::conv2d(&frames, &space, None, SAME)?)?;
            let y = ops::temporal_conv(&y.reshape((2, 4, 4, 6, 5))?, &time, Some(&bias))?;
            let y = ops::soft_spike(&y, &decay, &bias)?.reshape((8, 4, 6, 5))?;
            let y = ops::max_pool2d(&y, 2)?.reshape((2, 4, 2, 3, 5))?;
            let y = ops::max_pool_time(&y, 2)?;
            let rows = y.reshape((2, 12, 5))?;
            let mean = ops::linear(&rows.mean(1)?, &gate, None)?;
            let by = ops::sigmoid(&(ops::linear(&rows.max(1)?, &gate, None)? + mean)?)?;
            let y = y.broadcast_mul(&(by.reshape((2, 1, 1, 1, 5))? + 1.0)?)?;
            let mean = y.mean_keepdim(D::Minus1)?;
            let max = y.reshape((2, 2, 30))?.max(2)?.reshape((2, 2, 1, 1, 1))?;
            Ok(vec![y.broadcast_mul(&mean)?.broadcast_sub(&max)?, x[0].clone()])
        },
    );
}

#[test]
fn a_decoder_agrees_with_its_graph() {
    let (w, bias) = (random(&[6, 3, 3, 3], 1), random(&[3], 2));
    let twice = ConvTransposed { stride: 2, padding: 1, output_padding: 1 };
    agrees(
        &[random(&[1, 3, 2, 8], 6)],
        |b, x| {
            let part = b.channels(x[0], 1..7)?;
            let leaky = After::then(Activation::LeakyRelu(0.1));
            let y = b.conv_transpose2d(part, &w, Some(&bias), twice, leaky)?;
            let sum = b.add(y, y)?; // the first is needed again
            Ok(vec![sum, y, part])
        },
        |x| {
            let part = x[0].narrow(3, 1, 6)?;
            let y = ops::conv_transpose2d(&part, &w, Some(&bias), twice)?;
            let y = ops::leaky_relu(&y, 0.1)?;
            Ok(vec![(&y + &y)?, y, part])
        },
    );
}

#[test]
fn results_that_are_no_longer_needed_give_their_memory_back() {
    let w = random(&[3, 3, 3, 3], 1);
    let memory = |layers: usize| {
        let mut b = Program::builder();
        let mut x = b.input(&[1, 16, 16, 3]).unwrap();
        for _ in 0..layers {
            x = b.conv2d(x, &w, None, SAME, After::then(Activation::Relu)).unwrap();
            x = b.activation(x, Activation::Sigmoid); // where it lies
        }
        b.finish(&[x]).unwrap().memory()
    };
    assert_eq!(memory(10), memory(2));
    assert!(memory(10) <= 2 * 16 * 16 * 3 + 16);
}

#[test]
fn shapes_that_do_not_fit_are_errors_that_name_the_node() {
    let mut b = Program::builder();
    let x = b.input(&[1, 4, 4, 3]).unwrap();
    let thin = b.reshape(x, &[1, 16, 1, 3]).unwrap();
    let none = After::default();
    let w = |shape: &[usize]| random(shape, 1);
    let mut messages = vec![
        b.conv2d(x, &w(&[2, 4, 3, 3]), None, SAME, none).unwrap_err(),
        b.conv2d(x, &w(&[2, 3, 3, 3]), Some(&w(&[3])), SAME, none).unwrap_err(),
        b.conv2d(x, &w(&[2, 3, 3, 3]), None, SAME, After::plus(x)).unwrap_err(),
        b.linear(x, &w(&[2, 4]), None, none).unwrap_err(),
        b.max_pool2d(x, 5).unwrap_err(),
        b.max_pool2d(x, 0).unwrap_err(),
        b.coarser_counts(thin, 1.0).unwrap_err(),
        b.mean(x, 3..5).unwrap_err(),
        b.attention(x, 1).unwrap_err(),
        b.reshape(x, &[7]).unwrap_err(),
        b.channels(x, 2..4).unwrap_err(),
        b.permute(x, &[0, 1, 3, 2]).unwrap_err(),
        b.permute(x, &[0, 1, 1, 3]).unwrap_err(),
        b.input(&[1, 0]).unwrap_err(),
    ];
    let other = b.input(&[1, 4, 2, 3]).unwrap();
    messages.push(b.add(x, other).unwrap_err());
    messages.push(b.append(x, &[0.0; 3]).unwrap_err());
    messages.push(b.concat(x, other).unwrap_err());
    for error in messages {
        assert!(matches!(error, Error::Shape { .. }), "{error}");
    }
    let mut program = b.finish(&[x]).unwrap();
    let (image, mut out) = ([0.0; 48], [0.0; 48]);
    let missing = program.run(&[&image], &mut [&mut out]).unwrap_err();
    assert!(missing.to_string().starts_with("input 1 has 0 numbers"), "{missing}");
    let short = program.run(&[&image, &image[..24]], &mut [&mut out[1..]]).unwrap_err();
    assert!(short.to_string().starts_with("output 0 has 47 numbers"), "{short}");
}
