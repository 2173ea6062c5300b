//! The header around each payload, and the bytes of both.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::data::message::{Header, Message, Payload, SCHEMA_VERSION};
use crate::units::{HostClock, Stamp};

/// How headers and payloads are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// JSON text.
    #[default]
    Json,
    /// MessagePack maps with the same keys as the JSON.
    Msgpack,
}

/// A message ready to be written: what a subscriber sees.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Envelope {
    /// The first frame.
    pub topic: String,
    /// The second frame.
    pub header: Header,
    /// The third frame.
    pub payload: Payload,
}

impl Envelope {
    /// The whole message as one line of JSON without its newline.
    ///
    /// # Errors
    /// Never for the payloads of this crate; the type system does not know that.
    pub fn to_json_line(&self) -> Result<String, EncodeError> {
        serde_json::to_string(self).map_err(EncodeError::Json)
    }

    /// The three frames: topic, header, payload.
    ///
    /// # Errors
    /// Never for the payloads of this crate; the type system does not know that.
    pub fn to_frames(&self, encoding: Encoding) -> Result<[Vec<u8>; 3], EncodeError> {
        let topic = self.topic.clone().into_bytes();
        Ok([topic, encode(&self.header, encoding)?, encode(&self.payload, encoding)?])
    }
}

/// Why a message could not be encoded.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// As JSON.
    #[error("cannot encode a message as JSON: {0}")]
    Json(serde_json::Error),
    /// As MessagePack.
    #[error("cannot encode a message as MessagePack: {0}")]
    Msgpack(rmp_serde::encode::Error),
}

fn encode(value: &impl Serialize, encoding: Encoding) -> Result<Vec<u8>, EncodeError> {
    match encoding {
        Encoding::Json => serde_json::to_vec(value).map_err(EncodeError::Json),
        // Named: maps with keys, so that a receiver needs no schema to read them.
        Encoding::Msgpack => rmp_serde::to_vec_named(value).map_err(EncodeError::Msgpack),
    }
}

/// Numbers the messages of each topic.
#[derive(Debug)]
pub struct Stamper {
    boot_id: String,
    next: BTreeMap<String, u64>,
}

impl Stamper {
    /// Boot id of a lock-step replay: the same each time, so that outputs can be compared.
    pub const REPLAY: &str = "replay";

    /// Starts all topics at 0.
    #[must_use]
    pub fn new(boot_id: impl Into<String>) -> Self {
        Self { boot_id: boot_id.into(), next: BTreeMap::new() }
    }

    /// Puts the header on `message`, published at `published`.
    pub fn stamp(&mut self, message: Message, published: Stamp<HostClock>) -> Envelope {
        let topic = message.topic();
        let next = self.next.entry(topic.clone()).or_insert(0);
        let seq = *next;
        *next += 1;
        let header = Header {
            schema: SCHEMA_VERSION,
            boot_id: self.boot_id.clone(),
            seq,
            recorded_us: message.recorded.as_micros(),
            published_us: published.as_micros(),
            stale_after_ms: message.payload.stale_after_ms(),
            valid: message.payload.is_valid(),
        };
        Envelope { topic, header, payload: message.payload }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::message::{Identity, IdentityState, Liveness, UnknownReason};

    fn message(source: &str) -> Message {
        let reason = Some(UnknownReason::NoBundle);
        let identity =
            Identity { reason, ..Identity::plain(IdentityState::Unknown, Liveness::Insufficient) };
        Message {
            source: source.into(),
            recorded: Stamp::from_micros(7),
            payload: Payload::Identity(identity),
        }
    }

    #[test]
    fn each_topic_counts_for_itself() {
        let mut stamper = Stamper::new("boot");
        let now = Stamp::from_micros(9);
        let seqs: Vec<_> =
            ["a", "b", "a"].map(|s| stamper.stamp(message(s), now).header.seq).to_vec();
        assert_eq!(seqs, [0, 0, 1]);
    }

    #[test]
    fn json_and_messagepack_say_the_same() {
        let envelope = Stamper::new("boot").stamp(message("a"), Stamp::from_micros(9));
        let [topic, header, payload] = envelope.to_frames(Encoding::Json).unwrap();
        let [_, packed_header, packed_payload] = envelope.to_frames(Encoding::Msgpack).unwrap();
        assert_eq!(topic, b"v1/identity/a/");
        let json: serde_json::Value = serde_json::from_slice(&header).unwrap();
        assert_eq!(rmp_serde::from_slice::<serde_json::Value>(&packed_header).unwrap(), json);
        assert_eq!(json["valid"], false, "an identity that is unknown is no answer");
        let json: serde_json::Value = serde_json::from_slice(&payload).unwrap();
        assert_eq!(rmp_serde::from_slice::<serde_json::Value>(&packed_payload).unwrap(), json);
        assert_eq!(json["reason"], "no-bundle");
    }
}
