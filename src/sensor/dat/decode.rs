//! DAT records: eight bytes an event.

use crate::data::{Counts, Event, EventBatch, Geometry};
use crate::sensor::evt::{Carry, Latest, Wrap};

/// Bytes of a record.
pub(super) const RECORD: usize = 8;
/// Bits of a coordinate.
const COORDINATE_BITS: u32 = 14;
const COORDINATE: u32 = (1 << COORDINATE_BITS) - 1;
/// Bit of the polarity.
const POLARITY: u32 = 28;

/// Decodes DAT records, types 0x00 and 0x0C alike: `u32` time in microseconds, then `u32` with
/// column in bits 13..0, row in bits 27..14 and polarity in bit 28, both little-endian.
///
/// The time wraps at 2^32 µs (71.6 minutes). Bytes may be cut anywhere: the state goes on from
/// call to call.
#[derive(Debug, Clone)]
pub struct Decoder {
    geometry: Geometry,
    carry: Carry<RECORD>,
    clock: Option<Wrap>,
    latest: Latest,
    tally: Tally,
}

/// Counts of one stream since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Events dropped because their column lies beyond the sensor.
    pub x_beyond_width: u64,
    /// Events dropped because their row lies beyond the sensor.
    pub y_beyond_height: u64,
    /// Events delivered with a time before that of the one before.
    pub time_went_back: u64,
    /// Bytes of an unfinished record at the end.
    pub trailing_bytes: u64,
}

impl Tally {
    /// The counts by reason.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        counts.add("x-beyond-width", self.x_beyond_width);
        counts.add("y-beyond-height", self.y_beyond_height);
        counts.add("time-went-back", self.time_went_back);
        counts.add("trailing-bytes", self.trailing_bytes);
        counts
    }
}

impl Decoder {
    /// A decoder for a sensor of `geometry`.
    #[must_use]
    pub fn new(geometry: Geometry) -> Self {
        Self {
            geometry,
            carry: Carry::EMPTY,
            clock: None,
            latest: Latest::NOTHING,
            tally: Tally::default(),
        }
    }

    /// What was seen so far.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Decodes `bytes`, appending to `out`.
    pub fn push(&mut self, bytes: &[u8], out: &mut EventBatch) {
        let back = self.tally.time_went_back;
        let (first, records) = self.carry.split(bytes);
        out.events.reserve(records.len());
        if let Some(first) = first {
            self.decode(&[first], out);
        }
        self.decode(records, out);
        out.non_monotonic |= self.tally.time_went_back > back;
    }

    /// Ends the stream: counts a cut record.
    pub const fn finish(&mut self) {
        self.tally.trailing_bytes = self.carry.held() as u64;
    }

    fn decode(&mut self, records: &[[u8; RECORD]], out: &mut EventBatch) {
        let Geometry { width, height } = self.geometry;
        let Some(first) = records.first() else { return };
        let mut clock = self.clock.unwrap_or(Wrap::starting(32, halves(*first).0));
        for &record in records {
            let (t, pixel) = halves(record);
            clock.advance(t);
            let x = (pixel & COORDINATE) as u16;
            let y = (pixel >> COORDINATE_BITS & COORDINATE) as u16;
            if x < width && y < height {
                let t = clock.total();
                self.tally.time_went_back += self.latest.steps_back(t);
                out.events.push(Event { t, x, y, on: pixel >> POLARITY & 1 != 0 });
            } else if y < height {
                self.tally.x_beyond_width += 1;
            } else {
                self.tally.y_beyond_height += 1;
            }
        }
        self.clock = Some(clock);
    }
}

/// The time and the pixel of a record.
const fn halves([a, b, c, d, e, f, g, h]: [u8; RECORD]) -> (u32, u32) {
    (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]))
}
