//! The pipeline with live sensors, in virtual time: what the daemon's threads would tell it, told.

use std::collections::BTreeMap;

use visaged::data::message::{Alignment, Message, Payload, SensorState, SensorTrouble, Status};
use visaged::data::{Epoch, Input, Loss, Notice, Reading, Source, TimeAnswer};
use visaged::pipeline::{Config, Pipeline, PlanError};
use visaged::units::Stamp;

use super::pipeline::{batch, camera, events, frame, play, radar};

/// Host time at which both devices show 0, microseconds.
const START: i64 = 50_000_000;

/// What the radar's clock gains, and the camera's, parts per million.
const DRIFT: [i64; 2] = [120, -80];

fn live(mut source: Source) -> Source {
    source.epoch = Epoch::Live;
    source
}

fn pipeline() -> Pipeline {
    Pipeline::plan(&Config::default(), &[live(radar()), live(camera())], None).unwrap()
}

/// Host time at which the clock of `source` shows `device`.
fn host(source: usize, device: i64) -> i64 {
    START + device - device * DRIFT[source] / 1_000_000
}

/// Something that arrives at a host time, later inputs with later numbers.
struct Script(BTreeMap<(i64, u64), Input>);

impl Script {
    /// Time exchanges and ticks of the clock until `end` microseconds after the start.
    fn new(end: i64) -> Self {
        let mut script = Self(BTreeMap::new());
        for tick in (START..START + end + 1_000_000).step_by(50_000) {
            script.at(tick, Input::Clock { now: Stamp::from_micros(tick) });
        }
        for source in [0, 1] {
            let rounds = (0..8).map(|n| n * 100_000).chain((1_000_000..end).step_by(1_000_000));
            for device in rounds {
                let answer = TimeAnswer {
                    host_sent: Stamp::from_micros(host(source, device) - 700),
                    device_received: Stamp::from_micros(device),
                    device_sent: Stamp::from_micros(device + 50),
                };
                let reading = Reading::Notice(Notice::Time(answer));
                script.reading(source, reading, host(source, device) + 800);
            }
        }
        script
    }

    fn at(&mut self, time: i64, input: Input) {
        let number = u64::try_from(self.0.len()).unwrap();
        self.0.insert((time, number), input);
    }

    fn reading(&mut self, source: usize, reading: Reading, arrival: i64) {
        let stamp = Some(Stamp::from_micros(arrival));
        self.at(arrival, Input::Reading { source, reading, arrival: stamp });
    }

    /// Frames of the radar, each sent when it was swept, on a wire with `jitter`.
    fn frames(&mut self, numbers: std::ops::Range<u64>, jitter: impl Fn(i64) -> i64) {
        for number in numbers {
            let device = i64::try_from(number).unwrap() * 50_000;
            self.reading(0, frame(number), host(0, device) + 35_000 + jitter(device));
        }
    }

    /// The camera's events in blocks of 2 ms.
    fn blocks(&mut self, count: i64, jitter: impl Fn(i64) -> i64) {
        for block in events(count).chunks(20) {
            let device = block[block.len() - 1].t;
            self.reading(1, batch(block), host(1, device) + 1_000 + jitter(device));
        }
    }

    fn run(self) -> Vec<Message> {
        let mut pipeline = pipeline();
        let mut out = Vec::new();
        for input in self.0.into_values() {
            pipeline.take(input, &mut out);
        }
        out
    }
}

/// Seems random, is none: 0 to 8 ms.
fn jitter(device: i64) -> i64 {
    (device / 1_000).wrapping_mul(2_654_435_761).rem_euclid(8_000)
}

fn of(messages: &[Message], stream: &str) -> Vec<Payload> {
    let wanted = messages.iter().filter(|message| message.payload.stream() == stream);
    wanted.map(|message| message.payload.clone()).collect()
}

fn statuses(messages: &[Message]) -> Vec<(i64, Status)> {
    let status = |message: &Message| match &message.payload {
        Payload::Status(status) => Some((message.recorded.as_micros(), status.clone())),
        _ => None,
    };
    messages.iter().filter_map(status).collect()
}

/// Four seconds of both sensors.
fn four_seconds() -> Script {
    let mut script = Script::new(4_000_000);
    script.frames(0..80, jitter);
    script.blocks(39_000, jitter);
    script
}

#[test]
fn a_live_run_says_of_each_frame_and_window_what_a_replay_says() {
    let live = four_seconds().run();
    let mut recorded = Pipeline::plan(&Config::default(), &[radar(), camera()], None).unwrap();
    let replayed = play(&mut recorded, 80, &[batch(&events(39_000))]);
    assert_eq!(of(&live, "radar"), of(&replayed, "radar"));
    let (live, replayed) = (of(&live, "event"), of(&replayed, "event"));
    assert!(replayed.len() > 35, "{}", replayed.len());
    // The live camera goes on being silent after its last event.
    assert_eq!(live[..replayed.len()], replayed);
}

#[test]
fn the_same_inputs_give_the_same_messages_again() {
    assert_eq!(four_seconds().run(), four_seconds().run());
}

#[test]
fn the_jitter_of_the_wire_moves_stamps_by_less_than_a_millisecond_and_content_not_at_all() {
    let rough = four_seconds().run();
    let mut script = Script::new(4_000_000);
    script.frames(0..80, |_| 0);
    script.blocks(39_000, |_| 0);
    let smooth = script.run();
    for stream in ["radar", "event"] {
        assert_eq!(of(&rough, stream), of(&smooth, stream));
        let stamps = |messages: &[Message]| -> Vec<i64> {
            let wanted = messages.iter().filter(|m| m.payload.stream() == stream);
            wanted.map(|message| message.recorded.as_micros()).collect()
        };
        let (rough, smooth) = (stamps(&rough), stamps(&smooth));
        let settled = smooth.iter().position(|&stamp| stamp > START + 1_500_000).unwrap();
        for (rough, smooth) in rough.iter().zip(&smooth).skip(settled) {
            assert!((rough - smooth).abs() < 1_000, "{stream}: {rough} against {smooth}");
        }
    }
}

