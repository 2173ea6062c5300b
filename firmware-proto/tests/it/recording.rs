//! A real close-range recording: how much smaller it gets.

use std::fs;
use std::path::Path;

use firmware_proto::{Shape, delta_rice, raw12};

use crate::support::skipped;

/// NPY header of the recording, and its axes `[frame, rx, chirp, sample]`.
const HEADER: usize = 1024;
const FRAMES: usize = 256;
const SHAPE: Shape = Shape { chirps: 8, samples: 64, rx: 3 };

/// The frames in chip order `[chirp, sample, rx]`; `None` without the recording.
fn frames() -> Option<Vec<Vec<u16>>> {
    let path = "data/radar/napaszhar_bgt60tr13c/radar.npy";
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared").join(path);
    let Ok(bytes) = fs::read(file) else {
        skipped(&format!("../shared/{path} is absent"));
        return None;
    };
    let (chirps, samples, rx_count) = (8, 64, 3);
    let at = |frame: usize, rx: usize, chirp: usize, sample: usize| {
        let word = ((frame * rx_count + rx) * chirps + chirp) * samples + sample;
        let start = HEADER + 2 * word;
        u16::from_le_bytes([bytes[start], bytes[start + 1]])
    };
    let frame = |frame| {
        let mut out = Vec::with_capacity(chirps * samples * rx_count);
        for chirp in 0..chirps {
            for sample in 0..samples {
                out.extend((0..rx_count).map(|rx| at(frame, rx, chirp, sample)));
            }
        }
        out
    };
    Some((0..FRAMES).map(frame).collect())
}

#[test]
fn a_breathing_person_at_close_range_takes_a_third_of_the_packed_bytes() {
    let Some(frames) = frames() else { return };
    let (mut packed, mut used) = (0, 0);
    let mut data = vec![0; 4096];
    for frame in &frames {
        let len = delta_rice::encode(frame, SHAPE, &mut data).unwrap();
        let mut back = vec![0; frame.len()];
        assert_eq!(delta_rice::decode(&data[..len], SHAPE, &mut back), Ok(()));
        assert_eq!(&back, frame);
        packed += raw12::packed_len(frame.len());
        used += len;
    }
    assert!(packed >= 3 * used, "{packed} bytes packed, {used} compressed");
}
