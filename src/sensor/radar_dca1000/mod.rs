//! TI radars live, through the DCA1000 capture board: raw samples over UDP.

mod assembler;
mod command;
mod datagram;
mod link;

pub use assembler::{Assembler, Piece};
pub use command::{Answer, Command};
pub use datagram::Datagram;

use std::collections::VecDeque;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde::{Deserialize, Deserializer, de};

use self::link::{Link, News, RECEIVE_BUFFER, Waited};
use super::ti_bin::sidecar::Sidecar;
use super::ti_bin::{decode, echo_ratio, sample_order, stamp};
use super::{
    Candidate, Description, Device, Epoch, Error, Notice, Progress, Reading, Sensor, View,
};
use crate::data::{Counts, Modality, RadarFrame};
use crate::units::Seconds;

/// Datagrams taken in one read at most, so that garbage at full speed cannot hold us.
const MOST_DATAGRAMS: usize = 1024;
/// Frames after a start by which the order of I and Q is judged.
const CHECKED_FRAMES: u32 = 2;
/// Waits without a datagram after which the board is asked whether it is there: 1 s.
const PROBE: u32 = 20;
/// Microseconds of one wait.
const WAIT_US: i64 = 50_000;
/// Where Linux says how much a socket may hold.
const LARGEST_BUFFER: &str = "/proc/sys/net/core/rmem_max";
/// Waits without a datagram after which no frame is waited for any more, at least: 200 ms.
const SHORTEST_PATIENCE: u32 = 4;

/// `[sensor.settings]` of a `radar-dca1000` sensor.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Config {
    /// Own address and port to which the board sends samples.
    #[serde(default = "data")]
    pub data: SocketAddr,
    /// Own address and port to which the board answers.
    #[serde(default = "commands")]
    pub commands: SocketAddr,
    /// Where the board takes commands; datagrams from other addresses are refused.
    #[serde(default = "board")]
    pub board: SocketAddr,
    /// False if another program commands the board: then this one only listens. Default: true.
    #[serde(default = "yes")]
    pub control: bool,
    /// Time between two datagrams, 5 to 500 microseconds; 25 is 325 Mbit/s.
    #[serde(default = "packet_delay", deserialize_with = "checked_delay")]
    pub packet_delay_us: u16,
    /// How the radar chirps, with the keys of the sidecar of a `ti-bin` recording.
    #[serde(deserialize_with = "checked_radar")]
    pub radar: Sidecar,
}

/// The board's host as it leaves the factory.
const HOST: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 33, 30));
/// The board as it leaves the factory.
const BOARD: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 33, 180));

const fn data() -> SocketAddr {
    SocketAddr::new(HOST, 4098)
}

const fn commands() -> SocketAddr {
    SocketAddr::new(HOST, 4096)
}

const fn board() -> SocketAddr {
    SocketAddr::new(BOARD, 4096)
}

const fn yes() -> bool {
    true
}

const fn packet_delay() -> u16 {
    25
}

fn checked_delay<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let micros = u16::deserialize(deserializer)?;
    let wrong = || de::Error::custom(format!("`packet-delay-us`: {micros} is not 5 to 500"));
    (5..=500).contains(&micros).then_some(micros).ok_or_else(wrong)
}

fn checked_radar<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Sidecar, D::Error> {
    let radar = Sidecar::deserialize(deserializer)?;
    radar.check().map_err(de::Error::custom)?;
    Ok(radar)
}

/// A radar behind a DCA1000.
#[derive(Debug)]
pub struct Dca1000 {
    description: Description,
    config: Config,
    link: Option<Link>,
    assembler: Assembler,
    frames: Frames,
    /// Waits in a row that brought nothing.
    silent: u32,
    /// Waits after which the newest frame is not waited for any more.
    patience: u32,
    counts: Counts,
}

/// Makes readings of what the assembler gives.
#[derive(Debug)]
struct Frames {
    radar: Sidecar,
    period: Seconds,
    /// Readings that were not given out yet.
    ready: VecDeque<Reading>,
    /// The connection is a new one: the next frame begins a new time.
    resumes: bool,
    /// Frames by which the order of I and Q is still to be judged.
    to_check: u32,
    iq_order_doubtful: u64,
}

impl Device for Dca1000 {
    const NAME: &'static str = "radar-dca1000";
    const MODALITY: Modality = Modality::Radar;
    const ABOUT: &'static str = "live: TI radar behind a DCA1000 capture board (UDP)";
    type Config = Config;

    fn recognises(_: &Candidate) -> bool {
        false
    }

    fn open(config: Config) -> Result<Self, Error> {
        let view = config.radar.chirp_config();
        let period = view.frame_period;
        let description = Description {
            kind: Self::NAME,
            format: format!("DCA1000 raw samples, {}", sample_order(&config.radar)),
            device: format!("DCA1000 at {}", config.board),
            view: View::Radar(view),
            epoch: Epoch::Live,
            notes: notes(),
        };
        let frames = Frames {
            radar: config.radar.clone(),
            period,
            ready: VecDeque::new(),
            resumes: false,
            to_check: CHECKED_FRAMES,
            iq_order_doubtful: 0,
        };
        Ok(Self {
            description,
            // Settings without a frame size were refused when they were parsed.
            assembler: Assembler::new(config.radar.frame_bytes().unwrap_or(1)),
            config,
            link: None,
            frames,
            silent: 0,
            patience: patience(period),
            counts: Counts::default(),
        })
    }
}

