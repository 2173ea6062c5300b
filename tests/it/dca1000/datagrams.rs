//! Datagrams in, frames out.

use proptest::prelude::*;
use visaged::data::Counts;
use visaged::sensor::radar_dca1000::{Assembler, Piece};

use super::{FRAME, Fate, capture, datagram, datagrams, noise, travel};

/// What an assembler gave.
#[derive(Debug, PartialEq, Eq)]
enum Given {
    Frame { number: u64, bytes: Vec<u8>, has_holes: bool },
    Restarted,
}

fn collect(assembler: &mut Assembler, datagrams: &[Vec<u8>]) -> Vec<Given> {
    let mut given = Vec::new();
    let mut emit = |piece: Piece<'_>| {
        given.push(match piece {
            Piece::Frame { number, bytes, has_holes } => {
                Given::Frame { number, bytes: bytes.to_vec(), has_holes }
            }
            Piece::Restarted => Given::Restarted,
        });
    };
    for datagram in datagrams {
        assembler.push(datagram, &mut emit);
    }
    assembler.flush(&mut emit);
    given
}

fn rows(counts: &Counts) -> Vec<(&str, u64)> {
    counts.iter().collect()
}

#[test]
fn each_dropped_datagram_of_a_capture_is_a_hole_of_its_size_and_nothing_else_moves() {
    let Some((datagrams, stream)) = capture() else { return };
    for dropped in 0..datagrams.len() {
        let size = datagrams[dropped].len() - 10;
        let hole = dropped * 1456..dropped * 1456 + size;
        let mut expected = stream.clone();
        expected[hole].fill(0);
        let mut kept = datagrams.clone();
        kept.remove(dropped);
        let mut assembler = Assembler::new(FRAME);
        let given = collect(&mut assembler, &kept);
        assert_eq!(given, [Given::Frame { number: 0, bytes: expected, has_holes: true }]);
        let counts = assembler.counts();
        assert_eq!(rows(&counts), [("frames-with-holes", 1), ("lost-bytes", size as u64)]);
    }
}

#[test]
fn any_two_swapped_datagrams_of_a_capture_change_nothing() {
    let Some((datagrams, stream)) = capture() else { return };
    for first in 0..datagrams.len() {
        for second in first + 1..datagrams.len() {
            let mut swapped = datagrams.clone();
            swapped.swap(first, second);
            let mut assembler = Assembler::new(FRAME);
            let given = collect(&mut assembler, &swapped);
            let bytes = stream.clone();
            assert_eq!(given, [Given::Frame { number: 0, bytes, has_holes: false }]);
            assert!(assembler.counts().is_empty(), "{first}, {second}: {:?}", assembler.counts());
        }
    }
}

#[test]
fn any_duplicated_datagram_of_a_capture_is_counted_and_changes_nothing() {
    let Some((datagrams, stream)) = capture() else { return };
    for twice in 0..datagrams.len() {
        for at in twice + 1..=datagrams.len() {
            let mut more = datagrams.clone();
            more.insert(at, datagrams[twice].clone());
            let mut assembler = Assembler::new(FRAME);
            let given = collect(&mut assembler, &more);
            let bytes = stream.clone();
            assert_eq!(given, [Given::Frame { number: 0, bytes, has_holes: false }]);
            // After the last datagram the frame is gone, and nobody can tell late from twice. The
            // first datagram may then be that of a new recording, of which no more came.
            let counts = assembler.counts();
            let expected = match (at == datagrams.len(), twice) {
                (false, _) => &[("duplicate-datagrams", 1)][..],
                (true, 0) => &[],
                (true, _) => &[("stale-datagrams", 1)],
            };
            assert_eq!(rows(&counts), expected, "{twice} at {at}");
        }
    }
}

#[test]
fn a_frame_is_given_with_its_last_byte_and_waits_for_no_other_datagram() {
    let stream = noise(3 * 1000, 7);
    let mut assembler = Assembler::new(1000);
    let mut ends = Vec::new();
    for datagram in &datagrams(&stream, 1, 0) {
        let mut given = 0;
        assembler.push(datagram, &mut |_| given += 1);
        ends.push(given);
    }
    // 1456 bytes end the first frame, 2912 the second, 3000 the third.
    assert_eq!(ends, [1, 1, 1]);
}

#[test]
fn the_byte_count_wraps_without_a_trace() {
    let stream = noise(40_000, 3);
    let frames = (1_u64 << 48) / 5000;
    let start = frames * 5000;
    let mut assembler = Assembler::new(5000);
    let given = collect(&mut assembler, &datagrams(&stream, u32::MAX - 4, start));
    for (frame, (bytes, number)) in given.iter().zip(stream.chunks(5000).zip(frames..)) {
        assert_eq!(*frame, Given::Frame { number, bytes: bytes.to_vec(), has_holes: false });
    }
    assert_eq!(given.len(), 8);
    assert!(assembler.counts().is_empty(), "{:?}", assembler.counts());
}

#[test]
fn joining_a_running_recording_starts_with_the_next_whole_frame() {
    let stream = noise(100_000, 3);
    let sent = datagrams(&stream, 1, 0);
    let mut assembler = Assembler::new(10_000);
    // The 31st datagram starts at 43,680: the first whole frame is number 5.
    let given = collect(&mut assembler, &sent[30..]);
    assert_eq!(given.len(), 5);
    let bytes = stream[50_000..60_000].to_vec();
    assert_eq!(given[0], Given::Frame { number: 5, bytes, has_holes: false });
    let counts = assembler.counts();
    assert_eq!(rows(&counts), [("bytes-before-first-frame", 50_000 - 30 * 1456)]);
}

