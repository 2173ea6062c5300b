//! `/metrics`, `/healthz` and `/readyz`.

use std::collections::{BTreeMap, BTreeSet};

use super::client::{Viewer, get};
use super::start;

/// Samples by name with labels, after every line was held to the text format.
fn parse(text: &str) -> BTreeMap<String, f64> {
    let (mut families, mut samples) = (BTreeSet::new(), BTreeMap::new());
    let mut family = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            assert!(families.insert(name.to_owned()), "{name} comes twice");
            family = name.to_owned();
        } else if let Some(rest) = line.strip_prefix("# HELP ") {
            assert!(rest.split_once(' ').is_some_and(|(_, help)| help.ends_with('.')), "{line}");
        } else {
            let (sample, value) = line.rsplit_once(' ').unwrap();
            let name = sample.split('{').next().unwrap();
            let ending = name.strip_prefix(&family).unwrap_or_else(|| panic!("{line} in {family}"));
            assert!(["", "_bucket", "_sum", "_count"].contains(&ending), "{line}");
            let value = value.parse().unwrap_or_else(|_| panic!("{line}"));
            assert!(samples.insert(sample.to_owned(), value).is_none(), "{sample} comes twice");
        }
    }
    assert!(text.ends_with('\n'));
    samples
}

#[test]
fn the_metrics_tell_stages_queues_memory_and_every_topic_and_only_grow() {
    let (_daemon, address) = start("web-metrics", "");
    Viewer::connect(address).message("radar");
    Viewer::connect(address).message("status");
    let answer = get(address, "/metrics", &[]);
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let first = parse(&answer.body);
    for sample in [
        "visaged_build_info{version=\"0.1.0\"}",
        "visaged_stage_seconds_count{stage=\"radar\"}",
        "visaged_stage_seconds_count{stage=\"events\"}",
        "visaged_stage_seconds_count{stage=\"publish\"}",
        "visaged_messages_total{topic=\"v1/radar/radar/\"}",
        "visaged_messages_total{topic=\"v1/identity/fused/\"}",
        "visaged_sensor_received_total{sensor=\"camera\"}",
        "visaged_sensor_state{sensor=\"radar\",state=\"streaming\",trouble=\"\"}",
        "process_resident_memory_bytes",
        "visaged_queue_capacity{queue=\"publish\",sensor=\"\",unit=\"messages\"}",
    ] {
        assert!(first.get(sample).is_some_and(|&value| value > 0.0), "{sample}\n{}", answer.body);
    }
    assert!(
        first.contains_key("visaged_queue_depth{queue=\"merge\",sensor=\"radar\",unit=\"items\"}")
    );
    assert!(first["visaged_pipeline_beat_age_seconds"] < 5.0);
    for stage in ["radar", "events", "publish"] {
        let all = first[&format!("visaged_stage_seconds_bucket{{stage=\"{stage}\",le=\"+Inf\"}}")];
        let count = first[&format!("visaged_stage_seconds_count{{stage=\"{stage}\"}}")];
        assert_eq!(all.to_bits(), count.to_bits());
    }
    Viewer::connect(address).message("radar");
    let second = parse(&get(address, "/metrics", &[]).body);
    for (sample, before) in first {
        if sample.contains("_total") || sample.contains("_seconds_bucket") {
            assert!(second[&sample] >= before, "{sample} has shrunk");
        }
    }
}

#[test]
fn health_is_ok_and_readiness_comes_with_the_first_sensor() {
    let (_daemon, address) = start("web-health", "");
    Viewer::connect(address).message("status");
    // Health follows the status by half a second.
    let mut viewer = Viewer::connect(address);
    while viewer.message("health")["payload"]["state"] != "well" {}
    let (health, ready) = (get(address, "/healthz", &[]), get(address, "/readyz", &[]));
    assert_eq!((health.status, health.body.as_str()), (200, "ok\n"));
    assert_eq!((ready.status, ready.body.as_str()), (200, "well\n"));
}
