//! Breathing and liveness: a real person against numpy, and what replays say.

use std::path::{Path, PathBuf};
use std::process::Command;

use ndarray::Array3;
use rustfft::num_complex::{Complex32, Complex64};
use serde_json::Value;
use visaged::data::Samples;
use visaged::dsp::radar::{Circle, FrameShape, MeanSpectrum, unwrapped_phase};

use crate::npy;
use crate::support::shared;

const REAL: &str = "radar/napaszhar_bgt60tr13c";

/// Slow time is `f32`: as in `dsp_radar`, 1e-5 of the largest value is the bound.
const SHARE: f64 = 1e-5;

/// Receiver 0, range bin 13 of the recording, and numpy's values of the same.
fn slow_time(folder: &Path) -> (Vec<Complex32>, Vec<Complex64>) {
    let shape = FrameShape { rx: 3, chirps: 8, samples: 64, complex: false };
    let bytes = std::fs::read(folder.join("radar.npy")).unwrap();
    let counts: Vec<i16> =
        bytes[1024..].chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    let mut spectrum = MeanSpectrum::plan(shape).unwrap();
    let values = counts
        .chunks_exact(3 * 8 * 64)
        .map(|frame| {
            let frame = Array3::from_shape_vec((3, 8, 64), frame.to_vec()).unwrap();
            spectrum.run(&Samples::Real(frame));
            spectrum.values()[13]
        })
        .collect();
    let (_, re, im) = npy::read(&folder.join("ref/slowtime_rx0_bin13.npy"));
    (values, re.iter().zip(im).map(|(&re, im)| Complex64::new(re, im)).collect())
}

#[test]
fn phase_of_the_breathing_person_is_that_of_numpy_with_and_without_the_circles_centre() {
    let Some(folder) = shared(REAL) else { return };
    let (values, expected) = slow_time(&folder);
    assert_eq!((values.len(), expected.len()), (256, 256));
    let largest = expected.iter().map(|z| z.norm()).fold(0.0, f64::max);
    let wide = |z: &Complex32| Complex64::new(z.re.into(), z.im.into());
    for (got, expected) in values.iter().zip(&expected) {
        assert!((wide(got) - expected).norm() < SHARE * largest, "{got} is not {expected}");
    }
    let (shape, rows, _) = npy::read(&folder.join("ref/phase_rx0_bin13.npy"));
    assert_eq!(shape, [2, 256]);
    let circle = Circle::fit(&values).unwrap();
    // ref.json: circle_centre and circle_radius. Errors of the points average out, or at worst do
    // not; the arc is many turns, so the fit does not magnify them.
    let centre = Complex64::new(-46.448_135_650_370_68, -8.479_818_730_670_644);
    assert!((circle.centre - centre).norm() < 2.0 * SHARE * largest, "{circle:?}");
    assert!((circle.radius - 450.440_564_881_359_25).abs() < 2.0 * SHARE * largest, "{circle:?}");
    for (centre, row) in [(Complex64::default(), &rows[..256]), (circle.centre, &rows[256..])] {
        let mut phase = vec![0.0; 256];
        unwrapped_phase(&values, centre, &mut phase);
        // An error of the point and one of the centre, seen from the nearest point of the circle.
        let nearest = expected.iter().map(|z| (z - centre).norm()).fold(f64::MAX, f64::min);
        let tolerance = 3.0 * SHARE * largest / nearest;
        assert!(tolerance < 1e-3, "{tolerance}");
        for (got, expected) in phase.iter().zip(row) {
            assert!((got - expected).abs() < tolerance, "{got} is not {expected}");
        }
    }
}

/// What a replay says of one stream: seconds and payload.
fn replay(recording: &Path, stream: &str) -> Vec<(f64, Value)> {
    let output = Command::new(env!("CARGO_BIN_EXE_visaged"))
        .args(["replay", "--no-publish"])
        .arg(recording)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = output.stdout.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    lines
        .map(|line| serde_json::from_slice::<Value>(line).unwrap())
        .filter(|line| line["topic"].as_str().unwrap().starts_with(stream))
        .map(|line| {
            let seconds = line["header"]["recorded_us"].as_f64().unwrap() / 1e6;
            (seconds, line["payload"].clone())
        })
        .collect()
}

fn scene() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/scenes/demo/radar")
}

#[test]
fn the_real_person_breathes_14_to_15_times_a_minute_and_is_live_to_the_end() {
    let Some(folder) = shared(REAL) else { return };
    let radar = replay(&folder, "v1/radar/");
    let first = radar.iter().find(|(_, payload)| payload.get("respiration").is_some());
    let seconds = first.unwrap().0;
    assert!((7.9..12.0).contains(&seconds), "first breath after {seconds} s");
    let breath = &radar.last().unwrap().1["respiration"];
    let number = |key: &str| breath[key].as_f64().unwrap();
    assert!((14.0..=15.0).contains(&number("rate_per_min")), "{breath}");
    // numpy: 5.63 mm over all frames of bin 13; a tenth for another bin and the last second.
    assert!((number("displacement_mm") - 5.63).abs() < 0.56, "{breath}");
    assert!((0.31..=0.36).contains(&number("range_m")), "{breath}");
    assert!(number("snr_db") > 9.0, "{breath}");
    let identity = replay(&folder, "v1/identity/");
    for (seconds, payload) in &identity {
        let liveness = payload["liveness"].as_str().unwrap();
        assert!(*seconds > 7.9 || liveness == "insufficient", "{liveness} at {seconds}");
        assert!(*seconds < 14.0 || liveness == "live", "{liveness} at {seconds}");
    }
}

#[test]
fn the_shipped_visitor_breathes_15_times_a_minute_once_eight_seconds_of_sitting_were_seen() {
    let identity = replay(&scene(), "v1/identity/");
    // Nobody is there for 2.5 s, and nothing can be known for 8 s.
    for (seconds, payload) in identity.iter().filter(|(seconds, _)| *seconds < 7.9) {
        assert_eq!(payload["liveness"], "insufficient", "at {seconds}");
    }
    // He sits down at 3.5 s and gets up at 13 s.
    let seated: Vec<f64> = replay(&scene(), "v1/radar/")
        .iter()
        .filter(|(seconds, _)| (12.1..13.0).contains(seconds))
        .map(|(_, payload)| payload["respiration"]["rate_per_min"].as_f64().unwrap())
        .collect();
    assert_eq!(seated.len(), 18);
    for rate in seated {
        assert!((14.0..=16.0).contains(&rate), "{rate}");
    }
}
