//! The protocol without a port and without a clock: bytes in, readings and bytes to send out.

use firmware_proto::{Decoder, Frame, LogLevel, Message, NakReason, Nonce, Refusal, Verifier};

use super::handshake::{Handshake, Meeting};
use super::instrument::{Difference, Instrument, list};
use super::key::Key;
use super::traffic::{Traffic, Turn};
use crate::data::{Counts, Loss, Notice, Reading};
use crate::units::{HostClock, Stamp};

/// Why a board cannot be used as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It speaks another major version.
    #[error(
        "speaks version {}.{} of the protocol, this program {}.{}",
        device.0, device.1, host.0, host.1
    )]
    Version {
        /// Major and minor.
        device: (u8, u8),
        /// Major and minor.
        host: (u8, u8),
    },
    /// It calls other fields by the same version.
    #[error("has messages of the schema {device:08x}, this program of {host:08x}")]
    Schema {
        /// CRC-32C of its `schema.txt`.
        device: u32,
        /// CRC-32C of ours.
        host: u32,
    },
    /// It has no such sensor.
    #[error("has no {name}")]
    Incapable {
        /// What was looked for.
        name: &'static str,
    },
    /// It runs with another configuration, after it was asked if it can be.
    #[error("runs with another configuration: {}", list(differences))]
    Configuration {
        /// Setting by setting.
        differences: Vec<Difference>,
    },
    /// It does not take the configuration.
    #[error("refuses the configuration ({}): {}", reason_name(*reason), list(differences))]
    Refused {
        /// Its reason.
        reason: NakReason,
        /// What was to be changed.
        differences: Vec<Difference>,
    },
}

impl Fault {
    /// What kind of loss this is.
    #[must_use]
    pub const fn loss(&self) -> Loss {
        match self {
            Self::Version { .. } | Self::Schema { .. } => Loss::Protocol,
            Self::Incapable { .. } | Self::Configuration { .. } | Self::Refused { .. } => {
                Loss::Configuration
            }
        }
    }

    /// What to do.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Version { .. } | Self::Schema { .. } => {
                "update the older of firmware and program"
            }
            Self::Incapable { .. } => "correct `port` or `kind`, or the firmware's capabilities",
            Self::Configuration { .. } => "correct the settings, or set the device as they say",
            Self::Refused { .. } => "change the settings to values that the device can have",
        }
    }
}

const fn reason_name(reason: NakReason) -> &'static str {
    match reason {
        NakReason::Unsupported => "unsupported",
        NakReason::BadValue => "bad value",
        NakReason::Busy => "busy",
        NakReason::SensorFault => "sensor fault",
    }
}

/// A line that the board wrote for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceLog {
    /// True for errors and warnings.
    pub is_warning: bool,
    /// Its text, without control characters.
    pub text: String,
}

/// Most characters of a board's line that are kept.
const LONGEST_LINE: usize = 300;

/// What is counted here, beside decoder, traffic and instrument.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    /// Data from before the board was known and set as wanted.
    before_handshake: u64,
    /// Answers to no question for the time.
    stray_time_replies: u64,
    /// Host messages that came back: an echo.
    echoes: u64,
    log_errors: u64,
    log_warnings: u64,
}

/// A conversation with one board about one of its sensors.
///
/// [`greet`](Self::greet) begins it; whatever the port gives goes into
/// [`receive`](Self::receive), and what [`outgoing`](Self::outgoing) holds goes to the port. Board
/// and boot are remembered across a lost port, so that numbers before and after connect and losses
/// between are counted.
#[derive(Debug)]
pub struct Session<I> {
    decoder: Decoder,
    handshake: Handshake,
    traffic: Traffic,
    instrument: I,
    /// The sensor's own time could not be followed: to be told once the board is known.
    lost_time: bool,
    log: Option<DeviceLog>,
    tally: Tally,
}

