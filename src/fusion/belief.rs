//! Belief in each expression, from the radar's gate and experts and from the event network.
//!
//! The gate's logits `z` become probabilities `g = softmax(z / T)`. *Hard* routing, as FOODER has
//! it, asks the likelier expert alone; *soft* routing weighs both, `p(c) = g(expert of c) p(c |
//! expert)`, which is never worse calibrated.
//!
//! Each modality `m` is then trusted as far as it is reliable, `0 <= r_m <= 0.99`, by mixing in
//! ignorance (Shafer's discounting), and the modalities are taken as independent witnesses:
//!
//! ```text
//!   q_m(c) = r_m p_m(c) + (1 - r_m) / 4           p(c) = product_m q_m(c) / sum_c product_m q_m(c)
//!   r_radar = R_radar                             r_event = R_event n / (n + h)
//! ```
//!
//! `n` is the rate of events in the face region and `h` the rate at which the event network is
//! worth half of its best. An event camera sees change: before a face that is held still `n` falls
//! to nothing, `q_event` becomes 1/4 everywhere, and what the radar says stands alone.

use super::Routing;
use crate::data::message::ExpressionLabel;
use crate::data::score::{EventScores, ExpressionCalibration, RadarExpression};

/// Probabilities in the order of [`ExpressionLabel::ALL`]; they sum to 1.
pub(super) type Belief = [f64; ExpressionLabel::COUNT];

/// Nothing known.
pub(super) const IGNORANCE: Belief = [0.25; ExpressionLabel::COUNT];

/// How far the probabilities of a network may miss the sum of 1: single precision, with room.
const SUM_TOLERANCE: f64 = 1e-3;

/// Why scores were refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// A logit of the gate is not finite.
    Gate,
    /// The expert that the gate asks for was not run.
    Expert,
    /// Numbers that are no probabilities.
    Probabilities,
}

impl Refused {
    /// The reason under which it is counted.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Gate => "gate-not-finite",
            Self::Expert => "expert-not-run",
            Self::Probabilities => "not-probabilities",
        }
    }
}

/// What one modality says, and how far it is to be trusted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Witness {
    pub(super) belief: Belief,
    pub(super) reliability: f64,
}

/// What the radar's gate and experts say.
pub(super) fn of_radar(
    scores: &RadarExpression,
    routing: Routing,
    calibration: &ExpressionCalibration,
) -> Result<Witness, Refused> {
    let [dynamic, still] = scores.gate.map(f64::from);
    if !dynamic.is_finite() || !still.is_finite() {
        return Err(Refused::Gate);
    }
    // The logistic function is the softmax of two; it saturates instead of overflowing.
    let moves = 1.0 / (1.0 + ((still - dynamic) / calibration.gate_temperature).exp());
    let moves = match routing {
        Routing::Hard if routing.experts(scores.gate)[0] => 1.0,
        Routing::Hard => 0.0,
        Routing::Soft => moves,
    };
    let [smile, shock] = expert(scores.dynamic, moves > 0.0)?;
    let [neutral, anger] = expert(scores.still, moves < 1.0)?;
    let rests = 1.0 - moves;
    Ok(Witness {
        belief: [moves * smile, moves * shock, rests * neutral, rests * anger],
        reliability: calibration.radar_reliability,
    })
}

/// The probabilities of an expert, if it is needed; zeros otherwise.
fn expert(said: Option<[f32; 2]>, is_needed: bool) -> Result<[f64; 2], Refused> {
    if is_needed { normalised(said.ok_or(Refused::Expert)?) } else { Ok([0.0; 2]) }
}

/// What the event network says.
pub(super) fn of_event(
    scores: &EventScores,
    calibration: &ExpressionCalibration,
) -> Result<Witness, Refused> {
    let rate = f64::from(scores.rate_ev_s);
    if !rate.is_finite() || rate < 0.0 {
        return Err(Refused::Probabilities);
    }
    Ok(Witness {
        belief: normalised(scores.probabilities)?,
        reliability: calibration.event_reliability * rate / (rate + calibration.half_rate_ev_s),
    })
}

