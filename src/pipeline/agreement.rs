//! Energy of small fast motion in one radar's frames, to be compared with an event camera's.

use std::ops::Range;

use crate::data::{ChirpConfig, RadarFrame};
use crate::dsp::radar::MeanSpectrum;
use crate::units::Meters;

/// Turns frames into one number each: how much the echoes accelerate.
///
/// With `s_n[rx, range]` the mean spectrum of frame `n`, the energy is
///
/// ```text
///   e_n = sum over rx and range bins of |s_n - 2 s_(n-1) + s_(n-2)|^2
/// ```
///
/// A second difference over frames: it removes what stands still and what drifts, and weighs motion
/// by the fourth power of its frequency, so that a chest that breathes 5 mm at 0.25 Hz stays 10 to
/// 20 dB below a mouth that moves 2 mm within a quarter of a second (shipped scene).
pub(super) struct Motion {
    bins: Range<usize>,
    range_bins: usize,
    /// `[rx, range_bin]`, real and imaginary parts: of the newest frame and of the one before.
    newest: Vec<(f32, f32)>,
    before: Vec<(f32, f32)>,
    /// Frames in a row, and the number of the next.
    run: u32,
    expected: u64,
}

impl Motion {
    /// Looks at ranges from `first` to `last`.
    pub(super) fn plan(chirp: &ChirpConfig, first: Meters, last: Meters) -> Self {
        let range_bins = chirp.range_bins();
        let spectrum = range_bins * chirp.rx_antennas.len();
        let step = chirp.range_resolution().0;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "`as` saturates, and the end is cut at the number of bins"
        )]
        let bin = |range: Meters| (range.0 / step).ceil().max(0.0) as usize;
        Self {
            bins: bin(first).min(range_bins)..bin(last).min(range_bins),
            range_bins,
            newest: vec![(0.0, 0.0); spectrum],
            before: vec![(0.0, 0.0); spectrum],
            run: 0,
            expected: 0,
        }
    }

    /// Energy of `frame`, whose mean spectrum is given; `None` until three frames in a row are
    /// whole.
    pub(super) fn run(&mut self, frame: &RadarFrame, spectrum: &MeanSpectrum) -> Option<f64> {
        if frame.has_holes || frame.number != self.expected {
            self.run = 0;
        }
        self.expected = frame.number.saturating_add(1);
        if frame.has_holes {
            return None;
        }
        let mut energy = 0.0_f64;
        let rows = spectrum.values().chunks_exact(self.range_bins.max(1));
        for (rx, row) in rows.enumerate() {
            for bin in self.bins.clone() {
                let at = rx * self.range_bins + bin;
                let (one, two) = (self.newest[at], self.before[at]);
                let re = f64::from(row[bin].re) - 2.0 * f64::from(one.0) + f64::from(two.0);
                let im = f64::from(row[bin].im) - 2.0 * f64::from(one.1) + f64::from(two.1);
                energy += re * re + im * im;
                self.before[at] = one;
                self.newest[at] = (row[bin].re, row[bin].im);
            }
        }
        self.run = self.run.saturating_add(1);
        (self.run >= 3).then_some(energy)
    }

    /// Forgets earlier frames.
    pub(super) const fn restart(&mut self) {
        self.run = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::radar::FrameShape;
    use crate::pipeline::testing;
    use crate::units::Stamp;

    /// An echo of 0.5 m whose distance is `range + shift(n)` in frame `n`: energy of each frame.
    fn energies(count: u32, shift: impl Fn(u32) -> f64) -> Vec<Option<f64>> {
        let chirp =
            ChirpConfig { rx_antennas: vec![1], chirps: 4, samples: 64, ..ChirpConfig::food() };
        let shape = FrameShape { rx: 1, chirps: 4, samples: 64, complex: false };
        let mut spectrum = MeanSpectrum::plan(shape).unwrap();
        let mut motion = Motion::plan(&chirp, Meters(0.12), Meters(1.0));
        (0..count)
            .map(|number| {
                let echo = (0.5 + shift(number), 1_000.0);
                let frame = RadarFrame {
                    number: number.into(),
                    stamp: Stamp::from_micros(i64::from(number) * 50_000),
                    samples: testing::echoes(&chirp, &[echo], || 0.0),
                    has_holes: number == 12,
                };
                spectrum.run(&frame.samples);
                motion.run(&frame, &spectrum)
            })
            .collect()
    }

    #[test]
    fn what_stands_still_has_no_energy_and_a_start_or_a_hole_has_no_answer() {
        let still = energies(20, |_| 0.0);
        let answered: Vec<bool> = still.iter().map(Option::is_some).collect();
        let expected: Vec<bool> = (0..20).map(|n| n >= 2 && !(12..15).contains(&n)).collect();
        assert_eq!(answered, expected);
        assert!(still.iter().flatten().all(|energy| *energy == 0.0));
    }

    #[test]
    fn a_quick_small_motion_stands_ten_decibels_above_a_large_slow_breath() {
        let breath = |n: u32| 2.5e-3 * (std::f64::consts::TAU * 0.25 * 0.05 * f64::from(n)).sin();
        // 2 mm within five frames, beginning and ending at rest.
        let quick = |n: u32| {
            let u = f64::from(n.min(5)) / 5.0;
            2e-3 * u * u * (3.0 - 2.0 * u)
        };
        let most =
            |energies: &[Option<f64>]| energies.iter().flatten().copied().fold(0.0, f64::max);
        let (breath, quick) = (most(&energies(12, breath)), most(&energies(12, quick)));
        assert!(quick > 10.0 * breath, "{quick} against {breath}");
    }
}
