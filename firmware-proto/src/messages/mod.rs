//! Every message of the protocol: one `read` and one `write` each, fields in wire order.

mod config;
mod control;
mod event;
mod hello;
mod radar;
mod time;

pub use config::{Config, ConfigBody, EventConfig, RadarConfig};
pub use control::{Ack, Log, LogLevel, Nak, NakReason};
pub use event::{EventBlock, EventFormat, SensorEvent, SensorEventKind, Source};
pub use hello::{Hello, HelloRequest, capability};
pub use radar::{FrameEnd, RadarSlice, frame_flag};
pub use time::{TimeReply, TimeRequest};

use crate::fields::{FieldReader, FieldWriter};
use crate::refusal::Refusal;

/// An enumerated byte of the wire: unknown values are refused, never guessed.
macro_rules! wire_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$value_doc:meta])* $value:ident = $code:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum $name { $($(#[$value_doc])* $value = $code,)* }

        impl $name {
            /// The byte on the wire.
            #[must_use]
            pub const fn code(self) -> u8 {
                self as u8
            }

            pub(crate) const fn from_code(code: u8) -> Result<Self, $crate::refusal::Refusal> {
                match code {
                    $($code => Ok(Self::$value),)*
                    _ => Err($crate::refusal::Refusal::UnknownValue),
                }
            }
        }
    };
}
pub(crate) use wire_enum;

/// The type byte of every message.
pub mod message_type {
    /// [`Hello`](super::Hello), device to host.
    pub const HELLO: u8 = 0x01;
    /// [`HelloRequest`](super::HelloRequest), host to device.
    pub const HELLO_REQUEST: u8 = 0x02;
    /// [`Config`](super::Config), both ways.
    pub const CONFIG: u8 = 0x03;
    /// [`TimeRequest`](super::TimeRequest), host to device.
    pub const TIME_REQUEST: u8 = 0x04;
    /// [`TimeReply`](super::TimeReply), device to host.
    pub const TIME_REPLY: u8 = 0x05;
    /// [`Log`](super::Log), device to host.
    pub const LOG: u8 = 0x06;
    /// [`Ack`](super::Ack), device to host.
    pub const ACK: u8 = 0x07;
    /// [`Nak`](super::Nak), device to host.
    pub const NAK: u8 = 0x08;
    /// [`RadarSlice`](super::RadarSlice), device to host.
    pub const RADAR_SLICE: u8 = 0x10;
    /// [`FrameEnd`](super::FrameEnd), device to host.
    pub const FRAME_END: u8 = 0x11;
    /// [`EventBlock`](super::EventBlock), device to host.
    pub const EVENT_BLOCK: u8 = 0x20;
    /// [`SensorEvent`](super::SensorEvent), device to host.
    pub const SENSOR_EVENT: u8 = 0x21;
}

/// What a frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message<'a> {
    /// Who the device is.
    Hello(Hello),
    /// The host asks who is there.
    HelloRequest(HelloRequest),
    /// How a sensor is set.
    Config(Config),
    /// The host asks for the device time.
    TimeRequest(TimeRequest),
    /// The device time.
    TimeReply(TimeReply),
    /// A line for humans.
    Log(Log<'a>),
    /// A control message was carried out.
    Ack(Ack),
    /// A control message was not carried out.
    Nak(Nak),
    /// Some chirps of a radar frame.
    RadarSlice(RadarSlice<'a>),
    /// The end of a radar frame.
    FrameEnd(FrameEnd),
    /// Event-camera words.
    EventBlock(EventBlock<'a>),
    /// Something that breaks the flow of samples.
    SensorEvent(SensorEvent),
}

impl<'a> Message<'a> {
    /// The type byte.
    #[must_use]
    pub const fn kind(&self) -> u8 {
        match self {
            Self::Hello(_) => message_type::HELLO,
            Self::HelloRequest(_) => message_type::HELLO_REQUEST,
            Self::Config(_) => message_type::CONFIG,
            Self::TimeRequest(_) => message_type::TIME_REQUEST,
            Self::TimeReply(_) => message_type::TIME_REPLY,
            Self::Log(_) => message_type::LOG,
            Self::Ack(_) => message_type::ACK,
            Self::Nak(_) => message_type::NAK,
            Self::RadarSlice(_) => message_type::RADAR_SLICE,
            Self::FrameEnd(_) => message_type::FRAME_END,
            Self::EventBlock(_) => message_type::EVENT_BLOCK,
            Self::SensorEvent(_) => message_type::SENSOR_EVENT,
        }
    }

    /// Reads a payload; bytes behind the known fields are a later version's and ignored.
    pub(crate) fn read(kind: u8, payload: &'a [u8]) -> Result<Self, Refusal> {
        let fields = &mut FieldReader::new(payload);
        Ok(match kind {
            message_type::HELLO => Self::Hello(Hello::read(fields)?),
            message_type::HELLO_REQUEST => Self::HelloRequest(HelloRequest::read(fields)?),
            message_type::CONFIG => Self::Config(Config::read(fields)?),
            message_type::TIME_REQUEST => Self::TimeRequest(TimeRequest::read(fields)?),
            message_type::TIME_REPLY => Self::TimeReply(TimeReply::read(fields)?),
            message_type::LOG => Self::Log(Log::read(fields)?),
            message_type::ACK => Self::Ack(Ack::read(fields)?),
            message_type::NAK => Self::Nak(Nak::read(fields)?),
            message_type::RADAR_SLICE => Self::RadarSlice(RadarSlice::read(fields)?),
            message_type::FRAME_END => Self::FrameEnd(FrameEnd::read(fields)?),
            message_type::EVENT_BLOCK => Self::EventBlock(EventBlock::read(fields)?),
            message_type::SENSOR_EVENT => Self::SensorEvent(SensorEvent::read(fields)?),
            _ => return Err(Refusal::UnknownType),
        })
    }

    pub(crate) fn write(&self, fields: &mut FieldWriter<'_>) {
        match self {
            Self::Hello(message) => message.write(fields),
            Self::HelloRequest(message) => message.write(fields),
            Self::Config(message) => message.write(fields),
            Self::TimeRequest(message) => message.write(fields),
            Self::TimeReply(message) => message.write(fields),
            Self::Log(message) => message.write(fields),
            Self::Ack(message) => message.write(fields),
            Self::Nak(message) => message.write(fields),
            Self::RadarSlice(message) => message.write(fields),
            Self::FrameEnd(message) => message.write(fields),
            Self::EventBlock(message) => message.write(fields),
            Self::SensorEvent(message) => message.write(fields),
        }
    }
}
