//! What the parser accepts, what it refuses, and that no bytes bring it down.

use proptest::prelude::*;

use super::*;

const SUB: &[&[u8]] = &[b"SUB"];

fn frames(limit: usize, pieces: &[&[u8]]) -> Result<Vec<Frame>, Bad> {
    let mut decoder = FrameDecoder::new(limit);
    let mut found = Vec::new();
    for piece in pieces {
        let mut input = *piece;
        while let Some(frame) = decoder.decode(&mut input)? {
            found.push(frame);
        }
        assert!(input.is_empty(), "what is not taken would be lost");
    }
    Ok(found)
}

fn one(bytes: &[u8]) -> Frame {
    let mut found = frames(512, &[bytes]).unwrap();
    assert_eq!(found.len(), 1);
    found.remove(0)
}

fn ready(properties: &[(&[u8], &[u8])]) -> Frame {
    let mut body = b"\x05READY".to_vec();
    for (name, value) in properties {
        body.push(u8::try_from(name.len()).unwrap());
        body.extend_from_slice(name);
        body.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
        body.extend_from_slice(value);
    }
    Frame { more: false, command: true, body }
}

#[test]
fn a_greeting_is_refused_at_its_first_wrong_byte() {
    assert_eq!(check_greeting(&GREETING), Ok(()));
    let from_3_1 = {
        let mut it = GREETING;
        it[11] = 1;
        it
    };
    assert_eq!(check_greeting(&from_3_1), Ok(()));
    for (at, byte) in [(0, b'G'), (9, 0x7e), (10, 2), (12, b'P'), (16, b'2'), (31, 1)] {
        let mut wrong = GREETING;
        wrong[at] = byte;
        assert_eq!(check_greeting(&wrong[..at]), Ok(()));
        assert_eq!(check_greeting(&wrong[..=at]), Err(Bad::Greeting), "byte {at}");
    }
}

#[test]
fn claims_above_the_limit_are_refused_at_the_header() {
    let claim = |length: u64| [&[2], length.to_be_bytes().as_slice()].concat();
    assert_eq!(frames(512, &[&claim(512)]), Ok(vec![]));
    for length in [513, 20_000_000_000, 1 << 62, u64::MAX] {
        assert_eq!(frames(512, &[&claim(length)]), Err(Bad::Frame), "{length}");
    }
}

#[test]
fn reserved_flags_and_commands_in_parts_are_refused_at_the_first_byte() {
    for flags in [8, 0x80, 0xff, 4 | 1] {
        assert_eq!(frames(512, &[&[flags]]), Err(Bad::Frame), "{flags}");
    }
}

#[test]
fn only_the_socket_type_sub_is_a_subscriber() {
    let of_type = |name: &[u8]| check_ready(&ready(&[(b"Socket-Type", name)]), SUB);
    assert_eq!(of_type(b"SUB"), Ok(()));
    for other in [b"XSUB".as_slice(), b"SUBX", b"sub", b"PUB", b"REQ", b""] {
        assert_eq!(of_type(other), Err(Bad::Ready));
    }
    let with_identity = ready(&[(b"Identity", b"SUB"), (b"socket-type", b"SUB")]);
    assert_eq!(check_ready(&with_identity, SUB), Ok(()));
    let twice = ready(&[(b"Socket-Type", b"SUB"), (b"Socket-Type", b"SUB")]);
    assert_eq!(check_ready(&twice, SUB), Err(Bad::Ready));
    assert_eq!(check_ready(&ready(&[(b"Identity", b"SUB")]), SUB), Err(Bad::Ready));
    assert_eq!(check_ready(&one(READY_SUB), SUB), Ok(()));
    assert_eq!(check_ready(&one(READY_PUB), SUB), Err(Bad::Ready));
    let message = Frame { command: false, ..one(READY_SUB) };
    assert_eq!(check_ready(&message, SUB), Err(Bad::Ready));
}

#[test]
fn subscriptions_are_read_in_both_forms() {
    let read = |bytes: &[u8]| Request::read(&one(bytes));
    assert_eq!(read(b"\x00\x04\x01v1/"), Ok(Request::Subscribe(b"v1/".to_vec())));
    assert_eq!(read(b"\x00\x04\x00v1/"), Ok(Request::Cancel(b"v1/".to_vec())));
    assert_eq!(read(b"\x04\x0d\x09SUBSCRIBEv1/"), Ok(Request::Subscribe(b"v1/".to_vec())));
    assert_eq!(read(b"\x04\x0a\x06CANCELv1/"), Ok(Request::Cancel(b"v1/".to_vec())));
    assert_eq!(read(SUBSCRIBE_ALL), Ok(Request::Subscribe(Vec::new())));
}

