//! Sync, signal processing, models and fusion as one synchronous struct.
//!
//! No clock, no thread, no channel: what comes out depends on what was pushed and on nothing else,
//! so the daemon, the replay, the tests and the benches all drive this one object.

mod agreement;
mod config;
mod decide;
mod event;
mod radar;
mod vital;

use crate::data::message::{Alignment, Message, Payload, SensorState, SensorStatus, Status};
use crate::data::{At, Counts, EventBatch, RadarFrame, Reading, Source, View};
use crate::fusion::Means;
use crate::model::Bundle;
use crate::sync::{Merge, Slicer, TimeLine};
use crate::units::{HostClock, Meters, Micros, Stamp};

pub use config::{Config, EventConfig, PlanError, RadarConfig};

use decide::Decisions;
use event::EventChain;
use radar::RadarChain;

/// Recorded time between two status messages.
const STATUS_PERIOD: Micros = Micros::from_millis(1_000);

/// Everything between the sensors and the sinks.
pub struct Pipeline {
    lanes: Vec<Lane>,
    line: TimeLine,
    merge: Merge<Item>,
    decisions: Decisions,
    bundle: Option<Bundle>,
    now: Option<Stamp<HostClock>>,
    next_status: Option<Stamp<HostClock>>,
    counts: Counts,
}

/// One sensor's way through the pipeline.
struct Lane {
    name: String,
    chain: Chain,
    state: SensorState,
    received: u64,
    /// What the decoder reported last, and what earlier rounds of a repeated recording came to.
    counts: Counts,
    earlier: Counts,
}

enum Chain {
    Radar(RadarChain),
    Event(Slicer, EventChain),
}

/// What is merged by time.
enum Item {
    Radar(RadarFrame),
    Events(EventBatch),
}

impl Pipeline {
    /// Plans all kernels for `sources`.
    ///
    /// # Errors
    /// When a source cannot be processed, or a setting is out of range.
    pub fn plan(
        config: &Config,
        sources: &[Source],
        bundle: Option<Bundle>,
    ) -> Result<Self, PlanError> {
        if let Some(bundle) = &bundle {
            check_bundle(bundle, &config.event, sources)?;
        }
        let mut lanes = Vec::new();
        for source in sources {
            let chain = match &source.view {
                View::Radar(chirp) => Chain::Radar(
                    RadarChain::plan(&config.radar, chirp, Meters(config.decision.farthest_m))
                        .map_err(|error| PlanError::Radar { name: source.name.clone(), error })?,
                ),
                View::Event(geometry) => Chain::Event(
                    Slicer::new(Micros::from_millis(config.event.slice_ms.into())),
                    EventChain::plan(&config.event, *geometry),
                ),
            };
            lanes.push(Lane {
                name: source.name.clone(),
                chain,
                state: SensorState::Starting,
                received: 0,
                counts: Counts::default(),
                earlier: Counts::default(),
            });
        }
        let has_radar = lanes.iter().any(|lane| matches!(lane.chain, Chain::Radar(_)));
        let means = match &bundle {
            None => Means::NoBundle,
            Some(_) if !has_radar => Means::NoRadar,
            Some(_) => Means::NoNetwork,
        };
        Ok(Self {
            line: TimeLine::new(sources),
            merge: Merge::new(lanes.len()),
            lanes,
            decisions: Decisions::plan(&config.decision, &means, None),
            bundle,
            now: None,
            next_status: None,
            counts: Counts::default(),
        })
    }

    /// The sensor to read next: an open one with nothing waiting. `None` when all have ended.
    #[must_use]
    pub fn hungry(&self) -> Option<usize> {
        self.merge.hungry()
    }

    /// Takes a reading of `source`, on the sensor's clock, and appends what is to be published.
    ///
    /// A reading that does not fit the source is counted and dropped.
    ///
    /// # Panics
    /// When there is no such source.
    pub fn push(&mut self, source: usize, reading: Reading, out: &mut Vec<Message>) {
        let Self { lanes, line, merge, counts, .. } = self;
        let lane = &mut lanes[source];
        lane.state = SensorState::Streaming;
        match (&mut lane.chain, reading) {
            (Chain::Radar(chain), Reading::Radar(frame)) if chain.fits(&frame) => {
                lane.received += 1;
                let stamp = line.place(source, frame.stamp.as_micros());
                merge.push(source, At { stamp, value: Item::Radar(frame) });
            }
            (Chain::Radar(_), Reading::Radar(_)) => counts.add("radar-frame-of-wrong-shape", 1),
            (Chain::Event(slicer, _), Reading::Events(batch)) => {
                lane.received += u64::try_from(batch.events.len()).unwrap_or(u64::MAX);
                slicer.push(
                    &batch,
                    |micros| line.place(source, micros),
                    |slice| merge.push(source, slice.map(Item::Events)),
                );
            }
            (Chain::Radar(_), Reading::Events(_)) | (Chain::Event(..), Reading::Radar(_)) => {
                counts.add("reading-of-wrong-kind", 1);
            }
        }
        self.drain(out);
    }

    /// Takes what the decoder of `source` has refused since it was opened.
    ///
    /// # Panics
    /// When there is no such source.
    pub fn report(&mut self, source: usize, counts: Counts) {
        self.lanes[source].counts = counts;
    }

    /// `source` has ended: the others no longer wait for it. When the last one ends, a final
    /// status is appended.
    ///
    /// # Panics
    /// When there is no such source.
    pub fn end(&mut self, source: usize, out: &mut Vec<Message>) {
        let Self { lanes, merge, .. } = self;
        let lane = &mut lanes[source];
        lane.state = SensorState::Ended;
        if let Chain::Event(slicer, _) = &mut lane.chain {
            slicer.finish(|slice| merge.push(source, slice.map(Item::Events)));
        }
        merge.close(source);
        self.drain(out);
        if self.hungry().is_none()
            && let Some(now) = self.now
        {
            out.push(self.status(now));
        }
    }

