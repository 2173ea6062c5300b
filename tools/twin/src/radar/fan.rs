//! A running desk fan: five blades that go round.

use std::f64::consts::TAU;
use std::ops::Range;

use super::Echo;
use super::array::{self, distance};
use super::sweep::Sweep;
use crate::number::real;
use crate::random::Random;

const BLADES: usize = 5;
/// Points of a blade, metres from the hub.
const RADII: [f64; 3] = [0.05, 0.09, 0.13];
/// Counts of a point of a blade at one metre.
const COUNTS: f64 = 1.2;

#[derive(Debug)]
pub(crate) struct Fan {
    hub: [f64; 3],
    turns_per_second: f64,
    phase: f64,
    /// How far the axis is tilted away from the radar, radians.
    tilt: f64,
}

impl Fan {
    pub(super) fn draw([x, z]: [f64; 2], mut random: Random) -> Self {
        Self {
            hub: [x, random.between(-0.1, 0.2), z],
            turns_per_second: random.between(8.0, 22.0),
            phase: random.uniform(),
            tilt: random.between(0.2, 0.9),
        }
    }

    pub(super) fn echoes(&self, sweep: &Sweep, start: f64, stretch: Range<usize>) -> Vec<Echo> {
        let (first, last) =
            (sweep.instant(stretch.start), sweep.instant(stretch.end.saturating_sub(1)));
        let times = [first, 0.5 * (first + last), last].map(|after| start + after);
        let mut echoes = Vec::with_capacity(BLADES * RADII.len());
        for blade in 0..BLADES {
            for radius in RADII {
                let points = times.map(|time| self.point(blade, radius, time));
                let range = distance([0.0; 3], points[1]);
                // A twisted blade glints twice a turn.
                let glint = (2.0 * self.angle(blade, times[1])).cos().powi(2);
                echoes.push(Echo {
                    paths: points.map(array::paths),
                    amplitude: COUNTS * (0.3 + glint) * array::pattern(points[1]) / (range * range),
                });
            }
        }
        echoes
    }

    fn angle(&self, blade: usize, time: f64) -> f64 {
        TAU * (self.phase + self.turns_per_second * time + real(blade) / real(BLADES))
    }

    fn point(&self, blade: usize, radius: f64, time: f64) -> [f64; 3] {
        let (sine, cosine) = self.angle(blade, time).sin_cos();
        [
            self.hub[0] + radius * cosine,
            self.hub[1] + radius * sine * self.tilt.cos(),
            self.hub[2] + radius * sine * self.tilt.sin(),
        ]
    }
}
