//! What a host may ask of a board, and the answers.

use firmware_proto::{
    Ack, Config, ConfigBody, Frame, Log, LogLevel, Message, Nak, NakReason, capability,
};

use super::BoardOptions;

/// Serial number of every virtual board: `vdev` in ASCII.
pub(super) const BOARD_ID: u64 = 0x7664_6576;

/// A host's request.
#[derive(Debug, Clone, Copy)]
pub(super) enum Request {
    /// Who is there?
    Hello { nonce: [u8; 16] },
    /// What time is it?
    Time { host_send_ns: u64 },
    /// Run with these settings.
    Config { wish: ConfigBody, to: Ack },
}

impl Request {
    /// The request in `frame`, if it is one.
    pub(super) fn of(frame: &Frame<'_>) -> Option<Self> {
        match frame.message {
            Message::HelloRequest(request) => Some(Self::Hello { nonce: request.nonce }),
            Message::TimeRequest(request) => {
                Some(Self::Time { host_send_ns: request.host_send_ns })
            }
            Message::Config(Config { body, .. }) => {
                let to = Ack {
                    acked_type: frame.message.kind(),
                    acked_stream: frame.header.stream,
                    acked_sequence: frame.header.sequence,
                };
                Some(Self::Config { wish: body, to })
            }
            _ => None, // only devices send the rest
        }
    }
}

/// What the sensor runs with.
pub(super) const fn config_message(config: Config) -> Message<'static> {
    Message::Config(config)
}

/// `Ack`, or `Nak` for values that the recording does not have.
pub(super) const fn verdict(applied: bool, to: Ack) -> Message<'static> {
    if applied { Message::Ack(to) } else { Message::Nak(Nak { to, reason: NakReason::BadValue }) }
}

/// A line for humans.
pub(super) const fn log(text: &'static [u8]) -> Message<'static> {
    Message::Log(Log { level: LogLevel::Info, text })
}

/// What any board can do.
pub(super) const fn capabilities(options: &BoardOptions) -> u32 {
    capability::CONFIG | if options.key.is_some() { capability::AUTH } else { 0 }
}
