//! A virtual DCA1000: raw radar samples in datagrams, and the command channel beside them.
//!
//! Source: TI SPRUIJ4A and the captures named in `tests/golden`. As on the real board, datagrams
//! know nothing of frames, the last short one is sent late, and nothing is ever sent again.

use std::collections::VecDeque;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use visaged::daemon::{Stop, clock};
use visaged::data::{ChirpConfig, Samples};
use visaged::units::{HostClock, Micros, Seconds, Stamp};

use crate::error::Error;
use crate::random::Random;
use crate::tape::RadarTape;
use crate::timing::Stage;

/// Most bytes of samples in a datagram.
pub const PAYLOAD: usize = 1456;
/// After so long without samples the board sends what it still holds.
const FLUSH: Micros = Micros::from_millis(2_000);
/// The longest wait for a command.
const GLANCE: Micros = Micros::from_millis(20);
/// Start and end of a message on the command channel.
const HEADER: [u8; 2] = [0x5A, 0xA5];
const FOOTER: [u8; 2] = [0xAA, 0xEE];
const START: u16 = 5;
const STOP: u16 = 6;
const VERSION: u16 = 0x0E;
/// What real boards say: minor version in bits 7 to 13, major in bits 0 to 6.
const FIRMWARE: u16 = 0x0402;

/// What happens to datagrams on their way. All of it follows from the seed.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Air {
    /// Probability that a datagram is lost.
    pub loss: f64,
    /// Probability that a datagram changes places with the next one.
    pub reorder: f64,
    /// Probability that a datagram comes twice.
    pub duplicate: f64,
    /// Where the random numbers start.
    pub seed: u64,
}

/// What became of the datagrams.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flown {
    /// Datagrams made.
    pub made: u64,
    /// Where the lost ones began, in bytes of the stream, and how long they were.
    pub lost: Vec<(u64, usize)>,
    /// Datagrams that changed places.
    pub reordered: u64,
    /// Datagrams that went twice.
    pub duplicated: u64,
    /// Frames whose last byte was made.
    pub frames: u64,
}

/// Samples to datagrams: cut by length alone, numbered, and subject to the air.
#[derive(Debug)]
pub struct Packets {
    air: Air,
    random: Random,
    sequence: u32,
    /// Bytes of samples before the next datagram.
    offset: u64,
    partial: Vec<u8>,
    held: Option<Vec<u8>>,
    ready: VecDeque<Vec<u8>>,
    flown: Flown,
}

impl Packets {
    /// A new stream through `air`: sequence 1, byte 0.
    #[must_use]
    pub fn new(air: Air) -> Self {
        Self {
            random: Random::new(air.seed),
            air,
            sequence: 1,
            offset: 0,
            partial: Vec::new(),
            held: None,
            ready: VecDeque::new(),
            flown: Flown::default(),
        }
    }

    /// Takes samples as the radar makes them.
    pub fn push(&mut self, samples: &[u8]) {
        self.partial.extend_from_slice(samples);
        while self.partial.len() >= PAYLOAD {
            let rest = self.partial.split_off(PAYLOAD);
            let payload = std::mem::replace(&mut self.partial, rest);
            self.send(&payload);
        }
    }

    /// Sends what is left, and what was held back.
    pub fn flush(&mut self) {
        let payload = std::mem::take(&mut self.partial);
        if !payload.is_empty() {
            self.send(&payload);
        }
        self.ready.extend(self.held.take());
    }

    /// The next datagram on its way.
    pub fn next_datagram(&mut self) -> Option<Vec<u8>> {
        self.ready.pop_front()
    }

    /// What became of the datagrams so far.
    #[must_use]
    pub const fn flown(&self) -> &Flown {
        &self.flown
    }

    fn send(&mut self, payload: &[u8]) {
        let mut datagram = self.sequence.to_le_bytes().to_vec();
        datagram.extend_from_slice(&self.offset.to_le_bytes()[..6]);
        datagram.extend_from_slice(payload);
        let offset = self.offset;
        self.sequence = self.sequence.wrapping_add(1);
        self.offset += payload.len() as u64;
        self.flown.made += 1;
        // Drawn for every datagram, so that one probability does not shift the dice of another.
        let [lost, late, twice] = [self.air.loss, self.air.reorder, self.air.duplicate]
            .map(|probability| self.random.happens(probability));
        if lost {
            self.flown.lost.push((offset, payload.len()));
            return;
        }
        if late && self.held.is_none() {
            self.flown.reordered += 1;
            self.held = Some(datagram);
            return;
        }
        if twice {
            self.flown.duplicated += 1;
            self.ready.push_back(datagram.clone());
        }
        self.ready.push_back(datagram);
        self.ready.extend(self.held.take());
    }
}

