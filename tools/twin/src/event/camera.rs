//! The pinhole camera and where it sees a point of the person's frame.

use visaged::data::Geometry;

use crate::motion::Pose;
use crate::number::narrow;
use crate::setting::Setting;

/// Focal length in pixels of a 320-pixel wide sensor: 51 degrees across.
const FOCAL: f64 = 335.0;
/// The camera sits this far above the radar, metres.
const ABOVE_RADAR: f64 = 0.035;

/// Projection of the face's plane; depth within a person is the warp's business.
#[derive(Debug, Clone)]
pub(super) struct Camera {
    centre: [f64; 2],
    focal: f64,
    /// Where the face rests against the camera, millimetres.
    place: [f64; 3],
}

/// The projection at one instant: `point = (pixel - origin) / scale`.
#[derive(Debug, Clone, Copy)]
pub(super) struct View {
    pub(super) origin: [f32; 2],
    /// Millimetres a pixel.
    pub(super) millimetres: f32,
}

impl Camera {
    pub(super) fn new(geometry: Geometry, setting: &Setting) -> Self {
        let (width, height) = (f64::from(geometry.width), f64::from(geometry.height));
        // A larger sensor sees the same field with finer pixels.
        let finer = height.max(240.0) / 320.0;
        let axis = setting.camera.axis;
        Self {
            centre: [0.5 * width + finer * axis[0], 0.5 * height + finer * axis[1]],
            focal: FOCAL * setting.camera.zoom * finer,
            place: [
                1e3 * setting.place[0],
                1e3 * (setting.place[1] + ABOVE_RADAR),
                1e3 * setting.place[2],
            ],
        }
    }

    pub(super) fn view(&self, pose: &Pose) -> View {
        let at: [f64; 3] = std::array::from_fn(|n| self.place[n] + f64::from(pose.head[n]));
        let scale = self.focal / at[2].max(80.0);
        View {
            origin: [
                narrow(self.centre[0] + scale * at[0]),
                narrow(self.centre[1] + scale * at[1]),
            ],
            millimetres: narrow(1.0 / scale),
        }
    }
}

impl View {
    /// How far the points seen by any pixel may have moved since `before`, millimetres.
    pub(super) fn moved_from(&self, before: &Self) -> f32 {
        let shift =
            (self.origin[0] - before.origin[0]).abs() + (self.origin[1] - before.origin[1]).abs();
        let zoom = (self.millimetres / before.millimetres - 1.0).abs();
        // The picture ends some 250 mm from its origin, in both directions together 500.
        shift * self.millimetres + 500.0 * zoom
    }

    /// The point of the person's frame that pixel `(x, y)` sees, before any warp.
    pub(super) fn point(&self, x: f32, y: f32) -> [f32; 2] {
        [(x - self.origin[0]) * self.millimetres, (y - self.origin[1]) * self.millimetres]
    }
}
