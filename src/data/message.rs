//! What is published: one payload type per topic, and the header they share.
//!
//! These types are the schema. `configs/schema/v1.json` is generated from them and held to them by
//! a test; keys are only ever added within a major version, and receivers ignore keys they do not
//! know.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Counts;

mod network;

pub use network::{NetworkState, NetworkStatus};

/// Major version of topics and payloads, the `v1` of `v1/identity/`.
pub const SCHEMA_VERSION: u16 = 1;

/// The second frame of every message, the same on every topic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Header {
    /// Major version of the schema.
    pub schema: u16,
    /// Differs after each start of the daemon; `replay` when a recording is replayed.
    pub boot_id: String,
    /// Counts the messages of this topic since the start, from 0; a gap is a loss.
    pub seq: u64,
    /// The instant the payload speaks of, microseconds on the recorded time line: monotonic host
    /// time for live sensors, time since the start (or Unix time, see `v1/status/`) for recordings.
    pub recorded_us: i64,
    /// When it was published, microseconds of the host's monotonic clock; in a lock-step replay
    /// equal to `recorded_us`, so that two replays give identical bytes.
    pub published_us: i64,
    /// Milliseconds after which this message should no longer be acted upon.
    pub stale_after_ms: u32,
    /// False if the payload is no answer, so that there is nothing in it to act upon: the state is
    /// `unknown`, samples were lost, or the camera's time stepped back.
    pub valid: bool,
}

/// What is published on one topic.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Payload {
    /// `v1/identity/`
    Identity(Identity),
    /// `v1/expression/`
    Expression(Expression),
    /// `v1/interval/`
    Interval(Interval),
    /// `v1/radar/`
    Radar(RadarSummary),
    /// `v1/event/`
    Event(EventSummary),
    /// `v1/status/`
    Status(Status),
    /// `v1/health/`
    Health(Health),
    /// `v1/hello/`
    Hello(Hello),
}

impl Payload {
    /// The middle part of the topic.
    #[must_use]
    pub const fn stream(&self) -> &'static str {
        match self {
            Self::Identity(_) => "identity",
            Self::Expression(_) => "expression",
            Self::Interval(_) => "interval",
            Self::Radar(_) => "radar",
            Self::Event(_) => "event",
            Self::Status(_) => "status",
            Self::Health(_) => "health",
            Self::Hello(_) => "hello",
        }
    }

    /// False if it is no answer.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        match self {
            Self::Identity(identity) => identity.state != IdentityState::Unknown,
            Self::Expression(expression) => expression.state != ExpressionState::Unknown,
            Self::Radar(radar) => !radar.has_holes,
            Self::Event(event) => !event.non_monotonic,
            Self::Interval(_) | Self::Status(_) | Self::Health(_) | Self::Hello(_) => true,
        }
    }

    /// How long a receiver may act on it: a few of its own periods.
    #[must_use]
    pub const fn stale_after_ms(&self) -> u32 {
        match self {
            Self::Identity(_) | Self::Radar(_) | Self::Event(_) => 500,
            // Repeated once a second while nothing changes; an interval is over when it is told.
            Self::Expression(_) | Self::Interval(_) => 2_500,
            Self::Status(_) | Self::Hello(_) => 3_000, // once a second
            Self::Health(_) => 1_500,                  // twice a second
        }
    }
}

/// A payload on its way to the sinks.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The sensor it speaks of, or [`Message::FUSED`].
    pub source: String,
    /// The instant it speaks of.
    pub recorded: crate::units::Stamp<crate::units::HostClock>,
    /// What is said.
    pub payload: Payload,
}

impl Message {
    /// Source name of what was decided from all sensors together.
    pub const FUSED: &str = "fused";

    /// `v1/<stream>/<source>/`: always a trailing slash, so that a prefix never matches a sibling.
    #[must_use]
    pub fn topic(&self) -> String {
        format!("v{SCHEMA_VERSION}/{}/{}/", self.payload.stream(), self.source)
    }
}

/// Whether the enrolled person sits there: a hint with measured error rates, never an access
/// decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Identity {
    /// The answer.
    pub state: IdentityState,
    /// Why the state is `unknown`; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<UnknownReason>,
    /// Whether somebody alive is there.
    pub liveness: Liveness,
    /// How much evidence there is; only in state `enrolled`, because whoever else saw it could try
    /// masks until it rises.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub band: Option<Band>,
    /// Milliseconds for which `enrolled` holds without further evidence, at most 2000; only in
    /// state `enrolled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease_ms: Option<u32>,
}

