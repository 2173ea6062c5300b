//! Exact binomial bounds and tests, of counts of persons and sessions.

use super::real;

/// Logarithms of binomial coefficients of one `n`.
#[derive(Debug, Clone)]
struct Binomial {
    n: usize,
    log_choose: Vec<f64>,
}

impl Binomial {
    fn new(n: usize) -> Self {
        let mut log_choose = Vec::with_capacity(n + 1);
        let mut log = 0.0;
        log_choose.push(log);
        for k in 0..n {
            log += (real(n - k) / real(k + 1)).ln();
            log_choose.push(log);
        }
        Self { n, log_choose }
    }

    /// Probability of exactly `k`, for `0 < p < 1`.
    fn probability(&self, k: usize, p: f64) -> f64 {
        (self.log_choose[k] + real(k) * p.ln() + real(self.n - k) * (-p).ln_1p()).exp()
    }

    /// Probability of at most `k`, for `0 < p < 1`.
    fn at_most(&self, k: usize, p: f64) -> f64 {
        (0..=k).map(|k| self.probability(k, p)).sum::<f64>().min(1.0)
    }
}

/// Bisection steps: the width left is below 2^-60.
const STEPS: usize = 60;

/// Where `is_left_of_root` turns from true to false in 0..1.
fn root(is_left_of_root: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..STEPS {
        let middle = f64::midpoint(low, high);
        *(if is_left_of_root(middle) { &mut low } else { &mut high }) = middle;
    }
    f64::midpoint(low, high)
}

/// Upper bound with one-sided confidence `1 - alpha` of a rate of which `k` of `n` were seen
/// (Clopper and Pearson 1934). 1 if `n` is 0.
pub(crate) fn upper(k: usize, n: usize, alpha: f64) -> f64 {
    if k >= n {
        return 1.0;
    }
    let binomial = Binomial::new(n);
    root(|p| binomial.at_most(k, p) > alpha)
}

/// Lower bound with one-sided confidence `1 - alpha`. 0 if `n` is 0.
pub(crate) fn lower(k: usize, n: usize, alpha: f64) -> f64 {
    if k == 0 || n == 0 { 0.0 } else { 1.0 - upper(n.saturating_sub(k), n, alpha) }
}

/// What `k` of `n` persons allows to be said, in words.
pub(crate) fn in_words(k: usize, n: usize, whom: &str, happened: &str) -> String {
    if n == 0 {
        return format!("No {whom} was judged: nothing can be said.");
    }
    let (low, high) = (percent(lower(k, n, 0.025)), percent(upper(k, n, 0.025)));
    let one_sided = percent(upper(k, n, 0.05));
    format!(
        "{k} of {n} {whom} {happened}: compatible with {low} to {high} (exact, two-sided 95 %); \
         not above {one_sided} with one-sided confidence of 95 %."
    )
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// Two-sided p of `k` of `n` under a fair coin: the sign test, and `McNemar`'s exact test of
/// discordant pairs. 1 if `n` is 0.
pub(crate) fn fair(k: usize, n: usize) -> f64 {
    let fewer = k.min(n.saturating_sub(k));
    if n == 0 { 1.0 } else { (2.0 * Binomial::new(n).at_most(fewer, 0.5)).min(1.0) }
}
