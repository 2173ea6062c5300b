//! EVT3.0: 16-bit words over a state of row, vector base and time.

use super::carry::Carry;
use super::tally::Tally;
use super::time::{Latest, Step, Wrap};
use crate::data::{Event, EventBatch, Geometry, Trigger};

// Word types, bits 15..12.
const ADDR_Y: u16 = 0x0;
const ADDR_X: u16 = 0x2;
const VECT_BASE_X: u16 = 0x3;
const VECT_12: u16 = 0x4;
const VECT_8: u16 = 0x5;
const TIME_LOW: u16 = 0x6;
const CONTINUED_4: u16 = 0x7;
const TIME_HIGH: u16 = 0x8;
const EXT_TRIGGER: u16 = 0xA;
const OTHERS: u16 = 0xE;
const CONTINUED_12: u16 = 0xF;

/// Coordinate bits of `ADDR_Y`, `ADDR_X` and `VECT_BASE_X`.
const COORDINATE: u16 = 0x7FF;
/// Polarity in `ADDR_X` and `VECT_BASE_X`; origin (slave camera) in `ADDR_Y`.
const FLAG: u16 = 0x800;
/// Payload of the words that carry 12 bits.
const PAYLOAD: u16 = 0xFFF;
/// Bits of `TIME_HIGH`, and of `TIME_LOW` below it.
const TIME_BITS: u32 = 12;
/// `OTHERS` subtypes by which the sensor says that it lost a time low, a time high or an event.
const DROP_MARKS: [u16; 3] = [0xED6, 0xED8, 0xEDA];

/// No `VECT_BASE_X` yet. Beyond every sensor, so that it needs no test of its own.
const NO_BASE: u32 = u32::MAX / 2;
/// Where the base of vectors beyond every sensor stops growing.
const FAR_BASE: u32 = 1 << 16;

/// Words decoded between two deliveries.
const BLOCK: usize = 64;
/// Room for the events of a block, at most 12 a word; a power of two, so that the wrap of the
/// index that spares a bounds check is one AND.
const STAGE: usize = 1024;

/// Why the events of a row cannot be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NoRow {
    /// No `ADDR_Y` came yet.
    Unknown,
    /// It lies below the sensor.
    Beyond,
    /// It belongs to a slave camera.
    Slave,
}

/// What the next event word needs: kept in registers while a block is decoded.
#[derive(Debug, Clone, Copy)]
struct Cursor {
    /// Time in microseconds.
    t: i64,
    /// Row.
    y: u16,
    /// Columns that can be delivered: the width, or 0 while the row cannot be. One comparison then
    /// decides every ordinary event.
    columns: u32,
    /// First column of the next vector word, or [`NO_BASE`].
    base: u32,
    /// Polarity of vector events.
    on: bool,
}

/// An `OTHERS` word whose payload may go on.
#[derive(Debug, Clone, Copy)]
struct Others {
    subtype: u16,
    /// Payload bits that came.
    bits: u32,
}

/// Decodes EVT3.0. Bytes may be cut anywhere: the state goes on from call to call.
#[derive(Debug, Clone)]
pub struct Evt3 {
    geometry: Geometry,
    carry: Carry<2>,
    /// `TIME_HIGH`, once one came.
    high: Option<Wrap>,
    /// Words were lost: a `TIME_HIGH` may have been among them.
    is_stale: bool,
    cursor: Cursor,
    /// Why, while `cursor.columns` is 0.
    no_row: NoRow,
    /// Events of the block being decoded: writing here costs less than growing a `Vec`.
    stage: Box<[Event; STAGE]>,
    others: Option<Others>,
    latest_event: Latest,
    latest_trigger: Latest,
    tally: Tally,
}

