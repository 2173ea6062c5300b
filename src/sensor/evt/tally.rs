//! What the decoders saw besides the events they delivered.

use crate::data::Counts;

/// Counts of one stream since its start. Each field is published under the kebab-case reason that
/// [`Tally::counts`] gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Events delivered. Not a loss, and not published.
    pub delivered: u64,
    /// Events dropped because no `TIME_HIGH` came before them: their time is unknown.
    pub before_time_high: u64,
    /// Triggers dropped for the same reason.
    pub trigger_before_time_high: u64,
    /// Events dropped because no `ADDR_Y` came before them (EVT3).
    pub before_addr_y: u64,
    /// Vector events dropped because no `VECT_BASE_X` came before them (EVT3).
    pub before_vector_base: u64,
    /// Events dropped because their column lies beyond the sensor.
    pub x_beyond_width: u64,
    /// Events dropped because their row lies beyond the sensor; their column is not looked at.
    pub y_beyond_height: u64,
    /// `ADDR_Y` words of a slave camera (EVT3).
    pub slave_words: u64,
    /// Events dropped because they belong to a slave camera (EVT3).
    pub slave_events: u64,
    /// Words of unused or unknown type, skipped.
    pub unknown_words: u64,
    /// `CONTINUED` words that follow no `OTHERS`, skipped.
    pub stray_continued: u64,
    /// `OTHERS` words by which the sensor says that it dropped something (EVT3).
    pub sensor_drop_marks: u64,
    /// `TIME_HIGH` words that fell by less than half their range. Nothing is dropped.
    pub time_high_went_back: u64,
    /// `TIME_LOW` words below the one before, under the same `TIME_HIGH` (EVT3). Nothing is
    /// dropped; real sensors do this between events.
    pub time_low_went_back: u64,
    /// Events and triggers delivered with a time before that of the one before of their kind.
    pub time_went_back: u64,
    /// Bytes of an unfinished word at the end of the stream.
    pub trailing_bytes: u64,
    /// The sensor's own event count before its rate control (ERC, `OTHERS` 0x14), summed.
    pub erc_in: u64,
    /// The sensor's own event count after its rate control (ERC, `OTHERS` 0x16), summed.
    pub erc_out: u64,
    /// Events that the sensor counted but we did not see, or the reverse. Set at the end.
    pub erc_mismatch: u64,
}

/// `OTHERS` subtype: events before rate control.
pub(crate) const ERC_IN: u16 = 0x14;
/// `OTHERS` subtype: events after rate control.
pub(crate) const ERC_OUT: u16 = 0x16;

impl Tally {
    /// Events in the stream, delivered or dropped.
    #[must_use]
    pub const fn seen(&self) -> u64 {
        self.delivered
            + self.before_time_high
            + self.before_addr_y
            + self.before_vector_base
            + self.x_beyond_width
            + self.y_beyond_height
            + self.slave_events
    }

    /// Adds a part of a sensor counter; other subtypes are no counters.
    pub(crate) const fn add_erc(&mut self, subtype: u16, part: u64) {
        match subtype {
            ERC_IN => self.erc_in = self.erc_in.saturating_add(part),
            ERC_OUT => self.erc_out = self.erc_out.saturating_add(part),
            _ => {}
        }
    }

    /// Counts `events` off the sensor: in a row below it, or else in a column beyond it.
    #[cold]
    pub(crate) const fn refuse_pixel(&mut self, row: bool, events: u64) {
        let reason = if row { &mut self.y_beyond_height } else { &mut self.x_beyond_width };
        *reason += events;
    }

    /// Ends the stream with `held` bytes of an unfinished word, and compares what was seen with
    /// what the sensor counted, if it counted.
    pub(crate) const fn close(&mut self, held: usize) {
        self.trailing_bytes = held as u64;
        if self.erc_out > 0 {
            self.erc_mismatch = self.erc_out.abs_diff(self.seen());
        }
    }

    /// The counts by reason. `erc-events-in` and `erc-events-out` are information, all others are
    /// losses or oddities.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for (reason, n) in [
            ("before-first-time-high", self.before_time_high),
            ("trigger-before-first-time-high", self.trigger_before_time_high),
            ("before-first-addr-y", self.before_addr_y),
            ("vector-before-first-base", self.before_vector_base),
            ("x-beyond-width", self.x_beyond_width),
            ("y-beyond-height", self.y_beyond_height),
            ("slave-addr-y-words", self.slave_words),
            ("slave-events", self.slave_events),
            ("unknown-words", self.unknown_words),
            ("stray-continued-words", self.stray_continued),
            ("sensor-drop-marks", self.sensor_drop_marks),
            ("time-high-went-back", self.time_high_went_back),
            ("time-low-went-back", self.time_low_went_back),
            ("time-went-back", self.time_went_back),
            ("trailing-bytes", self.trailing_bytes),
            ("erc-events-in", self.erc_in),
            ("erc-events-out", self.erc_out),
            ("erc-dropped-by-sensor", self.erc_in.saturating_sub(self.erc_out)),
            ("erc-events-mismatch", self.erc_mismatch),
        ] {
            counts.add(reason, n);
        }
        counts
    }
}
