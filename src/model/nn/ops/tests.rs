//! Every operator against loops in 64-bit floats, forward and, by finite differences, backward, on
//! every instruction set of this CPU.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::float_cmp,
    reason = "tests compute with small counts, and compare exactly where nothing is rounded"
)]

mod cases;
pub(in crate::model::nn) mod golden;
mod refusals;
mod twins;

use candle_core::{Device, Result, Tensor, Var};

use crate::model::nn::kernels::Isa;
use crate::model::testing::Lcg;

/// An input of a case: its shape and how its numbers are drawn.
#[derive(Clone, Copy)]
struct Input<'a> {
    shape: &'a [usize],
    /// Smallest and largest.
    range: (f32, f32),
}

/// Numbers in -1..1.
fn plain(shape: &[usize]) -> Input<'_> {
    Input { shape, range: (-1.0, 1.0) }
}

/// What is right: outputs from inputs, in the order of their shapes.
type Twin<'a> = &'a dyn Fn(&[Vec<f64>]) -> Vec<f64>;

/// Largest error accepted: of sums of some hundred 32-bit products near 1, relative to the largest
/// number of the result. Each product and sum is rounded by at most 2^-24, signs are mixed.
const TOLERANCE: f64 = 2e-5;
/// Step of the finite differences. Their error is `step^2` times a third derivative, and the
/// rounding of 64-bit sums by `step`: both below 1e-9.
const STEP: f64 = 1e-5;

/// Holds `ours` against `twin`, forward and backward, on every instruction set.
fn agrees(
    name: &str,
    inputs: &[Input<'_>],
    ours: &dyn Fn(&[Tensor]) -> Result<Tensor>,
    twin: Twin<'_>,
) {
    let mut lcg = Lcg(7);
    let mut draw = |(low, high): (f32, f32)| low + (high - low) * (0.5 + 0.5 * lcg.next());
    let values: Vec<Vec<f32>> = inputs
        .iter()
        .map(|input| (0..input.shape.iter().product()).map(|_| draw(input.range)).collect())
        .collect();
    let exact: Vec<Vec<f64>> =
        values.iter().map(|v| v.iter().copied().map(f64::from).collect()).collect();
    let expected = twin(&exact);
    let weights: Vec<f32> = expected.iter().map(|_| draw((-1.0, 1.0))).collect();
    let slopes = slopes(twin, &exact, &weights);
    Isa::each(|isa| {
        let vars: Vec<Var> = inputs
            .iter()
            .zip(&values)
            .map(|(input, v)| Var::from_slice(v, input.shape, &Device::Cpu).unwrap())
            .collect();
        let tensors: Vec<Tensor> = vars.iter().map(|var| var.as_tensor().clone()).collect();
        let output = ours(&tensors).unwrap();
        close(&format!("{name}, {isa:?}"), &floats(&output), &expected);
        let by = Tensor::from_slice(&weights, output.shape(), &Device::Cpu).unwrap();
        let gradients = (output * by).unwrap().sum_all().unwrap().backward().unwrap();
        for (n, (var, slopes)) in vars.iter().zip(&slopes).enumerate() {
            let gradient = gradients.get(var).unwrap_or_else(|| panic!("{name}: none for {n}"));
            close(&format!("{name}, {isa:?}, gradient {n}"), &floats(gradient), slopes);
        }
    });
}

/// Slopes of `sum of weights * twin(inputs)` along each number of each input.
fn slopes(twin: Twin<'_>, inputs: &[Vec<f64>], weights: &[f32]) -> Vec<Vec<f64>> {
    let mut at = inputs.to_vec();
    let loss = |at: &[Vec<f64>]| -> f64 {
        twin(at).iter().zip(weights).map(|(y, &w)| y * f64::from(w)).sum()
    };
    let mut slopes = Vec::new();
    for n in 0..inputs.len() {
        let of_input = (0..inputs[n].len()).map(|i| {
            let mut there = |by: f64| {
                at[n][i] = inputs[n][i] + by;
                let loss = loss(&at);
                at[n][i] = inputs[n][i];
                loss
            };
            (there(STEP) - there(-STEP)) / (2.0 * STEP)
        });
        slopes.push(of_input.collect());
    }
    slopes
}

fn close(name: &str, got: &[f32], expected: &[f64]) {
    assert_eq!(got.len(), expected.len(), "{name}");
    let size = expected.iter().fold(1.0_f64, |size, e| size.max(e.abs()));
    for (at, (&got, &expected)) in got.iter().zip(expected).enumerate() {
        let error = (f64::from(got) - expected).abs();
        assert!(error < TOLERANCE * size, "{name}, at {at}: {got} instead of {expected}");
    }
    assert!(expected.iter().any(|e| e.abs() > 1e-3), "{name}: nothing but zeros proves nothing");
}

fn floats(x: &Tensor) -> Vec<f32> {
    x.flatten_all().unwrap().to_vec1().unwrap()
}