#[test]
fn stamps_are_the_host_times_at_which_it_happened() {
    let messages = four_seconds().run();
    for message in &messages {
        let Payload::Radar(summary) = &message.payload else { continue };
        let device = i64::try_from(summary.frame).unwrap() * 50_000;
        if device > 1_500_000 {
            let error = message.recorded.as_micros() - host(0, device);
            assert!(error.abs() < 1_000, "frame {} is off by {error} us", summary.frame);
        }
    }
}

#[test]
fn a_silent_radar_is_told_within_half_a_second_and_identity_is_still_said() {
    let mut script = Script::new(4_000_000);
    script.frames(0..30, |_| 0); // until 1.485 s after the start
    script.blocks(39_000, |_| 0);
    let messages = script.run();
    let last_frame = host(0, 29 * 50_000) + 35_000;
    let lost = statuses(&messages)
        .into_iter()
        .find(|(_, status)| status.sensors[0].state == SensorState::Lost)
        .unwrap();
    assert_eq!(lost.1.sensors[0].trouble, Some(SensorTrouble::Silent));
    assert!(lost.0 - last_frame <= 500_000, "told after {} us", lost.0 - last_frame);
    let said: Vec<_> = messages
        .iter()
        .filter(|message| message.payload.stream() == "identity")
        .map(|message| message.recorded.as_micros())
        .filter(|&stamp| stamp > last_frame)
        .collect();
    assert!(said.windows(2).all(|pair| pair[1] - pair[0] <= 300_000), "{said:?}");
    assert!(said.len() >= 5, "{said:?}");
}

#[test]
fn a_sensor_that_is_absent_is_told_once_and_the_other_is_not_held_up() {
    let mut script = Script::new(2_000_000);
    for again in [-1, 100_000, 300_000, 700_000] {
        let now = Stamp::from_micros(START + again);
        script.at(START + again, Input::Lost { source: 0, loss: Loss::Absent, now });
    }
    script.blocks(19_000, |_| 0);
    let messages = script.run();
    let statuses = statuses(&messages);
    let absent = |status: &Status| status.sensors[0].trouble == Some(SensorTrouble::Absent);
    assert!(statuses.iter().all(|(_, status)| absent(status)));
    // One a second, and one at each change of health: the radar's loss, the camera's coming, its
    // clock's lock and its end.
    assert!(statuses.len() <= 8, "{}", statuses.len());
    assert!(of(&messages, "event").len() >= 15);
}

#[test]
fn a_restart_in_the_middle_loses_no_frame_and_windows_begin_anew() {
    let mut script = Script::new(1_000_000);
    script.frames(0..20, |_| 0);
    let boot = host(0, 1_020_000);
    script.reading(0, Reading::Notice(Notice::Restarted), boot);
    for number in 0..20 {
        let arrival = boot + 35_000 + i64::try_from(number).unwrap() * 50_000;
        script.reading(0, frame(number), arrival);
    }
    let messages = script.run();
    assert_eq!(of(&messages, "radar").len(), 40);
    let late = statuses(&messages).last().unwrap().1.dropped.get("late");
    assert_eq!(late, 0);
}

#[test]
fn a_status_says_that_the_sensors_are_live_and_how_well_their_clocks_are_known() {
    let messages = four_seconds().run();
    let at_four_seconds =
        statuses(&messages).into_iter().rfind(|(now, _)| *now <= START + 3_900_000).unwrap().1;
    assert_eq!(at_four_seconds.alignment, Alignment::Live);
    for sensor in &at_four_seconds.sensors {
        assert_eq!(sensor.state, SensorState::Streaming, "{sensor:?}");
        assert!(sensor.clock.unwrap().round_trip_us.unwrap() <= 1_600, "{sensor:?}");
    }
    assert_eq!(at_four_seconds.sensors[0].frame_period_us, Some(50_000.0));
    assert_eq!(at_four_seconds.sensors[1].frame_period_us, None);
}

#[test]
fn a_radar_that_runs_slower_than_configured_is_read_by_its_own_period() {
    // The same frames, 10 % slower: what moves from frame to frame moves 10 % slower.
    let run = |period: i64| {
        let mut script = Script::new(8_000_000);
        for number in 0..130 {
            let device = i64::try_from(number).unwrap() * period;
            let Reading::Radar(mut slower) = frame(number) else { unreachable!() };
            slower.stamp = Stamp::from_micros(device);
            script.reading(0, Reading::Radar(slower), host(0, device) + 35_000);
        }
        script.run()
    };
    let slow_velocity = |messages: &[Message]| -> f32 {
        let last = of(messages, "radar").pop();
        let Some(Payload::Radar(summary)) = last else { panic!("no radar message") };
        summary.slow.unwrap().velocity_m_s
    };
    let ratio = slow_velocity(&run(50_000)) / slow_velocity(&run(55_000));
    assert!((ratio - 1.1).abs() < 1e-3, "{ratio}");
}

#[test]
fn live_sensors_and_recordings_do_not_mix() {
    let sources = [live(radar()), camera()];
    let Err(error) = Pipeline::plan(&Config::default(), &sources, None) else {
        panic!("a live radar and a recorded camera were accepted together");
    };
    assert!(matches!(error, PlanError::Mixed { .. }));
    assert!(error.to_string().contains("`camera`"), "{error}");
}
