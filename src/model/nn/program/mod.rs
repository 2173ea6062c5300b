//! A network compiled for inference: a list of steps over one block of memory.
//!
//! A network's definition drives a [`Builder`] once, when it is loaded. Each call adds a node and
//! returns the [`Value`] that it computes. Weights are read and packed, tables of indices are made,
//! and [`Builder::finish`] finds a place for each result such that results share memory unless they
//! are needed at the same time. [`Program::run`] then neither allocates nor starts a thread.
//!
//! ```
//! use candle_core::{DType, Device, Tensor};
//! use visaged::model::nn::ops::Conv;
//! use visaged::model::nn::program::{Activation, After, Program};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let weight = Tensor::ones((4, 2, 3, 3), DType::F32, &Device::Cpu)?;
//! let mut build = Program::builder();
//! let map = build.input(&[1, 8, 8, 2])?;
//! let same = Conv { stride: 1, padding: 1, groups: 1 };
//! let x = build.conv2d(map, &weight, None, same, After::then(Activation::Relu))?;
//! let x = build.mean(x, 1..3)?;
//! let mut program = build.finish(&[x])?;
//! let mut means = [0.0; 4];
//! program.run(&[&[1.0; 128]], &mut [&mut means])?;
//! assert_eq!(means, [2.0 * 484.0 / 64.0; 4]);
//! # Ok(())
//! # }
//! ```
//!
//! Fold batch norms into the weights in front of them before they come here: layers have a `folded`
//! for that. What a convolution or linear layer is followed by ([`After`]: a residual to add, an
//! activation) is done while its sums are still in registers, so name it there and not in a node of
//! its own.

mod arena;
mod builder;
mod error;
mod work;

use std::ops::Range;

pub use crate::model::nn::kernels::{Activation, Combine};
pub use builder::{After, Builder, Value};
pub use error::Error;
use work::Work;

/// A compiled network.
#[derive(Debug)]
pub struct Program {
    steps: Vec<Step>,
    inputs: Vec<Range<usize>>,
    outputs: Vec<Range<usize>>,
    /// Inputs, results and scratch of all steps.
    arena: Vec<f32>,
}

#[derive(Debug)]
struct Step {
    work: Work,
    /// Where inputs, output and scratch lie; a second input equal to the first is empty here.
    places: [Range<usize>; 4],
    /// Whether both inputs are the same.
    twice: bool,
    /// Whether the first input has to be copied to the output first.
    copy: bool,
}

impl Program {
    /// An empty program to add nodes to.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Floats of memory for inputs and results; weights come on top.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.arena.len()
    }

    /// Computes the outputs, in the order in which [`Builder::finish`] was given them, from the
    /// inputs, in the order in which they were made. Allocates nothing, on the calling thread alone.
    ///
    /// # Errors
    /// When their number or a length is not what was planned; outputs must not be used then.
    pub fn run(&mut self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) -> Result<(), Error> {
        check("input", inputs.iter().map(|x| x.len()), &self.inputs)?;
        check("output", outputs.iter().map(|x| x.len()), &self.outputs)?;
        for (place, input) in self.inputs.iter().zip(inputs) {
            self.arena[place.clone()].copy_from_slice(input);
        }
        for (number, step) in self.steps.iter().enumerate() {
            let [a, b, out, scratch] = step.places.clone();
            let Ok([a, b, out, scratch]) = self.arena.get_disjoint_mut([a, b, out, scratch]) else {
                return Err(Error::Overlap(number));
            };
            if step.copy {
                out.copy_from_slice(a);
            }
            let second = if step.twice { &*a } else { &*b };
            step.work.run([a, second], out, scratch);
        }
        for (place, output) in self.outputs.iter().zip(outputs) {
            output.copy_from_slice(&self.arena[place.clone()]);
        }
        Ok(())
    }
}

fn check(
    what: &'static str,
    mut lengths: impl Iterator<Item = usize>,
    places: &[Range<usize>],
) -> Result<(), Error> {
    let mut planned = places.iter().map(ExactSizeIterator::len);
    for number in 0.. {
        match (lengths.next(), planned.next()) {
            (None, None) => break,
            (got, planned) if got == planned => {}
            (got, planned) => {
                let (got, planned) = (got.unwrap_or(0), planned.unwrap_or(0));
                return Err(Error::Length { what, number, got, planned });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
