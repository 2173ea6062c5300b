//! Range nodes: every echo is shared among the nodes around its beat frequency, and each chirp is
//! then a sum over a few dozen nodes instead of some hundred echoes.
//!
//! This is a non-uniform Fourier sum with a Kaiser-Bessel kernel (Fessler and Sutton 2003): nodes
//! half a range bin apart, six of them per echo, error below 1e-4 of the echo. The phase from chirp
//! to chirp is exact; it turns by a complex factor per chirp, so no sine is taken inside.

use std::f64::consts::PI;
use std::ops::Range;

use super::Echo;
use super::array::RECEIVERS;
use super::sweep::{Sweep, filters, turned};
use crate::number::{narrow, real, single, whole32};

/// Nodes that share an echo.
const REACH: usize = 6;
/// Row of the table of shares: the reach, padded to a whole vector.
const ROW: usize = 8;
/// Entries of the table of shares per node.
const FINE: usize = 2048;
/// Kernel's shape for six nodes at twice the density (Beatty et al. 2005, equation 5).
const BETA: f64 = 13.855;

/// The nodes of one frame.
#[derive(Debug)]
pub(crate) struct Nodes {
    count: usize,
    samples: usize,
    chirps: usize,
    /// `shares[fraction][node]`.
    shares: Vec<[f32; ROW]>,
    /// `waves[node][cosine or sine][sample]`.
    waves: Vec<f32>,
    /// `sums[rx][chirp][node]`, real and imaginary apart.
    real: Vec<f32>,
    imaginary: Vec<f32>,
    /// Delay of each node, nanoseconds.
    delays: Vec<f32>,
    /// Nodes in use.
    used: Range<usize>,
    /// Half range bins per hertz.
    per_hertz: f64,
}

impl Nodes {
    pub(crate) fn new(sweep: &Sweep) -> Self {
        let samples = sweep.samples;
        let count = samples + ROW + 1; // up to half the sample rate
        let per_hertz = 2.0 * real(samples) / sweep.sample_rate;
        let places = RECEIVERS * sweep.chirps * count;
        let one_metre = sweep.frequency(1.0, 0.0) * per_hertz;
        Self {
            count,
            samples,
            chirps: sweep.chirps,
            shares: (0..=FINE).map(share_row).collect(),
            waves: waves(sweep, count),
            real: vec![0.0; places],
            imaginary: vec![0.0; places],
            delays: (0..count)
                .map(|node| narrow(place(node) / one_metre / 0.299_792_458))
                .collect(),
            used: 0..0,
            per_hertz,
        }
    }

    pub(crate) fn clear(&mut self) {
        self.real.fill(0.0);
        self.imaginary.fill(0.0);
        self.used = self.count..0;
    }

    /// Adds `echo` over the chirps of `stretch`, as the receiver's filters pass it.
    pub(crate) fn add(&mut self, sweep: &Sweep, echo: &Echo, gain: f64, stretch: Range<usize>) {
        let last = stretch.len().saturating_sub(1);
        // Within a stretch an echo moves by millimetres: its filters are those of its middle.
        let (passed, shift) = filters(sweep.frequency(echo.paths[1][0], 0.0));
        for rx in 0..RECEIVERS {
            let path = echo.paths.map(|paths| paths[rx]);
            let duration = real(last).max(1.0) * sweep.chirp_period;
            let speed = (path[2] - path[0]) / duration;
            let place = |path: f64| sweep.frequency(path, speed) * self.per_hertz;
            let mut phasor = Phasor::through(
                gain * passed * echo.amplitude,
                path.map(|path| sweep.phase(path) + shift),
                real(last),
            );
            let (mut at, to) = (narrow(place(path[0])), narrow(place(path[2])));
            let step = (to - at) / single(last.max(1));
            for chirp in stretch.clone() {
                self.put(rx, chirp, at, phasor.value);
                phasor.turn();
                at += step;
            }
        }
    }

