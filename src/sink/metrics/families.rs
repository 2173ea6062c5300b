//! Which families there are, and where each gets its numbers.

use serde::Serialize;

use super::exposition::{Exposition, Kind, seconds};
use super::{AGED, Stage, Telemetry};
use crate::data::Counts;
use crate::data::message::{ClockReport, Health, Payload, SensorStatus, Status};
use crate::sink::Board;
use crate::units::{HostClock, Stamp};

/// Everything there is to tell at `now`, as text: from the newest messages on `board`, from
/// `telemetry`, and what the server of the page has counted itself.
#[must_use]
pub fn render(board: &Board, telemetry: &Telemetry, web: &Counts, now: Stamp<HostClock>) -> String {
    let mut page = Exposition::default();
    let newest = board.newest();
    build(&mut page);
    latencies(&mut page, telemetry);
    depths(&mut page, telemetry);
    page.family("visaged_pipeline_beat_age_seconds", Kind::Gauge, BEAT);
    if let Some(age) = telemetry.since_beat(now) {
        page.sample(&[], seconds(age.0));
    }
    page.family("visaged_messages_total", Kind::Counter, "Messages published, by topic.");
    for envelope in &newest {
        let labels = [("topic", envelope.topic.as_str())];
        page.sample(&labels, envelope.header.seq.saturating_add(1));
    }
    page.family("visaged_web_refused_total", Kind::Counter, WEB);
    counts(&mut page, web);
    for envelope in &newest {
        match &envelope.payload {
            Payload::Status(status) => told(&mut page, status),
            Payload::Health(health) => health_of(&mut page, health),
            _ => {}
        }
    }
    page.finish()
}

const BEAT: &str = "Seconds since the pipeline thread last moved.";
const WEB: &str = "Connections and requests that the page's server refused or ended, by reason.";
const STAGE: &str = "Time taken: queue (live reading, arrival to taken), radar, events, clock, other \
                     (one input of that kind through the whole pipeline), publish (its messages).";
const AGE: &str =
    "Live sensors only: time from the instant a message speaks of to its publication.";

fn build(page: &mut Exposition) {
    page.family("visaged_build_info", Kind::Gauge, "The running version.");
    page.sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
}

fn latencies(page: &mut Exposition, telemetry: &Telemetry) {
    page.family("visaged_stage_seconds", Kind::Histogram, STAGE);
    for (stage, histogram) in Stage::ALL.into_iter().zip(&telemetry.0.stages) {
        page.histogram(("stage", stage.name()), histogram);
    }
    page.family("visaged_message_age_seconds", Kind::Histogram, AGE);
    for (stream, histogram) in AGED.into_iter().zip(&telemetry.0.ages) {
        page.histogram(("stream", stream), histogram);
    }
}

fn depths(page: &mut Exposition, telemetry: &Telemetry) {
    let depths = telemetry.newest_depths();
    page.family("visaged_queue_depth", Kind::Gauge, "What waits, by queue and sensor.");
    for depth in &depths {
        let sensor = depth.sensor.as_deref().unwrap_or_default();
        page.sample(
            &[("queue", depth.queue), ("sensor", sensor), ("unit", depth.unit)],
            depth.waiting,
        );
    }
    page.family("visaged_queue_capacity", Kind::Gauge, "What may wait before something is lost.");
    for depth in &depths {
        let Some(room) = depth.room else { continue };
        let sensor = depth.sensor.as_deref().unwrap_or_default();
        page.sample(&[("queue", depth.queue), ("sensor", sensor), ("unit", depth.unit)], room);
    }
}

fn counts(page: &mut Exposition, counts: &Counts) {
    for (reason, n) in counts.iter() {
        page.sample(&[("reason", reason)], n);
    }
}

fn told(page: &mut Exposition, status: &Status) {
    page.family("visaged_dropped_total", Kind::Counter, "Things lost or refused, by reason.");
    counts(page, &status.dropped);
    page.family("visaged_filtered_total", Kind::Counter, "Events filtered on purpose, by reason.");
    counts(page, &status.filtered);
    page.family("visaged_sensor_received_total", Kind::Counter, "Radar frames or events received.");
    for sensor in &status.sensors {
        page.sample(&[("sensor", &sensor.name)], sensor.received);
    }
    page.family("visaged_sensor_counts_total", Kind::Counter, "What decoder and queue counted.");
    for sensor in &status.sensors {
        for (reason, n) in sensor.counts.iter() {
            page.sample(&[("sensor", &sensor.name), ("reason", reason)], n);
        }
    }
    page.family("visaged_sensor_state", Kind::Gauge, "1 for the state that the sensor is in.");
    for sensor in &status.sensors {
        let trouble = sensor.trouble.map(|trouble| word(&trouble)).unwrap_or_default();
        let state = word(&sensor.state);
        page.sample(&[("sensor", &sensor.name), ("state", &state), ("trouble", &trouble)], 1);
    }
    page.family("visaged_sensor_frame_period_seconds", Kind::Gauge, "By a radar's own stamps.");
    for sensor in &status.sensors {
        if let Some(period) = sensor.frame_period_us {
            page.sample(&[("sensor", &sensor.name)], period / 1e6);
        }
    }
    clocks(page, &status.sensors);
}

