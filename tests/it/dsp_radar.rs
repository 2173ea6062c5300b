//! Radar kernels against results that numpy, Infineon's example and `OpenRadar` gave for recordings.
//!
//! Tolerance: 1e-5 of a map's largest value. The kernels take means off whole counts, so what is
//! left is the rounding of `f32`, 6e-8 for each of some 20 steps that add at random or, at worst,
//! all one way. With means taken off in `f32`, numpy is off by 1.4e-4 on static scenes.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::unwrap_used,
    reason = "recorded counts are whole numbers of 16 bits; a test may stop where it cannot go on"
)]

use ndarray::{Array2, Array3, s};
use visaged::data::{ChirpConfig, Samples};
use visaged::dsp::radar::{
    Clutter, Ends, FrameShape, MapAxes, MeanSpectrum, MicroDoppler, MicroDopplerConfig, Offset,
    PeakConfig, Peaks, RangeDoppler, RangeDopplerConfig, RangeMotion, RangeProfile, Window,
    WindowShape,
};
use visaged::units::{Hertz, Meters, Seconds};

use crate::npy;
use crate::support::shared;

const TOLERANCE: f64 = 1e-5;
const KEPT_FRAMES: [usize; 4] = [0, 1, 20, 100];

#[test]
fn plain_maps_of_a_breathing_person_are_those_of_numpy() {
    let Some((frames, reference)) = napaszhar("rd_mag_hann") else { return };
    let mut plan = RangeDoppler::plan(SHAPE, &RangeDopplerConfig::default()).unwrap();
    let mut map = Array3::from_elem(plan.map_shape(), f32::NAN);
    for (kept, expected) in KEPT_FRAMES.iter().zip(reference.chunks_exact(map.len())) {
        plan.run(&frames[*kept], &mut map);
        check(&format!("napaszhar rd_mag_hann frame {kept}"), map.iter(), expected);
    }
}

#[test]
fn maps_with_mti_are_those_of_infineons_example_but_for_a_constant() {
    let Some((frames, reference)) = napaszhar("vendor_doppleralgo") else { return };
    let window = Window::symmetric(WindowShape::BlackmanHarris);
    let config = RangeDopplerConfig {
        clutter: Clutter::Mti { alpha: 0.8 },
        range_window: window,
        doppler_window: window,
        range_zero_padding: 2,
        doppler_zero_padding: 2,
        ..RangeDopplerConfig::default()
    };
    let mut plan = RangeDoppler::plan(SHAPE, &config).unwrap();
    let mut map = Array3::zeros(plan.map_shape());
    // The example divides counts by 4095 and the FFTs by 64 samples and 8 chirps, doubles the
    // positive half, and leaves out its last bin.
    let scale = 2.0 / (4095.0 * 64.0 * 8.0);
    for (number, frame) in frames.iter().take(101).enumerate() {
        plan.run(frame, &mut map);
        let Some(kept) = KEPT_FRAMES.iter().position(|&kept| kept == number) else { continue };
        let scaled = map.slice(s![.., ..64, ..]).mapv(|x| x * scale);
        let expected = &reference[kept * scaled.len()..][..scaled.len()];
        check(&format!("napaszhar vendor frame {number}"), scaled.iter(), expected);
    }
}

#[test]
fn micro_doppler_of_frame_means_is_that_of_numpy_and_shows_the_chest() {
    let Some((frames, reference)) = napaszhar("micro_rd_64") else { return };
    let config = MicroDopplerConfig::default();
    let mut plan = MicroDoppler::plan(SHAPE, &config).unwrap();
    let mut map = Array3::from_elem(plan.map_shape(), f32::NAN);
    let mut first_block = None;
    for (number, frame) in frames.iter().take(128).enumerate() {
        assert_eq!(plan.push(frame), number >= 63, "frame {number}");
        let block = match number {
            63 => 0,
            127 => 1,
            _ => continue,
        };
        plan.run(&mut map);
        let expected = &reference[block * map.len()..][..map.len()];
        check(&format!("napaszhar micro block {block}"), map.iter(), expected);
        first_block.get_or_insert_with(|| map.slice(s![..1, .., ..]).to_owned());
    }

    let chirp = napaszhar_chirp();
    assert!((config.velocity_resolution(&chirp).0 - 0.000_498_953).abs() < 1e-9);
    assert!((config.max_velocity(&chirp).0 - 0.015_966_5).abs() < 1e-7);
    let peaks = PeakConfig { still_bins: 0, ..PeakConfig::default() };
    let first_block = first_block.unwrap();
    let found =
        Peaks::plan(first_block.dim(), chirp.range_resolution(), peaks).unwrap().run(&first_block);
    let cell = found.moving.unwrap();
    assert_eq!((cell.range_bin, cell.doppler_bin), (12, 36), "as ref/micro_rd_64.json says");
    let place = cell.place(&MapAxes::of_micro_doppler(&chirp, &config));
    assert!((0.30..=0.36).contains(&place.range.0), "the person sits at {}", place.range);
    assert!((0.001..=0.003).contains(&place.velocity.0), "the chest moves at {}", place.velocity);
    assert!(found.snr_db.unwrap() > 20.0, "a person is no noise: {:?}", found.snr_db);
}

