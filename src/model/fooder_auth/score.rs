//! From six errors to one score: how far a face lies outside, and what both numbers rest on.

use serde::{Deserialize, Serialize};

use super::TERMS;

/// Which errors make the score. The paper's text was not available to us; both readings are
/// offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Variant {
    /// Those of the leaves, as in FOOD (arXiv 2406.04546, section 4).
    Leaves,
    /// Those of the leaves and the images, the latter as in HOOD (arXiv 2308.02396).
    LeavesAndImages,
}

impl Variant {
    /// Whether the term of this name counts.
    fn counts(self, term: &str) -> bool {
        self == Self::LeavesAndImages || !term.starts_with("image.")
    }
}

/// What the errors of the enrolled person look like, measured on recordings that took no part in
/// training.
///
/// Errors differ in size by orders of magnitude. Each is brought to mean 0 and deviation 1 before
/// the sum, or the largest alone would decide.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stated")]
pub struct Calibration {
    /// Which errors make the score.
    pub variant: Variant,
    /// Mean of each term, in the order of [`TERMS`].
    pub means: [f64; TERMS.len()],
    /// Standard deviation of each term, above zero.
    pub deviations: [f64; TERMS.len()],
}

/// A calibration as a manifest states it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stated {
    variant: Variant,
    means: [f64; TERMS.len()],
    deviations: [f64; TERMS.len()],
}

impl TryFrom<Stated> for Calibration {
    type Error = &'static str;

    fn try_from(Stated { variant, means, deviations }: Stated) -> Result<Self, Self::Error> {
        if !means.iter().all(|mean| mean.is_finite()) {
            return Err("means must be finite");
        }
        if !deviations.iter().all(|deviation| deviation.is_finite() && *deviation > 0.0) {
            return Err("deviations must be finite and above zero");
        }
        Ok(Self { variant, means, deviations })
    }
}

impl Calibration {
    /// Measures means and deviations on `faces` of the enrolled person; `None` if there are less
    /// than two, or a term never changes.
    #[must_use]
    pub fn measure(variant: Variant, faces: &[[f32; TERMS.len()]]) -> Option<Self> {
        #[expect(clippy::cast_precision_loss, reason = "far less than 2^52 faces")]
        let count = faces.len() as f64;
        let mut means = [0.0; TERMS.len()];
        let mut deviations = [0.0; TERMS.len()];
        for term in 0..TERMS.len() {
            let errors = || faces.iter().map(|face| f64::from(face[term]));
            let mean = errors().sum::<f64>() / count;
            let squares: f64 = errors().map(|error| (error - mean).powi(2)).sum();
            means[term] = mean;
            deviations[term] = (squares / (count - 1.0)).sqrt();
        }
        let known = faces.len() > 1 && deviations.iter().all(|&deviation| deviation > 0.0);
        known.then_some(Self { variant, means, deviations })
    }

    /// The out-of-distribution score of a face: the larger, the less it is the enrolled person's.
    #[must_use]
    pub fn score(&self, errors: &[f32; TERMS.len()]) -> f64 {
        let normalised = errors.iter().zip(self.means.iter().zip(&self.deviations));
        TERMS
            .iter()
            .zip(normalised)
            .filter(|(term, _)| self.variant.counts(term))
            .map(|(_, (&error, (mean, deviation)))| (f64::from(error) - mean) / deviation)
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACES: [[f32; 6]; 3] = [
        [1.0, 10.0, 100.0, 1.0, 10.0, 100.0],
        [2.0, 20.0, 200.0, 3.0, 30.0, 300.0],
        [3.0, 30.0, 300.0, 5.0, 50.0, 500.0],
    ];

    #[test]
    #[expect(clippy::float_cmp, reason = "sums and roots of small whole numbers are exact")]
    fn means_and_deviations_are_those_of_the_faces() {
        let calibration = Calibration::measure(Variant::Leaves, &FACES).unwrap();
        assert_eq!(calibration.means, [2.0, 20.0, 200.0, 3.0, 30.0, 300.0]);
        assert_eq!(calibration.deviations, [1.0, 10.0, 100.0, 2.0, 20.0, 200.0]);
    }

    #[test]
    fn images_count_only_where_the_variant_says_so() {
        let mut face = FACES[1];
        face[0] = 2.0 + 7.0; // seven deviations
        face[4] = 30.0 + 60.0; // three deviations
        let score = |variant| Calibration::measure(variant, &FACES).unwrap().score(&face);
        assert!((score(Variant::Leaves) - 3.0).abs() < 1e-12);
        assert!((score(Variant::LeavesAndImages) - 10.0).abs() < 1e-12);
    }

    #[test]
    fn terms_of_any_size_have_equal_say() {
        let calibration = Calibration::measure(Variant::Leaves, &FACES).unwrap();
        let [mut small, mut large] = [FACES[1]; 2];
        small[1] += 10.0;
        large[2] += 100.0;
        assert!((calibration.score(&small) - calibration.score(&large)).abs() < 1e-12);
    }

    #[test]
    fn nothing_is_measured_on_one_face_or_on_faces_that_never_change() {
        assert_eq!(Calibration::measure(Variant::Leaves, &FACES[..1]), None);
        assert_eq!(Calibration::measure(Variant::Leaves, &[FACES[0]; 5]), None);
        assert_eq!(Calibration::measure(Variant::Leaves, &[]), None);
    }
}
