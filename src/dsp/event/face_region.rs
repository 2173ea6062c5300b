//! Face region: where most of the recent events are, as a square that moves calmly.

use serde::{Deserialize, Serialize};

use super::OutOfRange;
use crate::data::{Event, Geometry};

/// A box of pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// Leftmost column.
    pub x: u16,
    /// Topmost row.
    pub y: u16,
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

impl Region {
    /// True if the pixel lies inside.
    #[must_use]
    pub const fn contains(self, x: u16, y: u16) -> bool {
        // Wrapping turns "left of" into "far right of": one comparison each.
        x.wrapping_sub(self.x) < self.width && y.wrapping_sub(self.y) < self.height
    }

    /// The largest square in the middle of a sensor.
    #[must_use]
    pub fn centre_square(geometry: Geometry) -> Self {
        let Geometry { width, height } = geometry;
        let side = width.min(height);
        Self { x: (width - side) / 2, y: (height - side) / 2, width: side, height: side }
    }

    /// The part of this box that lies on the sensor; empty if there is none.
    #[must_use]
    pub fn on_sensor(self, geometry: Geometry) -> Self {
        let (x, y) = (self.x.min(geometry.width), self.y.min(geometry.height));
        Self {
            x,
            y,
            width: self.width.min(geometry.width - x),
            height: self.height.min(geometry.height - y),
        }
    }
}

/// The `face` table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct FaceConfig {
    /// A fixed region, cut at the sensor's edge; without it the region is tracked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// Time after which an event counts about a third, milliseconds, 16 to 60 000.
    pub memory_ms: u32,
    /// How much wider than the events' extent the square is, percent, 0 to 200.
    pub margin_percent: u32,
    /// Smallest side of the square in pixels, 1 to 65 535; cut at the sensor's shorter side.
    pub least_side: u16,
    /// Recent events below which the region stays as it is, 1 to 1 000 000.
    pub least_events: u32,
}

impl Default for FaceConfig {
    fn default() -> Self {
        Self {
            region: None,
            memory_ms: 400,
            margin_percent: 10,
            least_side: 112, // the network's own grid: a smaller box would leave cells empty
            least_events: 500,
        }
    }
}

impl FaceConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// When a value lies outside the range stated at its key.
    pub fn check(&self) -> Result<(), OutOfRange> {
        super::within("memory-ms", self.memory_ms, 16, 60_000)?;
        super::within("margin-percent", self.margin_percent, 0, 200)?;
        super::within("least-side", self.least_side.into(), 1, u16::MAX.into())?;
        super::within("least-events", self.least_events, 1, 1_000_000)
    }
}

/// The region and how far to trust it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Sighting {
    /// The box.
    pub region: Region,
    /// Share of the recent events in the box's columns or rows, whichever is smaller, 0 to 1.
    pub coverage: f32,
    /// Recent events it rests on; older events count less. Below `least-events` the region is an
    /// old one, or at the start the sensor's centre square.
    pub events: u32,
}

/// What the tracker met since it was planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FaceCounts {
    /// Events outside the sensor, ignored.
    pub outside: u64,
    /// Steps back in time of more than the memory: decay restarts from there.
    pub restarts: u64,
}

/// Memory in ticks: every tick, each weight loses a sixteenth.
const TICKS: i64 = 16;
/// After so many ticks even the largest weight is gone: `2^32 (15/16)^n < 1` from n = 344, then 15
/// more steps of one.
const FORGOTTEN: u64 = 400;
/// Weight of one new event: leaves 8 bits for the decay.
const ONE: u32 = 1 << 8;
/// Positions are kept in 1/256 pixel.
const PIXEL: i64 = 1 << 8;

