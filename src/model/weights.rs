//! Weights of one network: handed out by name and shape, and every difference noted.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use candle_core::{DType, Device, Shape, Tensor};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};
use safetensors::{Dtype, SafeTensorError, SafeTensors};

use super::error::Fault;

/// The tensors of a file, and what a network asked for while it was built.
///
/// A weight that is not there, or has another shape, is handed out as zeros: so the network is
/// built to its end and [`faults`](Self::faults) can list everything at once. Such a network must
/// be thrown away.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    tensors: BTreeMap<String, Tensor>,
    unfit: Vec<Fault>,
    asked: Mutex<BTreeMap<String, Vec<usize>>>,
}

impl Shelf {
    /// Reads all tensors of a safetensors file. Tensors that hold anything but finite 32-bit
    /// floats become faults.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, SafeTensorError> {
        let mut shelf = Self::default();
        let file = SafeTensors::deserialize(bytes)?;
        let mut views = file.tensors();
        views.sort_by(|(a, _), (b, _)| a.cmp(b));
        for (name, view) in views {
            if view.dtype() != Dtype::F32 {
                shelf.unfit.push(Fault::Type { name, got: format!("{:?}", view.dtype()) });
                continue;
            }
            let values: Vec<f32> =
                view.data().as_chunks().0.iter().map(|&four| f32::from_le_bytes(four)).collect();
            if !values.iter().all(|value| value.is_finite()) {
                shelf.unfit.push(Fault::NotFinite { name: name.clone() });
            }
            // The parser has checked that the bytes fill the shape.
            if let Ok(tensor) = Tensor::from_vec(values, view.shape(), &Device::Cpu) {
                shelf.tensors.insert(name, tensor);
            }
        }
        Ok(shelf)
    }

    /// What a network is built from.
    pub(super) fn builder(&self) -> VarBuilder<'_> {
        VarBuilder::from_backend(Box::new(self), DType::F32, Device::Cpu)
    }

    /// Names and shapes that were asked for.
    pub(super) fn asked(&self) -> BTreeMap<String, Vec<usize>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Everything in which the file differs from what was asked for, ordered by name within each
    /// kind.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let asked = self.asked();
        let mut faults = self.unfit.clone();
        for (name, expected) in &asked {
            match self.tensors.get(name) {
                None => faults.push(Fault::Missing { name: name.clone(), shape: expected.clone() }),
                Some(tensor) if tensor.dims() != expected => faults.push(Fault::Shape {
                    name: name.clone(),
                    got: tensor.dims().to_vec(),
                    expected: expected.clone(),
                }),
                Some(_) => {}
            }
        }
        let extra = self.tensors.iter().filter(|(name, _)| !asked.contains_key(*name));
        faults.extend(extra.map(|(name, tensor)| Fault::Extra {
            name: name.clone(),
            shape: tensor.dims().to_vec(),
        }));
        faults
    }
}

impl SimpleBackend for &Shelf {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        _: Init,
        dtype: DType,
        device: &Device,
    ) -> candle_core::Result<Tensor> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.insert(name.to_owned(), shape.dims().to_vec());
        match self.tensors.get(name).filter(|tensor| tensor.shape() == &shape) {
            Some(tensor) => Ok(tensor.clone()),
            None => Tensor::zeros(shape, dtype, device),
        }
    }

    /// Refuses: a weight without a shape cannot be checked.
    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> candle_core::Result<Tensor> {
        Err(candle_core::Error::CannotFindTensor { path: name.to_owned() }.bt())
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }
}