fn normalised<const N: usize>(numbers: [f32; N]) -> Result<[f64; N], Refused> {
    let numbers = numbers.map(f64::from);
    let sum: f64 = numbers.iter().sum();
    let is_good = (sum - 1.0).abs() <= SUM_TOLERANCE && numbers.iter().all(|p| *p >= 0.0);
    if is_good { Ok(numbers.map(|p| p / sum)) } else { Err(Refused::Probabilities) }
}

/// What the networks together say at one instant: the belief that the expression stage follows,
/// without its memory. In the order of [`ExpressionLabel::ALL`]; one quarter each if nobody says
/// anything.
///
/// # Errors
/// When the numbers are none that can be used.
pub fn believe(
    radar: Option<&RadarExpression>,
    event: Option<&EventScores>,
    routing: Routing,
    calibration: &ExpressionCalibration,
) -> Result<[f64; ExpressionLabel::COUNT], Refused> {
    let radar = radar.map(|scores| of_radar(scores, routing, calibration)).transpose()?;
    let event = event.map(|scores| of_event(scores, calibration)).transpose()?;
    Ok(fuse(radar.into_iter().chain(event)))
}

impl Witness {
    /// What it says, as far as it is to be trusted.
    pub(super) fn discounted(&self) -> Belief {
        self.belief.map(|p| self.reliability * p + (1.0 - self.reliability) * 0.25)
    }
}

