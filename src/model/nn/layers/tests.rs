//! Layers: folding changes nothing, gradients are right, running statistics follow the data.

use candle_core::{Result, Tensor};
use candle_nn::{VarBuilder, VarMap};

use super::linear::LinearBn;
use super::*;
use crate::model::nn::gradient_check::{check, fresh_weights, random};
use crate::model::nn::program::Activation;
use crate::model::nn::{Mode, ops};

/// A layer with weights and running statistics that are nowhere near their initial values.
fn worn<L>(build: impl FnOnce(&VarBuilder<'_>) -> Result<L>) -> (VarMap, L) {
    let (map, builder) = fresh_weights();
    let layer = build(&builder).unwrap();
    for (seed, (name, var)) in (100..).zip(sorted(&map)) {
        let value = random(var.dims(), seed);
        let value = if name.ends_with("running_var") { (value + 2.0).unwrap() } else { value };
        var.set(&value).unwrap();
    }
    (map, layer)
}

fn sorted(map: &VarMap) -> Vec<(String, candle_core::Var)> {
    let vars = map.data().lock().unwrap();
    let mut sorted: Vec<_> = vars.iter().map(|(name, var)| (name.clone(), var.clone())).collect();
    sorted.sort_by(|(a, _), (b, _)| a.cmp(b));
    sorted
}

fn flat(x: &Tensor) -> Vec<f64> {
    x.flatten_all().unwrap().to_vec1().unwrap()
}

fn same(a: &Tensor, b: &Tensor) {
    assert_eq!(a.dims(), b.dims());
    let largest = (a - b).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap();
    let largest: f64 = largest.to_scalar().unwrap();
    // f64: sums of a few dozen products of numbers near one
    assert!(largest < 1e-12, "{largest}");
}

#[test]
fn a_folded_convolution_is_the_convolution_and_its_norm() {
    let x = random(&[2, 6, 6, 3], 1);
    let layers = [
        worn(|weights| ConvBn::new(3, 5, 3, 2, weights)).1,
        worn(|weights| ConvBn::new(3, 4, 1, 1, weights)).1,
        worn(|weights| ConvBn::depthwise(3, 3, 1, weights)).1,
    ];
    for layer in layers {
        let (conv, weight, bias) = layer.folded().unwrap();
        let folded = ops::conv2d(&x, &weight, Some(&bias), conv).unwrap();
        same(&layer.forward(&x, Mode::Eval, Activation::None).unwrap(), &folded);
    }
}

#[test]
fn folded_transposed_temporal_and_linear_layers_are_the_layers_and_their_norms() {
    let (_, layer) = worn(|weights| ConvTransposedBn::new(3, 2, weights));
    let x = random(&[2, 3, 4, 3], 1);
    let (conv, weight, bias) = layer.folded().unwrap();
    let folded = ops::conv_transpose2d(&x, &weight, Some(&bias), conv).unwrap();
    same(&layer.forward(&x, Mode::Eval, Activation::None).unwrap(), &folded);

    let (_, layer) = worn(|weights| LinearBn::new(7, 4, weights));
    let x = random(&[3, 7], 1);
    let (weight, bias) = layer.folded().unwrap();
    same(&layer.forward(&x, Mode::Eval).unwrap(), &ops::linear(&x, &weight, Some(&bias)).unwrap());

    let (_, layer) = worn(|weights| ConvPair::new(2, 3, weights));
    let x = random(&[2, 4, 5, 5, 2], 1);
    let (conv, weight, bias) = layer.folded_space().unwrap();
    let frames = x.flatten(0, 1).unwrap();
    let frames = ops::relu(&ops::conv2d(&frames, &weight, Some(&bias), conv).unwrap()).unwrap();
    let (weight, bias) = layer.folded_time().unwrap();
    let clip = frames.reshape((2, 4, 5, 5, 3)).unwrap();
    let folded = ops::temporal_conv(&clip, &weight, Some(&bias)).unwrap();
    same(&layer.forward(&x, Mode::Eval).unwrap(), &folded);
}

#[test]
fn running_statistics_converge_to_those_of_the_data_and_are_saved_with_the_weights() {
    let (map, builder) = fresh_weights();
    let layer = BatchNorm::new(2, &builder).unwrap();
    let x = ((random(&[40, 2], 1) * 3.0).unwrap() + 5.0).unwrap();
    for _ in 0..200 {
        layer.forward(&x, Mode::Train, Activation::None).unwrap();
    }
    let [mean, var] = ["running_mean", "running_var"].map(|name| {
        let found = sorted(&map).into_iter().find(|(at, _)| at == name);
        found.unwrap().1.as_detached_tensor()
    });
    // 0.9^200 = 7e-10 of the initial values are left
    let close = |a: &Tensor, b: &Tensor| {
        let difference = (a - b).unwrap().abs().unwrap().sum_all().unwrap();
        assert!(difference.to_scalar::<f64>().unwrap() < 1e-7, "{a} {b}");
    };
    close(&mean, &x.mean(0).unwrap());
    close(&var, &x.var(0).unwrap());
    let eval = layer.forward(&x, Mode::Eval, Activation::None).unwrap();
    assert!(eval.mean_all().unwrap().to_scalar::<f64>().unwrap().abs() < 1e-7);
}

#[test]
fn evaluation_neither_touches_nor_teaches_the_running_statistics() {
    let (map, layer) = worn(|weights| BatchNorm::new(3, weights));
    let before: Vec<_> =
        sorted(&map).iter().map(|(_, var)| var.as_tensor().copy().unwrap()).collect();
    let y = layer.forward(&random(&[4, 3], 1), Mode::Eval, Activation::None).unwrap();
    let gradients = y.sqr().unwrap().sum_all().unwrap().backward().unwrap();
    for ((name, var), before) in sorted(&map).iter().zip(&before) {
        same(var.as_tensor(), before);
        assert_eq!(gradients.get(var).is_some(), !name.starts_with("running"), "{name}");
    }
}

/// The gradient of a layer's output with respect to its input and all its weights.
fn check_layer<L>(
    x: &Tensor,
    build: impl Fn(&VarBuilder<'_>) -> Result<L>,
    forward: impl Fn(&L, &Tensor) -> Result<Tensor>,
) {
    let (map, _) = worn(&build);
    let (names, mut at): (Vec<String>, Vec<Tensor>) =
        sorted(&map).into_iter().map(|(name, var)| (name, var.as_tensor().copy().unwrap())).unzip();
    at.push(x.clone());
    check(&at, |at| {
        let weights = names.iter().cloned().zip(at.iter().cloned()).collect();
        let builder = VarBuilder::from_tensors(weights, x.dtype(), x.device());
        forward(&build(&builder)?, &at[names.len()])
    });
}

#[test]
fn gradients_of_soft_spiking_neurons_are_finite_differences() {
    let x = (random(&[2, 4, 2, 1, 3], 1) * 2.0).unwrap();
    check_layer(&x, |weights| SoftSpike::new(3, weights), SoftSpike::forward);
}

#[test]
fn gradients_of_space_time_attention_are_finite_differences() {
    let x = random(&[2, 4, 3, 3, 2], 1);
    check_layer(&x, |weights| SpaceTimeAttention::new(2, 4, weights), SpaceTimeAttention::forward);
}

#[test]
fn gradients_of_leaves_are_finite_differences() {
    check_layer(&random(&[3, 5], 1), |weights| Iled::new(5, 2, weights), Iled::forward);
}

#[test]
fn a_pixel_reaches_every_pixel_through_a_mobile_vit_block() {
    let size = MobileVitSize { channels: 3, dim: 8, depth: 1, widening: 2 };
    let (_, layer) = worn(|weights| MobileVitBlock::new(size, weights));
    let x = random(&[1, 8, 8, 3], 1);
    let mut touched = flat(&x);
    touched[0] += 1.0;
    let touched = Tensor::from_vec(touched, x.dims(), x.device()).unwrap();
    let far = |x: &Tensor| {
        let y = layer.forward(x, Mode::Eval).unwrap();
        flat(&y.narrow(1, 7, 1).unwrap().narrow(2, 6, 2).unwrap())
    };
    // The convolutions alone reach four pixels; attention joins one of the four phases of a patch
    // to its like everywhere, and the last convolution its neighbours.
    far(&x).iter().zip(far(&touched)).for_each(|(a, b)| assert!((a - b).abs() > 1e-9, "{a} {b}"));
}
