//! Events to the words that event sensors send: EVT2, EVT2.1 in both orders, EVT3.
//!
//! Every run of words starts with its full time and, in EVT3, row: a receiver that lost the run
//! before it loses no more.

use firmware_proto::EventFormat;
use visaged::data::{Event, Trigger};

/// Events that an EVT2.1 word can carry.
const LANES: u16 = 32;

/// Writes words of one format. Times are those of the device, microseconds; formats keep their low
/// 34 (EVT2, EVT2.1) or 24 bits (EVT3).
#[derive(Debug, Clone)]
pub struct WordWriter {
    format: EventFormat,
    bytes: Vec<u8>,
    /// The time that the words so far have set.
    time: Option<u64>,
    row: Option<u16>,
    open: Option<Vector>,
}

/// An EVT2.1 word that may take more events.
#[derive(Debug, Clone, Copy)]
struct Vector {
    time: u64,
    first: u16,
    row: u16,
    on: bool,
    last: u16,
    mask: u32,
}

impl WordWriter {
    /// Words of `format`.
    #[must_use]
    pub const fn new(format: EventFormat) -> Self {
        Self { format, bytes: Vec::new(), time: None, row: None, open: None }
    }

    /// The format of the words.
    #[must_use]
    pub const fn format(&self) -> EventFormat {
        self.format
    }

    /// Bytes that the events so far make, and more that a further one may add.
    #[must_use]
    pub const fn longest_with_one_more(&self) -> usize {
        self.bytes.len() + 3 * 8
    }

    /// Says what time it is, and nothing else: the camera lives and sees nothing.
    pub fn write_time(&mut self, time: u64) {
        self.close_vector();
        match self.format {
            EventFormat::Evt2 => self.put32(0x8 << 28 | bits32(time >> 6, 28)),
            EventFormat::Evt21 | EventFormat::Evt21Legacy => {
                self.put64(0x8 << 28 | bits32(time >> 6, 28), 0);
            }
            EventFormat::Evt3 => {
                self.put16(0x8000 | bits16(time >> 12));
                self.put16(0x6000 | bits16(time));
            }
        }
        self.time = Some(time);
    }

    /// Writes an event that happens at device time `time`; its own `t` is not looked at.
    pub fn write_event(&mut self, time: u64, event: &Event) {
        match self.format {
            EventFormat::Evt2 => {
                self.set_time(time);
                let kind = u32::from(event.on) << 28;
                self.put32(kind | low6(time) | u32::from(event.x) << 11 | u32::from(event.y));
            }
            EventFormat::Evt21 | EventFormat::Evt21Legacy => self.add_to_vector(time, event),
            EventFormat::Evt3 => {
                self.set_time(time);
                if self.row != Some(event.y) {
                    self.put16(event.y & 0x7FF);
                    self.row = Some(event.y);
                }
                self.put16(0x2000 | u16::from(event.on) << 11 | event.x & 0x7FF);
            }
        }
    }

    /// Writes an edge on a trigger input that happens at device time `time`.
    pub fn write_trigger(&mut self, time: u64, trigger: &Trigger) {
        self.close_vector();
        self.set_time(time);
        let (id, rising) = (u32::from(trigger.id), u32::from(trigger.rising));
        match self.format {
            EventFormat::Evt2 => self.put32(0xA << 28 | low6(time) | (id & 0x1F) << 8 | rising),
            EventFormat::Evt21 | EventFormat::Evt21Legacy => {
                self.put64(0xA << 28 | low6(time) | (id & 0x1F) << 8 | rising, 0);
            }
            EventFormat::Evt3 => {
                self.put16(0xA000 | u16::from(trigger.id & 0xF) << 8 | u16::from(trigger.rising));
            }
        }
    }

    /// Hands out the words and starts a new run.
    pub fn finish(&mut self) -> Vec<u8> {
        self.close_vector();
        (self.time, self.row) = (None, None);
        std::mem::take(&mut self.bytes)
    }

    /// Sets the part of the time that events do not carry themselves.
    fn set_time(&mut self, time: u64) {
        match self.format {
            EventFormat::Evt3 => {
                if self.time.is_none_or(|before| before >> 12 != time >> 12) {
                    self.put16(0x8000 | bits16(time >> 12));
                    self.time = None;
                }
                if self.time != Some(time) {
                    self.put16(0x6000 | bits16(time));
                    self.time = Some(time);
                }
            }
            EventFormat::Evt2 | EventFormat::Evt21 | EventFormat::Evt21Legacy => {
                if self.time.is_none_or(|before| before >> 6 != time >> 6) {
                    self.write_time(time);
                }
            }
        }
    }

