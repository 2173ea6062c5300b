//! Event kernels on the live face, against numbers computed by other people's code.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

use std::fs;

use ndarray::{Array3, Array4, s};
use visaged::data::{Event, Geometry};
use visaged::dsp::event::{
    Denoise, DenoiseConfig, FaceConfig, FaceRegion, Region, TimeSurface, VoxelConfig, Voxelized,
    Voxels,
};

use crate::support;

const DVXPLORER_LITE: Geometry = Geometry { width: 320, height: 240 };

/// The live face, 111 954 events in 0.59 s from t = 1 s; read here without the decoders.
fn face() -> Option<Vec<Event>> {
    let mut bytes = &fs::read(support::shared("event/face_dvxplorer_cd.dat")?).unwrap()[..];
    while bytes[0] == b'%' {
        let line = bytes.iter().position(|&b| b == b'\n').unwrap();
        bytes = &bytes[line + 1..];
    }
    assert_eq!(bytes[..2], [0x0c, 8], "not a DAT file of CD events");
    let word = |four: &[u8]| u32::from_le_bytes(four.try_into().unwrap());
    let pixel = |bits: u32| u16::try_from(bits & 0x3fff).unwrap();
    let event = |record: &[u8]| {
        let bits = word(&record[4..]);
        let (x, y, on) = (pixel(bits), pixel(bits >> 14), bits >> 28 & 1 == 1);
        Event { t: word(&record[..4]).into(), x, y, on }
    };
    Some(bytes[2..].chunks_exact(8).map(event).collect())
}

/// 47 % is the share that notes/event.md section 12 states; numpy with a map of its own kept
/// 52 889 of the 111 954 events.
#[test]
fn the_background_activity_filter_keeps_47_percent_of_a_live_face() {
    let Some(mut events) = face() else { return };
    let mut denoise = Denoise::plan(&DenoiseConfig::default(), DVXPLORER_LITE);
    denoise.run(&mut events);
    assert_eq!(events.len(), 52_889);
    assert_eq!(denoise.counts().background, 111_954 - 52_889);
    assert_eq!(denoise.counts().stepped_back, 0);
}

fn windows(events: &[Event], region: Region) -> Vec<(Voxelized, Array4<f32>)> {
    let mut voxels = Voxels::plan(&VoxelConfig::default());
    let mut tensor = Array4::zeros(Voxels::SHAPE);
    let mut found = Vec::new();
    for &event in events {
        while let Some(window) = voxels.run(event.t, region, &mut tensor) {
            found.push((window, tensor.clone()));
        }
        voxels.push(event);
    }
    found
}

/// Counts per polarity and bin of the first window by tonic 1.7.0, `ToFrame(time_window=20_000)`
/// on the 112 x 112 pixels from (104, 64), clipped at 5 with numpy; no scaling, so that each pixel
/// is a cell. The weights below are (index in C order) modulo 1009.
#[test]
fn voxels_of_the_face_are_the_frames_that_tonic_counts() {
    const OFF: [u32; 16] =
        [694, 916, 890, 1081, 1081, 1253, 1265, 1352, 1267, 1310, 1178, 1087, 1005, 802, 712, 498];
    const ON: [u32; 16] =
        [612, 684, 837, 820, 948, 889, 1014, 942, 957, 953, 915, 790, 752, 639, 530, 474];
    let Some(events) = face() else { return };
    let found = windows(&events, Region { x: 104, y: 64, width: 112, height: 112 });
    let expected = [
        (1_080_000, 1_400_000, 29_738, 591, 14_622_268),
        (1_180_000, 1_500_000, 24_176, 563, 11_850_629),
    ];
    assert_eq!(found.len(), expected.len());
    for ((window, tensor), (start, end, events, clipped, weighted)) in found.iter().zip(expected) {
        assert_eq!((window.start, window.end), (start, end));
        assert_eq!((window.events, window.clipped, window.complete), (events, clipped, true));
        let sum: u32 = counts(tensor.iter()).zip((0..1009).cycle()).map(|(n, w)| n * w).sum();
        assert_eq!(sum, weighted);
    }
    for (polarity, bins) in [OFF, ON].iter().enumerate() {
        for (bin, &expected) in bins.iter().enumerate() {
            let plane = found[0].1.slice(s![polarity, bin, .., ..]);
            assert_eq!(counts(plane.iter()).sum::<u32>(), expected, "{polarity} {bin}");
        }
    }
}

/// Voxel values as the whole counts they stand for.
fn counts(
    voxels: ndarray::iter::Iter<'_, f32, impl ndarray::Dimension>,
) -> impl Iterator<Item = u32> {
    voxels
        .map(|&v| (0..=5u16).position(|n| (f32::from(n) / 5.0).to_bits() == v.to_bits()))
        .map(|n| u32::try_from(n.unwrap()).unwrap())
}

/// Sums by tonic 1.7.0, `ToTimesurface(dt=400_000, tau=50_000)`, in f64.
#[test]
fn the_time_surface_of_the_face_has_the_sums_of_tonic() {
    let Some(events) = face() else { return };
    let mut kernel = TimeSurface::plan(50_000, DVXPLORER_LITE);
    for &event in events.iter().filter(|e| e.t < 1_400_000) {
        assert!(kernel.push(event));
    }
    let mut surface = Array3::zeros((2, 240, 320));
    kernel.run(1_400_000, &mut surface);
    for (polarity, expected) in [3_501.813_722_67, 2_997.970_016_98].into_iter().enumerate() {
        let sum: f64 = surface.slice(s![polarity, .., ..]).iter().map(|&v| f64::from(v)).sum();
        // quotients up to 8 rounded at 2^-24 give exp a relative error of 8 * 6e-8, exp itself
        // 1e-7: 6e-7 of 3502
        assert!((sum - expected).abs() < 2.1e-3, "{sum}");
    }
}

#[test]
fn the_face_region_is_a_square_that_covers_most_of_the_denoised_face() {
    let Some(mut events) = face() else { return };
    Denoise::plan(&DenoiseConfig::default(), DVXPLORER_LITE).run(&mut events);
    let mut tracker = FaceRegion::plan(&FaceConfig::default(), DVXPLORER_LITE);
    events.iter().for_each(|&event| tracker.push(event));
    let sighting = tracker.sighting();
    assert_eq!(sighting.region.width, sighting.region.height);
    assert!(sighting.coverage > 0.8, "{sighting:?}");
}
