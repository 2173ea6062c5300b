//! Each instruction set against plain arithmetic, lane by lane.

#![expect(
    clippy::cast_possible_truncation,
    clippy::float_cmp,
    reason = "what is right is computed in 64 bits, and where nothing is rounded all are equal"
)]

use super::{Isa, Kernel, Simd, dispatch, exp, sigmoid};

/// Numbers of many sizes and both signs, with a length that fills no vector.
fn numbers() -> Vec<f32> {
    (0..61_u8).map(|n| (f32::from(n) - 30.0) * 1.37_f32.powi(i32::from(n) % 11 - 5)).collect()
}

/// Applies an operation to `a` and `b`, vector by vector.
struct Each<'a, F> {
    a: &'a [f32],
    b: &'a [f32],
    out: &'a mut [f32],
    operation: F,
}

trait Operation {
    fn of<S: Simd>(&self, simd: S, a: S::Floats, b: S::Floats) -> S::Floats;
}

impl<F: Operation> Kernel for Each<'_, F> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let inputs = self.a.chunks(S::LANES).zip(self.b.chunks(S::LANES));
        for (out, (a, b)) in self.out.chunks_mut(S::LANES).zip(inputs) {
            simd.store(self.operation.of(simd, simd.load(a), simd.load(b)), out);
        }
    }
}

/// Holds an operation against plain arithmetic on every instruction set.
macro_rules! agrees {
    ($name:ident, |$simd:ident, $a:ident, $b:ident| $ours:expr, $plain:expr, $tolerance:expr) => {
        struct $name;
        impl Operation for $name {
            #[inline(always)]
            fn of<S: Simd>(&self, $simd: S, $a: S::Floats, $b: S::Floats) -> S::Floats {
                $ours
            }
        }
        let plain: fn(f32, f32) -> f32 = $plain;
        let (a, b) = (numbers(), numbers().into_iter().rev().map(|b| b + 0.5).collect::<Vec<_>>());
        for isa in Isa::available() {
            let mut out = vec![f32::NAN; a.len()];
            dispatch(isa, Each { a: &a, b: &b, out: &mut out, operation: $name });
            for ((&a, &b), &got) in a.iter().zip(&b).zip(&out) {
                let right = plain(a, b);
                let error = (got - right).abs();
                assert!(error <= $tolerance * right.abs(), "{isa:?}: {a}, {b}: {got}, {right}");
            }
        }
    };
}

#[test]
fn arithmetic_is_that_of_single_floats() {
    agrees!(Add, |simd, a, b| simd.add(a, b), |a, b| a + b, 0.0);
    agrees!(Sub, |simd, a, b| simd.sub(a, b), |a, b| a - b, 0.0);
    agrees!(Mul, |simd, a, b| simd.mul(a, b), |a, b| a * b, 0.0);
    agrees!(Div, |simd, a, b| simd.div(a, b), |a, b| a / b, 0.0);
    agrees!(Max, |simd, a, b| simd.max(a, b), f32::max, 0.0);
    agrees!(Min, |simd, a, b| simd.min(a, b), f32::min, 0.0);
    agrees!(Root, |simd, a, _b| simd.sqrt(simd.mul(a, a)), |a, _| (a * a).sqrt(), 0.0);
    let pick: fn(f32, f32) -> f32 = |a, b| if a > 0.0 { b } else { a };
    agrees!(Where, |simd, a, b| simd.where_positive(a, b, a), pick, 0.0);
    // Rounded twice on some, once on others; b is never close to -a * a.
    let fused: fn(f32, f32) -> f32 = |a, b| (f64::from(a) * f64::from(a) + f64::from(b)) as f32;
    agrees!(Fused, |simd, a, b| simd.mul_add(a, a, b), fused, 1e-5);
}

fn halved<S: Simd>(simd: S, a: S::Floats) -> S::Floats {
    simd.mul(a, simd.splat(0.5))
}

#[test]
fn exp_is_right_to_three_in_ten_million() {
    // Halved, so that no number is cut off.
    agrees!(
        Exp,
        |simd, a, _b| exp(simd, halved(simd, a)),
        |a, _| (f64::from(a) / 2.0).exp() as f32,
        3e-7
    );
    let sigmoid_of: fn(f32, f32) -> f32 = |a, _| (1.0 / (1.0 + (-f64::from(a) / 2.0).exp())) as f32;
    agrees!(Sigmoid, |simd, a, _b| sigmoid(simd, halved(simd, a)), sigmoid_of, 5e-7);
}

/// Powers of two by [`Simd::scale`].
struct Powers<'a>(&'a [f32], &'a mut [f32]);

impl Kernel for Powers<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for (power, out) in self.0.chunks(S::LANES).zip(self.1.chunks_mut(S::LANES)) {
            simd.store(simd.scale(simd.splat(1.5), simd.load(power)), out);
        }
    }
}

#[test]
fn scaling_is_exact_over_its_whole_range() {
    let powers: Vec<f32> = (-126..=127_i16).map(f32::from).collect();
    for isa in Isa::available() {
        let mut out = vec![f32::NAN; powers.len()];
        dispatch(isa, Powers(&powers, &mut out));
        for (&power, &got) in powers.iter().zip(&out) {
            assert_eq!(f64::from(got), 1.5 * f64::from(power).exp2(), "{isa:?}");
        }
    }
}

/// Sum and largest of what one load gives.
struct Reduce<'a>(&'a [f32], &'a mut [f32; 2]);

impl Kernel for Reduce<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let vector = simd.load(self.0);
        *self.1 = [simd.sum(vector), simd.largest(vector)];
    }
}

#[test]
fn a_load_of_less_than_a_vector_touches_nothing_behind_it() {
    for isa in Isa::available() {
        for count in 1..=isa.lanes() {
            let mut numbers = [f32::NAN; 40];
            numbers[7..7 + count].fill(2.0);
            let mut got = [f32::NAN; 2];
            dispatch(isa, Reduce(&numbers[7..7 + count], &mut got));
            assert_eq!(got, [2.0 * u8::try_from(count).map(f32::from).unwrap(), 2.0], "{isa:?}");
        }
    }
}

#[test]
fn a_store_of_less_than_a_vector_touches_nothing_behind_it() {
    for isa in Isa::available() {
        for count in 1..40 {
            let (zeros, mut out) = (vec![0.0; count], vec![f32::NAN; 48]);
            dispatch(isa, Powers(&zeros, &mut out[3..3 + count]));
            assert!(out[3..3 + count].iter().all(|&v| (v - 1.5).abs() < 1e-6), "{isa:?}");
            assert!(out[..3].iter().chain(&out[3 + count..]).all(|v| v.is_nan()), "{isa:?}");
        }
    }
}
