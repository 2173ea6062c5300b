//! A network as the daemon runs it: one input at a time, checked on the way in and out.

use ndarray::ArrayRefD;

use super::{Error, Mode, Model, Network, tensor};

/// A network behind [`Model`].
pub(super) struct Deployed<N>(pub(super) N);

impl<N: Network> Model for Deployed<N> {
    fn input_shape(&self) -> &[usize] {
        N::INPUT
    }

    fn scores(&self) -> usize {
        N::SCORES
    }

    fn run(&mut self, input: &ArrayRefD<f32>, scores: &mut [f32]) -> Result<(), Error> {
        let input = tensor::from_array(N::NAME, input, N::INPUT)?;
        let output = self.0.forward(&input, Mode::Eval).and_then(|output| N::scores(&output));
        tensor::to_scores(N::NAME, &output.map_err(Error::candle(N::NAME))?, scores)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::ArrayD;

    use crate::model::testing::{Lcg, TestBundle, random_weights, to_file};
    use crate::model::{Bundle, Error, Kind, MODELS};

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
}