impl Identity {
    /// `state` with `liveness` and nothing more to say.
    #[must_use]
    pub const fn plain(state: IdentityState, liveness: Liveness) -> Self {
        Self { state, reason: None, liveness, band: None, lease_ms: None }
    }
}

/// How sure an answer is, in three steps: scores are never published.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Band {
    /// Just enough.
    Low,
    /// More than that.
    Medium,
    /// About as much as there can be.
    High,
}

/// Whether somebody alive is there: a hint, never an access decision. The radar looks for breath;
/// an event camera that sees motion which the radar does not share, or the other way round, speaks
/// against it. It tells a person from a picture or a mask on a stand. It does not tell the wearer
/// of a mask, nor an oscillator that imitates a chest.
///
/// Ordered: of several radars the one that sees most is believed.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Liveness {
    /// Too little was seen to tell: less than eight seconds, or no looks for three.
    Insufficient,
    /// Enough was seen, and nothing in it breathes, or radar and camera see different motion:
    /// nobody, or nobody alive.
    NotLive,
    /// Something breathes 6 to 30 times a minute, and the camera does not speak against it.
    Live,
}

/// The possible answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum IdentityState {
    /// No person is in front of the sensors. The state after every start.
    Nobody,
    /// Somebody is there and evidence is being gathered.
    Checking,
    /// The evidence supports the enrolled person.
    Enrolled,
    /// The evidence speaks against the enrolled person.
    NotEnrolled,
    /// No answer can be given.
    Unknown,
}

/// Why no answer can be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UnknownReason {
    /// No model bundle is configured.
    NoBundle,
    /// The radar, which identity is checked with, delivers nothing.
    NoRadar,
    /// The bundle holds no network for this question.
    NoNetwork,
    /// Too little data was seen so far.
    NotEnoughData,
    /// The radar delivers, but nothing that can be used.
    Degraded,
    /// `require-liveness` is set, and what is there is not alive.
    NotLive,
    /// Too many rejections in a row: nobody is checked before the wait is over.
    LockedOut,
    /// Fifty rejections in a row: nobody is checked before an operator says so.
    Stopped,
}

/// The posed facial expression, by its name in the FOODER paper; never an inferred emotion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ExpressionLabel {
    /// Lip corners drawn up.
    Smile,
    /// Brows raised, jaw dropped.
    Shock,
    /// A face at rest.
    Neutral,
    /// Brows drawn together, lips tightened.
    Anger,
}

impl ExpressionLabel {
    /// How many there are.
    pub const COUNT: usize = 4;
    /// All of them, in the order of every array of probabilities.
    pub const ALL: [Self; Self::COUNT] = [Self::Smile, Self::Shock, Self::Neutral, Self::Anger];
}

/// The expression stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Expression {
    /// What the stage does.
    pub state: ExpressionState,
    /// The expression; only in state `shown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<ExpressionLabel>,
    /// How sure it is; only in state `shown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub band: Option<Band>,
}

/// One expression from beginning to end, told once when it is over.
///
/// All three instants lie within one lease, on the time line of `recorded_us`, which is the offset.
/// An expression that was cut off, because the lease or the data ended, is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Interval {
    /// What was shown.
    pub label: ExpressionLabel,
    /// When belief in it rose above one half, microseconds.
    pub onset_us: i64,
    /// When belief was greatest, microseconds.
    pub apex_us: i64,
    /// When belief was no longer above one half, microseconds.
    pub offset_us: i64,
    /// How sure it was at the apex.
    pub band: Band,
}

/// What the expression stage does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ExpressionState {
    /// Closed: expressions are classified only while the enrolled person is there.
    Closed,
    /// Open, and no expression stands out.
    Unknown,
    /// Open, and `label` is shown.
    Shown,
}

