//! The patches of skin and cloth that reflect radar waves.

use super::{ActionUnit, Anatomy, Habits, Prior, Pull, pulls};
use crate::number::{narrow, real, single};
use crate::random::Random;

/// Which part of the body a patch moves with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// Turns with the head and follows the muscles of the face.
    Head,
    /// Moves with the chest.
    Torso,
}

/// A patch that reflects, about a square centimetre of skin or more of cloth.
#[derive(Debug, Clone)]
pub struct Patch {
    /// Which part it moves with.
    pub body: Body,
    /// Where it rests, millimetres in the head's frame.
    pub rest: [f64; 3],
    /// Unit vector out of the surface.
    pub normal: [f64; 3],
    /// Amplitude of its echo at normal incidence; 1 is a square centimetre of flat wet skin.
    pub amplitude: f64,
    /// Displacement at intensity 1 of each action unit, millimetres.
    pub pulls: [[f32; 3]; ActionUnit::COUNT],
    /// How much of the chest's breathing it follows.
    pub breathing: f32,
}

/// Patches of the face.
const FACE: usize = 150;
/// Patches of the scalp.
const SCALP: usize = 20;
/// Patches of neck and chest.
const TORSO: usize = 50;
/// Share of a wave's amplitude that wet skin reflects at 60 GHz, relative to metal.
const SKIN: f64 = 0.62;

pub(super) fn draw(
    anatomy: &Anatomy,
    habits: &Habits,
    mut common: Random,
    mut own: Prior,
) -> Vec<Patch> {
    let pulls = pulls(anatomy);
    let mut patches = Vec::with_capacity(FACE + SCALP + TORSO);
    for n in 0..FACE {
        let (across, along) = sunflower(n, FACE);
        let y = if along < 0.0 { along * anatomy.forehead } else { along * anatomy.chin };
        let x = across * anatomy.half_width;
        let bearded = y > 0.75 * anatomy.mouth() && anatomy.beard > 0.0;
        let damping = if bearded { 1.0 - 0.35 * anatomy.beard } else { 1.0 };
        let mut patch = skin(anatomy, x, y, &mut common, &mut own);
        patch.amplitude *= damping;
        patch.pulls = follow(&pulls, habits, x, y);
        patches.push(patch);
    }
    for n in 0..SCALP {
        let (across, along) = sunflower(n, SCALP);
        let y = -anatomy.forehead - (anatomy.crown - anatomy.forehead) * (0.5 + 0.5 * along);
        let mut patch = skin(anatomy, 0.8 * across * anatomy.half_width, y, &mut common, &mut own);
        // Hair scatters and absorbs; what comes back comes from in front of the skull.
        patch.rest[2] -= 0.6 * anatomy.hair.thickness;
        patch.amplitude *= 0.6;
        patches.push(patch);
    }
    patches.extend((0..TORSO).map(|n| torso(anatomy, n, &mut common, &mut own)));
    patches
}

/// Even points in the unit disk (Vogel 1979).
fn sunflower(n: usize, count: usize) -> (f64, f64) {
    let golden = std::f64::consts::PI * (3.0 - 5.0_f64.sqrt());
    let radius = ((real(n) + 0.5) / real(count)).sqrt();
    let angle = golden * real(n);
    (radius * angle.cos(), radius * angle.sin())
}

fn skin(anatomy: &Anatomy, x: f64, y: f64, common: &mut Random, own: &mut Prior) -> Patch {
    let step = 2.0;
    let slope = |dx: f64, dy: f64| {
        (anatomy.depth_at(x + dx, y + dy) - anatomy.depth_at(x - dx, y - dy)) / (2.0 * step)
    };
    // z grows away from the sensors, so out of the face is (slope, slope, -1).
    let (sx, sy) = (slope(step, 0.0), slope(0.0, step));
    let length = (sx * sx + sy * sy + 1.0).sqrt();
    // Structure below the wavelength: half of it is everybody's, half is one's own.
    let depth = anatomy.depth_at(x, y) + common.normal(0.0, 0.5) + own.normal(0.0, 0.7);
    Patch {
        body: Body::Head,
        rest: [x, y, depth],
        normal: [sx / length, sy / length, -1.0 / length],
        amplitude: SKIN * common.normal(0.0, 0.25).exp() * own.log_normal(1.0, 0.25),
        pulls: [[0.0; 3]; ActionUnit::COUNT],
        breathing: 0.0,
    }
}

/// What each action unit does to the skin at `(x, y)`, with the person's left-right bias.
fn follow(pulls: &[Pull], habits: &Habits, x: f64, y: f64) -> [[f32; 3]; ActionUnit::COUNT] {
    let mut moved = [[0.0_f32; 3]; ActionUnit::COUNT];
    for pull in pulls {
        let unit = pull.unit.index();
        let side = 1.0 + habits.bias[unit] * pull.at[0].signum() * f64::from(pull.at[0] != 0.0);
        for (sum, part) in moved[unit].iter_mut().zip(pull.displacement(x, y)) {
            *sum += narrow(side * part);
        }
    }
    moved
}

/// A patch of neck or chest, row by row from the throat down.
fn torso(anatomy: &Anatomy, n: usize, common: &mut Random, own: &mut Prior) -> Patch {
    let (row, column) = (n / 10, n % 10);
    let down = single(row) / 4.0; // 0 at the throat, 1 at the lower chest
    let x = 0.7 * anatomy.shoulder * (real(column) - 4.5) / 4.5;
    let y = anatomy.chin + 45.0 + 55.0 * real(row) + common.normal(0.0, 6.0);
    let round = 60.0 * (x / anatomy.shoulder).powi(2);
    // The chest lies behind the face when one leans towards the sensors.
    let depth =
        70.0 - 25.0 * f64::from(down) + round + common.normal(0.0, 2.0) + own.normal(0.0, 3.0);
    let slope = 2.0 * 60.0 * x / anatomy.shoulder.powi(2);
    let length = (slope * slope + 0.04 + 1.0).sqrt();
    Patch {
        body: Body::Torso,
        rest: [x, y, depth],
        normal: [slope / length, -0.2 / length, -1.0 / length],
        amplitude: 2.0 * SKIN * common.normal(0.0, 0.3).exp() * own.log_normal(1.0, 0.2),
        pulls: [[0.0; 3]; ActionUnit::COUNT],
        breathing: 0.35 + 0.65 * down,
    }
}