/// Tracks the middle 90 % of recent events in x and in y, from two decaying histograms.
///
/// Quantiles, because a mean follows every hand that waves at the edge. The region moves at ticks
/// of recorded time only (memory / 16, on multiples of it), a quarter of the way each.
#[derive(Debug, Clone)]
pub struct FaceRegion {
    geometry: Geometry,
    fixed: bool,
    tick_length: i64,
    margin_percent: i64,
    least_side: i64,
    least_events: u32,
    columns: Vec<u32>,
    rows: Vec<u32>,
    tick: Option<i64>,
    square: Option<Square>,
    sighting: Sighting,
    counts: FaceCounts,
}

/// Centre and side in 1/256 pixel.
#[derive(Debug, Clone, Copy)]
struct Square {
    x: i64,
    y: i64,
    side: i64,
}

impl FaceRegion {
    /// Plans for a sensor. Allocates 4 bytes per column and row.
    #[must_use]
    pub fn plan(config: &FaceConfig, geometry: Geometry) -> Self {
        let region = config.region.map(|region| region.on_sensor(geometry));
        Self {
            geometry,
            fixed: region.is_some(),
            tick_length: (i64::from(config.memory_ms) * 1000 / TICKS).max(1),
            margin_percent: config.margin_percent.into(),
            least_side: config.least_side.into(),
            least_events: config.least_events,
            columns: vec![0; geometry.width.into()],
            rows: vec![0; geometry.height.into()],
            tick: None,
            square: None,
            sighting: Sighting {
                region: region.unwrap_or_else(|| Region::centre_square(geometry)),
                coverage: 0.0,
                events: 0,
            },
            counts: FaceCounts::default(),
        }
    }

    /// Takes one event (denoised ones track better).
    ///
    /// A step back in time of up to the memory changes nothing; a longer one is a new start of
    /// the clock, and what was seen keeps its weight.
    pub fn push(&mut self, event: Event) {
        let (x, y) = (usize::from(event.x), usize::from(event.y));
        if x >= self.columns.len() || y >= self.rows.len() {
            self.counts.outside += 1;
            return;
        }
        self.advance(event.t);
        self.columns[x] = self.columns[x].saturating_add(ONE);
        self.rows[y] = self.rows[y].saturating_add(ONE);
    }

    /// The region as of the last tick.
    #[must_use]
    pub const fn sighting(&self) -> Sighting {
        self.sighting
    }

    /// What happened since planning.
    #[must_use]
    pub const fn counts(&self) -> FaceCounts {
        self.counts
    }

    /// Lets recorded time go on to `t` without an event.
    pub fn advance(&mut self, t: i64) {
        let tick = t.div_euclid(self.tick_length);
        let Some(before) = self.tick.replace(tick) else { return };
        if tick > before {
            self.look();
            self.decay(tick.abs_diff(before));
        } else if before.abs_diff(tick) > TICKS.unsigned_abs() {
            self.counts.restarts += 1;
        } else {
            self.tick = Some(before);
        }
    }

    fn decay(&mut self, ticks: u64) {
        for weights in [&mut self.columns, &mut self.rows] {
            if ticks >= FORGOTTEN {
                weights.fill(0);
                continue;
            }
            for _ in 0..ticks {
                weights.iter_mut().for_each(|w| *w -= w.div_ceil(16));
            }
        }
    }

    fn look(&mut self) {
        let mass: u64 = self.columns.iter().copied().map(u64::from).sum();
        let events = u32::try_from(mass / u64::from(ONE)).unwrap_or(u32::MAX);
        if events >= self.least_events && !self.fixed {
            let goal = self.goal();
            let square = self.square.get_or_insert(goal);
            square.approach(goal);
            self.sighting.region = square.on_sensor(self.geometry);
        }
        self.sighting.events = events;
        self.sighting.coverage = self.coverage();
    }

