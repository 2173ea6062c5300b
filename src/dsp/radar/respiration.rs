//! Breathing, from the phase of the echo of a chest or a head.

use std::ops::RangeInclusive;

use rustfft::num_complex::{Complex32, Complex64};
use serde::{Deserialize, Serialize};

use super::breath_spectrum::BreathSpectrum;
use super::circle::wide;
use super::{Circle, Error, FrameShape, MeanSpectrum, MicroDopplerConfig, unwrapped_phase};
use crate::data::ChirpConfig;
use crate::units::{Meters, Seconds};

/// Where and how long breathing is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct RespirationConfig {
    /// Longest stretch that is looked at, 8 to 60 s.
    pub window_s: Seconds,
    /// Shortest stretch, 8 s to `window-s`. The newest so many seconds are also looked at alone.
    pub least_s: Seconds,
    /// Distance of the first range bin that counts; nearer the transmitter leaks.
    pub first_range_m: Meters,
    /// Distance of the last one.
    pub last_range_m: Meters,
    /// Power of the breath's line over that of the rest of the spectrum, 0 to 40 dB. The real
    /// recording of a seated person has 12 to 18.
    pub least_snr_db: f64,
}

impl Default for RespirationConfig {
    fn default() -> Self {
        Self {
            window_s: Seconds(20.0),
            least_s: Seconds(8.0),
            first_range_m: Meters(0.12),
            last_range_m: Meters(1.5),
            least_snr_db: 6.0,
        }
    }
}

impl RespirationConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// The key, and what is wrong with its value.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        let (first, window) = (self.first_range_m.0, self.window_s.0);
        let rows = [
            ("window-s", window, 8.0..=60.0),
            ("least-s", self.least_s.0, 8.0..=window),
            ("first-range-m", first, 0.0..=100.0),
            ("last-range-m", self.last_range_m.0, first..=100.0),
            ("least-snr-db", self.least_snr_db, 0.0..=40.0),
        ];
        for (key, value, range) in rows {
            if !range.contains(&value) {
                let (low, high) = (range.start(), range.end());
                return Err((key, format!("{value} must lie in {low}..={high}")));
            }
        }
        Ok(())
    }
}

/// A breath as the radar sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Breath {
    /// Breaths per minute.
    pub rate_per_min: f64,
    /// Peak to peak over the stretch that was looked at, changes of posture included:
    /// `lambda * phase / 4 pi`.
    pub displacement: Meters,
    /// Power of the breath's line over that of the rest of the spectrum, decibels.
    pub snr_db: f64,
    /// Distance of the range bin.
    pub range: Meters,
    /// Range bin of [`MeanSpectrum`].
    pub range_bin: usize,
    /// Index of the receive antenna.
    pub rx: usize,
}

/// Why no breath is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoBreath {
    /// Less than the shortest stretch was seen so far.
    TooFewFrames,
    /// Frames come too seldom or too often for this kernel: 4 to 200 a second are needed.
    FrameRate,
    /// Nothing moves, or so fast that frames do not follow it: noise.
    NoMotion,
    /// It has moved, but not in the last seconds.
    Stopped,
    /// The echo fades so often that its phase cannot be followed.
    Fading,
    /// What moves goes further than any breath.
    TooLarge,
    /// No breath stands out, and there is other motion as large as one: it may hide one.
    Hidden,
    /// The spectrum of small motion has no peak between 6 and 30 a minute.
    OutOfBand,
    /// The peak of small motion does not stand out.
    Weak,
}

