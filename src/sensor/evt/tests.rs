//! The policy of the README on synthetic streams, and properties of all the decoders.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::data::{Event, Trigger};

const HD: Geometry = Geometry { width: 1280, height: 720 };
const FORMATS: [Format; 4] = [Format::Evt2, Format::Evt21Little, Format::Evt21Legacy, Format::Evt3];

/// Decodes pieces as they come.
fn decode(format: Format, geometry: Geometry, pieces: &[&[u8]]) -> (EventBatch, Tally) {
    let mut decoder = Decoder::new(format, geometry);
    let mut batch = EventBatch::default();
    for &piece in pieces {
        decoder.push(piece, &mut batch);
    }
    decoder.finish();
    (batch, *decoder.tally())
}

fn evt3(words: &[u16]) -> (EventBatch, Tally) {
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    decode(Format::Evt3, HD, &[bytes.as_slice()])
}

fn evt2(words: &[u32]) -> (EventBatch, Tally) {
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    decode(Format::Evt2, HD, &[bytes.as_slice()])
}

fn evt21(words: &[u64]) -> (EventBatch, Tally) {
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    decode(Format::Evt21Little, HD, &[bytes.as_slice()])
}

fn pixels(batch: &EventBatch) -> Vec<(i64, u16, u16, bool)> {
    batch.events.iter().map(|event| (event.t, event.x, event.y, event.on)).collect()
}

/// Time 4097, row 5.
const START: [u16; 3] = [0x8001, 0x6001, 0x0005];

fn after_start(words: &[u16]) -> (EventBatch, Tally) {
    evt3(&[&START, words].concat())
}

#[test]
fn evt3_a_fall_of_the_high_time_by_half_its_range_is_a_wrap() {
    let (batch, tally) = evt3(&[0x8800, 0x0005, 0x2001, 0x8000, 0x2002]);
    assert_eq!(pixels(&batch), [(0x800 << 12, 1, 5, false), (1 << 24, 2, 5, false)]);
    assert_eq!((tally.time_high_went_back, batch.non_monotonic), (0, false));
    let (batch, tally) = evt3(&[0x8800, 0x0005, 0x2001, 0x8001, 0x2002]);
    assert_eq!(batch.events[1].t, 1 << 12);
    assert_eq!((tally.time_high_went_back, batch.non_monotonic), (1, true));
}

#[test]
fn evt3_a_low_time_that_steps_back_is_taken_counted_and_marked() {
    let (batch, tally) = after_start(&[0x6009, 0x2001, 0x6004, 0x2002]);
    assert_eq!(pixels(&batch), [(4105, 1, 5, false), (4100, 2, 5, false)]);
    assert_eq!((tally.time_low_went_back, tally.time_went_back), (1, 1));
    assert!(batch.non_monotonic);
}

#[test]
fn evt3_a_step_back_that_no_event_sees_is_counted_but_leaves_the_batch_in_order() {
    let (batch, tally) = after_start(&[0x2001, 0x6009, 0x6002, 0x2002]);
    assert_eq!((tally.time_low_went_back, tally.time_went_back), (1, 0));
    assert!(!batch.non_monotonic);
}

#[test]
fn evt3_a_step_back_between_two_batches_marks_the_second() {
    let mut decoder = Evt3::new(HD);
    let (mut first, mut second) = (EventBatch::default(), EventBatch::default());
    decoder.push(&[0x01, 0x80, 0x09, 0x60, 0x05, 0x00, 0x01, 0x20, 0x04, 0x60], &mut first);
    decoder.push(&[0x02, 0x20], &mut second);
    assert_eq!((first.non_monotonic, second.non_monotonic), (false, true));
}

#[test]
fn evt3_a_broken_triple_is_read_word_by_word_and_a_single_leaves_the_base_alone() {
    // As event_camera_codecs, evt3, evlib and eventcv read it.
    let (batch, _) = after_start(&[0x3840, 0x4001, 0x2007, 0x5001]);
    assert_eq!(pixels(&batch), [(4097, 64, 5, true), (4097, 7, 5, false), (4097, 76, 5, true)]);
}

