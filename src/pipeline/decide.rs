//! From what the chains saw to what is said about the person.

use crate::data::message::{
    Alignment, Identity, IdentityState, Liveness, Message, Payload, SensorState,
};
use crate::data::score::{EventScores, ExpressionCalibration, RadarScores};
use crate::data::{Counts, LockoutRecord, RadarFrame};
use crate::fusion::{
    self, Agreement, ExpressionStage, IdentityGate, Means, Now, Observation, Said, alive,
};
use crate::units::{BootClock, HostClock, Meters, Micros, Stamp};

use super::networks::Question;
use super::radar::Glance;
use super::{Chain, Lane, Pipeline, message};

/// Age of its newest frame from which a radar no longer sets the pace: cameras take over and say
/// that it is lost.
const SILENCE: Micros = Micros::from_millis(500);

/// Everything that decides, with what it must remember between two frames.
pub(super) struct Decisions {
    farthest: Meters,
    identity: IdentityGate,
    expression: ExpressionStage,
    agreement: Agreement,
    /// The newest radar frame that was decided with.
    newest: Option<Stamp<HostClock>>,
    /// As told from outside; in a replay nobody tells, and recorded time stands in.
    boot: Option<Stamp<BootClock>>,
    /// The record as it was last handed out.
    handed: LockoutRecord,
}

/// What was seen and computed since the last decision.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Heard {
    /// A new frame of the first radar.
    pub(super) glance: Option<Glance>,
    /// What the radar's networks say of it.
    pub(super) radar: Option<RadarScores>,
    /// What the event network says of a window that has ended.
    pub(super) event: Option<(Stamp<HostClock>, EventScores)>,
    /// Events in the face region since the frame before, where a camera delivers on a clock that
    /// can be compared with the radar's.
    pub(super) in_face: Option<u64>,
    /// True while the first radar has ended or is lost.
    pub(super) is_lost: bool,
}

impl Decisions {
    /// For a `config` that was checked.
    pub(super) fn plan(
        config: &fusion::Config,
        means: &Means,
        expressions: Option<ExpressionCalibration>,
    ) -> Self {
        let identity = IdentityGate::new(config, means);
        Self {
            farthest: Meters(config.farthest_m),
            handed: identity.record(),
            identity,
            expression: ExpressionStage::new(&config.expression, expressions),
            agreement: Agreement::new(),
            newest: None,
            boot: None,
        }
    }

    /// What is said at `now`, where `breath` is what respiration says about liveness. What cannot be
    /// used is counted.
    pub(super) fn decide(
        &mut self,
        now: Stamp<HostClock>,
        breath: Liveness,
        heard: &Heard,
        counts: &mut Counts,
    ) -> (Identity, Said) {
        let boot = self.boot.unwrap_or(Stamp::from_micros(now.as_micros()));
        if heard.is_lost {
            self.identity.lose();
            self.agreement.restart();
        }
        if let Some(glance) = &heard.glance {
            self.compare_motion(glance, heard.in_face);
            let liveness = alive(breath, self.agreement.state(glance.stamp));
            let stranger = heard.radar.map(|scores| scores.stranger);
            counts.add("score-not-finite", u64::from(stranger.is_some_and(|s| !s.is_finite())));
            let has_echo = self.has_echo(glance);
            let seen = Observation { is_usable: glance.is_whole, has_echo, stranger };
            self.identity.push(Now { host: glance.stamp, boot }, &seen, liveness);
            self.newest = Some(glance.stamp);
        }
        let expression = heard.radar.and_then(|scores| scores.expression);
        let refused = [
            expression.and_then(|scores| self.expression.radar(now, &scores).err()),
            heard.event.and_then(|(stamp, scores)| self.expression.event(stamp, &scores).err()),
        ];
        for refused in refused.into_iter().flatten() {
            counts.add(refused.reason(), 1);
        }
        let liveness = alive(breath, self.agreement.state(now));
        let identity = self.identity.decide(Now { host: now, boot }, liveness);
        let said = self.expression.decide(now, identity.state == IdentityState::Enrolled);
        (identity, said)
    }

    /// What the radar's networks are to be asked about the frame of `glance`, which was not decided
    /// with yet.
    pub(super) fn question(&mut self, glance: &Glance) -> Question {
        let boot = self.boot.unwrap_or(Stamp::from_micros(glance.stamp.as_micros()));
        let now = Now { host: glance.stamp, boot };
        let has_echo = self.has_echo(glance);
        if !glance.is_whole {
            Question::Nothing
        } else if !self.identity.sees_somebody(now, has_echo) {
            Question::Nobody
        } else if !self.identity.wants_score(now) {
            Question::Nothing
        } else if self.has_lease(glance.stamp) {
            Question::IdentityAndExpression
        } else {
            Question::Identity
        }
    }

    /// True if a lease holds at `now`, as far as it was decided.
    pub(super) fn has_lease(&self, now: Stamp<HostClock>) -> bool {
        self.identity.lease().holds(now)
    }

    /// True if something moves near enough to be somebody.
    fn has_echo(&self, glance: &Glance) -> bool {
        glance.targets.iter().flatten().any(|range| *range <= self.farthest)
    }