/// Rates of breathing, hertz.
const BAND: RangeInclusive<f64> = 0.1..=0.5;
/// Frames per second that can be worked with.
const FRAME_RATES: RangeInclusive<f64> = 4.0..=200.0;
/// Lines that are looked at, strongest motion first.
const CANDIDATES: usize = 6;
/// Largest von Neumann ratio of slow motion: mean square of the steps from frame to frame over
/// twice the variance. White noise has 1 and scatters by 0.07 with 8 s of frames; the real
/// recording stays below 0.4.
const SLOW: f64 = 0.6;
/// A circle's misfit up to which it is one. Gaussian noise has 0.48, noise stretched by a small
/// vibration 0.37 and more, the real recording 0.33 and less.
const ROUND: f64 = 0.35;
/// Shortest arc, radians, that tells where a circle's centre is.
const ARC: f64 = std::f64::consts::FRAC_PI_4;
/// Largest variance, in powers, of an echo whose phase is taken about zero: an arc of 0.7 rad has
/// a twenty-fifth, noise without an echo has all of it.
const SHORT_ARC: f64 = 0.2;
/// The amplitude gate: a frame below this share of the median amplitude has faded, and this share
/// of frames may.
const FADED: f64 = 0.3;
const MOST_FADED: f64 = 0.1;
/// Whoever breathes moves in any three seconds, by more than this share of the variance.
const RECENT_S: f64 = 3.0;
const RECENT_SHARE: f64 = 0.01;
/// Breaths move a chest by 4 to 12 mm; somebody who moves more is moving otherwise.
const LARGEST: Meters = Meters(0.03);
/// Motion from which on a breath may be there that does not stand out of it.
const HIDING: Meters = Meters(0.003);
/// How much cleaner the newest seconds must be to be preferred to all: who has just sat down
/// walked before.
const CLEANER_DB: f64 = 10.0;

/// Looks for breathing in a stream of [`MeanSpectrum`]s.
///
/// [`push`](Self::push) each frame; about once a second it says that an answer is due: then
/// [`run`](Self::run).
///
/// A line is one receive antenna and range bin. Of the lines with the strongest slow motion, the
/// phase is taken about the centre of the circle that they draw, or about zero where the arc is too
/// short for a circle, and the line whose spectrum stands out most is the answer.
pub struct Respiration {
    config: RespirationConfig,
    range_step: Meters,
    /// Metres per radian of phase.
    per_radian: f64,
    shape: FrameShape,
    first_bin: usize,
    /// Range bins that are kept.
    bins: usize,
    /// Frames of the ring, of the shortest stretch, of a second, and of what is recent. The ring
    /// has none if the frame rate is out of range.
    window: usize,
    least: usize,
    second: usize,
    recent: usize,
    /// Ring `[rx, kept range bin, frame]`; the next frame goes to `next`.
    ring: Vec<Complex32>,
    next: usize,
    seen: usize,
    until_due: usize,
    ranked: Vec<(f64, usize)>,
    line: Vec<Complex32>,
    phase: Vec<f64>,
    sorted: Vec<f64>,
    spectrum: BreathSpectrum,
}

impl Respiration {
    /// Plans for a radar.
    ///
    /// # Errors
    /// When the frame is empty or huge, or the window would need more than
    /// [`MicroDopplerConfig::MAX_VALUES`] values.
    pub fn plan(chirp: &ChirpConfig, config: &RespirationConfig) -> Result<Self, Error> {
        let shape = FrameShape::from(chirp).checked()?;
        let period = chirp.frame_period.0;
        let works = FRAME_RATES.contains(&period.recip());
        let frames = |seconds: f64| if works { whole(seconds / period) } else { 0 };
        let window = frames(config.window_s.0);
        let range_step = chirp.range_resolution();
        let bin = |range: Meters| range.0 / range_step.0;
        let first_bin = whole(bin(config.first_range_m).ceil()).min(shape.range_bins());
        let after_last = (whole(bin(config.last_range_m).floor()) + 1).min(shape.range_bins());
        let bins = after_last.saturating_sub(first_bin);
        let values = (shape.rx * bins).saturating_mul(window);
        if values > MicroDopplerConfig::MAX_VALUES {
            return Err(Error::Buffer { values });
        }
        Ok(Self {
            config: *config,
            range_step,
            per_radian: chirp.wavelength().0 / (4.0 * std::f64::consts::PI),
            first_bin,
            bins,
            window,
            least: frames(config.least_s.0).clamp(1, window.max(1)),
            second: frames(1.0),
            recent: frames(RECENT_S),
            ring: vec![Complex32::default(); values],
            next: 0,
            seen: 0,
            until_due: 0,
            ranked: Vec::with_capacity(shape.rx * bins),
            line: vec![Complex32::default(); window],
            phase: vec![0.0; window],
            sorted: vec![0.0; window],
            spectrum: BreathSpectrum::plan(window, period),
            shape,
        })
    }

    /// Forgets the frames before, for a gap in the stream.
    pub const fn reset(&mut self) {
        self.next = 0;
        self.seen = 0;
        self.until_due = 0;
    }

