//! Sync, signal processing, models and fusion as one synchronous struct.
//!
//! No clock, no thread, no channel: what comes out depends on what was pushed and on nothing else,
//! so the daemon, the replay, the tests and the benches all drive this one object.

mod agreement;
mod config;
mod decide;
mod event;
mod inputs;
mod lane;
mod networks;
mod radar;
mod recent;
mod sight;
#[cfg(test)]
mod testing;
mod vital;

use ndarray::Array3;

use crate::data::message::{Alignment, Message, Payload, SensorState, Status};
use crate::data::{
    At, Counts, Epoch, EventSlice, Input, Loss, Notice, RadarFrame, Reading, Source, View,
};
use crate::model::{Bundle, EventRequirement};
use crate::sync::{Merge, TimeLine};
use crate::units::{HostClock, Micros, Stamp};

pub use config::{Config, EventConfig, PlanError, RadarConfig};
pub use inputs::{EventInputs, RadarInputConfig, RadarInputs, Seen};
pub use networks::{About, EventNetwork, Question, RadarFaces, RadarNetworks, Roles, Stranger};
pub use sight::Sight;

use decide::Decisions;
use lane::{Chain, Lane};
use networks::Networks;

/// Recorded time between two status messages.
const STATUS_PERIOD: Micros = Micros::from_millis(1_000);

/// How long live readings wait for those of other sensors, which may still be on their way: a
/// radar frame takes 25 ms to sweep and, on the slowest wire that keeps up, 50 ms to send.
const PATIENCE: Micros = Micros::from_millis(200);

/// How far the mapping of a live clock may wander while it settles: a silent camera's windows are
/// closed that much later, so that no slice is still on its way.
const WANDER: Micros = Micros::from_millis(50);

/// How long a live subscriber may be without a word on identity when no radar sets the pace.
const DECISION_PERIOD: Micros = Micros::from_millis(250);

/// Everything between the sensors and the sinks.
pub struct Pipeline {
    lanes: Vec<Lane>,
    line: TimeLine,
    merge: Merge<Item>,
    decisions: Decisions,
    networks: Networks,
    now: Option<Stamp<HostClock>>,
    decided: Option<Stamp<HostClock>>,
    next_status: Option<Stamp<HostClock>>,
    counts: Counts,
}

/// What is merged by time.
enum Item {
    Radar(RadarFrame),
    Events(EventSlice),
}

impl Pipeline {
    /// Plans all kernels for `sources`.
    ///
    /// # Errors
    /// When a source cannot be processed, a setting is out of range, or the networks of the bundle
    /// fit neither together nor the sources.
    pub fn plan(
        config: &Config,
        sources: &[Source],
        bundle: Option<Bundle>,
    ) -> Result<Self, PlanError> {
        if let Some(bundle) = &bundle {
            check_bundle(bundle, config, sources)?;
        }
        let live = sources.iter().filter(|source| source.epoch == Epoch::Live).count();
        if live > 0 && live < sources.len() {
            let recordings = sources.iter().filter(|source| source.epoch != Epoch::Live);
            let name = recordings.map(|source| source.name.clone()).next().unwrap_or_default();
            return Err(PlanError::Mixed { name });
        }
        let lanes: Vec<_> =
            sources.iter().map(|source| Lane::plan(config, source)).collect::<Result<_, _>>()?;
        let routing = config.decision.expression.routing;
        let (networks, worth) = Networks::plan(bundle, routing, sources)?;
        let mut merge = Merge::new(lanes.len());
        if live > 0 {
            // Nobody waits for a live sensor that was never heard.
            (0..lanes.len()).for_each(|source| merge.close(source));
        }
        Ok(Self {
            line: TimeLine::new(sources),
            merge,
            lanes,
            decisions: Decisions::plan(&config.decision, &worth.means, worth.expression),
            networks,
            now: None,
            decided: None,
            next_status: None,
            counts: Counts::default(),
        })
    }

    /// The sensor to read next: an open one with nothing waiting. `None` when all have ended.
    #[must_use]
    pub fn hungry(&self) -> Option<usize> {
        self.merge.hungry()
    }

    /// The newest range-Doppler map of each radar that has delivered, with its number, for people
    /// to look at: `map[rx, range_bin, doppler_bin]`.
    pub fn range_doppler_maps(&self) -> impl Iterator<Item = (usize, &Array3<f32>)> {
        self.lanes.iter().enumerate().filter_map(|(source, lane)| match &lane.chain {
            Chain::Radar(chain) if lane.received > 0 => Some((source, chain.map())),
            Chain::Radar(_) | Chain::Event(..) => None,
        })
    }

