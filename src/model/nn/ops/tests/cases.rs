//! The cases: odd sizes, batches, channels that fill no vector, ties, exact zeros.

use candle_core::{Device, Tensor, Var};

use super::twins::{self, ConvTwin};
use super::{Input, agrees, floats, plain};
use crate::model::nn::kernels::{Activation, Isa};
use crate::model::nn::ops::{self, Conv, ConvTransposed};

fn conv_agrees(image: [usize; 4], weight: [usize; 4], stride: usize, padding: usize) {
    let groups = if weight[1] == 1 { image[3] } else { 1 };
    let twin = ConvTwin { image, weight, stride, padding, groups };
    let conv = Conv { stride, padding, groups };
    agrees(
        &format!("conv {image:?} {weight:?} {conv:?}"),
        &[plain(&image), plain(&weight), plain(&weight[..1])],
        &|v| ops::conv2d(&v[0], &v[1], Some(&v[2]), conv),
        &|v| twin.forward(v),
    );
}

#[test]
fn a_convolution_agrees_with_plain_loops() {
    conv_agrees([2, 5, 7, 3], [5, 3, 3, 3], 1, 1);
    conv_agrees([1, 6, 5, 2], [33, 2, 3, 3], 2, 1);
    conv_agrees([2, 4, 4, 17], [1, 17, 3, 3], 1, 0);
    conv_agrees([1, 5, 4, 2], [2, 2, 2, 3], 3, 2);
    conv_agrees([3, 1, 13, 2], [18, 2, 1, 1], 1, 0);
    conv_agrees([1, 7, 6, 3], [4, 3, 1, 1], 2, 0);
    conv_agrees([1, 8, 8, 2], [1, 2, 7, 7], 1, 3);
}

#[test]
fn a_depthwise_convolution_agrees_with_plain_loops() {
    conv_agrees([2, 5, 6, 3], [3, 1, 3, 3], 1, 1);
    conv_agrees([1, 7, 5, 19], [19, 1, 3, 3], 2, 1);
    conv_agrees([2, 3, 9, 32], [32, 1, 1, 2], 1, 0);
}

#[test]
fn a_convolution_without_a_bias_agrees_with_plain_loops() {
    let (image, weight) = ([2, 4, 3, 3], [9, 3, 3, 3]);
    let twin = ConvTwin { image, weight, stride: 1, padding: 1, groups: 1 };
    agrees(
        "no bias",
        &[plain(&image), plain(&weight)],
        &|v| ops::conv2d(&v[0], &v[1], None, Conv { stride: 1, padding: 1, groups: 1 }),
        &|v| twin.forward(v),
    );
}

#[test]
fn a_transposed_convolution_agrees_with_plain_loops() {
    // [n, h, w, ci], [ci, co, kh, kw], stride, padding, output padding
    let cases = [
        ([2, 3, 4, 5], [5, 3, 3, 3], 2, 1, 1),
        ([1, 3, 3, 2], [2, 17, 3, 3], 2, 1, 0),
        ([1, 4, 2, 3], [3, 2, 2, 2], 2, 0, 0),
        ([2, 3, 2, 2], [2, 1, 3, 2], 1, 1, 0),
        ([1, 2, 3, 2], [2, 3, 2, 2], 3, 0, 2), // some output pixels see no tap at all
    ];
    for (small, weight, stride, padding, output_padding) in cases {
        let [n, h, w, _] = small;
        let side = |s: usize, k: usize| (s - 1) * stride + k + output_padding - 2 * padding;
        let image = [n, side(h, weight[2]), side(w, weight[3]), weight[1]];
        let twin = ConvTwin { image, weight, stride, padding, groups: 1 };
        assert_eq!(twin.output(), small, "the case reverses itself");
        let conv = ConvTransposed { stride, padding, output_padding };
        agrees(
            &format!("transposed {small:?} {weight:?} {conv:?}"),
            &[plain(&small), plain(&weight), plain(&weight[1..2])],
            &|v| ops::conv_transpose2d(&v[0], &v[1], Some(&v[2]), conv),
            &|v| twin.transposed(v),
        );
    }
}

