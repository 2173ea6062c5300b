//! What occurred in a run, by name: for least counts of cases and for the coverage of all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value;

use super::story::Said;

/// How often each thing occurred.
#[derive(Debug, Default)]
pub(super) struct Facts(BTreeMap<String, u64>);

/// What at least one case must show. Adding a sensor, message, state or reason without a case for
/// it is noticed by its absence here in review; taking a case away is noticed by the suite.
pub(super) const COVERAGE: &[&str] = &[
    // Live kinds are devices: their own tests drive them, and here their readings are told.
    "sensor infineon",
    "sensor ti-bin",
    "sensor evt",
    "sensor dat",
    "sensor aedat4",
    "message radar",
    "message event",
    "message identity",
    "message expression",
    "message interval",
    "message status",
    "identity nobody",
    "identity checking",
    "identity enrolled",
    "identity unknown",
    "expression closed",
    "expression unknown",
    "expression shown",
    "network auth active",
    "network event active",
    "alignment starts",
    "alignment live",
    "state starting",
    "state streaming",
    "state degraded",
    "state lost",
    "state ended",
    "trouble silent",
    "trouble absent",
    "trouble hung",
    "trouble protocol",
    "trouble configuration",
    "trouble losing-data",
    "trouble clock-unsynced",
    "clock unsynced",
    "clock locked",
    "dropped late",
    "dropped event-behind-its-slice",
    "dropped radar-frame-of-wrong-shape",
    "dropped reading-of-wrong-kind",
    "dropped publish-queue-full",
    "filtered event-background",
    "counts queue-full",
    "counts time-went-back",
    "counts x-beyond-width",
    "counts trailing-bytes",
    "counts truncated-packet",
    "holes",
];

impl Facts {
    pub(super) fn of(said: &Said) -> Self {
        let mut facts = Self::default();
        for kind in &said.kinds {
            facts.add(format!("sensor {kind}"), 1);
        }
        for message in &said.messages {
            let stream = message["topic"].as_str().and_then(|topic| topic.split('/').nth(1));
            facts.add(format!("message {}", stream.unwrap_or("?")), 1);
            let payload = &message["payload"];
            if payload["has_holes"] == true {
                facts.add("holes".into(), 1);
            }
            if stream == Some("identity") {
                facts.word("identity", &payload["state"]);
                facts.word("liveness", &payload["liveness"]);
            }
            if stream == Some("expression") {
                facts.word("expression", &payload["state"]);
            }
            if stream == Some("status") {
                for network in payload["networks"].as_array().into_iter().flatten() {
                    let [role, state] = ["role", "state"].map(|key| network[key].as_str());
                    if let (Some(role), Some(state)) = (role, state) {
                        facts.add(format!("network {role} {state}"), 1);
                    }
                }
                facts.word("alignment", &payload["alignment"]);
                for sensor in payload["sensors"].as_array().into_iter().flatten() {
                    facts.word("state", &sensor["state"]);
                    facts.word("trouble", &sensor["trouble"]);
                    facts.word("clock", &sensor["clock"]["state"]);
                }
            }
        }
        facts.totals(&said.messages);
        facts
    }

    /// The counts of the last status.
    fn totals(&mut self, messages: &[Value]) {
        let is_status = |message: &&Value| {
            message["topic"].as_str().is_some_and(|topic| topic.starts_with("v1/status/"))
        };
        let Some(status) = messages.iter().rev().find(is_status) else { return };
        let status = &status["payload"];
        self.table("dropped", &status["dropped"]);
        self.table("filtered", &status["filtered"]);
        for sensor in status["sensors"].as_array().into_iter().flatten() {
            self.table("counts", &sensor["counts"]);
            self.add(
                format!("received {}", sensor["name"].as_str().unwrap_or("?")),
                sensor["received"].as_u64().unwrap_or(0),
            );
        }
    }

    fn table(&mut self, what: &str, counts: &Value) {
        for (reason, n) in counts.as_object().into_iter().flatten() {
            self.add(format!("{what} {reason}"), n.as_u64().unwrap_or(0));
        }
    }

    fn word(&mut self, what: &str, word: &Value) {
        if let Some(word) = word.as_str() {
            self.add(format!("{what} {word}"), 1);
        }
    }

    fn add(&mut self, fact: String, n: u64) {
        *self.0.entry(fact).or_insert(0) += n;
    }

    pub(super) fn get(&self, fact: &str) -> u64 {
        self.0.get(fact).copied().unwrap_or(0)
    }

    /// A line each.
    pub(super) fn to_text(&self) -> String {
        let mut text = String::new();
        for (fact, n) in &self.0 {
            // Writing to a string does not fail.
            let _written = writeln!(text, "{fact}: {n}");
        }
        text
    }

    pub(super) fn names(&self) -> BTreeSet<String> {
        self.0.iter().filter(|(_, n)| **n > 0).map(|(fact, _)| fact.clone()).collect()
    }
}