    /// Takes in a frame. True if an answer is due: at the first frame, then once a second.
    ///
    /// # Panics
    /// When the spectrum is not of the planned shape.
    pub fn push(&mut self, spectrum: &MeanSpectrum) -> bool {
        assert_eq!(spectrum.shape(), self.shape, "the frame was not planned for");
        if self.window > 0 {
            let rows = spectrum.values().chunks_exact(self.shape.range_bins());
            let kept = rows.flat_map(|row| &row[self.first_bin..][..self.bins]);
            for (line, &z) in self.ring.chunks_exact_mut(self.window).zip(kept) {
                line[self.next] = z;
            }
        }
        self.count_frame()
    }

    /// A frame was lost, or has holes: its values are taken to be those of the frame before.
    pub fn push_lost(&mut self) -> bool {
        if self.seen > 0 {
            let before = (self.next + self.window - 1) % self.window;
            for line in self.ring.chunks_exact_mut(self.window) {
                line[self.next] = line[before];
            }
        }
        self.count_frame()
    }

    fn count_frame(&mut self) -> bool {
        if self.window > 0 {
            self.next = (self.next + 1) % self.window;
            self.seen = (self.seen + 1).min(self.window);
        }
        let due = self.until_due == 0;
        self.until_due = if due { self.second.max(1) } else { self.until_due } - 1;
        due
    }

    /// The breath in the newest frames.
    ///
    /// # Errors
    /// Why none is seen.
    pub fn run(&mut self) -> Result<Breath, NoBreath> {
        if self.window == 0 {
            return Err(NoBreath::FrameRate);
        }
        if self.seen < self.least {
            return Err(NoBreath::TooFewFrames);
        }
        let all = self.look(self.seen);
        if self.seen == self.least {
            return all;
        }
        match (all, self.look(self.least)) {
            (Ok(all), Ok(newest)) if newest.snr_db > all.snr_db + CLEANER_DB => Ok(newest),
            (Err(_), Ok(newest)) => Ok(newest),
            (all, _) => all,
        }
    }

    /// How the chest of `breath`, an answer of [`run`](Self::run), moved: the phase of its line as a
    /// way about its mean, oldest first, over all frames that are kept, or the shortest stretch if
    /// there was more than breath before. Empty if the phase cannot be followed. The sign depends on
    /// the radar's mixer. Allocates: it is for people to look at.
    #[must_use]
    pub fn trace(&self, breath: &Breath) -> Vec<Meters> {
        let line = breath.rx * self.bins + breath.range_bin.saturating_sub(self.first_bin);
        let Some(ring) = self.ring.get(line * self.window..(line + 1) * self.window) else {
            return Vec::new();
        };
        let oldest = (self.next + self.window - self.seen) % self.window.max(1);
        let (newer, older) = ring.split_at(oldest);
        let values: Vec<_> = older.iter().chain(newer).take(self.seen).copied().collect();
        let follow_newest = |frames: usize| {
            let mut phase = vec![0.0; frames];
            follow(&values[values.len().checked_sub(frames)?..], &mut phase)?;
            let mean = phase.iter().sum::<f64>() / count(frames);
            let moved: Vec<_> =
                phase.iter().map(|radians| Meters(self.per_radian * (radians - mean))).collect();
            (self.per_radian * extent(&phase) <= LARGEST.0).then_some(moved)
        };
        [self.seen, self.least].into_iter().find_map(follow_newest).unwrap_or_default()
    }

    /// The clearest breath among the candidates of the newest `frames`.
    fn look(&mut self, frames: usize) -> Result<Breath, NoBreath> {
        self.rank(frames);
        let mut best = Err(NoBreath::NoMotion);
        for candidate in 0..self.ranked.len().min(CANDIDATES) {
            let found = self.look_at(self.ranked[candidate].1, frames);
            best = match (best, found) {
                (Err(NoBreath::NoMotion), found) => found,
                (Err(_), Ok(found)) => Ok(found),
                (Ok(best), Ok(found)) if found.snr_db > best.snr_db => Ok(found),
                (best, _) => best,
            };
        }
        best
    }

    /// Ranks the lines that move slowly by their variance.
    fn rank(&mut self, frames: usize) {
        self.ranked.clear();
        for line in 0..self.shape.rx * self.bins {
            self.unroll(line, frames);
            let values = &self.line[..frames];
            let variance = variance(values);
            let steps: f64 = values
                .iter()
                .zip(&values[1..])
                .map(|(&a, &b)| (wide(b) - wide(a)).norm_sqr())
                .sum();
            if steps < SLOW * 2.0 * variance * count(frames) {
                self.ranked.push((variance, line));
            }
        }
        self.ranked.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    }