/// The samples of a frame as a 2-lane radar sends them: `[chirp, antenna, sample]` of
/// little-endian `i16`, complex ones in pairs `I0 I1 Q0 Q1`.
#[must_use]
pub fn adc_bytes(samples: &Samples) -> Vec<u8> {
    let (antennas, chirps, per_chirp) = samples.dim();
    let mut bytes = Vec::new();
    let mut put = |value: i16| bytes.extend_from_slice(&value.to_le_bytes());
    for chirp in 0..chirps {
        for antenna in 0..antennas {
            match samples {
                Samples::Real(real) => {
                    (0..per_chirp).for_each(|sample| put(real[[antenna, chirp, sample]]));
                }
                Samples::Complex(complex) => {
                    for pair in 0..per_chirp / 2 {
                        for part in [0, 1] {
                            for sample in [2 * pair, 2 * pair + 1] {
                                put(complex[[antenna, chirp, sample]][part]);
                            }
                        }
                    }
                }
            }
        }
    }
    bytes
}

/// Where the board is, and where it sends to.
#[derive(Debug, Clone, Copy)]
pub struct DcaOptions {
    /// Where the board takes commands.
    pub board: SocketAddr,
    /// The host's address for samples.
    pub data: SocketAddr,
    /// Samples flow at once, without a command.
    pub at_once: bool,
    /// What happens on the way.
    pub air: Air,
    /// Ends when the recording does.
    pub end_with_recording: bool,
}

/// A board and the radar before it.
pub struct Dca1000 {
    options: DcaOptions,
    socket: UdpSocket,
    tape: RadarTape,
    stage: Arc<Stage>,
    packets: Packets,
    /// The next frame: when it is whole, and its bytes.
    next: Option<(Micros, Vec<u8>)>,
    streaming: bool,
    entered: bool,
    newest: Option<Stamp<HostClock>>,
}

impl Dca1000 {
    /// Opens the recording and the command channel; with `round` the recording repeats for ever.
    ///
    /// # Errors
    /// When the recording cannot be read or the address not be had.
    pub fn open(
        recording: &Path,
        round: Option<Micros>,
        stage: Arc<Stage>,
        options: DcaOptions,
    ) -> Result<Self, Error> {
        let tape = RadarTape::open(recording, round)?;
        let address = options.board;
        let socket = UdpSocket::bind(address).map_err(socket_error(address))?;
        let mut board = Self {
            options,
            socket,
            tape,
            stage,
            packets: Packets::new(options.air),
            next: None,
            streaming: false,
            entered: false,
            newest: None,
        };
        if options.at_once {
            board.start();
        }
        Ok(board)
    }

    /// Where the board takes commands.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn address(&self) -> Result<SocketAddr, Error> {
        self.socket.local_addr().map_err(socket_error(self.options.board))
    }

    /// How the radar chirps.
    #[must_use]
    pub const fn chirps(&self) -> &ChirpConfig {
        self.tape.chirps()
    }

    /// Plays until `stop` is thrown, or the recording ends if the options say so.
    ///
    /// # Errors
    /// When the recording cannot be read or a socket breaks.
    pub fn run(&mut self, stop: &Stop) -> Result<Flown, Error> {
        while !stop.is_thrown() {
            let due = self.next_due()?;
            let now = clock::now();
            let wait = due.map_or(GLANCE, |due| (due - now).min(GLANCE));
            self.serve(wait)?;
            let now = clock::now();
            if due.is_some_and(|due| due <= now) {
                self.play(now);
            }
            let quiet = self.newest.is_some_and(|newest| now - newest >= FLUSH);
            if quiet {
                self.packets.flush();
                self.newest = None;
            }
            self.send()?;
            let over = due.is_none() && self.entered && self.newest.is_none();
            if over && self.options.end_with_recording {
                break;
            }
        }
        Ok(self.packets.flown().clone())
    }

    fn next_due(&mut self) -> Result<Option<Stamp<HostClock>>, Error> {
        if self.stage.start().is_none() {
            return Ok(None);
        }
        if self.next.is_none() {
            let chirps = self.tape.chirps();
            #[expect(clippy::cast_precision_loss, reason = "chirp counts are far below 2^52")]
            let sweep = Seconds(chirps.chirp_period.0 * chirps.chirps as f64).to_micros();
            self.next = self
                .tape
                .next_frame()?
                .map(|(recorded, frame)| (Micros(recorded.0 + sweep.0), adc_bytes(&frame.samples)));
        }
        Ok(self.next.as_ref().and_then(|&(whole, _)| self.stage.host_time(whole)))
    }

    fn play(&mut self, now: Stamp<HostClock>) {
        let Some((_, bytes)) = self.next.take() else { return };
        if self.streaming {
            self.packets.push(&bytes);
            self.packets.flown.frames += 1;
            self.newest = Some(now);
        }
    }

    /// Hands the datagrams to the system.
    fn send(&mut self) -> Result<(), Error> {
        while let Some(datagram) = self.packets.next_datagram() {
            match self.socket.send_to(&datagram, self.options.data) {
                // On loopback a host that is not there yet is told by an error on a later send.
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {}
                Err(error) => return Err(socket_error(self.options.data)(error)),
            }
        }
        Ok(())
    }

    /// Waits for a command and answers it.
    fn serve(&mut self, wait: Micros) -> Result<(), Error> {
        // The system takes a zero for "for ever".
        let wait = Duration::from_micros(u64::try_from(wait.0).unwrap_or(0).max(1));
        let broken = socket_error(self.options.board);
        if self.socket.set_read_timeout(Some(wait)).is_err() {
            return Ok(());
        }
        let mut buffer = [0; 512];
        let (length, from) = match self.socket.recv_from(&mut buffer) {
            Ok(received) => received,
            Err(error) => {
                use std::io::ErrorKind::{ConnectionRefused, Interrupted, TimedOut, WouldBlock};
                return match error.kind() {
                    ConnectionRefused | Interrupted | TimedOut | WouldBlock => Ok(()),
                    _ => Err(broken(error)),
                };
            }
        };
        let Some(code) = command(&buffer[..length]) else { return Ok(()) };
        match code {
            START => self.start(),
            STOP => self.streaming = false,
            _ => {}
        }
        let status = if code == VERSION { FIRMWARE } else { 0 };
        let answer = [HEADER, code.to_le_bytes(), status.to_le_bytes(), FOOTER];
        self.socket.send_to(answer.as_flattened(), from).map_err(broken)?;
        Ok(())
    }

    fn start(&mut self) {
        if !self.streaming {
            self.streaming = true;
            let flown = std::mem::take(&mut self.packets.flown);
            self.packets = Packets::new(self.options.air);
            self.packets.flown = flown;
        }
        if !self.entered {
            self.entered = true;
            self.stage.enter(clock::now());
        }
    }
}

