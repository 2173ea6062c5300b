//! The sensor and a board of ours, over the loopback interface.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use visaged::data::{Loss, RadarFrame, Samples};
use visaged::sensor::radar_dca1000::{Answer, Command};
use visaged::sensor::{Epoch, Error, Kind, Notice, Reading, Sensor};

use super::{FRAME, Fate, capture, datagrams, noise, travel};
use crate::loopback::{self, address};
use crate::npy::Array;
use crate::{pcap, support};

/// A board on the loopback interface: answers commands and sends what it is told to.
struct Board {
    commands: UdpSocket,
    data: UdpSocket,
    host: IpAddr,
}

impl Board {
    /// At the address `number` of this test.
    fn new(number: u8) -> (Self, Box<dyn Sensor>) {
        Self::with(number, FRAME, "")
    }

    fn with(number: u8, frame_bytes: usize, more: &str) -> (Self, Box<dyn Sensor>) {
        let (host, board) = (address(number), address(number + 100));
        let here = SocketAddr::new(board, 4096);
        let settings = format!(
            "data = '{host}:4098'\ncommands = '{host}:4096'\nboard = '{here}'\n{more}\n{}",
            chirps(frame_bytes)
        );
        let commands = UdpSocket::bind(here).unwrap();
        commands.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let data = UdpSocket::bind((board, 1024 + 5)).unwrap();
        let kind = Kind::named("radar-dca1000").unwrap();
        let sensor = kind.open(toml::from_str(&settings).unwrap()).unwrap();
        (Self { commands, data, host }, sensor)
    }

    /// Answers the next command with `status` and says which it was.
    fn answer(&self, status: u16) -> Vec<u8> {
        let mut buffer = [0; 64];
        let (length, from) = self.commands.recv_from(&mut buffer).unwrap();
        let [low, high] = status.to_le_bytes();
        let reply = [0x5A, 0xA5, buffer[2], buffer[3], low, high, 0xAA, 0xEE];
        self.commands.send_to(&reply, from).unwrap();
        buffer[..length].to_vec()
    }

    fn send(&self, datagram: &[u8]) {
        self.data.send_to(datagram, (self.host, 4098)).unwrap();
    }

    /// Takes the commands up to the start of a recording.
    fn start(&self, sensor: &mut dyn Sensor) {
        let expected = [
            Command::Alive,
            Command::Version,
            Command::Reset,
            Command::Configure { lanes: 2 },
            Command::PacketDelay { micros: 25 },
            Command::Start,
        ];
        std::thread::scope(|scope| {
            let answers = scope.spawn(|| {
                let status = |command| if command == Command::Version { 0x0402 } else { 0 };
                expected.map(|command| (command, self.answer(status(command))))
            });
            while !answers.is_finished() {
                assert_eq!(sensor.read().unwrap(), Some(Reading::Notice(Notice::Idle)));
            }
            for (command, got) in answers.join().unwrap() {
                assert_eq!(got, command.encode(), "{command:?}");
            }
        });
        // The answer to the last command.
        assert_eq!(sensor.read().unwrap(), Some(Reading::Notice(Notice::Idle)));
    }
}

/// Settings of frames of `frame_bytes` bytes, of the kind that the capture has.
fn chirps(frame_bytes: usize) -> String {
    let chirps = frame_bytes / (256 * 4);
    format!(
        "[radar]\nrx-antennas = [1]\nchirps = {chirps}\nsamples = 256\nlanes = 2\ncomplex = true\n\
         iq-order = 'qi'\nstart-frequency-ghz = 77.0\nslope-mhz-per-us = 70.0\n\
         sample-rate-ksps = 5209.0\nchirp-period-us = 486.14\nframe-period-ms = 100.0\n"
    )
}

fn frame(reading: Option<Reading>) -> RadarFrame {
    let Some(Reading::Radar(frame)) = reading else { panic!("{reading:?} is no frame") };
    frame
}

/// Reads until something else than silence comes.
fn next(sensor: &mut dyn Sensor) -> Reading {
    loopback::next(sensor, 200).expect("silence for 10 s")
}

fn complex(frame: &RadarFrame) -> Vec<[i16; 2]> {
    let Samples::Complex(samples) = &frame.samples else { panic!("real samples") };
    samples.iter().copied().collect()
}

#[test]
fn the_capture_played_over_sockets_gives_the_samples_that_others_found_in_it() {
    let Some((datagrams, _)) = capture() else { return };
    let reference = Array::read(&support::shared("radar/dca1000_pcap/ref/iq.npy").unwrap());
    let (board, mut sensor) = Board::new(1);
    assert_eq!(sensor.description().epoch, Epoch::Live);
    assert_eq!(sensor.description().format, "DCA1000 raw samples, 2 lanes, complex, Q first");
    board.start(&mut *sensor);
    datagrams.iter().for_each(|datagram| board.send(datagram));
    let got = frame(Some(next(&mut *sensor)));
    assert_eq!((got.number, got.stamp.as_micros(), got.has_holes), (0, 0, false));
    let samples: Vec<_> = complex(&got).iter().map(|sample| sample.map(f64::from)).collect();
    assert_eq!(samples, reference.values);
    assert_eq!(sensor.counts().get("iq-order-doubtful"), 0);
    drop(sensor);
    assert_eq!(board.answer(0), Command::Stop.encode());
}