/// A number of a clock, as a sample has it.
type Reading = fn(&ClockReport) -> Option<f64>;

fn clocks(page: &mut Exposition, sensors: &[SensorStatus]) {
    let clocks = || {
        let with_clock = |sensor: &SensorStatus| Some((sensor.name.clone(), sensor.clock?));
        sensors.iter().filter_map(with_clock)
    };
    page.family("visaged_clock_state", Kind::Gauge, "1 for the state that the clock fit is in.");
    for (sensor, clock) in clocks() {
        page.sample(&[("sensor", &sensor), ("state", &word(&clock.state))], 1);
    }
    let families: [(&'static str, &str, Reading); 3] = [
        (
            "visaged_clock_residual_seconds",
            "Robust deviation of the measurements from the clock fit.",
            |clock| clock.residual_us.map(|micros| micros / 1e6),
        ),
        (
            "visaged_clock_drift_ratio",
            "What the device's clock gains, as a share of one.",
            |clock| clock.drift_ppm.map(|ppm| ppm / 1e6),
        ),
        ("visaged_clock_round_trip_seconds", "Lowest round trip of a time exchange.", |clock| {
            clock.round_trip_us.map(seconds)
        }),
    ];
    for (name, help, read) in families {
        page.family(name, Kind::Gauge, help);
        for (sensor, clock) in clocks() {
            if let Some(value) = read(&clock) {
                page.sample(&[("sensor", &sensor)], value);
            }
        }
    }
}

fn health_of(page: &mut Exposition, health: &Health) {
    page.family("process_resident_memory_bytes", Kind::Gauge, "Resident memory.");
    page.sample(&[], health.memory_bytes);
    page.family("visaged_uptime_seconds", Kind::Gauge, "Time since the daemon started.");
    page.sample(&[], health.uptime_s);
    page.family("visaged_health", Kind::Gauge, "1 for the state that the daemon is in.");
    page.sample(&[("state", &word(&health.state))], 1);
}

/// The word used in messages, so that metrics and topics speak alike.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::message::{Alignment, ClockState, Message, SensorState};
    use crate::sink::Stamper;
    use crate::sink::metrics::Depth;
    use crate::units::Micros;

    fn status() -> Status {
        let mut dropped = Counts::default();
        dropped.add("late", 3);
        let clock = ClockReport {
            state: ClockState::Locked,
            drift_ppm: Some(-20.0),
            residual_us: Some(50.0),
            round_trip_us: None,
        };
        let sensor = SensorStatus {
            name: "radar".to_owned(),
            state: SensorState::Streaming,
            trouble: None,
            clock: Some(clock),
            frame_period_us: None,
            received: 41,
            counts: Counts::default(),
        };
        Status {
            alignment: Alignment::Live,
            sensors: vec![sensor],
            bundle: None,
            dropped,
            filtered: Counts::default(),
        }
    }

    #[test]
    fn drops_clocks_queues_and_latencies_are_all_told() {
        let (board, telemetry) = (Board::default(), Telemetry::default());
        let message = Message {
            source: Message::FUSED.to_owned(),
            recorded: Stamp::from_micros(0),
            payload: Payload::Status(status()),
        };
        board.post(Stamper::new("boot").stamp(message, Stamp::from_micros(0)));
        telemetry.time(Stage::Radar, Micros(700));
        telemetry.age("radar", Micros(1_000_000));
        telemetry.age("status", Micros(1));
        telemetry.beat(Stamp::from_micros(1_000_000));
        telemetry.depths(vec![Depth {
            queue: "inbox",
            sensor: Some("radar".to_owned()),
            unit: "readings",
            waiting: 2,
            room: Some(4),
        }]);
        let mut web = Counts::default();
        web.add("web-refused-host", 5);
        let text = render(&board, &telemetry, &web, Stamp::from_micros(1_500_000));
        for line in [
            "visaged_dropped_total{reason=\"late\"} 3",
            "visaged_sensor_received_total{sensor=\"radar\"} 41",
            "visaged_sensor_state{sensor=\"radar\",state=\"streaming\",trouble=\"\"} 1",
            "visaged_clock_residual_seconds{sensor=\"radar\"} 0.00005",
            "visaged_clock_state{sensor=\"radar\",state=\"locked\"} 1",
            "visaged_queue_depth{queue=\"inbox\",sensor=\"radar\",unit=\"readings\"} 2",
            "visaged_queue_capacity{queue=\"inbox\",sensor=\"radar\",unit=\"readings\"} 4",
            "visaged_stage_seconds_bucket{stage=\"radar\",le=\"0.0005\"} 0",
            "visaged_stage_seconds_bucket{stage=\"radar\",le=\"0.001\"} 1",
            "visaged_message_age_seconds_sum{stream=\"radar\"} 1",
            "visaged_messages_total{topic=\"v1/status/fused/\"} 1",
            "visaged_pipeline_beat_age_seconds 0.5",
            "visaged_web_refused_total{reason=\"web-refused-host\"} 5",
        ] {
            assert!(text.lines().any(|said| said == line), "no `{line}` in\n{text}");
        }
        assert!(!text.contains("round_trip_seconds{"), "absent is not zero:\n{text}");
    }
}
