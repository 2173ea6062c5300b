//! Replays: the same bytes twice, merged by time, and honest about what is not known.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::support;
use crate::zmtp::Subscriber;

fn visaged(args: &[&str], recordings: &[PathBuf]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_visaged")).args(args).args(recordings).output().unwrap()
}

fn replay(recordings: &[PathBuf]) -> Vec<u8> {
    let output = visaged(&["replay", "--no-publish"], recordings);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn scene() -> [PathBuf; 2] {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/scenes/demo");
    [folder.join("radar"), folder.join("event.raw")]
}

fn lines(stdout: &[u8]) -> Vec<Value> {
    let lines = stdout.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}

#[test]
fn two_replays_of_the_shipped_scene_give_identical_bytes() {
    let first = replay(&scene());
    assert!(first.len() > 100_000, "only {} bytes", first.len());
    assert!(first == replay(&scene()), "two replays differ");
}

#[test]
fn the_order_in_which_recordings_are_named_does_not_change_what_is_said() {
    let [radar, camera] = scene();
    let sorted = |stdout: Vec<u8>| {
        let mut lines: Vec<_> = lines(&stdout)
            .iter()
            .filter(|line| !line["topic"].as_str().unwrap().starts_with("v1/status/"))
            .map(ToString::to_string)
            .collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(replay(&[radar.clone(), camera.clone()])), sorted(replay(&[camera, radar])));
}

#[test]
fn sequence_numbers_count_each_topic_and_the_visitor_is_seen_where_he_sits() {
    let mut next = std::collections::BTreeMap::new();
    let mut seated = Vec::new();
    for line in lines(&replay(&scene())) {
        let topic = line["topic"].as_str().unwrap().to_owned();
        let seq = line["header"]["seq"].as_u64().unwrap();
        let expected = next.entry(topic.clone()).or_insert(0);
        assert_eq!(seq, *expected, "{topic}");
        *expected += 1;
        let at = line["header"]["recorded_us"].as_i64().unwrap();
        // From 6.8 s on, the whole block of the slow map lies after the visitor has sat down.
        if topic == "v1/radar/infineon/" && (6_800_000..13_000_000).contains(&at) {
            seated.push(line["payload"]["slow"]["range_m"].as_f64().unwrap());
        }
    }
    assert!(next.len() >= 5, "topics: {next:?}");
    let near = seated.iter().filter(|range| (0.28..=0.50).contains(*range)).count();
    assert!(near * 10 >= seated.len() * 9, "{near} of {} at 0.28 to 0.50 m", seated.len());
}

#[test]
fn real_radar_and_a_real_face_replay_together_and_say_how_they_were_aligned() {
    let (Some(radar), Some(face)) = (
        support::shared("radar/napaszhar_bgt60tr13c"),
        support::shared("event/face_dvxplorer_evt3.raw"),
    ) else {
        return;
    };
    let first = replay(&[radar.clone(), face.clone()]);
    assert!(first == replay(&[radar, face]), "two replays differ");
    let lines = lines(&first);
    let topic = |stream: &str| {
        let prefix = format!("v1/{stream}/");
        lines.iter().filter(|line| line["topic"].as_str().unwrap().starts_with(&prefix)).count()
    };
    assert_eq!(topic("radar"), 256);
    assert_eq!(topic("identity"), 256);
    assert!(topic("event") >= 5 && topic("status") >= 19);
    let last = lines.last().unwrap();
    assert_eq!(last["payload"]["alignment"], "starts");
    assert_eq!(last["payload"]["sensors"][1]["received"], 111_954);
    assert_eq!(last["payload"]["sensors"][0]["received"], 256);
}

#[test]
fn a_subscriber_that_is_waited_for_gets_every_line_even_at_full_speed() {
    let mut replay = Command::new(env!("CARGO_BIN_EXE_visaged"))
        .args(["replay", "--await-subscriber", "20", "--publish", "tcp://127.0.0.1:0"])
        .args(scene())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let address = BufReader::new(replay.stderr.take().unwrap())
        .lines()
        .map(Result::unwrap)
        .find_map(|line| Some(line.split_once("tcp://")?.1.trim_matches('"').to_owned()))
        .expect("the replay says where it publishes");
    let mut subscriber = Subscriber::connect(&address, b"v1/");
    let reader = std::thread::spawn({
        let mut stdout = replay.stdout.take().unwrap();
        move || {
            let mut text = Vec::new();
            stdout.read_to_end(&mut text).unwrap();
            text
        }
    });
    let mut received = Vec::new();
    while let Ok(message) = subscriber.try_message() {
        received.push(String::from_utf8(message[0].clone()).unwrap());
    }
    assert!(replay.wait().unwrap().success());
    let printed: Vec<_> = lines(&reader.join().unwrap())
        .iter()
        .map(|line| line["topic"].as_str().unwrap().to_owned())
        .collect();
    assert!(printed.len() > 700, "only {} lines", printed.len());
    assert_eq!(received, printed);
}

#[test]
fn bad_input_gives_one_message_and_the_exit_status_that_says_whose_fault_it_was() {
    let folder = crate::scratch::Scratch::new("bad-input");
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "just some words\n").unwrap();
    let absent = folder.path().join("absent");
    for (args, recordings, status, word) in [
        (vec!["info"], vec![text.clone()], 3, "notes.txt"),
        (vec!["info"], vec![absent.clone()], 3, "absent"),
        (vec!["replay", "--no-publish"], vec![text.clone()], 3, "notes.txt"),
        (vec!["replay", "--speed", "fast"], vec![text.clone()], 2, "fast"),
        (vec!["run", "--config"], vec![absent], 3, "absent"),
        (vec!["export", "--what", "rdi", "--out", "x.npy"], vec![scene()[1].clone()], 2, "events"),
    ] {
        let output = visaged(&args, &recordings);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{args:?}: {said}");
        assert!(said.contains(word), "{args:?}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}
