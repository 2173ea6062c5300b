//! Batch and layer normalisation.

use super::columns::{Term, column_sums, product_sums};
use super::simd::{Isa, Kernel, Simd, dispatch, map3};
use super::{Activation, parallel};

/// Mean and biased variance of each column, in two passes: the square of a large mean would drown
/// the variance.
#[must_use]
pub fn batch_statistics(
    isa: Isa,
    threads: usize,
    x: &[f32],
    columns: usize,
) -> (Vec<f32>, Vec<f32>) {
    let rows = count(x.len() / columns);
    let mean: Vec<_> = column_sums(isa, threads, (x, columns), Term::Itself)
        .into_iter()
        .map(|sum| sum / rows)
        .collect();
    let var = column_sums(isa, threads, (x, columns), Term::SquareOff(&mean))
        .into_iter()
        .map(|sum| sum / rows)
        .collect();
    (mean, var)
}

/// A number of rows as a divisor.
#[expect(clippy::cast_precision_loss, reason = "rounding to 24 bits is what f32 arithmetic does")]
fn count(rows: usize) -> f32 {
    rows as f32
}

/// `out[row, column] = then(x[row, column] * scale[column] + shift[column])`.
///
/// # Panics
/// Where lengths do not fit.
pub fn scale_shift(
    isa: Isa,
    x: &[f32],
    [scale, shift]: [&[f32]; 2],
    then: Activation,
    out: &mut [f32],
) {
    let columns = scale.len();
    assert!(shift.len() == columns && out.len() == x.len(), "one of each");
    assert_eq!(x.len() % columns.max(1), 0, "whole rows");
    dispatch(isa, ScaleShift { x, scale, shift, then, out });
}

struct ScaleShift<'a> {
    x: &'a [f32],
    scale: &'a [f32],
    shift: &'a [f32],
    then: Activation,
    out: &'a mut [f32],
}

impl Kernel for ScaleShift<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let columns = self.scale.len().max(1);
        for (x, out) in self.x.chunks_exact(columns).zip(self.out.chunks_exact_mut(columns)) {
            let inputs = [x, self.scale, self.shift];
            map3(
                simd,
                inputs,
                out,
                #[inline(always)]
                |x, scale, shift| self.then.of(simd, simd.mul_add(x, scale, shift)),
            );
        }
    }
}

/// `gradient` times the slope of `then` at `x * scale + shift`: the gradient before the activation
/// of [`scale_shift`].
///
/// # Panics
/// Where lengths do not fit.
pub fn scale_shift_slope(
    isa: Isa,
    x: &[f32],
    [scale, shift]: [&[f32]; 2],
    then: Activation,
    gradient: &[f32],
    out: &mut [f32],
) {
    let columns = scale.len();
    assert!(shift.len() == columns && [gradient.len(), out.len()] == [x.len(); 2], "one of each");
    assert_eq!(x.len() % columns.max(1), 0, "whole rows");
    dispatch(isa, Slope { x, scale, shift, then, gradient, out });
}

struct Slope<'a> {
    x: &'a [f32],
    scale: &'a [f32],
    shift: &'a [f32],
    then: Activation,
    gradient: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for Slope<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let columns = self.scale.len().max(1);
        let rows = self.x.chunks_exact(columns).zip(self.gradient.chunks_exact(columns));
        for (out, (x, gradient)) in self.out.chunks_exact_mut(columns).zip(rows) {
            for (at, out) in (0..columns).step_by(S::LANES).zip(out.chunks_mut(S::LANES)) {
                let here = at..at + out.len();
                let scale = simd.load(&self.scale[here.clone()]);
                let shift = simd.load(&self.shift[here.clone()]);
                let x = simd.mul_add(simd.load(&x[here.clone()]), scale, shift);
                let slope = self.then.slope(simd, x);
                simd.store(simd.mul(simd.load(&gradient[here]), slope), out);
            }
        }
    }
}

/// Batch normalisation with fixed statistics.
#[derive(Debug, Clone)]
pub struct BatchNorm<'a> {
    /// Learned scale of each column.
    pub gamma: &'a [f32],
    /// Mean of each column.
    pub mean: &'a [f32],
    /// Biased variance of each column.
    pub var: &'a [f32],
    /// Added to the variance.
    pub eps: f32,
}