#[test]
fn the_end_of_the_last_frame_is_not_waited_for() {
    let Some((datagrams, _)) = capture() else { return };
    let (board, mut sensor) = Board::new(2);
    board.start(&mut *sensor);
    // The real board sends the last 368 bytes two seconds after the rest.
    datagrams[..11].iter().for_each(|datagram| board.send(datagram));
    // Two frame periods are four waits of 50 ms.
    let got = frame(loopback::next(&mut *sensor, 8));
    assert!(got.has_holes);
    assert_eq!(complex(&got)[4096 - 92..], [[0, 0]; 92]);
    assert_ne!(complex(&got)[4096 - 93], [0, 0]);
    board.send(&datagrams[11]);
    assert_eq!(loopback::next(&mut *sensor, 2), None);
    assert_eq!(sensor.counts().get("lost-bytes"), 368);
    assert_eq!(sensor.counts().get("stale-datagrams"), 1);
}

#[test]
fn one_percent_lost_and_one_percent_reordered_leave_frames_exact_or_marked() {
    const FRAMES: usize = 60;
    const SIZE: usize = 32 * 1024;
    let (board, mut sensor) = Board::with(3, SIZE, "");
    board.start(&mut *sensor);
    let stream = noise(FRAMES * SIZE, 11);
    let sent = datagrams(&stream, 1, 0);
    let fates: Vec<_> = (0..sent.len())
        .map(|at| match (at * 7919) % 100 {
            1 => Fate::Lost,
            2 => Fate::Late(1 + at % 5),
            _ => Fate::Arrives,
        })
        .collect();
    let lost = |(datagram, fate): (&Vec<u8>, &Fate)| match fate {
        Fate::Lost => datagram.len() as u64 - 10,
        _ => 0,
    };
    let lost: u64 = sent.iter().zip(&fates).map(lost).sum();
    assert!(lost > 0);
    let mut frames = Vec::new();
    let arrivals = travel(&sent, &fates);
    // A few datagrams at a time: nothing is to be lost but what we lose.
    for some in arrivals.chunks(16) {
        some.iter().for_each(|datagram| board.send(datagram));
        while let Some(Reading::Radar(frame)) = sensor.read().unwrap() {
            frames.push(frame);
        }
    }
    while frames.len() < FRAMES {
        frames.push(frame(Some(next(&mut *sensor))));
    }
    let mut missing = 0;
    for (frame, number) in frames.iter().zip(0_usize..) {
        assert_eq!(frame.number, number as u64);
        assert_eq!(frame.stamp.as_micros(), 100_000 * i64::try_from(number).unwrap());
        let expected = words(&stream[number * SIZE..(number + 1) * SIZE]);
        let got = complex(frame);
        let holes = got.iter().flatten().filter(|word| **word == 0).count();
        assert_eq!(frame.has_holes, holes > 0);
        assert!(got.iter().zip(&expected).all(|(got, sent)| got == sent || *got == [0, 0]));
        missing += 2 * holes as u64;
    }
    assert_eq!(missing, lost);
    assert_eq!(sensor.counts().get("lost-bytes"), lost);
}

/// `[I, Q]` of a frame on two lanes with Q first: `Q0 Q1 I0 I1`.
fn words(bytes: &[u8]) -> Vec<[i16; 2]> {
    let words: Vec<_> = bytes.as_chunks().0.iter().map(|&word| i16::from_le_bytes(word)).collect();
    words.as_chunks().0.iter().flat_map(|&[q0, q1, i0, i1]| [[i0, q0], [i1, q1]]).collect()
}

#[test]
fn datagrams_of_strangers_are_refused_and_swapped_iq_is_doubted() {
    let Some((datagrams, _)) = capture() else { return };
    let (board, sensor) = Board::new(4);
    drop(sensor);
    // The capture has Q first; these settings say otherwise.
    let settings = format!(
        "data = '{0}:4098'\ncommands = '{0}:4096'\nboard = '{1}'\n{2}",
        board.host,
        board.commands.local_addr().unwrap(),
        chirps(FRAME).replace("'qi'", "'iq'")
    );
    let kind = Kind::named("radar-dca1000").unwrap();
    let mut sensor = kind.open(toml::from_str(&settings).unwrap()).unwrap();
    board.start(&mut *sensor);
    let stranger = UdpSocket::bind((address(44), 0)).unwrap();
    stranger.send_to(&datagrams[3], (board.host, 4098)).unwrap();
    datagrams.iter().for_each(|datagram| board.send(datagram));
    assert!(!frame(Some(next(&mut *sensor))).has_holes);
    assert_eq!(sensor.counts().get("datagrams-of-strangers"), 1);
    assert_eq!(sensor.counts().get("iq-order-doubtful"), 1);
}

