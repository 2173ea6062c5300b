//! How a pose bends the picture: a grid of displacements, summed from muscles, turns and breath.

use super::picture::{LEFT, TALL, TOP, WIDE};
use crate::motion::Pose;
use crate::number::{narrow, real, single, whole32};
use crate::person::{ActionUnit, Anatomy, Person, pulls};
use crate::setting::Setting;

/// Millimetres between nodes of the grid.
const PITCH: usize = 8;
const COLUMNS: usize = WIDE / PITCH + 1;
const ROWS: usize = TALL / PITCH + 1;
/// Yaw, pitch, roll, chest, torso across, torso down.
const BODY: usize = 6;
/// What moves the picture.
const MOVERS: usize = ActionUnit::COUNT + BODY;
/// The top of the spine, as in the radar's model.
const PIVOT: [f64; 3] = [0.0, 45.0, 105.0];

/// Change of log luminance by shading that counts like a millimetre of movement.
pub(super) const SHADE: f32 = 0.05;
/// Movement that is not worth summing, millimetres: a fiftieth of a pixel.
const FINEST: f32 = 0.02;

/// Displacement in x and y by everything, millimetres; change of log luminance by shading; the same
/// displacement without the muscles, which glasses and the skull follow.
type Bend = [f32; PARTS];
const PARTS: usize = 5;

/// The fields of all movers and their sum for the latest pose.
#[derive(Debug)]
pub(super) struct Warp {
    /// For each mover the nodes it moves.
    fields: [Vec<(usize, Bend)>; MOVERS],
    /// Largest effect of each mover at amount 1, as [`Warp::set`] counts it.
    peaks: [f32; MOVERS],
    sum: Vec<Bend>,
    amounts: [f32; MOVERS],
    rest: [f32; 3],
}

impl Warp {
    pub(super) fn new(person: &Person, setting: &Setting) -> Self {
        let mut fields: [Vec<(usize, Bend)>; MOVERS] = std::array::from_fn(|_| Vec::new());
        let light = setting.camera.light;
        // Log luminance per unit of n . l, for a surface that faces the lamp halfway.
        let contrast = (1.0 - setting.camera.ambient) / (0.5 + 0.5 * setting.camera.ambient);
        for row in 0..ROWS {
            for column in 0..COLUMNS {
                let x = f64::from(LEFT) + real(column * PITCH);
                let y = f64::from(TOP) + real(row * PITCH);
                let node = row * COLUMNS + column;
                let mut put = |mover: usize, [dx, dy, shade]: [f64; 3], skull: f64| {
                    if dx.abs().max(dy.abs()).max(shade.abs()) > 0.01 {
                        let bend = [dx, dy, shade, skull * dx, skull * dy];
                        fields[mover].push((node, bend.map(narrow)));
                    }
                };
                for (mover, bend) in muscles(person, x, y, light, contrast).into_iter().enumerate()
                {
                    put(mover, bend, 0.0);
                }
                for (n, bend) in body(&person.anatomy, x, y).into_iter().enumerate() {
                    put(ActionUnit::COUNT + n, bend, 1.0);
                }
            }
        }
        let peaks = std::array::from_fn(|mover| {
            let most = |[dx, dy, shade, ..]: Bend| (dx.abs() + dy.abs()).max(shade.abs() / SHADE);
            fields[mover].iter().map(|(_, bend)| most(*bend)).fold(0.0, f32::max)
        });
        Self {
            fields,
            sum: vec![[0.0; PARTS]; ROWS * COLUMNS],
            amounts: [0.0; MOVERS],
            peaks,
            rest: setting.turn.map(narrow),
        }
    }

