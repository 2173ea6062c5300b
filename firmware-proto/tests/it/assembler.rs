//! Slices to frames: what is lost, and that it is counted once and for the right reason.

use firmware_proto::{
    Encoding, Frame, FrameAssembler, FrameEnd, Header, Lost, Message, RadarSlice, SensorEvent,
    SensorEventKind, Shape, Source,
};
use proptest::prelude::*;

const SLICES: u8 = 3;
/// Two chirps a slice, two samples, one receiver, sent as 16-bit words.
const SHAPE: Shape = Shape { chirps: 2, samples: 2, rx: 1 };

/// The samples of one slice of one frame, so that a mix-up would show.
fn sample(frame: u32, slice: u8) -> u8 {
    (frame.to_le_bytes()[0] << 4) | slice
}

fn slice_of(frame: u32, slice: u8, data: &[u8]) -> Frame<'_> {
    let message = Message::RadarSlice(RadarSlice {
        config_id: 7,
        frame_number: frame,
        slice_index: slice,
        encoding: Encoding::U16,
        first_chirp: u16::from(slice) * SHAPE.chirps,
        shape: SHAPE,
        temperature_centi_c: Some(3000),
        data,
    });
    let header = Header { time_us: u64::from(frame) * 50_000, ..Header::default() };
    Frame { header, authenticated: false, message }
}

fn end_of(frame: u32, dropped_frames: u32) -> Frame<'static> {
    let message = Message::FrameEnd(FrameEnd {
        config_id: 7,
        frame_number: frame,
        slice_count: SLICES,
        flags: 0,
        chirp_count: u16::from(SLICES) * SHAPE.chirps,
        saturated_samples: 0,
        dropped_frames,
    });
    Frame { header: Header::default(), authenticated: false, message }
}

/// Feeds the messages of one frame, but for the one at `skip` (`SLICES` is the end): whether a
/// frame came out, checked sample by sample.
fn feed<B: AsMut<[u16]>>(assembler: &mut FrameAssembler<B>, frame: u32, skip: Option<u8>) -> bool {
    for slice in (0..SLICES).filter(|&slice| Some(slice) != skip) {
        let data = [sample(frame, slice), 1].repeat(4);
        assert!(assembler.push(&slice_of(frame, slice, &data)).is_none());
    }
    if skip == Some(SLICES) {
        return false;
    }
    let Some(whole) = assembler.push(&end_of(frame, 0)) else { return false };
    assert_eq!(whole.shape, Shape { chirps: 6, ..SHAPE });
    assert_eq!(whole.time_us, u64::from(frame) * 50_000);
    for (slice, samples) in (0..SLICES).zip(whole.samples.chunks_exact(4)) {
        assert_eq!(samples, [u16::from_le_bytes([sample(frame, slice), 1]); 4]);
    }
    true
}

#[test]
fn a_missing_slice_loses_its_own_frame_only() {
    for skip in 0..SLICES {
        let mut buffer = [0; 12];
        let mut assembler = FrameAssembler::new(&mut buffer);
        assert!(feed(&mut assembler, 1, None));
        assert!(!feed(&mut assembler, 2, Some(skip)));
        assert!(feed(&mut assembler, 3, None));
        let lost = if skip == SLICES - 1 { Lost::CountMismatch } else { Lost::MissingSlice };
        assert_eq!(assembler.counts().lost(lost), 1, "slice {skip}");
        assert_eq!((assembler.counts().complete, assembler.counts().unseen), (2, 0));
    }
}

#[test]
fn a_missing_end_loses_its_own_frame_only() {
    let mut buffer = [0; 12];
    let mut assembler = FrameAssembler::new(&mut buffer);
    assert!(!feed(&mut assembler, 1, Some(SLICES)));
    assert!(feed(&mut assembler, 2, None));
    assert_eq!(assembler.counts().lost(Lost::MissingEnd), 1);
}