#[test]
fn a_new_recording_begins_at_frame_0_wherever_the_old_one_was() {
    let (old, new) = (noise(50_000, 1), noise(20_000, 2));
    // The first datagram of a new recording may be lost, if the old one was long.
    for (offset, lost) in [(0, 0), (5_000_000, 0), (5_000_000, 1)] {
        let sent = [datagrams(&old, 9, offset), datagrams(&new, 1, 0)[lost..].to_vec()].concat();
        let mut assembler = Assembler::new(10_000);
        let given = collect(&mut assembler, &sent);
        let restart = given.iter().position(|given| *given == Given::Restarted).unwrap();
        assert_eq!((restart, given.len()), (5, 8), "offset {offset}");
        for (frame, number) in given[restart + 1..].iter().zip(0..) {
            let Given::Frame { number: at, has_holes, .. } = frame else { panic!() };
            assert_eq!((*at, *has_holes), (number, number == 0 && lost == 1));
        }
        assert_eq!(assembler.counts().get("restarts"), 1);
        assert_eq!(assembler.counts().get("lost-bytes"), 1456 * lost as u64);
        assert_eq!(assembler.counts().get("stray-datagrams"), 0);
    }
}

#[test]
fn after_an_outage_of_many_frames_numbers_and_lost_bytes_are_right() {
    let stream = noise(1_000_000, 5);
    let mut sent = datagrams(&stream, 1, 0);
    // 400 datagrams are gone: bytes 145,600 to 728,000.
    sent.drain(100..500);
    let mut assembler = Assembler::new(10_000);
    let given = collect(&mut assembler, &sent);
    let mut lost = 0;
    for frame in &given {
        let Given::Frame { number, bytes, .. } = frame else { panic!("restarted") };
        let at = usize::try_from(*number).unwrap() * 10_000;
        for (got, expected) in bytes.iter().zip(&stream[at..]) {
            assert!(got == expected || *got == 0);
            lost += u64::from(*got == 0);
        }
    }
    // Frames 15 to 71 are gone altogether, and 14 and 72 in part.
    assert_eq!(given.len(), 100 - 57);
    let counts = assembler.counts();
    assert_eq!(counts.get("lost-bytes"), 400 * 1456);
    assert_eq!(counts.get("lost-frames"), 57);
    assert_eq!(lost + 57 * 10_000, 400 * 1456);
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        20 => Just(Fate::Arrives),
        1 => Just(Fate::Lost),
        1 => Just(Fate::Twice),
        2 => (1_usize..12).prop_map(Fate::Late),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Lateness stays below the window, so that only what was lost is missing, to the byte.
    #[test]
    fn every_frame_is_exact_or_marked_and_the_lost_bytes_are_exact(
        frame in 100_usize..9000,
        fates in prop::collection::vec(fate(), 120),
        seed in any::<u32>(),
    ) {
        let stream = noise(100 * 1456 / frame * frame, seed);
        let sent = datagrams(&stream, 1, 0);
        let mut assembler = Assembler::new(frame);
        let given = collect(&mut assembler, &travel(&sent, &fates));
        let dropped = |(datagram, fate): (&Vec<u8>, &Fate)| {
            if matches!(fate, Fate::Lost) { datagram.len() as u64 - 10 } else { 0 }
        };
        let lost: u64 = sent.iter().zip(&fates).map(dropped).sum();
        // Behind the last byte that came nobody knows of anything.
        let mut missing = 0;
        let mut next = 0;
        for frame_given in &given {
            let Given::Frame { number, bytes, has_holes } = frame_given else {
                panic!("restarted")
            };
            prop_assert!(*number >= next, "{number} after {next}");
            next = number + 1;
            let at = usize::try_from(*number).unwrap() * frame;
            let holes = bytes.iter().filter(|byte| **byte == 0).count();
            prop_assert_eq!(holes > 0, *has_holes);
            for (got, expected) in bytes.iter().zip(&stream[at..]) {
                prop_assert!(got == expected || *got == 0, "a sample has moved");
            }
            missing += holes as u64;
        }
        let counts = assembler.counts();
        let unseen = (stream.len() / frame) as u64 - next;
        let skipped = next - given.len() as u64;
        prop_assert_eq!(counts.get("lost-frames"), skipped);
        prop_assert_eq!(counts.get("lost-bytes"), missing + skipped * frame as u64);
        prop_assert_eq!(counts.get("lost-bytes") + unseen * frame as u64, lost);
    }

    #[test]
    fn no_datagram_is_too_strange(
        wild in prop::collection::vec((any::<u32>(), prop_oneof![0_u64..60_000, any::<u64>()],
            0_usize..1600), 1..200),
        frame in 1_usize..5000,
    ) {
        let mut assembler = Assembler::new(frame);
        let sent: Vec<_> = wild
            .iter()
            .map(|&(sequence, count, length)| datagram(sequence, count, &vec![9; length]))
            .collect();
        for given in collect(&mut assembler, &sent) {
            if let Given::Frame { bytes, .. } = given {
                prop_assert_eq!(bytes.len(), frame);
            }
        }
    }
}
