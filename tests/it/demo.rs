//! What `visaged` shows without arguments: the shipped visit, judged by the shipped bundle.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

/// Every message of the replayed demo, in order; replayed once.
fn messages() -> &'static [Value] {
    static MESSAGES: OnceLock<Vec<Value>> = OnceLock::new();
    MESSAGES.get_or_init(replay)
}

/// Every payload of topics that begin with `topic`, in order.
fn said(topic: &str) -> Vec<Value> {
    let of_topic = |line: &&Value| line["topic"].as_str().unwrap().starts_with(topic);
    messages().iter().filter(of_topic).map(|line| line["payload"].clone()).collect()
}

fn replay() -> Vec<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let visit = root.join("configs/scenes/visit");
    let output = Command::new(env!("CARGO_BIN_EXE_visaged"))
        .args(["replay", "--no-publish", "--config"])
        .arg(root.join("configs/demo.toml"))
        .args([visit.join("radar"), visit.join("event.raw")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = output.stdout.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}

/// States of the identity without their repetitions.
fn states(identities: &[Value]) -> Vec<&str> {
    let mut states: Vec<&str> =
        identities.iter().map(|identity| identity["state"].as_str().unwrap()).collect();
    states.dedup();
    states
}

#[test]
fn the_visitor_of_the_demo_is_checked_enrolled_and_no_longer_so_when_gone() {
    let identities = said("v1/identity/");
    let states = states(&identities);
    // In order, whatever comes between them.
    let mut said = states.iter();
    for state in ["nobody", "checking", "enrolled", "nobody"] {
        assert!(said.any(|&next| next == state), "no {state} at its time: {states:?}");
    }
    let lease = identities.iter().filter(|identity| identity["state"] == "enrolled").count();
    assert!((200..=420).contains(&lease), "enrolled in {lease} of 560 frames");
}

/// Seconds from the start of the visit at which the chair is empty again, see its `PROVENANCE.md`.
const LEFT: f64 = 24.0;

#[test]
fn whoever_has_left_is_neither_enrolled_nor_named_two_seconds_later() {
    let late = |line: &&Value| line["header"]["recorded_us"].as_f64().unwrap() > (LEFT + 2.0) * 1e6;
    let late: Vec<&Value> = messages().iter().filter(late).collect();
    let of = |topic: &'static str| {
        late.iter().filter(move |line| line["topic"].as_str().unwrap().starts_with(topic))
    };
    assert!(of("v1/identity/").count() > 20);
    for line in of("v1/identity/") {
        // Where the recording ends the radar is lost.
        let state = line["payload"]["state"].as_str().unwrap();
        assert!(["nobody", "unknown"].contains(&state), "{line}");
    }
    assert!(of("v1/expression/").count() > 0);
    for line in of("v1/expression/") {
        assert_eq!(line["payload"]["state"], "closed", "{line}");
    }
}

#[test]
fn each_pose_of_the_visit_is_told_while_it_is_held() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/scenes/visit/labels.json");
    let labels: Vec<Value> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let intervals = said("v1/interval/");
    for label in &labels {
        let [from, to] = ["apex", "end"].map(|key| label[key].as_f64().unwrap());
        let told = |is_right: bool| -> f64 {
            let of_kind = intervals
                .iter()
                .filter(|interval| (interval["label"] == label["expression"]) == is_right);
            let seconds = |interval: &Value, key: &str| interval[key].as_f64().unwrap() / 1e6;
            let overlap = |interval: &Value| {
                to.min(seconds(interval, "offset_us")) - from.max(seconds(interval, "onset_us"))
            };
            of_kind.map(|interval| overlap(interval).max(0.0)).sum()
        };
        assert!(told(true) > told(false), "{label}: {intervals:?}");
    }
    assert_eq!(labels.len(), 4);
}

#[test]
fn the_status_says_that_the_weights_of_the_demo_come_from_a_simulation() {
    let statuses = said("v1/status/");
    let networks = statuses.last().unwrap()["networks"].as_array().unwrap();
    let roles: Vec<_> = networks.iter().map(|network| network["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["auth", "gate", "expert-dynamic", "expert-static", "event"]);
    for network in networks {
        assert_eq!(network["state"], "active");
        assert!(network["trained_on"].as_str().unwrap().starts_with("simulated"));
    }
}
