//! A virtual sensor board that speaks firmware-proto: bytes in, bytes out, and the time by argument.
//!
//! It does what `firmware-proto/README.md` asks of firmware, so what a host gets from it is what a
//! careful firmware team would send. Nothing here sleeps, reads a clock or opens a port: the thread
//! in [`serial`](crate::serial) does, and tests drive the board as fast as they like.

mod control;
mod events;
mod radar;
mod sender;

use std::path::Path;
use std::sync::Arc;

use firmware_proto::{Decoder, Direction, Hello, Signer, TimeReply, Verifier};
use visaged::units::{HostClock, Micros, Stamp};

use crate::error::Error;
use crate::line::Faults;
use crate::random::Random;
use crate::timing::{DeviceClock, Stage};

pub use events::EventOptions;
pub use radar::{RadarOptions, SampleEncoding};

use control::Request;
use events::EventFeed;
use radar::RadarFeed;
use sender::Sender;

/// Largest frame the board can receive: host requests are short.
const RECEIVE: usize = 128;
/// Control stream of the protocol.
const CONTROL: u8 = 0;

/// What every board can be told.
#[derive(Debug, Clone)]
pub struct BoardOptions {
    /// What its clock shows when it is made.
    pub clock_offset: Micros,
    /// Microseconds that its clock gains in a second.
    pub drift_ppm: f64,
    /// Signs frames with this key and wants signed requests.
    pub key: Option<[u8; 32]>,
    /// The wire between it and the host.
    pub faults: Faults,
    /// Bytes that may wait for a host that does not read.
    pub ring: usize,
}

impl Default for BoardOptions {
    fn default() -> Self {
        Self {
            clock_offset: Micros(1_000_000),
            drift_ppm: 0.0,
            key: None,
            faults: Faults::default(),
            ring: 128 << 10,
        }
    }
}

/// What a board did so far, all boots together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Radar frames that were sent whole.
    pub frames: u64,
    /// Radar frames that were acquired while nobody listened or the ring was full.
    pub frames_dropped: u64,
    /// Event blocks sent, those that only say the time included.
    pub blocks: u64,
    /// Events sent.
    pub events: u64,
    /// Events that happened while nobody listened or the ring was full.
    pub events_dropped: u64,
    /// Bytes that went over the wire.
    pub bytes: u64,
    /// Bytes that the wire changed.
    pub flipped: u64,
}

/// What the board measures with.
enum Feed {
    Radar(Box<RadarFeed>),
    Events(Box<EventFeed>),
}

/// When things happen, for feeds.
struct Timeline<'a> {
    stage: &'a Stage,
    clock: &'a DeviceClock,
}

/// A virtual sensor board.
pub struct Board {
    stage: Arc<Stage>,
    clock: DeviceClock,
    options: BoardOptions,
    random: Random,
    boot_id: u64,
    decoder: Decoder<RECEIVE>,
    sender: Sender,
    feed: Feed,
    /// Somebody asked who is there, and has not gone.
    streaming: bool,
    /// It stands on the stage.
    entered: bool,
    tally: Tally,
}

impl Board {
    /// A radar that plays `recording`, for ever if `round` says how long a round is.
    ///
    /// # Errors
    /// When the recording cannot be read or its samples do not fit the protocol.
    pub fn radar(
        recording: &Path,
        round: Option<Micros>,
        stage: Arc<Stage>,
        now: Stamp<HostClock>,
        (options, radar): (BoardOptions, RadarOptions),
    ) -> Result<Self, Error> {
        let feed = RadarFeed::open(recording, round, radar, options.key.is_some())?;
        Ok(Self::new(Feed::Radar(Box::new(feed)), stage, now, options))
    }

    /// An event camera that plays `recording`, for ever if `round` says how long a round is.
    ///
    /// # Errors
    /// When the recording cannot be read or has more pixels than the format can tell.
    pub fn events(
        recording: &Path,
        round: Option<Micros>,
        stage: Arc<Stage>,
        now: Stamp<HostClock>,
        (options, events): (BoardOptions, EventOptions),
    ) -> Result<Self, Error> {
        let feed = EventFeed::open(recording, round, events, options.key.is_some())?;
        Ok(Self::new(Feed::Events(Box::new(feed)), stage, now, options))
    }