impl Evt3 {
    /// A decoder for a sensor of `geometry`.
    #[must_use]
    pub fn new(geometry: Geometry) -> Self {
        Self {
            geometry,
            carry: Carry::EMPTY,
            high: None,
            is_stale: false,
            cursor: Cursor { t: 0, y: 0, columns: 0, base: NO_BASE, on: false },
            no_row: NoRow::Unknown,
            stage: Box::new([Event::default(); STAGE]),
            others: None,
            latest_event: Latest::NOTHING,
            latest_trigger: Latest::NOTHING,
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
        let (first, words) = self.carry.split(bytes);
        out.events.reserve(words.len());
        if let Some(first) = first {
            self.decode(&[first], out);
        }
        self.decode(words, out);
    }

    /// Words are missing before the next ones: see [`Decoder::gap`](super::Decoder::gap).
    pub const fn gap(&mut self) {
        self.carry = Carry::EMPTY;
        self.others = None;
        self.is_stale = true;
        self.cursor.columns = 0;
        self.cursor.base = NO_BASE;
        self.no_row = NoRow::Unknown;
    }

    /// Ends the stream: counts a cut word and compares the sensor's own event count.
    pub const fn finish(&mut self) {
        self.tally.close(self.carry.held());
    }

    fn decode(&mut self, words: &[[u8; 2]], out: &mut EventBatch) {
        let mut words = self.payload(words);
        if self.high.is_none() || self.is_stale {
            words = self.find_time(words);
        }
        let (events, triggers) = (out.events.len(), out.triggers.len());
        let stepped = self.run(words, out);
        self.tally.delivered += (out.events.len() - events) as u64;
        let back = self.steps_back(&out.events[events..], &out.triggers[triggers..], stepped);
        self.tally.time_went_back += back;
        out.non_monotonic |= back > 0;
    }

    /// Skips to behind the first `TIME_HIGH`, counting what is dropped: nothing before it has a
    /// time, and rows and bases before it are forgotten.
    #[cold]
    fn find_time<'a>(&mut self, words: &'a [[u8; 2]]) -> &'a [[u8; 2]] {
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            let word = u16::from_le_bytes(word);
            match word >> 12 {
                TIME_HIGH => {
                    self.cursor.t = self.new_high(word);
                    self.is_stale = false;
                    return words.as_slice();
                }
                ADDR_X => self.tally.before_time_high += 1,
                VECT_12 | VECT_8 => {
                    self.tally.before_time_high += u64::from(mask(word).0.count_ones());
                }
                EXT_TRIGGER => self.tally.trigger_before_time_high += 1,
                ADDR_Y => self.tally.slave_words += u64::from(word & FLAG != 0),
                VECT_BASE_X | TIME_LOW => {}
                OTHERS => words = self.others(word, words.as_slice()).iter(),
                _ => self.oddity(word),
            }
        }
        words.as_slice()
    }

    /// Decodes `words` block by block. True if the clock stepped back.
    fn run(&mut self, words: &[[u8; 2]], out: &mut EventBatch) -> bool {
        let steps = self.tally.time_high_went_back + self.tally.time_low_went_back;
        for block in words.chunks(BLOCK) {
            let block = self.payload(block);
            let staged = self.block(block, out);
            out.events.extend_from_slice(&self.stage[..staged]);
        }
        steps != self.tally.time_high_went_back + self.tally.time_low_went_back
    }

    /// The hot loop: stages the events of at most [`BLOCK`] words and returns their number.
    ///
    /// Most words come as `TIME_LOW`, `ADDR_Y`, `ADDR_X`, with the first one or two left out.
    /// Asking in this order mispredicts less than one jump per word.
    fn block(&mut self, words: &[[u8; 2]], out: &mut EventBatch) -> usize {
        let mut cursor = self.cursor;
        let mut staged = 0;
        let mut words = words.iter();
        while let Some(mut word) = next(&mut words) {
            if word >> 12 == TIME_LOW {
                self.time_low(&mut cursor, word);
                let Some(following) = next(&mut words) else { break };
                word = following;
            }
            if word >> 12 == ADDR_Y {
                self.row(&mut cursor, word);
                let Some(following) = next(&mut words) else { break };
                word = following;
            }
            if word >> 12 == ADDR_X {
                staged = self.single(cursor, word, staged);
                continue;
            }
            match word >> 12 {
                ADDR_Y => self.row(&mut cursor, word),
                TIME_LOW => self.time_low(&mut cursor, word),
                TIME_HIGH => self.time_high(&mut cursor, word),
                VECT_BASE_X => cursor.start_vector(word),
                VECT_12 | VECT_8 => staged = self.vector(&mut cursor, word, staged),
                EXT_TRIGGER => out.triggers.push(cursor.trigger(word)),
                OTHERS => words = self.others(word, words.as_slice()).iter(),
                _ => self.oddity(word),
            }
        }
        self.cursor = cursor;
        staged
    }

    #[inline]
    fn time_low(&mut self, cursor: &mut Cursor, word: u16) {
        let t = (cursor.t & !i64::from(PAYLOAD)) | i64::from(word & PAYLOAD);
        if t < cursor.t {
            self.low_went_back();
        }
        cursor.t = t;
    }

    #[inline]
    fn time_high(&mut self, cursor: &mut Cursor, word: u16) {
        // It comes about every 16 µs and changes every 4096 µs.
        if (cursor.t >> TIME_BITS) & i64::from(PAYLOAD) != i64::from(word & PAYLOAD) {
            cursor.t = self.new_high(word);
        }
    }

    #[inline]
    fn row(&mut self, cursor: &mut Cursor, word: u16) {
        cursor.y = word & PAYLOAD;
        cursor.columns = u32::from(self.geometry.width);
        // Rows end at 2048, where the slave flag begins: one comparison refuses both.
        if cursor.y >= self.geometry.height.min(FLAG) {
            cursor.columns = 0;
            self.refuse_row(word);
        }
    }

    /// Stages the event of an `ADDR_X`.
    #[inline]
    fn single(&mut self, cursor: Cursor, word: u16, staged: usize) -> usize {
        let x = word & COORDINATE;
        if u32::from(x) < cursor.columns {
            self.stage[staged % STAGE] = cursor.event(x, word & FLAG != 0);
            return staged + 1;
        }
        self.refuse(cursor, 1);
        staged
    }

    /// Stages the events of a vector word and moves its base on.
    #[inline]
    fn vector(&mut self, cursor: &mut Cursor, word: u16, staged: usize) -> usize {
        let (mask, length) = mask(word);
        if cursor.base + length > cursor.columns {
            return self.cut(cursor, mask, length, staged);
        }
        let staged = self.stage_mask(*cursor, mask, staged);
        cursor.base += length;
        staged
    }

    /// Stages the columns of `mask` from the base on; they must lie on the sensor.
    #[inline]
    fn stage_mask(&mut self, cursor: Cursor, mut mask: u32, mut staged: usize) -> usize {
        while mask != 0 {
            #[expect(clippy::cast_possible_truncation, reason = "columns lie below 2^16")]
            let x = (cursor.base + mask.trailing_zeros()) as u16;
            self.stage[staged % STAGE] = cursor.event(x, cursor.on);
            staged += 1;
            mask &= mask - 1;
        }
        staged
    }

    #[cold]
    const fn low_went_back(&mut self) {
        self.tally.time_low_went_back += 1;
    }

    /// The time at a `TIME_HIGH` that differs from the one before: its low bits start at 0.
    fn new_high(&mut self, word: u16) -> i64 {
        let value = u32::from(word & PAYLOAD);
        let high = self.high.get_or_insert(Wrap::starting(TIME_BITS, value));
        self.tally.time_high_went_back += u64::from(high.advance(value) == Step::Back);
        high.total() << TIME_BITS
    }

    #[cold]
    fn refuse_row(&mut self, word: u16) {
        self.no_row = if word & FLAG == 0 { NoRow::Beyond } else { NoRow::Slave };
        self.tally.slave_words += u64::from(word & FLAG != 0);
    }

    /// Counts `events` that cannot be delivered.
    #[cold]
    fn refuse(&mut self, cursor: Cursor, events: u32) {
        let reason = match self.no_row {
            _ if cursor.columns > 0 => &mut self.tally.x_beyond_width,
            NoRow::Unknown => &mut self.tally.before_addr_y,
            NoRow::Beyond => &mut self.tally.y_beyond_height,
            NoRow::Slave => &mut self.tally.slave_events,
        };
        *reason += u64::from(events);
    }

    /// Stages what lies on the sensor of a vector that does not fit on it as a whole.
    #[cold]
    fn cut(&mut self, cursor: &mut Cursor, mask: u32, length: u32, staged: usize) -> usize {
        if cursor.base == NO_BASE {
            if cursor.columns > 0 {
                self.tally.before_vector_base += u64::from(mask.count_ones());
            } else {
                self.refuse(*cursor, mask.count_ones());
            }
            return staged;
        }
        let inside = cursor.columns.saturating_sub(cursor.base).min(length);
        let staged = self.stage_mask(*cursor, mask & ((1 << inside) - 1), staged);
        self.refuse(*cursor, (mask >> inside).count_ones());
        cursor.base = (cursor.base + length).min(FAR_BASE);
        staged
    }

    /// Starts the payload of the `OTHERS` that is `word`; returns what follows it.
    fn others<'a>(&mut self, word: u16, rest: &'a [[u8; 2]]) -> &'a [[u8; 2]] {
        let subtype = word & PAYLOAD;
        self.tally.sensor_drop_marks += u64::from(DROP_MARKS.contains(&subtype));
        self.others = Some(Others { subtype, bits: 0 });
        self.payload(rest)
    }

    /// Takes the `CONTINUED` words in front, if an `OTHERS` came before them: its payload ends at
    /// the first word of another type. Some sensors leave out the last one, `CONTINUED_4`.
    fn payload<'a>(&mut self, words: &'a [[u8; 2]]) -> &'a [[u8; 2]] {
        let Some(mut others) = self.others else { return words };
        for (n, &word) in words.iter().enumerate() {
            let word = u16::from_le_bytes(word);
            let (part, bits) = match word >> 12 {
                CONTINUED_12 => (word & PAYLOAD, 12),
                CONTINUED_4 => (word & 0xF, 4),
                _ => {
                    self.others = None;
                    return &words[n..];
                }
            };
            if others.bits <= 24 {
                self.tally.add_erc(others.subtype, u64::from(part) << others.bits);
                others.bits += bits;
            }
        }
        self.others = Some(others);
        &[]
    }

    #[cold]
    fn oddity(&mut self, word: u16) {
        if matches!(word >> 12, CONTINUED_12 | CONTINUED_4) {
            self.tally.stray_continued += 1;
        } else {
            self.tally.unknown_words += 1;
        }
    }

    /// How often `events` and `triggers` step back, each against the one before of its kind.
    fn steps_back(&mut self, events: &[Event], triggers: &[Trigger], stepped: bool) -> u64 {
        let mut back = 0;
        // Without a step of the clock only the first event can lie before its predecessor.
        if let ([first, .., last], false) = (events, stepped) {
            back += self.latest_event.steps_back(first.t);
            back += self.latest_event.steps_back(last.t);
        } else {
            back += events.iter().map(|e| self.latest_event.steps_back(e.t)).sum::<u64>();
        }
        back + triggers.iter().map(|e| self.latest_trigger.steps_back(e.t)).sum::<u64>()
    }
}

impl Cursor {
    #[inline]
    const fn event(self, x: u16, on: bool) -> Event {
        Event { t: self.t, x, y: self.y, on }
    }

    #[inline]
    const fn start_vector(&mut self, word: u16) {
        self.base = (word & COORDINATE) as u32;
        self.on = word & FLAG != 0;
    }

    const fn trigger(self, word: u16) -> Trigger {
        Trigger { t: self.t, id: (word >> 8 & 0xF) as u8, rising: word & 1 != 0 }
    }
}

#[inline]
fn next(words: &mut core::slice::Iter<'_, [u8; 2]>) -> Option<u16> {
    words.next().map(|&word| u16::from_le_bytes(word))
}

/// Mask and length of a vector word.
#[inline]
const fn mask(word: u16) -> (u32, u32) {
    if word >> 12 == VECT_12 { ((word & PAYLOAD) as u32, 12) } else { ((word & 0xFF) as u32, 8) }
}
