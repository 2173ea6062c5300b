//! Figures of a radar recording that the twin is held to.

use std::f64::consts::{PI, TAU};

use ndarray::Array3;
use visaged::data::ChirpConfig;

use crate::number::{real, whole};

/// What a radar recording of one breathing person looks like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RadarFigures {
    /// Noise between leakage and person: amplitude of range bins 5 to 9, counts.
    pub floor_low: f64,
    /// Noise at the highest quarter of the range bins, counts.
    pub floor_high: f64,
    /// Where the transmit leakage lies: power-weighted mean of bins 0 to 4, metres.
    pub leakage_range: f64,
    /// Amplitude of its strongest bin at the first receiver, counts.
    pub leakage: f64,
    /// Change of the leakage from chirp to chirp, share of its amplitude.
    pub leakage_jitter: f64,
    /// Its change over the whole recording, share of its amplitude.
    pub leakage_drift: f64,
    /// Range of the strongest slow movement, metres.
    pub person_range: f64,
    /// Mean amplitude of that bin at the first receiver, counts.
    pub person: f64,
    /// Movement by breathing around that bin: its 5th to 95th hundredth, millimetres.
    pub breath: f64,
    /// Breaths a minute.
    pub breaths: f64,
    /// Movement there that is faster than breathing, 0.6 to 3 Hz, root mean square, millimetres.
    pub unrest: f64,
}

/// `spectra[frame][chirp][bin]` of one receiver: periodic Hann, mean off each chirp, in counts.
type Spectra = Vec<Vec<Vec<[f64; 2]>>>;

/// Measures `frames`, each `[rx, chirp, sample]`.
#[must_use]
pub fn measure(frames: &[Array3<i16>], chirps: &ChirpConfig) -> RadarFigures {
    let receivers = frames.first().map_or(0, |frame| frame.dim().0);
    let spectra: Vec<Spectra> = (0..receivers).map(|rx| spectra(frames, rx)).collect();
    let bins = chirps.samples / 2 + 1;
    let residual = |range: std::ops::Range<usize>| {
        let count = real(range.len() * receivers);
        let of = |s: &Spectra| range.clone().map(|bin| within_frame(s, bin).powi(2)).sum::<f64>();
        (spectra.iter().map(of).sum::<f64>() / count).sqrt()
    };
    let first = &spectra[0];
    let profile: Vec<f64> =
        (0..bins).map(|bin| length(mean_of(&frame_means(first, bin)))).collect();
    let leak = strongest(&profile[..5]);
    let mass: f64 = profile[..5].iter().map(|a| a * a).sum();
    let centre: f64 = profile[..5].iter().enumerate().map(|(n, a)| real(n) * a * a).sum();
    let motion: Vec<f64> =
        (0..bins).map(|bin| if bin < 5 { 0.0 } else { spread(&frame_means(first, bin)) }).collect();
    let person = strongest(&motion);
    let slow = frame_means(first, person);
    // One bin may hold several reflectors that move differently: the median of nine says more.
    let paths: Vec<Vec<f64>> = spectra
        .iter()
        .flat_map(|spectra| (person - 1..=person + 1).map(|bin| frame_means(spectra, bin)))
        .map(|slow| displacement(&slow, chirps.wavelength().0))
        .collect();
    RadarFigures {
        floor_low: residual(5..10),
        floor_high: residual(bins * 3 / 4..bins),
        leakage_range: centre / mass * chirps.range_resolution().0,
        leakage: profile[leak],
        leakage_jitter: within_frame(first, leak) / profile[leak],
        leakage_drift: spread(&frame_means(first, leak)) / profile[leak],
        person_range: real(person) * chirps.range_resolution().0,
        person: slow.iter().map(|v| length(*v)).sum::<f64>() / real(slow.len()),
        breath: 1e3 * median(paths.iter().map(|path| swing(path)).collect()),
        breaths: median(paths.iter().map(|path| rate(path, chirps.frame_period.0)).collect()),
        unrest: 1e3
            * median(paths.iter().map(|path| unrest(path, chirps.frame_period.0)).collect()),
    }
}

fn spectra(frames: &[Array3<i16>], rx: usize) -> Spectra {
    let Some(samples) = frames.first().map(|frame| frame.dim().2) else { return Vec::new() };
    let window: Vec<f64> =
        (0..samples).map(|n| 0.5 - 0.5 * (TAU * real(n) / real(samples)).cos()).collect();
    let turns: Vec<[f64; 2]> = (0..samples)
        .map(|n| (-TAU * real(n) / real(samples)).sin_cos())
        .map(|(s, c)| [c, s])
        .collect();
    let scale = 2.0 / window.iter().sum::<f64>();
    let chirp = |frame: &Array3<i16>, chirp: usize| {
        let row = (0..samples).map(|n| f64::from(frame[[rx, chirp, n]]));
        let mean = row.clone().sum::<f64>() / real(samples);
        let row: Vec<f64> = row.zip(&window).map(|(x, w)| (x - mean) * w * scale).collect();
        (0..=samples / 2)
            .map(|bin| {
                row.iter().enumerate().fold([0.0; 2], |sum, (n, x)| {
                    let turn = turns[bin * n % samples];
                    [sum[0] + x * turn[0], sum[1] + x * turn[1]]
                })
            })
            .collect()
    };
    frames.iter().map(|frame| (0..frame.dim().1).map(|c| chirp(frame, c)).collect()).collect()
}

