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

    /// Words are missing before the next ones: see [`Decoder::gap`](super::Decoder::gap).
    pub const fn gap(&mut self) {
        self.carry = Carry::EMPTY;
        self.in_others = false;
        self.clock.lose_time();
    }

    /// Ends the stream: counts a cut word and compares the sensor's own event count.
    pub const fn finish(&mut self) {
        self.tally.close(self.carry.held());
    }

    fn decode(&mut self, words: &[[u8; 8]], out: &mut EventBatch) {
        let mut words = self.payload(words);
        if !self.clock.runs() {
            words = self.find_time(words);
        }
        for block in words.chunks(BLOCK) {
            let block = self.payload(block);
            let staged = self.block(block, &mut out.triggers);
            self.tally.delivered += staged as u64;
            out.events.extend_from_slice(&self.stage[..staged]);
        }
    }

    /// Skips to the first `TIME_HIGH`, counting what is dropped: nothing before it has a time.
    #[cold]
    fn find_time<'a>(&mut self, words: &'a [[u8; 8]]) -> &'a [[u8; 8]] {
        let mut words = words;
        while let Some((&word, rest)) = words.split_first() {
            let (word, mask) = self.order.halves(word);
            match word >> 28 {
                TIME_HIGH => return words,
                0 | 1 => self.tally.before_time_high += u64::from(mask.count_ones()),
                EXT_TRIGGER => self.tally.trigger_before_time_high += 1,
                OTHERS => {
                    words = self.others(word, mask, rest);
                    continue;
                }
                _ => self.oddity(word),
            }
            words = rest;
        }
        words
    }

    /// The hot loop: stages the events of at most [`BLOCK`] words and returns their number.
    fn block(&mut self, words: &[[u8; 8]], triggers: &mut Vec<Trigger>) -> usize {
        let (mut base, mut latest) = (self.clock.base, self.latest_event);
        let (mut staged, mut back) = (0, 0);
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            let (word, mask) = self.order.halves(word);
            match word >> 28 {
                0 | 1 => {
                    let mask = self.inside(word, mask);
                    if mask != 0 {
                        let t = base | low(word);
                        back += latest.steps_back(t);
                        staged = self.stage_mask(t, word, mask, staged);
                    }
                }
                TIME_HIGH => base = self.clock.time_high(word, &mut self.tally),
                EXT_TRIGGER => {
                    let trigger = trigger(base, word);
                    back += self.clock.latest_trigger.steps_back(trigger.t);
                    triggers.push(trigger);
                }
                OTHERS => words = self.others(word, mask, words.as_slice()).iter(),
                _ => self.oddity(word),
            }
        }
        self.latest_event = latest;
        self.tally.time_went_back += back;
        staged
    }

    /// The part of the `mask` of a vector `word` that lies on the sensor.
    #[inline]
    fn inside(&mut self, word: u32, mask: u32) -> u32 {
        let Geometry { width, height } = self.geometry;
        let (x, y) = pixel(word);
        if y < height && usize::from(x) + LANES <= usize::from(width) {
            return mask;
        }
        self.cut(mask, x, y)
    }

    /// Cuts a `mask` that does not lie on the sensor as a whole; the rest is counted.
    #[cold]
    fn cut(&mut self, mask: u32, x: u16, y: u16) -> u32 {
        let Geometry { width, height } = self.geometry;
        let inside = match u32::from(width.saturating_sub(x)) {
            _ if y >= height => 0,
            columns @ 0..32 => (1 << columns) - 1,
            _ => u32::MAX,
        };
        self.tally.refuse_pixel(y >= height, u64::from((mask & !inside).count_ones()));
        mask & inside
    }

    /// Stages the events of `mask`, of which there is at least one.
    #[inline]
    fn stage_mask(&mut self, t: i64, word: u32, mut mask: u32, mut staged: usize) -> usize {
        let ((x, y), on) = (pixel(word), word >> 28 == 1);
        while mask != 0 {
            #[expect(clippy::cast_possible_truncation, reason = "at most 31")]
            let lane = mask.trailing_zeros() as u16;
            self.stage[staged % STAGE] = Event { t, x: x + lane, y, on };
            staged += 1;
            mask &= mask - 1;
        }
        staged
    }

    /// Takes an `OTHERS` and the `CONTINUED` words behind it; returns what follows.
    fn others<'a>(&mut self, word: u32, counter: u32, rest: &'a [[u8; 8]]) -> &'a [[u8; 8]] {
        self.tally.add_erc(subtype(word), u64::from(counter));
        self.in_others = true;
        self.payload(rest)
    }

    /// Skips the `CONTINUED` words in front, if an `OTHERS` came before them.
    fn payload<'a>(&mut self, words: &'a [[u8; 8]]) -> &'a [[u8; 8]] {
        if !self.in_others {
            return words;
        }
        let is_payload = |&word: &[u8; 8]| self.order.halves(word).0 >> 28 == CONTINUED;
        let end = words.iter().position(|word| !is_payload(word));
        self.in_others = end.is_none();
        &words[end.unwrap_or(words.len())..]
    }

    #[cold]
    const fn oddity(&mut self, word: u32) {
        if word >> 28 == CONTINUED {
            self.tally.stray_continued += 1;
        } else {
            self.tally.unknown_words += 1;
        }
    }
}
