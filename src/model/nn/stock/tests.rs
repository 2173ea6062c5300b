//! Each operator against loops where its meaning could be mistaken, and against finite differences.

use super::*;
use crate::model::nn::gradient_check::{check, random};

fn plain(stride: usize, padding: usize) -> Conv {
    Conv { stride, padding, groups: 1 }
}

fn values(x: &Tensor) -> Vec<f64> {
    x.flatten_all().unwrap().to_vec1().unwrap()
}

fn close(a: &[f64], b: &[f64]) {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).for_each(|(a, b)| assert!((a - b).abs() < 1e-12, "{a} {b}"));
}

/// Odd and unlike sizes, a batch above one: what candle's own gradients stumble over.
#[test]
fn gradients_of_convolutions_are_finite_differences() {
    for (shape, kernel, conv) in [
        ([2, 5, 4, 3], [2, 3, 3, 3], plain(1, 1)),
        ([2, 6, 6, 2], [3, 2, 3, 3], plain(2, 1)),
        ([2, 5, 5, 2], [3, 2, 1, 1], plain(2, 0)),
        ([2, 4, 5, 3], [4, 3, 1, 1], plain(1, 0)),
        ([2, 4, 5, 3], [3, 1, 3, 3], Conv { stride: 1, padding: 1, groups: 3 }),
        ([2, 6, 6, 3], [3, 1, 3, 3], Conv { stride: 2, padding: 1, groups: 3 }),
    ] {
        let at = [random(&shape, 1), random(&kernel, 2), random(&kernel[..1], 3)];
        check(&at, |at| conv2d(&at[0], &at[1], Some(&at[2]), conv));
    }
}

#[test]
fn gradients_of_transposed_and_temporal_convolutions_are_finite_differences() {
    let conv = ConvTransposed { stride: 2, padding: 1, output_padding: 1 };
    let at = [random(&[2, 3, 4, 2], 1), random(&[2, 3, 3, 3], 2), random(&[3], 3)];
    check(&at, |at| conv_transpose2d(&at[0], &at[1], Some(&at[2]), conv));
    for taps in [1, 3, 5] {
        let at = [random(&[2, 4, 2, 3, 2], 1), random(&[3, 2, taps], 2), random(&[3], 3)];
        check(&at, |at| temporal_conv(&at[0], &at[1], Some(&at[2])));
    }
}

#[test]
fn gradients_of_linear_layers_hold_for_transposed_inputs() {
    let at = [random(&[2, 3, 4], 1), random(&[5, 3], 2), random(&[5], 3)];
    check(&at, |at| linear(&at[0].transpose(1, 2)?, &at[1], Some(&at[2])));
}

#[test]
fn gradients_of_normalisations_are_finite_differences() {
    let at = [random(&[3, 2, 2, 4], 1), random(&[4], 2), random(&[4], 3)];
    check(&at, |at| Ok(batch_norm_train(&at[0], &at[1], &at[2], 1e-5)?.0));
    check(&at, |at| layer_norm(&at[0], &at[1], &at[2], 1e-5));
    let (mean, var) = (random(&[4], 4), (random(&[4], 5) + 2.0).unwrap());
    check(&at, |at| batch_norm_eval(&at[0], &at[1], &at[2], &mean, &var, 1e-5));
}

#[test]
fn gradients_of_pooling_are_finite_differences() {
    check(&[random(&[2, 5, 4, 3], 1)], |at| max_pool2d(&at[0], 2));
    check(&[random(&[2, 5, 2, 2, 3], 1)], |at| max_pool_time(&at[0], 2));
    check(&[random(&[2, 3, 4, 3], 1)], |at| mean_pixels(&at[0]));
    check(&[random(&[2, 4, 6, 3], 1)], |at| mean_pool2d(&at[0], 2));
}

