//! Any bits: 12-bit samples or damage, and what decodes round-trips.
#![no_main]

use firmware_proto::{Shape, delta_rice, raw12};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((&[chirps, samples, rx], data)) = input.split_first_chunk() else { return };
    let shape = Shape { chirps: chirps.into(), samples: samples.into(), rx: rx % 5 };
    let mut out = vec![0; shape.len().expect("small")];
    if delta_rice::decode(data, shape, &mut out).is_err() {
        return;
    }
    assert!(out.iter().all(|&sample| sample <= raw12::MAX_SAMPLE));
    let mut again = vec![0; out.len() * 3 + usize::from(chirps) * 5 + 8];
    let used = delta_rice::encode(&out, shape, &mut again).expect("24 bits a sample suffice");
    let mut back = vec![0; out.len()];
    delta_rice::decode(&again[..used], shape, &mut back).expect("own bits");
    assert_eq!(back, out);
});
