//! Gradients of candle's backward pass against finite differences, in f64.

use candle_core::{DType, Device, Result, Tensor, Var};

use crate::model::testing::Lcg;

/// Half the step of the central difference. Its own error is about step^2 times the third
/// derivative, 1e-10 for functions near one; rounding adds 1e-16 / step = 1e-11.
const STEP: f64 = 1e-5;

/// Random numbers in -1..1.
pub(in crate::model) fn random(shape: &[usize], seed: u32) -> Tensor {
    let mut lcg = Lcg(seed);
    let count = shape.iter().product();
    let values: Vec<f64> = (0..count).map(|_| f64::from(lcg.next())).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

/// Checks the gradient of `function` with respect to every element of every one of `at`.
///
/// What `function` gives is weighted by random numbers before it is summed: a gradient that lands on
/// the wrong element cannot hide.
pub(in crate::model) fn check(at: &[Tensor], function: impl Fn(&[Tensor]) -> Result<Tensor>) {
    let loss = |at: &[Tensor]| -> Result<Tensor> {
        let y = function(at)?;
        (&y * random(y.dims(), 77))?.sum_all()
    };
    let vars: Vec<Var> = at.iter().map(|x| Var::from_tensor(x).unwrap()).collect();
    let tensors: Vec<Tensor> = vars.iter().map(|var| var.as_tensor().clone()).collect();
    let gradients = loss(&tensors).unwrap().backward().unwrap();
    for (number, var) in vars.iter().enumerate() {
        let gradient = gradients.get(var).unwrap_or_else(|| panic!("input {number} has none"));
        assert_eq!(gradient.dims(), var.dims(), "input {number}");
        let gradient = gradient.flatten_all().unwrap().to_vec1::<f64>().unwrap();
        let values = at[number].flatten_all().unwrap().to_vec1::<f64>().unwrap();
        for (element, &gradient) in gradient.iter().enumerate() {
            let shifted = |by: f64| {
                let mut values = values.clone();
                values[element] += by;
                let mut all = at.to_vec();
                all[number] = Tensor::from_vec(values, at[number].dims(), &Device::Cpu).unwrap();
                loss(&all).unwrap().to_scalar::<f64>().unwrap()
            };
            let difference = (shifted(STEP) - shifted(-STEP)) / (2.0 * STEP);
            assert!(
                (gradient - difference).abs() < 1e-7 * (1.0 + difference.abs()),
                "input {number}, element {element}: {gradient} against {difference}"
            );
        }
    }
}

/// A builder that draws weights as at the start of training, in f64, and the variables behind it.
pub(in crate::model) fn fresh_weights() -> (candle_nn::VarMap, candle_nn::VarBuilder<'static>) {
    let map = candle_nn::VarMap::new();
    let builder = candle_nn::VarBuilder::from_varmap(&map, DType::F64, &Device::Cpu);
    (map, builder)
}
