//! A person as echoes: where every patch is at an instant and how strongly it answers.

use std::ops::Range;
use std::sync::Arc;

use super::Echo;
use super::array::{self, distance};
use super::sweep::Sweep;
use crate::motion::{Performance, Pose};
use crate::person::{Body, Patch, Person};
use crate::setting::{Clothes, Setting};

/// What the head turns about, millimetres in its own frame: the top of the spine.
const PIVOT: [f64; 3] = [0.0, 45.0, 105.0];
/// Counts of the ADC that a square centimetre of skin gives at one metre in the pass band; set so
/// that the twin's chest at 0.33 m is as strong as the shared recording's (`twin card`).
const COUNTS: f64 = 1.8;
/// Width of the lobe of a patch, radians: a centimetre is two wavelengths across.
const LOBE: f64 = 0.35;
/// What a patch scatters in all directions, share of its lobe's peak.
const DIFFUSE: f64 = 0.06;
/// Amplitude that the frame and the lenses of glasses take from the skin behind them.
const BEHIND_GLASSES: f64 = 0.6;

/// Somebody in front of the radar.
#[derive(Debug, Clone)]
pub struct Occupant {
    person: Arc<Person>,
    performance: Arc<Performance>,
    place: [f64; 3],
    turn: [f64; 3],
    clothes: Clothes,
    glasses: bool,
}

impl Occupant {
    /// `person`, who plays `performance` where `setting` says.
    #[must_use]
    pub fn new(person: Arc<Person>, performance: Arc<Performance>, setting: &Setting) -> Self {
        Self {
            person,
            performance,
            place: setting.place,
            turn: setting.turn,
            clothes: setting.clothes,
            glasses: setting.glasses,
        }
    }

    /// The same, with the face resting at `place`, metres.
    #[must_use]
    pub const fn moved_to(mut self, place: [f64; 3]) -> Self {
        self.place = place;
        self
    }

    /// Echoes over the chirps of `stretch` in the frame that starts at `start` seconds.
    pub(super) fn echoes(
        &self,
        sweep: &Sweep,
        start: f64,
        stretch: Range<usize>,
    ) -> impl Iterator<Item = Echo> {
        let (first, last) =
            (sweep.instant(stretch.start), sweep.instant(stretch.end.saturating_sub(1)));
        let stances = [first, 0.5 * (first + last), last]
            .map(|after| Stance::of(&self.performance.at(start + after), self));
        self.person.patches.iter().filter_map(move |patch| {
            let points = [0, 1, 2].map(|n: usize| stances[n].place(patch));
            let amplitude = self.amplitude(patch, &stances[1], points[1]);
            (amplitude > 0.0).then(|| Echo { paths: points.map(array::paths), amplitude })
        })
    }

    /// Where `patch` is at `seconds`, metres.
    #[must_use]
    pub fn whereabouts(&self, patch: &Patch, seconds: f64) -> [f64; 3] {
        Stance::of(&self.performance.at(seconds), self).place(patch)
    }

    fn amplitude(&self, patch: &Patch, stance: &Stance, point: [f64; 3]) -> f64 {
        let range = distance([0.0; 3], point);
        let normal = match patch.body {
            Body::Head => stance.rotated(patch.normal),
            Body::Torso => patch.normal,
        };
        let cosine = -(normal[0] * point[0] + normal[1] * point[1] + normal[2] * point[2]) / range;
        if cosine <= 0.0 {
            return 0.0; // turned away
        }
        let lobe = DIFFUSE + (1.0 - DIFFUSE) * (-2.0 * (1.0 - cosine) / (LOBE * LOBE)).exp();
        let cover = match patch.body {
            Body::Torso => self.clothes.echo,
            Body::Head if self.glasses && self.behind_glasses(patch) => BEHIND_GLASSES,
            Body::Head => 1.0,
        };
        COUNTS * patch.amplitude * cover * lobe * array::pattern(point) / (range * range)
    }

    fn behind_glasses(&self, patch: &Patch) -> bool {
        let anatomy = &self.person.anatomy;
        let [tall, wide] = anatomy.frame;
        let across = patch.rest[0].abs() - anatomy.half_eyes;
        across.abs() < wide && (patch.rest[1] - 3.0).abs() < tall
    }
}

/// A pose made ready: rotation and displacements.
#[derive(Debug)]
struct Stance {
    rows: [[f64; 3]; 3],
    head: [f64; 3],
    torso: [f64; 3],
    chest: f64,
    units: [f64; crate::person::ActionUnit::COUNT],
    origin: [f64; 3],
    cloth: f64,
}

impl Stance {
    fn of(pose: &Pose, occupant: &Occupant) -> Self {
        let turn: [f64; 3] = std::array::from_fn(|n| occupant.turn[n] + f64::from(pose.turn[n]));
        Self {
            rows: rotation(turn),
            head: pose.head.map(f64::from),
            torso: pose.torso.map(f64::from),
            chest: f64::from(pose.chest),
            units: pose.units.map(f64::from),
            origin: occupant.place,
            cloth: occupant.clothes.thickness,
        }
    }

    fn rotated(&self, vector: [f64; 3]) -> [f64; 3] {
        self.rows.map(|row| row[0] * vector[0] + row[1] * vector[1] + row[2] * vector[2])
    }

    /// Metres, in the radar's frame.
    fn place(&self, patch: &Patch) -> [f64; 3] {
        let mut point = patch.rest;
        match patch.body {
            Body::Head => {
                for (pull, unit) in patch.pulls.iter().zip(self.units) {
                    for (axis, shift) in point.iter_mut().zip(pull) {
                        *axis += unit * f64::from(*shift);
                    }
                }
                let arm = std::array::from_fn(|axis| point[axis] - PIVOT[axis]);
                let turned = self.rotated(arm);
                point = std::array::from_fn(|n| turned[n] + PIVOT[n] + self.head[n]);
            }
            Body::Torso => {
                for (axis, shift) in point.iter_mut().zip(self.torso) {
                    *axis += shift;
                }
                point[2] -= f64::from(patch.breathing) * self.chest + self.cloth;
            }
        }
        std::array::from_fn(|axis| self.origin[axis] + 1e-3 * point[axis])
    }
}

/// Rotation by yaw about y, then pitch about x, then roll about z.
fn rotation([yaw, pitch, roll]: [f64; 3]) -> [[f64; 3]; 3] {
    let ((sy, cy), (sp, cp), (sr, cr)) = (yaw.sin_cos(), pitch.sin_cos(), roll.sin_cos());
    let about_y = [[cy, 0.0, sy], [0.0, 1.0, 0.0], [-sy, 0.0, cy]];
    let about_x = [[1.0, 0.0, 0.0], [0.0, cp, -sp], [0.0, sp, cp]];
    let about_z = [[cr, -sr, 0.0], [sr, cr, 0.0], [0.0, 0.0, 1.0]];
    product(about_z, product(about_x, about_y))
}

fn product(a: [[f64; 3]; 3], b: [[f64; 3]; 3]) -> [[f64; 3]; 3] {
    std::array::from_fn(|row| {
        std::array::from_fn(|column| (0..3).map(|n| a[row][n] * b[n][column]).sum())
    })
}
