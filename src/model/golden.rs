//! Training of the tiny presets, held to `PyTorch`: `tests/golden/<network>/case.toml`.

use std::collections::BTreeMap;
use std::fs;

use candle_core::{DType, Device, Tensor};
use candle_nn::{AdamW, Optimizer, ParamsAdamW, VarBuilder, VarMap};
use serde::Deserialize;

use super::{Mode, Network};

/// The part of `case.toml` that is about training; `tests/it/golden.rs` holds the rest.
#[derive(Debug, Deserialize)]
struct Case {
    training: Vec<Training>,
}

/// One training run.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Training {
    preset: String,
    batch: usize,
    learning_rate: f64,
    stopped: bool,
    losses: Vec<f64>,
    losses_rounding: f64,
    after: Vec<f64>,
    after_rounding: f64,
    gradients: BTreeMap<String, [f64; 2]>,
    gradients_rounding: f64,
}

/// How much more our rounding may change than `PyTorch`'s does in 32 bits: sums run in another
/// order.
const MARGIN: f64 = 10.0;
/// How far 64-bit results may be apart after ten steps; `case.toml` holds 12 digits.
const EXACT: f64 = 1e-8;
/// Steps in 64 bits: enough to go through the optimiser and back, at a tenth of the time.
const EXACT_STEPS: usize = 2;
/// Least rounding assumed: a result that 32-bit floats happen to hit says nothing about others.
const LEAST_ROUNDING: f64 = 2e-7;
/// Norms below this part of the largest are rounding noise, see `networks.py`.
const NOISE: f64 = 1e-4;

/// The generator of `networks.py`: Knuth's MMIX numbers, top 24 bits, -0.5..0.5.
pub(super) struct Numbers(pub(super) u64);

impl Numbers {
    pub(super) fn next(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(self.0 >> 40).unwrap()) / 16_777_216.0 - 0.5
    }

    /// A number as the weight called `name` of this shape has it, before rounding to 32 bits.
    fn weight(&mut self, name: &str, shape: &[usize]) -> f64 {
        let x = self.next();
        if shape.len() > 1 {
            let inputs = u32::try_from(shape[1..].iter().product::<usize>()).unwrap();
            x * (24.0 / f64::from(inputs)).sqrt()
        } else if name.ends_with("running_var") {
            x + 1.0
        } else if name.ends_with(".weight") {
            0.5 * x + 1.0
        } else if name.ends_with("decay_logit") {
            x - 0.4
        } else {
            0.4 * x
        }
    }

    /// `shape` filled with what `element` makes of this generator, rounded to 32 bits.
    fn tensor(&mut self, shape: &[usize], mut element: impl FnMut(&mut Self) -> f64) -> Tensor {
        let count = shape.iter().product();
        let values: Vec<f64> = (0..count).map(|_| element(self)).collect();
        let tensor = Tensor::from_vec(values, shape, &Device::Cpu).unwrap();
        tensor.to_dtype(DType::F32).unwrap()
    }
}

/// A pixel of a radar map, 0..1.
pub(super) fn map_pixel(numbers: &mut Numbers) -> f64 {
    numbers.next() + 0.5
}

/// A voxel: 0 to 5 fifths, mostly 0.
pub(super) fn voxel(numbers: &mut Numbers) -> f64 {
    (60.0 * (numbers.next() + 0.5) - 54.0).floor().clamp(0.0, 5.0) / 5.0
}

/// The mean cross entropy, with the classes taking turns.
pub(super) fn class_loss(logits: &Tensor) -> Tensor {
    let (batch, classes) = logits.dims2().unwrap();
    let labels = (0..batch).map(|face| u32::try_from(face % classes).unwrap());
    let labels = Tensor::from_iter(labels, &Device::Cpu).unwrap();
    candle_nn::loss::cross_entropy(logits, &labels).unwrap()
}

/// Repeats all training runs of a network: gradients, loss curve, and the scores afterwards. In 64
/// bits, where a mistake cannot pass as rounding, and in the 32 bits of daily use.
///
/// `config` makes the hyper-parameters of a preset, with leaves stopped or not.
pub(super) fn trains_as_pytorch_does<N: Network>(
    config: impl Fn(&str, bool) -> N::Config,
    element: fn(&mut Numbers) -> f64,
    loss_of: impl Fn(&N::Output) -> Tensor,
) {
    let text = fs::read_to_string(format!("tests/golden/{}/case.toml", N::NAME)).unwrap();
    let case: Case = toml::from_str(&text).unwrap();
    assert!(!case.training.is_empty());
    for run in &case.training {
        for precision in [DType::F64, DType::F32] {
            let config = config(&run.preset, run.stopped);
            repeat::<N>(&config, run, precision, element, &loss_of);
        }
    }
}

