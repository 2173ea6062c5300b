//! The shape and look of a head, drawn from anthropometric priors.

use super::Prior;

/// Measures of a head, millimetres, and how its surface looks.
#[derive(Debug, Clone)]
pub struct Anatomy {
    /// Half of the bizygomatic breadth: the face's half width at the cheek bones.
    pub half_width: f64,
    /// From between the eyes to the chin (sellion to menton).
    pub chin: f64,
    /// From between the eyes to the hair line.
    pub forehead: f64,
    /// From between the eyes to the crown.
    pub crown: f64,
    /// How far the face curves back from its front to the ears.
    pub depth: f64,
    /// Half of the distance between the pupils.
    pub half_eyes: f64,
    /// Half of the height of the open eye.
    pub half_aperture: f64,
    /// Nose: below the eyes to the tip.
    pub nose_length: f64,
    /// Nose: tip in front of the face.
    pub nose_protrusion: f64,
    /// Half of the width of the nose.
    pub half_nose: f64,
    /// Half of the width of the mouth at rest.
    pub half_mouth: f64,
    /// Height of each lip.
    pub lip: f64,
    /// Brow above the eyes.
    pub brow: f64,
    /// Thickness of the brow hair.
    pub brow_thickness: f64,
    /// Jaw width as a share of the cheek width.
    pub jaw: f64,
    /// Shift of the right half against the left: brow, eye, cheek and mouth, in y.
    pub asymmetry: [f64; 4],
    /// Log reflectance of the skin against the population's mean.
    pub skin: f64,
    /// Hair.
    pub hair: Hair,
    /// Beard, 0 none to 1 full.
    pub beard: f64,
    /// True if the person usually wears glasses.
    pub glasses: bool,
    /// Half height and half width of the glasses' frame.
    pub frame: [f64; 2],
    /// Half of the shoulder breadth.
    pub shoulder: f64,
    /// Spots that stay.
    pub moles: Vec<Mole>,
}

/// How the hair looks.
#[derive(Debug, Clone, Copy)]
pub struct Hair {
    /// Log reflectance against the skin's mean.
    pub tone: f64,
    /// Thickness over the skull, millimetres.
    pub thickness: f64,
    /// How far down the sides it hangs, millimetres below the eyes.
    pub length: f64,
}

/// A dark spot on the face.
#[derive(Debug, Clone, Copy)]
pub struct Mole {
    /// Where, x and y.
    pub at: [f64; 2],
    /// Radius.
    pub radius: f64,
    /// Log reflectance against the skin.
    pub tone: f64,
}

impl Anatomy {
    /// Half of the mean bizygomatic breadth.
    pub const MEAN_HALF_WIDTH: f64 = 69.0;

    pub(super) fn draw(prior: &mut Prior) -> Self {
        // Means and deviations of women and men together, rounded, after the survey reports of
        // Gordon et al. 2014 (ANSUR II) and Young 1993 (FAA-AM-93-10); README.md has the table.
        Self {
            half_width: prior.normal(Self::MEAN_HALF_WIDTH, 3.6),
            chin: prior.normal(117.0, 7.5),
            forehead: prior.normal(62.0, 8.0),
            crown: prior.normal(108.0, 6.0),
            depth: prior.normal(96.0, 6.0),
            half_eyes: prior.normal(31.6, 1.8),
            half_aperture: prior.normal(5.2, 0.7),
            nose_length: prior.normal(48.0, 3.8),
            nose_protrusion: prior.normal(20.0, 2.6),
            half_nose: prior.normal(17.5, 2.0),
            half_mouth: prior.normal(25.5, 2.2),
            lip: prior.normal(9.0, 1.8),
            brow: prior.normal(20.0, 2.4),
            brow_thickness: prior.normal(6.5, 1.8),
            jaw: prior.normal(0.80, 0.05),
            asymmetry: std::array::from_fn(|_| prior.normal(0.0, 1.2)),
            skin: prior.normal(0.0, 0.35),
            hair: Hair {
                tone: prior.normal(-1.1, 0.55).min(0.4),
                thickness: prior.log_normal(14.0, 0.6),
                length: prior.normal(20.0, 60.0),
            },
            beard: if prior.chance(0.3) { prior.normal(0.6, 0.25).clamp(0.1, 1.0) } else { 0.0 },
            glasses: prior.chance(0.35),
            frame: [prior.normal(19.0, 3.0), prior.normal(27.0, 2.0)],
            shoulder: prior.normal(195.0, 12.0),
            moles: Self::draw_moles(prior),
        }
    }

