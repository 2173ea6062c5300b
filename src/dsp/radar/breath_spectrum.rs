//! The rate of a slow oscillation in a short record.

use std::f64::consts::{PI, TAU};
use std::ops::RangeInclusive;
use std::sync::Arc;

use rustfft::num_complex::Complex64;
use rustfft::{Fft, FftPlanner};

/// Zero padding of the spectrum, at least.
const PADDING: usize = 4;
/// Half width of a Hann window's main lobe, in reciprocals of the record's length.
const LOBE: f64 = 2.0;
/// How far the fit may move from the spectrum's peak, in reciprocals of the record's length.
const REACH: f64 = 1.0;
/// Steps of the golden-section search: 0.618^24 of the reach is 1e-5 of it.
const STEPS: usize = 24;

/// The strongest oscillation of a record.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Peak {
    /// Hertz.
    pub(super) frequency: f64,
    /// Power in the peak's lobe over that in the rest of the spectrum, decibels.
    pub(super) snr_db: f64,
}

/// Hann-windowed spectra of records of up to a planned length.
///
/// Two to ten breaths are few: mean and trend of the record and its negative frequencies pull the
/// peak of a plain spectrum by up to two breaths a minute. So the peak is only where the search
/// starts for the frequency whose sine, cosine, mean and trend *together* leave least of the record
/// (generalised Lomb-Scargle: M. Zechmeister and M. Kuerster, A&A 496, 2009, with a trend added).
pub(super) struct BreathSpectrum {
    fft: Arc<dyn Fft<f64>>,
    /// Seconds from the middle of the record, ascending.
    times: Vec<f64>,
    window: Vec<f64>,
    /// The record, mean and trend taken off.
    rest: Vec<f64>,
    bins: Vec<Complex64>,
    scratch: Vec<Complex64>,
    period: f64,
    /// Values of the newest record.
    count: usize,
}

impl BreathSpectrum {
    /// Plans for records of up to `longest` values, `period` seconds apart.
    pub(super) fn plan(longest: usize, period: f64) -> Self {
        let length = (longest * PADDING).next_power_of_two();
        let fft = FftPlanner::new().plan_fft_forward(length);
        Self {
            times: vec![0.0; longest],
            window: vec![0.0; longest],
            rest: vec![0.0; longest],
            bins: vec![Complex64::default(); length],
            scratch: vec![Complex64::default(); fft.get_inplace_scratch_len()],
            period,
            count: 0,
            fft,
        }
    }

    /// The strongest oscillation of `record` within `band`, hertz; `None` if the spectrum does not
    /// peak there.
    pub(super) fn peak(&mut self, record: &[f64], band: &RangeInclusive<f64>) -> Option<Peak> {
        self.take(record);
        self.transform();
        let coarse = self.coarse(band)?;
        let frequency = self.refine(coarse, band)?;
        Some(Peak { frequency, snr_db: self.snr_db(frequency) })
    }

    /// Lays out times and window for the record and takes weighted mean and trend off it.
    #[expect(clippy::cast_precision_loss, reason = "records are far shorter than 2^52")]
    fn take(&mut self, record: &[f64]) {
        let count = record.len();
        self.count = count;
        for i in 0..count {
            let middle = i as f64 + 0.5;
            self.times[i] = (middle - count as f64 / 2.0) * self.period;
            self.window[i] = (PI * middle / count as f64).sin().powi(2);
        }
        let (mut weight, mut mean, mut slope, mut square) = (0.0, 0.0, 0.0, 0.0);
        for ((y, w), t) in record.iter().zip(&self.window).zip(&self.times) {
            weight += w;
            mean += w * y;
            slope += w * t * y;
            square += w * t * t;
        }
        // The window is even about time zero, so mean and trend do not mix.
        let (mean, slope) = (mean / weight, slope / square);
        for ((rest, y), t) in self.rest.iter_mut().zip(record).zip(&self.times) {
            *rest = y - mean - slope * t;
        }
    }

