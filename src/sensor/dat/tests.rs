//! DAT records and headers.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::data::Event;

const SMALL: Geometry = Geometry { width: 320, height: 240 };

fn record(t: u32, x: u32, y: u32, on: bool) -> Vec<u8> {
    let pixel = x | y << 14 | u32::from(on) << 28;
    [t.to_le_bytes(), pixel.to_le_bytes()].concat()
}

fn decode(bytes: &[u8], piece: usize) -> (EventBatch, Tally) {
    let mut decoder = Decoder::new(SMALL);
    let mut batch = EventBatch::default();
    bytes.chunks(piece).for_each(|piece| decoder.push(piece, &mut batch));
    decoder.finish();
    (batch, *decoder.tally())
}

#[test]
fn times_go_on_through_three_wraps() {
    let bytes: Vec<u8> = (0..13).flat_map(|n: u32| record(n << 30, 1, 2, true)).collect();
    let (batch, tally) = decode(&bytes, 64);
    let expected: Vec<i64> = (0..13).map(|n| n << 30).collect();
    assert_eq!(batch.events.iter().map(|event| event.t).collect::<Vec<_>>(), expected);
    assert_eq!((tally, batch.non_monotonic), (Tally::default(), false));
}

#[test]
fn steps_back_and_pixels_off_the_sensor_are_counted_by_reason() {
    let bytes = [
        record(9, 319, 239, false),
        record(8, 0, 0, true),
        record(9, 320, 0, true),
        record(9, 320, 240, true),
    ];
    let (batch, tally) = decode(&bytes.concat(), 64);
    let events = [Event { t: 9, x: 319, y: 239, on: false }, Event { t: 8, x: 0, y: 0, on: true }];
    assert_eq!(batch.events, events);
    assert!(batch.non_monotonic);
    let expected =
        Tally { x_beyond_width: 1, y_beyond_height: 1, time_went_back: 1, trailing_bytes: 0 };
    assert_eq!(tally, expected);
}

#[test]
fn neither_text_nor_noise_nor_raw_is_taken_for_dat() {
    let is =
        |head: &[u8]| Dat::recognises(&Candidate { path: PathBuf::new(), head: head.to_vec() });
    assert!(is(b"% Version 2\n% Width 3\n% Height 4\n\x0C\x08"));
    assert!(is(b"% Data file containing Event2D events.\n\x00\x08\x01"));
    assert!(!is(b"% Version 2\n\x0C\x10"));
    assert!(!is(b"% Version 2\nSome text.\n"));
    assert!(!is(b"% evt 3.0\n\x00\x08\x00\x80"));
    assert!(!is(b"\x0C\x08\x00\x00"));
}

#[test]
fn an_old_header_without_pixels_asks_for_them_and_takes_the_settings() {
    let header = Header::parse(b"% Version 2\n% Height 4\n");
    let mut config = Config { path: PathBuf::from("a.dat"), geometry: None };
    let error = geometry(&header, &config, &mut Vec::new()).unwrap_err().to_string();
    assert!(error.starts_with("a.dat: Width: missing in the header; set `geometry"), "{error}");
    config.geometry = Some(SMALL);
    assert_eq!(geometry(&header, &config, &mut Vec::new()).unwrap(), SMALL);
}

proptest! {
    #[test]
    fn any_split_of_any_bytes_gives_the_same_output(
        bytes in vec(any::<u8>(), 0..200),
        near in any::<bool>(),
        piece in 1..40_usize,
    ) {
        let mut bytes = bytes;
        if near {
            // Noise rarely lies on the sensor: clear the upper bits of both coordinates.
            bytes.chunks_mut(8).filter(|record| record.len() == 8).for_each(|record| {
                record[5] &= 0xC0;
                record[6] &= 0x0F;
                record[7] &= 0x10;
            });
        }
        prop_assert_eq!(decode(&bytes, piece), decode(&bytes, 1000));
    }
}
