//! Properties of the sample encodings.

use firmware_proto::{Encoding, SampleError, Shape, delta_rice, encode_samples, raw12};
use proptest::collection::vec;
use proptest::prelude::*;

/// A shape and as many samples, up to `limit`; smooth or wild.
fn slices(limit: u16) -> impl Strategy<Value = (Shape, Vec<u16>)> {
    (1..9_u16, 1..24_u16, 1..5_u8, 0..limit.max(1)).prop_flat_map(
        move |(chirps, samples, rx, base)| {
            let shape = Shape { chirps, samples, rx };
            let len = shape.len().unwrap();
            let smooth = vec(base..=base.saturating_add(30).min(limit), len);
            let wild = vec(0..=limit, len);
            (Just(shape), prop_oneof![smooth, wild])
        },
    )
}

proptest! {
    #[test]
    fn delta_rice_gives_back_what_it_took((shape, samples) in slices(raw12::MAX_SAMPLE)) {
        let mut data = vec![0; samples.len() * 3 + 64 * 8];
        let used = delta_rice::encode(&samples, shape, &mut data).unwrap();
        let mut back = vec![0xFFFF; samples.len()];
        prop_assert_eq!(delta_rice::decode(&data[..used], shape, &mut back), Ok(()));
        prop_assert_eq!(back, samples);
    }

    #[test]
    fn any_samples_come_back_in_the_encoding_that_holds_them((shape, samples) in slices(u16::MAX)) {
        let mut data = vec![0; samples.len() * 2];
        let (encoding, used) = encode_samples(&samples, shape, &mut data).unwrap();
        let wide = samples.iter().any(|&sample| sample > raw12::MAX_SAMPLE);
        prop_assert_eq!(encoding == Encoding::U16, wide);
        prop_assert!(wide || used <= raw12::packed_len(samples.len()));
    }

    #[test]
    fn any_bytes_decode_to_12_bit_samples_or_damage(
        data in vec(any::<u8>(), 0..200),
        (chirps, samples, rx) in (0..20_u16, 0..40_u16, 0..5_u8),
    ) {
        let shape = Shape { chirps, samples, rx };
        let mut out = vec![0; shape.len().unwrap()];
        if delta_rice::decode(&data, shape, &mut out).is_ok() {
            prop_assert!(out.iter().all(|&sample| sample <= raw12::MAX_SAMPLE));
        }
    }

    #[test]
    fn twelve_bit_packing_gives_back_what_it_took(samples in vec(0..=raw12::MAX_SAMPLE, 0..50)) {
        let mut data = vec![0; raw12::packed_len(samples.len())];
        prop_assert_eq!(raw12::encode(&samples, &mut data), Some(data.len()));
        let mut back = vec![0; samples.len()];
        prop_assert_eq!(raw12::decode(&data, &mut back), Ok(()));
        prop_assert_eq!(back, samples);
    }
}

#[test]
fn a_slice_that_claims_the_world_is_refused_at_once() {
    let shape = Shape { chirps: u16::MAX, samples: u16::MAX, rx: u8::MAX };
    let outcome = delta_rice::decode(&[0xFF; 4000], shape, &mut [0; 8]);
    assert_eq!(outcome, Err(SampleError::TooMany));
}

#[test]
fn noise_falls_back_to_twelve_bit_packing() {
    let mut state = 1_u32;
    let samples: Vec<u16> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        u16::try_from(state >> 20).unwrap()
    })
    .take(7 * 3 * 128)
    .collect();
    let shape = Shape { chirps: 7, samples: 128, rx: 3 };
    let mut data = vec![0; raw12::packed_len(samples.len())];
    let found = encode_samples(&samples, shape, &mut data);
    assert_eq!(found, Some((Encoding::Raw12, 4032)));
}
