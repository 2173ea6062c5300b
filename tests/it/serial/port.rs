//! The real port code on pseudo-terminals: the board's end is played in the same thread, a step at
//! a time, so that nothing here waits for a schedule.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use serialport::{SerialPort, TTYPort};
use visaged::data::{Epoch, Loss, Notice, Reading, View};
use visaged::sensor::{Error, Kind, Sensor};
use visaged::units::Stamp;

use super::board::{Board, RADAR_KEYS};
use crate::scratch::Scratch;

/// Reads until something must have happened: each waits 50 ms at most.
const PATIENCE: usize = 400;

/// A pseudo-terminal: `board` is the board's end of the cable. The other end is held open too, so
/// that its number is not given away while a test looks at it.
struct Cable {
    board: TTYPort,
    host: TTYPort,
}

impl Cable {
    fn new() -> Self {
        let (mut board, host) = TTYPort::pair().unwrap();
        board.set_timeout(std::time::Duration::from_millis(1)).unwrap();
        Self { board, host }
    }

    fn path(&self) -> PathBuf {
        self.host.name().unwrap().into()
    }

    /// Descriptors of this process on the host's end, ours aside. Behind a hang-up the system calls
    /// the end deleted.
    fn users(&self) -> usize {
        let path = self.path().display().to_string();
        let links = fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| {
            // The descriptor of the listing itself is gone by now.
            fs::read_link(entry.unwrap().path()).ok()
        });
        let is_end = |link: &PathBuf| {
            let link = link.display().to_string();
            link == path || link == format!("{path} (deleted)")
        };
        links.filter(is_end).count() - 1
    }

    /// Everything the host has sent.
    fn heard(&mut self) -> Vec<u8> {
        let (mut heard, mut buffer) = (Vec::new(), [0; 4096]);
        while let Ok(read) = self.board.read(&mut buffer) {
            heard.extend(&buffer[..read]);
        }
        heard
    }

    fn say(&mut self, bytes: &[u8]) {
        self.board.write_all(bytes).unwrap();
    }
}

fn open(port: &Path) -> Box<dyn Sensor> {
    let text = format!("port = {:?}\n{RADAR_KEYS}", port.display().to_string());
    Kind::named("radar-serial").unwrap().open(toml::from_str(&text).unwrap()).unwrap()
}

/// Reads, and lets the board answer, until a reading is `wanted`; all others are given to `other`.
fn until(
    sensor: &mut dyn Sensor,
    cable: &mut Cable,
    board: &mut Board,
    wanted: impl Fn(&Reading) -> bool,
) -> Result<Reading, Error> {
    for _ in 0..PATIENCE {
        let reading = sensor.read()?.unwrap();
        if wanted(&reading) {
            return Ok(reading);
        }
        let heard = cable.heard();
        let answer = board.answer(&heard);
        cable.say(&answer);
    }
    panic!("nothing came");
}

const fn is_frame(reading: &Reading) -> bool {
    matches!(reading, Reading::Radar(_))
}

/// Connects, and sees frame `number`; a frame is sent again and again until the greeting is over.
fn connect(sensor: &mut dyn Sensor, cable: &mut Cable, board: &mut Board, number: u32) {
    for _ in 0..PATIENCE {
        let reading = sensor.read().unwrap().unwrap();
        assert!(!is_frame(&reading));
        let heard = cable.heard();
        if heard.is_empty() {
            continue;
        }
        let mut said = board.answer(&heard);
        said.extend(board.frame(number).concat());
        cable.say(&said);
        let reading = until(sensor, cable, board, is_frame).unwrap();
        let Reading::Radar(frame) = reading else { panic!("{reading:?}") };
        assert_eq!(frame.number, u64::from(number));
        return;
    }
    panic!("the host said nothing");
}

#[test]
fn a_live_sensor_is_described_by_its_settings_alone() {
    let sensor = open(Path::new("/dev/visaged-no-such-port"));
    let description = sensor.description();
    assert_eq!(description.epoch, Epoch::Live);
    let View::Radar(chirps) = &description.view else { panic!("no radar") };
    assert_eq!((chirps.samples, chirps.rx_antennas.as_slice()), (8, &[1, 3][..]));
}

#[test]
fn a_missing_port_is_an_absent_device_each_time_it_is_read() {
    let mut sensor = open(Path::new("/dev/visaged-no-such-port"));
    sensor.ask_time(Stamp::from_micros(1)).unwrap();
    for _ in 0..3 {
        let error = sensor.read().unwrap_err();
        assert_eq!(error.loss(), Loss::Absent);
        assert!(error.to_string().contains("/dev/visaged-no-such-port"), "{error}");
    }
}

#[test]
fn a_usb_device_that_is_not_plugged_in_is_named_as_it_was_looked_for() {
    let text = "vid-pid = \"fffe:fffd\"\nserial-number = \"none\"\n";
    let kind = Kind::named("radar-serial").unwrap();
    let mut sensor = kind.open(toml::from_str(text).unwrap()).unwrap();
    let error = sensor.read().unwrap_err();
    assert_eq!(error.loss(), Loss::Absent);
    let told = error.to_string();
    assert!(told.contains("fffe:fffd serial none: no such device"), "{told}");
}

