//! Any bytes, and any packets with good checksums, at any step of the talk: no panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use visaged::sensor::openmv::{Packet, Session};

fuzz_target!(|bytes: &[u8]| {
    let mut session = Session::new("raw_events");
    let mut rest = bytes;
    while let Some((&[sequence, channel, flags, opcode, length], behind)) = rest.split_first_chunk()
    {
        let (payload, behind) = behind.split_at(usize::from(length).min(behind.len()));
        rest = behind;
        let mut sent = Vec::new();
        if flags & 0x80 == 0 {
            Packet { sequence, channel, flags, opcode, payload }.encode(&mut sent);
        } else {
            sent.extend_from_slice(payload);
        }
        if session.receive(&sent, &mut |_| {}).is_err() || session.tick().is_err() {
            session = Session::new("raw_events");
        }
        drop(session.outgoing());
    }
});