/// The code of a command, if `bytes` are one.
fn command(bytes: &[u8]) -> Option<u16> {
    let rest = bytes.strip_prefix(&HEADER)?.strip_suffix(&FOOTER)?;
    let (code, rest) = rest.split_first_chunk()?;
    let (length, data) = rest.split_first_chunk()?;
    (usize::from(u16::from_le_bytes(*length)) == data.len()).then(|| u16::from_le_bytes(*code))
}

fn socket_error(address: SocketAddr) -> impl FnOnce(std::io::Error) -> Error {
    move |source| Error::Socket { address: address.to_string(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_what_tis_manual_says() {
        assert_eq!(command(&[0x5A, 0xA5, 5, 0, 0, 0, 0xAA, 0xEE]), Some(START));
        let configure = [0x5A, 0xA5, 3, 0, 6, 0, 1, 2, 1, 2, 3, 30, 0xAA, 0xEE];
        assert_eq!(command(&configure), Some(3));
        assert_eq!(command(&configure[..13]), None);
        assert_eq!(command(&[0x5A, 0xA5, 3, 0, 7, 0, 1, 2, 1, 2, 3, 30, 0xAA, 0xEE]), None);
    }

    #[test]
    fn datagrams_say_where_their_bytes_belong() {
        let mut packets = Packets::new(Air::default());
        packets.push(&[7; 2 * PAYLOAD + 10]);
        packets.flush();
        let sent: Vec<_> = std::iter::from_fn(|| packets.next_datagram()).collect();
        assert_eq!(sent.len(), 3);
        assert_eq!(sent[1][..10], [2, 0, 0, 0, 0xB0, 0x05, 0, 0, 0, 0]);
        assert_eq!((sent[1].len(), sent[2].len()), (1466, 20));
    }

    #[test]
    fn the_air_loses_swaps_and_repeats_as_often_as_it_is_told() {
        let air = Air { loss: 0.1, reorder: 0.1, duplicate: 0.1, seed: 4 };
        let mut packets = Packets::new(air);
        packets.push(&vec![0; 10_000 * PAYLOAD]);
        packets.flush();
        let sequence = |datagram: Vec<u8>| u32::from_le_bytes(*datagram.first_chunk().unwrap());
        let came: Vec<_> = std::iter::from_fn(|| packets.next_datagram().map(sequence)).collect();
        let Flown { made, lost, reordered, duplicated, .. } = packets.flown().clone();
        assert_eq!(made, 10_000);
        assert_eq!(came.len() as u64, made - lost.len() as u64 + duplicated);
        // 1000 expected of each that can happen; five standard deviations are 150.
        assert!(lost.len().abs_diff(1_000) < 150 && reordered > 650 && duplicated > 650);
        let steps_back = came.windows(2).filter(|pair| pair[1] < pair[0]).count() as u64;
        assert_eq!(steps_back, reordered);
    }
}
