//! Event-camera words as the chip made them, and what breaks the flow of samples.

use crate::fields::{FieldReader, FieldWriter};
use crate::messages::wire_enum;
use crate::refusal::Refusal;

wire_enum! {
    /// Word format of an event sensor. All words are little-endian.
    EventFormat {
        /// EVT2.0, 32-bit words.
        Evt2 = 1,
        /// EVT2.1, 64-bit words, type in the high half (order of the `GenX320`).
        Evt21 = 2,
        /// EVT2.1, 64-bit words with swapped halves (order of the IMX636).
        Evt21Legacy = 3,
        /// EVT3.0, 16-bit words with state across blocks.
        Evt3 = 4,
    }
}

impl EventFormat {
    /// Bytes of one word.
    #[must_use]
    pub const fn word_len(self) -> usize {
        match self {
            Self::Evt2 => 4,
            Self::Evt21 | Self::Evt21Legacy => 8,
            Self::Evt3 => 2,
        }
    }
}

/// A run of whole words; the words of consecutive blocks form one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventBlock<'a> {
    /// The configuration the words were taken with.
    pub config_id: u16,
    /// Word format.
    pub format: EventFormat,
    /// Pixels per row of the sensor.
    pub width: u16,
    /// Rows of the sensor.
    pub height: u16,
    /// Whole words.
    pub words: &'a [u8],
}

impl<'a> EventBlock<'a> {
    pub(super) fn read(fields: &mut FieldReader<'a>) -> Result<Self, Refusal> {
        let config_id = fields.u16()?;
        let format = EventFormat::from_code(fields.u8()?)?;
        fields.u8()?; // reserved
        let (width, height) = (fields.u16()?, fields.u16()?);
        let len = usize::from(fields.u16()?);
        let words = fields.slice(len)?;
        if !len.is_multiple_of(format.word_len()) {
            return Err(Refusal::UnknownValue);
        }
        Ok(Self { config_id, format, width, height, words })
    }

    pub(super) fn write(&self, fields: &mut FieldWriter<'_>) {
        fields.u16(self.config_id);
        fields.u8(self.format.code());
        fields.u8(0);
        fields.u16(self.width);
        fields.u16(self.height);
        fields.u16_prefixed(self.words);
    }
}

wire_enum! {
    /// What broke the flow.
    SensorEventKind {
        /// The sensor's FIFO or the device's ring ran over.
        Overflow = 1,
        /// Acquisition started anew: stamps and states before it do not connect to those after.
        Restart = 2,
        /// Whole frames or event words were dropped on purpose.
        Dropped = 3,
    }
}

wire_enum! {
    /// Which sensor of the device.
    Source {
        /// The radar.
        Radar = 1,
        /// The event camera.
        Event = 2,
    }
}

/// Something that breaks the flow of samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SensorEvent {
    /// What happened.
    pub kind: SensorEventKind,
    /// To which sensor.
    pub source: Source,
    /// Radar frames or event words lost by it; 0 when the device cannot tell.
    pub count: u32,
    /// The first radar frame after it; 0 for the event camera.
    pub frame_number: u32,
}

impl SensorEvent {
    pub(super) fn read(fields: &mut FieldReader<'_>) -> Result<Self, Refusal> {
        let kind = SensorEventKind::from_code(fields.u8()?)?;
        let source = Source::from_code(fields.u8()?)?;
        fields.u16()?; // reserved
        Ok(Self { kind, source, count: fields.u32()?, frame_number: fields.u32()? })
    }

    pub(super) fn write(&self, fields: &mut FieldWriter<'_>) {
        fields.u8(self.kind.code());
        fields.u8(self.source.code());
        fields.u16(0);
        fields.u32(self.count);
        fields.u32(self.frame_number);
    }
}