fn repeat<N: Network>(
    config: &N::Config,
    run: &Training,
    precision: DType,
    element: fn(&mut Numbers) -> f64,
    loss_of: &impl Fn(&N::Output) -> Tensor,
) {
    let vars = VarMap::new();
    let network = N::new(config, &VarBuilder::from_varmap(&vars, precision, &Device::Cpu)).unwrap();
    let mut numbers = Numbers(2512);
    let sorted: BTreeMap<_, _> = vars.data().lock().unwrap().clone().into_iter().collect();
    for (name, var) in &sorted {
        let shape = var.dims();
        let value = numbers.tensor(shape, |numbers| numbers.weight(name, shape));
        var.set(&value.to_dtype(precision).unwrap()).unwrap();
    }
    let input = numbers.tensor(&[&[run.batch], N::INPUT].concat(), element);
    let input = input.to_dtype(precision).unwrap();
    let allowed = |rounding: f64| match precision {
        DType::F64 => EXACT,
        _ => MARGIN * rounding.max(LEAST_ROUNDING),
    };

    let settings = ParamsAdamW { lr: run.learning_rate, ..ParamsAdamW::default() };
    let mut optimiser = AdamW::new(vars.all_vars(), settings).unwrap();
    let mut losses = Vec::new();
    let steps = match precision {
        DType::F64 => run.losses.len().min(EXACT_STEPS),
        _ => run.losses.len(),
    };
    for step in 0..steps {
        let loss = loss_of(&network.forward(&input, Mode::Train).unwrap());
        let gradients = loss.backward().unwrap();
        if step == 0 {
            let learning = sorted.iter().filter(|(name, _)| !name.contains("running_"));
            let found = learning.map(|(name, var)| {
                let gradient = gradients.get(var).unwrap_or_else(|| panic!("{name} has none"));
                (name.as_str(), norm_and_projection(gradient))
            });
            let tolerance = allowed(run.gradients_rounding);
            compare_gradients(&found.collect(), run, tolerance);
        }
        losses.push(loss.to_dtype(DType::F64).unwrap().to_scalar().unwrap());
        optimiser.step(&gradients).unwrap();
    }
    assert_close("losses", &losses, &run.losses[..steps], allowed(run.losses_rounding));
    if steps < run.losses.len() {
        return;
    }
    let first = input.narrow(0, 0, 1).unwrap();
    let after = N::scores(&network.forward(&first, Mode::Eval).unwrap()).unwrap();
    let after = after.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap();
    assert_close("scores afterwards", &after, &run.after, allowed(run.after_rounding));
}

/// Two numbers that no misplaced, missing or doubled element leaves as they are.
fn norm_and_projection(gradient: &Tensor) -> [f64; 2] {
    let gradient = gradient.flatten_all().unwrap().to_dtype(DType::F64).unwrap();
    let values: Vec<f64> = gradient.to_vec1().unwrap();
    let mut direction = Numbers(7);
    let norm = values.iter().map(|value| value * value).sum::<f64>().sqrt();
    [norm, values.iter().map(|value| value * direction.next()).sum()]
}

fn compare_gradients(found: &BTreeMap<&str, [f64; 2]>, run: &Training, tolerance: f64) {
    let names: Vec<&str> = run.gradients.keys().map(String::as_str).collect();
    assert_eq!(found.keys().copied().collect::<Vec<_>>(), names);
    let largest = run.gradients.values().fold(0.0_f64, |largest, [norm, _]| largest.max(*norm));
    for (name, expected) in &run.gradients {
        let found = found[name.as_str()];
        let unit = expected[0].max(NOISE * largest);
        let off = (found[0] - expected[0]).abs().max((found[1] - expected[1]).abs()) / unit;
        assert!(off < tolerance, "{name}: {found:?} against {expected:?}, {off} of {tolerance}");
        // Only a shift can be what the next norm takes away.
        let learns = expected[0] > 1e-9 * largest;
        assert!(learns || name.ends_with("bias"), "{name} never learns: {expected:?}");
    }
}

fn assert_close(what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(0.0_f64, |scale, value| scale.max(value.abs()));
    let off = found.iter().zip(expected).fold(0.0_f64, |off, (a, b)| off.max((a - b).abs()));
    assert!(off / scale < tolerance, "{what}: {found:?} against {expected:?}, {tolerance}");
}
