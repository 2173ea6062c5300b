//! What follows a sum of products, one number at a time.

use super::simd::{Isa, Kernel, Simd, dispatch, exp, map1, map2, sigmoid, update1};

/// A function of one number. `None` hands it on.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Activation {
    /// `x`
    #[default]
    None,
    /// `max(x, 0)`
    Relu,
    /// `x` where it is positive, else `slope * x`
    LeakyRelu(f32),
    /// `x / (1 + e^-x)`
    Silu,
    /// `1 / (1 + e^-x)`
    Sigmoid,
}

impl Activation {
    /// Of each lane.
    #[inline(always)]
    pub(crate) fn of<S: Simd>(self, simd: S, x: S::Floats) -> S::Floats {
        match self {
            Self::None => x,
            // Zero first: what is not a number must not look like a quiet neuron.
            Self::Relu => simd.max(simd.splat(0.0), x),
            Self::LeakyRelu(slope) => simd.where_positive(x, x, simd.mul(x, simd.splat(slope))),
            Self::Silu => {
                let zero = simd.splat(0.0);
                let below = simd.add(simd.splat(1.0), exp(simd, simd.sub(zero, x)));
                simd.div(x, below)
            }
            Self::Sigmoid => sigmoid(simd, x),
        }
    }

    /// The slope at each lane. At exactly 0 that of relu is 0, as in `PyTorch`.
    #[inline(always)]
    pub(super) fn slope<S: Simd>(self, simd: S, x: S::Floats) -> S::Floats {
        let one = simd.splat(1.0);
        match self {
            Self::None => one,
            Self::Relu => simd.where_positive(x, one, simd.splat(0.0)),
            Self::LeakyRelu(slope) => simd.where_positive(x, one, simd.splat(slope)),
            Self::Silu => {
                let s = sigmoid(simd, x);
                simd.mul(s, simd.mul_add(x, simd.sub(one, s), one))
            }
            Self::Sigmoid => {
                let s = sigmoid(simd, x);
                simd.mul(s, simd.sub(one, s))
            }
        }
    }

    /// `out = self(x)`.
    pub(crate) fn run(self, isa: Isa, x: &[f32], out: &mut [f32]) {
        assert_eq!(x.len(), out.len(), "a number out for each number in");
        dispatch(isa, Forward { activation: self, x, out });
    }

    /// `x = self(x)`.
    pub(crate) fn run_in_place(self, isa: Isa, x: &mut [f32]) {
        dispatch(isa, InPlace { activation: self, x });
    }

    /// `out = gradient * slope at x`: the gradient of the input from that of the output.
    pub(crate) fn gradient(self, isa: Isa, x: &[f32], gradient: &[f32], out: &mut [f32]) {
        assert!(x.len() == out.len() && x.len() == gradient.len(), "one gradient for each number");
        dispatch(isa, Backward { activation: self, x, gradient, out });
    }
}

struct Forward<'a> {
    activation: Activation,
    x: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        map1(
            simd,
            self.x,
            self.out,
            #[inline(always)]
            |x| self.activation.of(simd, x),
        );
    }
}

struct InPlace<'a> {
    activation: Activation,
    x: &'a mut [f32],
}

impl Kernel for InPlace<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        update1(
            simd,
            self.x,
            #[inline(always)]
            |x| self.activation.of(simd, x),
        );
    }
}

struct Backward<'a> {
    activation: Activation,
    x: &'a [f32],
    gradient: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for Backward<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        map2(
            simd,
            [self.x, self.gradient],
            self.out,
            #[inline(always)]
            |x, gradient| simd.mul(gradient, self.activation.slope(simd, x)),
        );
    }
}