    fn new(feed: Feed, stage: Arc<Stage>, now: Stamp<HostClock>, options: BoardOptions) -> Self {
        // Two boards of one seed must not be twins, nor two starts of one board.
        let kind = u64::from(matches!(feed, Feed::Events(_)));
        let mut random = Random::new(options.faults.seed.wrapping_add(kind));
        let boot_id = random.bits() ^ now.as_micros().cast_unsigned();
        let mut board = Self {
            clock: DeviceClock::new(now, options.clock_offset, options.drift_ppm),
            sender: Sender::new(options.faults, options.ring),
            stage,
            random,
            boot_id,
            decoder: Decoder::new(),
            feed,
            streaming: false,
            entered: false,
            tally: Tally::default(),
            options,
        };
        board.lock_the_door();
        board
    }

    /// What its sensor runs with.
    #[must_use]
    pub fn config(&self) -> firmware_proto::Config {
        self.feed.config()
    }

    /// How long after its start a radar frame is stamped; zero for a camera.
    #[must_use]
    pub fn stamp_delay(&self) -> Micros {
        match &self.feed {
            Feed::Radar(radar) => radar.stamp_delay(),
            Feed::Events(_) => Micros(0),
        }
    }

    /// Loses its power and gets it back: a new boot id, a clock at zero, numbers from zero.
    pub fn reboot(&mut self, now: Stamp<HostClock>) {
        self.clock = self.clock.reboot(now);
        self.boot_id = self.random.bits() ^ now.as_micros().cast_unsigned();
        self.decoder = Decoder::new();
        self.sender.reboot();
        self.streaming = false;
        self.lock_the_door();
        match &mut self.feed {
            Feed::Radar(radar) => radar.reboot(&mut self.tally),
            Feed::Events(events) => events.reboot(),
        }
    }

    /// With a key, refuses hosts that do not know it.
    fn lock_the_door(&mut self) {
        if let Some(key) = self.options.key {
            self.decoder.require_auth(Verifier::device(key, self.boot_id));
        }
    }

    /// A host has opened the port: the board says who it is.
    pub fn port_opened(&mut self, now: Stamp<HostClock>) {
        let hello = self.hello([0; 16]);
        self.sender.send(CONTROL, self.clock.at(now), &hello);
    }

    /// The host has closed the port: what was not sent will not be.
    pub fn port_closed(&mut self) {
        self.streaming = false;
        self.sender.forget();
        self.decoder.reset();
    }

    /// Takes what the host has sent by `now`.
    pub fn hear(&mut self, now: Stamp<HostClock>, mut bytes: &[u8]) {
        while let Some(found) = self.decoder.push(&mut bytes) {
            // What cannot be read is counted by the decoder and answered by nobody.
            let request = found.ok().and_then(|frame| Request::of(&frame));
            if let Some(request) = request {
                self.answer(now, request);
            }
        }
    }

    fn answer(&mut self, now: Stamp<HostClock>, request: Request) {
        let time = self.clock.at(now);
        match request {
            Request::Hello { nonce } => {
                if let Some(key) = self.options.key {
                    let to_host = Direction::DeviceToHost;
                    self.sender.sign_with(Signer::new(&key, to_host, &nonce, self.boot_id));
                }
                let hello = self.hello(nonce);
                self.sender.send(CONTROL, time, &hello);
                self.sender.send(CONTROL, time, &control::config_message(self.feed.config()));
                self.sender.send(CONTROL, time, &control::log(b"vdev: a recording, no sensor"));
                self.streaming = true;
                if !self.entered {
                    self.entered = true;
                    self.stage.enter(now);
                }
            }
            Request::Time { host_send_ns } => {
                let reply =
                    TimeReply { host_send_ns, device_receive_us: time, device_send_us: time };
                self.sender.send(CONTROL, time, &firmware_proto::Message::TimeReply(reply));
            }
            Request::Config { wish, to } => {
                let applied = self.feed.apply(&wish);
                self.sender.send(CONTROL, time, &control::verdict(applied, to));
                self.sender.send(CONTROL, time, &control::config_message(self.feed.config()));
            }
        }
    }