#[test]
fn profiles_of_a_breathing_person_are_those_of_numpy_still_and_moving() {
    let Some((frames, reference)) = napaszhar("range_profile_mean") else { return };
    let mut plan = RangeProfile::plan(SHAPE, Window::default()).unwrap();
    let mut spectrum = MeanSpectrum::plan(SHAPE).unwrap();
    let mut motion = RangeMotion::plan(SHAPE, frames.len()).unwrap();
    let mut profile = Array2::zeros(plan.profile_shape());
    let mut sum = Array2::<f64>::zeros(plan.profile_shape());
    for frame in &frames {
        plan.run(frame, &mut profile);
        spectrum.run(frame);
        motion.push(&spectrum);
        sum += &profile.mapv(f64::from);
    }
    let mean = (sum / 256.0).mapv(|x| x as f32);
    check("napaszhar range_profile_mean", mean.iter(), &reference);

    let Some((_, reference)) = napaszhar("range_motion_mean") else { return };
    check("napaszhar range_motion_mean", motion.run().unwrap().iter(), &reference);
}

#[test]
fn the_profile_of_a_ti_capture_peaks_at_2_57_m_as_numpy_says() {
    let Some(iq) = shared("radar/dca1000_pcap/ref/iq.npy") else { return };
    let (_, re, im) = npy::read(&iq);
    let counts = re.iter().zip(&im).map(|(&i, &q)| [i as i16, q as i16]).collect();
    let samples = Samples::Complex(Array3::from_shape_vec((1, 16, 256), counts).unwrap());
    let mut plan = RangeProfile::plan(FrameShape::of(&samples), Window::default()).unwrap();
    let mut profile = Array2::zeros(plan.profile_shape());
    plan.run(&samples, &mut profile);
    let (_, expected, _) = npy::read(&iq.with_file_name("range_profile.npy"));
    check("dca1000 range_profile", profile.iter(), &expected);
    let peak = (0..256).max_by(|&a, &b| profile[[0, a]].total_cmp(&profile[[0, b]]));
    assert_eq!(peak, Some(59));
}

#[test]
fn unshifted_openradar_spectra_are_ours_with_symmetric_hann_and_nothing_taken_off() {
    for (name, rx) in [("simple_frame_1", 1), ("doppler_example_1", 8)] {
        let Some(path) = shared(&format!("radar/openradar_presense/{name}.npy")) else { return };
        let (_, re, im) = npy::read(&path);
        // The recordings hold signed counts as if they were unsigned.
        let wrap = |x: f64| (x as u16).cast_signed();
        let counts: Vec<_> = re.iter().zip(&im).map(|(&i, &q)| [wrap(i), wrap(q)]).collect();
        let recorded = Array3::from_shape_vec((128, rx, 128), counts).unwrap();
        let frame = recorded.permuted_axes([1, 0, 2]).as_standard_layout().into_owned();
        let samples = Samples::Complex(frame);

        let window = Window { shape: WindowShape::Hann, ends: Ends::Symmetric };
        let config = RangeDopplerConfig {
            offset: Offset::Keep,
            clutter: Clutter::Keep,
            range_window: window,
            doppler_window: window,
            ..RangeDopplerConfig::default()
        };
        let mut plan = RangeDoppler::plan(FrameShape::of(&samples), &config).unwrap();
        let mut map = Array3::from_elem(plan.map_shape(), f32::NAN);
        plan.run(&samples, &mut map);

        let reference = format!("radar/openradar_presense/ref/{name}_openradar_doppler.npy");
        let Some(reference) = shared(&reference) else { return };
        let (_, re, im) = npy::read(&reference);
        let expected: Vec<f64> = re.iter().zip(&im).map(|(re, im)| re.hypot(*im)).collect();
        // Theirs: [range_bin, rx, doppler_bin], zero velocity at bin 0.
        let turned =
            Array3::from_shape_fn((128, rx, 128), |(k, rx, d)| map[[rx, k, (d + 64) % 128]]);
        check(&format!("openradar {name}"), turned.iter(), &expected);
        let found = Peaks::plan(map.dim(), Meters(0.05), PeakConfig::default()).unwrap().run(&map);
        let still = found.still.unwrap();
        assert_eq!((still.range_bin, still.doppler_bin), (107, 64), "as ref/{name}.json says");
    }
}

