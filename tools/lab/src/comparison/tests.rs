//! Each network against PyTorch, and every weight within reach of the loss.

use std::collections::BTreeMap;
use std::fs;

use candle_core::{DType, Device, Tensor};
use candle_nn::{VarBuilder, VarMap};
use serde::Deserialize;
use visaged::model::{Mode, Network};

use super::*;

/// `golden/<network>.toml`, written by `tools/reference/networks.py`.
#[derive(Deserialize)]
struct Case {
    scores: Vec<Scores>,
}

#[derive(Debug, Deserialize)]
struct Scores {
    preset: String,
    expected: Vec<f64>,
}

/// The generator of `networks.py`: Knuth's MMIX numbers, top 24 bits, -0.5..0.5.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(self.0 >> 40).unwrap()) / 16_777_216.0 - 0.5
    }

    fn weight(&mut self, name: &str, shape: &[usize]) -> f64 {
        let x = self.next();
        if shape.len() > 1 {
            let inputs = u32::try_from(shape[1..].iter().product::<usize>()).unwrap();
            x * (24.0 / f64::from(inputs)).sqrt()
        } else if name.ends_with(".weight") {
            0.5 * x + 1.0
        } else {
            0.4 * x
        }
    }

    /// Rounded to 32 bits, as weights and voxels are, and computed with in 64.
    fn tensor(&mut self, shape: &[usize], mut element: impl FnMut(&mut Self) -> f64) -> Tensor {
        let count = shape.iter().product();
        let values: Vec<f64> = (0..count).map(|_| element(self)).collect();
        let tensor = Tensor::from_vec(values, shape, &Device::Cpu).unwrap();
        tensor.to_dtype(DType::F32).unwrap().to_dtype(DType::F64).unwrap()
    }
}

/// A network with the weights of `networks.py`, and the clip that follows them.
fn golden<N: Network>(preset: &str) -> (N, VarMap, Tensor) {
    let vars = VarMap::new();
    let builder = VarBuilder::from_varmap(&vars, DType::F64, &Device::Cpu);
    let network = N::new(&N::preset(preset).unwrap(), &builder).unwrap();
    let mut numbers = Numbers(2512);
    let sorted: BTreeMap<_, _> = vars.data().lock().unwrap().clone().into_iter().collect();
    for (name, var) in &sorted {
        let shape = var.dims();
        var.set(&numbers.tensor(shape, |numbers| numbers.weight(name, shape))).unwrap();
    }
    let clip = numbers.tensor(&[&[1], N::INPUT].concat(), |numbers| {
        (60.0 * (numbers.next() + 0.5) - 54.0).floor().clamp(0.0, 5.0) / 5.0
    });
    (network, vars, clip)
}

fn computes_what_pytorch_computes<N: Network>() {
    let text = fs::read_to_string(format!("golden/{}.toml", N::NAME)).unwrap();
    let case: Case = toml::from_str(&text).unwrap();
    assert_eq!(case.scores.len(), 2);
    for case in &case.scores {
        let (network, _, clip) = golden::<N>(&case.preset);
        let scores = N::scores(&network.forward(&clip, Mode::Eval).unwrap()).unwrap();
        let scores: Vec<f64> = scores.flatten_all().unwrap().to_vec1().unwrap();
        assert_eq!(scores.len(), case.expected.len());
        for (score, expected) in scores.iter().zip(&case.expected) {
            // 64 bits on both sides, 12 digits in the file
            assert!((score - expected).abs() < 1e-9, "{scores:?} against {case:?}");
        }
    }
}

fn every_weight_gets_a_gradient<N: Network<Output = Tensor>>() {
    let (network, vars, clip) = golden::<N>("tiny");
    let label = Tensor::new(&[1_u32], &Device::Cpu).unwrap();
    let loss =
        candle_nn::loss::cross_entropy(&network.forward(&clip, Mode::Train).unwrap(), &label);
    let gradients = loss.unwrap().backward().unwrap();
    for (name, var) in vars.data().lock().unwrap().iter() {
        let gradient = gradients.get(var).unwrap_or_else(|| panic!("{name} has none"));
        let size: f64 = gradient.sqr().unwrap().sum_all().unwrap().to_scalar().unwrap();
        assert!(size > 0.0, "{name}");
    }
}

#[test]
fn c3d_computes_what_pytorch_computes_and_learns_in_every_weight() {
    computes_what_pytorch_computes::<C3d>();
    every_weight_gets_a_gradient::<C3d>();
}

#[test]
fn the_recurrent_network_computes_what_pytorch_computes_and_learns_in_every_weight() {
    computes_what_pytorch_computes::<Gru>();
    every_weight_gets_a_gradient::<Gru>();
}

#[test]
fn the_transformer_computes_what_pytorch_computes_and_learns_in_every_weight() {
    computes_what_pytorch_computes::<Transformer>();
    every_weight_gets_a_gradient::<Transformer>();
}
