//! Intervals by resampling persons and, within each, sessions: frames of one sitting are near copies
//! of each other, and an interval over frames would be far too narrow.
//!
//! Also this one is too narrow with few persons: in a toy world with 40 strangers and 12 sessions an
//! interval called 95 % held the truth in 89 % of worlds, with 5 and 3 in 69 %.

use visaged_twin::Random;

use super::{Estimate, quantile};

/// Recordings of one person.
pub(crate) type Person = Vec<usize>;

/// Resamples, unless a test asks for less.
pub(crate) const RESAMPLES: usize = 2_000;

/// Draws persons within groups that keep their size, and sessions within persons.
#[derive(Debug, Clone)]
pub(crate) struct Resampler {
    groups: Vec<Vec<Person>>,
    recordings: usize,
    resamples: usize,
    seed: u64,
}

impl Resampler {
    /// Resamples `groups` of persons apart from each other: the enrolled and the strangers, say.
    pub(crate) fn new(groups: Vec<Vec<Person>>, resamples: usize, seed: u64) -> Self {
        let largest = groups.iter().flatten().flatten().max();
        let recordings = largest.map_or(0, |largest| largest + 1);
        Self { groups, recordings, resamples, seed }
    }

    /// The 95 % interval of each figure of `measure`, which is told how often each recording was
    /// drawn and gives `None` where a resample cannot be measured; those are left out.
    pub(crate) fn estimate<const N: usize>(
        &self,
        mut measure: impl FnMut(&dyn Fn(usize) -> f64) -> Option<[f64; N]>,
    ) -> Option<[Estimate; N]> {
        let values = measure(&|_| 1.0)?;
        let mut random = Random::stream(self.seed, "bootstrap");
        let mut drawn = vec![0.0; self.recordings];
        let mut resamples: [Vec<f64>; N] = std::array::from_fn(|_| Vec::new());
        for _ in 0..self.resamples {
            self.draw(&mut random, &mut drawn);
            let weight = |recording: usize| drawn.get(recording).copied().unwrap_or(0.0);
            for (all, one) in resamples.iter_mut().zip(measure(&weight).into_iter().flatten()) {
                all.push(one);
            }
        }
        Some(std::array::from_fn(|figure| Estimate {
            value: values[figure],
            low: quantile(&resamples[figure], 0.025),
            high: quantile(&resamples[figure], 0.975),
        }))
    }

    fn draw(&self, random: &mut Random, drawn: &mut [f64]) {
        drawn.fill(0.0);
        for persons in self.groups.iter().filter(|persons| !persons.is_empty()) {
            for _ in 0..persons.len() {
                let sessions = &persons[random.below(persons.len())];
                for _ in 0..sessions.len() {
                    drawn[sessions[random.below(sessions.len())]] += 1.0;
                }
            }
        }
    }
}