#[test]
fn gradients_of_activations_are_finite_differences() {
    let at = [random(&[3, 7], 1)];
    check(&at, |at| relu(&at[0]));
    check(&at, |at| leaky_relu(&at[0], 0.01));
    check(&at, |at| activation(&at[0], Activation::Silu));
    check(&at, |at| sigmoid(&at[0]));
    check(&[random(&[3, 2], 1), random(&[3, 2], 2)], |at| mse(&at[0], &at[1]));
}

#[test]
fn gradients_of_attention_and_of_soft_spikes_are_finite_differences() {
    let at = [1, 2, 3].map(|seed| random(&[2, 2, 3, 4], seed));
    check(&at, |at| attention(&at[0], &at[1], &at[2]));
    let decay = ((random(&[3], 2) + 1.0).unwrap() / 2.0).unwrap();
    let at = [(random(&[2, 5, 1, 2, 3], 1) * 3.0).unwrap(), decay, random(&[3], 3)];
    check(&at, |at| soft_spike(&at[0], &at[1], &at[2]));
}

#[test]
fn the_first_of_equal_values_takes_the_whole_gradient() {
    let zeros = candle_core::Var::from_tensor(&random(&[1, 2, 4, 1], 1).zeros_like().unwrap());
    let zeros = zeros.unwrap();
    let gradient = |y: Tensor| {
        let gradients = y.sum_all().unwrap().backward().unwrap();
        values(gradients.get(&zeros).unwrap())
    };
    let [one, none] = [1.0, 0.0];
    close(
        &gradient(max_pool2d(&zeros, 2).unwrap()),
        &[one, none, one, none, none, none, none, none],
    );
    close(&gradient(relu(&zeros).unwrap()), &[0.0; 8]);
    close(&gradient(leaky_relu(&zeros, 0.25).unwrap()), &[0.25; 8]);
    let clip = zeros.reshape((1, 2, 2, 2, 1)).unwrap();
    close(
        &gradient(max_pool_time(&clip, 2).unwrap()),
        &[one, one, one, one, none, none, none, none],
    );
}

#[test]
fn a_temporal_convolution_looks_one_frame_back_and_one_ahead() {
    let x = Tensor::new(&[1.0, 10.0, 100.0], &candle_core::Device::Cpu).unwrap();
    let weight = Tensor::new(&[[[2.0, 3.0, 5.0]]], &candle_core::Device::Cpu).unwrap();
    let y = temporal_conv(&x.reshape((1, 3, 1, 1, 1)).unwrap(), &weight, None).unwrap();
    close(&values(&y), &[3.0 + 50.0, 2.0 + 30.0 + 500.0, 20.0 + 300.0]);
}

#[test]
fn a_soft_spike_takes_from_the_state_what_it_has_given() {
    let current = Tensor::new(&[0.5, -1.0, 2.0], &candle_core::Device::Cpu).unwrap();
    let one = |value: f64| Tensor::new(&[value], &candle_core::Device::Cpu).unwrap();
    let y = soft_spike(&current.reshape((1, 3, 1, 1, 1)).unwrap(), &one(0.4), &one(-1.0));
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let mut expected = Vec::new();
    let (mut state, mut spike) = (0.0, 0.0);
    for current in [0.5, -1.0, 2.0] {
        state = current + 0.4 * state * (1.0 - spike);
        spike = sigmoid(state - 1.0);
        expected.push(spike);
    }
    close(&values(&y.unwrap()), &expected);
}

#[test]
fn depthwise_channels_do_not_mix() {
    let conv = Conv { stride: 1, padding: 1, groups: 2 };
    let (x, weight) = (random(&[1, 3, 3, 2], 1), random(&[2, 1, 3, 3], 2));
    let both = conv2d(&x, &weight, None, conv).unwrap();
    for channel in 0..2 {
        let alone = conv2d(
            &x.narrow(3, channel, 1).unwrap(),
            &weight.narrow(0, channel, 1).unwrap(),
            None,
            plain(1, 1),
        );
        close(&values(&both.narrow(3, channel, 1).unwrap()), &values(&alone.unwrap()));
    }
}
