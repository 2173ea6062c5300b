//! The circle that an echo of moving phase draws in the complex plane.

use rustfft::num_complex::{Complex32, Complex64};

/// A circle fitted to points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Circle {
    /// What stands still in the range bin: the wall behind, and leakage.
    pub centre: Complex64,
    /// Amplitude of what moves.
    pub radius: f64,
}

impl Circle {
    /// The circle of least squared algebraic distance (I. Kasa, IEEE Trans. Instrum. Meas. 25,
    /// 1976). `None` for fewer than three points, or points on a line or in one place.
    ///
    /// Solved about the mean of the points, so that a large static part costs no digits. A short
    /// arc makes the circle too small; below an eighth of a turn its centre is worth nothing.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub fn fit(points: &[Complex32]) -> Option<Self> {
        let count = points.len() as f64;
        let mean = points.iter().copied().map(wide).sum::<Complex64>() / count;
        let (mut uu, mut vv, mut uv) = (0.0, 0.0, 0.0);
        let mut cubic = Complex64::default();
        for d in points.iter().map(|&z| wide(z) - mean) {
            uu += d.re * d.re;
            vv += d.im * d.im;
            uv += d.re * d.im;
            cubic += 0.5 * d.norm_sqr() * d;
        }
        let spread = uu + vv;
        let det = uu * vv - uv * uv;
        // On a line the determinant is rounding only; 1e-9 is an ellipse of axes 1 : 30 000.
        if points.len() < 3 || det.is_nan() || det <= 1e-9 * spread * spread {
            return None;
        }
        let centre = Complex64::new(
            (cubic.re * vv - cubic.im * uv) / det,
            (cubic.im * uu - cubic.re * uv) / det,
        );
        let radius = (centre.norm_sqr() + spread / count).sqrt();
        Some(Self { centre: centre + mean, radius })
    }

    /// Root mean square distance of the points from the circle, in radii. For a blob of Gaussian
    /// noise it is 0.48.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub fn misfit(&self, points: &[Complex32]) -> f64 {
        let off = |&z: &Complex32| ((wide(z) - self.centre).norm() - self.radius).powi(2);
        (points.iter().map(off).sum::<f64>() / points.len() as f64).sqrt() / self.radius
    }
}

/// The same number in `f64`.
pub(super) fn wide(z: Complex32) -> Complex64 {
    Complex64::new(z.re.into(), z.im.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn points_on_a_line_in_one_place_or_too_few_have_no_circle() {
        let line: Vec<_> = (0..20_u8).map(|i| Complex32::new(f32::from(i), 3.0)).collect();
        assert_eq!(Circle::fit(&line), None);
        assert_eq!(Circle::fit(&[Complex32::new(2.0, 1.0); 20]), None);
        assert_eq!(Circle::fit(&line[..2]), None);
        assert_eq!(Circle::fit(&[]), None);
        assert_eq!(Circle::fit(&[Complex32::new(f32::NAN, 0.0); 20]), None);
    }

    proptest! {
        /// Points are off by half an `f32` step of 150, 8e-6; a quarter turn of circle magnifies
        /// that some thirty times at worst.
        #[test]
        fn a_quarter_turn_or_more_gives_its_circle_back(
            (x, y, radius) in (-50.0..50.0_f64, -50.0..50.0_f64, 1.0..80.0_f64),
            (from, arc) in (0.0..6.0_f64, 1.6..12.0_f64),
        ) {
            let centre = Complex64::new(x, y);
            let points: Vec<_> = (0..100_u8)
                .map(|i| {
                    let z = centre + Complex64::from_polar(radius, from + arc * f64::from(i) / 99.0);
                    #[expect(clippy::cast_possible_truncation, reason = "as the kernels do")]
                    Complex32::new(z.re as f32, z.im as f32)
                })
                .collect();
            let circle = Circle::fit(&points).unwrap();
            prop_assert!((circle.centre - centre).norm() < 3e-4, "{circle:?}");
            prop_assert!((circle.radius - radius).abs() < 3e-4, "{circle:?}");
            prop_assert!(circle.misfit(&points) < 1e-3);
        }
    }
}
