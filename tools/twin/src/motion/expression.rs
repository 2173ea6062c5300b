//! Expressions as movements of action units: rise, unsteady apex, fall.

use super::wander::Wander;
use super::{Expression, Label, Mood, POSES_PER_SECOND, Pose, Script};
use crate::number::{narrow, real, whole};
use crate::person::{ActionUnit, Habits};
use crate::random::Random;

/// Which units make an expression, and how much of each (Ekman and Friesen's EMFACS rows).
const fn recipe(expression: Expression) -> &'static [(ActionUnit, f64)] {
    use ActionUnit as Au;
    match expression {
        Expression::Neutral => &[],
        Expression::Smile => &[(Au::CheekRaiser, 0.85), (Au::LipCornerPuller, 1.0)],
        Expression::Shock => &[
            (Au::InnerBrowRaiser, 1.0),
            (Au::OuterBrowRaiser, 0.95),
            (Au::UpperLidRaiser, 1.0),
            (Au::JawDrop, 1.0),
            (Au::LipsPart, 0.9), // a dropped jaw parts the lips
        ],
        Expression::Anger => &[
            (Au::BrowLowerer, 1.0),
            (Au::UpperLidRaiser, 0.6),
            (Au::LidTightener, 0.9),
            (Au::LipTightener, 1.0),
        ],
    }
}

/// Rise and fall of `expression` as this person shows it on this day, seconds.
pub(crate) fn rise_and_fall(habits: &Habits, mood: &Mood, expression: Expression) -> (f64, f64) {
    let manner = match expression {
        Expression::Neutral => return (0.4, 0.4),
        Expression::Smile => habits.manners[0],
        Expression::Shock => habits.manners[1],
        Expression::Anger => habits.manners[2],
    };
    (manner.rise * mood.pace, manner.fall * mood.pace)
}

/// Adds the expressions of `script`; its labels are taken as they are.
pub(super) fn show(
    poses: &mut [Pose],
    habits: &Habits,
    mood: &Mood,
    script: &Script,
    mut random: Random,
) {
    for label in &script.labels {
        // No two smiles of one person are equally strong.
        let take = mood.strength * random.normal(0.0, 0.10).exp();
        for &(unit, share) in recipe(label.expression) {
            let strength = share * take * habits.strength[unit.index()];
            one(poses, label, unit, strength, habits, &mut random);
        }
        if label.expression == Expression::Smile && habits.toothy {
            one(poses, label, ActionUnit::LipsPart, 0.35 * take, habits, &mut random);
        }
    }
}

fn one(
    poses: &mut [Pose],
    label: &Label,
    unit: ActionUnit,
    strength: f64,
    habits: &Habits,
    random: &mut Random,
) {
    let late = habits.delay[unit.index()].min(0.3 * (label.apex - label.onset));
    let from = whole(label.onset * POSES_PER_SECOND);
    let to = whole(label.end * POSES_PER_SECOND).min(poses.len() - 1);
    let mut tremor = Wander::new(4.0, habits.tremor);
    for (n, pose) in poses.iter_mut().enumerate().take(to + 1).skip(from) {
        let t = real(n) / POSES_PER_SECOND;
        let up = minimum_jerk((t - label.onset - late) / (label.apex - label.onset - late));
        let down = minimum_jerk((t - label.offset) / (label.end - label.offset));
        let shown = strength * (up - down) * (1.0 + tremor.step(random));
        let sum = f64::from(pose.units[unit.index()]) + shown;
        pose.units[unit.index()] = narrow(sum.clamp(0.0, 1.0));
    }
}

/// The smoothest way from 0 to 1 (Flash and Hogan 1985).
pub(super) fn minimum_jerk(u: f64) -> f64 {
    let u = u.clamp(0.0, 1.0);
    u * u * u * (10.0 + u * (6.0 * u - 15.0))
}