/// What all witnesses together say; ignorance if there is none.
fn fuse(witnesses: impl Iterator<Item = Witness>) -> Belief {
    let mut product = [1.0; ExpressionLabel::COUNT];
    for witness in witnesses {
        product.iter_mut().zip(witness.discounted()).for_each(|(factor, q)| *factor *= q);
    }
    let sum: f64 = product.iter().sum();
    product.map(|factor| factor / sum)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fusion::testing::WORTH;

    const CALIBRATION: ExpressionCalibration = ExpressionCalibration {
        gate_temperature: 2.0,
        radar_reliability: 0.9,
        event_reliability: 0.8,
        ..WORTH
    };

    fn probabilities<const N: usize>() -> impl Strategy<Value = [f32; N]> {
        prop::collection::vec(0.0..1.0_f32, N).prop_map(|weights| {
            let sum: f32 = weights.iter().sum::<f32>() + 1e-6;
            let mut p: [f32; N] = weights.try_into().unwrap();
            p.iter_mut().for_each(|p| *p /= sum);
            p[0] += 1.0 - p.iter().sum::<f32>();
            p
        })
    }

    fn radar(gate: [f32; 2]) -> RadarExpression {
        RadarExpression { gate, dynamic: Some([0.7, 0.3]), still: Some([0.2, 0.8]) }
    }

    fn near(a: Belief, b: Belief) -> bool {
        a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6)
    }

    proptest! {
        #[test]
        fn fusion_is_a_distribution_and_the_order_of_witnesses_does_not_matter(
            a in probabilities::<4>(), b in probabilities::<4>(),
            rate in 0.0..1e6_f32, gate in prop::array::uniform2(-1e4..1e4_f32),
        ) {
            let scores = EventScores { probabilities: a, rate_ev_s: rate };
            let event = of_event(&scores, &CALIBRATION).unwrap();
            let radar = of_radar(&radar(gate), Routing::Soft, &CALIBRATION).unwrap();
            let other = Witness { belief: b.map(f64::from), reliability: 0.5 };
            let fused = fuse([event, radar, other].into_iter());
            prop_assert!((fused.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            prop_assert!(fused.iter().all(|p| *p > 0.0), "nothing is ever impossible: {:?}", fused);
            prop_assert!(near(fused, fuse([other, event, radar].into_iter())));
        }

        #[test]
        fn the_fewer_events_there_are_the_less_the_event_network_moves_the_answer(
            p in probabilities::<4>(), few in 0.0..1e5_f32, more in 0.0..1e5_f32,
        ) {
            let radar = of_radar(&radar([0.0, 3.0]), Routing::Hard, &CALIBRATION).unwrap();
            let alone = fuse([radar].into_iter());
            let moved = |rate_ev_s: f32| {
                let scores = EventScores { probabilities: p, rate_ev_s };
                let event = of_event(&scores, &CALIBRATION).unwrap();
                // Least over most factor: how far the event network can turn any odds.
                let q = event.discounted();
                q.iter().fold(0.0_f64, |m, x| m.max(*x)) / q.iter().fold(1.0_f64, |m, x| m.min(*x))
            };
            prop_assert!(moved(few.min(more)) <= moved(few.max(more)) + 1e-9);
            let silent = EventScores { probabilities: p, rate_ev_s: 0.0 };
            let silent = of_event(&silent, &CALIBRATION).unwrap();
            prop_assert!(near(fuse([radar, silent].into_iter()), alone));
        }
    }

    #[test]
    fn belief_of_an_instant_is_that_of_whoever_spoke() {
        let radar = radar([0.0, 3.0]);
        let event = EventScores { probabilities: [0.1, 0.2, 0.3, 0.4], rate_ev_s: 4_000.0 };
        let believe = |radar, event| believe(radar, event, Routing::Hard, &CALIBRATION).unwrap();
        let witnesses = || {
            let radar = of_radar(&radar, Routing::Hard, &CALIBRATION).unwrap();
            [radar, of_event(&event, &CALIBRATION).unwrap()].into_iter()
        };
        assert!(near(believe(Some(&radar), Some(&event)), fuse(witnesses())));
        assert!(near(believe(Some(&radar), None), fuse(witnesses().take(1))));
        assert!(near(believe(None, None), IGNORANCE));
    }

    #[test]
    fn hard_routing_asks_one_expert_and_soft_routing_weighs_both() {
        let scores = radar([1.0, -1.0]);
        let hard = of_radar(&scores, Routing::Hard, &CALIBRATION).unwrap().belief;
        assert!(near(hard, [0.7, 0.3, 0.0, 0.0]), "{hard:?}");
        // softmax((1, -1) / 2) = 1 / (1 + e^-1) = 0.731059
        let soft = of_radar(&scores, Routing::Soft, &CALIBRATION).unwrap().belief;
        let g = 0.731_058_578_630_005;
        assert!(near(soft, [g * 0.7, g * 0.3, (1.0 - g) * 0.2, (1.0 - g) * 0.8]), "{soft:?}");
    }

    #[test]
    fn two_witnesses_weigh_as_the_formula_says() {
        // By hand: radar 0.9 (0.8, 0.2, 0, 0) + 0.025; events at the half rate: r = 0.4.
        let scores = RadarExpression { gate: [9.0, 0.0], dynamic: Some([0.8, 0.2]), still: None };
        let radar = of_radar(&scores, Routing::Hard, &CALIBRATION).unwrap();
        let scores = EventScores { probabilities: [0.0, 1.0, 0.0, 0.0], rate_ev_s: 2_000.0 };
        let event = of_event(&scores, &CALIBRATION).unwrap();
        // radar q = (0.745, 0.205, 0.025, 0.025), event q = (0.15, 0.55, 0.15, 0.15)
        let products = [0.745 * 0.15, 0.205 * 0.55, 0.025 * 0.15, 0.025 * 0.15];
        let sum: f64 = products.iter().sum();
        assert!(near(fuse([radar, event].into_iter()), products.map(|p| p / sum)));
    }

    #[test]
    fn what_is_no_probability_is_refused_by_its_reason() {
        let soft = |scores| of_radar(&scores, Routing::Soft, &CALIBRATION).map(|w| w.belief);
        assert_eq!(soft(radar([f32::NAN, 0.0])), Err(Refused::Gate));
        assert_eq!(soft(RadarExpression { still: None, ..radar([0.0; 2]) }), Err(Refused::Expert));
        let odd = RadarExpression { dynamic: Some([0.7, 0.4]), ..radar([0.0; 2]) };
        assert_eq!(soft(odd), Err(Refused::Probabilities));
        for probabilities in [[0.5, 0.5, 0.5, -0.5], [f32::NAN; 4], [0.0; 4]] {
            let scores = EventScores { probabilities, rate_ev_s: 1.0 };
            assert_eq!(of_event(&scores, &CALIBRATION), Err(Refused::Probabilities));
        }
    }
}
