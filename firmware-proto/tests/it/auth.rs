//! Tags: who is refused, by the vectors of the independent program and in a two-sided talk.

use firmware_proto::{
    Decoder, Direction, Encoder, Hello, HelloRequest, MAX_FRAME, MAX_WIRE, Message,
    PROTOCOL_VERSION, Refusal, SCHEMA_HASH, Signer, TimeRequest, Verifier,
};

use crate::vectors;

fn bytes_of(hex: &serde_json::Value) -> Vec<u8> {
    let hex = hex.as_str().unwrap();
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn vectors_with_a_key_are_accepted_and_refused_as_python_says() {
    let tagged: Vec<_> =
        vectors::all().into_iter().filter(|vector| vector.expected["key"].is_string()).collect();
    assert!(tagged.len() >= 6);
    for vector in tagged {
        let key = bytes_of(&vector.expected["key"]).try_into().unwrap();
        let nonce = bytes_of(&vector.expected["nonce"]).try_into().unwrap();
        let mut decoder: Decoder = Decoder::new();
        decoder.require_auth(Verifier::host(key, nonce));
        let mut rest = vector.bytes.as_slice();
        while let Some(found) = decoder.push(&mut rest) {
            assert!(found.is_err() || found.is_ok_and(|frame| frame.authenticated));
        }
        let expected = &vector.expected["with_key"];
        assert_eq!(decoder.counts().frames, expected["frames"], "{}", vector.name);
        assert_eq!(decoder.counts().refused(Refusal::Auth), expected["auth"], "{}", vector.name);
    }
}

const KEY: [u8; 32] = [9; 32];
const BOOT: u64 = 0xB007;

fn hello_request(nonce: [u8; 16]) -> Message<'static> {
    Message::HelloRequest(HelloRequest { nonce, version: PROTOCOL_VERSION, max_frame: 4096 })
}

fn hello(nonce: [u8; 16], boot_id: u64) -> Message<'static> {
    Message::Hello(Hello {
        version: PROTOCOL_VERSION,
        max_frame: 128,
        schema_hash: SCHEMA_HASH,
        capabilities: 0,
        firmware: (1, 0, 0),
        board_id: 1,
        boot_id,
        nonce,
    })
}

/// The signed frame as bytes.
fn signed(signer: Signer, time_us: u64, message: &Message<'_>) -> Vec<u8> {
    let mut encoder = Encoder::new();
    encoder.sign_with(Some(signer));
    let mut wire = [0; MAX_WIRE];
    let used = encoder.encode(0, time_us, message, &mut wire).unwrap();
    wire[..used].to_vec()
}

fn outcome<const N: usize>(decoder: &mut Decoder<N>, bytes: &[u8]) -> Result<(), Refusal> {
    decoder.push(&mut &bytes[..]).unwrap().map(|_| ())
}

#[test]
fn host_and_device_open_a_session_and_refuse_all_others() {
    let nonce = [5; 16];
    let mut device = Decoder::<128>::new();
    device.require_auth(Verifier::device(KEY, BOOT));
    let mut host: Decoder = Decoder::new();
    host.require_auth(Verifier::host(KEY, nonce));

    let stranger = Signer::new(&[8; 32], Direction::HostToDevice, &nonce, 0);
    let refused = outcome(&mut device, &signed(stranger, 1, &hello_request(nonce)));
    assert_eq!(refused, Err(Refusal::Auth));

    let opening = Signer::new(&KEY, Direction::HostToDevice, &nonce, 0);
    assert_eq!(outcome(&mut device, &signed(opening, 1, &hello_request(nonce))), Ok(()));
    assert_eq!(device.verifier().and_then(|verifier| verifier.session()), Some((nonce, BOOT)));

    let to_host = Signer::new(&KEY, Direction::DeviceToHost, &nonce, BOOT);
    let answer = signed(to_host, 7, &hello(nonce, BOOT));
    assert_eq!(outcome(&mut host, &answer), Ok(()));
    assert_eq!(outcome(&mut host, &answer), Err(Refusal::Auth), "played back");

    let to_device = Signer::new(&KEY, Direction::HostToDevice, &nonce, BOOT);
    let request = signed(to_device, 9, &Message::TimeRequest(TimeRequest { host_send_ns: 1 }));
    assert_eq!(outcome(&mut device, &request), Ok(()));
    assert_eq!(outcome(&mut device, &request), Err(Refusal::Auth), "played back");
}

#[test]
fn a_restarted_device_is_believed_only_after_a_new_nonce() {
    let mut host: Decoder = Decoder::new();
    host.require_auth(Verifier::host(KEY, [1; 16]));
    let first =
        signed(Signer::new(&KEY, Direction::DeviceToHost, &[1; 16], 1), 900, &hello([1; 16], 1));
    assert_eq!(outcome(&mut host, &first), Ok(()));
    let restarted =
        signed(Signer::new(&KEY, Direction::DeviceToHost, &[2; 16], 2), 5, &hello([2; 16], 2));
    assert_eq!(outcome(&mut host, &restarted), Err(Refusal::Auth));
    host.verifier().unwrap().renew([2; 16]);
    assert_eq!(outcome(&mut host, &restarted), Ok(()));
    assert_eq!(outcome(&mut host, &first), Err(Refusal::Auth));
}

#[test]
fn any_changed_byte_of_a_signed_frame_is_refused() {
    let signer = Signer::new(&KEY, Direction::DeviceToHost, &[1; 16], 1);
    let good = signed(signer, 900, &hello([1; 16], 1));
    for at in 1..good.len() - 1 {
        for bit in 0..8 {
            let mut host: Decoder<MAX_FRAME> = Decoder::new();
            host.require_auth(Verifier::host(KEY, [1; 16]));
            let mut damaged = good.clone();
            damaged[at] ^= 1 << bit;
            let mut rest = damaged.as_slice();
            while let Some(found) = host.push(&mut rest) {
                assert!(found.is_err(), "bit {bit} of byte {at}");
            }
        }
    }
}
