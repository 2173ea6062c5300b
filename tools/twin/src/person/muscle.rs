//! Action units and what they do to the skin: the one place where muscles move anything.
//!
//! Action units are those of Ekman and Friesen's Facial Action Coding System. How far the skin
//! moves is rounded from studies of facial landmarks in maximal expressions; see README.md.

use super::Anatomy;

/// A facial action unit that the twin knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActionUnit {
    /// AU 1.
    InnerBrowRaiser,
    /// AU 2.
    OuterBrowRaiser,
    /// AU 4.
    BrowLowerer,
    /// AU 5.
    UpperLidRaiser,
    /// AU 6.
    CheekRaiser,
    /// AU 7.
    LidTightener,
    /// AU 12.
    LipCornerPuller,
    /// AU 23.
    LipTightener,
    /// AU 25.
    LipsPart,
    /// AU 26.
    JawDrop,
    /// AU 45.
    Blink,
}

impl ActionUnit {
    /// How many there are.
    pub const COUNT: usize = 11;
    /// All, in the order of [`Units`].
    pub const ALL: [Self; Self::COUNT] = [
        Self::InnerBrowRaiser,
        Self::OuterBrowRaiser,
        Self::BrowLowerer,
        Self::UpperLidRaiser,
        Self::CheekRaiser,
        Self::LidTightener,
        Self::LipCornerPuller,
        Self::LipTightener,
        Self::LipsPart,
        Self::JawDrop,
        Self::Blink,
    ];