    fn transform(&mut self) {
        self.bins.fill(Complex64::default());
        let windowed = self.rest[..self.count].iter().zip(&self.window).map(|(y, w)| y * w);
        for (bin, y) in self.bins.iter_mut().zip(windowed) {
            *bin = Complex64::new(y, 0.0);
        }
        self.fft.process_with_scratch(&mut self.bins, &mut self.scratch);
    }

    /// Frequency of the highest bin around the band, if it is higher than those beside it.
    fn coarse(&self, band: &RangeInclusive<f64>) -> Option<f64> {
        let inside = |k: &usize| wider(band).contains(&self.frequency(*k));
        let power = |k: usize| self.bins.get(k).map_or(0.0, Complex64::norm_sqr);
        let peak = (1..self.bins.len() / 2)
            .filter(inside)
            .max_by(|&a, &b| power(a).total_cmp(&power(b)))?;
        let is_top = power(peak) >= power(peak - 1) && power(peak) >= power(peak + 1);
        (is_top && power(peak) > 0.0).then(|| self.frequency(peak))
    }

    /// The frequency near `coarse` that explains most, by golden-section search. `None` if that
    /// lies beyond the band or where the search ends: then it is the flank of something else.
    fn refine(&self, coarse: f64, band: &RangeInclusive<f64>) -> Option<f64> {
        const GOLDEN: f64 = 0.618_033_988_749_895;
        let reach = REACH / self.length();
        let ends = (coarse - reach).max(*wider(band).start())..coarse + reach;
        let (mut low, mut high) = (ends.start, ends.end);
        let mut left = high - GOLDEN * (high - low);
        let mut right = low + GOLDEN * (high - low);
        let (mut at_left, mut at_right) = (self.explained(left), self.explained(right));
        for _ in 0..STEPS {
            if at_left > at_right {
                (high, right, at_right) = (right, left, at_left);
                left = high - GOLDEN * (high - low);
                at_left = self.explained(left);
            } else {
                (low, left, at_left) = (left, right, at_right);
                right = low + GOLDEN * (high - low);
                at_right = self.explained(right);
            }
        }
        let best = f64::midpoint(low, high);
        let margin = 0.01 * reach;
        let is_top = best > ends.start + margin && best < ends.end - margin;
        (is_top && wider(band).contains(&best)).then_some(best)
    }

    /// Weighted energy that sine and cosine of `frequency` explain beyond mean and trend. Window
    /// and times are even and odd about zero, so cosine and mean, sine and trend go in pairs.
    fn explained(&self, frequency: f64) -> f64 {
        let mut even = Pair::default();
        let mut odd = Pair::default();
        let values = self.rest[..self.count].iter().zip(&self.window).zip(&self.times);
        for ((&y, &w), &t) in values {
            let (sin, cos) = (TAU * frequency * t).sin_cos();
            even.add(w, y, cos, 1.0);
            odd.add(w, y, sin, t);
        }
        even.explained() + odd.explained()
    }

    /// Power of the peak's lobe over that of the rest.
    fn snr_db(&self, frequency: f64) -> f64 {
        let half = LOBE / self.length();
        let (mut lobe, mut rest) = (0.0, 0.0);
        for (k, bin) in self.bins.iter().take(self.bins.len() / 2 + 1).enumerate() {
            let inside = (self.frequency(k) - frequency).abs() <= half;
            *(if inside { &mut lobe } else { &mut rest }) += bin.norm_sqr();
        }
        // A record without any noise would be infinitely good; 100 dB says as much.
        10.0 * (lobe / rest).log10().min(10.0)
    }

    /// Frequency of a bin, hertz.
    #[expect(clippy::cast_precision_loss, reason = "spectra are far shorter than 2^52")]
    fn frequency(&self, bin: usize) -> f64 {
        bin as f64 / (self.bins.len() as f64 * self.period)
    }

