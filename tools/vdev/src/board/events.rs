//! Event words in blocks: what a board with an event camera sends.

use std::path::Path;

use firmware_proto::{
    Config, ConfigBody, EventBlock, EventConfig, EventFormat, HEADER_LEN, MAX_FRAME, Message,
    SensorEvent, SensorEventKind, Source, TAG_LEN,
};
use visaged::units::{HostClock, Micros, Stamp};

use super::sender::Sender;
use super::{Tally, Timeline};
use crate::error::Error;
use crate::tape::{EventTape, Sight};
use crate::words::WordWriter;

/// Event stream of the protocol.
const STREAM: u8 = 2;
/// Fields of a block in front of its words, and the CRC behind them.
const BLOCK_OVERHEAD: usize = HEADER_LEN + 10 + 4;
/// A camera that sees nothing still says what time it is.
const HEARTBEAT: Micros = Micros::from_millis(20);
/// Coordinates of every format have eleven bits.
const MOST_PIXELS: u16 = 2048;

/// Settings of an event board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventOptions {
    /// Words of its blocks.
    pub format: EventFormat,
    /// Recorded time of a block, unless it is full before.
    pub block: Micros,
}

impl Default for EventOptions {
    fn default() -> Self {
        Self { format: EventFormat::Evt3, block: Micros::from_millis(1) }
    }
}

/// Events of a recording on their way to the host.
pub(super) struct EventFeed {
    tape: EventTape,
    options: EventOptions,
    config_id: u16,
    biases: [i16; 5],
    /// Bytes of words that fit a block.
    room: usize,
    /// The newest recorded time that was sent.
    sent_until: Micros,
    /// Time shown by the newest block: it never goes back.
    newest_us: u64,
    pending: Option<Pending>,
    /// Words dropped and not yet told.
    lost_words: u32,
}

/// A block that waits for its time.
struct Pending {
    /// When its last event happens.
    until: Micros,
    sights: Vec<(Micros, Sight)>,
}

impl EventFeed {
    pub(super) fn open(
        path: &Path,
        round: Option<Micros>,
        options: EventOptions,
        tagged: bool,
    ) -> Result<Self, Error> {
        let tape = EventTape::open(path, round)?;
        let geometry = tape.geometry();
        if geometry.width > MOST_PIXELS || geometry.height > MOST_PIXELS {
            return Err(Error::Unfit {
                path: path.to_owned(),
                problem: format!(
                    "{} x {} pixels, the formats tell {MOST_PIXELS} apart",
                    geometry.width, geometry.height
                ),
                remedy: "play a recording of a smaller sensor",
            });
        }
        Ok(Self {
            tape,
            options,
            config_id: 1,
            biases: [0; 5],
            room: MAX_FRAME - BLOCK_OVERHEAD - if tagged { TAG_LEN } else { 0 },
            sent_until: Micros(0),
            newest_us: 0,
            pending: None,
            lost_words: 0,
        })
    }

    pub(super) fn config(&self) -> Config {
        let geometry = self.tape.geometry();
        let body = ConfigBody::Event(EventConfig {
            format: self.options.format,
            width: geometry.width,
            height: geometry.height,
            sensor_model: 0,
            biases: self.biases,
        });
        Config { config_id: self.config_id, body }
    }

    /// A virtual camera takes over format and biases, and cannot have other pixels.
    pub(super) fn apply(&mut self, wish: &ConfigBody) -> bool {
        let ConfigBody::Event(wish) = wish else { return false };
        let geometry = self.tape.geometry();
        if (wish.width, wish.height) != (geometry.width, geometry.height) {
            return false;
        }
        if (wish.format, wish.biases) != (self.options.format, self.biases) {
            (self.options.format, self.biases) = (wish.format, wish.biases);
            self.config_id = self.config_id.wrapping_add(1);
            // What was gathered may be too long for a block of the new words.
            if let Some(pending) = self.pending.take() {
                self.tape.put_back(pending.sights);
            }
        }
        true
    }

    pub(super) const fn reboot(&mut self) {
        self.newest_us = 0;
        self.lost_words = 0;
    }