#[test]
fn a_convolution_over_time_agrees_with_plain_loops() {
    for (clip, weight) in [
        ([2, 4, 2, 3, 5], [3, 5, 3]),
        ([1, 5, 1, 1, 2], [33, 2, 5]),
        ([2, 1, 2, 2, 3], [4, 3, 3]), // frames before and after are all missing
        ([1, 2, 3, 1, 2], [2, 2, 7]), // more taps than frames
    ] {
        let [n, t, h, w, ci] = clip;
        agrees(
            &format!("over time {clip:?} {weight:?}"),
            &[plain(&clip), plain(&weight), plain(&weight[..1])],
            &|v| ops::temporal_conv(&v[0], &v[1], Some(&v[2])),
            &|v| twins::temporal([n, t, h * w, ci], [weight[0], weight[2]], v),
        );
    }
}

#[test]
fn a_linear_layer_agrees_with_plain_loops() {
    for [rows, ci, co] in [[1, 37, 5], [7, 3, 40], [26, 4, 1], [2, 1, 16]] {
        agrees(
            &format!("linear {rows} {ci} {co}"),
            &[plain(&[rows, ci]), plain(&[co, ci]), plain(&[co])],
            &|v| ops::linear(&v[0], &v[1], Some(&v[2])),
            &|v| twins::linear([rows, ci, co], v),
        );
    }
}

#[test]
fn a_linear_layer_keeps_leading_axes() {
    let x = Tensor::ones((2, 3, 4, 5), candle_core::DType::F32, &Device::Cpu).unwrap();
    let weight = Tensor::ones((7, 5), candle_core::DType::F32, &Device::Cpu).unwrap();
    assert_eq!(ops::linear(&x, &weight, None).unwrap().dims(), [2, 3, 4, 7]);
}

#[test]
fn batch_norm_agrees_with_plain_loops() {
    for shape in [[2, 3, 2, 5].as_slice(), &[9, 17], &[300, 2]] {
        let columns = shape[shape.len() - 1];
        let parameters = [columns];
        let inputs = [plain(shape), plain(&parameters), plain(&parameters)];
        agrees(
            &format!("batch norm {shape:?}"),
            &inputs,
            &|v| Ok(ops::batch_norm_train(&v[0], &v[1], &v[2], 1e-3, Activation::None)?.0),
            &|v| twins::batch_norm(columns, 1e-3, v),
        );
        agrees(
            &format!("batch norm and silu {shape:?}"),
            &inputs,
            &|v| Ok(ops::batch_norm_train(&v[0], &v[1], &v[2], 1e-3, Activation::Silu)?.0),
            &|v| {
                let normed = twins::batch_norm(columns, 1e-3, v);
                normed.into_iter().map(|x| x * twins::sigmoid(x)).collect()
            },
        );
        let fixed = [vec![0.25; columns], vec![0.5; columns]];
        let [mean, var] = fixed.clone().map(|v: Vec<f64>| {
            let v: Vec<f32> = v.iter().map(|&v| v as f32).collect();
            Tensor::from_slice(&v, columns, &Device::Cpu).unwrap()
        });
        agrees(
            &format!("fixed batch norm {shape:?}"),
            &inputs,
            &|v| ops::batch_norm_eval(&v[0], &v[1], &v[2], &mean, &var, 1e-3),
            &|v| twins::fixed_norm(1e-3, &[v, &fixed].concat()),
        );
    }
}

#[test]
fn batch_statistics_survive_a_large_mean() {
    let rows = 70_000;
    let values: Vec<f32> =
        (0..rows * 3).map(|at| 100.0 + (at as f32 * 0.7).sin() * (at % 3 + 1) as f32).collect();
    let exact: Vec<f64> = values.iter().copied().map(f64::from).collect();
    let (mean, var) = twins::statistics(3, &exact);
    Isa::each(|_| {
        let x = Tensor::from_slice(&values, (rows, 3), &Device::Cpu).unwrap();
        let one = Tensor::ones(3, candle_core::DType::F32, &Device::Cpu).unwrap();
        let (_, got_mean, got_var) =
            ops::batch_norm_train(&x, &one, &one, 1e-5, Activation::None).unwrap();
        for c in 0..3 {
            assert!((f64::from(floats(&got_mean)[c]) / mean[c] - 1.0).abs() < 1e-6);
            assert!((f64::from(floats(&got_var)[c]) / var[c] - 1.0).abs() < 1e-4);
        }
    });
}