    /// Compares the radar's motion with the camera's since the frame before.
    fn compare_motion(&mut self, glance: &Glance, in_face: Option<u64>) {
        let span = self.newest.map(|before| (glance.stamp - before).as_seconds());
        match (glance.motion, in_face, span.filter(|span| *span > 0.0)) {
            (Some(energy), Some(events), Some(span)) => {
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "a rate needs no more than 52 bits"
                )]
                self.agreement.push(glance.stamp, energy, events as f64 / span);
            }
            (None, ..) | (_, None, _) => self.agreement.restart(),
            (_, _, None) => {}
        }
    }

    /// The clock that lockouts go by shows `now`.
    pub(super) const fn tell_boot_time(&mut self, now: Stamp<BootClock>) {
        self.boot = Some(now);
    }

    /// Goes on from the lockout that an earlier run has left behind.
    pub(super) fn resume(&mut self, record: LockoutRecord) {
        self.identity.resume(record);
        self.handed = record;
    }

    /// The recordings start again. The lockout stays.
    pub(super) fn restart(&mut self) {
        self.identity.restart();
        self.agreement.restart();
        self.newest = None;
    }
}

impl Pipeline {
    /// What of the lockout must outlive a restart, if it has changed since the last call. To be
    /// stored before the messages that came with it are sent.
    pub fn lockout_to_store(&mut self) -> Option<LockoutRecord> {
        let record = self.decisions.identity.record();
        let before = std::mem::replace(&mut self.decisions.handed, record);
        (record != before).then_some(record)
    }

    /// Says who is there, what their face shows, and which expression has ended.
    pub(super) fn decide(&mut self, now: Stamp<HostClock>, out: &mut Vec<Message>) {
        self.decided = Some(now);
        let breath = self.liveness(now);
        let heard = self.hear();
        let (identity, said) = self.decisions.decide(now, breath, &heard, &mut self.counts);
        out.push(message(Message::FUSED, now, Payload::Identity(identity)));
        let expression = said.expression.map(Payload::Expression);
        let interval = said.interval.map(Payload::Interval);
        let payloads = expression.into_iter().chain(interval);
        out.extend(payloads.map(|payload| message(Message::FUSED, now, payload)));
    }

    /// Asks the radar's networks about the frame of sensor `source` that its chain has just seen.
    pub(super) fn ask_radar(&mut self, source: usize, frame: &RadarFrame) {
        let Some((listened, networks)) = &mut self.networks.radar else { return };
        let lane = &self.lanes[source];
        let Chain::Radar(chain) = &lane.chain else { return };
        if *listened == source {
            // A radar that loses data or whose clock is not known is no ground for a lease.
            let glance = chain.glance().filter(|_| lane.state != SensorState::Degraded);
            let question =
                glance.map_or(Question::Nothing, |glance| self.decisions.question(glance));
            self.networks.radar_scores = networks.run(frame, question, &mut self.counts);
        }
    }

    /// Takes what the chains have seen and the networks have said. Identity rests on the first radar; a second one only helps
    /// to see breath.
    fn hear(&mut self) -> Heard {
        let event = self.networks.event_scores.take();
        let mut heard = Heard { event, ..Heard::default() };
        let is_radar = |lane: &&mut Lane| matches!(lane.chain, Chain::Radar(_));
        let Some(lane) = self.lanes.iter_mut().find(is_radar) else { return heard };
        heard.is_lost = !lane.sets_the_pace();
        let Chain::Radar(chain) = &mut lane.chain else { return heard };
        let Some(mut glance) = chain.take_glance() else { return heard };
        // A radar that loses data or whose clock is not known is no ground for a lease.
        glance.is_whole &= lane.state != SensorState::Degraded;
        heard.glance = Some(glance);
        heard.radar = self.networks.radar_scores.take();
        let mut in_face = None;
        for lane in self.lanes.iter_mut().filter(|lane| lane.delivers()) {
            if let Chain::Event(_, chain) = &mut lane.chain {
                *in_face.get_or_insert(0) += chain.take_in_face();
            }
        }
        // Recordings that are aligned at their starts may be seconds apart.
        heard.in_face = in_face.filter(|_| self.alignment() != Alignment::Starts);
        heard
    }

    /// True while a radar sets the pace of decisions.
    pub(super) fn has_radar(&self) -> bool {
        let is_heard = match (self.now, self.decisions.newest) {
            (Some(now), Some(newest)) => now - newest <= SILENCE,
            _ => false,
        };
        let sets_the_pace =
            |lane: &Lane| matches!(lane.chain, Chain::Radar(_)) && lane.sets_the_pace();
        is_heard && self.lanes.iter().any(sets_the_pace)
    }

    /// What the radar that sees most says about breath.
    fn liveness(&self, now: Stamp<HostClock>) -> Liveness {
        let radars = self.lanes.iter().filter_map(|lane| match &lane.chain {
            Chain::Radar(chain) => Some(chain.liveness(now)),
            Chain::Event(..) => None,
        });
        radars.max().unwrap_or(Liveness::Insufficient)
    }
}

#[cfg(test)]
mod tests;
