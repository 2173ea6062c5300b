//! What a monitor asks for: counters, gauges and latencies in the text format of Prometheus.
//!
//! Counters stay where things are counted. This module writes down what the newest `v1/status/` and
//! `v1/health/` say, and what the daemon measures beside the pipeline: [`Telemetry`]. The format is
//! a few lines of text, so it is written by hand: a registry would hold every counter twice.

mod exposition;
mod families;
mod histogram;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::data::{Input, Reading};
use crate::units::{HostClock, Micros, Stamp};

pub use families::render;

use histogram::Histogram;

/// What is timed. The pipeline has no clock, so a stage is what the daemon can see of it from
/// outside: one input through all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// A live reading, from its arrival until the pipeline took it.
    Queue,
    /// A radar reading through the pipeline: merging, maps, breath and decisions, and whatever of
    /// other sensors had waited for it.
    Radar,
    /// A run of events through the pipeline, likewise.
    Events,
    /// A tick of the host's clock: what has waited long enough is processed, sensors are judged.
    Clock,
    /// Any other input: counts, losses, time answers, ends.
    Other,
    /// All messages of one input: encoded, recorded, handed to the publisher.
    Publish,
}

impl Stage {
    /// All of them, in the order of their values.
    pub const ALL: [Self; 6] =
        [Self::Queue, Self::Radar, Self::Events, Self::Clock, Self::Other, Self::Publish];

    /// The value of the label `stage`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Radar => "radar",
            Self::Events => "events",
            Self::Clock => "clock",
            Self::Other => "other",
            Self::Publish => "publish",
        }
    }

    /// The stage that takes `input`.
    #[must_use]
    pub const fn of(input: &Input) -> Self {
        match input {
            Input::Reading { reading: Reading::Radar(_), .. } => Self::Radar,
            Input::Reading { reading: Reading::Events(_), .. } => Self::Events,
            Input::Clock { .. } => Self::Clock,
            _ => Self::Other,
        }
    }
}

/// Streams whose age at publishing is measured, live only: the time line is the host's clock then.
const AGED: [&str; 5] = ["identity", "expression", "interval", "radar", "event"];

/// How full one queue is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Depth {
    /// Which queue.
    pub queue: &'static str,
    /// Whose share of it, if sensors have shares.
    pub sensor: Option<String>,
    /// What `waiting` counts: `readings`, `items`, `messages` or `bytes`.
    pub unit: &'static str,
    /// What waits.
    pub waiting: usize,
    /// What may wait; absent where nothing but time bounds it.
    pub room: Option<usize>,
}

/// Measurements of the daemon, written by the pipeline thread and read by whoever is asked.
#[derive(Debug, Clone, Default)]
pub struct Telemetry(Arc<Instruments>);

#[derive(Debug)]
struct Instruments {
    stages: [Histogram; Stage::ALL.len()],
    ages: [Histogram; AGED.len()],
    depths: Mutex<Vec<Depth>>,
    /// When the pipeline thread last said that it moves, microseconds of the host's clock.
    beat: AtomicI64,
}

impl Default for Instruments {
    fn default() -> Self {
        Self {
            stages: Default::default(),
            ages: Default::default(),
            depths: Mutex::default(),
            beat: AtomicI64::new(NEVER),
        }
    }
}

/// The pipeline thread has not said anything yet.
const NEVER: i64 = i64::MIN;

impl Telemetry {
    /// `stage` took so long.
    pub fn time(&self, stage: Stage, took: Micros) {
        self.0.stages[stage as usize].observe(took);
    }

    /// A message of `stream` was published so long after the instant that it speaks of.
    pub fn age(&self, stream: &str, age: Micros) {
        if let Some(at) = AGED.iter().position(|&aged| aged == stream) {
            self.0.ages[at].observe(age);
        }
    }

    /// The queues are this full.
    pub fn depths(&self, depths: Vec<Depth>) {
        *self.0.depths.lock().unwrap_or_else(PoisonError::into_inner) = depths;
    }

    /// The pipeline thread moves, at `now`.
    pub fn beat(&self, now: Stamp<HostClock>) {
        self.0.beat.store(now.as_micros(), Ordering::Relaxed);
    }

    /// Time since the pipeline thread last moved; `None` before it first did.
    #[must_use]
    pub fn since_beat(&self, now: Stamp<HostClock>) -> Option<Micros> {
        let beat = self.0.beat.load(Ordering::Relaxed);
        (beat != NEVER).then(|| Micros(now.as_micros().saturating_sub(beat)))
    }

    fn newest_depths(&self) -> Vec<Depth> {
        self.0.depths.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
