//! The shipped scene live says what its replay says.

use std::process::Command;

use serde_json::Value;
use visaged::daemon::clock;
use visaged_vdev::board::BoardOptions;
use visaged_vdev::serial::{Playing, SerialOptions};
use visaged_vdev::timing::Stage;

use super::daemon::{Daemon, Said};
use super::rig;
use crate::scratch::Scratch;

/// What the replay of the scene publishes: topic and payload, in order.
fn replayed() -> Vec<(String, Value)> {
    let output = Command::new(env!("CARGO_BIN_EXE_visaged"))
        .args(["replay", "--no-publish"])
        .args([rig::scene("radar"), rig::scene("event.raw")])
        .output()
        .unwrap();
    assert!(output.status.success());
    let lines = String::from_utf8(output.stdout).unwrap();
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .map(|line: Value| (line["topic"].as_str().unwrap().to_owned(), line["payload"].clone()))
        .collect()
}

fn payloads(said: &[(String, Value)], stream: &str) -> Vec<Value> {
    let of_stream = |topic: &str| topic.split('/').nth(1) == Some(stream);
    said.iter().filter(|(topic, _)| of_stream(topic)).map(|(_, payload)| payload.clone()).collect()
}

/// Fails at the first difference, which is easier to read than all of them.
fn assert_same(live: &[Value], replayed: &[Value], what: &str) {
    assert!(live.len() >= replayed.len(), "{what}: {} live, {}", live.len(), replayed.len());
    for (number, (live, replayed)) in live.iter().zip(replayed).enumerate() {
        assert_eq!(live, replayed, "{what} {number}");
    }
}

#[test]
fn the_shipped_scene_gives_the_same_results_live_and_in_replay() {
    let folder = Scratch::new("live-scene");
    // The third on the stage is the subscriber: it must not miss the beginning.
    let stage = Stage::new(3, 1.0);
    let boards = [
        ("radar", rig::radar(&stage, None, BoardOptions::default())),
        ("event.raw", rig::camera(&stage, None, BoardOptions::default())),
    ];
    let mut tables = String::new();
    let mut playing = Vec::new();
    for (name, board) in boards {
        let link = folder.path().join(name);
        // As the replay calls its sensors.
        tables += &rig::table(name.trim_end_matches(".raw"), &link, &board);
        playing.push(Playing::start(board, SerialOptions::at(link)).unwrap());
    }
    let mut daemon = Daemon::start(folder.path(), &tables);
    daemon.wait_for("a first status", |said| said.is_of("status").then_some(()));
    stage.enter(clock::now());

    let expected = replayed();
    let [radar, events] = ["radar", "event"].map(|stream| payloads(&expected, stream));
    assert!(radar.len() >= 300 && events.len() >= 100, "the replay says too little");
    let mut live: Vec<Said> = Vec::new();
    let (mut frames, mut windows) = (0, 0);
    let status = daemon.wait_for("the end of the scene", |said| {
        frames += usize::from(said.is_of("radar"));
        windows += usize::from(said.is_of("event"));
        live.push(said.clone());
        let over = frames >= radar.len() && windows >= events.len();
        (over && said.is_of("status")).then(|| said.payload.clone())
    });

    let said: Vec<_> = live.iter().map(|said| (said.topic.clone(), said.payload.clone())).collect();
    assert_same(&payloads(&said, "radar"), &radar, "radar message");
    assert_same(&payloads(&said, "event"), &events, "event message");
    // Who is there is also said while no radar sets the pace; compared is what frames say.
    let follows_a_frame = |pair: &[Said]| {
        (pair[0].is_of("radar") && pair[1].is_of("identity")).then(|| pair[1].payload.clone())
    };
    let identities: Vec<_> = live.windows(2).filter_map(follows_a_frame).collect();
    let by_frame = |pair: &[(String, Value)]| {
        (pair[0].0.contains("/radar/") && pair[1].0.contains("/identity/"))
            .then(|| pair[1].1.clone())
    };
    let expected: Vec<_> = expected.windows(2).filter_map(by_frame).collect();
    assert!(expected.len() >= 300);
    assert_same(&identities, &expected, "identity of frame");
    assert_eq!(status["dropped"], serde_json::json!({}), "{status:#}");
    for sensor in status["sensors"].as_array().unwrap() {
        assert_eq!(sensor["counts"], serde_json::json!({}), "{sensor:#}");
    }
    for device in playing {
        let tally = device.stop().unwrap();
        assert_eq!((tally.frames_dropped, tally.events_dropped), (0, 0), "{tally:?}");
    }
}