    /// Each radar that has delivered, for people to look at.
    pub fn sights(&self) -> impl Iterator<Item = Sight<'_>> {
        self.lanes.iter().enumerate().filter_map(|(source, lane)| match &lane.chain {
            Chain::Radar(chain) if lane.received > 0 => Some(Sight::new(source, chain)),
            Chain::Radar(_) | Chain::Event(..) => None,
        })
    }

    /// How many frames and slices of each sensor wait for those of others.
    pub fn waiting(&self) -> impl Iterator<Item = usize> {
        (0..self.lanes.len()).map(|source| self.merge.waiting(source))
    }

    /// Takes one thing the pipeline is told, and appends what is to be published.
    ///
    /// # Panics
    /// When it speaks of a source that there is not.
    pub fn take(&mut self, input: Input, out: &mut Vec<Message>) {
        match input {
            Input::Reading { source, reading, arrival } => {
                self.reading(source, reading, arrival, out);
            }
            Input::Counts { source, counts } => self.report(source, counts),
            Input::Lost { source, loss, now } => self.lose(source, loss, now, out),
            Input::Clock { now } => self.clock(now, out),
            Input::Boot { now } => self.decisions.tell_boot_time(now),
            Input::Lockout { record } => self.decisions.resume(record),
            Input::End { source } => self.end(source, out),
            Input::Restart { gap } => self.restart(gap),
            Input::Dropped { counts } => self.counts.merge(&counts),
        }
    }

    /// Takes a reading of the recording `source`, on the sensor's clock, and appends what is to be
    /// published.
    ///
    /// A reading that does not fit the source is counted and dropped.
    ///
    /// # Panics
    /// When there is no such source.
    pub fn push(&mut self, source: usize, reading: Reading, out: &mut Vec<Message>) {
        self.reading(source, reading, None, out);
    }

    fn reading(
        &mut self,
        source: usize,
        reading: Reading,
        arrival: Option<Stamp<HostClock>>,
        out: &mut Vec<Message>,
    ) {
        if let Reading::Notice(notice) = reading {
            return self.notice(source, notice, arrival, out);
        }
        self.merge.open(source);
        let Self { lanes, line, merge, counts, .. } = self;
        let lane = &mut lanes[source];
        lane.heard(arrival);
        match (&mut lane.chain, reading) {
            (Chain::Radar(chain), Reading::Radar(frame)) if chain.fits(&frame) => {
                lane.received += 1;
                lane.time_frame(frame.number, frame.stamp);
                let micros = frame.stamp.as_micros();
                if let Some(arrival) = arrival {
                    line.arrived(source, micros, arrival);
                }
                let lane_time = line.lane_time(source, micros);
                let stamp = line.place(source, lane_time, arrival);
                merge.push(source, At { stamp, value: Item::Radar(frame) });
            }
            (Chain::Radar(_), Reading::Radar(_)) => counts.add("radar-frame-of-wrong-shape", 1),
            (Chain::Event(slicer, _), Reading::Events(batch)) => {
                lane.received += u64::try_from(batch.events.len()).unwrap_or(u64::MAX);
                if let (Some(arrival), Some(event)) = (arrival, batch.events.last()) {
                    line.arrived(source, event.t, arrival);
                }
                let mut slices = Vec::new();
                slicer.push(&batch, |t| line.lane_time(source, t), |slice| slices.push(slice));
                for slice in slices {
                    let stamp = line.place(source, slice.end, arrival);
                    merge.push(source, At { stamp, value: Item::Events(slice) });
                }
            }
            (Chain::Radar(_) | Chain::Event(..), _) => counts.add("reading-of-wrong-kind", 1),
        }
        self.drain(out);
    }

    fn notice(
        &mut self,
        source: usize,
        notice: Notice,
        arrival: Option<Stamp<HostClock>>,
        out: &mut Vec<Message>,
    ) {
        match (notice, arrival) {
            (Notice::Time(answer), Some(arrival)) => self.line.answered(source, answer, arrival),
            (Notice::Restarted, _) => {
                self.flush(source, arrival);
                self.line.restart_device(source);
                self.lanes[source].forget();
                self.networks.restart(source);
                self.drain(out);
            }
            (Notice::Idle, _) | (Notice::Time(_), None) => {}
        }
    }

    /// Takes what the decoder of `source` has refused since it was opened.
    ///
    /// # Panics
    /// When there is no such source.
    pub fn report(&mut self, source: usize, counts: Counts) {
        self.lanes[source].report(counts);
    }

    /// `source` has ended: the others no longer wait for it. When the last one ends, a final
    /// status is appended.
    ///
    /// # Panics
    /// When there is no such source.
    pub fn end(&mut self, source: usize, out: &mut Vec<Message>) {
        self.lanes[source].state = SensorState::Ended;
        self.flush(source, None);
        self.merge.close(source);
        self.drain(out);
        if self.hungry().is_none()
            && let Some(now) = self.now
        {
            out.push(self.status(now));
        }
    }

    /// A live sensor cannot be read: nobody waits for it, and everybody is told.
    fn lose(&mut self, source: usize, loss: Loss, now: Stamp<HostClock>, out: &mut Vec<Message>) {
        let before = self.lanes[source].health();
        self.lanes[source].lose(loss);
        self.merge.close(source);
        self.drain(out);
        if self.lanes[source].health() != before {
            out.push(self.status(now));
        }
    }

    /// The host's clock has come to `now`: what waited long enough is processed, and live sensors
    /// are judged. A change of their health is told at once.
    fn clock(&mut self, now: Stamp<HostClock>, out: &mut Vec<Message>) {
        let bound = now + Micros(-PATIENCE.0);
        for source in 0..self.lanes.len() {
            let Self { lanes, line, merge, .. } = self;
            if let Chain::Event(slicer, chain) = &mut lanes[source].chain
                && let Some(lane_now) = chain.lane_time(bound)
            {
                slicer.advance(lane_now, |slice| {
                    let stamp = line.place(source, slice.end, Some(bound));
                    merge.push(source, At { stamp, value: Item::Events(slice) });
                });
            }
        }
        while let Some((source, item)) = self.merge.pop_until(bound) {
            self.process(source, item, out);
        }
        self.advance_cameras(bound + Micros(-WANDER.0), out);
        let mut changed = false;
        for source in 0..self.lanes.len() {
            let clock = self.line.clock(source, now);
            let lane = &mut self.lanes[source];
            let before = lane.health();
            lane.judge(now, clock.as_ref());
            changed |= lane.health() != before;
            if lane.state == SensorState::Lost {
                self.merge.close(source);
            }
        }
        if self.decided.is_none_or(|decided| bound - decided >= DECISION_PERIOD) {
            self.now = Some(self.now.map_or(bound, |now| now.max(bound)));
            self.decide(bound, out);
        }
        if changed || self.next_status.is_none_or(|due| now >= due) {
            self.next_status = Some(now + STATUS_PERIOD);
            out.push(self.status(now));
        }
    }

    /// Hands the open slice of a camera to the merge, however short it is.
    fn flush(&mut self, source: usize, arrival: Option<Stamp<HostClock>>) {
        let Self { lanes, line, merge, .. } = self;
        if let Chain::Event(slicer, _) = &mut lanes[source].chain {
            slicer.finish(|slice| {
                let stamp = line.place(source, slice.end, arrival);
                merge.push(source, At { stamp, value: Item::Events(slice) });
            });
        }
    }

    /// The recordings start again, `gap` after the newest instant. Kernels with a memory forget.
    pub fn restart(&mut self, gap: Micros) {
        let end = self.now.unwrap_or(Stamp::from_micros(0));
        self.line.restart(end, gap);
        self.merge.reopen();
        self.decisions.restart();
        self.lanes.iter_mut().for_each(Lane::restart);
        (0..self.lanes.len()).for_each(|source| self.networks.restart(source));
    }

    /// Processes everything that is known to be next.
    fn drain(&mut self, out: &mut Vec<Message>) {
        while let Some((source, item)) = self.merge.pop() {
            self.process(source, item, out);
        }
    }

    fn process(&mut self, source: usize, item: At<Item>, out: &mut Vec<Message>) {
        let now = self.now.map_or(item.stamp, |now| now.max(item.stamp));
        self.now = Some(now);
        let live = self.alignment() == Alignment::Live;
        if !live {
            self.advance_cameras(now, out);
        }
        match item.value {
            Item::Radar(frame) => {
                self.radar(source, &At { stamp: item.stamp, value: frame }, out);
            }
            Item::Events(slice) => {
                self.events(source, &At { stamp: item.stamp, value: slice }, out);
            }
        }
        if !live {
            self.say_status(now, out); // live, the host's clock says when
        }
    }

    fn radar(&mut self, source: usize, frame: &At<RadarFrame>, out: &mut Vec<Message>) {
        let lane = &mut self.lanes[source];
        let Chain::Radar(chain) = &mut lane.chain else { return };
        let summary = chain.run(frame.stamp, &frame.value);
        out.push(message(&lane.name, frame.stamp, Payload::Radar(summary)));
        self.ask_radar(source, &frame.value);
        self.decide(frame.stamp, out);
    }

    fn events(&mut self, source: usize, slice: &At<EventSlice>, out: &mut Vec<Message>) {
        let Self { lanes, networks, decisions, counts, .. } = self;
        let Lane { name, chain: Chain::Event(_, chain), .. } = &mut lanes[source] else { return };
        let said = out.len();
        let network = networks.event.as_mut().filter(|(listened, _)| *listened == source);
        let mut network = network.filter(|_| decisions.has_lease(slice.stamp));
        chain.push(
            slice,
            |end, window, voxels| {
                let Some((_, network)) = &mut network else { return };
                if let Some(scores) = network.run(window, voxels, counts) {
                    networks.event_scores = Some((end, scores));
                }
            },
            |stamp, summary| out.push(message(name, stamp, Payload::Event(summary))),
        );
        if out.len() > said && !self.has_radar() {
            // Nobody else would say it: a subscriber must not be left with silence.
            self.decide(slice.stamp, out);
        }
    }

    /// Lets silent cameras say that nothing happened.
    fn advance_cameras(&mut self, now: Stamp<HostClock>, out: &mut Vec<Message>) {
        for lane in &mut self.lanes {
            if let Chain::Event(slicer, chain) = &mut lane.chain
                && let Some(lane_now) = chain.lane_time(now)
            {
                let name = &lane.name;
                // Its newest slice may still be waiting: only what is whole is told.
                chain.advance(slicer.whole_before(lane_now), &mut |stamp, summary| {
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
        let sensors = self
            .lanes
            .iter()
            .enumerate()
            .map(|(source, lane)| lane.status(self.line.clock(source, now).as_ref()))
            .collect();
        let status = Status {
            alignment: self.alignment(),
            sensors,
            bundle: self.networks.digest(),
            networks: self.networks.status(),
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

/// Refuses a bundle that was made for other chirps, other windows or other faces.
fn check_bundle(bundle: &Bundle, config: &Config, sources: &[Source]) -> Result<(), PlanError> {
    if let Some(identity) = &bundle.identity
        && identity.window_ms != config.decision.window_ms
    {
        let (is, must) = (config.decision.window_ms, identity.window_ms);
        return Err(PlanError::Network {
            folder: bundle.folder.clone(),
            role: "auth".to_owned(),
            problem: format!(
                "its scores were calibrated over {must} ms, and `decision.window-ms` is {is}; set \
                 it to {must}"
            ),
        });
    }
    for source in sources {
        let mismatches = match (&source.view, &bundle.radar, &bundle.event) {
            (View::Radar(chirp), Some(radar), _) => radar.mismatches(chirp),
            (View::Event(_), _, Some(event)) => event_mismatches(&config.event, event),
            (View::Radar(_), None, _) | (View::Event(_), _, None) => Vec::new(),
        };
        if !mismatches.is_empty() {
            return Err(PlanError::Bundle { name: source.name.clone(), mismatches });
        }
    }
    Ok(())
}

/// Everything in which the preparation of events differs from what networks learnt from, one line
/// each. A region that is fixed by hand is where the face is, however it is followed elsewhere.
fn event_mismatches(config: &EventConfig, bundle: &EventRequirement) -> Vec<String> {
    let line = |key: &str, is: &dyn std::fmt::Display, must: &dyn std::fmt::Display| {
        format!("{key} is {is}, the bundle was made for {must}")
    };
    let pairs = [
        ("window-ms", config.voxels.window_ms, bundle.window_ms),
        (
            "background-activity-us",
            config.denoise.background_activity_us,
            bundle.background_activity_us,
        ),
    ];
    let differ = pairs.iter().filter(|(_, is, must)| is != must);
    let mut lines: Vec<String> = differ.map(|(key, is, must)| line(key, is, must)).collect();
    // Numbers, which TOML can hold. What it could not would be missing, and refused.
    let face = toml::Table::try_from(&config.face).unwrap_or_default();
    for (key, must) in bundle.face.iter().filter(|(key, _)| key.as_str() != "region") {
        match face.get(key) {
            Some(is) if is == must => {}
            Some(is) => lines.push(line(&format!("face.{key}"), is, must)),
            None => lines.push(format!("face.{key} is not known, the bundle has {must}")),
        }
    }
    lines
}

fn message(source: &str, recorded: Stamp<HostClock>, payload: Payload) -> Message {
    Message { source: source.to_owned(), recorded, payload }
}
