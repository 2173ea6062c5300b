//! AdamW and Adamax with one pass over each parameter a step.
//!
//! candle's own `AdamW` makes some fourteen temporary tensors per parameter, which took 55 ms a step
//! for 2.2 million parameters; this takes about 3.

use std::cell::RefCell;

use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, DType, InplaceOp1, Layout, Result, Var, bail};

pub use super::kernels::Rule;
use super::kernels::{Isa, Step};
use super::ops::with_floats;

/// Settings of an [`Optimizer`]; the defaults are `PyTorch`'s for AdamW.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Which rule its steps follow.
    pub rule: Rule,
    /// Learning rate, above 0.
    pub rate: f64,
    /// How slowly the moments forget, each in 0..1.
    pub betas: [f64; 2],
    /// Keeps divisions finite.
    pub eps: f64,
    /// Share of a weight that a step of rate 1 takes off (AdamW), or of it that is added to its
    /// gradient (Adamax).
    pub weight_decay: f64,
}

impl Default for Settings {
    fn default() -> Self {
        let (rule, betas) = (Rule::AdamW, [0.9, 0.999]);
        Self { rule, rate: 1e-3, betas, eps: 1e-8, weight_decay: 0.01 }
    }
}

impl Settings {
    /// The numbers of the step with this number, the first one being 1.
    #[expect(clippy::cast_possible_truncation, reason = "kernels compute in 32 bits")]
    fn at(&self, number: i32) -> Step {
        Step {
            rule: self.rule,
            rate: self.rate as f32,
            betas: self.betas.map(|beta| beta as f32),
            eps: self.eps as f32,
            weight_decay: self.weight_decay as f32,
            corrections: self.betas.map(|beta| (1.0 - beta.powi(number)).recip() as f32),
        }
    }
}

/// First and second moment of the gradients of a variable, in the order of its numbers.
pub type Moments = [Vec<f32>; 2];

/// Moves variables against their gradients.
#[derive(Debug)]
pub struct Optimizer {
    settings: Settings,
    steps: i32,
    parameters: Vec<(Var, Moments)>,
}

impl Optimizer {
    /// For contiguous variables of 32-bit floats on the CPU.
    ///
    /// # Errors
    /// When a variable is of another type.
    pub fn new(variables: Vec<Var>, settings: Settings) -> Result<Self> {
        let with_moments = |var: Var| {
            if var.dtype() != DType::F32 {
                bail!("a variable of {:?}: the optimiser moves 32-bit floats", var.dtype());
            }
            let zeros = vec![0.0; var.elem_count()];
            Ok((var, [zeros.clone(), zeros]))
        };
        let parameters = variables.into_iter().map(with_moments).collect::<Result<_>>()?;
        Ok(Self { settings, steps: 0, parameters })
    }

    /// Sets the learning rate of the next step.
    pub fn set_rate(&mut self, rate: f64) {
        self.settings.rate = rate;
    }

    /// Steps taken.
    #[must_use]
    pub fn steps(&self) -> i32 {
        self.steps
    }

    /// The variables with their moments, in the order in which they were given: what a checkpoint
    /// has to hold besides [`steps`](Self::steps).
    pub fn state(&self) -> impl Iterator<Item = &(Var, Moments)> {
        self.parameters.iter()
    }

    /// Goes on from a checkpoint: moments in the order of [`state`](Self::state).
    ///
    /// # Errors
    /// When there are not as many, or one has another size; nothing is changed then.
    pub fn restore(&mut self, steps: i32, moments: Vec<Moments>) -> Result<()> {
        if moments.len() != self.parameters.len() {
            bail!("moments of {} of {} variables", moments.len(), self.parameters.len());
        }
        for ((var, _), new) in self.parameters.iter().zip(&moments) {
            if new.iter().any(|new| new.len() != var.elem_count()) {
                bail!("moments of another size than their variable, {:?}", var.shape());
            }
        }
        for ((_, old), new) in self.parameters.iter_mut().zip(moments) {
            *old = new;
        }
        self.steps = steps;
        Ok(())
    }

