//! Plays recordings to live sensors over the loopback interface.

use std::fs;
use std::io::Write;
use std::net::{TcpListener, UdpSocket};
use std::path::Path;

use serde::Deserialize;
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
}

/// Everything that a sensor of `kind` reads while `path` is played to it. In `settings`, `HOST`
/// stands for the address of the sensor's side and `BOARD` for ours.
pub fn play(
    kind: &Kind,
    settings: &toml::Table,
    transport: Transport,
    path: &Path,
) -> Vec<Reading> {
    let (host, board) = (address(201), address(202));
    let text = toml::to_string(settings).unwrap();
    let text = text.replace("HOST", &host.to_string()).replace("BOARD", &board.to_string());
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
    }
    readings
}
