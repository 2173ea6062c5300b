//! EVT2.0: 32-bit words, one event each.

use super::carry::Carry;
use super::tally::Tally;
use super::time::{Latest, Step, Wrap};
use crate::data::{Event, EventBatch, Geometry, Trigger};

// Word types, bits 31..28. `CD_OFF` is 0 and `CD_ON` 1: both leave bits 31..29 zero.
pub(super) const TIME_HIGH: u32 = 0x8;
pub(super) const EXT_TRIGGER: u32 = 0xA;
pub(super) const OTHERS: u32 = 0xE;
pub(super) const CONTINUED: u32 = 0xF;

/// Bits of `TIME_HIGH`.
pub(super) const HIGH_BITS: u32 = 28;
/// Bits of the time in every other word.
const LOW_BITS: u32 = 6;
/// Bits of a sensor counter in the `CONTINUED` word.
const COUNTER: u32 = (1 << 22) - 1;
/// Words decoded between two deliveries, and room for one event of each.
const BLOCK: usize = 1024;

/// Decodes EVT2.0. Bytes may be cut anywhere: the state goes on from call to call.
#[derive(Debug, Clone)]
pub struct Evt2 {
    geometry: Geometry,
    carry: Carry<4>,
    clock: Clock,
    /// Subtype of the `OTHERS` whose payload may go on, and whether its first word is still to
    /// come.
    others: Option<(u16, bool)>,
    latest_event: Latest,
    /// Events of the block being decoded: writing here costs less than growing a `Vec`.
    stage: Box<[Event; BLOCK]>,
    tally: Tally,
}

impl Evt2 {
    /// A decoder for a sensor of `geometry`.
    #[must_use]
    pub fn new(geometry: Geometry) -> Self {
        Self {
            geometry,
            carry: Carry::EMPTY,
            clock: Clock::STOPPED,
            others: None,
            latest_event: Latest::NOTHING,
            stage: Box::new([Event::default(); BLOCK]),
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
        self.others = None;
        self.clock.lose_time();
    }

    /// Ends the stream: counts a cut word and compares the sensor's own event count.
    pub const fn finish(&mut self) {
        self.tally.close(self.carry.held());
    }

    fn decode(&mut self, words: &[[u8; 4]], out: &mut EventBatch) {
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
    fn find_time<'a>(&mut self, words: &'a [[u8; 4]]) -> &'a [[u8; 4]] {
        let mut words = words;
        while let Some((&word, rest)) = words.split_first() {
            let word = u32::from_le_bytes(word);
            match word >> 28 {
                TIME_HIGH => return words,
                0 | 1 => self.tally.before_time_high += 1,
                EXT_TRIGGER => self.tally.trigger_before_time_high += 1,
                OTHERS => {
                    words = self.others(word, rest);
                    continue;
                }
                _ => self.oddity(word),
            }
            words = rest;
        }
        words
    }

    /// The hot loop: stages the events of at most [`BLOCK`] words and returns their number.
    fn block(&mut self, words: &[[u8; 4]], triggers: &mut Vec<Trigger>) -> usize {
        let Geometry { width, height } = self.geometry;
        let (mut base, mut latest) = (self.clock.base, self.latest_event);
        let (mut staged, mut back) = (0, 0);
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            let word = u32::from_le_bytes(word);
            match word >> 28 {
                0 | 1 => {
                    let (x, y) = pixel(word);
                    if x < width && y < height {
                        let t = base | low(word);
                        back += latest.steps_back(t);
                        self.stage[staged % BLOCK] = Event { t, x, y, on: word >> 28 == 1 };
                        staged += 1;
                    } else {
                        self.tally.refuse_pixel(y >= height, 1);
                    }
                }
                TIME_HIGH => base = self.clock.time_high(word, &mut self.tally),
                EXT_TRIGGER => {
                    let trigger = trigger(base, word);
                    back += self.clock.latest_trigger.steps_back(trigger.t);
                    triggers.push(trigger);
                }
                OTHERS => words = self.others(word, words.as_slice()).iter(),
                _ => self.oddity(word),
            }
        }
        self.latest_event = latest;
        self.tally.time_went_back += back;
        staged
    }

    /// Starts the payload of the `OTHERS` that is `word`; returns what follows it.
    fn others<'a>(&mut self, word: u32, rest: &'a [[u8; 4]]) -> &'a [[u8; 4]] {
        self.others = Some((subtype(word), true));
        self.payload(rest)
    }

    /// Takes the `CONTINUED` words in front, if an `OTHERS` came before them. The first carries a
    /// counter; some subtypes send more.
    fn payload<'a>(&mut self, words: &'a [[u8; 4]]) -> &'a [[u8; 4]] {
        let Some((subtype, mut first)) = self.others else { return words };
        for (n, &word) in words.iter().enumerate() {
            let word = u32::from_le_bytes(word);
            if word >> 28 != CONTINUED {
                self.others = None;
                return &words[n..];
            }
            if first {
                self.tally.add_erc(subtype, u64::from(word & COUNTER));
                first = false;
            }
        }
        self.others = Some((subtype, first));
        &[]
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

/// The 28-bit `TIME_HIGH` of EVT2.0 and EVT2.1.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    high: Option<Wrap>,
    /// Words were lost: a `TIME_HIGH` may have been among them.
    is_stale: bool,
    /// Time in microseconds at the last `TIME_HIGH`; its low 6 bits are 0.
    pub(super) base: i64,
    pub(super) latest_trigger: Latest,
}

impl Clock {
    /// Before the first `TIME_HIGH`.
    pub(super) const STOPPED: Self =
        Self { high: None, is_stale: false, base: 0, latest_trigger: Latest::NOTHING };

    pub(super) const fn runs(&self) -> bool {
        self.high.is_some() && !self.is_stale
    }

    /// Words are missing: the time is unknown until the next `TIME_HIGH`.
    pub(super) const fn lose_time(&mut self) {
        self.is_stale = true;
    }

    /// Takes the `TIME_HIGH` that is `word` and returns its time.
    pub(super) fn time_high(&mut self, word: u32, tally: &mut Tally) -> i64 {
        let value = word & ((1 << HIGH_BITS) - 1);
        let high = self.high.get_or_insert(Wrap::starting(HIGH_BITS, value));
        if high.advance(value) == Step::Back {
            tally.time_high_went_back += 1;
        }
        self.is_stale = false;
        self.base = high.total() << LOW_BITS;
        self.base
    }
}

/// Column and row, 11 bits each.
#[inline]
pub(super) const fn pixel(word: u32) -> (u16, u16) {
    ((word >> 11 & 0x7FF) as u16, (word & 0x7FF) as u16)
}

/// The low time bits of a word.
#[inline]
pub(super) const fn low(word: u32) -> i64 {
    (word >> 22 & ((1 << LOW_BITS) - 1)) as i64
}

/// The trigger in an `EXT_TRIGGER` word.
pub(super) const fn trigger(base: i64, word: u32) -> Trigger {
    Trigger { t: base | low(word), id: (word >> 8 & 0x1F) as u8, rising: word & 1 != 0 }
}

/// What an `OTHERS` word is about.
#[expect(clippy::cast_possible_truncation, reason = "the low 16 bits are the subtype")]
pub(super) const fn subtype(word: u32) -> u16 {
    word as u16
}
