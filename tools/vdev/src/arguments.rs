//! What `vdev` can be told.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use firmware_proto::EventFormat;
use visaged::units::Micros;
use visaged_vdev::board::SampleEncoding;
use visaged_vdev::line::Faults;

/// Plays recordings as live sensors, so that `visaged run` can be tried without hardware.
///
/// A virtual device speaks the same bytes as a real one, over a pseudo-terminal that looks like a
/// serial port, or over sockets. It waits until a host talks to it, then plays the recording in
/// real time. Every accident is drawn from `--seed`: the same seed gives the same accidents.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) device: Device,
}

const EXAMPLES: &str = "\
Examples:
  vdev scene --config-out /tmp/live.toml               then: visaged run --config /tmp/live.toml
  vdev scene --repeat --flip 1e-5 --unplug-every 20    the same with a bad cable
  vdev radar-serial my_recording/ --link /tmp/radar    your own recording as a serial radar
  vdev evt events.raw --stdout | some-tool             event words for any program";

#[derive(Debug, Subcommand)]
pub(crate) enum Device {
    /// Both serial sensors of the shipped scene, playing together.
    Scene(Scene),
    /// A radar board that speaks firmware-proto on a serial port.
    RadarSerial(RadarSerial),
    /// An event-camera board that speaks firmware-proto on a serial port.
    EventSerial(EventSerial),
    /// A TI radar behind a DCA1000: raw samples in UDP datagrams, and the command channel.
    Dca1000(Dca),
    /// An event camera that sends EVT words over TCP, UDP or standard output.
    Evt(Evt),
    /// A dv-processing server: the AEDAT 4 stream over TCP.
    Dv(Dv),
}

/// Time, as the device sees it.
#[derive(Debug, Clone, Args)]
pub(crate) struct Time {
    /// How fast recorded time passes; 1 is real time. The device stamps what really happens, so at
    /// 2 the scene looks twice as fast to the daemon.
    #[arg(long, default_value_t = 1.0, value_name = "FACTOR", value_parser = speed)]
    pub(crate) speed: f64,
    /// Starts the recording again when it ends, for ever.
    #[arg(long)]
    pub(crate) repeat: bool,
    /// What the device's clock shows at its start, in milliseconds.
    #[arg(long, default_value_t = 1_000, value_name = "MS")]
    pub(crate) clock_offset: u32,
    /// How much the device's clock gains on the host's, in millionths; negative loses.
    #[arg(long, default_value_t = 0.0, value_name = "PPM", allow_negative_numbers = true)]
    pub(crate) drift_ppm: f64,
    /// Where all random numbers start.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
}

impl Time {
    pub(crate) const fn offset(&self) -> Micros {
        Micros::from_millis(self.clock_offset as i64)
    }
}

/// What happens to the cable and the board.
#[derive(Debug, Clone, Args)]
pub(crate) struct Cable {
    /// Changes each byte on the wire with this probability, such as 1e-5.
    #[arg(long, default_value_t = 0.0, value_name = "PROBABILITY", value_parser = probability)]
    pub(crate) flip: f64,
    /// Random bytes between frames, so many a second.
    #[arg(long, default_value_t = 0.0, value_name = "BYTES", value_parser = rate)]
    pub(crate) noise: f64,
    /// Pulls the plug every so many seconds. The board lives on the cable's power and boots anew.
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub(crate) unplug_every: Option<Micros>,
    /// How many seconds it stays unplugged.
    #[arg(long, default_value = "1", value_name = "S", value_parser = seconds)]
    pub(crate) unplug_for: Micros,
    /// The board hangs every so many seconds and drops what it acquires meanwhile.
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub(crate) stall_every: Option<Micros>,
    /// How many seconds it hangs.
    #[arg(long, default_value = "0.6", value_name = "S", value_parser = seconds)]
    pub(crate) stall_for: Micros,
    /// The board boots anew once, after so many seconds, with its cable in place.
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub(crate) restart_after: Option<Micros>,
    /// A file with 64 hexadecimal digits: the board signs its frames and wants signed requests.
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
}

