//! What needs no candle, so that Miri can run it: adjoints, and memory full of NaN.
//!
//! A gradient is the adjoint of its forward pass: `<f(x), g>` is `<x, gradient of x>` and, for a
//! product with weights, `<w, gradient of w>`. Small whole numbers make all three exactly equal.

use super::*;

/// Whole numbers in -3..=3.
fn whole(len: usize, seed: usize) -> Vec<f32> {
    let number =
        |at: usize| u8::try_from((at * 37 + seed * 11 + at / 5) % 7).map_or(0.0, f32::from);
    (0..len).map(|at| number(at) - 3.0).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

#[track_caller]
fn same(isa: Isa, [forward, others @ ..]: [f64; 3]) {
    for other in others {
        assert!((forward - other).abs() < 1e-9, "{isa:?}: {forward} {other}");
    }
    assert!(forward.abs() > 0.5, "zeros prove nothing");
}

const SHAPES: [ConvShape; 4] = [
    ConvShape { input: [5, 4], kernel: [3, 3], from: 3, to: 5, stride: 1, padding: 1 },
    ConvShape { input: [4, 7], kernel: [3, 2], from: 2, to: 33, stride: 2, padding: 1 },
    ConvShape { input: [3, 5], kernel: [1, 1], from: 17, to: 2, stride: 1, padding: 0 },
    ConvShape { input: [5, 5], kernel: [2, 2], from: 1, to: 1, stride: 3, padding: 0 },
];

#[test]
fn a_transposed_convolution_is_the_adjoint_of_its_convolution() {
    for (isa, shape) in Isa::available().flat_map(|isa| SHAPES.map(|shape| (isa, shape))) {
        let weight = whole(shape.to * shape.from * shape.kernel[0] * shape.kernel[1], 1);
        let forward = Conv2d::plan(isa, &shape, &weight, None, Activation::None);
        let back = ConvTranspose2d::plan(isa, &shape, &weight, None, Activation::None);
        assert_eq!([back.image(), back.output()], [forward.output(), forward.image()]);
        let (x, gradient) = (whole(2 * forward.image(), 2), whole(2 * forward.output(), 3));
        let (mut y, mut of_x) = (vec![f32::NAN; gradient.len()], vec![f32::NAN; x.len()]);
        forward.run(&x, None, &mut y);
        back.run(&gradient, None, &mut of_x);
        let of_weight = conv2d_weight_gradient(isa, 1, &shape, &x, &gradient);
        same(isa, [dot(&y, &gradient), dot(&x, &of_x), dot(&weight, &of_weight)]);
        let mut again = vec![f32::NAN; y.len()];
        forward.run(&x, Some(&gradient), &mut again);
        assert!(
            again.iter().zip(y.iter().zip(&gradient)).all(|(a, (y, g))| (a - y - g).abs() < 1e-9)
        );
    }
}

#[test]
fn gradients_of_a_depthwise_convolution_are_its_adjoints() {
    let shape =
        ConvShape { input: [5, 6], kernel: [3, 3], from: 19, to: 19, stride: 2, padding: 1 };
    for isa in Isa::available() {
        let weight = whole(19 * 9, 1);
        let plan = Depthwise::plan(isa, &shape, &weight, None, Activation::None);
        let (x, gradient) = (whole(2 * plan.image(), 2), whole(2 * plan.output(), 3));
        let mut y = vec![f32::NAN; gradient.len()];
        plan.run(&x, &mut y);
        let (of_x, of_weight) =
            (plan.input_gradient(1, &gradient), plan.weight_gradient(1, &x, &gradient));
        same(isa, [dot(&y, &gradient), dot(&x, &of_x), dot(&weight, &of_weight)]);
    }
}

#[test]
fn gradients_of_a_convolution_over_time_are_its_adjoints() {
    let shape = TemporalShape { frames: 3, pixels: 5, from: 4, to: 18, taps: 5 };
    for isa in Isa::available() {
        let weight = whole(18 * 4 * 5, 1);
        let plan = TemporalConv::plan(isa, &shape, &weight, None, Activation::None);
        let back = TemporalConv::plan_input_gradient(isa, &shape, &weight);
        let (x, gradient) = (whole(2 * plan.clip(), 2), whole(2 * plan.output(), 3));
        let (mut y, mut of_x) = (vec![f32::NAN; gradient.len()], vec![f32::NAN; x.len()]);
        plan.run(&x, None, &mut y);
        back.run(&gradient, None, &mut of_x);
        let of_weight = temporal_weight_gradient(isa, 1, &shape, &x, &gradient);
        same(isa, [dot(&y, &gradient), dot(&x, &of_x), dot(&weight, &of_weight)]);
    }
}

#[test]
fn attention_among_equal_keys_is_the_mean_of_the_values() {
    for isa in Isa::available() {
        for (tokens, dim) in [(3, 5), (17, 2), (1, 1)] {
            let plan = Attention::plan(isa, tokens, dim);
            let (q, k) = (whole(tokens * dim, 1), vec![1.0; tokens * dim]);
            let v = whole(tokens * dim, 2);
            let mut out = vec![f32::NAN; tokens * dim];
            let mut scratch = vec![f32::NAN; plan.scratch()];
            let rows = [&q, &k, &v].map(|rows| HeadRows { rows, stride: dim });
            plan.run(rows, (&mut out, dim), &mut scratch);
            for (at, out) in out.iter().enumerate() {
                let of_channel = v.iter().skip(at % dim).step_by(dim);
                let mean = of_channel.sum::<f32>() / u8::try_from(tokens).map_or(0.0, f32::from);
                assert!((out - mean).abs() < 1e-5, "{isa:?}: {out} {mean}");
            }
        }
    }
}

#[test]
fn spikes_without_memory_are_the_sigmoid_of_the_current() {
    for isa in Isa::available() {
        let (decay, bias) = (vec![0.0; 7], whole(7, 1));
        let plan = SoftSpike::plan(isa, [3, 80], &decay, &bias);
        let currents = whole(3 * 80 * 7, 2);
        let mut clip = currents.clone();
        plan.run_in_place(&mut clip, &mut vec![f32::NAN; plan.scratch()]);
        for (at, (spike, current)) in clip.iter().zip(&currents).enumerate() {
            let expected = 1.0 / (1.0 + (-(current + bias[at % 7])).exp());
            assert!((spike - expected).abs() < 1e-6, "{isa:?}: {spike} {expected}");
        }
    }
}

#[test]
fn pools_and_norms_touch_nothing_but_their_rows() {
    for isa in Isa::available() {
        let x = whole(2 * 5 * 3 * 19, 1);
        let pool = MaxPool::plan_2d(isa, [5, 3, 19], 2);
        let mut largest = vec![f32::NAN; 2 * pool.output()];
        pool.run(&x, &mut largest);
        let mut of_x = vec![f32::NAN; x.len()];
        let gradient = whole(largest.len(), 2);
        pool.gradient(&x, &largest, &gradient, &mut of_x);
        let sum = |x: &[f32]| x.iter().copied().map(f64::from).sum::<f64>();
        assert!((sum(&of_x) - sum(&gradient)).abs() < 1e-9, "{isa:?}");
        let mut normed = vec![f32::NAN; x.len()];
        layer_norm(isa, &x, [&[1.0; 19], &[0.0; 19]], 1e-5, &mut normed);
        assert!(normed.chunks(19).all(|row| sum(row).abs() < 1e-4), "{isa:?}");
        let mut largest = vec![f32::NAN; 2 * 19];
        reduce(isa, Reduce::Max, [2, 15, 19], &x, &mut largest);
        for (at, largest) in largest.iter().enumerate() {
            let column = x[at / 19 * 15 * 19..][..15 * 19].iter().skip(at % 19).step_by(19);
            let expected = column.copied().fold(f32::NEG_INFINITY, f32::max);
            assert!((largest - expected).abs() < 1e-9, "{isa:?}: {largest} {expected}");
        }
    }
}