/// What the radar sees in one frame.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct RadarSummary {
    /// Frame number within the recording, or since the device started.
    pub frame: u64,
    /// The strongest cell of the range-Doppler map, static clutter removed. Absent if none stands
    /// out of the noise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moving: Option<RadarTarget>,
    /// The strongest cell of the micro-range-Doppler map: slow motion such as breathing. Absent
    /// until a whole block of frames was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slow: Option<RadarTarget>,
    /// Breathing, looked for once a second and repeated in between; absent where none is seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub respiration: Option<Respiration>,
    /// True if samples of this frame were lost and filled with zeros.
    pub has_holes: bool,
}

/// Breathing, seen in the phase of one range bin.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Respiration {
    /// Breaths per minute, 6 to 30.
    pub rate_per_min: f32,
    /// Peak to peak over the seconds that were looked at, changes of posture included,
    /// millimetres.
    pub displacement_mm: f32,
    /// Distance of the range bin in metres.
    pub range_m: f32,
    /// Power of the breath's line over that of the rest of the spectrum, in decibels.
    pub snr_db: f32,
}

/// One cell of a range-Doppler map.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct RadarTarget {
    /// Distance in metres.
    pub range_m: f32,
    /// Radial velocity in metres per second; negative towards the radar.
    pub velocity_m_s: f32,
    /// Magnitude over the median of the map, in decibels.
    pub snr_db: f32,
}

/// What the event camera saw in one window.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct EventSummary {
    /// Length of the window that ends at `recorded_us`, microseconds.
    pub window_us: i64,
    /// Events in the window, before filters.
    pub events: u64,
    /// Events left by the filters.
    pub kept: u64,
    /// Edges on the camera's trigger inputs in the window.
    pub triggers: u64,
    /// Share of ON events among those kept, 0 to 1; absent if there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_fraction: Option<f32>,
    /// Events per second before filters, in millions.
    pub rate_mev_s: f32,
    /// Where the face is taken to be, in pixels.
    pub region: RegionPixels,
    /// True if the camera's time stepped back in the window.
    pub non_monotonic: bool,
}

/// A box in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RegionPixels {
    /// Left column.
    pub x: u16,
    /// Top row.
    pub y: u16,
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

/// The state of the daemon, once a second.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Status {
    /// How the time lines of the sensors were brought together.
    pub alignment: Alignment,
    /// Each sensor.
    pub sensors: Vec<SensorStatus>,
    /// Hash of the model bundle in use; absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bundle: Option<String>,
    /// The networks in it; absent without any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub networks: Vec<NetworkStatus>,
    /// What the pipeline lost, and what publishing refused or dropped (`publish-...`), by reason;
    /// empty while all is well.
    #[schemars(with = "std::collections::BTreeMap<String, u64>")]
    pub dropped: Counts,
    /// Events that the filters took out on purpose, by reason.
    #[schemars(with = "std::collections::BTreeMap<String, u64>")]
    pub filtered: Counts,
}

/// How the time lines of the sensors were brought together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Alignment {
    /// All recordings carry Unix time, and `recorded_us` is that time.
    Unix,
    /// At least one recording carries no absolute time: each starts at `recorded_us` = 0.
    Starts,
    /// Live sensors, each mapped to the host's monotonic clock.
    Live,
}

/// One sensor as the pipeline sees it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct SensorStatus {
    /// Its name in the configuration.
    pub name: String,
    /// Streaming, or not.
    pub state: SensorState,
    /// Why it is degraded or lost; absent while all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<SensorTrouble>,
    /// What is known of its clock; absent for recordings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock: Option<ClockReport>,
    /// Time from frame to frame of a live radar by its own stamps, microseconds; absent for others
    /// and before eight frames came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame_period_us: Option<f64>,
    /// Radar frames or events received.
    pub received: u64,
    /// Everything its decoder refused or counted, by reason.
    #[schemars(with = "std::collections::BTreeMap<String, u64>")]
    pub counts: Counts,
}

/// Whether a sensor delivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SensorState {
    /// Nothing received yet.
    Starting,
    /// Delivering.
    Streaming,
    /// Delivering, and `trouble` says what is wrong with it.
    Degraded,
    /// Not delivering; it is tried again.
    Lost,
    /// The recording has ended.
    Ended,
}