#[test]
fn evt3_a_vector_past_the_width_is_cut_there() {
    // Columns 1274..1286; the sensor ends at 1279. The next vector lies beyond it.
    let (batch, tally) = after_start(&[0x34FA, 0x4FFF, 0x50FF]);
    let columns: Vec<u16> = batch.events.iter().map(|event| event.x).collect();
    assert_eq!(columns, [1274, 1275, 1276, 1277, 1278, 1279]);
    assert_eq!(tally.x_beyond_width, 6 + 8);
}

#[test]
fn evt3_rows_below_the_sensor_and_of_a_slave_are_dropped_by_reason() {
    let (batch, tally) =
        after_start(&[0x02D0, 0x2001, 0x3000, 0x4003, 0x0805, 0x2001, 0x02CF, 0x2001]);
    assert_eq!(pixels(&batch), [(4097, 1, 719, false)]);
    assert_eq!((tally.y_beyond_height, tally.slave_words, tally.slave_events), (3, 1, 1));
}

#[test]
fn evt3_words_of_unknown_type_change_nothing_but_their_count() {
    let (batch, tally) = after_start(&[0x1005, 0x9999, 0xB000, 0xC000, 0xDFFF, 0x2001]);
    assert_eq!(pixels(&batch), [(4097, 1, 5, false)]);
    assert_eq!(tally.unknown_words, 5);
}

#[test]
fn evt3_an_others_without_its_last_word_does_not_swallow_the_next() {
    // OpenEB's default decoder loses the TIME_HIGH here; its robust one and the other peers do not.
    let (batch, tally) = after_start(&[0xE016, 0xF002, 0xF001, 0x8002, 0x2001, 0xF000, 0x7000]);
    assert_eq!(pixels(&batch), [(2 << 12, 1, 5, false)]);
    assert_eq!((tally.erc_out, tally.stray_continued), (0x1002, 2));
}

#[test]
fn evt3_drop_marks_of_the_sensor_are_counted() {
    assert_eq!(after_start(&[0xEED6, 0xEED8, 0xEEDA, 0xE0FF]).1.sensor_drop_marks, 3);
}

#[test]
fn triggers_before_the_first_time_high_are_dropped_and_counted() {
    for (_, tally) in [evt3(&[0xA001]), evt2(&[0xA000_0001]), evt21(&[0xA000_0001 << 32])] {
        assert_eq!(tally.trigger_before_time_high, 1);
    }
}

#[test]
fn evt2_a_step_back_of_the_high_or_the_low_time_is_taken_counted_and_marked() {
    let (batch, tally) = evt2(&[0x8000_0002, 0x1080_0000, 0x1040_0000, 0x8000_0001, 0x1000_0000]);
    let times: Vec<i64> = batch.events.iter().map(|event| event.t).collect();
    assert_eq!(times, [130, 129, 64]);
    assert_eq!((tally.time_high_went_back, tally.time_went_back), (1, 2));
    assert!(batch.non_monotonic);
}

#[test]
fn evt2_continued_words_behind_an_others_are_its_payload_and_others_are_stray() {
    let (_, tally) =
        evt2(&[0x8000_0000, 0xE000_0016, 0xFFC0_0007, 0xF000_0009, 0xD000_0000, 0xF000_0001]);
    // The counter has 22 bits; the second payload word is none.
    assert_eq!((tally.erc_out, tally.stray_continued, tally.unknown_words), (7, 1, 1));
}