#[test]
fn a_board_that_refuses_or_does_not_answer_is_an_error_that_names_the_command() {
    let (board, mut sensor) = Board::new(5);
    let error = std::thread::scope(|scope| {
        let refusal = scope.spawn(|| [0, 0x0402, 0, 1].map(|status| board.answer(status)));
        let error = loop {
            if let Err(error) = sensor.read() {
                break error;
            }
        };
        drop(refusal.join().unwrap());
        error
    });
    let message = error.to_string();
    assert!(message.contains("FPGA version 2.8) refused CONFIG_FPGA_GEN"), "{message}");
    assert_eq!(error.loss(), Loss::Configuration);

    // Nobody answers now; commands are sent again, then given up.
    let error = loop {
        if let Err(error) = sensor.read() {
            break error;
        }
    };
    assert!(matches!(error, Error::Device { loss: Loss::Absent, .. }));
    assert!(error.to_string().contains("no answer to SYSTEM_CONNECT"), "{error}");
}

#[test]
fn an_answer_that_comes_between_two_reads_is_not_missed() {
    let (board, mut sensor) = Board::new(8);
    let idle = Some(Reading::Notice(Notice::Idle));
    for command in [Command::Alive, Command::Version, Command::Reset] {
        // Asks, and waits in vain.
        assert_eq!(sensor.read().unwrap(), idle);
        assert_eq!(board.answer(0), command.encode());
        assert_eq!(sensor.read().unwrap(), idle);
    }
}

#[test]
fn a_board_that_went_away_is_lost_and_its_next_frames_are_a_new_time() {
    let (board, mut sensor) = Board::with(6, 1024, "");
    board.start(&mut *sensor);
    let stream = noise(1024, 1);
    datagrams(&stream, 1, 0).iter().for_each(|datagram| board.send(datagram));
    assert_eq!(frame(Some(next(&mut *sensor))).number, 0);
    let error = loop {
        match sensor.read() {
            Ok(reading) => assert_eq!(reading, Some(Reading::Notice(Notice::Idle))),
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("no answer to SYSTEM_CONNECT"), "{error}");
    // What was asked meanwhile is of no interest any more.
    let mut buffer = [0; 64];
    board.commands.set_nonblocking(true).unwrap();
    while board.commands.recv_from(&mut buffer).is_ok() {}
    board.commands.set_nonblocking(false).unwrap();
    board.start(&mut *sensor);
    datagrams(&stream, 1, 0).iter().for_each(|datagram| board.send(datagram));
    assert_eq!(next(&mut *sensor), Reading::Notice(Notice::Restarted));
    assert_eq!(frame(Some(next(&mut *sensor))).number, 0);
}

#[test]
fn without_control_the_board_is_only_listened_to() {
    let (board, mut sensor) = Board::with(7, 1024, "control = false");
    assert_eq!(sensor.read().unwrap(), Some(Reading::Notice(Notice::Idle)));
    datagrams(&noise(1024, 1), 1, 0).iter().for_each(|datagram| board.send(datagram));
    assert_eq!(frame(Some(next(&mut *sensor))).number, 0);
    board.commands.set_nonblocking(true).unwrap();
    assert!(board.commands.recv_from(&mut [0; 64]).is_err(), "a command was sent");
}

#[test]
fn answers_of_a_real_board_are_read() {
    let Some(path) = support::shared("radar/dca1000_pcap/test_cmd.pcap") else { return };
    let answers: Vec<_> =
        pcap::udp(&path).iter().map(|sent| Answer::parse(&sent.payload).unwrap()).collect();
    let codes: Vec<_> = answers.iter().map(|answer| answer.code).collect();
    assert_eq!(codes, [1, 2, 5, 6, 0x0B, 3, 4, 9, 0x0A, 0x0E]);
    assert_eq!(answers[9].version(), (2, 8));
}

#[test]
fn settings_that_no_radar_can_have_are_refused_when_they_are_read() {
    let kind = Kind::named("radar-dca1000").unwrap();
    for (from, to, word) in [
        ("samples = 256", "samples = 255", "`samples`"),
        ("lanes = 2", "lanes = 3", "`lanes`"),
        ("[radar]", "packet-delay-us = 3\n[radar]", "5 to 500"),
    ] {
        let settings = chirps(FRAME).replace(from, to);
        let message = kind.check(toml::from_str(&settings).unwrap()).unwrap_err().to_string();
        assert!(message.contains(word), "{message}");
    }
    kind.check(toml::from_str(&chirps(FRAME)).unwrap()).unwrap();
}
