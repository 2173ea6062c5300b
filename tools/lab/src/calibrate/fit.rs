//! Small fits: temperatures, distributions, how far to trust a modality.

use visaged::data::score::Normal;

/// Mean and deviation; `None` for less than two values or values all equal.
pub(super) fn normal(values: &[f64]) -> Option<Normal> {
    let count = real(values.len());
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (count - 1.0);
    let deviation = variance.sqrt();
    (values.len() > 1 && deviation > 0.0).then_some(Normal { mean, deviation })
}

/// The smallest value that at least the share `q` of the values does not exceed.
pub(super) fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "q lies in 0..=1")]
    let rank = (q * real(sorted.len())).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied()
}

/// Logits of one input, and the class that it shows.
pub(super) type Answer<const N: usize> = ([f64; N], usize);

/// The temperature with the least mean negative log-likelihood (Guo et al., ICML 2017), between 0.2
/// and 20 by golden section over its logarithm; the likelihood has one maximum in `1 / T`.
pub(super) fn temperature<const N: usize>(answers: &[Answer<N>]) -> f64 {
    let cost = |log: f64| {
        let temperature = log.exp();
        answers
            .iter()
            .map(|(logits, class)| -softmax(logits, temperature)[*class].max(1e-12).ln())
            .sum::<f64>()
    };
    let ratio = (5.0_f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (0.2_f64.ln(), 20.0_f64.ln());
    for _ in 0..60 {
        let step = ratio * (high - low);
        let (a, b) = (high - step, low + step);
        if cost(a) < cost(b) {
            high = b;
        } else {
            low = a;
        }
    }
    (0.5 * (low + high)).exp()
}

/// Probabilities of `logits / temperature`.
pub(super) fn softmax<const N: usize>(logits: &[f64; N], temperature: f64) -> [f64; N] {
    let most = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights = logits.map(|logit| ((logit - most) / temperature).exp());
    let sum: f64 = weights.iter().sum();
    weights.map(|weight| weight / sum)
}

/// How far to trust a modality: the reliability `r` with the least negative log-likelihood of
/// `r p + (1 - r) / 4`, in steps of 0.01 up to 0.99.
///
/// `probabilities` are those of the true class, `weights` how much there was to see, 0 to 1.
pub(super) fn reliability(probabilities: &[f64], weights: &[f64]) -> (f64, f64) {
    let cost = |r: f64| {
        let each = probabilities.iter().zip(weights).map(|(p, weight)| {
            let r = r * weight;
            -(r * p + 0.25 * (1.0 - r)).max(1e-12).ln()
        });
        each.sum::<f64>()
    };
    let candidates = (0..100).map(|step| 0.01 * f64::from(step));
    let costs = candidates.map(|r| (r, cost(r)));
    costs.min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((0.0, f64::INFINITY))
}

#[expect(clippy::cast_precision_loss, reason = "far less than 2^52 values")]
pub(super) const fn real(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_temperature_of_logits_that_are_thrice_too_sure_is_three() {
        // True odds are e^1 to 1; the network says e^3 to 1.
        let share = 1.0 / (1.0 + (-1.0_f64).exp());
        let (right, wrong) = (1_000, (1_000.0 * (1.0 - share) / share).round());
        let mut answers = vec![([3.0, 0.0], 0); right];
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "368")]
        answers.extend(vec![([3.0, 0.0], 1); wrong as usize]);
        assert!((temperature(&answers) - 3.0).abs() < 0.01);
    }

    #[test]
    fn a_modality_that_only_guesses_is_not_trusted_and_one_that_knows_is() {
        // It is certain and right once in four times.
        let guesses = [1.0, 0.0, 0.0, 0.0];
        assert!(reliability(&guesses, &[1.0; 4]).0 < 0.02);
        assert!((reliability(&[1.0; 4], &[1.0; 4]).0 - 0.99).abs() < 1e-9);
    }

    #[test]
    fn quantiles_are_values_that_occur() {
        let values = [5.0, 1.0, 4.0, 2.0, 3.0];
        assert_eq!(quantile(&values, 0.95), Some(5.0));
        assert_eq!(quantile(&values, 0.6), Some(3.0));
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn nothing_is_normal_about_one_value() {
        assert!(normal(&[1.0]).is_none() && normal(&[2.0, 2.0]).is_none());
        let normal = normal(&[1.0, 3.0]).unwrap();
        assert!((normal.mean - 2.0).abs() < 1e-12);
        assert!((normal.deviation - 2.0_f64.sqrt()).abs() < 1e-12);
    }
}