#[test]
fn what_no_subscriber_sends_is_refused() {
    for wrong in [
        b"\x00\x00".as_slice(),  // empty
        b"\x00\x01\x02",         // neither subscribe nor cancel
        b"\x01\x02\x01a",        // in several parts
        b"\x04\x00",             // a command without a name
        b"\x04\x02\x05P",        // a name longer than the command
        b"\x04\x06\x04PING\x00", // a PING without its TTL
    ] {
        assert_eq!(Request::read(&one(wrong)), Err(Bad::Frame), "{wrong:?}");
    }
}

#[test]
fn a_ping_is_answered_with_at_most_sixteen_bytes_of_its_context() {
    let ping = |context: &[u8]| {
        let mut bytes = Vec::new();
        encode(COMMAND, &[b"\x04PING\x00\x64", context].concat(), &mut bytes);
        Request::read(&one(&bytes)).unwrap()
    };
    assert_eq!(ping(b""), Request::Ping(Vec::new()));
    assert_eq!(ping(b"0123456789abcdefXYZ"), Request::Ping(b"0123456789abcdef".to_vec()));
    assert_eq!(pong(b"me"), b"\x04\x07\x04PONGme");
    assert_eq!(Request::read(&one(b"\x04\x06\x05OTHER")), Ok(Request::Nothing));
}

#[test]
fn short_and_long_frames_come_back_as_they_were_written() {
    let bodies = [vec![], vec![1; 255], vec![2; 256], vec![3; 70_000]];
    let mut bytes = Vec::new();
    for (at, body) in bodies.iter().enumerate() {
        encode_frame(at < 3, body, &mut bytes);
    }
    let found = frames(70_000, &[&bytes]).unwrap();
    assert_eq!(
        found.iter().map(|frame| &frame.body).collect::<Vec<_>>(),
        bodies.iter().collect::<Vec<_>>()
    );
    assert_eq!(found.iter().map(|frame| frame.more).collect::<Vec<_>>(), [true, true, true, false]);
}

proptest! {
    #[test]
    fn any_bytes_in_any_pieces_end_in_the_same_frames_or_the_same_refusal(
        bytes in hostile(),
        cuts in proptest::collection::vec(0..600_usize, 0..20),
    ) {
        let whole = frames(64, &[&bytes]);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
        prop_assert_eq!(&frames(64, &pieces), &whole);
    }

    #[test]
    fn no_bytes_make_it_hold_more_than_its_limit(bytes in hostile()) {
        let mut decoder = FrameDecoder::new(64);
        for byte in &bytes {
            let Ok(frame) = decoder.decode(&mut std::slice::from_ref(byte)) else { return Ok(()) };
            let held = decoder.open.iter().map(|(frame, _)| frame.body.capacity()).sum::<usize>();
            prop_assert!(held <= 64 && decoder.header.capacity() <= HEADER_LEN);
            if let Some(frame) = frame {
                // Whatever they say: read without a panic.
                let _request = Request::read(&frame);
                let _ready = check_ready(&frame, SUB);
            }
        }
    }

    #[test]
    fn no_command_brings_it_down(body in proptest::collection::vec(any::<u8>(), 0..80)) {
        for more in [false, true] {
            let frame = Frame { more, command: true, body: body.clone() };
            let _request = Request::read(&frame);
            let _ready = check_ready(&frame, SUB);
            let named = Frame { body: [b"\x05READY", body.as_slice()].concat(), ..frame };
            let _ready = check_ready(&named, SUB);
        }
    }
}

/// Bytes that often look like frames: flags, a short length, a body.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..40),
        (0..8_u8, proptest::collection::vec(any::<u8>(), 0..70)).prop_map(|(flags, body)| {
            let mut bytes = Vec::new();
            encode(flags & !LONG, &body, &mut bytes);
            bytes
        }),
        (0..100_u64).prop_map(|claim| [&[2], claim.to_be_bytes().as_slice()].concat()),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}