    /// Shares `value` among the nodes around `at`; what lies beyond the last node is filtered away.
    #[inline]
    fn put(&mut self, rx: usize, chirp: usize, at: f32, value: [f32; 2]) {
        if !(0.0..single(self.samples)).contains(&at) {
            return;
        }
        let below = whole32(at);
        let row = &self.shares[whole32((at - single(below)) * single(FINE) + 0.5)];
        self.used = self.used.start.min(below)..self.used.end.max(below + REACH);
        let first = (rx * self.chirps + chirp) * self.count + below;
        let real: &mut [f32] = &mut self.real[first..first + ROW];
        for (sum, share) in real.iter_mut().zip(row) {
            *sum += share * value[0];
        }
        let imaginary = &mut self.imaginary[first..first + ROW];
        for (sum, share) in imaginary.iter_mut().zip(row) {
            *sum += share * value[1];
        }
    }

    /// Adds the beat signal of `chirp` at receiver `rx` to `beat`.
    ///
    /// `jitter` is the phase error in radians per nanosecond of delay; it is small, so that
    /// `exp(j e)` is `1 + j e`.
    pub(crate) fn beat(&self, rx: usize, chirp: usize, jitter: f32, beat: &mut [f32]) {
        let first = (rx * self.chirps + chirp) * self.count;
        for node in self.used.clone() {
            let (real, imaginary) = (self.real[first + node], self.imaginary[first + node]);
            let turn = jitter * self.delays[node];
            let (a, b) = (real - turn * imaginary, imaginary + turn * real);
            let wave = &self.waves[2 * node * self.samples..2 * (node + 1) * self.samples];
            let (cosine, sine) = wave.split_at(self.samples);
            for ((sample, cosine), sine) in beat.iter_mut().zip(cosine).zip(sine) {
                *sample += a * cosine - b * sine;
            }
        }
    }
}

/// Place of a node on the axis of half range bins: the kernel reaches to both sides.
fn place(node: usize) -> f64 {
    real(node) - real(REACH / 2 - 1)
}

/// A complex number that turns with a constant acceleration.
#[derive(Debug)]
struct Phasor {
    value: [f32; 2],
    step: [f32; 2],
    growth: [f32; 2],
}

impl Phasor {
    /// With the phases given at step 0, in the middle and at the `last` step.
    fn through(amplitude: f64, phases: [f64; 3], last: f64) -> Self {
        let half = (0.5 * last).max(0.5);
        // phase(n) = phases[0] + a n + b n^2
        let b = (phases[2] - 2.0 * phases[1] + phases[0]) / (2.0 * half * half);
        let a = (phases[1] - phases[0]) / half - b * half;
        let small = |[x, y]: [f64; 2]| [narrow(x), narrow(y)];
        Self {
            value: small(turned(amplitude, phases[0])),
            step: small(turned(1.0, a + b)),
            growth: small(turned(1.0, 2.0 * b)),
        }
    }

    #[inline]
    fn turn(&mut self) {
        self.value = times(self.value, self.step);
        self.step = times(self.step, self.growth);
    }
}

#[inline]
fn times(a: [f32; 2], b: [f32; 2]) -> [f32; 2] {
    [a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]]
}

/// Shares of the nodes for an echo `at / FINE` beyond a node.
fn share_row(at: usize) -> [f32; ROW] {
    let fraction = real(at) / real(FINE);
    let mut row = [0.0; ROW];
    for (node, share) in row.iter_mut().enumerate().take(REACH) {
        let distance = (real(node) - real(REACH / 2 - 1) - fraction) / (0.5 * real(REACH));
        let inside = (1.0 - distance * distance).max(0.0).sqrt();
        *share = narrow(bessel(BETA * inside));
    }
    row
}

