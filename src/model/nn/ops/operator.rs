//! How an operator on floats becomes a node of candle's graph.

use candle_core::{
    CpuStorage, CustomOp1, CustomOp2, CustomOp3, Layout, Result, Shape, Storage, Tensor, bail,
};

/// A function of `N` tensors with its gradient. Shapes were checked when it was made.
pub(super) trait Operator<const N: usize>: Send + Sync + 'static {
    /// For messages.
    const NAME: &'static str;

    /// Shape of the output.
    fn shape(&self) -> Shape;

    /// Fills the output, in the order of its shape.
    fn forward(&self, inputs: [&[f32]; N], output: &mut [f32]);

    /// Gradients of those inputs that are wanted.
    fn backward(&self, known: &Known<'_, N>) -> [Option<Vec<f32>>; N];
}

/// What a backward pass knows.
pub(super) struct Known<'a, const N: usize> {
    pub(super) inputs: [&'a [f32]; N],
    pub(super) output: &'a [f32],
    /// Of the output.
    pub(super) gradient: &'a [f32],
    /// Whether anything depends on the gradient of an input.
    pub(super) wanted: [bool; N],
}

/// Applies `operator` to one tensor.
pub(super) fn apply1(x: &Tensor, operator: impl Operator<1>) -> Result<Tensor> {
    x.contiguous()?.apply_op1(Node(operator))
}

/// Applies `operator` to two tensors.
pub(super) fn apply2([a, b]: [&Tensor; 2], operator: impl Operator<2>) -> Result<Tensor> {
    a.contiguous()?.apply_op2(&b.contiguous()?, Node(operator))
}

/// Applies `operator` to three tensors.
pub(super) fn apply3([a, b, c]: [&Tensor; 3], operator: impl Operator<3>) -> Result<Tensor> {
    a.contiguous()?.apply_op3(&b.contiguous()?, &c.contiguous()?, Node(operator))
}

/// The floats of a contiguous tensor on the CPU.
pub(in crate::model::nn) fn with_floats<R>(x: &Tensor, f: impl FnOnce(&[f32]) -> R) -> Result<R> {
    let (storage, layout) = x.storage_and_layout();
    Ok(f(floats_of(&storage, layout)?))
}

fn floats_of<'a>(storage: &'a Storage, layout: &Layout) -> Result<&'a [f32]> {
    match storage {
        Storage::Cpu(storage) => floats(storage, layout),
        _ => bail!("networks run on the CPU; move the tensor there"),
    }
}

fn floats<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&storage.as_slice::<f32>()?[start..end]),
        None => bail!("a kernel was handed a tensor that is not contiguous"),
    }
}

struct Node<O>(O);

impl<O> Node<O> {
    fn forward<const N: usize>(&self, inputs: [&[f32]; N]) -> (CpuStorage, Shape)
    where
        O: Operator<N>,
    {
        let shape = self.0.shape();
        let mut output = vec![0.0; shape.elem_count()];
        self.0.forward(inputs, &mut output);
        (CpuStorage::F32(output), shape)
    }

    fn backward<const N: usize>(
        &self,
        inputs: [&Tensor; N],
        output: &Tensor,
        gradient: &Tensor,
    ) -> Result<[Option<Tensor>; N]>
    where
        O: Operator<N>,
    {
        let gradient = gradient.contiguous()?;
        let storages = inputs.map(Tensor::storage_and_layout);
        let mut slices = [&[] as &[f32]; N];
        for (slice, (storage, layout)) in slices.iter_mut().zip(&storages) {
            *slice = floats_of(storage, layout)?;
        }
        let (output, output_layout) = output.storage_and_layout();
        let (of_output, gradient_layout) = gradient.storage_and_layout();
        let mut gradients = self.0.backward(&Known {
            inputs: slices,
            output: floats_of(&output, output_layout)?,
            gradient: floats_of(&of_output, gradient_layout)?,
            wanted: inputs.map(Tensor::track_op),
        });
        let mut tensors = [const { None }; N];
        for ((tensor, gradient), input) in tensors.iter_mut().zip(&mut gradients).zip(inputs) {
            if let Some(gradient) = gradient.take() {
                *tensor = Some(Tensor::from_vec(gradient, input.shape(), input.device())?);
            }
        }
        Ok(tensors)
    }
}

impl<O: Operator<1>> CustomOp1 for Node<O> {
    fn name(&self) -> &'static str {
        O::NAME
    }

    fn cpu_fwd(&self, a: &CpuStorage, of_a: &Layout) -> Result<(CpuStorage, Shape)> {
        Ok(self.forward([floats(a, of_a)?]))
    }

    fn bwd(&self, a: &Tensor, output: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let [a] = self.backward([a], output, gradient)?;
        Ok(a)
    }
}

impl<O: Operator<2>> CustomOp2 for Node<O> {
    fn name(&self) -> &'static str {
        O::NAME
    }

    fn cpu_fwd(
        &self,
        a: &CpuStorage,
        of_a: &Layout,
        b: &CpuStorage,
        of_b: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        Ok(self.forward([floats(a, of_a)?, floats(b, of_b)?]))
    }

    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        output: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let [a, b] = self.backward([a, b], output, gradient)?;
        Ok((a, b))
    }
}

impl<O: Operator<3>> CustomOp3 for Node<O> {
    fn name(&self) -> &'static str {
        O::NAME
    }

    fn cpu_fwd(
        &self,
        a: &CpuStorage,
        of_a: &Layout,
        b: &CpuStorage,
        of_b: &Layout,
        c: &CpuStorage,
        of_c: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        Ok(self.forward([floats(a, of_a)?, floats(b, of_b)?, floats(c, of_c)?]))
    }

    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        c: &Tensor,
        output: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let [a, b, c] = self.backward([a, b, c], output, gradient)?;
        Ok((a, b, c))
    }
}