    /// The newest `frames` of a line of the ring, oldest first.
    fn unroll(&mut self, line: usize, frames: usize) {
        let ring = &self.ring[line * self.window..][..self.window];
        let start = (self.next + self.window - frames) % self.window;
        let to_end = frames.min(self.window - start);
        self.line[..to_end].copy_from_slice(&ring[start..][..to_end]);
        self.line[to_end..frames].copy_from_slice(&ring[..frames - to_end]);
    }

    /// The breath in one line.
    fn look_at(&mut self, line: usize, frames: usize) -> Result<Breath, NoBreath> {
        self.unroll(line, frames);
        let values = &self.line[..frames];
        let recent = &values[frames - self.recent.min(frames)..];
        if variance(recent) < RECENT_SHARE * variance(values) {
            return Err(NoBreath::Stopped);
        }
        let phase = &mut self.phase[..frames];
        let centre = follow(values, phase).ok_or(NoBreath::Fading)?;
        if fades(values, centre, &mut self.sorted[..frames]) {
            return Err(NoBreath::Fading);
        }
        let displacement = Meters(self.per_radian * extent(phase));
        if displacement > LARGEST {
            return Err(NoBreath::TooLarge);
        }
        let unless_hidden = |why| if displacement >= HIDING { NoBreath::Hidden } else { why };
        let peak = self.spectrum.peak(phase, &BAND);
        let peak = peak.ok_or_else(|| unless_hidden(NoBreath::OutOfBand))?;
        if peak.snr_db < self.config.least_snr_db {
            return Err(unless_hidden(NoBreath::Weak));
        }
        let range_bin = self.first_bin + line % self.bins;
        Ok(Breath {
            rate_per_min: 60.0 * peak.frequency,
            displacement,
            snr_db: peak.snr_db,
            range: Meters(count(range_bin) * self.range_step.0),
            range_bin,
            rx: line / self.bins,
        })
    }
}

/// Unwraps the phase of `values`, and says about which point; `None` if there is none to trust.
///
/// Where the arc is too short for a circle it is seen from zero, which is honest only while the
/// echo stays well away from zero.
fn follow(values: &[Complex32], phase: &mut [f64]) -> Option<Complex64> {
    if let Some(circle) = Circle::fit(values)
        && circle.misfit(values) < ROUND
    {
        unwrapped_phase(values, circle.centre, phase);
        if extent(phase) >= ARC {
            return Some(circle.centre);
        }
    }
    let zero = Complex64::default();
    unwrapped_phase(values, zero, phase);
    let power = values.iter().map(|&z| wide(z).norm_sqr()).sum::<f64>() / count(values.len());
    (variance(values) < SHORT_ARC * power).then_some(zero)
}

/// True if more frames than the amplitude gate allows come near `centre`.
fn fades(values: &[Complex32], centre: Complex64, sorted: &mut [f64]) -> bool {
    for (amplitude, &z) in sorted.iter_mut().zip(values) {
        *amplitude = (wide(z) - centre).norm();
    }
    let (_, &mut median, _) = sorted.select_nth_unstable_by(values.len() / 2, f64::total_cmp);
    let faded = sorted.iter().filter(|&&amplitude| amplitude <= FADED * median).count();
    count(faded) > MOST_FADED * count(values.len())
}

/// Largest minus smallest.
fn extent(phase: &[f64]) -> f64 {
    let low = phase.iter().copied().fold(f64::INFINITY, f64::min);
    phase.iter().copied().fold(f64::NEG_INFINITY, f64::max) - low
}

/// Mean squared distance from the mean.
fn variance(values: &[Complex32]) -> f64 {
    let mean = values.iter().copied().map(wide).sum::<Complex64>() / count(values.len());
    values.iter().map(|&z| (wide(z) - mean).norm_sqr()).sum::<f64>() / count(values.len())
}

#[expect(clippy::cast_precision_loss, reason = "frames and bins are far below 2^52")]
const fn count(n: usize) -> f64 {
    n as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and what is beyond the frame is cut to it"
)]
fn whole(x: f64) -> usize {
    x.round() as usize
}

#[cfg(test)]
mod tests;