impl Sensor for Dca1000 {
    fn description(&self) -> &Description {
        &self.description
    }

    fn read(&mut self) -> Result<Option<Reading>, Error> {
        if self.frames.ready.is_empty()
            && let Err(error) = self.listen()
        {
            self.close();
            return Err(error);
        }
        Ok(Some(self.frames.ready.pop_front().unwrap_or(Reading::Notice(Notice::Idle))))
    }

    fn counts(&self) -> Counts {
        let mut counts = self.counts.clone();
        counts.merge(&self.assembler.counts());
        counts.add("iq-order-doubtful", self.frames.iq_order_doubtful);
        counts.add("board-reports", self.link.as_ref().map_or(0, |link| link.reports));
        counts
    }

    fn progress(&self) -> Progress {
        Progress::default()
    }
}

impl Dca1000 {
    /// Goes on with the connection and takes what has come, up to a frame. Waits for news once.
    fn listen(&mut self) -> Result<(), Error> {
        let Self { link, config, assembler, frames, counts, .. } = self;
        let link = match link {
            Some(link) => link,
            None => {
                let opened = link.insert(Link::open(config)?);
                counts.add("small-receive-buffer", u64::from(opened.small_buffer));
                opened
            }
        };
        link.listen()?;
        let mut wait = link.prepare()? == Waited::No;
        let mut any = false;
        for _ in 0..MOST_DATAGRAMS {
            match link.receive(wait)? {
                Some(News::Datagram(bytes)) => {
                    any = true;
                    assembler.push(bytes, &mut |piece| frames.take(piece));
                }
                Some(News::Stranger) => counts.add("datagrams-of-strangers", 1),
                None => break,
            }
            if !frames.ready.is_empty() {
                break;
            }
            wait = false;
        }
        self.silent = if any { 0 } else { self.silent.saturating_add(1) };
        if self.silent == self.patience {
            assembler.flush(&mut |piece| frames.take(piece));
        }
        if self.silent > 0 && self.silent.is_multiple_of(PROBE) {
            link.probe();
        }
        Ok(())
    }

    /// Closes everything; the next connection starts with nothing held.
    fn close(&mut self) {
        if let Some(link) = self.link.take() {
            self.counts.add("board-reports", link.reports);
        }
        self.assembler.flush(&mut |piece| self.frames.take(piece));
        self.counts.merge(&self.assembler.counts());
        self.assembler = Assembler::new(self.config.radar.frame_bytes().unwrap_or(1));
        self.frames.resumes = true;
        self.frames.to_check = CHECKED_FRAMES;
        self.silent = 0;
    }
}

impl Frames {
    fn take(&mut self, piece: Piece<'_>) {
        let (number, bytes, has_holes) = match piece {
            Piece::Restarted => {
                self.to_check = CHECKED_FRAMES;
                self.resumes = false;
                return self.ready.push_back(Reading::Notice(Notice::Restarted));
            }
            Piece::Frame { number, bytes, has_holes } => (number, bytes, has_holes),
        };
        // The assembler was planned with the size of a frame, so that this always decodes.
        let Some(samples) = decode::frame(bytes, &self.radar) else { return };
        if core::mem::take(&mut self.resumes) {
            self.ready.push_back(Reading::Notice(Notice::Restarted));
        }
        if self.to_check > 0 && !has_holes {
            self.to_check -= 1;
            if echo_ratio(&samples, &self.radar).is_some_and(|ratio| ratio < 1.0) {
                self.iq_order_doubtful += 1;
                self.to_check = 0;
            }
        }
        let stamp = stamp(number, self.period);
        self.ready.push_back(Reading::Radar(RadarFrame { number, stamp, samples, has_holes }));
    }
}

/// Waits of silence that mean that the newest frame will not be completed: two frame periods,
/// because the end of a frame may lie in the first datagram of the next one.
fn patience(frame_period: Seconds) -> u32 {
    let waits = Seconds(frame_period.0 * 2.0).to_micros().0 / WAIT_US;
    u32::try_from(waits).unwrap_or(u32::MAX).saturating_add(1).max(SHORTEST_PATIENCE)
}

/// What holds for every connection.
fn notes() -> Vec<String> {
    let mut notes = vec![
        "times are frame number x frame-period-ms, fitted to the arrival of frames".to_owned(),
        "the radar itself is started by its own tool, after this program".to_owned(),
    ];
    let largest = fs::read_to_string(LARGEST_BUFFER).ok().and_then(|text| text.trim().parse().ok());
    if let Some(largest) = largest.filter(|&largest: &usize| largest < RECEIVE_BUFFER) {
        notes.push(format!(
            "WARNING: the kernel holds {largest} bytes for a socket, {RECEIVE_BUFFER} are asked \
             for: sysctl -w net.core.rmem_max={RECEIVE_BUFFER}"
        ));
    }
    notes
}