impl BatchNorm<'_> {
    /// `1 / sqrt(var + eps)` of each column.
    fn inverse(&self) -> impl Iterator<Item = f32> {
        self.var.iter().map(|var| (var + self.eps).sqrt().recip())
    }

    /// What to multiply by and what to add then, for [`scale_shift`].
    #[must_use]
    pub fn folded(&self, beta: &[f32]) -> [Vec<f32>; 2] {
        let scale: Vec<_> = self.inverse().zip(self.gamma).map(|(i, gamma)| i * gamma).collect();
        let off = scale.iter().zip(self.mean).map(|(scale, mean)| scale * mean);
        let shift = off.zip(beta).map(|(off, beta)| beta - off).collect();
        [scale, shift]
    }

    /// Gradients of gamma and beta.
    #[must_use]
    pub fn parameter_gradients(
        &self,
        isa: Isa,
        threads: usize,
        x: &[f32],
        gradient: &[f32],
    ) -> [Vec<f32>; 2] {
        let [beta, off] = product_sums(isa, threads, gradient, (x, self.mean));
        let gamma = off.into_iter().zip(self.inverse()).map(|(sum, i)| sum * i).collect();
        [gamma, beta]
    }

    /// Turns the gradient of the output into that of the input, where mean and variance are those of
    /// the batch `x`, by the gradients of gamma and beta.
    ///
    /// With `n` rows and `z = (x - mean) / sqrt(var + eps)`:
    /// `dx = gamma / sqrt(var + eps) * (dy - dbeta / n - z dgamma / n)`.
    pub fn input_gradient(
        &self,
        (isa, threads): (Isa, usize),
        x: &[f32],
        gradient: &mut [f32],
        [gamma_gradient, beta_gradient]: [&[f32]; 2],
    ) {
        let columns = self.gamma.len();
        let rows = count(x.len() / columns);
        // dx = dy * a + x * b + c
        let mut a = Vec::with_capacity(columns);
        let (mut b, mut c) = (a.clone(), a.clone());
        for (column, inverse) in self.inverse().enumerate() {
            let by = self.gamma[column] * inverse;
            let of_x = -by * inverse * gamma_gradient[column] / rows;
            a.push(by);
            b.push(of_x);
            c.push(-by * beta_gradient[column] / rows - of_x * self.mean[column]);
        }
        parallel::each_item(threads, columns, (gradient, columns), |row, gradient| {
            let x = &x[row * columns..][..gradient.len()];
            dispatch(isa, Blend { x, by: [&a, &b, &c], gradient });
        });
    }
}

/// `gradient = gradient * by[0] + x * by[1] + by[2]`
struct Blend<'a> {
    x: &'a [f32],
    by: [&'a [f32]; 3],
    gradient: &'a mut [f32],
}

impl Kernel for Blend<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let [a, b, c] = self.by;
        let columns = a.len();
        let rows = self.gradient.chunks_exact_mut(columns).zip(self.x.chunks_exact(columns));
        for (gradient, x) in rows {
            for (at, gradient) in (0..columns).step_by(S::LANES).zip(gradient.chunks_mut(S::LANES))
            {
                let here = at..at + gradient.len();
                let x = simd.load(&x[here.clone()]);
                let rest =
                    simd.mul_add(x, simd.load(&b[here.clone()]), simd.load(&c[here.clone()]));
                let blend = simd.mul_add(simd.load(gradient), simd.load(&a[here]), rest);
                simd.store(blend, gradient);
            }
        }
    }
}

/// Normalises each row by its mean and biased variance, then `* gamma + beta`.
///
/// # Panics
/// Where lengths do not fit.
pub fn layer_norm(isa: Isa, x: &[f32], [gamma, beta]: [&[f32]; 2], eps: f32, out: &mut [f32]) {
    let columns = gamma.len();
    assert!(beta.len() == columns && out.len() == x.len(), "one of each");
    assert_eq!(x.len() % columns.max(1), 0, "whole rows");
    dispatch(isa, LayerNorm { x, gamma, beta, eps, out });
}

struct LayerNorm<'a> {
    x: &'a [f32],
    gamma: &'a [f32],
    beta: &'a [f32],
    eps: f32,
    out: &'a mut [f32],
}

