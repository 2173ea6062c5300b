//! One sensor's way through the pipeline, and whether the sensor is well.

use crate::data::message::{ClockState, SensorState, SensorStatus, SensorTrouble};
use crate::data::{Counts, Epoch, Loss, Source, View};
use crate::sync::Slicer;
use crate::sync::clock::{ClockStatus, PeriodEstimate};
use crate::units::{HostClock, Meters, Micros, RadarClock, Seconds, Stamp};

use super::event::EventChain;
use super::radar::RadarChain;
use super::{Config, PlanError};

/// A live sensor that has said nothing for this long is lost. With a look at the clock every 50 ms
/// that is flagged within 500 ms.
const SILENCE: Micros = Micros::from_millis(400);

/// A slow radar may miss this many frames before it is lost.
const MISSED_FRAMES: f64 = 4.0;

/// A crystal is this good, parts per million: a frame period farther off was set by somebody.
const TRUSTED_PPM: f64 = 1_000.0;

/// How long a sensor counts as degraded after a loss.
const LOSS_MEMORY: Micros = Micros::from_millis(1_000);

/// A sensor's kernels, and what is known of its health.
pub(super) struct Lane {
    pub(super) name: String,
    pub(super) chain: Chain,
    pub(super) state: SensorState,
    pub(super) received: u64,
    trouble: Option<SensorTrouble>,
    /// What the decoder reported last, and what earlier rounds of a repeated recording came to.
    counts: Counts,
    earlier: Counts,
    /// Of a live sensor.
    live: Option<Live>,
}

/// The kernels of a lane.
#[expect(clippy::large_enum_variant, reason = "there is a handful of them, made once")]
pub(super) enum Chain {
    Radar(RadarChain),
    Event(Slicer, EventChain),
}

/// When a live sensor was heard and when it lost something.
struct Live {
    patience: Micros,
    heard: Option<Stamp<HostClock>>,
    loss: Option<Stamp<HostClock>>,
    /// Counts when they were last judged.
    judged: Counts,
    /// Of a radar.
    period: Option<PeriodEstimate<RadarClock>>,
}

impl Lane {
    pub(super) fn plan(config: &Config, source: &Source) -> Result<Self, PlanError> {
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
        let live = || Live {
            patience: patience(&source.view),
            heard: None,
            loss: None,
            judged: Counts::default(),
            period: match &source.view {
                View::Radar(chirp) => Some(PeriodEstimate::new(chirp.frame_period)),
                View::Event(_) => None,
            },
        };
        Ok(Self {
            name: source.name.clone(),
            chain,
            state: SensorState::Starting,
            received: 0,
            trouble: None,
            counts: Counts::default(),
            earlier: Counts::default(),
            live: (source.epoch == Epoch::Live).then(live),
        })
    }

    /// True while the sensor delivers.
    pub(super) const fn delivers(&self) -> bool {
        matches!(self.state, SensorState::Streaming | SensorState::Degraded)
    }

    /// True unless the sensor has ended or is lost: decisions follow its frames.
    pub(super) const fn sets_the_pace(&self) -> bool {
        !matches!(self.state, SensorState::Ended | SensorState::Lost)
    }

    /// Something of it came at `arrival`; a recording's readings come when they are read.
    pub(super) fn heard(&mut self, arrival: Option<Stamp<HostClock>>) {
        if let Some(live) = &mut self.live {
            live.heard = arrival;
        }
        if !self.delivers() {
            (self.state, self.trouble) = (SensorState::Streaming, None);
        }
    }

    /// A frame of a live radar bears `number` and `stamp`: its period is measured, and trusted more
    /// than the configuration.
    pub(super) fn time_frame(&mut self, number: u64, stamp: Stamp<RadarClock>) {
        let Some(estimate) = self.live.as_mut().and_then(|live| live.period.as_mut()) else {
            return;
        };
        #[expect(clippy::cast_possible_truncation, reason = "the estimate lets numbers wrap")]
        estimate.push(number as u32, stamp);
        if let (Some(period), Chain::Radar(chain)) = (estimate.period(), &mut self.chain)
            && period.deviation_ppm.abs() > TRUSTED_PPM
        {
            chain.set_frame_period(Seconds(period.measured_us / 1e6));
        }
    }

    /// What its decoder has refused since it was opened.
    pub(super) fn report(&mut self, counts: Counts) {
        self.counts = counts;
    }

    /// A live sensor cannot be read.
    pub(super) fn lose(&mut self, loss: Loss) {
        self.state = SensorState::Lost;
        self.trouble = Some(match loss {
            Loss::Absent => SensorTrouble::Absent,
            Loss::Protocol => SensorTrouble::Protocol,
            Loss::Configuration => SensorTrouble::Configuration,
            Loss::Hung => SensorTrouble::Hung,
        });
    }

