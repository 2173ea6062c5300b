//! Shapes that do not fit are errors that say what is wrong, never panics.

use candle_core::{DType, Device, Tensor};

use crate::model::nn::kernels::Activation;
use crate::model::nn::ops::{self, Conv, ConvTransposed};

fn zeros(shape: &[usize]) -> Tensor {
    Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap()
}

const CONV: Conv = Conv { stride: 1, padding: 0, groups: 1 };

#[track_caller]
fn refused(result: candle_core::Result<Tensor>, word: &str) {
    let message = result.unwrap_err().to_string();
    assert!(message.contains(word), "{message}");
}

#[test]
fn convolutions_refuse_what_does_not_fit() {
    let image = zeros(&[1, 4, 4, 3]);
    let conv = |weight: &[usize], conv| ops::conv2d(&image, &zeros(weight), None, conv);
    refused(conv(&[2, 4, 3, 3], CONV), "weights for 4");
    refused(conv(&[2, 3, 5, 3], CONV), "does not fit");
    refused(conv(&[2, 3, 3, 3], Conv { stride: 0, ..CONV }), "does not fit");
    refused(conv(&[0, 3, 3, 3], CONV), "does not fit");
    refused(conv(&[3, 1, 3, 3], Conv { groups: 2, ..CONV }), "groups");
    refused(conv(&[6, 1, 3, 3], Conv { groups: 3, ..CONV }), "groups");
    refused(conv(&[3, 1, 9, 9], Conv { groups: 3, padding: 4, ..CONV }), "taps");
    let weight = zeros(&[2, 3, 3, 3]);
    refused(ops::conv2d(&image, &weight, Some(&zeros(&[3])), CONV), "bias");
    assert!(ops::conv2d(&zeros(&[4, 4, 3]), &weight, None, CONV).is_err());
    let half = weight.to_dtype(DType::F64).unwrap();
    assert!(ops::conv2d(&image, &half, None, CONV).is_err());
}

#[test]
fn transposed_convolutions_refuse_what_does_not_fit() {
    let plain = ConvTransposed { stride: 2, padding: 0, output_padding: 0 };
    let of = |weight: &[usize], conv| {
        ops::conv_transpose2d(&zeros(&[1, 3, 3, 2]), &zeros(weight), None, conv)
    };
    refused(of(&[3, 2, 3, 3], plain), "weights for 3");
    refused(of(&[2, 2, 3, 3], ConvTransposed { output_padding: 2, ..plain }), "output padding");
    refused(of(&[2, 2, 3, 3], ConvTransposed { padding: 9, ..plain }), "nothing");
    refused(of(&[2, 2, 3, 3], ConvTransposed { stride: 0, ..plain }), "output padding");
}

#[test]
fn the_others_refuse_what_does_not_fit() {
    let clip = zeros(&[1, 4, 2, 2, 3]);
    refused(ops::temporal_conv(&clip, &zeros(&[2, 3, 2]), None), "odd");
    refused(ops::temporal_conv(&clip, &zeros(&[2, 4, 3]), None), "weights");
    refused(ops::linear(&zeros(&[2, 3]), &zeros(&[2, 4]), None), "weights");
    refused(ops::linear(&zeros(&[2, 0]), &zeros(&[2, 0]), None), "weights");
    let (three, four) = (zeros(&[3]), zeros(&[4]));
    refused(ops::layer_norm(&clip, &four, &four, 1e-5), "parameters");
    refused(ops::batch_norm_eval(&clip, &three, &three, &three, &four, 1e-5), "parameters");
    assert!(ops::batch_norm_train(&clip, &three, &four, 1e-5, Activation::None).is_err());
    refused(ops::soft_spike(&clip, &three, &four), "channels");
    refused(ops::max_pool2d(&zeros(&[1, 2, 2, 1]), 0), "pools");
    refused(ops::max_pool_time(&clip, 0), "pools");
    refused(ops::mean_pool2d(&zeros(&[1, 4, 6, 2]), 4), "squares");
    refused(ops::mean_pool2d(&zeros(&[1, 4, 4, 2]), 0), "squares");
    refused(ops::mean_pixels(&zeros(&[1, 0, 2, 1])), "mean");
    let q = zeros(&[1, 2, 3, 4]);
    refused(ops::attention(&q, &q, &zeros(&[1, 2, 3, 5])), "values");
    refused(ops::mse(&three, &four), "error");
}

#[test]
fn a_batch_of_nothing_gives_nothing() {
    let none = zeros(&[0, 4, 4, 3]);
    let y = ops::conv2d(&none, &zeros(&[2, 3, 3, 3]), None, CONV).unwrap();
    assert_eq!(y.dims(), [0, 2, 2, 2]);
    assert_eq!(ops::max_pool2d(&none, 2).unwrap().dims(), [0, 2, 2, 3]);
    assert_eq!(ops::max_pool2d(&zeros(&[2, 1, 1, 3]), 2).unwrap().dims(), [2, 0, 0, 3]);
    assert_eq!(ops::coarser_counts(&none, 1.0).unwrap().dims(), [0, 2, 2, 3]);
    assert_eq!(ops::coarser_counts(&zeros(&[2, 1, 4, 3]), 1.0).unwrap().dims(), [2, 0, 2, 3]);
    assert_eq!(ops::relu(&none).unwrap().dims(), [0, 4, 4, 3]);
    assert_eq!(ops::linear(&none, &zeros(&[2, 3]), None).unwrap().dims(), [0, 4, 4, 2]);
    assert_eq!(ops::mean_pixels(&none).unwrap().dims(), [0, 3]);
}