/// Mean of a row, and `1 / sqrt(var + eps)`.
#[inline(always)]
fn row_statistics<S: Simd>(simd: S, x: &[f32], eps: f32) -> (f32, f32) {
    let columns = count(x.len());
    let mut sum = simd.splat(0.0);
    for x in x.chunks(S::LANES) {
        sum = simd.add(sum, simd.load(x));
    }
    let mean = simd.sum(sum) / columns;
    let mut squares = simd.splat(0.0);
    let whole = x.chunks_exact(S::LANES);
    let mut rest = 0.0;
    for x in whole.remainder() {
        rest += (x - mean) * (x - mean);
    }
    for x in whole {
        let off = simd.sub(simd.load(x), simd.splat(mean));
        squares = simd.mul_add(off, off, squares);
    }
    let var = (simd.sum(squares) + rest) / columns;
    (mean, (var + eps).sqrt().recip())
}

impl Kernel for LayerNorm<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let columns = self.gamma.len().max(1);
        for (x, out) in self.x.chunks_exact(columns).zip(self.out.chunks_exact_mut(columns)) {
            let (mean, inverse) = row_statistics(simd, x, self.eps);
            let (mean, inverse) = (simd.splat(mean), simd.splat(inverse));
            map3(
                simd,
                [x, self.gamma, self.beta],
                out,
                #[inline(always)]
                |x, gamma, beta| simd.mul_add(simd.mul(simd.sub(x, mean), inverse), gamma, beta),
            );
        }
    }
}

/// Gradient of the input of [`layer_norm`] in the first `rows * columns` floats, those of gamma and
/// beta added to `parameters`.
///
/// With `z = (x - mean) * inverse` and `w = dy * gamma`:
/// `dx = inverse * (w - mean of w - z * mean of w z)`.
///
/// # Panics
/// Where lengths do not fit.
pub fn layer_norm_gradient(
    isa: Isa,
    x: &[f32],
    (gamma, eps): (&[f32], f32),
    gradient: &[f32],
    out: &mut [f32],
    parameters: &mut [f32],
) {
    let columns = gamma.len();
    assert!(gradient.len() == x.len() && out.len() == x.len(), "one of each");
    assert_eq!(parameters.len(), 2 * columns, "gamma and beta");
    assert_eq!(x.len() % columns.max(1), 0, "whole rows");
    dispatch(isa, LayerNormGradient { x, gamma, eps, gradient, out, parameters });
}

struct LayerNormGradient<'a> {
    x: &'a [f32],
    gamma: &'a [f32],
    eps: f32,
    gradient: &'a [f32],
    out: &'a mut [f32],
    parameters: &'a mut [f32],
}

impl Kernel for LayerNormGradient<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { gamma, eps, parameters, .. } = self;
        let columns = gamma.len().max(1);
        let (of_gamma, of_beta) = parameters.split_at_mut(columns);
        let rows = self.x.chunks_exact(columns).zip(self.gradient.chunks_exact(columns));
        for (out, (x, gradient)) in self.out.chunks_exact_mut(columns).zip(rows) {
            let (mean, inverse) = row_statistics(simd, x, eps);
            let (middle, inverse) = (simd.splat(mean), simd.splat(inverse));
            let (mut sum, mut with_z) = (simd.splat(0.0), simd.splat(0.0));
            for at in (0..columns).step_by(S::LANES) {
                let here = at..columns.min(at + S::LANES);
                let dy = simd.load(&gradient[here.clone()]);
                let z = simd.mul(simd.sub(simd.load(&x[here.clone()]), middle), inverse);
                let w = simd.mul(dy, simd.load(&gamma[here.clone()]));
                sum = simd.add(sum, w);
                with_z = simd.mul_add(w, z, with_z);
                let so_far = simd.load(&of_gamma[here.clone()]);
                simd.store(simd.mul_add(dy, z, so_far), &mut of_gamma[here.clone()]);
                let so_far = simd.load(&of_beta[here.clone()]);
                simd.store(simd.add(so_far, dy), &mut of_beta[here]);
            }
            let sum = simd.splat(simd.sum(sum) / count(columns));
            let with_z = simd.splat(simd.sum(with_z) / count(columns));
            for (at, out) in (0..columns).step_by(S::LANES).zip(out.chunks_mut(S::LANES)) {
                let here = at..at + out.len();
                let x = simd.load(&x[here.clone()]);
                let z = simd.mul(simd.sub(x, middle), inverse);
                let w = simd.mul(simd.load(&gradient[here.clone()]), simd.load(&gamma[here]));
                let off = simd.sub(simd.sub(w, sum), simd.mul(z, with_z));
                simd.store(simd.mul(off, inverse), out);
            }
        }
    }
}