#[test]
fn layer_norm_agrees_with_plain_loops() {
    for shape in [[2, 3, 5].as_slice(), &[4, 33], &[1, 16]] {
        let columns = shape[shape.len() - 1];
        agrees(
            &format!("layer norm {shape:?}"),
            &[plain(shape), plain(&[columns]), plain(&[columns])],
            &|v| ops::layer_norm(&v[0], &v[1], &v[2], 1e-3),
            &|v| twins::layer_norm(1e-3, v),
        );
    }
}

#[test]
fn pools_agree_with_plain_loops() {
    for (image, size) in [([2, 5, 4, 3], 2), ([1, 7, 6, 17], 3), ([1, 2, 2, 1], 1)] {
        agrees(
            &format!("pool {image:?} {size}"),
            &[plain(&image)],
            &|v| ops::max_pool2d(&v[0], size),
            &|v| twins::max_pool2d(image, size, &v[0]),
        );
        let clip = [image[0], image[1], 2, image[2], image[3]];
        let frame = 2 * image[2] * image[3];
        agrees(
            &format!("pool over time {clip:?} {size}"),
            &[plain(&clip)],
            &|v| ops::max_pool_time(&v[0], size),
            &|v| twins::max_pool_time([image[0], image[1], frame], size, &v[0]),
        );
        agrees(&format!("mean {image:?}"), &[plain(&image)], &|v| ops::mean_pixels(&v[0]), &|v| {
            twins::mean_pixels([image[0], image[1] * image[2], image[3]], &v[0])
        });
    }
}

#[test]
fn means_of_squares_agree_with_plain_loops() {
    for (image, size) in [([2, 4, 6, 5], 2), ([1, 3, 9, 17], 3), ([3, 2, 2, 1], 1)] {
        let [images, height, width, channels] = image;
        agrees(
            &format!("means of squares {image:?} {size}"),
            &[plain(&image)],
            &|v| ops::mean_pool2d(&v[0], size),
            // An image of squares is as many images of one square, their pixels in reading order.
            &|v| {
                let squares: Vec<f64> = twins::product4([images, height / size, width / size, 1])
                    .flat_map(|(image, down, right, _)| {
                        twins::product4([size, size, channels, 1]).map(move |(y, x, c, _)| {
                            let (row, column) = (down * size + y, right * size + x);
                            ((image * height + row) * width + column) * channels + c
                        })
                    })
                    .map(|at| v[0][at])
                    .collect();
                let count = images * height * width / (size * size);
                twins::mean_pixels([count, size * size, channels], &squares)
            },
        );
    }
}

#[test]
fn functions_of_one_number_agree_with_their_definitions() {
    let input = Input { shape: &[3, 7], range: (-9.0, 9.0) };
    let each = |f: fn(f64) -> f64| move |v: &[Vec<f64>]| v[0].iter().copied().map(f).collect();
    agrees("relu", &[input], &|v| ops::relu(&v[0]), &each(|x| x.max(0.0)));
    let leaky = each(|x| if x > 0.0 { x } else { 0.125 * x });
    agrees("leaky relu", &[input], &|v| ops::leaky_relu(&v[0], 0.125), &leaky);
    agrees("silu", &[input], &|v| ops::silu(&v[0]), &each(|x| x * twins::sigmoid(x)));
    agrees("sigmoid", &[input], &|v| ops::sigmoid(&v[0]), &each(twins::sigmoid));
}

#[test]
fn attention_agrees_with_plain_loops() {
    for shape in [[2, 3, 5, 4], [1, 1, 17, 3], [1, 2, 2, 2], [1, 1, 4, 33]] {
        let input = Input { shape: &shape, range: (-2.0, 2.0) };
        agrees(
            &format!("attention {shape:?}"),
            &[input; 3],
            &|v| ops::attention(&v[0], &v[1], &v[2]),
            &|v| twins::attention([shape[2], shape[3]], v),
        );
    }
}

#[test]
fn attention_survives_products_beyond_what_exp_can_hold() {
    Isa::each(|_| {
        let q = Tensor::full(100.0_f32, (1, 1, 2, 4), &Device::Cpu).unwrap();
        let k = Tensor::new(&[1.0_f32, 1.0, 1.0, 1.0, -1.0, -1.0, -1.0, -1.0], &Device::Cpu);
        let k = k.unwrap().reshape((1, 1, 2, 4)).unwrap();
        let v = k.clone();
        assert_eq!(floats(&ops::attention(&q, &k, &v).unwrap()), [1.0; 8]);
    });
}

