//! A network as the daemon runs it: compiled, one input at a time, checked on the way in and out.

use std::marker::PhantomData;

use ndarray::ArrayRefD;

use super::nn::program::Program;
use super::{Deployable, Error, Model, tensor};

/// A compiled network of kind `N`.
pub(super) struct Deployed<N> {
    program: Program,
    /// The input with its channels last.
    input: Vec<f32>,
    scores: Vec<f32>,
    kind: PhantomData<fn() -> N>,
}

impl<N: Deployable> Deployed<N> {
    pub(super) fn new(network: &N) -> Result<Self, Error> {
        let compile = || {
            let mut build = Program::builder();
            let input = build.input(&[&[1], &N::INPUT[1..], &N::INPUT[..1]].concat())?;
            let scores = network.compile(&mut build, input)?;
            build.finish(&[scores])
        };
        Ok(Self {
            program: compile().map_err(Error::program(N::NAME))?,
            input: vec![0.0; N::INPUT.iter().product()],
            scores: vec![0.0; N::SCORES],
            kind: PhantomData,
        })
    }
}

impl<N: Deployable> Model for Deployed<N> {
    fn input_shape(&self) -> &[usize] {
        N::INPUT
    }

    fn scores(&self) -> usize {
        N::SCORES
    }

    fn run(&mut self, input: &ArrayRefD<f32>, scores: &mut [f32]) -> Result<(), Error> {
        tensor::to_channels_last(N::NAME, input, N::INPUT, &mut self.input)?;
        let run = self.program.run(&[&self.input], &mut [&mut self.scores]);
        run.map_err(Error::program(N::NAME))?;
        tensor::to_scores(N::NAME, &self.scores, scores)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};
    use ndarray::ArrayD;

    use super::*;
    use crate::model::cs3d::Cs3d;
    use crate::model::fooder_auth::FooderAuth;
    use crate::model::fooder_expert::FooderExpert;
    use crate::model::fooder_gate::FooderGate;
    use crate::model::testing::{Lcg, TestBundle, random_weights, to_file};
    use crate::model::weights::Shelf;
    use crate::model::{Bundle, Kind, MODELS, Mode};

    fn tiny(kind: &Kind) -> Bundle {
        let file = to_file(&random_weights(kind, "tiny", 9));
        let name = format!("deployed-{}-{:?}", kind.name, std::thread::current().id());
        let folder = TestBundle::new(&name, kind, "tiny", &file);
        Bundle::load(folder.path()).unwrap()
    }

    fn random_input(shape: &[usize], seed: u32) -> ArrayD<f32> {
        let mut lcg = Lcg(seed);
        ArrayD::from_shape_simple_fn(shape, || 0.5 + 0.5 * lcg.next())
    }

    #[test]
    fn the_same_input_gives_the_same_bits_whatever_ran_between() {
        for kind in MODELS {
            let mut bundle = tiny(kind);
            let model = &mut bundle.networks[0].model;
            let mut run = |seed| {
                let mut scores = vec![f32::NAN; model.scores()];
                let input = random_input(model.input_shape(), seed);
                model.run(&input, &mut scores).unwrap();
                scores.into_iter().map(f32::to_bits).collect::<Vec<_>>()
            };
            let first = run(1);
            assert_ne!(run(2), first, "{}", kind.name);
            assert_eq!(run(1), first, "{}", kind.name);
        }
    }

    #[test]
    fn scores_keep_their_old_value_when_the_input_is_refused() {
        for kind in MODELS {
            let mut bundle = tiny(kind);
            let model = &mut bundle.networks[0].model;
            let mut shape = model.input_shape().to_vec();
            let mut input = random_input(&shape, 1);
            let mut scores = vec![7.0_f32; model.scores()];
            *input.last_mut().unwrap() = f32::INFINITY;
            assert!(matches!(model.run(&input, &mut scores), Err(Error::NotFinite { .. })));
            *shape.last_mut().unwrap() -= 1;
            let short = model.run(&ArrayD::zeros(shape), &mut scores).unwrap_err();
            assert!(matches!(short, Error::Input { .. }), "{short}");
            assert!(scores.iter().all(|score| score.to_bits() == 7.0_f32.to_bits()));
        }
    }

    fn computes_what_its_definition_does<N: Deployable>(preset: &str) {
        let kind = Kind::named(N::NAME).unwrap();
        let shelf = Shelf::read(&to_file(&random_weights(kind, preset, 11))).unwrap();
        let network = N::new(&N::preset(preset).unwrap(), &shelf.builder()).unwrap();
        let input = random_input(N::INPUT, 12);
        let batch = [&[1], N::INPUT].concat();
        let tensor = Tensor::from_slice(input.as_slice().unwrap(), batch, &Device::Cpu).unwrap();
        let output = network.forward(&tensor, Mode::Eval).unwrap();
        let expected = N::scores(&output).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();

        let mut deployed = Deployed::new(&network).unwrap();
        let mut scores = vec![f32::NAN; N::SCORES];
        deployed.run(&input, &mut scores).unwrap();
        let scale = expected.iter().fold(0.0_f32, |scale, score| scale.max(score.abs()));
        assert!(scale > 1e-3, "scores of nothing prove nothing: {expected:?}");
        for (score, expected) in scores.iter().zip(&expected) {
            let error = (score - expected).abs() / scale;
            assert!(error < 1e-5, "{} {preset}: {scores:?} against {expected:?}", N::NAME);
        }
    }

    #[test]
    fn a_compiled_network_computes_what_its_definition_does() {
        ["tiny", "edge", "paper"]
            .into_iter()
            .for_each(computes_what_its_definition_does::<FooderAuth>);
        ["tiny", "default"].into_iter().for_each(computes_what_its_definition_does::<FooderGate>);
        ["tiny", "xxs", "xs"]
            .into_iter()
            .for_each(computes_what_its_definition_does::<FooderExpert>);
        ["tiny", "edge", "coarse"].into_iter().for_each(computes_what_its_definition_does::<Cs3d>);
    }
}
