//! What each channel says about itself, for viewers and for people without our source.

use serde_json::{Value, json};

use crate::data::message;

/// Name, encoding and text of a schema.
pub(super) struct Schema {
    pub(super) name: String,
    pub(super) encoding: &'static str,
    pub(super) text: String,
}

/// Layout of inputs, as a page of text: no registered encoding describes it.
pub(super) fn input() -> Schema {
    Schema {
        name: "visaged.Input".into(),
        encoding: "x-layout",
        text: include_str!("LAYOUT.md").into(),
    }
}

/// Published messages of `topic`: `{topic, header, payload}`.
pub(super) fn published(topic: &str) -> Result<Schema, serde_json::Error> {
    let all: Value = serde_json::from_str(&message::schema_json()?)?;
    let stream = topic.splitn(3, '/').take(2).collect::<Vec<_>>().join("/");
    let (mut header, mut payload) =
        (all["header"].clone(), all["payloads"][format!("{stream}/")].clone());
    // References start at the root of a schema, so definitions must stand there.
    let mut definitions = serde_json::Map::new();
    for part in [&mut header, &mut payload] {
        let Some(part) = part.as_object_mut() else { continue };
        part.remove("$schema");
        if let Some(Value::Object(own)) = part.remove("$defs") {
            definitions.extend(own);
        }
    }
    let schema = json!({
        "type": "object",
        "properties": { "topic": { "type": "string" }, "header": header, "payload": payload },
        "$defs": definitions,
    });
    let name = format!("visaged.{}", stream.replace('/', "."));
    Ok(Schema { name, encoding: "jsonschema", text: schema.to_string() })
}

/// What is missing.
pub(super) fn loss() -> Schema {
    let schema = json!({
        "type": "object",
        "properties": { "reason": { "type": "string" }, "entries": { "type": "integer" } },
    });
    Schema { name: "visaged.Lost".into(), encoding: "jsonschema", text: schema.to_string() }
}

/// Posed expressions.
pub(super) fn label() -> Schema {
    let micros = |what: &str| json!({ "type": "integer", "description": what });
    let schema = json!({
        "type": "object",
        "description": "An expression that somebody was asked to pose; never what they felt.",
        "properties": {
            "expression": { "enum": ["smile", "shock", "neutral", "anger"] },
            "cue_us": micros("cue shown, microseconds of the host's monotonic clock"),
            "release_us": micros("cue taken back, same clock"),
        },
        "required": ["expression", "cue_us", "release_us"],
    });
    Schema { name: "visaged.Label".into(), encoding: "jsonschema", text: schema.to_string() }
}

/// The well-known schema of compressed images (foxglove-sdk, `CompressedImage`).
pub(super) fn preview() -> Schema {
    let integer = json!({ "type": "integer" });
    let schema = json!({
        "title": "foxglove.CompressedImage",
        "type": "object",
        "properties": {
            "timestamp": {
                "type": "object", "title": "time",
                "properties": { "sec": integer, "nsec": integer },
            },
            "frame_id": { "type": "string" },
            "data": { "type": "string", "contentEncoding": "base64" },
            "format": { "type": "string" },
        },
    });
    Schema {
        name: "foxglove.CompressedImage".into(),
        encoding: "jsonschema",
        text: schema.to_string(),
    }
}