    fn draw_moles(prior: &mut Prior) -> Vec<Mole> {
        let draw = |prior: &mut Prior| Mole {
            at: [prior.normal(0.0, 32.0), prior.normal(40.0, 36.0)],
            radius: prior.log_normal(1.6, 0.35),
            tone: prior.normal(-0.5, 0.2).min(-0.1),
        };
        (0..5)
            .filter_map(|_| {
                let mole = draw(prior);
                prior.chance(0.45).then_some(mole)
            })
            .collect()
    }

    /// Half width of the face at `y`: narrower towards chin and crown.
    #[must_use]
    pub fn half_width_at(&self, y: f64) -> f64 {
        let up = (-y / self.crown).clamp(0.0, 1.0);
        let down = (y / self.chin).clamp(0.0, 1.0);
        let skull = (1.0 - up.powi(2) * 0.9).max(0.0).sqrt();
        // The jaw line: full at the cheeks, the jaw's share at four fifths, round at the chin.
        let jaw = 1.0 - (1.0 - self.jaw) * (down / 0.8).powi(2).min(1.6);
        let chin = (1.0 - ((down - 0.72) / 0.30).clamp(0.0, 1.0).powi(2)).max(0.0).sqrt();
        self.half_width * skull * jaw * chin
    }

    /// Depth of the resting surface at `(x, y)`: z of the skin, 0 at the front of the face.
    #[must_use]
    pub fn depth_at(&self, x: f64, y: f64) -> f64 {
        let across = (x / (self.half_width * 1.12)).clamp(-0.98, 0.98);
        let along = if y < 0.0 { y / (self.crown * 1.15) } else { y / (self.chin * 1.45) }
            .clamp(-0.95, 0.95);
        let sphere = self.depth
            * (1.0 - (1.0 - 0.75 * across * across - 0.55 * along * along).max(0.0).sqrt());
        let bump = |dx: f64, dy: f64, wide: f64, tall: f64| {
            (-(dx / wide).powi(2) - (dy / tall).powi(2)).exp()
        };
        let nose = self.nose_protrusion
            * bump(x, y - self.nose_length, self.half_nose * 0.8, self.nose_length * 0.30)
            + 0.45 * self.nose_protrusion * bump(x, y - 0.45 * self.nose_length, 8.0, 18.0);
        let socket =
            7.0 * (bump(x - self.half_eyes, y, 15.0, 9.0) + bump(x + self.half_eyes, y, 15.0, 9.0));
        let ridge = 4.0
            * (bump(x - self.half_eyes * 0.8, y + self.brow, 22.0, 8.0)
                + bump(x + self.half_eyes * 0.8, y + self.brow, 22.0, 8.0));
        let lips = 4.0 * bump(x, y - self.mouth(), self.half_mouth, self.lip);
        let chin = 5.0 * bump(x, y - 0.9 * self.chin, 18.0, 12.0);
        let cheeks =
            4.0 * (bump(x - 42.0, y - 28.0, 18.0, 16.0) + bump(x + 42.0, y - 28.0, 18.0, 16.0));
        sphere - nose + socket - ridge - lips - chin - cheeks
    }

    /// Height of the mouth line below the eyes.
    #[must_use]
    pub fn mouth(&self) -> f64 {
        0.60 * self.chin
    }
}
