//! What an event camera saw just now, as a small picture that fades.

use crate::data::{Event, Geometry};

/// Longest side of the picture; larger sensors are thinned to it by a power of two.
const LONGEST: u16 = 320;
/// A pixel where nothing happens.
pub(super) const QUIET: u8 = 128;
/// What one event adds (ON) or takes off (OFF).
const STEP: u8 = 48;

/// Paints events and lets them fade from picture to picture.
#[derive(Debug)]
pub(super) struct Canvas {
    geometry: Geometry,
    /// Sensor pixels are shifted right by so many bits.
    shift: u32,
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Canvas {
    /// An empty canvas for a sensor.
    pub(super) fn new(geometry: Geometry) -> Self {
        let longest = geometry.width.max(geometry.height);
        let fits = |shift: &u32| longest.div_ceil(1 << shift) <= LONGEST;
        let shift = (0..16).find(fits).unwrap_or(15);
        let side = |pixels: u16| usize::from(pixels).div_ceil(1 << shift);
        let (width, height) = (side(geometry.width), side(geometry.height));
        Self { geometry, shift, width, height, pixels: vec![QUIET; width * height] }
    }

    /// Paints events; those outside the sensor are left to the pipeline, which counts them.
    pub(super) fn paint(&mut self, events: &[Event]) {
        let Geometry { width, height } = self.geometry;
        for event in events.iter().filter(|event| event.x < width && event.y < height) {
            let row = usize::from(event.y >> self.shift);
            let pixel = &mut self.pixels[row * self.width + usize::from(event.x >> self.shift)];
            *pixel = if event.on { pixel.saturating_add(STEP) } else { pixel.saturating_sub(STEP) };
        }
    }

    /// Columns and rows of the picture.
    pub(super) const fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// The picture as it is: above 128 became brighter, below it darker.
    pub(super) fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Everything fades by a quarter, and to nothing in the end.
    pub(super) fn fade(&mut self) {
        for pixel in &mut self.pixels {
            let above = i16::from(*pixel) - i16::from(QUIET);
            let kept = above - above.signum() * ((above.abs() + 3) / 4);
            *pixel = u8::try_from(i16::from(QUIET) + kept).unwrap_or(QUIET);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(x: u16, y: u16, on: bool) -> Event {
        Event { t: 0, x, y, on }
    }

    #[test]
    fn events_are_painted_where_they_happened_and_fade_to_nothing() {
        let mut canvas = Canvas::new(Geometry { width: 4, height: 3 });
        canvas.paint(&[event(1, 2, true), event(3, 0, false), event(4, 0, true)]);
        assert_eq!(canvas.size(), (4, 3));
        assert_eq!((canvas.pixels()[9], canvas.pixels()[3]), (QUIET + STEP, QUIET - STEP));
        let others = canvas.pixels().iter().filter(|&&pixel| pixel == QUIET).count();
        assert_eq!(others, 10, "what lies outside is painted nowhere");
        (0..16).for_each(|_| canvas.fade());
        assert!(canvas.pixels().iter().all(|&pixel| pixel == QUIET), "{:?}", canvas.pixels());
    }

    #[test]
    fn a_large_sensor_is_thinned_and_its_last_pixel_has_a_place() {
        let mut canvas = Canvas::new(Geometry { width: 1281, height: 720 });
        assert_eq!(canvas.size(), (161, 90));
        canvas.paint(&[event(1280, 719, true)]);
        assert_eq!(canvas.pixels()[161 * 90 - 1], QUIET + STEP);
    }
}