    /// Judges a live sensor at `now`, whose clock is known as `clock` says.
    pub(super) fn judge(&mut self, now: Stamp<HostClock>, clock: Option<&ClockStatus>) {
        let Some(live) = &mut self.live else { return };
        if live.judged != self.counts {
            live.judged.clone_from(&self.counts);
            live.loss = Some(now);
        }
        let delivers = matches!(self.state, SensorState::Streaming | SensorState::Degraded);
        let (true, Some(heard)) = (delivers, live.heard) else { return };
        let lossy = live.loss.is_some_and(|loss| now - loss < LOSS_MEMORY);
        let trouble = match clock.map(|clock| clock.state) {
            _ if now - heard > live.patience => Some(SensorTrouble::Silent),
            _ if lossy => Some(SensorTrouble::LosingData),
            Some(ClockState::Unsynced) => Some(SensorTrouble::ClockUnsynced),
            Some(ClockState::Holdover) => Some(SensorTrouble::ClockHoldover),
            Some(ClockState::Locked) | None => None,
        };
        self.state = match trouble {
            Some(SensorTrouble::Silent) => SensorState::Lost,
            Some(_) => SensorState::Degraded,
            None => SensorState::Streaming,
        };
        self.trouble = trouble;
    }

    /// State and trouble, to see whether they change.
    pub(super) const fn health(&self) -> (SensorState, Option<SensorTrouble>) {
        (self.state, self.trouble)
    }

    /// The sensor's time begins anew: kernels with a memory forget.
    pub(super) fn forget(&mut self) {
        match &mut self.chain {
            Chain::Radar(chain) => chain.restart(),
            Chain::Event(_, chain) => chain.restart(),
        }
    }

    /// Its recording starts again.
    pub(super) fn restart(&mut self) {
        self.state = SensorState::Starting;
        self.earlier.merge(&std::mem::take(&mut self.counts));
        self.forget();
    }

    pub(super) fn status(&self, clock: Option<&ClockStatus>) -> SensorStatus {
        let mut counts = self.earlier.clone();
        counts.merge(&self.counts);
        SensorStatus {
            name: self.name.clone(),
            state: self.state,
            trouble: self.trouble,
            clock: clock.map(ClockStatus::report),
            frame_period_us: self.measured_period(),
            received: self.received,
            counts,
        }
    }
}

impl Lane {
    fn measured_period(&self) -> Option<f64> {
        let estimate = self.live.as_ref()?.period.as_ref()?;
        estimate.period().map(|period| period.measured_us)
    }
}

/// How long a live sensor may be silent.
fn patience(view: &View) -> Micros {
    match view {
        View::Radar(chirp) => {
            let frames = Seconds(chirp.frame_period.0 * MISSED_FRAMES);
            frames.to_micros().max(SILENCE)
        }
        View::Event(_) => SILENCE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{ChirpConfig, Geometry};

    fn lane(view: View) -> Lane {
        let source = Source { name: "sensor".into(), view, epoch: Epoch::Live };
        Lane::plan(&Config::default(), &source).unwrap()
    }

    fn camera() -> Lane {
        lane(View::Event(Geometry { width: 8, height: 8 }))
    }

    fn at(millis: i64) -> Stamp<HostClock> {
        Stamp::from_micros(millis * 1000)
    }

    #[test]
    fn a_silent_sensor_is_lost_within_half_a_second_and_well_when_it_speaks() {
        let mut lane = camera();
        lane.heard(Some(at(1_000)));
        lane.judge(at(1_400), None);
        assert_eq!(lane.health(), (SensorState::Streaming, None));
        lane.judge(at(1_450), None);
        assert_eq!(lane.health(), (SensorState::Lost, Some(SensorTrouble::Silent)));
        lane.heard(Some(at(2_000)));
        lane.judge(at(2_010), None);
        assert_eq!(lane.health(), (SensorState::Streaming, None));
    }

    #[test]
    fn a_slow_radar_may_miss_four_frames() {
        let mut chirp = ChirpConfig::food();
        chirp.frame_period = Seconds(0.5);
        let mut lane = lane(View::Radar(chirp));
        lane.heard(Some(at(0)));
        lane.judge(at(2_000), None);
        assert_eq!(lane.health(), (SensorState::Streaming, None));
        lane.judge(at(2_001), None);
        assert_eq!(lane.health(), (SensorState::Lost, Some(SensorTrouble::Silent)));
    }

    #[test]
    fn a_loss_is_remembered_for_a_second() {
        let mut lane = camera();
        lane.heard(Some(at(0)));
        let mut counts = Counts::default();
        counts.add("frame-incomplete", 1);
        lane.report(counts);
        lane.judge(at(10), None);
        assert_eq!(lane.health(), (SensorState::Degraded, Some(SensorTrouble::LosingData)));
        lane.heard(Some(at(1_000)));
        lane.judge(at(1_009), None);
        assert_eq!(lane.state, SensorState::Degraded);
        lane.judge(at(1_010), None);
        assert_eq!(lane.health(), (SensorState::Streaming, None));
    }

    #[test]
    fn the_reason_of_a_loss_stays_until_the_sensor_is_heard() {
        let mut lane = camera();
        lane.lose(Loss::Configuration);
        lane.judge(at(60_000), None);
        assert_eq!(lane.health(), (SensorState::Lost, Some(SensorTrouble::Configuration)));
        lane.heard(Some(at(60_001)));
        assert_eq!(lane.health(), (SensorState::Streaming, None));
    }
}
