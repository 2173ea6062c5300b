//! Plays recordings to live sensors over the loopback interface.

use std::fs;
use std::io::Write;
use std::net::{TcpListener, UdpSocket};
use std::path::Path;

use serde::Deserialize;
use serialport::{SerialPort, TTYPort};
use visaged::sensor::{Kind, Reading};

use crate::loopback::{address, next};
use crate::pcap;

/// How a recording reaches the sensor.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// The datagrams of a capture, each to the port that it was captured on.
    Udp,
    /// The bytes of a file, to whoever connects to port 7777.
    Tcp,
    /// The bytes of a file, to whoever opens a pseudo terminal.
    Pty,
}

/// Everything that a sensor of `kind` reads while `path` is played to it. In `settings`, `HOST`
/// stands for the address of the sensor's side, `BOARD` for ours and `PORT` for a pseudo terminal.
pub fn play(
    kind: &Kind,
    settings: &toml::Table,
    transport: Transport,
    path: &Path,
) -> Vec<Reading> {
    let (host, board) = (address(201), address(202));
    let (mut camera, port) = pty();
    let text = toml::to_string(settings).unwrap();
    let text = text.replace("HOST", &host.to_string()).replace("BOARD", &board.to_string());
    let text = text.replace("PORT", &port);
    let mut sensor = kind.open(toml::from_str(&text).unwrap()).unwrap();
    let mut readings = Vec::new();
    match transport {
        Transport::Udp => {
            // The first read makes the sensor listen.
            readings.extend(next(&mut *sensor, 1));
            let socket = UdpSocket::bind((board, 0)).unwrap();
            for sent in pcap::udp(path) {
                socket.send_to(&sent.payload, (host, sent.port)).unwrap();
            }
            readings.extend(core::iter::from_fn(|| next(&mut *sensor, 10)));
        }
        Transport::Tcp => {
            let listener = TcpListener::bind((board, 7777)).unwrap();
            let bytes = fs::read(path).unwrap();
            std::thread::scope(|scope| {
                let sender = scope.spawn(|| {
                    let (mut peer, _) = listener.accept().unwrap();
                    peer.write_all(&bytes).unwrap();
                    peer
                });
                while !sender.is_finished() {
                    readings.extend(next(&mut *sensor, 1));
                }
                readings.extend(core::iter::from_fn(|| next(&mut *sensor, 10)));
                drop(sender.join().unwrap());
            });
        }
        Transport::Pty => {
            // The first read opens the terminal and makes it raw.
            readings.extend(next(&mut *sensor, 1));
            let bytes = fs::read(path).unwrap();
            let keep_open = camera.try_clone_native().unwrap();
            std::thread::scope(|scope| {
                let sender = scope.spawn(move || camera.write_all(&bytes).unwrap());
                while !sender.is_finished() {
                    readings.extend(next(&mut *sensor, 1));
                }
                readings.extend(core::iter::from_fn(|| next(&mut *sensor, 10)));
            });
            drop(keep_open);
        }
    }
    readings
}

/// The device's end of a pseudo terminal, and the name by which the other one is opened.
pub fn pty() -> (TTYPort, String) {
    let (device, port) = TTYPort::pair().unwrap();
    (device, port.name().unwrap())
}