/// Mean over the chirps of each frame.
fn frame_means(spectra: &Spectra, bin: usize) -> Vec<[f64; 2]> {
    spectra
        .iter()
        .map(|chirps| mean_of(&chirps.iter().map(|bins| bins[bin]).collect::<Vec<_>>()))
        .collect()
}

/// Deviation from chirp to chirp within frames.
fn within_frame(spectra: &Spectra, bin: usize) -> f64 {
    let (mut sum, mut degrees) = (0.0, 0.0);
    for chirps in spectra {
        let values: Vec<_> = chirps.iter().map(|bins| bins[bin]).collect();
        sum += spread(&values).powi(2) * real(values.len());
        degrees += real(values.len() - 1);
    }
    (sum / degrees).sqrt()
}

fn mean_of(values: &[[f64; 2]]) -> [f64; 2] {
    let sum = values.iter().fold([0.0; 2], |sum, v| [sum[0] + v[0], sum[1] + v[1]]);
    sum.map(|part| part / real(values.len()))
}

fn spread(values: &[[f64; 2]]) -> f64 {
    let mean = mean_of(values);
    let squares: f64 =
        values.iter().map(|v| (v[0] - mean[0]).powi(2) + (v[1] - mean[1]).powi(2)).sum();
    (squares / real(values.len())).sqrt()
}

fn length([a, b]: [f64; 2]) -> f64 {
    a.hypot(b)
}

fn strongest(values: &[f64]) -> usize {
    (0..values.len()).max_by(|a, b| values[*a].total_cmp(&values[*b])).unwrap_or(0)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// From the 5th to the 95th hundredth of `path` without its straight trend.
fn swing(path: &[f64]) -> f64 {
    let mut level = without_trend(path);
    level.sort_by(f64::total_cmp);
    level[level.len() * 95 / 100] - level[level.len() * 5 / 100]
}

/// `path` less the line of least squares.
fn without_trend(path: &[f64]) -> Vec<f64> {
    let centre = 0.5 * (real(path.len()) - 1.0);
    let mean = path.iter().sum::<f64>() / real(path.len());
    let (mut product, mut square) = (0.0, 0.0);
    for (n, value) in path.iter().enumerate() {
        product += (real(n) - centre) * (value - mean);
        square += (real(n) - centre).powi(2);
    }
    let slope = product / square;
    path.iter().enumerate().map(|(n, x)| x - mean - slope * (real(n) - centre)).collect()
}

/// Unwrapped phase as movement, metres; out of the radar is positive.
fn displacement(slow: &[[f64; 2]], wavelength: f64) -> Vec<f64> {
    let (mut before, mut turns) = (None::<f64>, 0.0_f64);
    slow.iter()
        .map(|[a, b]| {
            let angle = b.atan2(*a);
            if let Some(before) = before {
                turns -= ((angle - before) / TAU).round();
            }
            before = Some(angle);
            (angle + TAU * turns) * wavelength / (4.0 * PI)
        })
        .collect()
}

/// Root mean square of what `path` holds between 0.6 and 3 Hz, by Fourier sums under a Hann window.
fn unrest(path: &[f64], period: f64) -> f64 {
    let level = without_trend(path);
    let count = level.len();
    let line = |k: usize| {
        let sum = level.iter().enumerate().fold([0.0; 2], |sum, (n, value)| {
            let angle = TAU * real(k * n % count) / real(count);
            let window = 1.0 - (TAU * (real(n) + 0.5) / real(count)).cos();
            [sum[0] + value * window * angle.cos(), sum[1] + value * window * angle.sin()]
        });
        length(sum).powi(2)
    };
    let bin = |hertz: f64| whole((hertz * period * real(count)).ceil());
    // Parseval: half of the lines carry half of the power; a Hann window of mean 1 has 3/2 of it.
    let power: f64 = (bin(0.6)..bin(3.0).min(count / 2)).map(line).sum();
    (2.0 * power / 1.5).sqrt() / real(count)
}

/// The strongest rate between 6 and 30 a minute, by a slow Fourier sum.
fn rate(path: &[f64], period: f64) -> f64 {
    let level = without_trend(path);
    let count = real(path.len());
    let power = |per_minute: f64| {
        let sum = level.iter().enumerate().fold([0.0; 2], |sum, (n, value)| {
            let angle = TAU * per_minute / 60.0 * real(n) * period;
            let value = value * (PI * (real(n) + 0.5) / count).sin();
            [sum[0] + value * angle.cos(), sum[1] + value * angle.sin()]
        });
        length(sum)
    };
    let rates: Vec<f64> = (0..=whole((30.0 - 6.0) / 0.1)).map(|n| 6.0 + 0.1 * real(n)).collect();
    let powers: Vec<f64> = rates.iter().map(|rate| power(*rate)).collect();
    rates[strongest(&powers)]
}
