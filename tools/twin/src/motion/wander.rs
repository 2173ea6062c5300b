//! Smooth random movement: white noise through two equal low-pass stages.

use std::f64::consts::TAU;

use super::POSES_PER_SECOND;
use crate::random::Random;

/// A random walk that stays near zero and has a velocity, one step per entry of the table of poses.
#[derive(Debug)]
pub(super) struct Wander {
    decay: f64,
    kick: f64,
    first: f64,
    second: f64,
}

impl Wander {
    /// Movement with the given corner frequency, hertz, and standard deviation.
    pub(super) fn new(corner: f64, deviation: f64) -> Self {
        let decay = (-TAU * corner / POSES_PER_SECOND).exp();
        // Two stages a/(1 - d/z) in series on unit white noise have the variance
        // a^4 (1 + d^2) / (1 - d^2)^3; `kick` scales the noise so that the output has `deviation`.
        let gain = (1.0 - decay).powi(2);
        let square = decay * decay;
        let variance = gain * gain * (1.0 + square) / (1.0 - square).powi(3);
        Self { decay, kick: deviation / variance.sqrt(), first: 0.0, second: 0.0 }
    }

    /// The same, already wandering at the start.
    pub(super) fn warm(corner: f64, deviation: f64, random: &mut Random) -> Self {
        let mut wander = Self::new(corner, deviation);
        // Four time constants forget the start at zero.
        let steps = crate::number::whole(4.0 * POSES_PER_SECOND / (TAU * corner)) + 1;
        for _ in 0..steps {
            wander.step(random);
        }
        wander
    }

    pub(super) fn step(&mut self, random: &mut Random) -> f64 {
        // A uniform draw is as good as a normal one after averaging over a hundred steps.
        let noise = self.kick * (random.uniform() - 0.5) * 12.0_f64.sqrt();
        self.first = self.decay * self.first + (1.0 - self.decay) * noise;
        self.second = self.decay * self.second + (1.0 - self.decay) * self.first;
        self.second
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_the_deviation_that_was_asked_for() {
        let mut random = Random::stream(1, "wander");
        let mut wander = Wander::warm(5.0, 2.0, &mut random);
        let count = 400_000;
        let squares: f64 = (0..count).map(|_| wander.step(&mut random).powi(2)).sum();
        // 400 s at 5 Hz are some 4,000 independent values: 3 per cent at two standard errors.
        let deviation = (squares / f64::from(count)).sqrt();
        assert!((deviation / 2.0 - 1.0).abs() < 0.05, "{deviation}");
    }
}