    fn hello(&self, nonce: [u8; 16]) -> firmware_proto::Message<'static> {
        firmware_proto::Message::Hello(Hello {
            version: firmware_proto::PROTOCOL_VERSION,
            max_frame: u16::try_from(RECEIVE).unwrap_or(u16::MAX),
            schema_hash: firmware_proto::SCHEMA_HASH,
            capabilities: self.feed.capabilities() | control::capabilities(&self.options),
            firmware: (0, 1, 0),
            board_id: control::BOARD_ID,
            boot_id: self.boot_id,
            nonce,
        })
    }

    /// When it has something to do next; `None` before the play and after its end.
    ///
    /// # Errors
    /// When the recording cannot be read.
    pub fn next_due(&mut self) -> Result<Option<Stamp<HostClock>>, Error> {
        let line = Timeline { stage: &self.stage, clock: &self.clock };
        if line.stage.start().is_none() {
            return Ok(None);
        }
        match &mut self.feed {
            Feed::Radar(radar) => radar.next_due(&line),
            Feed::Events(events) => events.next_due(&line),
        }
    }

    /// Does everything that is due at `now`: sends it, or drops and counts it when nobody listens.
    ///
    /// # Errors
    /// When the recording cannot be read.
    pub fn advance(&mut self, now: Stamp<HostClock>) -> Result<(), Error> {
        while self.next_due()?.is_some_and(|due| due <= now) {
            let line = Timeline { stage: &self.stage, clock: &self.clock };
            let sender = self.streaming.then_some(&mut self.sender);
            match &mut self.feed {
                Feed::Radar(radar) => radar.step(&line, sender, &mut self.tally),
                Feed::Events(events) => events.step(&line, sender, &mut self.tally),
            }
        }
        Ok(())
    }

    /// Lets everything that was due until `now` pass unsent, and drops and counts it.
    ///
    /// # Errors
    /// When the recording cannot be read.
    pub fn skip(&mut self, now: Stamp<HostClock>) -> Result<(), Error> {
        let streaming = std::mem::replace(&mut self.streaming, false);
        let result = self.advance(now);
        self.streaming = streaming;
        result
    }

    /// True once the recording is over and sent.
    ///
    /// # Errors
    /// When the recording cannot be read.
    pub fn has_ended(&mut self) -> Result<bool, Error> {
        let playing = self.stage.start().is_none() || self.next_due()?.is_some();
        Ok(!playing && self.sender.waiting().is_empty())
    }

    /// True while a host listens.
    #[must_use]
    pub const fn is_streaming(&self) -> bool {
        self.streaming
    }

    /// Bytes on their way to the host.
    #[must_use]
    pub fn waiting(&self) -> &[u8] {
        self.sender.waiting()
    }

    /// The host has taken `count` of the waiting bytes.
    pub fn sent(&mut self, count: usize) {
        self.sender.sent(count);
    }

    /// What it did so far.
    #[must_use]
    pub const fn tally(&self) -> Tally {
        let mut tally = self.tally;
        tally.bytes = self.sender.bytes();
        tally.flipped = self.sender.flipped();
        tally
    }
}

impl Feed {
    fn config(&self) -> firmware_proto::Config {
        match self {
            Self::Radar(radar) => radar.config(),
            Self::Events(events) => events.config(),
        }
    }

    fn apply(&mut self, wish: &firmware_proto::ConfigBody) -> bool {
        match self {
            Self::Radar(radar) => radar.apply(wish),
            Self::Events(events) => events.apply(wish),
        }
    }

    const fn capabilities(&self) -> u32 {
        use firmware_proto::capability::{DELTA_RICE, EVENTS, RADAR, RAW12, U16};
        match self {
            Self::Radar(_) => RADAR | RAW12 | U16 | DELTA_RICE,
            Self::Events(_) => EVENTS,
        }
    }
}

#[cfg(test)]
mod tests;