    /// One step. Variables without a gradient stay as they are.
    ///
    /// # Errors
    /// When a variable is not contiguous, or it or a gradient not of 32-bit floats on the CPU.
    pub fn step(&mut self, gradients: &GradStore) -> Result<()> {
        self.steps += 1;
        let step = self.settings.at(self.steps);
        for (var, moments) in &mut self.parameters {
            let Some(gradient) = gradients.get(var) else { continue };
            let moments = RefCell::new(moments);
            with_floats(&gradient.contiguous()?, |gradient| {
                var.inplace_op1(&Fused { step, gradient, moments })
            })??;
        }
        Ok(())
    }
}

/// A step of one variable. Moments are in a cell because candle hands out `&self`.
struct Fused<'g, 'm> {
    step: Step,
    gradient: &'g [f32],
    moments: RefCell<&'m mut Moments>,
}

impl InplaceOp1 for Fused<'_, '_> {
    fn name(&self) -> &'static str {
        "optimizer-step"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let (Some((start, end)), CpuStorage::F32(all)) = (layout.contiguous_offsets(), storage)
        else {
            bail!("the optimiser moves contiguous variables of 32-bit floats");
        };
        let [first, second] = &mut **self.moments.borrow_mut();
        self.step.run(Isa::best(), &mut all[start..end], self.gradient, [first, second]);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};

    use super::*;
    use crate::model::nn::ops::tests::golden::{Golden, floats};

    fn ends_where_pytorch_ends(name: &str, settings: Settings) {
        let golden = Golden::load();
        let gradients = golden.tensor(&format!("{name}.gradients"));
        Isa::each(|isa| {
            let var = Var::from_tensor(&golden.tensor(&format!("{name}.start"))).unwrap();
            let alone = Var::from_tensor(&golden.tensor(&format!("{name}.start"))).unwrap();
            let mut optimizer = Optimizer::new(vec![alone.clone(), var.clone()], settings).unwrap();
            for step in 0..10 {
                let gradient = gradients.get(step).unwrap();
                let loss = (var.as_tensor() * gradient).unwrap().sum_all().unwrap();
                if step == 5 {
                    // As from a checkpoint.
                    let moments = optimizer.state().map(|(_, moments)| moments.clone()).collect();
                    let steps = optimizer.steps();
                    optimizer = Optimizer::new(vec![alone.clone(), var.clone()], settings).unwrap();
                    optimizer.restore(steps, moments).unwrap();
                }
                optimizer.step(&loss.backward().unwrap()).unwrap();
            }
            let expected = golden.floats(&format!("{name}.end"));
            for (got, expected) in floats(&var).iter().zip(&expected) {
                assert!((got - expected).abs() < 2e-6, "{name}, {isa:?}: {got}, {expected}");
            }
            let start = golden.floats(&format!("{name}.start"));
            assert_eq!(floats(&alone), start, "a variable without a gradient moved");
            assert!(expected.iter().zip(&start).any(|(a, b)| (a - b).abs() > 0.01));
        });
    }

    #[test]
    fn ten_steps_of_adamw_end_where_those_of_pytorch_do() {
        let settings = Settings { rate: 0.01, weight_decay: 0.05, ..Settings::default() };
        ends_where_pytorch_ends("adamw", settings);
    }

    #[test]
    fn ten_steps_of_adamax_end_where_those_of_pytorch_do() {
        let rule = Rule::Adamax;
        let settings = Settings { rule, rate: 0.02, weight_decay: 0.05, ..Settings::default() };
        ends_where_pytorch_ends("adamax", settings);
    }

    #[test]
    fn a_checkpoint_of_another_network_is_refused() {
        let var = Var::from_tensor(&Tensor::new(&[1.0_f32, 2.0], &Device::Cpu).unwrap()).unwrap();
        let mut optimizer = Optimizer::new(vec![var], Settings::default()).unwrap();
        assert!(optimizer.restore(3, vec![]).is_err());
        assert!(optimizer.restore(3, vec![[vec![0.0; 2], vec![0.0; 3]]]).is_err());
        assert_eq!(optimizer.steps(), 0);
        let whole = Var::from_tensor(&Tensor::new(&[1_u32], &Device::Cpu).unwrap()).unwrap();
        assert!(Optimizer::new(vec![whole], Settings::default()).is_err());
    }
}