    /// When the next block is whole, or the next heartbeat due.
    pub(super) fn next_due(
        &mut self,
        line: &Timeline<'_>,
    ) -> Result<Option<Stamp<HostClock>>, Error> {
        if self.pending.is_none() {
            self.pending = self.gather(line)?;
        }
        Ok(self.pending.as_ref().and_then(|pending| line.stage.host_time(pending.until)))
    }

    /// The sights of the next block.
    fn gather(&mut self, line: &Timeline<'_>) -> Result<Option<Pending>, Error> {
        let Some((first, _)) = self.tape.peek()? else { return Ok(None) };
        let beat = Micros(self.sent_until.0 + HEARTBEAT.0);
        if first > beat {
            return Ok(Some(Pending { until: beat, sights: Vec::new() }));
        }
        let end = Micros(first.0 + self.options.block.0);
        let mut writer = WordWriter::new(self.options.format);
        let (mut until, mut sights) = (first, Vec::new());
        while let Some((at, sight)) = self.tape.peek()? {
            if at >= end || writer.longest_with_one_more() > self.room {
                break;
            }
            write(&mut writer, device_time(line, at), &sight);
            until = until.max(at);
            sights.push((at, sight));
            self.tape.take();
        }
        Ok(Some(Pending { until, sights }))
    }

    /// Sends the block that is whole, or drops it when nobody listens or the ring is full.
    pub(super) fn step(
        &mut self,
        line: &Timeline<'_>,
        sender: Option<&mut Sender>,
        tally: &mut Tally,
    ) {
        let Some(Pending { until, sights }) = self.pending.take() else { return };
        self.sent_until = self.sent_until.max(until);
        let events =
            sights.iter().filter(|(_, sight)| matches!(sight, Sight::Event(_))).count() as u64;
        // Written anew: the format or the clock may have changed since it was gathered.
        let words = self.words(line, until, &sights);
        let Some(sender) = sender else {
            tally.events_dropped += events;
            return;
        };
        if !sender.has_room_for(2 * MAX_FRAME) {
            let lost = words.len() / self.options.format.word_len();
            self.lost_words =
                self.lost_words.saturating_add(u32::try_from(lost).unwrap_or(u32::MAX));
            tally.events_dropped += events;
            return;
        }
        let first = sights.first().map_or(until, |&(at, _)| at);
        self.newest_us = self.newest_us.max(device_time(line, first));
        self.tell_loss(sender);
        let geometry = self.tape.geometry();
        let block = EventBlock {
            config_id: self.config_id,
            format: self.options.format,
            width: geometry.width,
            height: geometry.height,
            words: &words,
        };
        sender.send(STREAM, self.newest_us, &Message::EventBlock(block));
        tally.blocks += 1;
        tally.events += events;
    }

    fn words(&self, line: &Timeline<'_>, until: Micros, sights: &[(Micros, Sight)]) -> Vec<u8> {
        let mut writer = WordWriter::new(self.options.format);
        if sights.is_empty() {
            writer.write_time(device_time(line, until));
        }
        for (at, sight) in sights {
            write(&mut writer, device_time(line, *at), sight);
        }
        writer.finish()
    }

    /// Says what was dropped before the next block, so that its words are known not to connect.
    fn tell_loss(&mut self, sender: &mut Sender) {
        let count = std::mem::take(&mut self.lost_words);
        if count > 0 {
            let (kind, source) = (SensorEventKind::Dropped, Source::Event);
            let event = SensorEvent { kind, source, count, frame_number: 0 };
            sender.send(STREAM, self.newest_us, &Message::SensorEvent(event));
        }
    }
}

fn device_time(line: &Timeline<'_>, recorded: Micros) -> u64 {
    line.stage.host_time(recorded).map_or(0, |host| line.clock.at(host))
}

fn write(writer: &mut WordWriter, time: u64, sight: &Sight) {
    match sight {
        Sight::Event(event) => writer.write_event(time, event),
        Sight::Trigger(trigger) => writer.write_trigger(time, trigger),
    }
}
