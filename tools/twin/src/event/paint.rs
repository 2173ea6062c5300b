//! Paints a person: shape from shading, features, hair, glasses, clothes.

use super::picture::{LEFT, Opening, TALL, TOP, WIDE};
use crate::number::{narrow, real};
use crate::person::Anatomy;
use crate::random::Random;
use crate::setting::Setting;

/// Half width and height of the eye's opening against the distance of the eyes.
const EYE_WIDTH: f64 = 14.5;
/// Radius of iris and pupil.
const IRIS: f64 = 5.9;
const PUPIL: f64 = 2.0;

pub(super) fn eye_opening(anatomy: &Anatomy) -> Opening {
    Opening {
        across: narrow(anatomy.half_eyes),
        height: 0.0,
        half_width: narrow(EYE_WIDTH),
        half_height: narrow(anatomy.half_aperture),
        skew: narrow(anatomy.asymmetry[1]),
    }
}

pub(super) fn mouth_opening(anatomy: &Anatomy) -> Opening {
    Opening {
        across: 0.0,
        height: narrow(anatomy.mouth()),
        half_width: narrow(0.92 * anatomy.half_mouth),
        half_height: 1.0,
        skew: 0.0,
    }
}

/// Texels of the person, see [`Picture`](super::picture::Picture).
pub(super) fn person(anatomy: &Anatomy, setting: &Setting, seed: u64) -> Vec<[f32; 4]> {
    let brush = Brush { anatomy, setting };
    let skin = Speckle::new(seed ^ anatomy.half_width.to_bits(), 1.0);
    let mut texels = Vec::with_capacity(WIDE * TALL);
    for row in 0..TALL {
        for column in 0..WIDE {
            let (x, y) = (f64::from(LEFT) + real(column), f64::from(TOP) + real(row));
            let (outer, share) = brush.outside(x, y, &skin);
            texels.push([
                narrow(outer),
                narrow(share),
                narrow(brush.inside(x, y)),
                narrow(brush.glasses(x, y)),
            ]);
        }
    }
    // The lens: twice a small binomial blur, about 0.7 mm at the face.
    blurred(&blurred(&texels))
}

fn blurred(texels: &[[f32; 4]]) -> Vec<[f32; 4]> {
    let mut soft = texels.to_vec();
    for y in 1..TALL - 1 {
        for x in 1..WIDE - 1 {
            let at = |dx: usize, dy: usize| texels[(y + dy - 1) * WIDE + x + dx - 1];
            soft[y * WIDE + x] = std::array::from_fn(|n| {
                let edge = at(1, 0)[n] + at(0, 1)[n] + at(2, 1)[n] + at(1, 2)[n];
                0.5 * at(1, 1)[n] + 0.125 * edge
            });
        }
    }
    soft
}

struct Brush<'a> {
    anatomy: &'a Anatomy,
    setting: &'a Setting,
}

/// A smooth step from 0 to 1 over `soft` around 0.
fn edge(value: f64, soft: f64) -> f64 {
    let u = (value / soft + 0.5).clamp(0.0, 1.0);
    u * u * (3.0 - 2.0 * u)
}

fn bump(dx: f64, dy: f64, wide: f64, tall: f64) -> f64 {
    (-(dx / wide).powi(2) - (dy / tall).powi(2)).exp()
}