    /// Seconds of the record.
    #[expect(clippy::cast_precision_loss, reason = "records are far shorter than 2^52")]
    fn length(&self) -> f64 {
        self.count as f64 * self.period
    }
}

/// The band with room for the peak of a short record, which is pulled towards zero.
fn wider(band: &RangeInclusive<f64>) -> RangeInclusive<f64> {
    0.95 * band.start()..=1.05 * band.end()
}

/// Weighted sums of a wave and the slow term it is told from.
#[derive(Debug, Default)]
struct Pair {
    with_record: f64,
    wave: f64,
    slow: f64,
    both: f64,
}

impl Pair {
    fn add(&mut self, w: f64, y: f64, wave: f64, slow: f64) {
        self.with_record += w * y * wave;
        self.wave += w * wave * wave;
        self.slow += w * slow * slow;
        self.both += w * wave * slow;
    }

    /// The record is already free of the slow term, so only the wave's share of it is taken off.
    fn explained(&self) -> f64 {
        let own = self.wave - self.both * self.both / self.slow;
        // Nothing of a wave is left that looks like the slow term.
        if own > 1e-9 * self.wave { self.with_record * self.with_record / own } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BAND: RangeInclusive<f64> = 0.1..=0.5;

    fn record(count: u32, period: f64, value: impl Fn(f64) -> f64) -> Vec<f64> {
        (0..count).map(|i| value(f64::from(i) * period)).collect()
    }

    proptest! {
        /// Golden section ends 1e-5 of a reach from the top; the top of a flat parabola is found
        /// to the square root of rounding, 1e-8, so 1e-4 of the reach is ample: 5e-6 Hz in 20 s.
        #[test]
        fn a_pure_oscillation_on_a_trend_is_found_to_a_ten_thousandth_of_the_resolution(
            (rate, phase) in (6.0..30.0_f64, 0.0..TAU),
            (offset, trend) in (-20.0..20.0_f64, -0.5..0.5_f64),
            frames_per_second in 8.0..40.0_f64,
        ) {
            let period = frames_per_second.recip();
            let count = (20.0 * frames_per_second).round();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "160..=800")]
            let count = count as u32;
            let record = record(count, period, |t| {
                offset + trend * t + (TAU * rate / 60.0 * t + phase).sin()
            });
            let mut spectrum = BreathSpectrum::plan(record.len(), period);
            let peak = spectrum.peak(&record, &BAND);
            prop_assert!(peak.is_some());
            let found = peak.map_or(0.0, |peak| peak.frequency);
            prop_assert!((60.0 * found - rate).abs() < 60.0 * 5e-6, "{found}");
        }
    }

    #[test]
    fn a_record_that_is_flat_a_ramp_or_faster_than_the_band_has_no_peak_of_worth() {
        let mut spectrum = BreathSpectrum::plan(256, 0.08);
        for flat in [record(256, 0.08, |_| 3.0), record(256, 0.08, |t| 2.0 * t)] {
            let peak = spectrum.peak(&flat, &BAND);
            // What is left is rounding, 1e-15, whose spectrum is white.
            assert!(peak.is_none_or(|peak| peak.snr_db < 3.0), "{peak:?}");
        }
        let plate = record(256, 0.08, |t| (TAU * 1.2 * t).sin());
        let peak = spectrum.peak(&plate, &BAND);
        assert!(peak.is_none_or(|peak| peak.snr_db < -20.0), "{peak:?}");
    }

    #[test]
    fn a_shorter_record_does_not_see_what_a_longer_one_left_behind() {
        let long = record(256, 0.08, |t| (TAU * 0.4 * t).sin());
        let short = record(120, 0.08, |t| (TAU * 0.25 * t).sin());
        let mut used = BreathSpectrum::plan(256, 0.08);
        assert!(used.peak(&long, &BAND).is_some());
        let mut fresh = BreathSpectrum::plan(256, 0.08);
        assert_eq!(used.peak(&short, &BAND), fresh.peak(&short, &BAND));
    }
}
