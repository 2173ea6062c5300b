//! Which pixels may have changed: tiles of 8 x 8 pixels that are rendered only when they must be.

use std::f64::consts::TAU;

use visaged::data::Geometry;

use super::STEP;
use super::camera::{Camera, View};
use super::picture::{Opening, Picture};
use super::pixels::{Pixels, SIDE, TILE};
use super::warp::{SHADE, Warp};
use crate::motion::Pose;
use crate::number::{narrow, single};
use crate::person::ActionUnit;

/// A tile is rendered when its luminance may have changed by this much, log units: a quarter of a
/// threshold, so that crossings interpolated between two looks are timed to within that.
pub(super) const CHANGE: f32 = 0.045;
/// Longest time between two looks at a still tile, seconds: the leak then moves memories by 0.002.
const PATIENCE: f64 = 0.1;
/// Glasses end this far above and below the eyes, millimetres.
const BELOW_GLASSES: f32 = 35.0;
/// Softness of lids and lips, millimetres.
const SOFT: f32 = 0.9;

/// A person as the camera sees it.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) camera: Camera,
    pub(super) picture: Picture,
    pub(super) warp: Warp,
    /// True if glasses are worn: they move with the skull, not with the skin.
    pub(super) glasses: bool,
}

/// The scene, tile by tile.
#[derive(Debug)]
pub(super) struct Tiles {
    across: usize,
    subject: Option<Subject>,
    /// Backdrop and the picture as last rendered, tile after tile.
    wall: Vec<f32>,
    shown: Vec<f32>,
    seen: Vec<Seen>,
    flicker: Option<(f64, f64)>,
    view: Option<View>,
    /// How far anything in the picture may have moved since the start, millimetres.
    travel: f64,
}

/// What a tile looked like when it was last rendered, and when the pixels last looked.
#[derive(Debug, Clone, Copy)]
struct Seen {
    point: [f32; 2],
    shade: f32,
    gaps: Gaps,
    looked: f64,
    flicker: f32,
    lags: bool,
    /// Travel up to which the tile cannot have changed enough to be worth a thought.
    until: f64,
}

/// What a tile would look like if it were rendered now.
#[derive(Debug)]
struct Sight {
    point: [f32; 2],
    shade: f32,
    /// Bound of the change of its luminance, log units.
    change: f32,
}

/// How far eyes and mouth are open.
#[derive(Debug, Clone, Copy, Default)]
struct Gaps {
    /// Upper lid and lower lid, millimetres from the slit.
    upper_lid: f32,
    lower_lid: f32,
    /// Half of the gap between the lips at rest scale, millimetres.
    lips: f32,
    /// Shift of the irises.
    gaze: [f32; 2],
}

impl Tiles {
    /// `wall[row][column]` is the backdrop.
    pub(super) fn new(
        geometry: Geometry,
        wall: &[f32],
        subject: Option<Subject>,
        flicker: Option<(f64, f64)>,
    ) -> Self {
        let (width, height) = (usize::from(geometry.width), usize::from(geometry.height));
        let (across, down) = (width.div_ceil(SIDE), height.div_ceil(SIDE));
        let mut tiled = Vec::with_capacity(across * down * TILE);
        for tile in 0..across * down {
            let (left, top) = (tile % across * SIDE, tile / across * SIDE);
            tiled.extend((0..TILE).map(|n| {
                let x = (left + n % SIDE).min(width - 1);
                let y = (top + n / SIDE).min(height - 1);
                wall[y * width + x]
            }));
        }
        let never = Seen {
            point: [f32::INFINITY; 2],
            shade: 0.0,
            gaps: Gaps::default(),
            looked: f64::NEG_INFINITY,
            flicker: 0.0,
            lags: false,
            until: f64::NEG_INFINITY,
        };
        Self {
            across,
            subject,
            shown: tiled.clone(),
            wall: tiled,
            seen: vec![never; across * down],
            flicker,
            view: None,
            travel: 0.0,
        }
    }

