//! Physical truths about the simulated event camera.

use super::pixels::{TILE, unpack};
use super::*;
use crate::motion::{Expression, Label, Mood, Script};
use crate::number::narrow;
use crate::person::ActionUnit;

const SMALL: Geometry = Geometry { width: 320, height: 320 };

fn quiet() -> Setting {
    let mut setting = Setting::PLAIN;
    setting.camera.noise = 0.0;
    setting
}

/// Events of one tile that is shown `luminance` at each millisecond.
fn shown(luminance: impl Fn(usize) -> f32, steps: usize) -> Vec<(u64, bool)> {
    let geometry = Geometry { width: 8, height: 8 };
    let mut pixels = Pixels::new(geometry, &quiet().camera, Random::stream(1, "pixels"));
    for step in 0..steps {
        pixels.look(0, real(step) * STEP, &[luminance(step); TILE]);
    }
    let words = pixels.into_events();
    words.into_iter().map(unpack).map(|(micros, _, _, on)| (micros, on)).collect()
}

#[test]
fn light_that_rises_and_falls_alike_gives_as_many_on_as_off_events() {
    let wave = |step: usize| narrow(0.8 * (real(step) / 200.0 * std::f64::consts::TAU).sin());
    let events = shown(wave, 2_001);
    let on = events.iter().filter(|(_, on)| *on).count();
    let share = real(on) / real(events.len());
    assert!(events.len() > 1_000, "{}", events.len());
    assert!((share - 0.5).abs() < 0.03, "{share}");
}

#[test]
fn a_rise_of_one_log_unit_gives_about_one_over_the_threshold_events() {
    // Over 50 ms: within a refractory time it moves by a hundredth, so next to nothing is lost.
    let events = shown(|step| narrow((0.02 * (real(step) - 10.0)).clamp(0.0, 1.0)), 200);
    let each = real(events.len()) / real(TILE);
    // One over 0.17; what the memories held before adds nothing on average.
    assert!((each - 1.0 / 0.17).abs() < 0.7, "{each} events a pixel");
    assert!(events.iter().all(|(_, on)| *on), "a brighter pixel said OFF");
    let early = events.iter().filter(|(micros, _)| *micros < 9_000).count();
    assert!(early <= 2, "{early} events before the light changed"); // the leak may give one
}

#[test]
fn a_pixel_is_blind_for_its_refractory_time() {
    let mut by_pixel = std::collections::BTreeMap::<(u16, u16), Vec<u64>>::new();
    let geometry = Geometry { width: 8, height: 8 };
    let mut pixels = Pixels::new(geometry, &quiet().camera, Random::stream(1, "pixels"));
    for step in 0..400 {
        pixels.look(0, real(step) * STEP, &[if step / 20 % 2 == 0 { 0.0 } else { 3.0 }; TILE]);
    }
    for word in pixels.into_events() {
        let (micros, x, y, _) = unpack(word);
        by_pixel.entry((x, y)).or_default().push(micros);
    }
    let shortest = by_pixel
        .values()
        .flat_map(|times| times.windows(2).map(|pair| pair[1] - pair[0]))
        .min()
        .unwrap();
    assert!(shortest >= 349, "{shortest} us between two events");
}

#[test]
fn still_light_gives_leak_events_only_and_those_are_on() {
    let events = shown(|_| 0.0, 80_000);
    // 0.02 thresholds a second over 80 s and 64 pixels: 102 events.
    assert!((70..140).contains(&events.len()), "{}", events.len());
    assert!(events.iter().all(|(_, on)| *on));
}

fn label(expression: Expression) -> Script {
    let label = Label { expression, onset: 0.5, apex: 0.9, offset: 1.4, end: 2.0 };
    Script { labels: vec![label] }
}

/// Events during the rise of an expression, in the upper and lower half of the face.
fn rise(expression: Expression) -> (usize, usize) {
    let mut person = Person::draw(3, 0, 0.0);
    person.habits.blinks = 1e-3;
    person.habits.gestures = 1e-3;
    let mood = Mood { restless: 0.05, ..Mood::PLAIN };
    let performance = Performance::play(&person, &label(expression), &mood, 1.0, 3, "take");
    let footage = record(SMALL, Some((&person, &performance)), &quiet(), 1.0, 3, "camera");
    let camera = Camera::new(SMALL, &quiet());
    let view = camera.view(performance.entry(600));
    let rising = footage.events.iter().filter(|event| (550_000..900_000).contains(&event.t));
    let (mut upper, mut lower) = (0, 0);
    for event in rising {
        let [_, y] = view.point(f32::from(event.x), f32::from(event.y));
        if (-60.0..-10.0).contains(&y) {
            upper += 1;
        } else if (50.0..120.0).contains(&y) {
            lower += 1;
        }
    }
    (upper, lower)
}

