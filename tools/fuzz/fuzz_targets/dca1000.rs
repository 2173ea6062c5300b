//! Any datagrams: no panic, frames of their size and in order, and bounded memory.
#![no_main]

use libfuzzer_sys::fuzz_target;
use visaged::sensor::radar_dca1000::{Assembler, Piece};

/// Bytes of a datagram in the input: header and this much payload.
const DATAGRAM: usize = 24;

fuzz_target!(|bytes: &[u8]| {
    let Some((&[size, wide], rest)) = bytes.split_first_chunk() else { return };
    let frame_bytes = usize::from(u16::from_le_bytes([size, wide & 15])).max(1);
    let mut assembler = Assembler::new(frame_bytes);
    let mut next = 0;
    let mut emit = |piece: Piece<'_>| match piece {
        Piece::Restarted => next = 0,
        Piece::Frame { number, bytes, .. } => {
            assert_eq!(bytes.len(), frame_bytes);
            assert!(number >= next, "frame {number} after {next}");
            next = number + 1;
        }
    };
    for datagram in rest.chunks(DATAGRAM) {
        assembler.push(datagram, &mut emit);
    }
    // The same as one long datagram, as far as it is one.
    assembler.push(rest, &mut emit);
    assembler.flush(&mut emit);
    drop(assembler.counts());
});