    /// Looks at the scene at `time`.
    pub(super) fn step(&mut self, time: f64, pose: &Pose, pixels: &mut Pixels) {
        let flicker =
            self.flicker.map_or(0.0, |(size, hertz)| narrow(size * (TAU * hertz * time).sin()));
        let mut subject = self.subject.take();
        let view = subject.as_mut().map(|subject| {
            self.travel += f64::from(subject.warp.set(pose));
            let view = subject.camera.view(pose);
            self.travel += self.view.map_or(0.0, |before| f64::from(view.moved_from(&before)));
            view
        });
        self.view = view;
        let gaps = subject.as_ref().map_or_else(Gaps::default, |s| Gaps::of(pose, &s.picture));
        for tile in 0..self.seen.len() {
            let sight = match (&subject, &view) {
                (Some(subject), Some(view)) if self.travel >= self.seen[tile].until => {
                    self.sight(tile, subject, view, &gaps)
                }
                _ => None,
            };
            let change = sight.as_ref().map_or(0.0, |sight| sight.change);
            let waited = time - self.seen[tile].looked;
            if change > 2.0 * CHANGE && waited > 1.5 * STEP && waited.is_finite() {
                // Too much at once for a slow drift since the last look: it moved just now, so the
                // pixels must not spread its events over all that time.
                self.show(tile, time - STEP, flicker, pixels);
            }
            let seen = self.seen[tile];
            if let (Some(sight), Some(subject), Some(view)) = (sight, &subject, &view) {
                self.render(tile, subject, view, &gaps);
                self.seen[tile] = Seen {
                    point: sight.point,
                    shade: sight.shade,
                    gaps,
                    until: f64::NEG_INFINITY,
                    ..seen
                };
                self.show(tile, time, flicker, pixels);
            } else if seen.lags || waited > PATIENCE || (flicker - seen.flicker).abs() > CHANGE {
                self.show(tile, time, flicker, pixels);
            }
        }
        self.subject = subject;
    }

    /// Log luminance as last rendered, tile after tile.
    #[cfg(test)]
    pub(super) fn shown(&self) -> &[f32] {
        &self.shown
    }

    /// Lets the pixels of `tile` look at what was last rendered.
    fn show(&mut self, tile: usize, time: f64, flicker: f32, pixels: &mut Pixels) {
        let shown = &self.shown[tile * TILE..(tile + 1) * TILE];
        let mut luminance = [flicker; TILE];
        for (luminance, shown) in luminance.iter_mut().zip(shown) {
            *luminance += shown;
        }
        let lag = pixels.look(tile, time, &luminance);
        let seen = &mut self.seen[tile];
        (seen.looked, seen.flicker, seen.lags) = (time, flicker, lag > CHANGE);
    }

    /// Where the middle of `tile` looks, if its luminance may have changed enough to render it.
    fn sight(&mut self, tile: usize, subject: &Subject, view: &View, gaps: &Gaps) -> Option<Sight> {
        let middle = 0.5 * single(SIDE);
        let [left, top] = self.corner(tile);
        let bare = view.point(left + middle, top + middle);
        let bend = subject.warp.at(bare);
        let point = [bare[0] - bend[0], bare[1] - bend[1]];
        let seen = &self.seen[tile];
        let moved = [(point[0] - seen.point[0]).abs(), (point[1] - seen.point[1]).abs()];
        let steepness = subject.picture.steepness(point[0], point[1]);
        let opening = subject.picture.opening_change(point, gaps, &seen.gaps);
        let slid = moved[0] * steepness[0] + moved[1] * steepness[1];
        let change = slid + (bend[2] - seen.shade).abs() + opening.unwrap_or(0.0);
        // Never seen: infinitely far away times a steepness of zero is no number.
        let change = if moved[0].is_finite() { change } else { f32::INFINITY };
        if change <= CHANGE {
            // Whatever moves next, it needs this much travel to matter; the picture's steepness is
            // that of a neighbourhood, so half a cell of travel is allowed at most. Lids and lips
            // have ways of their own.
            let needed = ((CHANGE - change) / (steepness[0].max(steepness[1]) + SHADE)).min(4.0);
            let until = if opening.is_none() { self.travel + f64::from(needed) } else { 0.0 };
            self.seen[tile].until = until;
            return None;
        }
        Some(Sight { point, shade: bend[2], change })
    }

    /// First pixel of `tile`.
    fn corner(&self, tile: usize) -> [f32; 2] {
        [single(tile % self.across * SIDE), single(tile / self.across * SIDE)]
    }

