//! The wall and the furniture behind the person: still, so it matters at the outline alone.

use visaged::data::Geometry;

use crate::number::{narrow, real};
use crate::random::Random;

/// Log luminance of every pixel, row by row.
pub(super) fn paint(geometry: Geometry, number: u64) -> Vec<f32> {
    let mut random = Random::stream(number, "backdrop");
    let level = random.between(-1.2, 0.1);
    let tilt = [random.normal(0.0, 0.25), random.normal(0.0, 0.25)];
    // Boxes: a door, a shelf, a window.
    let boxes: Vec<_> = (0..5)
        .map(|_| {
            let (x, y) = (random.between(-0.1, 0.9), random.between(-0.1, 0.9));
            let (w, h) = (random.between(0.05, 0.4), random.between(0.05, 0.5));
            (x, y, w, h, random.normal(0.0, 0.5))
        })
        .collect();
    let (width, height) = (usize::from(geometry.width), usize::from(geometry.height));
    let mut wall = Vec::with_capacity(width * height);
    for row in 0..height {
        for column in 0..width {
            let (u, v) = (real(column) / real(width), real(row) / real(height));
            let furniture: f64 = boxes
                .iter()
                .filter(|(x, y, w, h, _)| (*x..x + w).contains(&u) && (*y..y + h).contains(&v))
                .map(|(.., tone)| tone)
                .sum();
            wall.push(narrow(level + tilt[0] * (u - 0.5) + tilt[1] * (v - 0.5) + furniture));
        }
    }
    wall
}
