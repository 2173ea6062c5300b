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
    /// Reads all tensors of a safetensors file; 16-bit floats are widened, which changes no number.
    /// Tensors that hold anything but finite floats of these two kinds become faults.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, SafeTensorError> {
        let mut shelf = Self::default();
        let file = SafeTensors::deserialize(bytes)?;
        let mut views = file.tensors();
        views.sort_by(|(a, _), (b, _)| a.cmp(b));
        for (name, view) in views {
            let values: Vec<f32> = match view.dtype() {
                Dtype::F32 => {
                    view.data().as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect()
                }
                Dtype::F16 => view
                    .data()
                    .as_chunks()
                    .0
                    .iter()
                    .map(|&b| widened(u16::from_le_bytes(b)))
                    .collect(),
                other => {
                    shelf.unfit.push(Fault::Type { name, got: format!("{other:?}") });
                    continue;
                }
            };
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

/// The number that a 16-bit float of IEEE 754 stands for; every one of them is a 32-bit float too.
fn widened(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (bits >> 10 & 0x1f, f32::from(bits & 0x3ff) / 1024.0);
    let power = |exponent: u16| f32::from_bits((u32::from(exponent) + 127 - 15) << 23);
    sign * match exponent {
        0 => power(1) * fraction,
        0x1f if fraction == 0.0 => f32::INFINITY,
        0x1f => f32::NAN,
        _ => power(exponent) * (1.0 + fraction),
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

#[cfg(test)]
mod tests {
    use candle_core::Tensor;
    use safetensors::serialize;
    use safetensors::tensor::TensorView;

    use super::*;

    /// A file of one tensor `x` of two-byte numbers.
    fn file(dtype: Dtype, patterns: &[u16]) -> Vec<u8> {
        let bytes: Vec<u8> = patterns.iter().flat_map(|bits| bits.to_le_bytes()).collect();
        let view = TensorView::new(dtype, vec![patterns.len()], &bytes).unwrap();
        serialize([("x", view)], None).unwrap()
    }

    #[test]
    fn every_finite_16_bit_float_is_widened_to_the_number_that_candle_reads() {
        let patterns: Vec<u16> = (0..=u16::MAX).filter(|bits| bits >> 10 & 0x1f != 0x1f).collect();
        let shelf = Shelf::read(&file(Dtype::F16, &patterns)).unwrap();
        assert!(shelf.unfit.is_empty(), "{:?}", shelf.unfit);
        let bits = |tensor: &Tensor| -> Vec<u32> {
            tensor.to_vec1::<f32>().unwrap().into_iter().map(f32::to_bits).collect()
        };
        let bytes: Vec<u8> = patterns.iter().flat_map(|bits| bits.to_le_bytes()).collect();
        let halves = [patterns.len()];
        let halves = Tensor::from_raw_buffer(&bytes, DType::F16, &halves, &Device::Cpu).unwrap();
        let expected = bits(&halves.to_dtype(DType::F32).unwrap());
        assert_eq!(bits(&shelf.tensors["x"]), expected);
        assert_eq!(expected.len(), 63_488);
    }

    #[test]
    fn sixteen_bits_that_are_infinite_or_of_another_kind_are_refused() {
        for bits in [0x7c00, 0xfc00, 0x7c01, 0xffff] {
            let shelf = Shelf::read(&file(Dtype::F16, &[0, bits])).unwrap();
            assert_eq!(shelf.unfit, [Fault::NotFinite { name: "x".to_owned() }], "{bits:#x}");
        }
        for dtype in [Dtype::BF16, Dtype::I16] {
            let shelf = Shelf::read(&file(dtype, &[0])).unwrap();
            assert!(matches!(shelf.unfit[..], [Fault::Type { .. }]), "{dtype:?}");
        }
    }
}
