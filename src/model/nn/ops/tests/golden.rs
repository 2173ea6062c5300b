//! Outputs and gradients that `PyTorch` computed: `tools/reference/operators.py`.

use std::path::Path;

use candle_core::{Device, Tensor, Var};

use super::super::{self as ops, Conv, ConvTransposed};
use crate::model::nn::kernels::{Activation, Isa};

/// The file of golden tensors.
pub(in crate::model::nn) struct Golden(std::collections::BTreeMap<String, Tensor>);

impl Golden {
    pub(in crate::model::nn) fn load() -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/golden/operators/operators.safetensors");
        let tensors = candle_core::safetensors::load(file, &Device::Cpu).unwrap();
        Self(tensors.into_iter().collect())
    }

    pub(in crate::model::nn) fn tensor(&self, name: &str) -> Tensor {
        self.0.get(name).unwrap_or_else(|| panic!("no {name}")).clone()
    }

    pub(in crate::model::nn) fn floats(&self, name: &str) -> Vec<f32> {
        floats(&self.tensor(name))
    }
}

pub(in crate::model::nn) fn floats(x: &Tensor) -> Vec<f32> {
    super::floats(x)
}

fn conv(stride: usize, padding: usize, groups: usize) -> Conv {
    Conv { stride, padding, groups }
}

/// Ours, by the names of the script.
fn ours(name: &str, v: &[Tensor]) -> candle_core::Result<Tensor> {
    let twice = ConvTransposed { stride: 2, padding: 1, output_padding: 1 };
    match name {
        "conv" => ops::conv2d(&v[0], &v[1], Some(&v[2]), conv(1, 1, 1)),
        "conv-strided" => ops::conv2d(&v[0], &v[1], Some(&v[2]), conv(2, 1, 1)),
        "conv-pointwise" => ops::conv2d(&v[0], &v[1], Some(&v[2]), conv(1, 0, 1)),
        "conv-depthwise" => ops::conv2d(&v[0], &v[1], Some(&v[2]), conv(2, 1, 18)),
        "conv-transposed" => ops::conv_transpose2d(&v[0], &v[1], Some(&v[2]), twice),
        "temporal" => ops::temporal_conv(&v[0], &v[1], Some(&v[2])),
        "linear" => ops::linear(&v[0], &v[1], Some(&v[2])),
        "batch-norm" => Ok(ops::batch_norm_train(&v[0], &v[1], &v[2], 1e-5, Activation::None)?.0),
        "batch-norm-fixed" => ops::batch_norm_eval(&v[0], &v[1], &v[2], &v[3], &v[4], 1e-5),
        "layer-norm" => ops::layer_norm(&v[0], &v[1], &v[2], 1e-5),
        "max-pool" => ops::max_pool2d(&v[0], 2),
        "max-pool-time" => ops::max_pool_time(&v[0], 2),
        "mean-pixels" => ops::mean_pixels(&v[0]),
        "relu" => ops::relu(&v[0]),
        "leaky-relu" => ops::leaky_relu(&v[0], 0.125),
        "silu" => ops::silu(&v[0]),
        "sigmoid" => ops::sigmoid(&v[0]),
        "attention" => ops::attention(&v[0], &v[1], &v[2]),
        "soft-spike" => ops::soft_spike(&v[0], &v[1], &v[2]),
        "mse" => ops::mse(&v[0], &v[1]),
        other => panic!("the file holds {other}, which this test does not know"),
    }
}

#[test]
fn every_operator_agrees_with_pytorch_forward_and_backward() {
    let golden = Golden::load();
    let cases: Vec<&str> = golden.0.keys().filter_map(|name| name.strip_suffix(".out")).collect();
    assert_eq!(cases.len(), 20, "{cases:?}");
    for name in cases {
        let inputs = (0..).map_while(|n| golden.0.get(&format!("{name}.in.{n}")));
        let inputs: Vec<_> = inputs.collect();
        Isa::each(|isa| {
            let vars: Vec<_> = inputs.iter().map(|x| Var::from_tensor(x).unwrap()).collect();
            let tensors: Vec<_> = vars.iter().map(|var| var.as_tensor().clone()).collect();
            let out = ours(name, &tensors).unwrap();
            let by = golden.tensor(&format!("{name}.by"));
            assert_eq!(out.dims(), by.dims(), "{name}");
            let close = |what: &str, got: &[f32], expected: &[f32]| {
                assert_eq!(got.len(), expected.len(), "{name} {what}");
                let size = expected.iter().fold(1.0_f32, |size, e| size.max(e.abs()));
                for (got, expected) in got.iter().zip(expected) {
                    let error = (got - expected).abs();
                    // As in `TOLERANCE`; the golden numbers are rounded to 32 bits, too.
                    assert!(error < 2e-5 * size, "{name}, {isa:?}, {what}: {got}, {expected}");
                }
            };
            close("output", &floats(&out), &golden.floats(&format!("{name}.out")));
            let gradients = (out * by).unwrap().sum_all().unwrap().backward().unwrap();
            for (n, var) in vars.iter().enumerate() {
                let expected = golden.0.get(&format!("{name}.grad.{n}"));
                assert_eq!(expected.is_some(), gradients.get(var).is_some(), "{name} {n}");
                if let (Some(expected), Some(got)) = (expected, gradients.get(var)) {
                    close(&format!("gradient {n}"), &floats(got), &floats(expected));
                }
            }
        });
    }
}
