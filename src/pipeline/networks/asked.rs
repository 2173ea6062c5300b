//! One network behind its question: asked, its failures counted, its scores in the order we use.

use ndarray::ArrayRefD;

use crate::data::Counts;
use crate::model::{Error, Model};

/// Reasons under which failures of the networks are counted, by role.
const FAILURES: [(&str, [&str; 2]); 5] = [
    ("auth", ["auth-not-finite", "auth-failed"]),
    ("gate", ["gate-not-finite", "gate-failed"]),
    ("expert-dynamic", ["expert-dynamic-not-finite", "expert-dynamic-failed"]),
    ("expert-static", ["expert-static-not-finite", "expert-static-failed"]),
    ("event", ["event-network-not-finite", "event-network-failed"]),
];

/// A network that gives `N` scores.
pub(super) struct Asked<const N: usize> {
    model: Box<dyn Model>,
    /// Where in the network's scores the one is that we want at each place.
    order: [usize; N],
    failures: [&'static str; 2],
}

impl<const N: usize> Asked<N> {
    /// `order[wanted]` is the place of a score among those of `model`.
    pub(super) fn new(role: &str, model: Box<dyn Model>, order: [usize; N]) -> Self {
        let row = FAILURES.iter().find(|(name, _)| *name == role);
        Self { model, order, failures: row.map_or(["not-finite", "failed"], |(_, row)| *row) }
    }

    /// The scores of `input`. A failure is counted and gives none.
    ///
    /// Shapes: as the network has them.
    pub(super) fn ask(&mut self, input: &ArrayRefD<f32>, counts: &mut Counts) -> Option<[f32; N]> {
        let mut scores = [0.0; N];
        match self.model.run(input, &mut scores) {
            Ok(()) => Some(self.order.map(|place| scores[place])),
            Err(error) => {
                let [not_finite, failed] = self.failures;
                let is_number = matches!(error, Error::NotFinite { .. });
                counts.add(if is_number { not_finite } else { failed }, 1);
                None
            }
        }
    }
}

/// Probabilities of `logits` divided by `temperature`, which is above zero.
#[expect(clippy::cast_possible_truncation, reason = "probabilities; f32 resolves 1e-7")]
pub(super) fn softmax<const N: usize>(logits: [f32; N], temperature: f64) -> [f32; N] {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    // The difference first: it is what must not overflow.
    let weights = logits.map(|logit| ((f64::from(logit) - f64::from(largest)) / temperature).exp());
    let sum: f64 = weights.iter().sum();
    weights.map(|weight| (weight / sum) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_sum_to_one_however_large_the_logits_and_small_the_temperature() {
        for temperature in [1e-300, 0.1, 1.0, 50.0, 1e300] {
            for logits in [[0.0, 0.0], [1e38, -1e38], [f32::MAX, f32::MIN], [-3.0, 2.0]] {
                let [a, b] = softmax(logits, temperature);
                assert!((a + b - 1.0).abs() < 1e-6, "{logits:?} at {temperature}: {a}, {b}");
                assert!(a >= b || logits[0] <= logits[1], "{logits:?} at {temperature}");
                assert!(a <= b || logits[0] >= logits[1], "{logits:?} at {temperature}");
            }
        }
    }

    #[test]
    fn a_temperature_divides_the_logits() {
        let [a, b] = softmax([3.0, 1.0], 2.0);
        assert!((f64::from(a / b) - 1.0_f64.exp()).abs() < 1e-6, "{a} {b}");
    }

    /// Gives what it was made with, or fails.
    struct Fixed(Result<[f32; 3], fn() -> Error>);

    impl Model for Fixed {
        fn input_shape(&self) -> &[usize] {
            &[1]
        }

        fn scores(&self) -> usize {
            3
        }

        fn run(&mut self, _: &ArrayRefD<f32>, scores: &mut [f32]) -> Result<(), Error> {
            scores.copy_from_slice(&self.0.as_ref().map_err(|error| error())?[..]);
            Ok(())
        }
    }

    #[test]
    fn scores_come_in_our_order_and_failures_are_counted_by_role_and_reason() {
        let input = ndarray::ArrayD::zeros(vec![1]);
        let mut counts = Counts::default();
        let mut good = Asked::new("event", Box::new(Fixed(Ok([1.0, 2.0, 3.0]))), [2, 0, 1]);
        assert_eq!(good.ask(&input, &mut counts), Some([3.0, 1.0, 2.0]));
        assert!(counts.is_empty());
        let failures: [fn() -> Error; 2] = [
            || Error::NotFinite { network: "x", what: "a score" },
            || Error::Scores { network: "x", got: 1, room: 2 },
        ];
        for failure in failures {
            let mut bad = Asked::new("event", Box::new(Fixed(Err(failure))), [0, 1, 2]);
            assert_eq!(bad.ask(&input, &mut counts), None);
        }
        assert_eq!(counts.get("event-network-not-finite"), 1);
        assert_eq!(counts.get("event-network-failed"), 1);
    }
}