    fn render(&mut self, tile: usize, subject: &Subject, view: &View, gaps: &Gaps) {
        let [left, top] = self.corner(tile);
        let picture = &subject.picture;
        let size = single(SIDE);
        // Warped corners of the tile: skin, shade and skull; between them all are linear.
        let corner = |dx: f32, dy: f32| {
            let bare = view.point(left + dx, top + dy);
            let bend = subject.warp.at(bare);
            [bare[0] - bend[0], bare[1] - bend[1], bend[2], bare[0] - bend[3], bare[1] - bend[4]]
        };
        let (a, b) = (corner(0.0, 0.0), corner(size, 0.0));
        let (c, d) = (corner(0.0, size), corner(size, size));
        let special = picture.near_opening([0.5 * (a[0] + d[0]), 0.5 * (a[1] + d[1])]);
        let glasses = subject.glasses && a[4] < BELOW_GLASSES && d[4] > -BELOW_GLASSES;
        let shown = &mut self.shown[tile * TILE..(tile + 1) * TILE];
        let wall = &self.wall[tile * TILE..(tile + 1) * TILE];
        let mut at = [0.0; 5];
        let mut step = [0.0; 5];
        for (n, (shown, wall)) in shown.iter_mut().zip(wall).enumerate() {
            if n % SIDE == 0 {
                let down = (single(n / SIDE) + 0.5) / size;
                for i in 0..5 {
                    let (start, end) = (a[i] + down * (c[i] - a[i]), b[i] + down * (d[i] - b[i]));
                    step[i] = (end - start) / size;
                    at[i] = start - 0.5 * step[i];
                }
            }
            for (at, step) in at.iter_mut().zip(step) {
                *at += step;
            }
            let [x, y, shade, skull_x, skull_y] = at;
            let [mut skin, share, ..] = picture.at(x, y);
            if special {
                let (gap, inner) = gaps.inside(picture, x, y);
                skin += gap * (inner - skin);
            }
            if glasses {
                skin += picture.at(skull_x, skull_y)[3];
            }
            *shown = wall + share * (skin + shade - wall);
        }
    }
}

impl Gaps {
    fn of(pose: &Pose, picture: &Picture) -> Self {
        let unit = |unit: ActionUnit| pose.units[unit.index()];
        let eye = picture.eyes.half_height;
        let shut = 1.0 - unit(ActionUnit::Blink);
        let wide = 1.0 + 0.45 * unit(ActionUnit::UpperLidRaiser);
        let narrowed = 0.35 * unit(ActionUnit::LidTightener) + 0.25 * unit(ActionUnit::CheekRaiser);
        Self {
            upper_lid: eye * wide * shut * (1.0 - 0.5 * narrowed),
            lower_lid: 0.8 * eye * shut.max(0.35) * (1.0 - narrowed),
            lips: 1.6 * unit(ActionUnit::LipsPart) + 6.0 * unit(ActionUnit::JawDrop),
            gaze: pose.gaze,
        }
    }

    /// How much of a point lies in an opening, and the luminance of what is behind.
    fn inside(&self, picture: &Picture, x: f32, y: f32) -> (f32, f32) {
        if y > 0.5 * picture.mouth.height {
            let curve = picture.mouth.curve(x);
            let gap = self.lips * curve - (y - picture.mouth.height).abs();
            return (soft(gap) * soft(self.lips - 0.5), picture.at(x, y)[2]);
        }
        let side = x.abs() - picture.eyes.across;
        let curve = picture.eyes.curve(side);
        let height = y - 0.5 * x.signum() * picture.eyes.skew;
        let gap = soft(height + self.upper_lid * curve) * soft(self.lower_lid * curve - height);
        // The eyeball turns behind the lids.
        (gap * soft(4.0 * curve), picture.at(x - self.gaze[0], y - self.gaze[1])[2])
    }
}

impl Opening {
    /// 1 in the middle of the opening, 0 at its corners.
    fn curve(&self, across: f32) -> f32 {
        (1.0 - (across / self.half_width).powi(2)).max(0.0)
    }
}

/// From 0 to 1 over the softness of an edge.
fn soft(millimetres: f32) -> f32 {
    (millimetres / SOFT + 0.5).clamp(0.0, 1.0)
}

impl Picture {
    /// True if a tile around `point` may show part of an opening.
    fn near_opening(&self, [x, y]: [f32; 2]) -> bool {
        let margin = 10.0;
        let eye = (x.abs() - self.eyes.across).abs() < self.eyes.half_width + margin
            && y.abs() < 3.0 * self.eyes.half_height + margin;
        let mouth = x.abs() < self.mouth.half_width + margin
            && (y - self.mouth.height).abs() < 9.0 + margin;
        eye || mouth
    }

    /// Bound of the change of luminance by lids, lips and irises around `point`; `None` if there are
    /// none.
    fn opening_change(&self, point: [f32; 2], now: &Gaps, then: &Gaps) -> Option<f32> {
        if !self.near_opening(point) {
            return None;
        }
        // Skin against eyeball or mouth differs by up to two log units over the edge's softness.
        let steep = 2.0 / SOFT;
        if point[1] > 0.5 * self.mouth.height {
            return Some(steep * (now.lips - then.lips).abs());
        }
        let lids = (now.upper_lid - then.upper_lid).abs() + (now.lower_lid - then.lower_lid).abs();
        let gaze = (now.gaze[0] - then.gaze[0]).abs() + (now.gaze[1] - then.gaze[1]).abs();
        Some(steep * (lids + gaze))
    }
}