    /// The recordings start again, `gap` after the newest instant. Kernels with a memory forget.
    pub fn restart(&mut self, gap: Micros) {
        let end = self.now.unwrap_or(Stamp::from_micros(0));
        self.line.restart(end, gap);
        self.merge.reopen();
        self.decisions.restart();
        for lane in &mut self.lanes {
            lane.state = SensorState::Starting;
            lane.earlier.merge(&std::mem::take(&mut lane.counts));
            match &mut lane.chain {
                Chain::Radar(chain) => chain.restart(),
                Chain::Event(_, chain) => chain.restart(),
            }
        }
    }

    /// Counts something that was lost outside, so that the status can say it.
    pub fn count(&mut self, reason: &'static str, n: u64) {
        self.counts.add(reason, n);
    }

    /// Processes everything that is known to be next.
    fn drain(&mut self, out: &mut Vec<Message>) {
        while let Some((source, item)) = self.merge.pop() {
            let now = self.now.map_or(item.stamp, |now| now.max(item.stamp));
            self.now = Some(now);
            self.advance_cameras(now, out);
            match item.value {
                Item::Radar(frame) => {
                    self.radar(source, &At { stamp: item.stamp, value: frame }, out);
                }
                Item::Events(batch) => {
                    self.events(source, &At { stamp: item.stamp, value: batch }, out);
                }
            }
            self.say_status(now, out);
        }
    }

    fn radar(&mut self, source: usize, frame: &At<RadarFrame>, out: &mut Vec<Message>) {
        let lane = &mut self.lanes[source];
        let Chain::Radar(chain) = &mut lane.chain else { return };
        let summary = chain.run(frame.stamp, &frame.value);
        out.push(message(&lane.name, frame.stamp, Payload::Radar(summary)));
        self.decide(frame.stamp, out);
    }

    fn events(&mut self, source: usize, slice: &At<EventBatch>, out: &mut Vec<Message>) {
        let lane = &mut self.lanes[source];
        let Chain::Event(_, chain) = &mut lane.chain else { return };
        let name = &lane.name;
        let said = out.len();
        chain.push(slice, |stamp, summary| out.push(message(name, stamp, Payload::Event(summary))));
        if out.len() > said && !self.has_radar() {
            // Nobody else would say it: a subscriber must not be left with silence.
            self.decide(slice.stamp, out);
        }
    }

    /// Lets silent cameras say that nothing happened.
    fn advance_cameras(&mut self, now: Stamp<HostClock>, out: &mut Vec<Message>) {
        for lane in &mut self.lanes {
            if let Chain::Event(slicer, chain) = &mut lane.chain {
                let name = &lane.name;
                // Its newest slice may still be waiting: only what is whole is told.
                chain.advance(slicer.whole_before(now).as_micros(), &mut |stamp, summary| {
                    out.push(message(name, stamp, Payload::Event(summary)));
                });
            }
        }
    }

    fn say_status(&mut self, now: Stamp<HostClock>, out: &mut Vec<Message>) {
        if self.next_status.is_none_or(|due| now >= due) {
            self.next_status = Some(now + STATUS_PERIOD);
            out.push(self.status(now));
        }
    }

    fn status(&self, now: Stamp<HostClock>) -> Message {
        let mut dropped = self.counts.clone();
        let mut filtered = Counts::default();
        dropped.add("late", self.merge.late());
        for lane in &self.lanes {
            if let Chain::Event(slicer, chain) = &lane.chain {
                dropped.add("event-behind-its-slice", slicer.behind());
                dropped.merge(&chain.dropped());
                filtered.merge(&chain.filtered());
            }
        }
        let sensors = self.lanes.iter().map(Lane::status).collect();
        let status = Status {
            alignment: self.alignment(),
            sensors,
            bundle: self.bundle.as_ref().map(|bundle| bundle.digest.to_string()),
            dropped,
            filtered,
        };
        message(Message::FUSED, now, Payload::Status(status))
    }

    /// How the time lines of the sensors were brought together.
    #[must_use]
    pub const fn alignment(&self) -> Alignment {
        self.line.rule()
    }
}

impl Lane {
    fn status(&self) -> SensorStatus {
        let mut counts = self.earlier.clone();
        counts.merge(&self.counts);
        SensorStatus { name: self.name.clone(), state: self.state, received: self.received, counts }
    }
}

/// Refuses a bundle that was made for other chirps or other windows.
fn check_bundle(
    bundle: &Bundle,
    config: &EventConfig,
    sources: &[Source],
) -> Result<(), PlanError> {
    for source in sources {
        let mismatches = match (&source.view, &bundle.radar, &bundle.event) {
            (View::Radar(chirp), Some(radar), _) => radar.mismatches(chirp),
            (View::Event(_), _, Some(event)) => {
                let pairs = [
                    ("window-ms", config.voxels.window_ms, event.window_ms),
                    (
                        "background-activity-us",
                        config.denoise.background_activity_us,
                        event.background_activity_us,
                    ),
                ];
                let differ = pairs.iter().filter(|(_, is, must)| is != must);
                differ
                    .map(|(key, is, must)| format!("{key} is {is}, the bundle was made for {must}"))
                    .collect()
            }
            (View::Radar(_), None, _) | (View::Event(_), _, None) => Vec::new(),
        };
        if !mismatches.is_empty() {
            return Err(PlanError::Bundle { name: source.name.clone(), mismatches });
        }
    }
    Ok(())
}

fn message(source: &str, recorded: Stamp<HostClock>, payload: Payload) -> Message {
    Message { source: source.to_owned(), recorded, payload }
}