impl Cable {
    pub(crate) const fn faults(&self, time: &Time) -> Faults {
        Faults { flip: self.flip, noise: self.noise, seed: time.seed }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Scene {
    /// Where the two ports are made, `radar` and `camera`.
    #[arg(long, default_value = "/tmp/vdev", value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
    /// Writes a configuration for `visaged run` that fits.
    #[arg(long, value_name = "FILE")]
    pub(crate) config_out: Option<PathBuf>,
    /// How radar samples go over the wire.
    #[arg(long, value_enum, default_value_t = Encoding::DeltaRice)]
    pub(crate) encoding: Encoding,
    /// Words of the camera.
    #[arg(long, value_enum, default_value_t = Format::Evt3)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) time: Time,
    #[command(flatten)]
    pub(crate) cable: Cable,
}

#[derive(Debug, Args)]
pub(crate) struct RadarSerial {
    /// A radar recording with real samples: see `visaged info --help`.
    pub(crate) recording: PathBuf,
    /// Where the port can be found.
    #[arg(long, value_name = "PATH")]
    pub(crate) link: PathBuf,
    /// How samples go over the wire.
    #[arg(long, value_enum, default_value_t = Encoding::DeltaRice)]
    pub(crate) encoding: Encoding,
    #[command(flatten)]
    pub(crate) time: Time,
    #[command(flatten)]
    pub(crate) cable: Cable,
}

#[derive(Debug, Args)]
pub(crate) struct EventSerial {
    /// An event recording: see `visaged info --help`.
    pub(crate) recording: PathBuf,
    /// Where the port can be found.
    #[arg(long, value_name = "PATH")]
    pub(crate) link: PathBuf,
    /// Words of its blocks.
    #[arg(long, value_enum, default_value_t = Format::Evt3)]
    pub(crate) format: Format,
    /// Time of a block, in microseconds, unless it is full before.
    #[arg(long, default_value_t = 1_000, value_name = "US")]
    pub(crate) block_us: u32,
    #[command(flatten)]
    pub(crate) time: Time,
    #[command(flatten)]
    pub(crate) cable: Cable,
}

#[derive(Debug, Args)]
pub(crate) struct Dca {
    /// A radar recording, real or complex.
    pub(crate) recording: PathBuf,
    /// Where the board takes commands. (All of 127.0.0.0/8 is this machine.)
    #[arg(long, default_value = "127.0.0.2:4096", value_name = "ADDRESS")]
    pub(crate) board: SocketAddr,
    /// Where it sends samples to.
    #[arg(long, default_value = "127.0.0.1:4098", value_name = "ADDRESS")]
    pub(crate) data: SocketAddr,
    /// Sends samples at once, without a command to start.
    #[arg(long)]
    pub(crate) at_once: bool,
    /// Probability that a datagram is lost.
    #[arg(long, default_value_t = 0.0, value_name = "PROBABILITY", value_parser = probability)]
    pub(crate) loss: f64,
    /// Probability that a datagram changes places with the next.
    #[arg(long, default_value_t = 0.0, value_name = "PROBABILITY", value_parser = probability)]
    pub(crate) reorder: f64,
    /// Probability that a datagram comes twice.
    #[arg(long, default_value_t = 0.0, value_name = "PROBABILITY", value_parser = probability)]
    pub(crate) duplicate: f64,
    /// Writes a `[[sensor]]` table for `visaged run` that fits.
    #[arg(long, value_name = "FILE")]
    pub(crate) config_out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) time: Time,
}

#[derive(Debug, Args)]
pub(crate) struct Evt {
    /// An event recording.
    pub(crate) recording: PathBuf,
    #[command(flatten)]
    pub(crate) way: EvtWay,
    /// Words to send.
    #[arg(long, value_enum, default_value_t = Format::Evt3)]
    pub(crate) format: Format,
    /// Starts each connection with the header of a RAW file.
    #[arg(long)]
    pub(crate) header: bool,
    #[command(flatten)]
    pub(crate) time: Time,
}

/// Where words go.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct EvtWay {
    /// To whoever connects here.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) tcp_listen: Option<SocketAddr>,
    /// To the receiver that listens there.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) tcp_connect: Option<SocketAddr>,
    /// In datagrams to there.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) udp: Option<SocketAddr>,
    /// To standard output.
    #[arg(long)]
    pub(crate) stdout: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Dv {
    /// An event recording.
    pub(crate) recording: PathBuf,
    /// Where receivers connect.
    #[arg(long, default_value = "127.0.0.1:7777", value_name = "ADDRESS")]
    pub(crate) listen: SocketAddr,
    #[command(flatten)]
    pub(crate) time: Time,
}

/// Names of sample encodings.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Encoding {
    /// Two samples in three bytes.
    Raw12,
    /// 16-bit words.
    U16,
    /// Compressed without loss.
    DeltaRice,
}

impl From<Encoding> for SampleEncoding {
    fn from(encoding: Encoding) -> Self {
        match encoding {
            Encoding::Raw12 => Self::Raw12,
            Encoding::U16 => Self::U16,
            Encoding::DeltaRice => Self::DeltaRice,
        }
    }
}

/// Names of event formats.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    /// EVT2.0, 32-bit words.
    Evt2,
    /// EVT2.1, 64-bit words as the `GenX320` sends them.
    Evt21Little,
    /// EVT2.1, 64-bit words as the IMX636 sends them.
    Evt21Legacy,
    /// EVT3.0, 16-bit words.
    Evt3,
}

impl From<Format> for EventFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Evt2 => Self::Evt2,
            Format::Evt21Little => Self::Evt21,
            Format::Evt21Legacy => Self::Evt21Legacy,
            Format::Evt3 => Self::Evt3,
        }
    }
}

fn number(text: &str, range: std::ops::RangeInclusive<f64>, what: &str) -> Result<f64, String> {
    let parsed = text.parse().ok().filter(|value| range.contains(value));
    parsed.ok_or_else(|| format!("write {what} from {} to {}", range.start(), range.end()))
}

fn probability(text: &str) -> Result<f64, String> {
    number(text, 0.0..=0.5, "a probability")
}

fn rate(text: &str) -> Result<f64, String> {
    number(text, 0.0..=1e6, "a number")
}

fn speed(text: &str) -> Result<f64, String> {
    number(text, 0.01..=100.0, "a factor")
}

#[expect(clippy::cast_possible_truncation, reason = "at most 86 400 s")]
fn seconds(text: &str) -> Result<Micros, String> {
    let seconds = number(text, 0.001..=86_400.0, "a number of seconds")?;
    Ok(Micros((seconds * 1e6).round() as i64))
}
