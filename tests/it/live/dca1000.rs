//! A DCA1000 behind bad air: each frame is exact, or marked and exact where it has no hole.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use visaged::data::{Reading, Samples};
use visaged_vdev::dca1000::{Air, Dca1000, DcaOptions, PAYLOAD};
use visaged_vdev::settings;
use visaged_vdev::timing::Stage;

use super::rig::{self, Thread};

const AIR: Air = Air { loss: 0.01, reorder: 0.01, duplicate: 0.002, seed: 21 };
/// Fast, and slow enough that no datagram is lost that we did not lose.
const SPEED: f64 = 5.0;
/// 3 receivers x 16 chirps x 64 samples of two bytes.
const BYTES_PER_FRAME: usize = 3 * 16 * 64 * 2;
/// Reads without news, of 50 ms each, before the test gives up.
const MOST_IDLE: usize = 100;

/// A port of this machine that was free a moment ago.
fn free_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn address(last: u8, port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), port))
}

#[test]
fn with_one_per_cent_of_loss_and_of_reordering_each_frame_is_exact_or_marked() {
    let options = DcaOptions {
        board: address(2, free_port()),
        data: address(1, free_port()),
        at_once: false,
        air: AIR,
        end_with_recording: false,
    };
    let stage = Stage::new(1, SPEED);
    let mut board = Dca1000::open(&rig::scene("radar"), None, stage, options).unwrap();
    let mut sensor = rig::open(&settings::dca1000("radar", board.chirps(), &options));
    let device = Thread::start(move |stop| board.run(stop).unwrap());

    let source = rig::frames();
    let (mut exact, mut marked, mut newest, mut idle) = (0, 0, None, 0);
    while idle < MOST_IDLE && newest.is_none_or(|newest| newest + 1 < source.len()) {
        let Ok(Some(Reading::Radar(frame))) = sensor.read() else {
            idle += 1;
            continue;
        };
        idle = 0;
        let number = usize::try_from(frame.number).unwrap();
        assert_eq!(number, newest.map_or(0, |newest| newest + 1), "frames come in turn");
        newest = Some(number);
        if frame.has_holes {
            marked += 1;
            assert!(is_holed(&frame.samples, &source[number]), "frame {number} is shifted");
        } else {
            exact += 1;
            assert!(frame.samples == source[number], "frame {number} differs and is not marked");
        }
    }
    let counts = sensor.counts();
    drop(sensor);
    let flown = device.stop();
    assert_eq!(exact + marked, source.len(), "{counts:?}");
    // Some 1260 datagrams: a dozen lost, each of which tears one frame or two, and the late one.
    assert!(flown.lost.len() >= 5 && flown.reordered >= 5, "{flown:?}");
    assert!(marked > 0 && marked <= 2 * flown.lost.len() + 1, "{marked} marked, {flown:?}");
    // As from a real board, the last short datagram comes two seconds late, and the frame that it
    // belongs to is given without it.
    let all = source.len() * BYTES_PER_FRAME;
    let last_is_lost = flown.lost.iter().any(|&(_, length)| length < PAYLOAD);
    let late = if last_is_lost { 0 } else { all % PAYLOAD };
    let lost: usize = flown.lost.iter().map(|&(_, length)| length).sum();
    assert_eq!(counts.get("lost-bytes"), (lost + late) as u64, "{counts:?}");
}

/// True if `frame` is `source` with zeros in some places.
fn is_holed(frame: &Samples, source: &Samples) -> bool {
    let (Samples::Real(frame), Samples::Real(source)) = (frame, source) else { return false };
    frame.iter().zip(source).all(|(&got, &sent)| got == sent || got == 0)
}
