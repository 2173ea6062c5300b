//! Events that no light caused: shot noise of all pixels and a few hot ones.

use visaged::data::Geometry;

use super::pixels::Pixels;
use crate::number::real;
use crate::random::Random;

/// Share of noise events that are ON; the shared face recording has 0.6 to 0.7 in its empty corners.
const ON: f64 = 0.58;
/// Share of pixels that are hot, and the median of their rate, events a second.
const HOT: f64 = 2.5e-4;
const HOT_RATE: f64 = 250.0;

#[derive(Debug)]
pub(super) struct Noise {
    width: usize,
    height: usize,
    /// Mean events of the whole sensor a second, before darker pixels' share.
    rate: f64,
    /// Pixel and events a second.
    hot: Vec<([usize; 2], f64)>,
    random: Random,
}

impl Noise {
    /// `rate` is that of a bright pixel, events a second; without it there are no hot pixels either.
    pub(super) fn new(geometry: Geometry, rate: f64, mut random: Random) -> Self {
        let (width, height) = (usize::from(geometry.width), usize::from(geometry.height));
        let share = if rate > 0.0 { HOT } else { 0.0 };
        let count = random.poisson(share * real(width * height));
        let hot = (0..count)
            .map(|_| {
                let at = [random.below(width), random.below(height)];
                (at, HOT_RATE * random.normal(0.0, 0.8).exp())
            })
            .collect();
        // Drawn at twice the rate and thinned, so that dark pixels can have twice the noise.
        Self { width, height, rate: 2.0 * rate * real(width * height), hot, random }
    }

    /// Adds the noise of the `span` seconds from `time` on.
    pub(super) fn step(&mut self, time: f64, span: f64, pixels: &mut Pixels) {
        for _ in 0..self.random.poisson(self.rate * span) {
            let at = pixels.index(self.random.below(self.width), self.random.below(self.height));
            // Shot noise grows as the photocurrent falls.
            let share = 0.5 * f64::from((-0.5 * pixels.luminance(at)).exp()).clamp(0.5, 2.0);
            let when = time + span * self.random.uniform();
            if self.random.chance(share) {
                pixels.misfire(at, when, self.random.chance(ON));
            }
        }
        for n in 0..self.hot.len() {
            let ([x, y], rate) = self.hot[n];
            for _ in 0..self.random.poisson(rate * span) {
                let when = time + span * self.random.uniform();
                let on = self.random.chance(ON);
                pixels.misfire(pixels.index(x, y), when, on);
            }
        }
    }
}
