//! Damaged, cut and hostile byte streams.

use firmware_proto::{
    Ack, Counts, Decoder, EncodeError, Encoder, EventBlock, EventFormat, Gap, Header, Log,
    LogLevel, MAX_FRAME, MAX_WIRE, Message, Refusal, SequenceCheck, TimeReply, TimeRequest, encode,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::vectors;

/// Sequence numbers of all frames, in order, and the counts; fed in the pieces that `cuts` make.
fn decode_in_pieces(bytes: &[u8], cuts: &[usize]) -> (Vec<u16>, Counts) {
    let mut decoder: Decoder = Decoder::new();
    let mut sequences = Vec::new();
    let mut start = 0;
    for end in cuts.iter().copied().chain([bytes.len()]) {
        let mut piece = &bytes[start..end.max(start)];
        while let Some(found) = decoder.push(&mut piece) {
            sequences.extend(found.ok().map(|frame| frame.header.sequence));
        }
        assert!(piece.is_empty(), "push must take everything before it asks for more");
        start = end.max(start);
    }
    (sequences, *decoder.counts())
}

/// Sixteen frames of different lengths, zeros among their bytes.
fn good_stream() -> Vec<u8> {
    let mut encoder = Encoder::new();
    let mut out = Vec::new();
    for number in 0..16_u8 {
        let words: Vec<u8> = (0..number * 12).map(|byte| byte.wrapping_mul(37) & 0xFC).collect();
        let message = Message::EventBlock(EventBlock {
            config_id: 1,
            format: EventFormat::Evt2,
            width: 320,
            height: 320,
            words: &words,
        });
        let mut wire = [0; MAX_WIRE];
        let used = encoder.encode(2, u64::from(number), &message, &mut wire).unwrap();
        out.extend_from_slice(&wire[..used]);
    }
    out
}

/// At most two of the sixteen frames are missing, and the others come in order.
fn assert_at_most_two_lost(damaged: &[u8], what: &str) {
    let (sequences, _) = decode_in_pieces(damaged, &[]);
    assert!(sequences.len() >= 14, "{what}: only {sequences:?}");
    assert!(sequences.is_sorted() && sequences.iter().all(|&number| number < 16), "{what}");
}

#[test]
fn a_flipped_dropped_or_inserted_byte_loses_at_most_two_frames_wherever_it_is() {
    let good = good_stream();
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut damaged = good.clone();
            damaged[at] ^= 1 << bit;
            assert_at_most_two_lost(&damaged, &format!("bit {bit} of byte {at} flipped"));
        }
        let mut damaged = good.clone();
        damaged.remove(at);
        assert_at_most_two_lost(&damaged, &format!("byte {at} dropped"));
        for byte in [0, 1, 0x55, 0xFF] {
            let mut damaged = good.clone();
            damaged.insert(at, byte);
            assert_at_most_two_lost(&damaged, &format!("{byte} inserted at {at}"));
        }
    }
}

#[test]
fn every_vector_gives_the_same_when_fed_byte_by_byte() {
    for vector in vectors::all() {
        let whole = decode_in_pieces(&vector.bytes, &[]);
        let cuts: Vec<_> = (0..vector.bytes.len()).collect();
        assert_eq!(decode_in_pieces(&vector.bytes, &cuts), whole, "{}", vector.name);
    }
}

#[test]
fn a_small_decoder_serves_host_requests_and_counts_what_it_cannot_hold() {
    let mut encoder = Encoder::new();
    let mut wire = [0; MAX_WIRE];
    let request = Message::TimeRequest(TimeRequest { host_send_ns: 3 });
    let log = Message::Log(Log { level: LogLevel::Info, text: &[b'x'; 200] });
    let mut bytes = Vec::new();
    for message in [&log, &request] {
        let used = encoder.encode(0, 0, message, &mut wire).unwrap();
        bytes.extend_from_slice(&wire[..used]);
    }
    let mut decoder = Decoder::<128>::new();
    let mut rest = bytes.as_slice();
    assert_eq!(decoder.push(&mut rest), Some(Err(Refusal::TooLong)));
    assert_eq!(decoder.push(&mut rest).unwrap().map(|frame| frame.message), Ok(request));
    assert_eq!(decoder.counts().refused(Refusal::TooLong), 1);
    assert_eq!(decoder.counts().all_refused(), 1);
}