#[test]
fn a_frame_without_any_slice_is_counted_by_its_end_or_by_the_gap() {
    let mut buffer = [0; 12];
    let mut assembler = FrameAssembler::new(&mut buffer);
    assert!(feed(&mut assembler, u32::MAX, None));
    assert!(assembler.push(&end_of(0, 0)).is_none());
    assert!(feed(&mut assembler, 4, None));
    assert_eq!(assembler.counts().lost(Lost::MissingSlice), 1);
    assert_eq!(assembler.counts().unseen, 3);
}

#[test]
fn a_frame_above_the_buffer_is_lost_and_a_smaller_one_found() {
    let mut buffer = [0; 11];
    let mut assembler = FrameAssembler::new(&mut buffer);
    assert!(!feed(&mut assembler, 1, None));
    assert_eq!(assembler.counts().lost(Lost::TooLarge), 1);
}

#[test]
fn damaged_samples_and_changed_shapes_lose_the_frame() {
    let mut buffer = [0; 12];
    let mut assembler = FrameAssembler::new(&mut buffer);
    assert!(assembler.push(&slice_of(1, 0, &[0; 7])).is_none());
    assert!(assembler.push(&end_of(1, 0)).is_none());
    assert_eq!(assembler.counts().lost(Lost::BadSamples), 1);
    assert!(assembler.push(&slice_of(2, 0, &[0; 8])).is_none());
    let mut other = slice_of(2, 1, &[0; 8]);
    if let Message::RadarSlice(slice) = &mut other.message {
        slice.config_id = 8;
    }
    assert!(assembler.push(&other).is_none());
    assert_eq!(assembler.counts().lost(Lost::ShapeChanged), 1);
    assert!(feed(&mut assembler, 3, None));
}

#[test]
fn an_overflow_loses_the_begun_frame_and_a_restart_starts_numbers_anew() {
    let mut buffer = [0; 12];
    let mut assembler = FrameAssembler::new(&mut buffer);
    assert!(feed(&mut assembler, 900, None));
    assert!(assembler.push(&slice_of(901, 0, &[0; 8])).is_none());
    for kind in [SensorEventKind::Overflow, SensorEventKind::Restart] {
        let event = SensorEvent { kind, source: Source::Radar, count: 1, frame_number: 0 };
        let message = Message::SensorEvent(event);
        let frame = Frame { header: Header::default(), authenticated: false, message };
        assert!(assembler.push(&frame).is_none());
    }
    assert!(feed(&mut assembler, 0, None));
    let counts = assembler.counts();
    assert_eq!((counts.lost(Lost::Interrupted), counts.unseen, counts.restarts), (1, 0, 0));
}

#[test]
fn device_drops_are_counted_from_the_first_end_on() {
    let mut buffer = [0; 12];
    let mut assembler = FrameAssembler::new(&mut buffer);
    for (frame, dropped) in [(10, 5), (11, 5), (14, 7)] {
        assert!(assembler.push(&end_of(frame, dropped)).is_none());
    }
    assert_eq!(assembler.counts().device_dropped, 2);
    assert_eq!(assembler.counts().unseen, 2);
}

proptest! {
    #[test]
    fn every_frame_number_is_complete_lost_or_unseen(
        kept in proptest::collection::vec(any::<bool>(), 4 * 20)
    ) {
        let mut buffer = [0; 12];
        let mut assembler = FrameAssembler::new(&mut buffer);
        assert!(feed(&mut assembler, 0, None));
        for (frame, kept) in (1..).zip(kept.chunks_exact(4)) {
            for slice in (0..SLICES).filter(|&slice| kept[usize::from(slice)]) {
                let data = [sample(frame, slice), 1].repeat(4);
                prop_assert!(assembler.push(&slice_of(frame, slice, &data)).is_none());
            }
            if kept[3] {
                let whole = assembler.push(&end_of(frame, 0)).is_some();
                prop_assert_eq!(whole, kept.iter().all(|&kept| kept));
            }
        }
        assert!(feed(&mut assembler, 21, None));
        let counts = assembler.counts();
        let lost: u64 = Lost::ALL.into_iter().map(|why| counts.lost(why)).sum();
        prop_assert_eq!(counts.complete + lost + counts.unseen, 22);
    }
}
