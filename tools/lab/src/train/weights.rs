//! Weights that are drawn from a seed, by name, and kept while a network learns.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use candle_core::{DType, Device, Result, Shape, Tensor, Var, bail, safetensors};
use candle_nn::init::{FanInOut, NormalOrUniform};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};
use visaged_twin::Random;

use super::units;

/// The variables of one network.
///
/// candle's own `VarMap` draws from a generator that takes no seed, so no run could be repeated.
/// Here each variable has a stream of its own, named after it.
#[derive(Debug)]
pub(crate) struct Weights {
    seed: u64,
    vars: Mutex<BTreeMap<String, Var>>,
}

impl Weights {
    /// Nothing yet: a network that asks draws what it asks for.
    pub(crate) const fn new(seed: u64) -> Self {
        Self { seed, vars: Mutex::new(BTreeMap::new()) }
    }

    /// What a network is built from.
    pub(crate) fn builder(&self) -> VarBuilder<'_> {
        VarBuilder::from_backend(Box::new(self), DType::F32, Device::Cpu)
    }

    /// All variables by name.
    pub(crate) fn vars(&self) -> BTreeMap<String, Var> {
        self.vars.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many numbers there are.
    pub(crate) fn count(&self) -> usize {
        self.vars().values().map(|var| var.elem_count()).sum()
    }

    /// Writes them as a bundle holds them: without what only training needs.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn save(&self, path: &Path, dtype: DType) -> Result<()> {
        let is_deployed = |(name, _): &(String, Var)| !name.starts_with(units::NAME);
        let tensors = self.vars().into_iter().filter(is_deployed).map(|(name, var)| {
            let tensor = var.as_detached_tensor().to_dtype(dtype)?;
            Ok((name, tensor))
        });
        safetensors::save(&tensors.collect::<Result<_>>()?, path)
    }

    /// Takes the values of a file that [`save`](Self::save) has written.
    ///
    /// # Errors
    /// When it cannot be read or a variable is missing there.
    pub(crate) fn load(&self, path: &Path) -> Result<()> {
        let tensors = safetensors::load(path, &Device::Cpu)?;
        for (name, var) in self.vars() {
            match tensors.get(&name) {
                Some(tensor) => var.set(&tensor.to_dtype(DType::F32)?)?,
                None => bail!("{}: `{name}` is missing", path.display()),
            }
        }
        Ok(())
    }
}

impl SimpleBackend for &Weights {
    fn get(&self, shape: Shape, name: &str, init: Init, _: DType, _: &Device) -> Result<Tensor> {
        let mut vars = self.vars.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(var) = vars.get(name) {
            if var.shape() != &shape {
                bail!("`{name}` was {:?} and is asked for as {shape:?}", var.shape());
            }
            return Ok(var.as_tensor().clone());
        }
        let values = draw(init, &shape, &mut Random::stream(self.seed, name));
        let var = Var::from_tensor(&Tensor::from_vec(values, shape, &Device::Cpu)?)?;
        let tensor = var.as_tensor().clone();
        vars.insert(name.to_owned(), var);
        Ok(tensor)
    }

    /// Refuses: a variable without a shape cannot be drawn.
    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> Result<Tensor> {
        Err(candle_core::Error::CannotFindTensor { path: name.to_owned() }.bt())
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.vars.lock().unwrap_or_else(PoisonError::into_inner).contains_key(name)
    }
}

/// Values as `init` says, as `PyTorch` and candle read it.
#[expect(clippy::cast_possible_truncation, reason = "weights are 32-bit floats")]
#[expect(clippy::cast_precision_loss, reason = "far less than 2^52 inputs of a neuron")]
fn draw(init: Init, shape: &Shape, random: &mut Random) -> Vec<f32> {
    let count = shape.elem_count();
    let mut normal = |mean, deviation| {
        (0..count).map(|_| random.normal(mean, deviation) as f32).collect::<Vec<f32>>()
    };
    match init {
        Init::Const(value) => vec![value as f32; count],
        Init::Randn { mean, stdev } => normal(mean, stdev),
        Init::Uniform { lo, up } => (0..count).map(|_| random.between(lo, up) as f32).collect(),
        Init::Kaiming { dist, fan, non_linearity } => {
            let fan: FanInOut = fan;
            let deviation = non_linearity.gain() / (fan.for_shape(shape) as f64).sqrt();
            match dist {
                NormalOrUniform::Normal => normal(0.0, deviation),
                NormalOrUniform::Uniform => {
                    let bound = 3.0_f64.sqrt() * deviation;
                    (0..count).map(|_| random.between(-bound, bound) as f32).collect()
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use visaged::model::Network;
    use visaged::model::fooder_gate::FooderGate;

    use super::*;

    fn values(weights: &Weights) -> BTreeMap<String, Vec<f32>> {
        let flat = |var: Var| var.flatten_all().unwrap().to_vec1().unwrap();
        weights.vars().into_iter().map(|(name, var)| (name, flat(var))).collect()
    }

    fn gate(seed: u64) -> Weights {
        let weights = Weights::new(seed);
        FooderGate::new(&FooderGate::preset("tiny").unwrap(), &weights.builder()).unwrap();
        weights
    }

    #[test]
    fn the_same_seed_draws_the_same_weights_and_another_one_others() {
        assert_eq!(values(&gate(1)), values(&gate(1)));
        assert_ne!(values(&gate(1)), values(&gate(2)));
    }

    #[test]
    fn weights_come_back_from_their_file() {
        let path = std::env::temp_dir().join(format!("lab-weights-{}", std::process::id()));
        gate(1).save(&path, DType::F32).unwrap();
        let other = gate(2);
        other.load(&path).unwrap();
        assert_eq!(values(&other), values(&gate(1)));
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn what_only_training_needs_is_not_saved() {
        let weights = Weights::new(1);
        for name in ["head.weight", "action-units.weight"] {
            drop(weights.builder().get_with_hints(2, name, Init::Const(1.0)).unwrap());
        }
        let path = std::env::temp_dir().join(format!("lab-weights-{}", std::process::id()));
        weights.save(&path, DType::F32).unwrap();
        let saved = safetensors::load(&path, &Device::Cpu).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(saved.keys().collect::<Vec<_>>(), ["head.weight"]);
        assert_eq!(weights.vars().len(), 2);
    }
}