#[test]
fn a_smile_moves_the_mouth_and_anger_moves_the_brows() {
    let (brow, mouth) = rise(Expression::Smile);
    assert!(mouth > 2 * brow, "smile: {brow} above, {mouth} below");
    let (brow, mouth) = rise(Expression::Anger);
    assert!(brow > 2 * mouth, "anger: {brow} above, {mouth} below");
    let (brow, mouth) = rise(Expression::Neutral);
    assert!(brow + mouth < 3_000, "neutral: {brow} above, {mouth} below");
}

#[test]
fn a_blink_is_seen_at_the_eyes_when_the_table_of_poses_says_so() {
    let person = Person::draw(3, 0, 0.0);
    let mut performance = Performance::still(0.6);
    performance.edit(|t, pose| {
        pose.units[ActionUnit::Blink.index()] = if (0.3..0.4).contains(&t) { 1.0 } else { 0.0 };
    });
    let footage = record(SMALL, Some((&person, &performance)), &quiet(), 0.6, 3, "camera");
    let during = |from: i64, to: i64| {
        footage.events.iter().filter(|event| (from..to).contains(&event.t)).count()
    };
    // The lids jump between the looks at 299 and 300 ms.
    assert!(during(299_000, 320_000) > 200, "{}", during(299_000, 320_000));
    assert!(during(200_000, 290_000) < 150, "{}", during(200_000, 290_000));
}

#[test]
fn one_seed_gives_the_same_events_and_another_person_gives_others() {
    let take = |number: usize| {
        let person = Person::draw(3, number, 1.0);
        let script = label(Expression::Smile);
        let performance = Performance::play(&person, &script, &Mood::PLAIN, 0.8, 3, "take");
        record(SMALL, Some((&person, &performance)), &Setting::PLAIN, 0.8, 3, "camera").events
    };
    let (a, b, c) = (take(0), take(0), take(1));
    assert!(a.len() > 1_000);
    assert_eq!(a, b);
    assert_ne!(a, c);
}

#[test]
fn an_empty_chair_is_seen_as_noise() {
    let footage = record(SMALL, None, &Setting::PLAIN, 1.0, 3, "camera");
    let rate = real(footage.events.len()) / 102_400.0;
    // Noise of 0.08, the leak of 0.02 and some hot pixels.
    assert!((0.05..0.6).contains(&rate), "{rate} events a pixel and second");
}

#[test]
fn events_are_in_order_and_on_the_sensor_for_both_sizes() {
    for geometry in [SMALL, Geometry { width: 640, height: 480 }] {
        let person = Person::draw(3, 0, 1.0);
        let performance =
            Performance::play(&person, &label(Expression::Shock), &Mood::PLAIN, 0.7, 3, "take");
        let footage =
            record(geometry, Some((&person, &performance)), &Setting::PLAIN, 0.7, 3, "camera");
        assert!(footage.events.windows(2).all(|pair| pair[0].t <= pair[1].t));
        let inside = |event: &Event| event.x < geometry.width && event.y < geometry.height;
        assert!(footage.events.iter().all(inside));
        assert!(footage.events.len() > 1_000);
    }
}

#[test]
fn a_bus_that_is_too_slow_loses_events_and_says_so() {
    let burst: Vec<u64> = (0..60_000_u64).map(|n| (n % 640) << 1 | (n / 640) << 11).collect();
    let footage = readout::deliver(burst, 1.0);
    // A burst of 60,000 takes 3 ms; after 1 ms of waiting the rest is lost.
    assert_eq!(footage.events.len() + footage.lost, 60_000);
    assert!((19_000..21_100).contains(&footage.events.len()), "{}", footage.events.len());
}

/// The slow twin of skipping tiles: render everything anew and compare.
#[test]
fn skipped_tiles_show_what_rendering_them_would_show() {
    let person = Person::draw(3, 0, 1.0);
    let script = label(Expression::Shock);
    let played = Performance::play(&person, &script, &Mood::PLAIN, 2.0, 3, "take");
    let mut pixels = Pixels::new(SMALL, &quiet().camera, Random::stream(1, "pixels"));
    let mut tiles = scene(SMALL, Some((&person, &played)), &quiet(), 3);
    for step in 0..1_200 {
        tiles.step(real(step) * STEP, played.entry(step), &mut pixels);
        if step % 300 != 299 {
            continue;
        }
        let mut fresh = scene(SMALL, Some((&person, &played)), &quiet(), 3);
        let mut others = Pixels::new(SMALL, &quiet().camera, Random::stream(1, "pixels"));
        fresh.step(0.0, played.entry(step), &mut others);
        let pairs = tiles.shown().iter().zip(fresh.shown());
        let off = pairs.filter(|(kept, new)| (*kept - *new).abs() > tiles::CHANGE).count();
        // The bound is that of the middle of a tile; its corners turn and stretch a little more.
        let share = real(off) / real(fresh.shown().len());
        assert!(share < 3e-3, "step {step}: {off} pixels are more than {} off", tiles::CHANGE);
    }
}
