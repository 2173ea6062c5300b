//! Who sits there: everything that stays the same from session to session.

mod anatomy;
mod habits;
mod muscle;
mod patches;

pub use anatomy::{Anatomy, Hair, Mole};
pub use habits::{Habits, Manner};
pub use muscle::{ActionUnit, Pull, Units, pulls};
pub use patches::{Body, Patch};

use crate::random::Random;

/// A simulated person.
///
/// Lengths are millimetres in the head's frame: x to the right in the camera's image, y down,
/// z away from the sensors; the origin lies between the eyes, on the front of the face.
#[derive(Debug, Clone)]
pub struct Person {
    /// Shape and look of the head.
    pub anatomy: Anatomy,
    /// How this person moves.
    pub habits: Habits,
    /// What reflects radar waves.
    pub patches: Vec<Patch>,
}

impl Person {
    /// Draws person `number` of the population `seed`.
    ///
    /// `spread` scales how far persons lie from the mean of the population: at 0 all are the same,
    /// 1 is the prior.
    #[must_use]
    pub fn draw(seed: u64, number: usize, spread: f64) -> Self {
        let stream = |what: &str| Random::stream(seed, &format!("person {number} {what}"));
        let anatomy = Anatomy::draw(&mut Prior::new(stream("anatomy"), spread));
        let habits = Habits::draw(&mut Prior::new(stream("habits"), spread));
        // What all share comes from the population's own stream, so that spread 0 means one person.
        let common = Random::stream(seed, "population patches");
        let own = Prior::new(stream("patches"), spread);
        let patches = patches::draw(&anatomy, &habits, common, own);
        Self { anatomy, habits, patches }
    }
}

/// Draws around a population's mean.
#[derive(Debug)]
pub(crate) struct Prior {
    random: Random,
    spread: f64,
}

impl Prior {
    pub(crate) const fn new(random: Random, spread: f64) -> Self {
        Self { random, spread }
    }

    /// Normal; beyond 2.5 deviations is drawn in, so that nobody is a monster.
    fn normal(&mut self, mean: f64, deviation: f64) -> f64 {
        mean + self.spread * deviation * self.random.normal(0.0, 1.0).clamp(-2.5, 2.5)
    }

    /// Log-normal around `median`, with `factor` the deviation of the logarithm.
    fn log_normal(&mut self, median: f64, factor: f64) -> f64 {
        median * self.normal(0.0, factor).exp()
    }

    /// True with probability `p`; with no spread, what most persons are.
    fn chance(&mut self, p: f64) -> bool {
        let draw = self.random.uniform();
        if self.spread > 0.0 { draw < p } else { p > 0.5 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_person_and_another_number_another() {
        let (a, b, c) = (Person::draw(5, 0, 1.0), Person::draw(5, 0, 1.0), Person::draw(5, 1, 1.0));
        assert_eq!(format!("{a:?}"), format!("{b:?}"));
        assert!((a.anatomy.half_width - c.anatomy.half_width).abs() > 1e-6);
        assert!(a.patches.iter().zip(&c.patches).any(|(a, c)| (a.rest[2] - c.rest[2]).abs() > 0.1));
    }

    #[test]
    fn without_spread_everybody_is_the_same_person() {
        let (a, b) = (Person::draw(5, 0, 0.0), Person::draw(5, 1, 0.0));
        assert_eq!(format!("{a:?}"), format!("{b:?}"));
    }

    #[test]
    fn twice_the_spread_moves_persons_twice_as_far_from_the_mean() {
        let deviation = |spread: f64| {
            let widths = (0..400).map(|n| Person::draw(5, n, spread).anatomy.half_width);
            let squares: f64 = widths.map(|width| (width - Anatomy::MEAN_HALF_WIDTH).powi(2)).sum();
            (squares / 400.0).sqrt()
        };
        assert!((deviation(2.0) / deviation(1.0) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn a_person_is_some_hundred_patches_most_of_them_on_the_head() {
        let patches = Person::draw(5, 0, 1.0).patches;
        let head = patches.iter().filter(|patch| patch.body == Body::Head).count();
        assert!((100..=300).contains(&patches.len()), "{}", patches.len());
        assert!(head * 2 > patches.len());
    }
}
