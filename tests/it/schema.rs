//! The JSON Schema in the repository is that of the types, and real messages obey it.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use visaged::data::message::{Band, ExpressionLabel, Interval, schema_json};

const FILE: &str = "configs/schema/v1.json";

/// Streams on which a replay of the shipped scene says nothing: the running daemon alone speaks of
/// itself, and intervals need networks, of which none is shipped.
const SILENT: [&str; 3] = ["v1/health/", "v1/hello/", "v1/interval/"];

#[test]
fn the_schema_in_the_repository_is_the_one_of_the_types() {
    let written = fs::read_to_string(FILE).unwrap();
    assert!(written == schema_json().unwrap(), "run `cargo xtask schema` and review {FILE}");
}

#[test]
fn every_message_of_the_shipped_scene_has_the_required_keys_and_no_others() {
    let schema: Value = serde_json::from_str(&fs::read_to_string(FILE).unwrap()).unwrap();
    let scene = Path::new("configs/scenes/demo");
    let output = Command::new(env!("CARGO_BIN_EXE_visaged"))
        .args(["replay", "--no-publish"])
        .args([scene.join("radar"), scene.join("event.raw")])
        .output()
        .unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for line in output.stdout.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        let message: Value = serde_json::from_slice(line).unwrap();
        obeys(&message["header"], &schema["header"], "header");
        let topic = message["topic"].as_str().unwrap();
        let (stream, payload) = schema["payloads"]
            .as_object()
            .unwrap()
            .iter()
            .find(|(stream, _)| topic.starts_with(*stream))
            .unwrap_or_else(|| panic!("{topic} has no schema"));
        obeys(&message["payload"], payload, topic);
        seen.insert(stream.clone());
    }
    seen.extend(SILENT.map(str::to_owned));
    assert_eq!(seen.len(), schema["payloads"].as_object().unwrap().len(), "only {seen:?}");
}

#[test]
fn an_interval_has_the_required_keys_and_no_others() {
    let schema: Value = serde_json::from_str(&fs::read_to_string(FILE).unwrap()).unwrap();
    let interval = Interval {
        label: ExpressionLabel::Smile,
        onset_us: 1,
        apex_us: 2,
        offset_us: 3,
        band: Band::High,
    };
    let value = serde_json::to_value(interval).unwrap();
    obeys(&value, &schema["payloads"]["v1/interval/"], "interval");
    assert_eq!(value["label"], "smile");
    assert_eq!(value["band"], "high");
}

fn obeys(value: &Value, schema: &Value, what: &str) {
    let keys = value.as_object().unwrap();
    let properties = schema["properties"].as_object().unwrap();
    for key in keys.keys() {
        assert!(properties.contains_key(key), "{what}: `{key}` is not in the schema");
    }
    for key in schema["required"].as_array().into_iter().flatten() {
        assert!(keys.contains_key(key.as_str().unwrap()), "{what}: {key} is missing in {value}");
    }
    assert!(!value.to_string().contains("null"), "{what}: unknown means absent, never null");
}
