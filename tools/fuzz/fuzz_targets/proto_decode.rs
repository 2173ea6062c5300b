//! Any stream: no panic, the same in pieces, and what is accepted round-trips.
#![no_main]

use firmware_proto::{Counts, Decoder, MAX_WIRE, encode};
use libfuzzer_sys::fuzz_target;

/// Sequence numbers of all frames, and the counts; fed in pieces of `size` bytes.
fn decode(bytes: &[u8], size: usize) -> (Vec<u16>, Counts) {
    let mut decoder: Decoder = Decoder::new();
    let mut sequences = Vec::new();
    for mut piece in bytes.chunks(size) {
        while let Some(found) = decoder.push(&mut piece) {
            let Ok(frame) = found else { continue };
            sequences.push(frame.header.sequence);
            let mut wire = [0; MAX_WIRE];
            let used =
                encode(&frame.header, &frame.message, &mut wire).expect("it came in a frame");
            let mut again: Decoder = Decoder::new();
            let twin = again.push(&mut &wire[..used]).expect("whole").expect("good");
            assert_eq!((twin.header, twin.message), (frame.header, frame.message));
        }
    }
    (sequences, *decoder.counts())
}

fuzz_target!(|bytes: &[u8]| {
    let whole = decode(bytes, bytes.len().max(1));
    assert_eq!(decode(bytes, 1), whole);
    assert_eq!(decode(bytes, 7), whole);
});