impl<I: Instrument> Session<I> {
    /// A conversation that has not begun. With a key, only what carries a valid tag is believed.
    #[must_use]
    pub fn new(instrument: I, key: Option<Key>) -> Self {
        Self {
            decoder: Decoder::new(),
            handshake: Handshake::new(key),
            traffic: Traffic::default(),
            instrument,
            lost_time: false,
            log: None,
            tally: Tally::default(),
        }
    }

    /// Greets the board; `nonce` must be random and new each time.
    pub fn greet(&mut self, nonce: Nonce) {
        if let Some(key) = self.handshake.key() {
            match self.decoder.verifier() {
                Some(verifier) => verifier.renew(nonce),
                None => self.decoder.require_auth(Verifier::host(key.bytes(), nonce)),
            }
        }
        self.handshake.greet(nonce);
    }

    /// The port was lost.
    pub fn disconnect(&mut self) {
        self.decoder.reset();
        self.handshake.disconnect();
        self.lost_time |= self.instrument.disconnected();
    }

    /// Takes bytes from the front of `bytes` up to the end of the next reading; all of them if
    /// there is none.
    ///
    /// # Errors
    /// When the board cannot be used as it is. The conversation is over then.
    pub fn receive(&mut self, bytes: &mut &[u8]) -> Result<Option<Reading>, Fault> {
        let Self { decoder, handshake, traffic, instrument, lost_time, log, tally } = self;
        let mut host = Host { handshake, traffic, instrument, lost_time, log, tally };
        while let Some(found) = decoder.push(bytes) {
            // Whatever is refused is counted by the decoder.
            if let Ok(frame) = found
                && let Some(reading) = host.take(&frame)?
            {
                return Ok(Some(reading));
            }
        }
        Ok(None)
    }

    /// Asks the board for its time, now `now`, unless it is not known yet or answers nothing.
    pub fn ask_time(&mut self, now: Stamp<HostClock>) {
        self.handshake.ask_time(now);
    }

    /// Bytes to be sent; whoever sends them empties it.
    pub const fn outgoing(&mut self) -> &mut Vec<u8> {
        &mut self.handshake.outgoing
    }

    /// The newest line of the board's log, once.
    pub const fn take_log(&mut self) -> Option<DeviceLog> {
        self.log.take()
    }

    /// Valid messages so far, of whatever content: a board that sends some is alive.
    #[must_use]
    pub const fn messages(&self) -> u64 {
        self.decoder.counts().frames
    }

    /// Messages refused for want of a valid tag.
    #[must_use]
    pub const fn unauthentic(&self) -> u64 {
        self.decoder.counts().refused(Refusal::Auth)
    }

    /// True once the board has answered and its messages mean something.
    #[must_use]
    pub fn has_met(&self) -> bool {
        self.handshake.has_met()
    }

    /// True while the board runs as wanted and its data are believed.
    #[must_use]
    pub fn is_streaming(&self) -> bool {
        self.handshake.is_streaming()
    }

    /// True if nothing is believed until the board is greeted again.
    #[must_use]
    pub const fn wants_greeting(&self) -> bool {
        self.handshake.wants_greeting()
    }

    /// Everything refused, lost or odd so far, by reason.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for why in Refusal::ALL {
            counts.add(why.name(), self.decoder.counts().refused(why));
        }
        for (reason, n) in [
            ("missing-messages", self.traffic.missing),
            ("messages-out-of-turn", self.traffic.out_of_turn),
            ("before-handshake", self.tally.before_handshake),
            ("stray-time-replies", self.tally.stray_time_replies),
            ("echoed-messages", self.tally.echoes),
            ("device-log-errors", self.tally.log_errors),
            ("device-log-warnings", self.tally.log_warnings),
        ] {
            counts.add(reason, n);
        }
        self.instrument.count(&mut counts);
        counts
    }
}

/// A session without its decoder, whose buffer the frames borrow.
struct Host<'a, I> {
    handshake: &'a mut Handshake,
    traffic: &'a mut Traffic,
    instrument: &'a mut I,
    lost_time: &'a mut bool,
    log: &'a mut Option<DeviceLog>,
    tally: &'a mut Tally,
}