    fn add_to_vector(&mut self, time: u64, event: &Event) {
        let fits = |vector: &&mut Vector| {
            (vector.time, vector.row, vector.on) == (time, event.y, event.on)
                && event.x > vector.last
                && event.x - vector.first < LANES
        };
        if let Some(vector) = self.open.as_mut().filter(fits) {
            vector.mask |= 1 << (event.x - vector.first);
            vector.last = event.x;
            return;
        }
        self.close_vector();
        self.set_time(time);
        // Real sensors align vectors.
        let first = event.x / LANES * LANES;
        let mask = 1 << (event.x - first);
        self.open = Some(Vector { time, first, row: event.y, on: event.on, last: event.x, mask });
    }

    fn close_vector(&mut self) {
        let Some(vector) = self.open.take() else { return };
        let kind = u32::from(vector.on) << 28;
        let place = u32::from(vector.first) << 11 | u32::from(vector.row);
        self.put64(kind | low6(vector.time) | place, vector.mask);
    }

    fn put16(&mut self, word: u16) {
        self.bytes.extend_from_slice(&word.to_le_bytes());
    }

    fn put32(&mut self, word: u32) {
        self.bytes.extend_from_slice(&word.to_le_bytes());
    }

    /// A word of two halves, in the order of the format.
    fn put64(&mut self, high: u32, low: u32) {
        let halves =
            if self.format == EventFormat::Evt21Legacy { [high, low] } else { [low, high] };
        halves.into_iter().for_each(|half| self.put32(half));
    }
}

/// Bits 27..22 of EVT2 words: the low six bits of the time.
fn low6(time: u64) -> u32 {
    bits32(time, 6) << 22
}

/// The low `count` bits, at most 32.
fn bits32(value: u64, count: u32) -> u32 {
    u32::try_from(value & ((1 << count) - 1)).unwrap_or(0)
}

/// The low 12 bits.
fn bits16(value: u64) -> u16 {
    u16::try_from(value & 0xFFF).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use visaged::data::{EventBatch, Geometry};
    use visaged::sensor::evt::{Decoder, Format};

    use super::*;

    const GEOMETRY: Geometry = Geometry { width: 1280, height: 720 };
    const FORMATS: [(EventFormat, Format); 4] = [
        (EventFormat::Evt2, Format::Evt2),
        (EventFormat::Evt21, Format::Evt21Little),
        (EventFormat::Evt21Legacy, Format::Evt21Legacy),
        (EventFormat::Evt3, Format::Evt3),
    ];

    /// Events of all kinds of neighbourhood: same row, same time, next word, other polarity.
    fn events() -> Vec<Event> {
        let mut random = crate::random::Random::new(3);
        let mut t = 5_000;
        let mut event = || {
            t += i64::from(random.byte() % 4) * i64::from(random.byte());
            Event {
                t,
                x: u16::from(random.byte()) * 5 + u16::from(random.byte() % 5),
                y: u16::from(random.byte() % 3) * 300,
                on: random.happens(0.5),
            }
        };
        let mut events: Vec<_> = (0..2_000).map(|_| event()).collect();
        let t = events.last().unwrap().t;
        events.extend((3..90).map(|x| Event { t, x, y: 7, on: true }));
        events
    }

    fn time_of(event: &Event) -> u64 {
        u64::try_from(event.t).unwrap()
    }

    #[test]
    fn the_decoders_of_the_daemon_read_back_what_is_written() {
        for (format, decoded_as) in FORMATS {
            let (mut writer, mut words) = (WordWriter::new(format), Vec::new());
            for run in events().chunks(97) {
                run.iter().for_each(|event| writer.write_event(time_of(event), event));
                words.extend(writer.finish());
            }
            let mut batch = EventBatch::default();
            Decoder::new(decoded_as, GEOMETRY).push(&words, &mut batch);
            assert_eq!(batch.events, events(), "{format:?}");
        }
    }

    #[test]
    fn triggers_keep_their_time_input_and_edge() {
        let trigger = Trigger { t: 70_001, id: 3, rising: true };
        for (format, decoded_as) in FORMATS {
            let mut writer = WordWriter::new(format);
            writer.write_event(69_999, &Event { t: 69_999, x: 1, y: 2, on: true });
            writer.write_trigger(70_001, &trigger);
            let mut batch = EventBatch::default();
            Decoder::new(decoded_as, GEOMETRY).push(&writer.finish(), &mut batch);
            assert_eq!(
                (batch.events.len(), &batch.triggers[..]),
                (1, &[trigger][..]),
                "{format:?}"
            );
        }
    }

    #[test]
    fn a_run_with_nothing_but_the_time_holds_no_event() {
        for (format, decoded_as) in FORMATS {
            let mut writer = WordWriter::new(format);
            writer.write_time(123_456);
            let words = writer.finish();
            assert!(words.len().is_multiple_of(format.word_len()));
            let mut batch = EventBatch::default();
            Decoder::new(decoded_as, GEOMETRY).push(&words, &mut batch);
            assert_eq!(batch, EventBatch::default(), "{format:?}");
        }
    }
}