#[test]
fn counters_are_summed_over_any_length_of_stream() {
    // Payloads then lie across the blocks in which the decoders work.
    let pairs = [0xE000_0016_u32, 0xF000_0001].repeat(3000);
    let (_, tally) = evt2(&[&[0x8000_0000], pairs.as_slice()].concat());
    assert_eq!((tally.erc_out, tally.stray_continued), (3000, 0));
    let pairs = [0xE000_0016_0000_0001_u64, 0xF000_0000_0000_0000].repeat(3000);
    let (_, tally) = evt21(&[&[0x8000_0000_0000_0000], pairs.as_slice(), &[0, 0xF << 60]].concat());
    assert_eq!((tally.erc_out, tally.stray_continued), (3000, 1));
    let groups = [0xE016_u16, 0xF001, 0xF000, 0x7000, 0x6000].repeat(3000);
    let (_, tally) = after_start(&groups);
    assert_eq!((tally.erc_out, tally.stray_continued), (3000, 0));
}

#[test]
fn evt21_vectors_may_start_anywhere_and_are_cut_at_the_width() {
    let word = |x: u64, y: u64, mask: u64| 1 << 60 | x << 43 | y << 32 | mask;
    let start = 0x8000_0001_0000_0000;
    let (batch, tally) = evt21(&[
        start,
        word(33, 4, 1 << 31),
        word(33, 4, 0),
        word(1270, 4, 0x8000_0201),
        word(2047, 4, 3),
        word(0, 720, 7),
    ]);
    assert_eq!(pixels(&batch), [(64, 64, 4, true), (64, 1270, 4, true), (64, 1279, 4, true)]);
    assert_eq!((tally.x_beyond_width, tally.y_beyond_height), (3, 3));
}

#[test]
fn evt21_reserved_types_are_counted_and_the_payload_of_others_is_a_counter() {
    let (_, tally) = evt21(&[0x8000_0001_0000_0000, 0xE000_0014_0000_0005, 0x2000_0000_0000_0000]);
    assert_eq!((tally.erc_in, tally.unknown_words), (5, 1));
}

#[test]
fn times_go_on_through_three_wraps_of_every_format() {
    // Quarter turns of the counter, 13 of them, with an event on each.
    let quarters = 0..13_i64;
    let evt3_words: Vec<u16> = quarters
        .clone()
        .flat_map(|n| [0x8000 | u16::try_from(n % 4).unwrap() << 10, 0x0005, 0x2001])
        .collect();
    let evt2_words: Vec<u32> = quarters
        .clone()
        .flat_map(|n| [0x8000_0000 | u32::try_from(n % 4).unwrap() << 26, 0x0000_0005])
        .collect();
    let evt21_words: Vec<u64> =
        evt2_words.iter().map(|&word| u64::from(word) << 32 | u64::from(word >> 28 == 0)).collect();
    for (bits, (batch, tally)) in
        [(24, evt3(&evt3_words)), (34, evt2(&evt2_words)), (34, evt21(&evt21_words))]
    {
        let expected: Vec<i64> = quarters.clone().map(|n| n << (bits - 2)).collect();
        let times: Vec<i64> = batch.events.iter().map(|event| event.t).collect();
        assert_eq!(times, expected, "{bits} bits");
        assert_eq!(tally.time_high_went_back, 0);
    }
}

/// Words before a gap, and behind it; the gap is told between them.
fn across_gap(format: Format, before: &[u8], behind: &[u8]) -> (EventBatch, Tally) {
    let mut decoder = Decoder::new(format, HD);
    let mut batch = EventBatch::default();
    decoder.push(before, &mut batch);
    decoder.gap();
    decoder.push(behind, &mut batch);
    (batch, *decoder.tally())
}

#[test]
fn evt3_behind_a_gap_nothing_is_delivered_until_time_and_row_are_told_and_wraps_are_kept() {
    let bytes = |words: &[u16]| words.iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<_>>();
    // One wrap, row 5, vector base 100; a word is cut in half by the gap.
    let mut before = bytes(&[0x8FFF, 0x8001, 0x6001, 0x0005, 0x2001, 0x3064]);
    before.push(0x42);
    // Without a time; with a time and without row or base; with all.
    let behind =
        bytes(&[0x2002, 0x4007, 0x8002, 0x6003, 0x2003, 0x4001, 0x0006, 0x2004, 0x3007, 0x4001]);
    let (batch, tally) = across_gap(Format::Evt3, &before, &behind);
    let wrap = 1 << 24;
    let (old, new) = (wrap + 4097, wrap + 0x2003);
    assert_eq!(pixels(&batch), [(old, 1, 5, false), (new, 4, 6, false), (new, 7, 6, false)]);
    assert_eq!((tally.before_time_high, tally.before_addr_y), (1 + 3, 1 + 1));
}

