//! Any EVT or dv stream: no panic, and whole or in pieces the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use visaged::data::{EventBatch, Geometry};
use visaged::sensor::event_net::{Stream, StreamFormat};

const FORMATS: [Option<StreamFormat>; 6] = [
    None,
    Some(StreamFormat::Evt2),
    Some(StreamFormat::Evt21Little),
    Some(StreamFormat::Evt21Legacy),
    Some(StreamFormat::Evt3),
    Some(StreamFormat::Dv),
];

fuzz_target!(|bytes: &[u8]| {
    let Some((&[format, piece], stream)) = bytes.split_first_chunk() else { return };
    let geometry = Geometry { width: 320, height: 240 };
    let decode = |piece: usize| {
        let format = FORMATS[usize::from(format) % FORMATS.len()];
        let mut decoder = Stream::new("fuzz", format, geometry, None);
        let mut batch = EventBatch::default();
        let failed = stream.chunks(piece).any(|piece| decoder.push(piece, &mut batch).is_err());
        decoder.finish(&mut batch);
        (failed, batch.events)
    };
    let whole = decode(stream.len().max(1));
    let pieces = decode(usize::from(piece).max(1));
    assert_eq!(whole.0, pieces.0);
    if !whole.0 {
        assert_eq!(whole.1, pieces.1);
    }
});
