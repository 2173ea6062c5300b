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
    assert_eq!(states.first(), Some(&"nobody"), "{states:?}");
    let first = |state| states.iter().position(|&said| said == state);
    let (checking, enrolled) = (first("checking").unwrap(), first("enrolled").unwrap());
    assert!(checking < enrolled, "{states:?}");
    // The chair is empty for the last four seconds, and a lease lasts two at most.
    assert_ne!(states.last(), Some(&"enrolled"), "{states:?}");
    let lease = identities.iter().filter(|identity| identity["state"] == "enrolled").count();
    assert!((200..=420).contains(&lease), "enrolled in {lease} of 540 frames");
}

#[test]
fn the_status_says_that_the_weights_of_the_demo_come_from_a_simulation() {
    let statuses = said("v1/status/");
    let networks = statuses.last().unwrap()["networks"].as_array().unwrap();
    assert_eq!(networks[0]["role"], "auth");
    assert_eq!(networks[0]["state"], "active");
    assert!(networks[0]["trained_on"].as_str().unwrap().starts_with("simulated"));
}