    /// Sums the fields for `pose`; returns how far any point may have moved by that, millimetres,
    /// where a change of shading by [`SHADE`] counts as a millimetre.
    pub(super) fn set(&mut self, pose: &Pose) -> f32 {
        let mut amounts = [0.0; MOVERS];
        amounts[..ActionUnit::COUNT].copy_from_slice(&pose.units);
        for axis in 0..3 {
            amounts[ActionUnit::COUNT + axis] = self.rest[axis] + pose.turn[axis];
        }
        amounts[ActionUnit::COUNT + 3] = pose.chest;
        amounts[ActionUnit::COUNT + 4] = pose.torso[0] - pose.head[0];
        amounts[ActionUnit::COUNT + 5] = pose.torso[1] - pose.head[1];
        let mut moved = 0.0;
        for (mover, field) in self.fields.iter().enumerate() {
            // The grid keeps its sum: adding differences costs less than starting anew, and movers
            // that have hardly moved wait until it is worth it.
            let change = amounts[mover] - self.amounts[mover];
            if change.abs() * self.peaks[mover] < FINEST {
                continue;
            }
            moved += change.abs() * self.peaks[mover];
            self.amounts[mover] = amounts[mover];
            for (node, bend) in field {
                for (sum, part) in self.sum[*node].iter_mut().zip(bend) {
                    *sum += change * part;
                }
            }
        }
        moved
    }

    /// The bend at a point, bilinear.
    #[inline]
    pub(super) fn at(&self, [x, y]: [f32; 2]) -> Bend {
        let pitch = single(PITCH);
        let column = ((x - LEFT) / pitch).clamp(0.0, single(COLUMNS) - 1.01);
        let row = ((y - TOP) / pitch).clamp(0.0, single(ROWS) - 1.01);
        let (i, j) = (whole32(column), whole32(row));
        let (a, b) = (column - single(i), row - single(j));
        let first = j * COLUMNS + i;
        let block = &self.sum[first..first + COLUMNS + 2];
        let mut bend = [0.0; PARTS];
        for (n, part) in bend.iter_mut().enumerate() {
            let upper = block[0][n] + a * (block[1][n] - block[0][n]);
            let lower = block[COLUMNS][n] + a * (block[COLUMNS + 1][n] - block[COLUMNS][n]);
            *part = upper + b * (lower - upper);
        }
        bend
    }
}

/// What each action unit does at a point: x, y, and the shading of the bulge it raises.
fn muscles(
    person: &Person,
    x: f64,
    y: f64,
    light: [f64; 3],
    contrast: f64,
) -> [[f64; 3]; ActionUnit::COUNT] {
    let mut bends = [[0.0; 3]; ActionUnit::COUNT];
    for pull in pulls(&person.anatomy) {
        let unit = pull.unit.index();
        let bias = person.habits.bias[unit];
        let side = if pull.at[0] == 0.0 { 1.0 } else { 1.0 + bias * pull.at[0].signum() };
        let [dx, dy, dz] = pull.displacement(x, y);
        let slope = [
            -dz * (x - pull.at[0]) / pull.reach[0].powi(2),
            -dz * (y - pull.at[1]) / pull.reach[1].powi(2),
        ];
        let shade = contrast * (slope[0] * light[0] + slope[1] * light[1]);
        for (sum, part) in bends[unit].iter_mut().zip([dx, dy, shade]) {
            *sum += side * part;
        }
    }
    bends
}

/// What turning the head, breathing and leaning do at a point, per radian or millimetre.
///
/// Turns are taken as small: at 15 degrees the face is 3 per cent too wide.
fn body(anatomy: &Anatomy, x: f64, y: f64) -> [[f64; 3]; BODY] {
    let below = ((y - 0.9 * anatomy.chin) / 60.0).clamp(0.0, 1.0);
    let head = 1.0 - below;
    let depth = anatomy.depth_at(x, y) - PIVOT[2];
    let arm = y - PIVOT[1];
    [
        [head * depth, 0.0, 0.0],
        [0.0, -head * depth, 0.0],
        [-head * arm, head * x, 0.0],
        [0.0, -0.4 * below, 0.0],
        [below, 0.0, 0.0],
        [0.0, below, 0.0],
    ]
}