    fn goal(&self) -> Square {
        let (left, right) = middle_90_percent(&self.columns);
        let (top, bottom) = middle_90_percent(&self.rows);
        let shorter = i64::from(self.geometry.width.min(self.geometry.height));
        let extent = (right - left).max(bottom - top);
        let side = extent * PIXEL * (100 + self.margin_percent) / 100;
        Square {
            x: (left + right) * PIXEL / 2,
            y: (top + bottom) * PIXEL / 2,
            side: side.clamp(self.least_side.min(shorter) * PIXEL, shorter * PIXEL),
        }
    }

    fn coverage(&self) -> f32 {
        let Region { x, y, width, height } = self.sighting.region;
        share(&self.columns, x, width).min(share(&self.rows, y, height))
    }
}

impl Square {
    /// Goes a quarter of the way.
    const fn approach(&mut self, goal: Self) {
        self.x += (goal.x - self.x) / 4;
        self.y += (goal.y - self.y) / 4;
        self.side += (goal.side - self.side) / 4;
    }

    fn on_sensor(self, geometry: Geometry) -> Region {
        let side = (self.side + PIXEL / 2) / PIXEL;
        let start = |centre: i64, pixels: u16| {
            let start = (centre - self.side / 2 + PIXEL / 2).div_euclid(PIXEL);
            to_u16(start.clamp(0, (i64::from(pixels) - side).max(0)))
        };
        let (x, y) = (start(self.x, geometry.width), start(self.y, geometry.height));
        Region { x, y, width: to_u16(side), height: to_u16(side) }.on_sensor(geometry)
    }
}

/// Saturates at zero and `u16::MAX`.
fn to_u16(pixels: i64) -> u16 {
    u16::try_from(pixels.max(0)).unwrap_or(u16::MAX)
}

/// First bin of the middle 90 % of the weight, and the bin after its last.
fn middle_90_percent(weights: &[u32]) -> (i64, i64) {
    let mass: u64 = weights.iter().copied().map(u64::from).sum();
    let (mut sum, mut first, mut end) = (0, None, 0);
    for (bin, &weight) in (0i64..).zip(weights) {
        if first.is_some() && sum * 20 >= mass * 19 {
            break;
        }
        sum += u64::from(weight);
        if sum * 20 > mass {
            first = first.or(Some(bin));
        }
        end = bin + 1;
    }
    (first.unwrap_or(0), end)
}

