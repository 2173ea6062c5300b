//! Events over TCP, UDP or standard output: plain EVT words, or the dv-processing stream.

use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use firmware_proto::EventFormat;
use visaged::daemon::{Stop, clock};
use visaged::data::{Event, Geometry};
use visaged::units::{HostClock, Micros, Stamp};

use crate::error::Error;
use crate::tape::{EventTape, Sight};
use crate::timing::{DeviceClock, Stage};
use crate::words::WordWriter;
use crate::{dv, settings};

/// Recorded time that goes out at once.
const RUN: Micros = Micros::from_millis(1);
/// Most events that go out at once: a datagram of EVT2.1 words stays below 64 KiB.
const MOST: usize = 2_000;
/// A camera that sees nothing still says what time it is.
const HEARTBEAT: Micros = Micros::from_millis(20);
/// How often it is looked whether a receiver has connected, and whether to stop.
const GLANCE: Duration = Duration::from_millis(20);
/// A receiver that takes nothing for so long is let go.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where events go.
#[derive(Debug, Clone, Copy)]
pub enum Way {
    /// To whoever connects here, one receiver after another.
    Listen(SocketAddr),
    /// To a receiver that listens there; tried again until it does.
    Connect(SocketAddr),
    /// In datagrams of whole words. Nobody notices if they are lost.
    Datagrams(SocketAddr),
    /// To standard output.
    Stdout,
}

/// How events are written.
#[derive(Debug, Clone, Copy)]
pub enum Style {
    /// EVT words, behind a RAW header if `header` says so.
    Words {
        /// Format of the words.
        format: EventFormat,
        /// Starts each connection with the header of a RAW file.
        header: bool,
    },
    /// The dv-processing stream.
    Dv,
}

/// Plays `recording` until `stop` is thrown or it ends; tells `ready` the daemon's settings.
///
/// # Errors
/// When the recording cannot be read or an address not be had.
pub fn play(
    recording: &Path,
    round: Option<Micros>,
    (speed, clock_offset, drift_ppm): (f64, Micros, f64),
    (way, style): (Way, Style),
    (stop, ready): (&Stop, &mut dyn FnMut(&str)),
) -> Result<(), Error> {
    let mut tape = EventTape::open(recording, round)?;
    let stage = Stage::new(1, speed);
    let device = DeviceClock::new(clock::now(), clock_offset, drift_ppm);
    let (mut door, key) = Door::open(way)?;
    ready(&settings::event_net(&key, style.name(), tape.geometry()));
    let mut until = Micros(0);
    let mut exit: Option<Exit> = None;
    while !stop.is_thrown() {
        if exit.is_none() {
            exit = door.receiver(stop)?;
            if let Some(fresh) = &mut exit {
                stage.enter(clock::now());
                // A receiver that has gone already is noticed at the next write.
                let _gone = fresh.write(&style.start(tape.geometry()));
            }
        }
        let run = Run::gather(&mut tape, until, &stage, &device)?;
        let Some(run) = run else {
            if tape.peek()?.is_none() {
                break;
            }
            continue; // nobody has come yet
        };
        until = run.until;
        if run.wait(&stage, stop) {
            break;
        }
        if let Some(open) = &mut exit
            && open.write(&style.write(&run)).is_err()
        {
            if matches!(way, Way::Stdout) {
                break;
            }
            exit = None;
        }
    }
    Ok(())
}

/// Sights that go out at once, on the device's clock.
struct Run {
    until: Micros,
    until_us: u64,
    sights: Vec<(u64, Sight)>,
}

impl Run {
    /// The next run; `None` before the play and at the end.
    fn gather(
        tape: &mut EventTape,
        before: Micros,
        stage: &Arc<Stage>,
        device: &DeviceClock,
    ) -> Result<Option<Self>, Error> {
        let Some((first, _)) = tape.peek()? else { return Ok(None) };
        let shown = |at| stage.host_time(at).map(|host| device.at(host));
        let beat = Micros(before.0 + HEARTBEAT.0);
        let mut until = first.min(beat);
        let mut sights = Vec::new();
        while let Some((at, sight)) = tape.peek()?.filter(|_| first <= beat) {
            let Some(time) = shown(at) else { return Ok(None) };
            if at.0 >= first.0 + RUN.0 || sights.len() == MOST {
                break;
            }
            until = until.max(at);
            sights.push((time, sight));
            tape.take();
        }
        Ok(shown(until).map(|until_us| Self { until, until_us, sights }))
    }

    /// Waits until it is whole; true if it is time to stop.
    fn wait(&self, stage: &Stage, stop: &Stop) -> bool {
        let due: Option<Stamp<HostClock>> = stage.host_time(self.until);
        let left = due.map_or(0, |due| (due - clock::now()).0);
        stop.pause(Duration::from_micros(u64::try_from(left).unwrap_or(0)))
    }
}