/// What is wrong with a sensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SensorTrouble {
    /// Lost: connected, but nothing has come for 400 ms or four frame periods.
    Silent,
    /// Lost: not there, or unplugged.
    Absent,
    /// Lost: it does not speak the configured protocol, or not with the configured key.
    Protocol,
    /// Lost: it runs with another configuration than the one asked for; the log names both.
    Configuration,
    /// Lost: its driver has not come back from a call for a second; unplugging it may help.
    Hung,
    /// Degraded: within the last second something was lost or refused; `counts` says what.
    LosingData,
    /// Degraded: its clock is not known yet; stamps are arrival times.
    ClockUnsynced,
    /// Degraded: its clock was not heard for ten seconds; stamps follow the last fit.
    ClockHoldover,
}

/// A live sensor's clock against the host's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct ClockReport {
    /// Whether stamps can be mapped, and how fresh the fit is.
    pub state: ClockState,
    /// What the device's clock gains, parts per million.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift_ppm: Option<f64>,
    /// Robust deviation of the measurements from the fit, microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub residual_us: Option<f64>,
    /// Lowest round trip of a time exchange, microseconds: stamps are wrong by at most half of it.
    /// Absent for a device that answers none; then they are late by the lowest latency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round_trip_us: Option<i64>,
}

/// How far a live sensor's clock is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClockState {
    /// Too little was heard: readings are stamped when they arrive.
    Unsynced,
    /// The fit is fresh.
    Locked,
    /// No good exchange or arrival for ten seconds: the last fit holds, and its error adds up.
    Holdover,
}

/// Who speaks, once a second: what a receiver wants to know before it believes the rest.
///
/// Said by the running daemon alone; a replay says neither this nor [`Health`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Hello {
    /// Version of the daemon.
    pub version: String,
    /// Name of the box.
    pub host: String,
    /// Hash of the model bundle in use; absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bundle: Option<String>,
    /// Sensors by name, with their kinds.
    pub sensors: Vec<SensorName>,
    /// Every topic published so far, this one among them.
    pub topics: Vec<String>,
}

/// A sensor by name and kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SensorName {
    /// Its name in the configuration; the last part of its topics.
    pub name: String,
    /// Its kind, e.g. `radar-serial`.
    pub kind: String,
}

/// How the daemon is, twice a second.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Health {
    /// In one word.
    pub state: HealthState,
    /// Seconds since the daemon started.
    pub uptime_s: f64,
    /// Resident memory, bytes; 0 where the system does not tell.
    pub memory_bytes: u64,
    /// Median time that the pipeline took for one input in the last half second, milliseconds;
    /// absent if there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline_median_ms: Option<f32>,
    /// The longest of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline_worst_ms: Option<f32>,
    /// True while everything the sensors deliver is recorded.
    pub recording: bool,
    /// Each sensor that is not well.
    pub troubles: Vec<Trouble>,
}

/// How the daemon is, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HealthState {
    /// Every sensor delivers.
    Well,
    /// Something is degraded, starting, or one of several sensors is lost.
    Degraded,
    /// No sensor delivers.
    Failing,
}

/// A sensor that is not well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Trouble {
    /// Its name in the configuration.
    pub sensor: String,
    /// What it does.
    pub state: SensorState,
    /// Why, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<SensorTrouble>,
}

/// JSON Schema (draft 2020-12) of the header and of each stream's payload, pretty-printed.
///
/// # Errors
/// Never for these types; the type system does not know that.
pub fn schema_json() -> Result<String, serde_json::Error> {
    let streams = [
        ("identity", schemars::schema_for!(Identity)),
        ("expression", schemars::schema_for!(Expression)),
        ("interval", schemars::schema_for!(Interval)),
        ("radar", schemars::schema_for!(RadarSummary)),
        ("event", schemars::schema_for!(EventSummary)),
        ("status", schemars::schema_for!(Status)),
        ("health", schemars::schema_for!(Health)),
        ("hello", schemars::schema_for!(Hello)),
    ];
    let payloads: serde_json::Map<_, _> = streams
        .into_iter()
        .map(|(stream, schema)| (format!("v{SCHEMA_VERSION}/{stream}/"), schema.to_value()))
        .collect();
    let all = serde_json::json!({
        "schema": SCHEMA_VERSION,
        "header": schemars::schema_for!(Header).to_value(),
        "payloads": payloads,
    });
    serde_json::to_string_pretty(&all).map(|text| text + "\n")
}
