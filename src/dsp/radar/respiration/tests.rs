//! Synthetic echoes whose breath is known.

use std::f64::consts::TAU;

use proptest::prelude::*;

use super::*;
use crate::units::Hertz;

const RX: usize = 2;
const BINS: usize = 33;

fn chirp(frame_period: f64) -> ChirpConfig {
    ChirpConfig {
        rx_antennas: vec![1, 2],
        chirps: 8,
        samples: 64,
        complex: false,
        start: Hertz(58.0e9),
        end: Hertz(63.5e9),
        sample_rate: Hertz(2e6),
        chirp_period: Seconds(591e-6),
        frame_period: Seconds(frame_period),
        adc_bits: 12,
    }
}

/// Noise whose parts have a standard deviation of one.
struct Noise(u64);

impl Noise {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        f64::from(u32::try_from(self.0 >> 32).unwrap()) / f64::from(u32::MAX)
    }

    /// Box and Muller (1958).
    fn normal(&mut self) -> Complex64 {
        let radius = (-2.0 * self.uniform().max(1e-9).ln()).sqrt();
        Complex64::from_polar(radius, TAU * self.uniform())
    }
}

/// What a scene answers at a time.
struct Scene {
    kernel: Respiration,
    spectrum: MeanSpectrum,
    noise: Noise,
    clutter: Vec<Complex64>,
    period: f64,
    now: f64,
}

impl Scene {
    fn new(seed: u64, period: f64) -> Self {
        let chirp = chirp(period);
        let mut noise = Noise(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(99));
        Self {
            kernel: Respiration::plan(&chirp, &RespirationConfig::default()).unwrap(),
            spectrum: MeanSpectrum::plan(FrameShape::from(&chirp)).unwrap(),
            clutter: (0..RX * BINS).map(|_| 30.0 * noise.normal()).collect(),
            noise,
            period,
            now: 0.0,
        }
    }

    /// Plays `seconds` in which a reflector of amplitude 100 in bin 12 is displaced by `moves`
    /// metres, if there is one, and gives the answers.
    fn play(
        &mut self,
        seconds: f64,
        moves: impl Fn(f64) -> Option<f64>,
    ) -> Vec<Result<Breath, NoBreath>> {
        let per_metre = self.kernel.per_radian.recip();
        let end = self.now + seconds - 1e-9;
        let mut answers = Vec::new();
        while self.now < end {
            let echo = moves(self.now);
            let mut cell = 0;
            self.spectrum.set(|| {
                let body = match echo {
                    // The window's main lobe: half as strong in the bins beside.
                    Some(x) => {
                        let share = [0.5, 1.0, 0.5].get((cell % BINS).wrapping_sub(11));
                        share.copied().unwrap_or(0.0) * Complex64::from_polar(100.0, x * per_metre)
                    }
                    None => Complex64::default(),
                };
                let z = self.clutter[cell] + body + self.noise.normal();
                cell += 1;
                #[expect(clippy::cast_possible_truncation, reason = "as the kernels do")]
                Complex32::new(z.re as f32, z.im as f32)
            });
            if self.kernel.push(&self.spectrum) {
                answers.push(self.kernel.run());
            }
            self.now += self.period;
        }
        answers
    }
}

fn breath(rate_per_min: f64, phase: f64) -> impl Fn(f64) -> Option<f64> {
    move |t| Some(0.30 + 0.0025 * (TAU * rate_per_min / 60.0 * t + phase).sin())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Noise of 1 in an amplitude of 100, over 160 frames or more, shifts the fitted frequency by
    /// some 1e-3 of the resolution; half a breath a minute is the promise.
    #[test]
    fn rates_from_6_to_30_are_found_within_half_a_breath_and_where_they_are(
        (rate, phase) in (6.0..30.0_f64, 0.0..TAU),
        (seed, period) in (any::<u64>(), 0.03..0.08_f64),
    ) {
        let mut scene = Scene::new(seed, period);
        let answers = scene.play(22.0, breath(rate, phase));
        prop_assert!(answers[..8].iter().all(|a| *a == Err(NoBreath::TooFewFrames)));
        let last = *answers.last().unwrap();
        prop_assert!(last.is_ok(), "{last:?}");
        let found = last.unwrap();
        prop_assert!((found.rate_per_min - rate).abs() < 0.5, "{found:?}");
        prop_assert!((11..=13).contains(&found.range_bin), "{found:?}");
        // 5 mm, and noise of 1 in 50 or more at both ends: 0.02 rad, 8 um each, thrice that.
        prop_assert!((found.displacement.0 - 0.005).abs() < 1e-4, "{found:?}");
    }
}

#[test]
fn the_trace_is_the_way_of_the_chest_oldest_first() {
    let mut scene = Scene::new(11, 0.05);
    let moves = breath(15.0, 0.4);
    let found = scene.play(31.0, &moves).last().unwrap().unwrap();
    let trace = scene.kernel.trace(&found);
    assert_eq!(trace.len(), 400, "20 s of frames, the ring gone round");
    let truth: Vec<_> = (0..400_u32)
        .map(|at| moves(scene.now - scene.period * f64::from(400 - at)).unwrap())
        .collect();
    let mean = truth.iter().sum::<f64>() / 400.0;
    for (at, (seen, way)) in trace.iter().zip(truth).enumerate() {
        // Noise of 1 in 50 or more is 0.02 rad or 8 um; five of that.
        assert!((seen.0 - (way - mean)).abs() < 4e-5, "frame {at}: {seen} and not {way}");
    }
    let elsewhere = Breath { rx: 99, ..found };
    assert!(scene.kernel.trace(&elsewhere).is_empty(), "a line that there is not");
}