#[test]
fn soft_spikes_agree_with_plain_loops() {
    for clip in [[2, 4, 1, 3, 5], [1, 6, 2, 2, 1], [1, 2, 1, 2, 18], [1, 3, 1, 1, 600]] {
        let [n, t, h, w, c] = clip;
        // Six hundred neurons take a second by finite differences and no less than two chunks.
        agrees(
            &format!("spikes {clip:?}"),
            &[
                Input { shape: &clip, range: (-3.0, 3.0) },
                Input { shape: &[c], range: (0.0, 1.0) },
                plain(&[c]),
            ],
            &|v| ops::soft_spike(&v[0], &v[1], &v[2]),
            &|v| twins::soft_spike([n, t, h * w * c], v),
        );
    }
}

#[test]
fn the_mean_squared_error_agrees_with_its_definition() {
    agrees("mse", &[plain(&[3, 5]), plain(&[3, 5])], &|v| ops::mse(&v[0], &v[1]), &|v| {
        let squares = v[0].iter().zip(&v[1]).map(|(a, b)| (a - b).powi(2));
        vec![squares.sum::<f64>() / v[0].len() as f64]
    });
}

#[test]
fn a_tensor_used_twice_gets_both_gradients() {
    let image = [1, 4, 4, 2];
    let twin = ConvTwin { image, weight: [2, 2, 3, 3], stride: 1, padding: 1, groups: 1 };
    agrees(
        "x * conv(x) * pool(x)",
        &[plain(&image), plain(&[2, 2, 3, 3])],
        &|v| {
            let conv = Conv { stride: 1, padding: 1, groups: 1 };
            let y = (ops::conv2d(&v[0], &v[1], None, conv)? * &v[0])?;
            let again = ops::conv2d(&ops::sigmoid(&v[0])?, &v[1], None, conv)?;
            y + again
        },
        &|v| {
            let y = twin.forward(v);
            let soft = vec![v[0].iter().copied().map(twins::sigmoid).collect(), v[1].clone()];
            let y = y.iter().zip(&v[0]).map(|(y, x)| y * x);
            y.zip(twin.forward(&soft)).map(|(y, again)| y + again).collect()
        },
    );
}

#[test]
fn what_is_not_contiguous_is_copied_first() {
    let (image, weight) = ([2, 3, 4, 5], [4, 5, 1, 1]);
    let twin = ConvTwin { image, weight, stride: 1, padding: 0, groups: 1 };
    let conv = Conv { stride: 1, padding: 0, groups: 1 };
    agrees(
        "transposed twice",
        &[plain(&[5, 4, 3, 2]), plain(&[1, 1, 5, 4])],
        &|v| ops::conv2d(&v[0].permute((3, 2, 1, 0))?, &v[1].permute((3, 2, 0, 1))?, None, conv),
        &|v| {
            let x = (0..120).map(|at| {
                let (n, h, w, c) = (at / 60, at / 20 % 3, at / 5 % 4, at % 5);
                v[0][((c * 4 + w) * 3 + h) * 2 + n]
            });
            let weight = (0..20).map(|at| v[1][at % 5 * 4 + at / 5]);
            twin.forward(&[x.collect(), weight.collect()])
        },
    );
}

/// Gradient of the sum of `f` at `values`.
fn gradient_at(values: &[f32], shape: &[usize], f: impl Fn(&Tensor) -> Tensor) -> Vec<f32> {
    let var = Var::from_slice(values, shape, &Device::Cpu).unwrap();
    let gradients = f(var.as_tensor()).sum_all().unwrap().backward().unwrap();
    floats(gradients.get(&var).unwrap())
}