#[test]
fn stacked_frames_show_the_person_too() {
    let Some((frames, _)) = napaszhar("micro_rd_64") else { return };
    let config = MicroDopplerConfig::fooder();
    let mut plan = MicroDoppler::plan(SHAPE, &config).unwrap();
    let mut map = Array3::from_elem(plan.map_shape(), f32::NAN);
    let chirp = napaszhar_chirp();
    let peaks = PeakConfig { still_bins: 0, ..PeakConfig::default() };
    let mut near = 0;
    let mut maps = 0;
    for frame in &frames {
        if plan.push(frame) {
            plan.run(&mut map);
            assert!(map.iter().all(|x| x.is_finite()));
            let found = Peaks::plan(map.dim(), chirp.range_resolution(), peaks).unwrap().run(&map);
            let place = found.moving.unwrap().place(&MapAxes::of_micro_doppler(&chirp, &config));
            near += usize::from((0.27..=0.39).contains(&place.range.0));
            maps += 1;
        }
    }
    assert_eq!(maps, 249);
    assert!(near * 10 > maps * 9, "the person is the strongest mover in {near} of {maps} maps");
}

const SHAPE: FrameShape = FrameShape { rx: 3, chirps: 8, samples: 64, complex: false };

/// The frames of the recording, and the magnitudes in `ref/<name>.npy`.
fn napaszhar(name: &str) -> Option<(Vec<Samples>, Vec<f64>)> {
    let folder = shared("radar/napaszhar_bgt60tr13c")?;
    let bytes = std::fs::read(folder.join("radar.npy")).unwrap();
    let counts: Vec<i16> = bytes[1024..]
        .chunks_exact(2)
        .map(|pair| i16::try_from(u16::from_le_bytes([pair[0], pair[1]])).unwrap())
        .collect();
    let frames = counts
        .chunks_exact(3 * 8 * 64)
        .map(|frame| Samples::Real(Array3::from_shape_vec((3, 8, 64), frame.to_vec()).unwrap()))
        .collect();
    let (_, re, im) = npy::read(&folder.join(format!("ref/{name}.npy")));
    let reference =
        if im.is_empty() { re } else { re.iter().zip(&im).map(|(re, im)| re.hypot(*im)).collect() };
    Some((frames, reference))
}

fn napaszhar_chirp() -> ChirpConfig {
    ChirpConfig {
        rx_antennas: vec![1, 2, 3],
        chirps: 8,
        samples: 64,
        complex: false,
        start: Hertz(58.0e9),
        end: Hertz(63.5e9),
        sample_rate: Hertz(2e6),
        chirp_period: Seconds(0.000_591_124_990_023_672_6),
        frame_period: Seconds(0.077_268_846_333_026_89),
        adc_bits: 12,
    }
}

/// Asserts that `got` is `expected` within [`TOLERANCE`] of the largest expected value, and prints
/// by how much it is off.
#[expect(clippy::print_stdout, reason = "how far off we are is worth reading")]
fn check<'a, I>(what: &str, got: I, expected: &[f64])
where
    I: ExactSizeIterator<Item = &'a f32>,
{
    assert_eq!(got.len(), expected.len(), "{what}");
    let largest = expected.iter().copied().fold(0.0, f64::max);
    let worst = got.zip(expected).map(|(&a, b)| (f64::from(a) - b).abs()).fold(0.0, f64::max);
    let error = worst / largest;
    println!("{what}: {error:.1e} of the maximum");
    assert!(error < TOLERANCE, "{what}: off by {error:.1e} of the maximum");
}
