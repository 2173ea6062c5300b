//! One step of an optimiser over one parameter, in one pass.

use super::simd::{Isa, Kernel, Simd, dispatch};

/// Which rule a step follows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// Adam with decoupled weight decay (Loshchilov and Hutter, ICLR 2019, algorithm 2).
    AdamW,
    /// Adam by the largest gradient instead of their squares (Kingma and Ba, ICLR 2015, algorithm
    /// 2); weight decay is added to the gradient, as `PyTorch` does.
    Adamax,
}

/// Numbers of one step, the same for all parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Which rule.
    pub rule: Rule,
    /// Learning rate.
    pub rate: f32,
    /// How slowly the first and the second moment forget.
    pub betas: [f32; 2],
    /// Keeps divisions finite.
    pub eps: f32,
    /// Share of a weight that a step of rate 1 takes off.
    pub weight_decay: f32,
    /// `1 / (1 - beta^steps)` of both moments: they start at zero.
    pub corrections: [f32; 2],
}

impl Step {
    /// Moves `weights` against `gradient`, and both moments along.
    ///
    /// # Panics
    /// Where lengths differ.
    pub fn run(
        &self,
        isa: Isa,
        weights: &mut [f32],
        gradient: &[f32],
        [first, second]: [&mut [f32]; 2],
    ) {
        let same = [gradient.len(), first.len(), second.len()] == [weights.len(); 3];
        assert!(same, "as many gradients and moments as weights");
        dispatch(isa, Run { step: self, weights, gradient, first, second });
    }
}

struct Run<'a> {
    step: &'a Step,
    weights: &'a mut [f32],
    gradient: &'a [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
}

impl Kernel for Run<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Step { rule, rate, betas, eps, weight_decay, corrections } = *self.step;
        let [beta1, beta2] = betas.map(
            #[inline(always)]
            |beta| simd.splat(beta),
        );
        let [new1, new2] = betas.map(
            #[inline(always)]
            |beta| simd.splat(1.0 - beta),
        );
        let keep = simd.splat(1.0 - rate * weight_decay);
        let decay = simd.splat(weight_decay);
        let step = simd.splat(-rate * corrections[0]);
        let correction = simd.splat(corrections[1]);
        let eps = simd.splat(eps);
        let moments = self.first.chunks_mut(S::LANES).zip(self.second.chunks_mut(S::LANES));
        let weights = self.weights.chunks_mut(S::LANES).zip(self.gradient.chunks(S::LANES));
        for ((weights, gradient), (first, second)) in weights.zip(moments) {
            let mut weight = simd.load(weights);
            let mut gradient = simd.load(gradient);
            if rule == Rule::Adamax {
                gradient = simd.mul_add(weight, decay, gradient);
            } else {
                weight = simd.mul(weight, keep);
            }
            let mean = simd.mul_add(gradient, new1, simd.mul(simd.load(first), beta1));
            let old = simd.mul(simd.load(second), beta2);
            let (size, below) = if rule == Rule::Adamax {
                let size = simd.max(gradient, simd.sub(simd.splat(0.0), gradient));
                let largest = simd.max(old, simd.add(size, eps));
                (largest, largest)
            } else {
                let square = simd.mul_add(simd.mul(gradient, gradient), new2, old);
                (square, simd.add(simd.sqrt(simd.mul(square, correction)), eps))
            };
            simd.store(mean, first);
            simd.store(size, second);
            simd.store(simd.mul_add(step, simd.div(mean, below), weight), weights);
        }
    }
}
