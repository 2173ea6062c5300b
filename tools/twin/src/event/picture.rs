//! The painted person: log luminance and outline on a grid of a texel a millimetre.

use super::paint;
use crate::number::{single, whole32};
use crate::person::Person;
use crate::setting::Setting;

/// Texels across and down.
pub(super) const WIDE: usize = 400;
pub(super) const TALL: usize = 400;
/// Millimetres of the texel (0, 0).
pub(super) const LEFT: f32 = -200.0;
pub(super) const TOP: f32 = -140.0;
/// Texels along the side of a cell of the map of steepness.
const CELL: usize = 8;
const CELLS: usize = WIDE / CELL;

/// A person at rest, as the camera's pixels would see it under the session's light.
#[derive(Debug)]
pub(super) struct Picture {
    /// `[row][column]`: log luminance of skin, hair and cloth with eyes and mouth closed; how much
    /// of the texel is person; log luminance of what lies behind lids and lips; what glasses change.
    pub(super) texels: Vec<[f32; 4]>,
    /// Largest change of luminance per millimetre across and down, around each cell.
    steepness: Vec<[f32; 2]>,
    pub(super) eyes: Opening,
    pub(super) mouth: Opening,
}

/// Where lids or lips open, in the person's frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opening {
    /// Distance of the centre from the middle line; both sides if not zero.
    pub(super) across: f32,
    /// Height of the slit.
    pub(super) height: f32,
    /// Half of its width.
    pub(super) half_width: f32,
    /// Half of its height when open.
    pub(super) half_height: f32,
    /// Shift of right against left.
    pub(super) skew: f32,
}

impl Picture {
    pub(super) fn paint(person: &Person, setting: &Setting, seed: u64) -> Self {
        let anatomy = &person.anatomy;
        let texels = paint::person(anatomy, setting, seed);
        let steepness = steepness(&texels);
        Self {
            texels,
            steepness,
            eyes: paint::eye_opening(anatomy),
            mouth: paint::mouth_opening(anatomy),
        }
    }

    /// Skin's log luminance, share of person, inner log luminance and glasses at a point, bilinear.
    #[inline]
    pub(super) fn at(&self, x: f32, y: f32) -> [f32; 4] {
        let column = (x - LEFT).clamp(0.0, single(WIDE) - 1.01);
        let row = (y - TOP).clamp(0.0, single(TALL) - 1.01);
        let (i, j) = (whole32(column), whole32(row));
        let (a, b) = (column - single(i), row - single(j));
        let first = j * WIDE + i;
        let block = &self.texels[first..first + WIDE + 2];
        let upper = mix(block[0], block[1], a);
        let lower = mix(block[WIDE], block[WIDE + 1], a);
        mix(upper, lower, b)
    }

    /// Bound of the change of luminance per millimetre across and down, around a point.
    #[inline]
    pub(super) fn steepness(&self, x: f32, y: f32) -> [f32; 2] {
        let column = whole32((x - LEFT) / single(CELL)).min(CELLS - 1);
        let row = whole32((y - TOP) / single(CELL)).min(TALL / CELL - 1);
        self.steepness[row * CELLS + column]
    }
}

/// From `a` to `b` by `share`, written out so that it becomes one vector operation.
#[inline]
fn mix(a: [f32; 4], b: [f32; 4], share: f32) -> [f32; 4] {
    [
        a[0] + share * (b[0] - a[0]),
        a[1] + share * (b[1] - a[1]),
        a[2] + share * (b[2] - a[2]),
        a[3] + share * (b[3] - a[3]),
    ]
}

fn steepness(texels: &[[f32; 4]]) -> Vec<[f32; 2]> {
    let rows = TALL / CELL;
    let mut own = vec![[0.0_f32; 2]; CELLS * rows];
    for y in 0..TALL - 1 {
        for x in 0..WIDE - 1 {
            let here = texels[y * WIDE + x];
            let cell = &mut own[(y / CELL).min(rows - 1) * CELLS + (x / CELL).min(CELLS - 1)];
            for (axis, next) in [y * WIDE + x + 1, (y + 1) * WIDE + x].into_iter().enumerate() {
                let there = texels[next];
                // At the outline, person turns into backdrop: about a log unit of difference.
                let skin = (there[0] - here[0]).abs() * here[1];
                let step = skin + (there[1] - here[1]).abs() + (there[3] - here[3]).abs();
                cell[axis] = cell[axis].max(step);
            }
        }
    }
    // A tile of pixels may reach into the neighbour cells.
    (0..own.len()).map(|n| around(&own, n, rows)).collect()
}

/// The largest of a cell and its neighbours, for each axis.
fn around(own: &[[f32; 2]], n: usize, rows: usize) -> [f32; 2] {
    let (row, column) = (n / CELLS, n % CELLS);
    let mut most = [0.0_f32; 2];
    for row in row.saturating_sub(1)..(row + 2).min(rows) {
        for column in column.saturating_sub(1)..(column + 2).min(CELLS) {
            let cell = own[row * CELLS + column];
            most = [most[0].max(cell[0]), most[1].max(cell[1])];
        }
    }
    most
}
