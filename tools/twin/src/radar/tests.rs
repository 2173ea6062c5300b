//! Physical truths about the simulated radar.

use std::f64::consts::{PI, TAU};
use std::sync::Arc;

use super::*;
use crate::motion::{Mood, Performance, Script};
use crate::number::narrow;
use crate::person::{ActionUnit, Body, Patch, Person};

const QUIET: Setting = {
    let mut setting = Setting::PLAIN;
    setting.radar.noise = 0.0;
    setting.radar.leakage = 0.0;
    setting.radar.clutter_echo = 0.0;
    setting.turn = [0.0; 3];
    setting
};

/// A person who is one patch, `range` metres straight ahead.
fn one_patch(range: f64, performance: Performance) -> Occupant {
    let mut person = Person::draw(1, 0, 0.0);
    person.patches = vec![Patch {
        body: Body::Torso,
        rest: [0.0; 3],
        normal: [0.0, 0.0, -1.0],
        amplitude: 40.0,
        pulls: [[0.0; 3]; ActionUnit::COUNT],
        breathing: 1.0,
    }];
    let mut setting = QUIET;
    setting.clothes.thickness = 0.0;
    setting.place = [0.0, 0.0, range];
    Occupant::new(Arc::new(person), Arc::new(performance), &setting)
}

fn twin(chirps: &ChirpConfig, occupant: Occupant) -> RadarTwin {
    RadarTwin::new(chirps, &QUIET, vec![occupant], 10.0, 1, "test")
}

/// Complex amplitude of range bin `bin` of every chirp at receiver `rx`, Hann window, slow DFT.
fn slow_time(frame: &Array3<i16>, rx: usize, bin: usize) -> Vec<[f64; 2]> {
    let (_, chirps, samples) = frame.dim();
    (0..chirps)
        .map(|chirp| {
            let row: Vec<f64> = (0..samples).map(|n| f64::from(frame[[rx, chirp, n]])).collect();
            let mean = row.iter().sum::<f64>() / real(samples);
            let mut sum = [0.0; 2];
            for (n, value) in row.iter().enumerate() {
                let window = 0.5 - 0.5 * (TAU * real(n) / real(samples)).cos();
                let angle = -TAU * real(bin * n) / real(samples);
                sum[0] += (value - mean) * window * angle.cos();
                sum[1] += (value - mean) * window * angle.sin();
            }
            sum
        })
        .collect()
}

fn power(values: &[[f64; 2]]) -> f64 {
    values.iter().map(|v| v[0] * v[0] + v[1] * v[1]).sum()
}

fn strongest_bin(frame: &Array3<i16>) -> usize {
    let bins = frame.dim().2 / 2;
    (1..bins)
        .max_by(|a, b| {
            let powers = [a, b].map(|bin| power(&slow_time(frame, 0, *bin)));
            powers[0].total_cmp(&powers[1])
        })
        .unwrap()
}

/// Mean change of phase from chirp to chirp at `bin`, radians.
fn turning(frame: &Array3<i16>, bin: usize) -> f64 {
    let values = slow_time(frame, 0, bin);
    let sum = values.windows(2).fold([0.0; 2], |sum, pair| {
        let ([a, b], [c, d]) = (pair[0], pair[1]);
        [sum[0] + c * a + d * b, sum[1] + d * a - c * b]
    });
    sum[1].atan2(sum[0])
}

#[test]
fn a_scatterer_peaks_in_the_bin_of_its_range() {
    for (range, chirps) in [(0.3, face_chirps()), (0.6, face_chirps()), (0.9, ChirpConfig::food())]
    {
        let bin = (range / chirps.range_resolution().0).round();
        let frame = twin(&chirps, one_patch(range, Performance::still(1.0))).frame(0);
        assert!((real(strongest_bin(&frame)) - bin).abs() < 0.5, "{range} m");
    }
}