impl Brush<'_> {
    /// Log luminance with eyes and mouth closed, and how much of the texel is person.
    fn outside(&self, x: f64, y: f64, speckle: &Speckle) -> (f64, f64) {
        let a = self.anatomy;
        let side = x.abs();
        let half = a.half_width_at(y).max(1.0);
        let inside_face =
            edge(half - side, 2.5) * edge(y + a.crown, 2.5) * edge(a.chin * 1.01 - y, 2.5);
        let hair = self.hair(x, y);
        let (neck, cloth) = self.below(x, y);
        let face = self.face(x, y, speckle);
        let strands = 0.12 * speckle.at(0.9 * x, 0.15 * y);
        let hair_tone = a.hair.tone + strands + 0.25 * (-y / 140.0);
        let cloth_tone = self.setting.clothes.tone
            + self.setting.clothes.pattern * (0.35 * x).sin().signum() * 0.5
            + 0.05 * speckle.at(x, y);
        // Back to front: cloth, neck, hair behind, face, hair in front.
        let mut tone = cloth_tone;
        let mut share = cloth;
        let mut cover = |value: f64, amount: f64| {
            tone += amount * (value - tone);
            share += amount * (1.0 - share);
        };
        cover(a.skin - 0.55, neck);
        cover(hair_tone, hair[0]);
        cover(face, inside_face);
        cover(hair_tone, hair[1]);
        (tone, share)
    }

    /// Hair behind the face and hair over the forehead, as coverage.
    fn hair(&self, x: f64, y: f64) -> [f64; 2] {
        let a = self.anatomy;
        let thick = a.hair.thickness;
        let (wide, tall) = (a.half_width + 0.6 * thick, a.crown + thick);
        // Round above the eyes, straight down the sides below.
        let up = (-y / tall).clamp(0.0, 1.0);
        let cap = edge(wide * (1.0 - up * up).sqrt() - x.abs(), 4.0) * edge(y + tall, 4.0);
        let behind = cap * edge(a.hair.length.max(-20.0) - y, 8.0);
        // The hair line rises to the temples.
        let line = -a.forehead + 12.0 * (x / a.half_width).powi(2);
        [behind, cap * edge(line - y, 5.0)]
    }

    /// Neck and clothes, as coverage.
    fn below(&self, x: f64, y: f64) -> (f64, f64) {
        let a = self.anatomy;
        let neck = edge(0.62 * a.half_width - x.abs(), 3.0) * edge(y - 0.6 * a.chin, 3.0);
        let collar = a.chin + 38.0 + 0.0012 * x * x;
        let shoulder = a.chin + 42.0 + 55.0 * (x / a.shoulder).powi(2);
        let cloth = edge(y - shoulder, 3.0) * edge(a.shoulder - x.abs(), 4.0);
        (neck * edge(collar + 6.0 - y, 3.0), cloth)
    }

    /// Log luminance of the closed face.
    fn face(&self, x: f64, y: f64, speckle: &Speckle) -> f64 {
        let a = self.anatomy;
        let skew = |n: usize| 0.5 * x.signum() * a.asymmetry[n];
        let side = x.abs();
        let mut tone = a.skin + self.shading(x, y) + 0.035 * speckle.at(x, y);
        // Brows: a bar that rises outwards and thins.
        let brow = y + a.brow + skew(0) - 0.004 * (side - a.half_eyes).powi(2) + 2.0;
        let along = edge(side - 0.35 * a.half_eyes, 5.0) * edge(1.65 * a.half_eyes - side, 6.0);
        let bar = along * edge(0.5 * a.brow_thickness - brow.abs(), 2.5);
        tone += bar * (0.75 * (a.hair.tone - 0.2).min(-0.5) + 0.1 * speckle.at(2.0 * x, y));
        // Lids: lashes along the slit.
        let slit = bump(side - a.half_eyes, y - 1.0 - skew(1), EYE_WIDTH, 1.6);
        tone -= 0.55 * slit;
        // Nostrils, the shadow below the nose, the lips.
        tone -= 0.9 * bump(side - 0.45 * a.half_nose, y - a.nose_length - 7.0, 3.6, 2.4);
        let taper = (1.0 - (x / a.half_mouth).powi(2)).max(0.0);
        let lips =
            edge(a.lip * taper.sqrt() - (y - a.mouth() - skew(3)).abs(), 2.5) * edge(taper, 0.2);
        tone -= 0.38 * lips;
        tone -= 0.5 * taper.sqrt() * bump(0.0, y - a.mouth() - skew(3), 1.0, 1.4);
        let stubble = a.beard * self.setting.beard.min(1.3);
        if stubble > 0.0 {
            let jaw = edge(y - 0.72 * a.mouth() - 0.002 * (a.half_width - side).powi(2), 8.0);
            tone += stubble
                * jaw
                * (1.0 - lips)
                * (0.55 * a.hair.tone + 0.15 * speckle.at(1.7 * x, 1.3 * y));
        }
        for mole in &a.moles {
            tone += mole.tone * bump(x - mole.at[0], y - mole.at[1], mole.radius, mole.radius);
        }
        tone
    }

    /// A dark frame with a bridge, as a change of log luminance.
    fn glasses(&self, x: f64, y: f64) -> f64 {
        if !self.setting.glasses {
            return 0.0;
        }
        let (a, side) = (self.anatomy, x.abs());
        let [tall, wide] = a.frame;
        let (dx, dy) = ((side - a.half_eyes - 2.0) / wide, (y - 3.0) / tall);
        // A rounded rectangle: the fourth power is between a circle and a box.
        let ring = (dx.powi(4) + dy.powi(4)).sqrt().sqrt();
        let rim = edge(1.6 - ((ring - 1.0) * tall).abs(), 1.2);
        let bridge = edge(0.5 * a.half_eyes - side, 2.0) * edge(1.5 - (y + 3.0).abs(), 1.2);
        let temple = edge(side - a.half_eyes - wide, 2.0) * edge(1.5 - (y + 2.0).abs(), 1.2);
        -1.3 * rim.max(bridge).max(temple)
    }

    /// Lambert's law on the face's surface under the session's lamp.
    fn shading(&self, x: f64, y: f64) -> f64 {
        let depth = |x: f64, y: f64| self.anatomy.depth_at(x, y);
        let (sx, sy) = (
            0.5 * (depth(x + 1.0, y) - depth(x - 1.0, y)),
            0.5 * (depth(x, y + 1.0) - depth(x, y - 1.0)),
        );
        let length = (sx * sx + sy * sy + 1.0).sqrt();
        let light = self.setting.camera.light;
        let cosine = ((sx * light[0] + sy * light[1] - light[2]) / length).max(0.0);
        let ambient = self.setting.camera.ambient;
        (ambient + (1.0 - ambient) * cosine).ln()
    }

    /// Log luminance of eyeballs and of the mouth's inside, wherever they may show.
    fn inside(&self, x: f64, y: f64) -> f64 {
        let a = self.anatomy;
        if y > 0.5 * a.mouth() {
            let teeth = edge(4.0 - (y - a.mouth() + 3.0).abs(), 2.0)
                * edge(0.75 * a.half_mouth - x.abs(), 4.0);
            return -2.2 + 2.0 * teeth;
        }
        let (dx, dy) = (x.abs() - a.half_eyes, y);
        let radius = dx.hypot(dy);
        let white = 0.25 - 0.3 * (dx / EYE_WIDTH).powi(2);
        let iris = edge(IRIS - radius, 1.0);
        let pupil = edge(PUPIL - radius, 0.8);
        white + iris * (-1.3 - white) - 0.9 * pupil
    }
}

/// Band-limited noise with unit deviation: skin pores, hair, cloth.
struct Speckle {
    values: Vec<f64>,
    pitch: f64,
}

const SPECKLE_SIDE: usize = 64;

impl Speckle {
    fn new(seed: u64, pitch: f64) -> Self {
        let mut random = Random::stream(seed, "speckle");
        let values = (0..SPECKLE_SIDE * SPECKLE_SIDE).map(|_| random.normal(0.0, 1.0)).collect();
        Self { values, pitch: 2.5 * pitch }
    }

    fn at(&self, x: f64, y: f64) -> f64 {
        let side = real(SPECKLE_SIDE);
        let (u, v) = ((x / self.pitch).rem_euclid(side), (y / self.pitch).rem_euclid(side));
        let (i, j) = (crate::number::whole(u), crate::number::whole(v));
        let (a, b) = (u - real(i), v - real(j));
        let value =
            |i: usize, j: usize| self.values[(j % SPECKLE_SIDE) * SPECKLE_SIDE + i % SPECKLE_SIDE];
        let top = value(i, j) + a * (value(i + 1, j) - value(i, j));
        let below = value(i, j + 1) + a * (value(i + 1, j + 1) - value(i, j + 1));
        top + b * (below - top)
    }
}