impl<I: Instrument> Host<'_, I> {
    fn take(&mut self, frame: &Frame<'_>) -> Result<Option<Reading>, Fault> {
        if let Message::Hello(hello) = &frame.message {
            let meeting = self.handshake.hello::<I>(hello)?;
            return Ok(self.meet(frame, meeting));
        }
        let is_data = matches!(
            frame.message,
            Message::RadarSlice(_)
                | Message::FrameEnd(_)
                | Message::EventBlock(_)
                | Message::SensorEvent(_)
        );
        if self.handshake.has_met() && !self.is_in_turn(frame) {
            return Ok(None);
        }
        if is_data {
            if self.handshake.is_streaming() {
                return Ok(self.instrument.take(frame));
            }
            self.tally.before_handshake += 1;
        } else if let Message::Log(line) = &frame.message {
            self.note(line.level, line.text);
        } else if self.handshake.has_met() {
            return self.control(&frame.message);
        }
        Ok(None)
    }

    /// Numbers of a boot just met start anew; an answer of the boot we know is one more message.
    fn meet(&mut self, frame: &Frame<'_>, meeting: Meeting) -> Option<Reading> {
        match meeting {
            Meeting::Stranger => return None,
            Meeting::Again => {}
            Meeting::First => self.traffic.restart(),
            Meeting::Anew => {
                self.traffic.restart();
                self.instrument.restart();
                *self.lost_time = true;
            }
        }
        if !self.is_in_turn(frame) {
            return None; // asked again, it is taken for a new boot
        }
        core::mem::take(self.lost_time).then_some(Reading::Notice(Notice::Restarted))
    }

    /// Follows the numbers of a frame. One that goes back may be of another boot.
    fn is_in_turn(&mut self, frame: &Frame<'_>) -> bool {
        match self.traffic.observe(&frame.header) {
            Turn::Next => {}
            Turn::AfterGap if frame.header.stream == I::STREAM => self.instrument.gap(),
            Turn::AfterGap => {}
            Turn::Wrong => {
                self.handshake.doubt();
                return false;
            }
        }
        true
    }

    /// Takes a message that is neither data nor a greeting.
    fn control(&mut self, message: &Message<'_>) -> Result<Option<Reading>, Fault> {
        match message {
            Message::Config(config) => {
                if self.handshake.config(self.instrument, config)? {
                    self.instrument.configured(config.config_id);
                }
            }
            Message::Ack(ack) => self.handshake.acknowledged(*ack),
            Message::Nak(nak) => self.handshake.refused(*nak)?,
            Message::TimeReply(reply) => {
                if self.handshake.is_answer(reply.host_send_ns) {
                    let answer = self.instrument.answer(reply);
                    return Ok(answer.map(|answer| Reading::Notice(Notice::Time(answer))));
                }
                self.tally.stray_time_replies += 1;
            }
            Message::HelloRequest(_) | Message::TimeRequest(_) => self.tally.echoes += 1,
            Message::Hello(_)
            | Message::Log(_)
            | Message::RadarSlice(_)
            | Message::FrameEnd(_)
            | Message::EventBlock(_)
            | Message::SensorEvent(_) => {}
        }
        Ok(None)
    }

    fn note(&mut self, level: LogLevel, text: &[u8]) {
        match level {
            LogLevel::Error => self.tally.log_errors += 1,
            LogLevel::Warn => self.tally.log_warnings += 1,
            LogLevel::Info | LogLevel::Debug => {}
        }
        let text = String::from_utf8_lossy(text);
        let text = text.chars().map(|c| if c.is_control() { ' ' } else { c });
        *self.log = Some(DeviceLog {
            is_warning: matches!(level, LogLevel::Error | LogLevel::Warn),
            text: text.take(LONGEST_LINE).collect(),
        });
    }
}
