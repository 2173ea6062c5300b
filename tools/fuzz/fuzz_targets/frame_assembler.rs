//! Forged slices and ends: no panic, and frames as long as they say.
#![no_main]

use firmware_proto::{
    Decoder, Encoding, Frame, FrameAssembler, FrameEnd, Header, Message, RadarSlice, Shape,
};
use libfuzzer_sys::fuzz_target;

/// A slice or an end whose fields come from eight bytes; small numbers, so that they often fit.
fn forged<'a>(fields: &[u8; 8], data: &'a [u8]) -> Frame<'a> {
    let [kind, frame, index, first, chirps, samples, rx, config] = *fields;
    let (config_id, frame_number) = (u16::from(config & 1), u32::from(frame & 3));
    let message = if kind & 3 == 0 {
        Message::FrameEnd(FrameEnd {
            config_id,
            frame_number,
            slice_count: index & 3,
            flags: 0,
            chirp_count: u16::from(chirps & 7),
            saturated_samples: 0,
            dropped_frames: u32::from(rx),
        })
    } else {
        let encoding = [Encoding::Raw12, Encoding::U16, Encoding::DeltaRice][usize::from(kind) % 3];
        Message::RadarSlice(RadarSlice {
            config_id,
            frame_number,
            slice_index: index & 3,
            encoding,
            first_chirp: u16::from(first & 7),
            shape: Shape { chirps: (chirps & 7).into(), samples: (samples & 3).into(), rx: rx & 1 },
            temperature_centi_c: None,
            data,
        })
    };
    Frame { header: Header::default(), authenticated: false, message }
}

fn check(assembler: &mut FrameAssembler<&mut [u16]>, frame: &Frame<'_>) {
    if let Some(whole) = assembler.push(frame) {
        assert_eq!(whole.shape.len(), Some(whole.samples.len()));
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut buffer = [0; 4096];
    let mut assembler = FrameAssembler::new(buffer.as_mut_slice());
    let mut decoder: Decoder = Decoder::new();
    let mut rest = bytes;
    while let Some(found) = decoder.push(&mut rest) {
        found.iter().for_each(|frame| check(&mut assembler, frame));
    }
    for record in bytes.chunks_exact(20) {
        let Some((fields, data)) = record.split_first_chunk() else { continue };
        let used = usize::from(data[0] % 12);
        check(&mut assembler, &forged(fields, &data[..used]));
    }
});
