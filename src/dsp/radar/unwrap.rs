//! Phase that goes on where the arctangent jumps.

use std::f64::consts::{PI, TAU};

use rustfft::num_complex::{Complex32, Complex64};

use super::circle::wide;

/// Phase of each point as seen from `centre`, radians; steps of more than half a turn are taken
/// for the short way round, as numpy's `unwrap` does.
///
/// # Panics
/// When there are not as many phases as points.
pub fn unwrapped_phase(points: &[Complex32], centre: Complex64, phase: &mut [f64]) {
    assert_eq!(points.len(), phase.len(), "one phase for each point");
    let mut previous = 0.0;
    let mut turns = 0.0;
    for (i, (&z, phase)) in points.iter().zip(phase).enumerate() {
        let angle = (wide(z) - centre).arg();
        if i > 0 {
            let step = angle - previous;
            if step > PI {
                turns -= 1.0;
            } else if step < -PI {
                turns += 1.0;
            }
        }
        previous = angle;
        *phase = angle + TAU * turns;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Rounding of unit phasors to `f32`: 6e-8, and the sum of 200 steps in `f64`.
        #[test]
        fn steps_below_half_a_turn_add_up_again(
            steps in prop::collection::vec(-3.1..3.1_f64, 1..200),
            start in -3.1..3.1_f64,
        ) {
            let truth: Vec<f64> = steps.iter().scan(start, |sum, step| {
                let now = *sum;
                *sum += step;
                Some(now)
            }).collect();
            #[expect(clippy::cast_possible_truncation, reason = "as the kernels do")]
            let points: Vec<_> =
                truth.iter().map(|a| Complex32::new(a.cos() as f32, a.sin() as f32)).collect();
            let mut phase = vec![f64::NAN; truth.len()];
            unwrapped_phase(&points, Complex64::default(), &mut phase);
            for (got, expected) in phase.iter().zip(&truth) {
                prop_assert!((got - expected).abs() < 1e-6, "{got} is not {expected}");
            }
        }
    }
}