/// Cosine and sine of every node over the samples, with the kernel's own spectrum divided out.
fn waves(sweep: &Sweep, count: usize) -> Vec<f32> {
    let samples = sweep.samples;
    let mut waves = Vec::with_capacity(2 * count * samples);
    let from_middle = |n: usize| (real(n) - 0.5 * real(samples)) / real(samples);
    for node in 0..count {
        let phase = |n: usize| PI * place(node) * from_middle(n);
        let scale = |n: usize| 1.0 / spectrum(0.5 * from_middle(n));
        waves.extend((0..samples).map(|n| narrow(scale(n) * phase(n).cos())));
        waves.extend((0..samples).map(|n| narrow(scale(n) * phase(n).sin())));
    }
    waves
}

/// Fourier transform of the kernel at `nu` turns per node.
fn spectrum(nu: f64) -> f64 {
    let width = real(REACH);
    let root = (BETA * BETA - (PI * width * nu).powi(2)).sqrt();
    width * root.sinh() / root
}

/// The modified Bessel function of order zero, by its series.
fn bessel(x: f64) -> f64 {
    let (mut term, mut sum) = (1.0, 1.0);
    for n in 1..60 {
        term *= (0.5 * x / f64::from(n)).powi(2);
        sum += term;
        if term < 1e-16 * sum {
            break;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use visaged::data::ChirpConfig;

    /// The slow twin: the beat signal of one echo, sample by sample.
    fn slow(sweep: &Sweep, path: f64, speed: f64) -> Vec<f64> {
        let frequency = sweep.frequency(path, speed);
        let (gain, shift) = filters(sweep.frequency(path, 0.0));
        (0..sweep.samples)
            .map(|n| {
                let since = real(n) / sweep.sample_rate - sweep.middle;
                let turns = 2.0 * PI * frequency * since;
                gain * (sweep.phase(path) + turns + shift).cos()
            })
            .collect()
    }

    #[test]
    fn nodes_give_what_summing_echoes_gives() {
        for config in [ChirpConfig::food(), super::super::face_chirps()] {
            let sweep = Sweep::new(&config);
            for path in [0.5, 0.66, 0.731, 1.9] {
                let mut nodes = Nodes::new(&sweep);
                nodes.clear();
                let echo = Echo { paths: [[path; RECEIVERS]; 3], amplitude: 1.0 };
                nodes.add(&sweep, &echo, 1.0, 0..sweep.chirps);
                let mut beat = vec![0.0; sweep.samples];
                nodes.beat(1, 5, 0.0, &mut beat);
                let error = beat
                    .iter()
                    .zip(slow(&sweep, path, 0.0))
                    .map(|(fast, slow)| (f64::from(*fast) - slow).abs())
                    .fold(0.0, f64::max);
                assert!(error < 3e-4, "{error} at {path} m");
            }
        }
    }

    #[test]
    fn a_moving_echo_keeps_its_phase_to_the_last_chirp() {
        let sweep = Sweep::new(&ChirpConfig::food());
        let path = |chirp: usize| {
            let t = real(chirp) * sweep.chirp_period;
            0.66 + 0.4 * t - 3.0 * t * t
        };
        let last = sweep.chirps - 1;
        let middle = 0.5 * real(last) * sweep.chirp_period;
        let paths = [path(0), 0.66 + 0.4 * middle - 3.0 * middle * middle, path(last)];
        let mut nodes = Nodes::new(&sweep);
        nodes.clear();
        let echo = Echo { paths: paths.map(|path| [path; RECEIVERS]), amplitude: 1.0 };
        nodes.add(&sweep, &echo, 1.0, 0..sweep.chirps);
        for chirp in [0, 20, last] {
            let mut beat = vec![0.0; sweep.samples];
            nodes.beat(0, chirp, 0.0, &mut beat);
            let speed = (paths[2] - paths[0]) / (real(last) * sweep.chirp_period);
            for (fast, slow) in beat.iter().zip(slow(&sweep, path(chirp), speed)) {
                assert!((f64::from(*fast) - slow).abs() < 3e-3, "chirp {chirp}: {fast} {slow}");
            }
        }
    }
}
