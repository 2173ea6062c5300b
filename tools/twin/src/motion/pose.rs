//! One instant of a person: everything that both sensors need to know about it.

use crate::person::{ActionUnit, Units};

/// Entries of the table of poses a second.
pub const POSES_PER_SECOND: f64 = 1000.0;

/// Where a person is and what the face does, at one instant.
///
/// Axes as in [`Person`](crate::person::Person): x right, y down, z away; millimetres and radians.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Pose {
    /// Displacement of the head from where it rests.
    pub head: [f32; 3],
    /// Displacement of the torso from where it rests.
    pub torso: [f32; 3],
    /// Turning of the head about y (yaw), x (pitch), z (roll).
    pub turn: [f32; 3],
    /// How far the chest is out, towards the sensors.
    pub chest: f32,
    /// Intensity of each action unit.
    pub units: Units,
    /// Shift of the irises, x and y.
    pub gaze: [f32; 2],
}

impl Pose {
    /// The pose a `share` of the way to `next`.
    #[must_use]
    pub(crate) fn mixed(&self, next: &Self, share: f32) -> Self {
        let mix = |a: f32, b: f32| a + share * (b - a);
        let three = |a: [f32; 3], b: [f32; 3]| [mix(a[0], b[0]), mix(a[1], b[1]), mix(a[2], b[2])];
        let mut units = [0.0; ActionUnit::COUNT];
        for (unit, (a, b)) in units.iter_mut().zip(self.units.iter().zip(&next.units)) {
            *unit = mix(*a, *b);
        }
        Self {
            head: three(self.head, next.head),
            torso: three(self.torso, next.torso),
            turn: three(self.turn, next.turn),
            chest: mix(self.chest, next.chest),
            units,
            gaze: [mix(self.gaze[0], next.gaze[0]), mix(self.gaze[1], next.gaze[1])],
        }
    }
}
