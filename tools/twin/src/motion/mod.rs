//! What the person does during a session, as one table of poses that both sensors read.

mod blink;
mod expression;
mod head;
mod pose;
mod script;
mod speech;
mod vitals;
mod wander;

pub(crate) use expression::rise_and_fall;
pub use pose::{POSES_PER_SECOND, Pose};
pub use script::{Expression, Label, Script};

use crate::number::{real, whole};
use crate::person::{ActionUnit, Person};
use crate::random::Random;

/// The poses of one session, [`POSES_PER_SECOND`] of them a second.
#[derive(Debug, Clone)]
pub struct Performance {
    poses: Vec<Pose>,
}

/// What today is like for a person: how this session differs from the person's habits.
#[derive(Debug, Clone, Copy)]
pub struct Mood {
    /// Factor on the strength of all expressions.
    pub strength: f64,
    /// Factor on the duration of rises and falls.
    pub pace: f64,
    /// Factor on breathing and heart rate.
    pub arousal: f64,
    /// Factor on sway and gestures.
    pub restless: f64,
    /// Share of rests in which the person talks.
    pub talks: f64,
}

impl Mood {
    /// The day on which a person moves as always, silently.
    pub const PLAIN: Self =
        Self { strength: 1.0, pace: 1.0, arousal: 1.0, restless: 1.0, talks: 0.0 };
}

impl Performance {
    /// Lets `person` play `script` for `seconds`.
    ///
    /// `name` is the stream of randomness: another name is another take of the same script.
    #[must_use]
    pub fn play(
        person: &Person,
        script: &Script,
        mood: &Mood,
        seconds: f64,
        seed: u64,
        name: &str,
    ) -> Self {
        let stream = |what: &str| Random::stream(seed, &format!("{name} {what}"));
        let count = whole(seconds * POSES_PER_SECOND) + 2;
        let mut poses = vec![Pose::default(); count];
        let habits = &person.habits;
        head::sway(&mut poses, habits, mood, stream("head"));
        vitals::breathe(&mut poses, habits, mood, stream("breath"));
        vitals::beat(&mut poses, habits, mood, stream("heart"));
        expression::show(&mut poses, habits, mood, script, stream("expressions"));
        speech::talk(&mut poses, script, mood, stream("speech"));
        blink::blink(&mut poses, habits, stream("blinks"));
        Self { poses }
    }

    /// A performance in which nothing moves.
    #[must_use]
    pub fn still(seconds: f64) -> Self {
        Self { poses: vec![Pose::default(); whole(seconds * POSES_PER_SECOND) + 2] }
    }

    /// Changes every pose; `seconds` is its time.
    pub fn edit(&mut self, mut change: impl FnMut(f64, &mut Pose)) {
        for (n, pose) in self.poses.iter_mut().enumerate() {
            change(real(n) / POSES_PER_SECOND, pose);
        }
    }

    /// The pose at `seconds`, between two entries of the table; before and after it, the end poses.
    ///
    /// Linear interpolation at 1 kHz errs by a'' dt^2 / 8: 0.05 um for a heart beat's 0.3 mm at 6 Hz,
    /// a thousandth of a radian at 60 GHz.
    #[must_use]
    pub fn at(&self, seconds: f64) -> Pose {
        let place = (seconds * POSES_PER_SECOND).max(0.0);
        let before = whole(place).min(self.poses.len() - 2);
        let share = (place - real(before)).min(1.0);
        self.poses[before].mixed(&self.poses[before + 1], crate::number::narrow(share))
    }

    /// The pose of entry `n`, the last one beyond the end.
    #[must_use]
    pub fn entry(&self, n: usize) -> &Pose {
        &self.poses[n.min(self.poses.len() - 1)]
    }

    /// Intensity of `unit` at `seconds`.
    #[must_use]
    pub fn unit(&self, unit: ActionUnit, seconds: f64) -> f32 {
        self.at(seconds).units[unit.index()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(seconds: f64) -> (Script, Performance) {
        let person = Person::draw(3, 0, 1.0);
        let script = Script::cued(seconds, Random::stream(3, "script"));
        let performance = Performance::play(&person, &script, &Mood::PLAIN, seconds, 3, "take");
        (script, performance)
    }

    #[test]
    fn a_smile_uses_units_6_and_12_and_leaves_the_brows_alone() {
        let (script, performance) = take(60.0);
        let smile = script.labels.iter().find(|label| label.expression == Expression::Smile);
        let apex = smile.unwrap().apex + 0.1;
        assert!(performance.unit(ActionUnit::LipCornerPuller, apex) > 0.2);
        assert!(performance.unit(ActionUnit::CheekRaiser, apex) > 0.15);
        assert!(performance.unit(ActionUnit::InnerBrowRaiser, apex) < 0.02);
        assert!(performance.unit(ActionUnit::BrowLowerer, apex) < 0.02);
    }

    #[test]
    fn intensities_stay_between_relaxed_and_maximal() {
        let (_, performance) = take(60.0);
        for pose in &performance.poses {
            assert!(pose.units.iter().all(|unit| (0.0..=1.0).contains(unit)), "{:?}", pose.units);
        }
    }

    #[test]
    fn nothing_jumps_between_two_poses() {
        let (_, performance) = take(60.0);
        for pair in performance.poses.windows(2) {
            let step = (pair[1].head[2] - pair[0].head[2]).abs();
            // 0.2 m/s is beyond what a seated head does; a jump would break the radar's phase.
            assert!(step < 0.2, "{step} mm in a millisecond");
        }
    }

    #[test]
    fn the_chest_breathes_at_the_person_s_rate() {
        let person = Person::draw(3, 0, 0.0);
        let script = Script { labels: Vec::new() };
        let performance = Performance::play(&person, &script, &Mood::PLAIN, 60.0, 3, "take");
        let rising = performance
            .poses
            .windows(2)
            .filter(|pair| pair[0].chest < 2.8 && pair[1].chest >= 2.8)
            .count();
        assert!((13..=17).contains(&rising), "{rising} breaths in a minute at 15 a minute");
    }
}
