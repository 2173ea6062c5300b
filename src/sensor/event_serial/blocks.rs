//! Blocks of words to events, across blocks and not across what is missing between them.

use firmware_proto::{
    ConfigBody, EventBlock, Frame, Message, SensorEvent, SensorEventKind, Source, TimeReply,
    capability,
};

use super::camera_clock::CameraClock;
use super::settings::{CameraSettings, differences, on_the_wire};
use crate::data::{Counts, EventBatch, Geometry, Notice, Reading, TimeAnswer};
use crate::sensor::evt::Decoder;
use crate::sensor::serial::{Difference, Instrument, stamp};
use crate::units::Stamp;

/// Information about the sensor's own rate control; no loss of ours.
const NO_LOSS: [&str; 2] = ["erc-events-in", "erc-events-out"];

/// The camera end of a session.
#[derive(Debug)]
pub struct Blocks {
    settings: CameraSettings,
    config_id: Option<u16>,
    decoder: Decoder,
    clock: CameraClock,
    /// What earlier decoders refused.
    earlier: Counts,
    tally: Tally,
}

/// What is refused or told beside what the decoder counts.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    /// Blocks taken with another configuration than the one the device has told.
    other_config: u64,
    /// Blocks of another format or geometry than the configured one.
    wrong_format: u64,
    /// What the device said about its sensor.
    overflows: u64,
    sensor_restarts: u64,
    dropped_words: u64,
}

impl Blocks {
    /// For a camera that must be set as `settings` say.
    #[must_use]
    pub fn new(settings: CameraSettings) -> Self {
        Self {
            settings,
            config_id: None,
            decoder: Decoder::new(settings.format, settings.geometry),
            clock: CameraClock::default(),
            earlier: Counts::default(),
            tally: Tally::default(),
        }
    }

    /// The camera's time begins anew; what is counted stays.
    fn begin_anew(&mut self) {
        self.earlier.merge(&self.decoder.tally().counts());
        self.decoder = Decoder::new(self.settings.format, self.settings.geometry);
        self.clock = CameraClock::default();
    }

    fn block(&mut self, block: &EventBlock<'_>, board_us: u64) -> Option<Reading> {
        let Geometry { width, height } = self.settings.geometry;
        let format = on_the_wire(self.settings.format);
        let refusal = if self.config_id != Some(block.config_id) {
            &mut self.tally.other_config
        } else if (block.format, block.width, block.height) != (format, width, height) {
            &mut self.tally.wrong_format
        } else {
            let mut batch = EventBatch::default();
            self.decoder.push(block.words, &mut batch);
            if let Some(first) = batch.events.first() {
                self.clock.observe(board_us, first.t);
            }
            return Some(Reading::Events(batch));
        };
        *refusal += 1;
        self.decoder.gap();
        None
    }

    /// What the device says about its camera breaks the stream of words.
    fn sensor_event(&mut self, event: &SensorEvent) -> Option<Reading> {
        match event.kind {
            SensorEventKind::Overflow => self.tally.overflows += 1,
            SensorEventKind::Dropped => {}
            SensorEventKind::Restart => {
                self.tally.sensor_restarts += 1;
                self.begin_anew();
                return Some(Reading::Notice(Notice::Restarted));
            }
        }
        self.tally.dropped_words += u64::from(event.count);
        self.decoder.gap();
        None
    }
}

impl Instrument for Blocks {
    const NAME: &'static str = "event camera";
    const STREAM: u8 = 2;
    const CAPABILITY: u32 = capability::EVENTS;

    fn wanted(&self, actual: &ConfigBody) -> Option<ConfigBody> {
        match actual {
            ConfigBody::Event(actual) => Some(self.settings.wanted(actual)),
            ConfigBody::Radar(_) => None,
        }
    }

    fn differences(wanted: &ConfigBody, actual: &ConfigBody) -> Vec<Difference> {
        match (wanted, actual) {
            (ConfigBody::Event(wanted), ConfigBody::Event(actual)) => differences(wanted, actual),
            _ => Vec::new(),
        }
    }

    fn configured(&mut self, config_id: u16) {
        self.config_id = Some(config_id);
    }

    fn take(&mut self, frame: &Frame<'_>) -> Option<Reading> {
        match &frame.message {
            Message::EventBlock(block) => self.block(block, frame.header.time_us),
            Message::SensorEvent(event) if event.source == Source::Event => {
                self.sensor_event(event)
            }
            _ => None,
        }
    }

    fn gap(&mut self) {
        self.decoder.gap();
    }

    fn restart(&mut self) {
        self.begin_anew();
        self.config_id = None;
    }

    /// The time in words wraps, in EVT3 every 16.8 s: after a pause it is not known any more.
    fn disconnected(&mut self) -> bool {
        let had_time = self.clock.camera_time(0).is_some();
        self.begin_anew();
        had_time
    }

    fn answer(&self, reply: &TimeReply) -> Option<TimeAnswer> {
        let camera = |board| self.clock.camera_time(board).map(Stamp::from_micros);
        Some(TimeAnswer {
            host_sent: stamp(reply.host_send_ns / 1_000),
            device_received: camera(reply.device_receive_us)?,
            device_sent: camera(reply.device_send_us)?,
        })
    }

    fn count(&self, counts: &mut Counts) {
        let mut decoded = self.earlier.clone();
        decoded.merge(&self.decoder.tally().counts());
        for (reason, n) in decoded.iter().filter(|(reason, _)| !NO_LOSS.contains(reason)) {
            counts.add(reason.to_owned(), n);
        }
        for (reason, n) in [
            ("block-of-other-config", self.tally.other_config),
            ("block-of-wrong-format", self.tally.wrong_format),
            ("sensor-overflows", self.tally.overflows),
            ("sensor-restarts", self.tally.sensor_restarts),
            ("device-dropped-words", self.tally.dropped_words),
        ] {
            counts.add(reason, n);
        }
    }
}
