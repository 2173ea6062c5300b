//! Log lines, and answers to control messages; samples are never acknowledged.

use crate::fields::{FieldReader, FieldWriter};
use crate::messages::wire_enum;
use crate::refusal::Refusal;

wire_enum! {
    /// How bad a log line is.
    LogLevel {
        /// Data was lost or a human is needed.
        Error = 1,
        /// Odd, nothing lost.
        Warn = 2,
        /// Start, stop, reopen.
        Info = 3,
        /// For the firmware engineer.
        Debug = 4,
    }
}

/// A line for humans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log<'a> {
    /// How bad.
    pub level: LogLevel,
    /// UTF-8 by agreement, unchecked.
    pub text: &'a [u8],
}

impl<'a> Log<'a> {
    pub(super) fn read(fields: &mut FieldReader<'a>) -> Result<Self, Refusal> {
        let level = LogLevel::from_code(fields.u8()?)?;
        fields.u8()?; // reserved
        let len = fields.u16()?;
        Ok(Self { level, text: fields.slice(len.into())? })
    }

    pub(super) fn write(&self, fields: &mut FieldWriter<'_>) {
        fields.u8(self.level.code());
        fields.u8(0);
        fields.u16_prefixed(self.text);
    }
}

/// The control message was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    /// Type of the answered message.
    pub acked_type: u8,
    /// Its stream.
    pub acked_stream: u8,
    /// Its sequence number.
    pub acked_sequence: u16,
}

impl Ack {
    pub(super) fn read(fields: &mut FieldReader<'_>) -> Result<Self, Refusal> {
        Ok(Self {
            acked_type: fields.u8()?,
            acked_stream: fields.u8()?,
            acked_sequence: fields.u16()?,
        })
    }

    pub(super) fn write(self, fields: &mut FieldWriter<'_>) {
        fields.u8(self.acked_type);
        fields.u8(self.acked_stream);
        fields.u16(self.acked_sequence);
    }
}

wire_enum! {
    /// Why a control message was not carried out.
    NakReason {
        /// The device does not know the type.
        Unsupported = 1,
        /// A value is outside what the sensor can do.
        BadValue = 2,
        /// Not now; try again.
        Busy = 3,
        /// The sensor refused.
        SensorFault = 4,
    }
}

/// The control message was not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nak {
    /// The answered message.
    pub to: Ack,
    /// Why.
    pub reason: NakReason,
}

impl Nak {
    pub(super) fn read(fields: &mut FieldReader<'_>) -> Result<Self, Refusal> {
        let to = Ack::read(fields)?;
        let reason = NakReason::from_code(fields.u8()?)?;
        fields.u8()?; // reserved
        Ok(Self { to, reason })
    }

    pub(super) fn write(self, fields: &mut FieldWriter<'_>) {
        self.to.write(fields);
        fields.u8(self.reason.code());
        fields.u8(0);
    }
}
