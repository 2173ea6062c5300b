//! A minute of traffic over a bad cable: nothing damaged is used, and all that is lost is counted.

use std::path::Path;
use std::sync::mpsc::sync_channel;

use firmware_proto::{Decoder, Encoder, HelloRequest, MAX_WIRE, Message};
use visaged::daemon::clock;
use visaged::data::{Counts, Event, EventBatch, Geometry, Reading};
use visaged::sensor::{Sensor, evt};
use visaged_vdev::board::{Board, BoardOptions, Tally};
use visaged_vdev::line::Faults;
use visaged_vdev::serial::run_unpaced;
use visaged_vdev::tape::round_of;
use visaged_vdev::timing::Stage;

use super::rig::{self, Thread};
use crate::scratch::Scratch;

/// One byte in ten thousand, and noise between the frames.
const FAULTS: Faults = Faults { flip: 1e-4, noise: 100.0, seed: 11 };
/// The scene takes 15 s.
const ROUNDS: usize = 4;
/// Reads without news, of 50 ms each, before a test gives up.
const MOST_IDLE: usize = 100;
/// Everything that a radar frame may be lost by, by the names of the counts.
const LOST: [&str; 8] = [
    "missing-slice",
    "missing-end",
    "count-mismatch",
    "shape-changed",
    "too-large",
    "bad-samples",
    "interrupted",
    "unseen-frames",
];

fn bad_cable() -> BoardOptions {
    BoardOptions { faults: FAULTS, ..BoardOptions::default() }
}

/// Plays `board` over `link` as fast as it is read; it is plugged in when this returns.
fn play(mut board: Board, link: &Path) -> Thread<Tally> {
    let link = link.to_owned();
    let (tell, plugged) = sync_channel(0);
    let device = Thread::start(move |stop| {
        run_unpaced(&mut board, &link, stop, || tell.send(()).unwrap()).unwrap();
        board.tally()
    });
    plugged.recv().unwrap();
    device
}

/// Reads until `take` has enough.
fn read_all(sensor: &mut dyn Sensor, mut take: impl FnMut(&Reading, Counts) -> bool) {
    let mut idle = 0;
    while idle < MOST_IDLE {
        match sensor.read() {
            Ok(Some(reading @ (Reading::Radar(_) | Reading::Events(_)))) => {
                idle = 0;
                if take(&reading, sensor.counts()) {
                    return;
                }
            }
            Ok(_) => idle += 1,
            Err(error) => panic!("{error}; {:?}", sensor.counts()),
        }
    }
    panic!("it fell silent; {:?}", sensor.counts());
}

#[test]
fn no_damaged_frame_is_used_and_every_lost_one_is_counted() {
    let folder = Scratch::new("live-corrupt-radar");
    let link = folder.path().join("radar");
    let source = rig::frames();
    let round = round_of(&[&rig::scene("radar")]).unwrap();
    let board = rig::radar(&Stage::new(1, 1.0), Some(round), bad_cable());
    let mut sensor = rig::reader(&link, &board);
    let device = play(board, &link);
    let last = (ROUNDS * source.len()) as u64;
    let lost = |counts: &Counts| LOST.iter().map(|reason| counts.get(reason)).sum::<u64>();
    let (mut first, mut newest, mut used) = (None, None, 0);
    read_all(sensor.as_mut(), |reading, counts| {
        let Reading::Radar(frame) = reading else { return false };
        assert!(newest.is_none_or(|newest| frame.number > newest), "frame {}", frame.number);
        newest = Some(frame.number);
        let origin = &source[usize::try_from(frame.number).unwrap() % source.len()];
        assert!(frame.samples == *origin, "frame {} is not what was sent", frame.number);
        assert!(!frame.has_holes);
        // What was lost before the first frame came cannot be known to the host.
        let (number, before) = *first.get_or_insert((frame.number, lost(&counts)));
        used += u64::from(frame.number > number);
        let missing = frame.number - number - used;
        assert_eq!(lost(&counts) - before, missing, "at frame {}: {counts:?}", frame.number);
        frame.number >= last
    });
    drop(sensor);
    let tally = device.stop();
    assert!(tally.flipped > 300, "a minute of 4.7 kB frames: {tally:?}");
    assert!(used < last - 100, "nothing was lost, so nothing was tested");
}

#[test]
fn no_damaged_event_is_used_and_every_lost_block_is_counted() {
    let folder = Scratch::new("live-corrupt-events");
    let link = folder.path().join("camera");
    let sent = sent_blocks();
    let board = rig::camera(&Stage::new(1, 1.0), None, bad_cable());
    let mut sensor = rig::reader(&link, &board);
    let device = play(board, &link);
    let (mut first, mut received) = (None, 0);
    read_all(sensor.as_mut(), |reading, counts| {
        let Reading::Events(batch) = reading else { return false };
        received += 1;
        let Some(event) = batch.events.first() else { return false };
        let at = sent.iter().position(|block| block.first().is_some_and(|sent| sent.t == event.t));
        let at = at.unwrap_or_else(|| panic!("no block begins with {event:?}"));
        assert!(batch.events == sent[at], "block {at} is not what was sent");
        let missing = counts.get("missing-messages");
        let (first_at, first_received, before) = *first.get_or_insert((at, received, missing));
        let lost = (at - first_at) - (received - first_received);
        assert_eq!(missing - before, lost as u64, "at block {at}: {counts:?}");
        at * 100 >= sent.len() * 98 // the last ones may be lost themselves
    });
    let missing = sensor.counts().get("missing-messages");
    drop(sensor);
    let tally = device.stop();
    assert!(tally.flipped > 50 && missing > 20, "{missing} missing, {tally:?}");
}

/// The events of every block that a board with a good cable sends, with the times it gives them.
fn sent_blocks() -> Vec<Vec<Event>> {
    let mut board = rig::camera(&Stage::new(1, 1.0), None, BoardOptions::default());
    let start = clock::now();
    board.reboot(start);
    let request = HelloRequest { nonce: [1; 16], version: (1, 0), max_frame: 4096 };
    let mut wire = [0; MAX_WIRE];
    let used = Encoder::new().encode(0, 0, &Message::HelloRequest(request), &mut wire).unwrap();
    board.hear(start, &wire[..used]);
    let mut blocks = Vec::new();
    let mut decoder: Decoder = Decoder::new();
    let mut words = evt::Decoder::new(evt::Format::Evt3, Geometry { width: 320, height: 320 });
    while let Some(due) = board.next_due().unwrap() {
        board.advance(due).unwrap();
        let bytes = board.waiting().to_vec();
        board.sent(bytes.len());
        let mut rest = &bytes[..];
        while let Some(frame) = decoder.push(&mut rest) {
            if let Message::EventBlock(block) = frame.unwrap().message {
                let mut batch = EventBatch::default();
                words.push(block.words, &mut batch);
                blocks.push(batch.events);
            }
        }
    }
    blocks
}
