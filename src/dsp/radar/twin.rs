//! Slow and obvious `f64` versions of the kernels' parts, for their tests.

#![expect(clippy::cast_precision_loss, reason = "test sizes are small")]

use std::f64::consts::TAU;

use ndarray::{Array3, ArrayRef3};
use rustfft::num_complex::Complex64;

use super::FrameShape;
use crate::data::Samples;

/// The sum that an FFT is fast at; `length` beyond the line pads it with zeros.
pub(super) fn dft(line: &[Complex64], length: usize) -> Vec<Complex64> {
    let term = |k: usize, n: usize| {
        Complex64::from_polar(1.0, -TAU * (k * n % length) as f64 / length as f64)
    };
    (0..length).map(|k| line.iter().enumerate().map(|(n, x)| x * term(k, n)).sum()).collect()
}

/// Takes the mean off a line.
pub(super) fn remove_mean(line: &mut [Complex64]) {
    let mean = line.iter().sum::<Complex64>() / line.len() as f64;
    line.iter_mut().for_each(|x| *x -= mean);
}

/// Multiplies a line by a window.
pub(super) fn taper(line: &mut [Complex64], window: &[f64]) {
    line.iter_mut().zip(window).for_each(|(x, w)| *x *= w);
}

/// The range FFT of one chirp, the bins that are kept only.
pub(super) fn range_bins(
    mut chirp: Vec<Complex64>,
    window: &[f64],
    length: usize,
    complex: bool,
    offset: bool,
) -> Vec<Complex64> {
    if offset {
        remove_mean(&mut chirp);
    }
    taper(&mut chirp, window);
    let mut bins = dft(&chirp, length);
    bins.truncate(if complex { length } else { length / 2 + 1 });
    bins
}

/// Magnitudes of the DFT of a line, zero at the middle.
pub(super) fn shifted_magnitudes(line: &[Complex64], length: usize) -> Vec<f64> {
    let mut bins: Vec<f64> = dft(line, length).iter().map(|z| z.norm()).collect();
    bins.rotate_right(length / 2);
    bins
}

/// One chirp of a frame.
pub(super) fn chirp(samples: &Samples, rx: usize, chirp: usize) -> Vec<Complex64> {
    let count = samples.dim().2;
    (0..count)
        .map(|i| match samples {
            Samples::Real(array) => Complex64::new(array[[rx, chirp, i]].into(), 0.0),
            Samples::Complex(array) => {
                let [re, im] = array[[rx, chirp, i]];
                Complex64::new(re.into(), im.into())
            }
        })
        .collect()
}

/// A frame of arbitrary 12-bit counts around 2000.
pub(super) fn frame(shape: FrameShape, seed: u64) -> Samples {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut count = move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        1500 + i16::try_from((state >> 33) % 1000).unwrap()
    };
    let size = (shape.rx, shape.chirps, shape.samples);
    if shape.complex {
        Samples::Complex(Array3::from_shape_simple_fn(size, || [count(), count()]))
    } else {
        Samples::Real(Array3::from_shape_simple_fn(size, count))
    }
}

/// Asserts that all of `got` is within 1e-5 of the largest expected value: rounding of `f32`, 6e-8
/// for each of some 20 steps, all one way at worst. `floor` stands in where nothing but rounding is
/// expected.
#[track_caller]
pub(super) fn assert_close(got: &ArrayRef3<f32>, expected: &[f64], floor: f64) {
    let got: Vec<f64> = got.iter().map(|&x| x.into()).collect();
    assert_eq!(got.len(), expected.len());
    let largest = expected.iter().copied().fold(floor, f64::max);
    for (i, (a, b)) in got.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= 1e-5 * largest, "value {i} is {a}, not {b}; largest {largest}");
    }
}