impl Style {
    /// How the daemon calls it.
    const fn name(self) -> &'static str {
        match self {
            Self::Words { format, .. } => settings::format_name(format),
            Self::Dv => "dv",
        }
    }

    /// What a connection starts with.
    fn start(self, Geometry { width, height }: Geometry) -> Vec<u8> {
        match self {
            Self::Dv => dv::header(Geometry { width, height }),
            Self::Words { header: false, .. } => Vec::new(),
            Self::Words { format, header: true } => {
                let (evt, name) = match format {
                    EventFormat::Evt2 => ("2.0", "EVT2"),
                    EventFormat::Evt21 => ("2.1", "EVT21;endianness=little"),
                    EventFormat::Evt21Legacy => ("2.1", "EVT21;endianness=legacy"),
                    EventFormat::Evt3 => ("3.0", "EVT3"),
                };
                let header = format!(
                    "% evt {evt}\n% format {name};height={height};width={width}\n\
                     % geometry {width}x{height}\n% end\n"
                );
                header.into_bytes()
            }
        }
    }

    fn write(self, run: &Run) -> Vec<u8> {
        match self {
            Self::Dv => {
                let event = |&(time, sight): &(u64, Sight)| match sight {
                    Sight::Event(event) => {
                        Some(Event { t: i64::try_from(time).unwrap_or(i64::MAX), ..event })
                    }
                    Sight::Trigger(_) => None, // those have a stream of their own
                };
                dv::packet(&run.sights.iter().filter_map(event).collect::<Vec<_>>())
            }
            Self::Words { format, .. } => {
                let mut writer = WordWriter::new(format);
                if run.sights.is_empty() {
                    writer.write_time(run.until_us);
                }
                for (time, sight) in &run.sights {
                    match sight {
                        Sight::Event(event) => writer.write_event(*time, event),
                        Sight::Trigger(trigger) => writer.write_trigger(*time, trigger),
                    }
                }
                writer.finish()
            }
        }
    }
}

/// Where receivers are found.
enum Door {
    Listen(TcpListener),
    Connect(SocketAddr),
    Datagrams(UdpSocket),
    Stdout,
}

/// A receiver.
enum Exit {
    Stream(TcpStream),
    Datagrams(UdpSocket),
    Stdout(io::Stdout),
}

impl Door {
    /// The door, and the key and address that the daemon's settings need.
    fn open(way: Way) -> Result<(Self, String), Error> {
        let at = |address: SocketAddr| {
            move |source| Error::Socket { address: address.to_string(), source }
        };
        match way {
            Way::Listen(address) => {
                let listener = TcpListener::bind(address).map_err(at(address))?;
                listener.set_nonblocking(true).map_err(at(address))?;
                let address = listener.local_addr().map_err(at(address))?;
                Ok((Self::Listen(listener), format!("connect = \"{address}\"")))
            }
            Way::Connect(address) => {
                Ok((Self::Connect(address), format!("listen = \"{address}\"")))
            }
            Way::Datagrams(address) => {
                let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
                let socket = UdpSocket::bind(any).map_err(at(address))?;
                socket.connect(address).map_err(at(address))?;
                Ok((Self::Datagrams(socket), format!("udp = \"{address}\"")))
            }
            Way::Stdout => Ok((Self::Stdout, "stdin = true".to_owned())),
        }
    }

    /// A receiver, if there is one within a glance.
    fn receiver(&mut self, stop: &Stop) -> Result<Option<Exit>, Error> {
        let stream = match self {
            Self::Listen(listener) => match listener.accept() {
                Ok((stream, _)) => Some(stream),
                Err(error) if error.kind() == ErrorKind::WouldBlock => None,
                Err(error) => return Err(error.into()),
            },
            Self::Connect(address) => TcpStream::connect_timeout(address, PATIENCE).ok(),
            Self::Datagrams(socket) => return Ok(Some(Exit::Datagrams(socket.try_clone()?))),
            Self::Stdout => return Ok(Some(Exit::Stdout(io::stdout()))),
        };
        let Some(stream) = stream else {
            let _thrown = stop.pause(GLANCE); // the caller looks at the switch
            return Ok(None);
        };
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Some(Exit::Stream(stream)))
    }
}

impl Exit {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Stream(stream) => stream.write_all(bytes),
            Self::Stdout(stdout) => stdout.write_all(bytes).and_then(|()| stdout.flush()),
            Self::Datagrams(socket) => match socket.send(bytes) {
                // Nobody listens yet, which datagrams do not mind.
                Err(error) if error.kind() != ErrorKind::ConnectionRefused => Err(error),
                _ => Ok(()),
            },
        }
    }
}