#[test]
fn frames_stream_through_a_terminal_that_nobody_else_can_open() {
    let (mut cable, mut board) = (Cable::new(), Board::radar());
    cable.say(b"rst:0x1 (POWERON), boot:0x13\r\n\0\xFF\0");
    let mut sensor = open(&cable.path());
    connect(sensor.as_mut(), &mut cable, &mut board, 0);
    let error = open(&cable.path()).read().unwrap_err();
    assert!(error.to_string().contains("another program"), "{error}");
    for number in 1..200 {
        let frame = board.frame(number).concat();
        cable.say(&frame);
        let reading = until(sensor.as_mut(), &mut cable, &mut board, is_frame).unwrap();
        let Reading::Radar(frame) = reading else { panic!("{reading:?}") };
        assert_eq!(frame.number, u64::from(number));
    }
    assert!(sensor.counts().is_empty(), "{:?}", sensor.counts());
    sensor.ask_time(Stamp::from_micros(77)).unwrap();
    let told = |reading: &Reading| matches!(reading, Reading::Notice(Notice::Time(_)));
    let reading = until(sensor.as_mut(), &mut cable, &mut board, told).unwrap();
    let Reading::Notice(Notice::Time(answer)) = reading else { panic!("{reading:?}") };
    assert_eq!(answer.host_sent, Stamp::from_micros(77));
}

#[test]
fn a_hang_up_closes_the_descriptor_before_it_is_told() {
    let (mut cable, mut board) = (Cable::new(), Board::radar());
    let mut sensor = open(&cable.path());
    connect(sensor.as_mut(), &mut cable, &mut board, 0);
    assert_eq!(cable.users(), 1);
    // Only the board's end goes: the number of the terminal stays ours.
    let other = Cable::new();
    drop(core::mem::replace(&mut cable.board, other.board));
    let error = (0..PATIENCE).find_map(|_| sensor.read().err()).unwrap();
    assert_eq!(error.loss(), Loss::Absent);
    assert_eq!(cable.users(), 0);
}

#[test]
fn a_board_plugged_in_again_under_the_same_name_streams_on_and_the_gap_is_counted() {
    let folder = Scratch::new("serial-replug");
    let name = folder.path().join("radar");
    let mut board = Board::radar();
    let mut sensor = open(&name);
    for round in 0..20_u32 {
        let mut cable = Cable::new();
        symlink(cable.path(), &name).unwrap();
        connect(sensor.as_mut(), &mut cable, &mut board, 10 * round);
        let path = cable.path();
        let Cable { board: end, host } = cable;
        drop(end);
        let error = (0..PATIENCE).find_map(|_| sensor.read().err()).unwrap();
        assert_eq!(error.loss(), Loss::Absent, "{}", path.display());
        drop(host);
        fs::remove_file(&name).unwrap();
        assert_eq!(sensor.read().unwrap_err().loss(), Loss::Absent);
    }
    // Frames 1 to 9, 11 to 19, ... of the same boot.
    assert_eq!(sensor.counts().get("unseen-frames"), 19 * 9);
}

#[test]
fn a_port_that_talks_without_end_and_not_to_the_point_is_given_up() {
    let mut cable = Cable::new();
    let mut sensor = open(&cable.path());
    let error = loop {
        match sensor.read() {
            Ok(reading) => assert_eq!(reading, Some(Reading::Notice(Notice::Idle))),
            Err(error) => break error,
        }
        cable.heard();
        cable.say(b"sensorStart\r\nDone\r\n\0mmwDemo:/>\0");
    };
    assert_eq!(error.loss(), Loss::Protocol);
    assert!(error.to_string().contains("does not answer"), "{error}");
    assert_eq!(cable.users(), 0);
}

#[test]
fn a_board_that_falls_silent_is_greeted_and_then_let_go() {
    let (mut cable, mut board) = (Cable::new(), Board::radar());
    let mut sensor = open(&cable.path());
    connect(sensor.as_mut(), &mut cable, &mut board, 0);
    let mut heard = Vec::new();
    let error = loop {
        match sensor.read() {
            Ok(_) => heard.extend(cable.heard()),
            Err(error) => break error,
        }
    };
    assert_eq!(error.loss(), Loss::Protocol);
    assert!(error.to_string().contains("said nothing"), "{error}");
    let greetings = board.answer(&heard);
    assert!(!greetings.is_empty(), "it was not greeted");
    assert_eq!(cable.users(), 0);
}

#[test]
fn another_configuration_is_told_through_the_sensor_with_both_sides() {
    let (mut cable, mut board) = (Cable::new(), Board::radar());
    board.quirk = super::board::Quirk::Stubborn;
    let text = format!("port = {:?}\n", cable.path().display().to_string());
    let kind = Kind::named("radar-serial").unwrap();
    let mut sensor = kind.open(toml::from_str(&text).unwrap()).unwrap();
    let error = until(sensor.as_mut(), &mut cable, &mut board, is_frame).unwrap_err();
    assert_eq!(error.loss(), Loss::Configuration);
    let told = error.to_string();
    assert!(told.contains("`samples-per-chirp` is 128 in the settings and 8 on"), "{told}");
    assert_eq!(cable.users(), 0);
}

#[test]
fn a_key_file_that_others_can_read_is_noted_and_a_wrong_one_is_refused() {
    let folder = Scratch::new("serial-key");
    let file = folder.put("radar.key", format!("{}\n", "5a".repeat(32)));
    let settings = |file: &Path| -> toml::Table {
        let file = file.display().to_string();
        toml::from_str(&format!("port = \"/dev/none\"\nkey-file = {file:?}\n")).unwrap()
    };
    let kind = Kind::named("radar-serial").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let notes = kind.open(settings(&file)).unwrap().description().notes.clone();
    assert!(notes.len() == 1 && notes[0].contains("chmod 600"), "{notes:?}");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(kind.open(settings(&file)).unwrap().description().notes.is_empty());
    let short = folder.put("short.key", "5a5a");
    let Err(error) = kind.open(settings(&short)) else { panic!("a short key is taken") };
    let told = error.to_string();
    assert!(told.contains("short.key") && !told.contains("5a5a"), "{told}");
}