#[test]
fn who_approaches_has_negative_doppler_of_the_right_size() {
    let speed = 0.5; // metres a second, towards the radar
    let mut performance = Performance::still(1.0);
    performance.edit(|t, pose| pose.torso[2] = narrow(-1e3 * speed * t));
    let chirps = face_chirps();
    let frame = twin(&chirps, one_patch(0.6, performance)).frame(0);
    let expected = -4.0 * PI * speed * chirps.chirp_period.0 / chirps.wavelength().0;
    let turned = turning(&frame, strongest_bin(&frame));
    assert!((turned / expected - 1.0).abs() < 0.02, "{turned} instead of {expected}");
}

#[test]
fn a_breath_of_a_millimetre_turns_the_phase_by_four_pi_over_lambda() {
    let mut performance = Performance::still(3.0);
    performance.edit(|t, pose| pose.chest = if t > 1.0 { 1.0 } else { 0.0 });
    let chirps = face_chirps();
    let mut twin = twin(&chirps, one_patch(0.6, performance));
    let (before, after) = (twin.frame(4), twin.frame(40));
    let bin = strongest_bin(&before);
    let phase = |frame: &Array3<i16>| {
        let values = slow_time(frame, 0, bin);
        let sum = values.iter().fold([0.0; 2], |sum, v| [sum[0] + v[0], sum[1] + v[1]]);
        sum[1].atan2(sum[0])
    };
    let turned = (phase(&after) - phase(&before)).rem_euclid(TAU);
    // Out is nearer: the phase falls. The sweep's drift adds up to 0.02 rad over 4 ns.
    let expected = (-4.0 * PI * 1e-3 / chirps.wavelength().0).rem_euclid(TAU);
    assert!((turned - expected).abs() < 0.06, "{turned} instead of {expected}");
}

#[test]
fn who_sits_to_the_right_turns_the_phase_between_rx1_and_rx3() {
    let chirps = face_chirps();
    let occupant = one_patch(0.6, Performance::still(1.0)).moved_to([0.3, 0.0, 0.52]);
    let frame = twin(&chirps, occupant).frame(0);
    let bin = strongest_bin(&frame);
    let (rx1, rx3) = (slow_time(&frame, 0, bin), slow_time(&frame, 2, bin));
    let sum = rx1.iter().zip(&rx3).fold([0.0; 2], |sum, (a, b)| {
        [sum[0] + a[0] * b[0] + a[1] * b[1], sum[1] + a[1] * b[0] - a[0] * b[1]]
    });
    // The way to RX1 is shorter by 2.5 mm times the sine of 30 degrees.
    let expected = -TAU * 2.5e-3 * 0.5 / chirps.wavelength().0;
    assert!((sum[1].atan2(sum[0]) - expected).abs() < 0.05, "{:?}", sum[1].atan2(sum[0]));
}

fn sitting(number: usize, setting: &Setting) -> RadarTwin {
    let person = Arc::new(Person::draw(1, number, 1.0));
    let script = Script::cued(10.0, Random::stream(1, "script"));
    let performance = Performance::play(&person, &script, &Mood::PLAIN, 10.0, 1, "take");
    let occupant = Occupant::new(person, Arc::new(performance), setting);
    RadarTwin::new(&ChirpConfig::food(), setting, vec![occupant], 10.0, 1, "test")
}

#[test]
fn a_frame_depends_on_its_number_alone() {
    let setting = Setting::PLAIN;
    let (mut a, mut b) = (sitting(0, &setting), sitting(0, &setting));
    drop(b.frame(3));
    assert_eq!(a.frame(7), b.frame(7));
    assert_ne!(a.frame(7), a.frame(8));
}

