//! Whole networks with random weights: one answer as the daemon computes it, and one training step.

use std::hint::black_box;

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::{VarBuilder, VarMap};
use visaged::model::cs3d::Cs3d;
use visaged::model::fooder_auth::{FooderAuth, Output};
use visaged::model::fooder_expert::FooderExpert;
use visaged::model::fooder_gate::FooderGate;
use visaged::model::nn::optimizer::{Optimizer, Rule, Settings};
use visaged::model::nn::program::Program;
use visaged::model::{Deployable, Mode, Network};

use super::operator::{Prepared, numbers};
use crate::inputs::Inputs;
use crate::workload::{Amount, Error, Job};

/// A network and the variables that it learns.
fn drawn<N: Network>(preset: &'static str) -> std::result::Result<(N, VarMap), Error> {
    let weights = VarMap::new();
    let config = N::preset(preset).ok_or(Error::Preset(preset))?;
    let builder = VarBuilder::from_varmap(&weights, DType::F32, &Device::Cpu);
    Ok((N::new(&config, &builder)?, weights))
}

/// One input through the compiled network.
fn answer<N: Deployable>(preset: &'static str) -> Prepared {
    let (network, _weights) = drawn::<N>(preset)?;
    let mut builder = Program::builder();
    let shape = [&[1], &N::INPUT[1..], &N::INPUT[..1]].concat();
    let input = builder.input(&shape)?;
    let output = network.compile(&mut builder, input)?;
    let mut out = vec![0.0; N::SCORES];
    let mut program = builder.finish(&[output])?;
    let x: Vec<f32> = numbers(&shape)?.flatten_all()?.to_vec1()?;
    let run = move || {
        // Lengths are those that were planned, so that this cannot fail.
        drop(program.run(&[black_box(&x)], &mut [&mut out]));
        black_box(&out);
    };
    Ok(Some(Job { run: Box::new(run), amount: Amount::Frames(1) }))
}

/// Forward, backward and a step of `AdamW` on a batch.
fn step<N: Network>(
    (preset, batch): (&'static str, usize),
    loss: impl Fn(&N::Output) -> Result<Tensor> + 'static,
) -> Prepared {
    let (network, weights) = drawn::<N>(preset)?;
    let settings = Settings { rule: Rule::AdamW, ..Settings::default() };
    let mut optimizer = Optimizer::new(weights.all_vars(), settings)?;
    let x = numbers(&[&[batch], N::INPUT].concat())?;
    let mut learn = move || -> Result<()> {
        let loss = loss(&network.forward(black_box(&x), Mode::Train)?)?;
        optimizer.step(&loss.backward()?)
    };
    learn()?; // shapes fit, so that it cannot fail below
    Ok(Some(Job { run: Box::new(move || drop(black_box(learn()))), amount: Amount::Frames(1) }))
}

/// Cross-entropy with classes in turn.
fn class_loss(logits: &Tensor) -> Result<Tensor> {
    let (batch, classes) = logits.dims2()?;
    let (batch, classes) = (u32::try_from(batch)?, u32::try_from(classes)?);
    let targets: Vec<u32> = (0..batch).map(|sample| sample % classes).collect();
    candle_nn::loss::cross_entropy(logits, &Tensor::new(targets.as_slice(), &Device::Cpu)?)
}

pub(crate) fn auth(_: &Inputs) -> Prepared {
    answer::<FooderAuth>("edge")
}

pub(crate) fn gate(_: &Inputs) -> Prepared {
    answer::<FooderGate>("default")
}

pub(crate) fn expert_xxs(_: &Inputs) -> Prepared {
    answer::<FooderExpert>("xxs")
}

pub(crate) fn expert_xs(_: &Inputs) -> Prepared {
    answer::<FooderExpert>("xs")
}

pub(crate) fn cs3d(_: &Inputs) -> Prepared {
    answer::<Cs3d>("edge")
}

pub(crate) fn cs3d_coarse(_: &Inputs) -> Prepared {
    answer::<Cs3d>("coarse")
}

pub(crate) fn auth_step(_: &Inputs) -> Prepared {
    step::<FooderAuth>(("edge", 32), Output::loss)
}

pub(crate) fn gate_step(_: &Inputs) -> Prepared {
    step::<FooderGate>(("default", 32), class_loss)
}

pub(crate) fn expert_step(_: &Inputs) -> Prepared {
    step::<FooderExpert>(("xxs", 32), class_loss)
}

pub(crate) fn cs3d_step(_: &Inputs) -> Prepared {
    step::<Cs3d>(("edge", 4), class_loss)
}