#[test]
fn a_lost_port_counts_the_unfinished_frame_once() {
    let good = good_stream();
    let mut decoder: Decoder = Decoder::new();
    assert!(decoder.push(&mut &good[..9]).is_none());
    decoder.reset();
    decoder.reset();
    assert_eq!(decoder.counts().refused(Refusal::Truncated), 1);
    let mut rest = good.as_slice();
    assert!(decoder.push(&mut rest).unwrap().is_ok());
}

#[test]
fn a_frame_above_the_limit_or_the_buffer_is_not_written() {
    // Header 14, log fields 4, CRC 4.
    let text = [7; MAX_FRAME - 21];
    let fits = Message::Log(Log { level: LogLevel::Info, text: &text[1..] });
    let above = Message::Log(Log { level: LogLevel::Info, text: &text });
    let mut wire = [0; MAX_WIRE];
    assert!(encode(&Header::default(), &fits, &mut wire).is_ok());
    assert_eq!(encode(&Header::default(), &above, &mut wire), Err(EncodeError::TooLong));
    let short = encode(&Header::default(), &fits, &mut wire[..4000]);
    assert_eq!(short, Err(EncodeError::TooLong));
}

#[test]
fn a_reserved_stream_is_not_written() {
    let message = Message::TimeRequest(TimeRequest { host_send_ns: 0 });
    let outcome = Encoder::new().encode(16, 0, &message, &mut [0; 64]);
    assert_eq!(outcome, Err(EncodeError::ReservedStream));
}

#[test]
fn sequence_numbers_count_per_stream_and_tell_gaps() {
    let mut encoder = Encoder::new();
    let mut check = SequenceCheck::new();
    for (stream, lost) in [(1, false), (0, false), (1, true), (1, false)] {
        let mut wire = [0; 64];
        let ack = Message::Ack(Ack { acked_type: 3, acked_stream: 0, acked_sequence: 0 });
        let used = encoder.encode(stream, 0, &ack, &mut wire).unwrap();
        let mut decoder: Decoder = Decoder::new();
        let frame = decoder.push(&mut &wire[..used]).unwrap().unwrap();
        if stream == 1 && !lost {
            let gap = check.observe(frame.header.sequence);
            let expected = if frame.header.sequence == 2 { Gap::Lost(1) } else { Gap::None };
            assert_eq!(gap, expected);
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_in_any_pieces_give_the_same_frames_and_counts(
        bytes in vec(prop_oneof![Just(0_u8), 0..6_u8, any::<u8>()], 0..600),
        mut cuts in vec(0..600_usize, 0..8),
    ) {
        cuts.iter_mut().for_each(|cut| *cut = (*cut).min(bytes.len()));
        cuts.sort_unstable();
        prop_assert_eq!(decode_in_pieces(&bytes, &cuts), decode_in_pieces(&bytes, &[]));
    }

    #[test]
    fn a_good_frame_behind_any_bytes_and_a_zero_is_found(bytes in vec(any::<u8>(), 0..600)) {
        let good = good_stream();
        let stream = [bytes.as_slice(), &[0], &good].concat();
        let (sequences, _) = decode_in_pieces(&stream, &[]);
        prop_assert!(sequences.ends_with(&(0..16).collect::<Vec<_>>()));
    }

    #[test]
    fn what_was_encoded_is_decoded(
        (stream, sequence, time_us) in any::<(u8, u16, u64)>(),
        (sent, received, answered) in any::<(u64, u64, u64)>(),
        text in vec(prop_oneof![Just(0_u8), any::<u8>()], 0..1200),
    ) {
        let header = Header { flags: 0, stream, sequence, time_us };
        for message in [
            Message::TimeReply(TimeReply {
                host_send_ns: sent, device_receive_us: received, device_send_us: answered,
            }),
            Message::Log(Log { level: LogLevel::Error, text: &text }),
        ] {
            let mut wire = [0; MAX_WIRE];
            let used = encode(&header, &message, &mut wire).unwrap();
            let mut decoder: Decoder = Decoder::new();
            let frame = decoder.push(&mut &wire[..used]).unwrap().unwrap();
            prop_assert_eq!(frame.header, header);
            prop_assert_eq!(frame.message, message);
        }
    }
}