#[test]
fn two_persons_in_the_same_setting_give_different_frames() {
    let setting = Setting::PLAIN;
    let (a, b) = (sitting(0, &setting).frame(7), sitting(1, &setting).frame(7));
    let difference: f64 =
        a.iter().zip(&b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
    // Same noise, so all that differs is the person.
    assert!((difference / real(a.len())).sqrt() > 2.0);
}

#[test]
fn samples_stay_inside_12_bits_when_echoes_are_too_strong() {
    let mut setting = Setting::PLAIN;
    setting.radar.gain = 400.0;
    let mut twin = sitting(0, &setting);
    let frames: Vec<_> = (0..20).map(|n| twin.frame(n)).collect();
    assert!(frames.iter().flatten().all(|sample| (0..=4095).contains(sample)));
    assert!(frames.iter().flatten().any(|&sample| sample == 4095), "nothing saturates");
}

#[test]
fn a_fan_is_heard_where_it_stands_and_moves_at_metres_a_second() {
    let mut setting = QUIET;
    setting.company.fan = Some([0.0, 1.2]);
    let chirps = face_chirps();
    let mut twin = RadarTwin::new(&chirps, &setting, Vec::new(), 1.0, 1, "test");
    let frame = twin.frame(0);
    let bin = strongest_bin(&frame);
    assert!((real(bin) * chirps.range_resolution().0 - 1.2).abs() < 0.2);
    let values = slow_time(&frame, 0, bin);
    let moving = power(
        &values.windows(2).map(|p| [p[1][0] - p[0][0], p[1][1] - p[0][1]]).collect::<Vec<_>>(),
    );
    assert!(moving > 0.2 * power(&values), "{moving}");
}

#[test]
fn another_radar_is_heard_in_some_chirps_and_not_in_the_others() {
    let mut setting = QUIET;
    setting.company.interference = 2000.0;
    let mut twin = RadarTwin::new(&face_chirps(), &setting, Vec::new(), 10.0, 1, "test");
    let (mut loud, mut chirps) = (0, 0);
    for frame in (0..40).map(|n| twin.frame(n)) {
        for row in frame.rows() {
            let (low, high) = row.iter().fold((4095, 0), |(l, h), &x| (x.min(l), x.max(h)));
            loud += usize::from(high - low > 10);
            chirps += 1;
        }
    }
    assert!((0.05..0.5).contains(&(real(loud) / real(chirps))), "{loud} of {chirps}");
}

/// How far the head's patches within 15 mm of `(x, y)` go when `unit` is shown fully, millimetres.
fn moved(unit: ActionUnit, x: f64, y: f64) -> f64 {
    let person = Person::draw(1, 0, 0.0);
    let mut performance = Performance::still(2.0);
    performance.edit(|t, pose| pose.units[unit.index()] = if t > 1.0 { 1.0 } else { 0.0 });
    let near: Vec<Patch> = person
        .patches
        .iter()
        .filter(|patch| patch.body == Body::Head)
        .filter(|patch| (patch.rest[0] - x).hypot(patch.rest[1] - y) < 15.0)
        .cloned()
        .collect();
    let occupant = Occupant::new(Arc::new(person), Arc::new(performance), &Setting::PLAIN);
    near.iter()
        .map(|patch| {
            let (rest, shown) =
                (occupant.whereabouts(patch, 0.5), occupant.whereabouts(patch, 1.5));
            1e3 * array::distance(rest, shown)
        })
        .fold(0.0, f64::max)
}

#[test]
fn the_radar_sees_the_jaw_drop_at_the_chin_and_the_brows_rise_at_the_brows() {
    let face = Person::draw(1, 0, 0.0).anatomy;
    let (chin, brow) = (0.85 * face.chin, -face.brow);
    assert!(moved(ActionUnit::JawDrop, 0.0, chin) > 12.0);
    assert!(moved(ActionUnit::JawDrop, 0.0, brow) < 0.05);
    assert!(moved(ActionUnit::InnerBrowRaiser, 12.0, brow) > 4.0);
    assert!(moved(ActionUnit::InnerBrowRaiser, 0.0, chin) < 0.05);
}