#[test]
fn evt2_and_evt21_behind_a_gap_nothing_is_delivered_until_the_time_is_told_and_wraps_are_kept() {
    const CD: u32 = 0x1000_0000;
    let highs = [0x8FFF_FFFF_u32, 0x8000_0001, 0x8000_0002];
    let time = |at: usize| (1 << 34) | (i64::from(highs[at] & 0xFFFF) << 6);
    for format in [Format::Evt2, Format::Evt21Little] {
        let word = |word: u32, mask: u32| match format.order() {
            None => word.to_le_bytes().to_vec(),
            Some(_) => [mask.to_le_bytes(), word.to_le_bytes()].concat(),
        };
        let mut before = [word(highs[0], 0), word(highs[1], 0), word(CD | 1 << 11 | 5, 1)].concat();
        before.push(0x42);
        let behind =
            [word(CD | 2 << 11 | 5, 1), word(highs[2], 0), word(CD | 3 << 11 | 5, 1)].concat();
        let (batch, tally) = across_gap(format, &before, &behind);
        assert_eq!(pixels(&batch), [(time(1), 1, 5, true), (time(2), 3, 5, true)], "{format:?}");
        assert_eq!((tally.before_time_high, batch.non_monotonic), (1, false), "{format:?}");
    }
}

#[test]
fn the_sensors_own_count_is_compared_only_if_it_counted() {
    let (_, tally) = after_start(&[0x2001]);
    assert_eq!(tally.erc_mismatch, 0);
    let (_, tally) = after_start(&[0x2001, 0xE016, 0xF003, 0xF000, 0x7000]);
    assert_eq!(tally.counts().get("erc-events-mismatch"), 2);
}

#[test]
fn bytes_of_an_unfinished_word_at_the_end_are_counted() {
    for (format, bytes) in FORMATS.into_iter().zip([3, 7, 7, 1]) {
        assert_eq!(decode(format, HD, &[&[0; 7][..bytes]]).1.trailing_bytes, bytes as u64);
    }
}

#[test]
fn neither_text_nor_noise_nor_dat_is_taken_for_raw() {
    let is =
        |head: &[u8]| Evt::recognises(&Candidate { path: PathBuf::new(), head: head.to_vec() });
    assert!(is(b"% evt 3.0\n\x01\x80"));
    assert!(is(b"% format EVT2;width=3;height=4\n% end\n"));
    assert!(!is(b"% evt 3.0\n\nA paper about event cameras.\n"));
    assert!(!is(b"% Version 2\n% Width 320\n\x0C\x08\x01\x00\x00\x00\x00\x00\x00\x00"));
    assert!(!is(b"Dear reader,\n% evt 3.0\n"));
    assert!(!is(b"\x01\x80\x02\x60\x05\x00\x07\x28"));
    assert!(!is(b""));
}

/// What a header and settings resolve to, or the message.
fn resolve(header: &str, settings: &str) -> Result<(Format, Geometry, Vec<String>), String> {
    let config: Config = toml::from_str(&format!("path = \"a.raw\"\n{settings}")).unwrap();
    let resolved = format::resolve(&Header::parse(header.as_bytes()), &config);
    resolved.map(|it| (it.format, it.geometry, it.notes)).map_err(|error| error.to_string())
}

