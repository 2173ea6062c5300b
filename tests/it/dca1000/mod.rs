//! The DCA1000 against a real capture and its independent reference, and over real sockets.

mod board;
mod datagrams;

use crate::{pcap, support};

/// Bytes of the frame in the capture: 16 chirps of 256 complex samples.
const FRAME: usize = 16 * 256 * 4;

fn datagram(sequence: u32, byte_count: u64, payload: &[u8]) -> Vec<u8> {
    let count = byte_count.to_le_bytes();
    [&sequence.to_le_bytes()[..], &count[..6], payload].concat()
}

/// What the board sends for `stream`, from datagram `sequence` on.
fn datagrams(stream: &[u8], sequence: u32, byte_count: u64) -> Vec<Vec<u8>> {
    let mut at = byte_count;
    let mut number = sequence;
    let numbered = stream.chunks(1456).map(|payload| {
        let datagram = datagram(number, at & ((1 << 48) - 1), payload);
        at += payload.len() as u64;
        number = number.wrapping_add(1);
        datagram
    });
    numbered.collect()
}

/// No zero among them, and no two windows alike.
fn noise(length: usize, seed: u32) -> Vec<u8> {
    let mut state = seed | 1;
    let step = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0].max(1)
    };
    (0..length).map(step).collect()
}

/// The datagrams of the capture, and its samples as they lie in the datagrams.
fn capture() -> Option<(Vec<Vec<u8>>, Vec<u8>)> {
    let path = support::shared("radar/dca1000_pcap/test_one_frame.pcap")?;
    let datagrams: Vec<_> = pcap::udp(&path)
        .into_iter()
        .filter(|sent| sent.port == 4098)
        .map(|sent| sent.payload)
        .collect();
    assert_eq!(datagrams.len(), 12);
    let stream: Vec<u8> = datagrams.iter().flat_map(|datagram| datagram[10..].to_vec()).collect();
    assert_eq!(stream.len(), FRAME);
    Some((datagrams, stream))
}

/// One thing that may happen to a datagram on its way.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Arrives,
    Lost,
    Twice,
    /// After so many others.
    Late(usize),
}

/// What arrives of `sent`.
fn travel(sent: &[Vec<u8>], fates: &[Fate]) -> Vec<Vec<u8>> {
    let mut arrivals: Vec<(usize, &Vec<u8>)> = Vec::new();
    for (at, (datagram, fate)) in sent.iter().zip(fates).enumerate() {
        match fate {
            Fate::Arrives => arrivals.push((2 * at, datagram)),
            Fate::Lost => {}
            Fate::Twice => arrivals.extend([(2 * at, datagram), (2 * at + 1, datagram)]),
            Fate::Late(others) => arrivals.push((2 * (at + others) + 1, datagram)),
        }
    }
    arrivals.sort_by_key(|(when, _)| *when);
    arrivals.into_iter().map(|(_, datagram)| datagram.clone()).collect()
}
