//! The network against loops that spell out every sum, in f64.

use ndarray::{Array1, Array3, ArrayD, Axis, Ix4};

use crate::model::testing::{Lcg, TestBundle, Weights, random_weights, to_file};
use crate::model::{Bundle, Error, Kind};

/// Shapes: `x[from, row, column]` in, `[to, row / stride, column / stride]` out.
fn conv_bn(x: &Array3<f64>, name: &str, stride: usize, weights: &Weights) -> Array3<f64> {
    let kernel = weights[&format!("{name}.conv.weight")].view().into_dimensionality::<Ix4>();
    let kernel = kernel.unwrap().mapv(f64::from);
    let (to, _, size, _) = kernel.dim();
    let (from, rows, columns) = x.dim();
    let bn = |what: &str, channel: usize| f64::from(weights[&format!("{name}.bn.{what}")][channel]);
    let inside = |at: usize, limit: usize| at.checked_sub(size / 2).filter(|&at| at < limit);
    Array3::from_shape_fn((to, rows / stride, columns / stride), |(channel, row, column)| {
        let mut sum = 0.0;
        for source in 0..from {
            for down in 0..size {
                for right in 0..size {
                    let r = inside(row * stride + down, rows);
                    let c = inside(column * stride + right, columns);
                    if let (Some(r), Some(c)) = (r, c) {
                        sum += kernel[[channel, source, down, right]] * x[[source, r, c]];
                    }
                }
            }
        }
        let scale = bn("weight", channel) / (bn("running_var", channel) + 1e-5).sqrt();
        (sum - bn("running_mean", channel)) * scale + bn("bias", channel)
    })
}

fn slow_twin(maps: &ArrayD<f32>, weights: &Weights) -> [f64; 2] {
    let relu = |x: Array3<f64>| x.mapv_into(|v| v.max(0.0));
    let maps = Array3::from_shape_fn((2, 64, 64), |(m, r, d)| f64::from(maps[[m, r, d]]));
    let stem = relu(conv_bn(&maps, "stem", 1, weights));
    let inner = relu(conv_bn(&stem, "block.0", 2, weights));
    let inner = conv_bn(&inner, "block.1", 1, weights);
    let sum = relu(inner + conv_bn(&stem, "block.skip", 2, weights));
    let pooled: Array1<f64> = sum.mean_axis(Axis(2)).unwrap().mean_axis(Axis(1)).unwrap();
    [0, 1].map(|score| {
        let row = weights["head.weight"].index_axis(Axis(0), score);
        let dot: f64 = pooled.iter().zip(row.iter()).map(|(p, &w)| p * f64::from(w)).sum();
        dot + f64::from(weights["head.bias"][score])
    })
}

fn random_maps(seed: u32) -> ArrayD<f32> {
    let mut lcg = Lcg(seed);
    ArrayD::from_shape_simple_fn(vec![2, 64, 64], || 0.5 + 0.5 * lcg.next())
}

fn agrees_with_the_twin(preset: &str, seed: u32) {
    let kind = Kind::named("fooder_gate").unwrap();
    let weights = random_weights(kind, preset, seed);
    let folder =
        TestBundle::new(&format!("gate-{preset}-{seed}"), kind, preset, &to_file(&weights));
    let mut bundle = Bundle::load(folder.path()).unwrap();
    let maps = random_maps(seed + 100);
    let mut scores = [f32::NAN; 2];
    bundle.role("gate").unwrap().model.run(&maps, &mut scores).unwrap();
    let expected = slow_twin(&maps, &weights);
    for (score, expected) in scores.iter().zip(expected) {
        // A sum of n f32 products is off by at most n * 2^-24 of the sum of their sizes: 576
        // products in the longest row give 3.5e-5, 18 in the stem 1e-6, the head 4e-6. With
        // activations near 1 and normalisation between, 4e-5 in all; errors of opposite sign make
        // it far less.
        assert!((f64::from(*score) - expected).abs() < 1e-4, "{scores:?} {expected}");
        assert!(expected.abs() > 1e-3, "a score of nothing proves nothing: {expected}");
    }
}

#[test]
fn a_gate_loaded_from_a_bundle_agrees_with_plain_loops() {
    agrees_with_the_twin("default", 1);
}

#[test]
fn a_tiny_gate_agrees_with_plain_loops_for_several_weights() {
    (2..6).for_each(|seed| agrees_with_the_twin("tiny", seed));
}

#[test]
fn the_same_maps_give_the_same_bits_whatever_ran_between() {
    let kind = Kind::named("fooder_gate").unwrap();
    let file = to_file(&random_weights(kind, "tiny", 9));
    let folder = TestBundle::new("gate-bits", kind, "tiny", &file);
    let mut bundle = Bundle::load(folder.path()).unwrap();
    let model = &mut bundle.role("gate").unwrap().model;
    let mut run = |seed| {
        let mut scores = [f32::NAN; 2];
        model.run(&random_maps(seed), &mut scores).unwrap();
        scores.map(f32::to_bits)
    };
    let first = run(1);
    assert_ne!(run(2), first);
    assert_eq!(run(1), first);
}

#[test]
fn scores_keep_their_old_value_when_the_input_is_refused() {
    let kind = Kind::named("fooder_gate").unwrap();
    let file = to_file(&random_weights(kind, "tiny", 9));
    let folder = TestBundle::new("gate-refused", kind, "tiny", &file);
    let mut bundle = Bundle::load(folder.path()).unwrap();
    let model = &mut bundle.role("gate").unwrap().model;
    assert_eq!((model.input_shape(), model.scores()), (&[2, 64, 64][..], 2));
    let mut scores = [7.0; 2];
    let empty = model.run(&ArrayD::zeros(vec![2, 64, 63]), &mut scores).unwrap_err();
    assert!(matches!(empty, Error::Input { .. }));
    let mut maps = random_maps(1);
    maps[[1, 63, 63]] = f32::INFINITY;
    assert!(matches!(model.run(&maps, &mut scores), Err(Error::NotFinite { .. })));
    assert_eq!(scores.map(f32::to_bits), [7.0f32; 2].map(f32::to_bits));
}