#[test]
fn coarser_counts_are_what_four_pixels_counted_up_to_the_most() {
    for full in [0.75, 10.0] {
        for [n, h, w, c] in [[2, 5, 4, 3], [1, 6, 7, 1], [3, 2, 2, 17]] {
            let values: Vec<f32> =
                (0_u8..).map(|k| f32::from(k % 5) / 5.0).take(n * h * w * c).collect();
            let at = |image, row, column, channel| {
                f64::from(values[((image * h + row) * w + column) * c + channel])
            };
            let expected: Vec<f64> = twins::product4([n, h / 2, w / 2, c])
                .map(|(image, y, x, channel)| {
                    let four = (0..4).map(|k| at(image, 2 * y + k / 2, 2 * x + k % 2, channel));
                    four.sum::<f64>().min(full)
                })
                .collect();
            let x = Tensor::from_slice(&values, (n, h, w, c), &Device::Cpu).unwrap();
            for x in [x.to_dtype(candle_core::DType::F64).unwrap(), x] {
                let coarse = ops::coarser_counts(&x, full).unwrap();
                assert_eq!(coarse.dims(), [n, h / 2, w / 2, c]);
                let coarse = coarse.to_dtype(candle_core::DType::F64).unwrap();
                let found: Vec<f64> = coarse.flatten_all().unwrap().to_vec1().unwrap();
                let off =
                    found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                assert!(off < 1e-6, "{off}");
            }
        }
    }
}

#[test]
fn the_first_of_equal_numbers_takes_the_whole_gradient() {
    Isa::each(|_| {
        let zeros = [0.0; 8];
        let pool = |x: &Tensor| ops::max_pool2d(x, 2).unwrap();
        let expected = [1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        assert_eq!(gradient_at(&zeros, &[1, 2, 4, 1], pool), expected);
        let pool = |x: &Tensor| ops::max_pool_time(x, 2).unwrap();
        let expected = [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0];
        assert_eq!(gradient_at(&zeros, &[1, 2, 2, 2, 1], pool), expected);
        let tie = [1.0, 3.0, 3.0, 2.0];
        let pool = |x: &Tensor| ops::max_pool2d(x, 2).unwrap();
        assert_eq!(gradient_at(&tie, &[1, 2, 2, 1], pool), [0.0, 1.0, 0.0, 0.0]);
    });
}

#[test]
fn slopes_at_exactly_zero_are_those_of_pytorch() {
    Isa::each(|_| {
        let zeros = [0.0, -0.0, 0.0];
        assert_eq!(gradient_at(&zeros, &[3], |x| ops::relu(x).unwrap()), [0.0; 3]);
        let leaky = |x: &Tensor| ops::leaky_relu(x, 0.25).unwrap();
        assert_eq!(gradient_at(&zeros, &[3], leaky), [0.25; 3]);
        assert_eq!(gradient_at(&zeros, &[3], |x| ops::silu(x).unwrap()), [0.5; 3]);
    });
}

#[test]
fn what_is_not_a_number_does_not_look_like_a_quiet_neuron() {
    Isa::each(|_| {
        let x = Tensor::new(&[f32::NAN, 1.0, f32::NAN, -1.0, 2.0], &Device::Cpu).unwrap();
        for f in [ops::relu, ops::silu, ops::sigmoid] {
            let y = floats(&f(&x).unwrap());
            assert!(y[0].is_nan() && y[2].is_nan() && y[1] > 0.0, "{y:?}");
        }
        let pixels = x.reshape((1, 1, 5, 1)).unwrap();
        let one = Tensor::ones((1, 1, 1, 1), candle_core::DType::F32, &Device::Cpu).unwrap();
        let conv = Conv { stride: 1, padding: 0, groups: 1 };
        let y = floats(&ops::conv2d(&pixels, &one, None, conv).unwrap());
        assert!(y[0].is_nan() && y[2].is_nan() && y[1..2] == [1.0] && y[3..] == [-1.0, 2.0]);
    });
}

#[test]
fn extreme_numbers_give_the_limits_of_sigmoid_and_silu() {
    Isa::each(|_| {
        let x =
            Tensor::new(&[-1e30_f32, 1e30, f32::NEG_INFINITY, f32::INFINITY, 0.0], &Device::Cpu);
        let x = x.unwrap();
        let s = floats(&ops::sigmoid(&x).unwrap());
        assert!(s[0] < 1e-37 && s[2] < 1e-37 && s[1..2] == [1.0] && s[3..] == [1.0, 0.5], "{s:?}");
        let y = floats(&ops::silu(&x.narrow(0, 1, 1).unwrap()).unwrap());
        assert_eq!(y, [1e30]);
    });
}