/// Share of the weight in `length` bins from `start`; 0 without any weight.
#[expect(clippy::cast_precision_loss, reason = "a share needs no more than 24 bits")]
fn share(weights: &[u32], start: u16, length: u16) -> f32 {
    let sum = |part: &[u32]| part.iter().copied().map(u64::from).sum::<u64>();
    let start = usize::from(start).min(weights.len());
    let end = (start + usize::from(length)).min(weights.len());
    sum(&weights[start..end]) as f32 / sum(weights).max(1) as f32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dsp::event::testing::{SMALL, any_events, event, splits};

    const VGA: Geometry = Geometry { width: 640, height: 480 };

    /// A block of `side` pixels fires evenly for a second; one event per 100 microseconds.
    fn show(tracker: &mut FaceRegion, from: i64, (left, top): (u16, u16), side: u16) {
        for i in 0..10_000u16 {
            let step = i % side;
            let (x, y) = (left + step * 7 % side, top + step * 13 % side);
            tracker.push(event(from + i64::from(i) * 100, x, y, true));
        }
    }

    #[test]
    fn nothing_seen_gives_the_centre_square_and_no_coverage() {
        let tracker = FaceRegion::plan(&FaceConfig::default(), VGA);
        let centre = Region { x: 80, y: 0, width: 480, height: 480 };
        assert_eq!(tracker.sighting(), Sighting { region: centre, coverage: 0.0, events: 0 });
    }

    #[test]
    fn a_block_of_200_pixels_is_boxed_by_the_square_of_its_90_percent_plus_margin() {
        let mut tracker = FaceRegion::plan(&FaceConfig::default(), VGA);
        show(&mut tracker, 0, (300, 100), 200);
        let Sighting { region, coverage, .. } = tracker.sighting();
        // 90 % of 200 plus 10 % is 198, centred on (400, 200); 2 pixels for uneven sampling.
        assert!(region.width.abs_diff(198) <= 2, "{region:?}");
        assert_eq!(region.width, region.height);
        assert!(region.x.abs_diff(301) <= 2 && region.y.abs_diff(101) <= 2, "{region:?}");
        assert!(coverage > 0.95, "{coverage}");
    }

    #[test]
    fn a_face_at_the_edge_gives_a_square_on_the_sensor() {
        let mut tracker = FaceRegion::plan(&FaceConfig::default(), VGA);
        show(&mut tracker, 0, (0, 430), 50);
        let region = tracker.sighting().region;
        assert_eq!(region, Region { x: 0, y: 480 - 112, width: 112, height: 112 });
    }

    #[test]
    fn a_still_face_keeps_its_region_and_loses_its_events() {
        let mut tracker = FaceRegion::plan(&FaceConfig::default(), VGA);
        show(&mut tracker, 0, (300, 100), 200);
        let moving = tracker.sighting();
        tracker.advance(60_000_000);
        tracker.advance(61_000_000);
        assert_eq!(tracker.sighting().region, moving.region);
        assert_eq!(tracker.sighting().events, 0);
        assert!(tracker.columns.iter().chain(&tracker.rows).all(|&w| w == 0));
    }

    #[test]
    fn the_largest_weight_is_forgotten_after_the_stated_number_of_ticks() {
        let mut tracker = FaceRegion::plan(&FaceConfig::default(), VGA);
        tracker.columns.fill(u32::MAX);
        tracker.decay(FORGOTTEN - 1);
        assert!(tracker.columns.iter().all(|&w| w == 0));
    }

    #[test]
    fn a_fixed_region_stays_whatever_is_seen_and_is_cut_at_the_sensor() {
        let region = Region { x: 600, y: 470, width: 100, height: 100 };
        let config = FaceConfig { region: Some(region), ..FaceConfig::default() };
        let mut tracker = FaceRegion::plan(&config, VGA);
        show(&mut tracker, 0, (300, 100), 200);
        let cut = Region { x: 600, y: 470, width: 40, height: 10 };
        assert_eq!(tracker.sighting().region, cut);
        assert_eq!(tracker.sighting().coverage.to_bits(), 0.0f32.to_bits());
    }

    #[test]
    fn a_sensor_without_pixels_harms_nothing() {
        let none = Geometry { width: 0, height: 0 };
        let mut tracker = FaceRegion::plan(&FaceConfig::default(), none);
        tracker.push(event(0, 0, 0, true));
        tracker.advance(i64::MAX);
        assert_eq!(tracker.counts().outside, 1);
    }

    #[test]
    fn the_middle_90_percent_of_100_equal_bins_leaves_five_on_each_side() {
        assert_eq!(middle_90_percent(&[7; 100]), (5, 95));
        assert_eq!(middle_90_percent(&[0, 0, 9, 0]), (2, 3));
    }

    proptest! {
        #[test]
        fn any_split_and_any_time_give_one_region_on_the_sensor(
            events in any_events(), cuts in splits(),
        ) {
            let config = FaceConfig { least_side: 3, least_events: 4, ..FaceConfig::default() };
            let mut whole = FaceRegion::plan(&config, SMALL);
            events.iter().for_each(|&e| whole.push(e));
            let mut pieces = FaceRegion::plan(&config, SMALL);
            for batch in cuts.of(&events) {
                batch.iter().for_each(|&e| pieces.push(e));
            }
            let Sighting { region, coverage, .. } = whole.sighting();
            prop_assert_eq!(whole.sighting(), pieces.sighting());
            prop_assert_eq!(region, region.on_sensor(SMALL));
            prop_assert_eq!(region.width, region.height);
            prop_assert!((0.0..=1.0).contains(&coverage));
        }
    }
}