    /// Its place in [`Units`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// Intensity of each action unit, 0 relaxed to 1 maximal, indexed by [`ActionUnit::index`].
pub type Units = [f32; ActionUnit::COUNT];

/// A region of skin that follows one action unit.
#[derive(Debug, Clone, Copy)]
pub struct Pull {
    /// Which.
    pub unit: ActionUnit,
    /// Centre of the region, millimetres.
    pub at: [f64; 2],
    /// Its reach across and along: displacement falls as a Gaussian with these deviations.
    pub reach: [f64; 2],
    /// Displacement of the centre at intensity 1, millimetres: x, y, z.
    pub shift: [f64; 3],
}

impl Pull {
    /// Displacement of the point `(x, y)` at intensity 1.
    #[must_use]
    pub fn displacement(&self, x: f64, y: f64) -> [f64; 3] {
        let across = (x - self.at[0]) / self.reach[0];
        let along = (y - self.at[1]) / self.reach[1];
        let weight = (-0.5 * (across * across + along * along)).exp();
        self.shift.map(|shift| shift * weight)
    }
}

/// All pulls of a face with this anatomy, right side, left side and middle.
#[must_use]
pub fn pulls(anatomy: &Anatomy) -> Vec<Pull> {
    let mut all = Vec::new();
    for (unit, at, reach, shift) in table(anatomy) {
        if at[0] == 0.0 {
            all.push(Pull { unit, at, reach, shift });
            continue;
        }
        for side in [1.0, -1.0] {
            // The halves differ in height by the person's asymmetry.
            let skew = 0.5 * side * anatomy.asymmetry[region(at[1], anatomy)];
            all.push(Pull {
                unit,
                at: [side * at[0], at[1] + skew],
                reach,
                shift: [side * shift[0], shift[1], shift[2]],
            });
        }
    }
    all
}

/// Which entry of `asymmetry` holds at height `y`: brow, eye, cheek or mouth.
fn region(y: f64, anatomy: &Anatomy) -> usize {
    if y < -0.5 * anatomy.brow {
        0
    } else if y < 12.0 {
        1
    } else if y < 0.8 * anatomy.mouth() {
        2
    } else {
        3
    }
}

type Row = (ActionUnit, [f64; 2], [f64; 2], [f64; 3]);

/// Pulls of the right side; a row at x = 0 acts on both.
fn table(anatomy: &Anatomy) -> Vec<Row> {
    use ActionUnit as Au;
    let (eye, brow, mouth) = (anatomy.half_eyes, -anatomy.brow, anatomy.mouth());
    let (corner, chin) = (anatomy.half_mouth, anatomy.chin);
    vec![
        (Au::InnerBrowRaiser, [0.4 * eye, brow], [12.0, 8.0], [0.0, -8.0, -0.6]),
        (Au::InnerBrowRaiser, [0.45 * eye, brow - 26.0], [18.0, 12.0], [0.0, -3.0, -1.0]),
        (Au::OuterBrowRaiser, [1.35 * eye, brow], [12.0, 8.0], [0.0, -7.0, 0.4]),
        (Au::OuterBrowRaiser, [1.2 * eye, brow - 26.0], [16.0, 12.0], [0.0, -2.5, -0.8]),
        (Au::BrowLowerer, [0.45 * eye, brow], [13.0, 8.0], [-4.0, 5.0, -1.5]),
        (Au::BrowLowerer, [0.0, brow + 2.0], [7.0, 9.0], [0.0, 3.5, -2.2]),
        (Au::UpperLidRaiser, [eye, -6.0], [11.0, 4.5], [0.0, -2.2, 0.6]),
        (Au::CheekRaiser, [1.3 * eye, 24.0], [16.0, 13.0], [1.5, -5.0, -3.5]),
        (Au::CheekRaiser, [1.55 * eye, 2.0], [9.0, 8.0], [-2.0, -1.0, -1.0]),
        (Au::LidTightener, [eye, 7.0], [11.0, 4.5], [0.0, -1.8, -0.5]),
        (Au::LipCornerPuller, [corner, mouth], [13.0, 11.0], [9.0, -7.0, 2.0]),
        (Au::LipCornerPuller, [1.4 * eye, 0.68 * mouth], [15.0, 14.0], [2.5, -5.0, -4.5]),
        (Au::LipTightener, [0.0, mouth], [17.0, 6.0], [0.0, 0.0, 2.0]),
        (Au::LipTightener, [0.85 * corner, mouth], [7.0, 6.0], [-3.0, 0.0, 0.6]),
        (Au::LipsPart, [0.0, mouth - 0.6 * anatomy.lip], [15.0, 4.5], [0.0, -1.8, -0.6]),
        (Au::LipsPart, [0.0, mouth + 0.6 * anatomy.lip], [15.0, 5.0], [0.0, 4.0, 0.2]),
        (Au::JawDrop, [0.0, 0.86 * chin], [32.0, 19.0], [0.0, 20.0, 6.0]),
        (Au::JawDrop, [0.8 * eye, 0.62 * chin], [16.0, 18.0], [-1.5, 6.0, 2.0]),
        (Au::Blink, [eye, -3.0], [10.0, 4.5], [0.0, 2.2, -0.4]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::person::Person;

    fn total(unit: ActionUnit, x: f64, y: f64) -> f64 {
        let anatomy = Person::draw(1, 0, 0.0).anatomy;
        let pulls = pulls(&anatomy);
        let own = pulls.iter().filter(|pull| pull.unit == unit);
        let moved = own.fold([0.0; 3], |sum, pull| {
            let part = pull.displacement(x, y);
            std::array::from_fn(|axis| sum[axis] + part[axis])
        });
        moved.iter().map(|part| part * part).sum::<f64>().sqrt()
    }

    #[test]
    fn each_unit_moves_its_own_region_and_not_the_far_one() {
        let face = Person::draw(1, 0, 0.0).anatomy;
        let (brow, corner) = ([12.0, -face.brow], [face.half_mouth, face.mouth()]);
        let chin = [0.0, 0.9 * face.chin];
        let cases = [
            (ActionUnit::InnerBrowRaiser, brow, corner),
            (ActionUnit::BrowLowerer, brow, chin),
            (ActionUnit::LipCornerPuller, corner, brow),
            (ActionUnit::JawDrop, chin, brow),
            (ActionUnit::CheekRaiser, [42.0, 24.0], chin),
        ];
        for (unit, near, far) in cases {
            let (near, far) = (total(unit, near[0], near[1]), total(unit, far[0], far[1]));
            assert!(near > 3.0 && far < 0.05, "{unit:?}: {near} near, {far} far");
        }
    }

    #[test]
    fn a_mean_face_moves_alike_on_both_sides() {
        for unit in ActionUnit::ALL {
            let (right, left) = (total(unit, 25.0, 60.0), total(unit, -25.0, 60.0));
            assert!((right - left).abs() < 1e-9, "{unit:?}");
        }
    }
}
