//! Window functions, periodic and symmetric.

use std::f64::consts::TAU;

use serde::{Deserialize, Serialize};

/// A window: its shape, and what its last coefficient pairs with.
///
/// In a config file: `{ shape = "hann", ends = "periodic" }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Window {
    /// The curve.
    pub shape: WindowShape,
    /// Periodic or symmetric.
    pub ends: Ends,
}

/// The curve of a window: main lobe width and highest side lobe in the variants' docs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WindowShape {
    /// All ones: 1 bin, -13 dB.
    Rect,
    /// Hann: 1.5 bins, -31 dB.
    #[default]
    Hann,
    /// Hamming, 0.54 and 0.46: 1.36 bins, -43 dB.
    Hamming,
    /// Four-term Blackman-Harris: 2 bins, -92 dB.
    BlackmanHarris,
}

/// Where a window of `n` coefficients would repeat. The two differ by about one per cent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ends {
    /// After `n`, as an FFT assumes (scipy: `sym=False`).
    #[default]
    Periodic,
    /// After `n - 1`, so that first equals last (scipy: `sym=True`, numpy's `hanning`).
    Symmetric,
}

impl Default for Window {
    fn default() -> Self {
        Self::periodic(WindowShape::Hann)
    }
}

impl Window {
    /// The periodic window of this shape.
    #[must_use]
    pub const fn periodic(shape: WindowShape) -> Self {
        Self { shape, ends: Ends::Periodic }
    }

    /// The symmetric window of this shape.
    #[must_use]
    pub const fn symmetric(shape: WindowShape) -> Self {
        Self { shape, ends: Ends::Symmetric }
    }

    /// The `n` coefficients; a window of one coefficient is 1, as in scipy.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "window lengths are far below 2^52")]
    pub fn coefficients(&self, n: usize) -> Vec<f64> {
        if n == 1 {
            return vec![1.0];
        }
        let period = match self.ends {
            Ends::Periodic => n as f64,
            Ends::Symmetric => n as f64 - 1.0,
        };
        (0..n).map(|i| self.shape.at(i as f64 / period)).collect()
    }
}

impl WindowShape {
    /// The value at `turn`, where 0 and 1 are the ends and 0.5 is the middle.
    fn at(self, turn: f64) -> f64 {
        self.cosines().iter().zip(0..).map(|(a, k)| a * (TAU * f64::from(k) * turn).cos()).sum()
    }

    /// Factors of `cos(2 pi k turn)` for `k` = 0, 1, 2, 3 (F. J. Harris, Proc. IEEE 66, 1978).
    const fn cosines(self) -> [f64; 4] {
        match self {
            Self::Rect => [1.0, 0.0, 0.0, 0.0],
            Self::Hann => [0.5, -0.5, 0.0, 0.0],
            Self::Hamming => [0.54, -0.46, 0.0, 0.0],
            Self::BlackmanHarris => [0.35875, -0.48829, 0.14128, -0.01168],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values printed by `scipy.signal.windows`, version 1.17.1.
    #[test]
    fn coefficients_match_scipy_to_twelve_digits() {
        let hann = Window::periodic(WindowShape::Hann).coefficients(6);
        let expected = [0.0, 0.25, 0.75, 1.0, 0.75, 0.25];
        assert_close(&hann, &expected);
        let harris = Window::symmetric(WindowShape::BlackmanHarris).coefficients(4);
        assert_close(&harris, &[6e-5, 0.520_575, 0.520_575, 6e-5]);
        let hamming = Window::symmetric(WindowShape::Hamming).coefficients(3);
        assert_close(&hamming, &[0.08, 1.0, 0.08]);
    }

    #[test]
    fn a_window_of_one_coefficient_lets_it_pass() {
        for shape in [WindowShape::Hann, WindowShape::BlackmanHarris, WindowShape::Rect] {
            assert_close(&Window::periodic(shape).coefficients(1), &[1.0]);
            assert_close(&Window::symmetric(shape).coefficients(1), &[1.0]);
        }
    }

    #[test]
    fn a_window_in_a_config_refuses_a_misspelt_key() {
        let window: Window = toml::from_str("shape = \"blackman-harris\"").unwrap();
        assert_eq!(window, Window::periodic(WindowShape::BlackmanHarris));
        assert!(toml::from_str::<Window>("sharpe = \"hann\"").is_err());
    }

    fn assert_close(got: &[f64], expected: &[f64]) {
        assert_eq!(got.len(), expected.len());
        for (a, b) in got.iter().zip(expected) {
            assert!((a - b).abs() < 1e-12, "{got:?} is not {expected:?}");
        }
    }
}