#[test]
fn format_and_pixels_come_from_the_newest_key_that_is_there() {
    let format = |header| resolve(header, "").map(|(format, geometry, _)| (format, geometry));
    let small = Geometry { width: 3, height: 4 };
    assert_eq!(format("% format EVT3;width=3;height=4\n"), Ok((Format::Evt3, small)));
    assert_eq!(format("% format EVT2\n% geometry 3x4\n"), Ok((Format::Evt2, small)));
    assert_eq!(format("% evt 2.1\n% geometry 3x4\n"), Ok((Format::Evt21Little, small)));
    assert_eq!(format("% evt 2.1\n% system_ID 49\n"), Ok((Format::Evt21Legacy, HD)));
    assert_eq!(
        format("% format EVT21;height=4;width=3;endianness=legacy\n"),
        Ok((Format::Evt21Legacy, small))
    );
    assert_eq!(format("% system_ID 48\n"), Ok((Format::Evt3, HD)));
}

#[test]
fn headers_that_cannot_be_followed_say_which_key_is_wrong_and_what_to_do() {
    for (header, settings, text) in [
        ("% format HISTO3D;width=3;height=4\n", "", "format: HISTO3D holds histograms"),
        ("% format DIFF3D;width=3;height=4\n", "", "format: DIFF3D holds histograms"),
        ("% format EVT4;width=3;height=4\n", "", "\"EVT4\", known are EVT2, EVT21 and EVT3"),
        ("% evt 9.0\n", "", "evt: the payload is \"EVT9.0\""),
        (
            "% format EVT3;width=3;height=4\n% geometry 4x3\n",
            "",
            "4x3 pixels here, 3x4 in `format`",
        ),
        ("% format EVT3;width=3\n", "", "\"3x?\" is no size"),
        ("% evt 3.0\n% geometry 0x4\n", "", "0x4 pixels"),
        (
            "% format EVT21;endianness=big\n% geometry 3x4\n",
            "",
            "\"big\", known are little and legacy",
        ),
        ("% system_ID 48\n% integrator_name Other\n", "", "set `format`"),
        ("", "", "the file has no header to say what it holds; set `format`"),
        ("", "format = \"evt2\"", "set `geometry"),
        ("", "geometry = { width = 3, height = 4 }", "set `format`"),
    ] {
        let error = resolve(header, settings).unwrap_err();
        assert!(error.contains(text), "{header:?}: {error}");
    }
}

#[test]
fn the_settings_win_over_the_header_with_a_note() {
    let settings = "format = \"evt21-legacy\"\ngeometry = { width = 8, height = 9 }";
    let eight = Geometry { width: 8, height: 9 };
    let (format, geometry, notes) = resolve("% evt 3.0\n% geometry 3x4\n", settings).unwrap();
    assert_eq!((format, geometry, notes.len()), (Format::Evt21Legacy, eight, 2));
    assert_eq!(resolve("", settings).unwrap(), (Format::Evt21Legacy, eight, Vec::new()));
}

#[test]
fn settings_with_an_unknown_key_are_refused() {
    assert!(toml::from_str::<Config>("path = \"a\"\nwidth = 3").is_err());
    assert!(toml::from_str::<Config>("path = \"a\"\nformat = \"evt21\"").is_err());
}

#[test]
fn events_that_cannot_be_written_are_named() {
    let event = |t, x| Event { t, x, y: 0, on: true };
    let write = |events: &[Event]| write::raw(HD, events).unwrap_err();
    assert_eq!(write(&[event(5, 0), event(4, 0)]), write::Error::Time(1));
    assert_eq!(write(&[event(-1, 0)]), write::Error::Time(0));
    assert_eq!(write(&[event(0, 0), event(1 << 40, 0)]), write::Error::Time(1));
    assert_eq!(write(&[event(0, 1280)]), write::Error::Pixel(0));
}

