//! EVT2.1: 64-bit words, up to 32 events of one row each.

use super::carry::Carry;
use super::evt2::{CONTINUED, Clock, EXT_TRIGGER, OTHERS, TIME_HIGH, low, pixel, subtype, trigger};
use super::tally::Tally;
use super::time::Latest;
use crate::data::{Event, EventBatch, Geometry, Trigger};

/// Events that a word can carry.
const LANES: usize = 32;
/// Words decoded between two deliveries.
const BLOCK: usize = 32;
/// Room for the events of a block.
const STAGE: usize = BLOCK * LANES;

/// Which half of a word comes first. Each half is little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The mask, then the half with the type: a little-endian 64-bit word (`GenX320`).
    Little,
    /// The half with the type, then the mask (`IMX636`).
    Legacy,
}

impl Order {
    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Little => Self::Legacy,
            Self::Legacy => Self::Little,
        }
    }

    /// The half with the type and the mask half of a word.
    #[inline]
    pub(super) const fn halves(self, word: [u8; 8]) -> (u32, u32) {
        let [a, b, c, d, e, f, g, h] = word;
        let (front, back) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
        match self {
            Self::Little => (back, front),
            Self::Legacy => (front, back),
        }
    }
}

/// Decodes EVT2.1. Bytes may be cut anywhere: the state goes on from call to call.
#[derive(Debug, Clone)]
pub struct Evt21 {
    geometry: Geometry,
    order: Order,
    carry: Carry<8>,
    clock: Clock,
    /// True right behind an `OTHERS`: `CONTINUED` words belong to it.
    in_others: bool,
    latest_event: Latest,
    /// Events of the block being decoded: writing here costs less than growing a `Vec`.
    stage: Box<[Event; STAGE]>,
    tally: Tally,
}

impl Evt21 {
    /// A decoder for a sensor of `geometry` that sends the halves of a word in `order`.
    #[must_use]
    pub fn new(order: Order, geometry: Geometry) -> Self {
        Self {
            geometry,
            order,
            carry: Carry::EMPTY,
            clock: Clock::STOPPED,
            in_others: false,
            latest_event: Latest::NOTHING,
            stage: Box::new([Event::default(); STAGE]),
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
        let (first, words) = self.carry.split(bytes);
        out.events.reserve(words.len());
        if let Some(first) = first {
            self.decode(&[first], out);
        }
        self.decode(words, out);
        out.non_monotonic |= self.tally.time_went_back > back;
    }

    /// Ends the stream: counts a cut word and compares the sensor's own event count.
    pub const fn finish(&mut self) {
        self.tally.close(self.carry.held());
    }

    fn decode(&mut self, words: &[[u8; 8]], out: &mut EventBatch) {
        for block in words.chunks(BLOCK) {
            let staged = self.block(block, &mut out.triggers);
            self.tally.delivered += staged as u64;
            out.events.extend_from_slice(&self.stage[..staged]);
        }
    }

    /// The hot loop: stages the events of at most [`BLOCK`] words and returns their number.
    fn block(&mut self, words: &[[u8; 8]], triggers: &mut Vec<Trigger>) -> usize {
        let mut staged = 0;
        for &word in words {
            let (word, mask) = self.order.halves(word);
            match word >> 28 {
                0 | 1 => staged = self.vector(word, mask, staged),
                TIME_HIGH => {
                    self.clock.time_high(word, &mut self.tally);
                }
                EXT_TRIGGER => triggers.extend(self.trigger(word)),
                OTHERS => self.tally.add_erc(subtype(word), u64::from(mask)),
                CONTINUED => self.tally.stray_continued += u64::from(!self.in_others),
                _ => self.tally.unknown_words += 1,
            }
            self.in_others = word >> 28 == OTHERS || (word >> 28 == CONTINUED && self.in_others);
        }
        staged
    }

    /// Stages the events of a vector word, cut at the width of the sensor.
    #[inline]
    fn vector(&mut self, word: u32, mask: u32, mut staged: usize) -> usize {
        let Geometry { width, height } = self.geometry;
        let (x, y) = pixel(word);
        let mut left = mask;
        if !self.clock.runs() || y >= height || usize::from(x) + LANES > usize::from(width) {
            left = self.cut(mask, x, y);
        }
        if left == 0 {
            return staged;
        }
        let t = self.clock.base | low(word);
        self.tally.time_went_back += self.latest_event.steps_back(t);
        while left != 0 {
            #[expect(clippy::cast_possible_truncation, reason = "at most 31")]
            let lane = left.trailing_zeros() as u16;
            self.stage[staged % STAGE] = Event { t, x: x + lane, y, on: word >> 28 == 1 };
            staged += 1;
            left &= left - 1;
        }
        staged
    }

    /// The part of `mask` that can be delivered; the rest is counted.
    #[cold]
    fn cut(&mut self, mask: u32, x: u16, y: u16) -> u32 {
        let Geometry { width, height } = self.geometry;
        let inside = match u32::from(width.saturating_sub(x)) {
            _ if !self.clock.runs() || y >= height => 0,
            columns @ 0..32 => (1 << columns) - 1,
            _ => u32::MAX,
        };
        let dropped = u64::from((mask & !inside).count_ones());
        if self.clock.runs() {
            self.tally.refuse_pixel(y >= height, dropped);
        } else {
            self.tally.before_time_high += dropped;
        }
        mask & inside
    }

    fn trigger(&mut self, word: u32) -> Option<Trigger> {
        if !self.clock.runs() {
            self.tally.trigger_before_time_high += 1;
            return None;
        }
        let trigger = trigger(self.clock.base, word);
        self.tally.time_went_back += self.clock.latest_trigger.steps_back(trigger.t);
        Some(trigger)
    }
}