#[test]
fn ten_seconds_are_enough_for_a_breath_in_four() {
    for seed in 0..20_u32 {
        let mut scene = Scene::new(seed.into(), 0.05);
        let answers = scene.play(10.0, breath(15.0, f64::from(seed)));
        let found = answers.last().unwrap().unwrap();
        assert!((found.rate_per_min - 15.0).abs() < 0.5, "{found:?}");
    }
}

#[test]
fn a_thousand_empty_rooms_hold_nobody() {
    for seed in 0..1000 {
        let mut scene = Scene::new(seed, 0.077);
        // The answers of the first 7 s say that it is too early.
        for answer in &scene.play(20.0, |_| None)[9..] {
            assert_eq!(*answer, Err(NoBreath::NoMotion), "seed {seed}");
        }
    }
}

#[test]
fn a_plate_that_vibrates_72_times_a_minute_does_not_breathe() {
    for (seed, micrometres) in (0..).zip([50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0].repeat(8)) {
        for period in [0.05, 0.077] {
            let mut scene = Scene::new(seed, period);
            let phase = scene.noise.uniform() * TAU;
            let plate = |t: f64| Some(0.3 + 1e-6 * micrometres * (TAU * 1.2 * t + phase).sin());
            for answer in scene.play(20.0, plate) {
                assert!(answer.is_err(), "{micrometres} um, seed {seed}: {answer:?}");
            }
        }
    }
}

#[test]
fn who_leaves_is_no_longer_seen_four_seconds_later() {
    let mut scene = Scene::new(7, 0.05);
    assert!(scene.play(25.0, breath(14.0, 0.0)).last().unwrap().is_ok());
    let answers = scene.play(20.0, |_| None);
    for answer in &answers[4..] {
        assert!(answer.is_err(), "{answer:?}");
    }
    assert!(answers.contains(&Err(NoBreath::Stopped)), "{answers:?}");
}

#[test]
fn who_walks_in_and_sits_down_is_judged_by_the_newest_seconds() {
    let mut scene = Scene::new(3, 0.05);
    scene.play(4.0, |_| None);
    scene.play(3.0, |t| Some(0.5 - 0.06 * (t - 4.0)));
    let found = scene.play(9.0, breath(15.0, 1.0)).last().unwrap().unwrap();
    assert!((found.rate_per_min - 15.0).abs() < 0.5, "{found:?}");
}

#[test]
fn a_lost_frame_now_and_then_changes_the_rate_little() {
    let mut scene = Scene::new(5, 0.05);
    for _ in 0..20 {
        scene.play(1.0, breath(12.0, 0.3));
        scene.kernel.push_lost();
        scene.now += scene.period;
    }
    let found = scene.kernel.run().unwrap();
    assert!((found.rate_per_min - 12.0).abs() < 0.5, "{found:?}");
}

#[test]
fn frame_rates_out_of_range_say_so_and_a_reset_forgets() {
    for period in [0.5, 0.001, 0.0, f64::NAN] {
        let mut scene = Scene::new(1, 0.05);
        scene.kernel = Respiration::plan(&chirp(period), &RespirationConfig::default()).unwrap();
        scene.kernel.push_lost();
        let answers = scene.play(3.0, breath(12.0, 0.0));
        assert_eq!(answers.last(), Some(&Err(NoBreath::FrameRate)), "{period}");
    }
    let mut scene = Scene::new(1, 0.05);
    assert!(scene.play(12.0, breath(12.0, 0.0)).last().unwrap().is_ok());
    scene.kernel.reset();
    assert_eq!(scene.kernel.run(), Err(NoBreath::TooFewFrames));
}

#[test]
fn settings_out_of_range_are_named() {
    let good = RespirationConfig::default();
    assert_eq!(good.check(), Ok(()));
    for (config, key) in [
        (RespirationConfig { window_s: Seconds(5.0), ..good }, "window-s"),
        (RespirationConfig { least_s: Seconds(21.0), ..good }, "least-s"),
        (RespirationConfig { first_range_m: Meters(f64::NAN), ..good }, "first-range-m"),
        (RespirationConfig { last_range_m: Meters(0.1), ..good }, "last-range-m"),
        (RespirationConfig { least_snr_db: -1.0, ..good }, "least-snr-db"),
    ] {
        assert_eq!(config.check().unwrap_err().0, key);
    }
    let odd = RespirationConfig { window_s: Seconds(0.0), least_s: Seconds(0.0), ..good };
    let mut kernel = Respiration::plan(&chirp(0.05), &odd).unwrap();
    assert!(kernel.run().is_err(), "settings that nobody checked do no harm");
}

/// Motion at 0.8 Hz is no breath. As large as one it may hide one, a tenth of that would not.
#[test]
fn a_breath_may_be_hidden_by_motion_as_large_as_one_and_not_by_a_tremor() {
    let last = |amplitude: f64| {
        let mut scene = Scene::new(5, 0.05);
        let answers = scene.play(20.0, |t| Some(0.30 + amplitude * (TAU * 0.8 * t).sin()));
        *answers.last().unwrap()
    };
    assert_eq!(last(0.002), Err(NoBreath::Hidden));
    let tremor = last(0.0002);
    assert!(matches!(tremor, Err(NoBreath::OutOfBand | NoBreath::Weak)), "{tremor:?}");
}