/// Bytes that are mostly sensible words of any format: real types are rare in pure noise.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        6 => any::<[u8; 8]>(),
        2 => (0..16_u8, any::<u8>()).prop_map(|(kind, low)| [low, kind << 4, low, kind << 4, 0, 0, 0, kind << 4]),
        2 => any::<u16>().prop_map(|low| [low.to_le_bytes()[0], 0x80, 0, 0x20, 0, 0, 0, 0x80]),
    ];
    vec(word, 0..80).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn any_split_of_any_bytes_gives_the_same_output_inside_the_sensor(
        bytes in stream(),
        cuts in vec(any::<Index>(), 0..8),
        start in any::<bool>(),
    ) {
        for format in FORMATS {
            // Half of the streams start with a valid time, so that their events come through.
            let head: &[u8] = match format {
                _ if !start => &[],
                Format::Evt3 => &[0x01, 0x80],
                Format::Evt2 => &[0x01, 0, 0, 0x80],
                Format::Evt21Little => &[0, 0, 0, 0, 1, 0, 0, 0x80],
                Format::Evt21Legacy => &[1, 0, 0, 0x80, 0, 0, 0, 0],
            };
            let bytes = [head, &bytes].concat();
            let geometry = Geometry { width: 1100, height: 900 };
            let whole = decode(format, geometry, &[bytes.as_slice()]);
            prop_assert_eq!(&decode(format, geometry, &bytes.chunks(1).collect::<Vec<_>>()), &whole);
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<_> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
            prop_assert_eq!(&decode(format, geometry, &pieces), &whole);
            let (batch, tally) = whole;
            prop_assert!(batch.events.iter().all(|event| event.x < 1100 && event.y < 900));
            prop_assert_eq!(tally.delivered, batch.events.len() as u64);
            let back = batch.events.windows(2).filter(|pair| pair[1].t < pair[0].t).count()
                + batch.triggers.windows(2).filter(|pair| pair[1].t < pair[0].t).count();
            prop_assert_eq!(tally.time_went_back, back as u64);
            prop_assert_eq!(batch.non_monotonic, back > 0);
        }
    }

    #[test]
    fn events_written_as_evt3_come_back(
        start in 0..1_i64 << 24,
        steps in vec((prop_oneof![8 => Just(0), 4 => 0..3000_i64, 1 => 0..40_000_000_i64],
            prop_oneof![3 => 1..4_u16, 1 => 0..1279_u16], prop_oneof![6 => Just(None), 1 => (0..720_u16, any::<bool>()).prop_map(Some)]), 0..200),
    ) {
        let mut event = Event { t: start, x: 3, y: 7, on: false };
        let events: Vec<Event> = steps.into_iter().map(|(wait, right, row)| {
            event.t += wait;
            event.x = (event.x + right) % 1280;
            (event.y, event.on) = row.unwrap_or((event.y, event.on));
            event
        }).collect();
        let bytes = write::raw(HD, &events).unwrap();
        let header = Header::parse(&bytes);
        let (batch, tally) = decode(Format::Evt3, HD, &[&bytes[header.bytes..]]);
        let turns = events.first().map_or(0, |event| event.t >> 24 << 24);
        let expected: Vec<Event> = events.iter().map(|event| Event { t: event.t - turns, ..*event }).collect();
        prop_assert_eq!(batch.events, expected);
        prop_assert!(!batch.non_monotonic);
        prop_assert!(tally.counts().is_empty());
    }

    #[test]
    fn triggers_and_unknown_words_anywhere_leave_the_events_alone(
        row in vec((0..1280_u16, 0..4096_u16), 1..50),
        inserted in vec((any::<Index>(), any::<u8>(), prop::sample::select(vec![0x1_u16, 0x9, 0xA, 0xB, 0xC, 0xD])), 0..20),
    ) {
        let mut words: Vec<u16> = START.to_vec();
        words.extend(row.iter().flat_map(|&(x, mask)| [0x2000 | x, 0x3000 | x.min(1268), 0x4000 | mask]));
        let (clean, _) = evt3(&words);
        let mut triggers = 0;
        for (place, low, kind) in inserted {
            let place = 3 + place.index(words.len() - 2);
            words.insert(place, kind << 12 | u16::from(low));
            triggers += usize::from(kind == 0xA);
        }
        let (batch, _) = evt3(&words);
        prop_assert_eq!(batch.events, clean.events);
        prop_assert_eq!(batch.triggers.len(), triggers);
        prop_assert!(batch.triggers.iter().all(|trigger: &Trigger| trigger.t == 4097));
    }
}
