//! What one score is worth as evidence: the logarithm of a ratio of likelihoods.

use crate::data::score::{IdentityCalibration, Normal};

/// How much likelier a score is for the enrolled person than for a reference impostor.
///
/// With `e` the density of the enrolled person's scores and `r` that of the reference impostors,
/// both normal,
///
/// ```text
///   l(x) = ln e(x) - ln r(x)
///        = ln(s_r / s_e) + (x - m_r)^2 / (2 s_r^2) - (x - m_e)^2 / (2 s_e^2)
/// ```
///
/// Two normals of different width cross twice, so the bare formula would take an absurdly *low*
/// score for a stranger's (`s_r > s_e`), or an absurdly high one for the enrolled person's
/// (`s_r < s_e`). Bigger must always be stranger: beyond the turning point
///
/// ```text
///   x* = (m_e s_r^2 - m_r s_e^2) / (s_r^2 - s_e^2)
/// ```
///
/// `l` keeps the value it has there, and falls or stays everywhere.
#[derive(Debug, Clone, Copy)]
pub(super) struct LogRatio {
    enrolled: Normal,
    reference: Normal,
    least: f64,
    most: f64,
}

impl LogRatio {
    /// For a calibration that was checked.
    pub(super) fn new(calibration: &IdentityCalibration) -> Self {
        let IdentityCalibration { enrolled, reference, .. } = *calibration;
        let (e, r) = (enrolled.deviation.powi(2), reference.deviation.powi(2));
        let turn = (enrolled.mean * r - reference.mean * e) / (r - e);
        let (least, most) = if r > e {
            (turn, f64::INFINITY)
        } else if r < e {
            (f64::NEG_INFINITY, turn)
        } else {
            (f64::NEG_INFINITY, f64::INFINITY)
        };
        Self { enrolled, reference, least, most }
    }

    /// `l(score)`, in nats; positive speaks for the enrolled person.
    pub(super) fn of(&self, score: f64) -> f64 {
        let x = score.clamp(self.least, self.most);
        let distance = |normal: Normal| 0.5 * ((x - normal.mean) / normal.deviation).powi(2);
        (self.reference.deviation / self.enrolled.deviation).ln() + distance(self.reference)
            - distance(self.enrolled)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn density(normal: Normal, x: f64) -> f64 {
        let z = (x - normal.mean) / normal.deviation;
        (-z * z / 2.0).exp() / (normal.deviation * std::f64::consts::TAU.sqrt())
    }

    fn calibrations() -> impl Strategy<Value = IdentityCalibration> {
        (-5.0..5.0, 0.1..10.0, 0.2..3.0, 0.2..3.0).prop_map(|(mean, apart, e, r)| {
            IdentityCalibration {
                window_ms: 500,
                enrolled: Normal { mean, deviation: e },
                reference: Normal { mean: mean + apart, deviation: r },
            }
        })
    }

    proptest! {
        #[test]
        fn a_bigger_score_never_speaks_more_for_the_enrolled_person(
            calibration in calibrations(),
            scores in prop::collection::vec(-100.0..100.0_f64, 2),
        ) {
            let ratio = LogRatio::new(&calibration);
            let (low, high) = (scores[0].min(scores[1]), scores[0].max(scores[1]));
            prop_assert!(ratio.of(low) >= ratio.of(high));
        }

        #[test]
        fn between_the_two_means_it_is_the_logarithm_of_the_densities(
            calibration in calibrations(),
            share in 0.0..=1.0_f64,
        ) {
            let (e, r) = (calibration.enrolled, calibration.reference);
            let x = e.mean + share * (r.mean - e.mean);
            // Densities that underflow have no logarithm to compare with.
            prop_assume!(density(e, x) > 1e-300 && density(r, x) > 1e-300);
            let plain = (density(e, x) / density(r, x)).ln();
            let error = (LogRatio::new(&calibration).of(x) - plain).abs();
            prop_assert!(error < 1e-9 * plain.abs().max(1.0), "{plain}, off by {error}");
        }
    }

    #[test]
    fn an_absurd_score_of_a_wide_crowd_of_strangers_is_still_a_strangers() {
        let ratio = LogRatio::new(&IdentityCalibration {
            window_ms: 500,
            enrolled: Normal { mean: 0.0, deviation: 2.0 },
            reference: Normal { mean: 3.0, deviation: 1.0 },
        });
        assert!(ratio.of(1e6) < 0.0 && ratio.of(f64::from(f32::MAX)) < 0.0);
    }
}
