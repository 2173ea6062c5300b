//! What the guide has to know of the sensors, out of what the pipeline says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::Sender;

use crate::data::message::{Alignment, Message, Payload, SensorState, SensorTrouble, Status};
use crate::units::{HostClock, Micros, Stamp};

/// How long a sensor may be silent: a camera sees nothing of who waits for a cue, and a cable that
/// hesitates costs a few frames, which its counts tell.
const STILL: Micros = Micros::from_millis(2_000);

/// Something that the guide has to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum News {
    /// These sensors have delivered nothing yet.
    Missing(String),
    /// All sensors deliver; the first reading of the radar, or of the camera if there is none, was
    /// then.
    Begun(Stamp<HostClock>),
    /// A sensor is lost, in words.
    Lost(String),
}

/// Reads messages and tells what is new.
pub(super) struct Watch {
    tell: Sender<News>,
    missing: BTreeSet<String>,
    /// Whether sensors are live; unknown before the first status.
    is_live: Option<bool>,
    radar: Option<First>,
    camera: Option<First>,
    has_begun: bool,
    /// Since when a sensor is silent.
    still: BTreeMap<String, Stamp<HostClock>>,
}

/// When something was first heard.
#[derive(Clone, Copy)]
struct First {
    /// On the time line of the messages: the host's clock if sensors are live.
    recorded: Stamp<HostClock>,
    seen: Stamp<HostClock>,
}

impl Watch {
    /// Waits for the sensors with these names.
    pub(super) fn new(sensors: impl IntoIterator<Item = String>, tell: Sender<News>) -> Self {
        Self {
            tell,
            missing: sensors.into_iter().collect(),
            is_live: None,
            radar: None,
            camera: None,
            has_begun: false,
            still: BTreeMap::new(),
        }
    }

    /// Takes a message that is said `now`.
    pub(super) fn see(&mut self, message: &Message, now: Stamp<HostClock>) {
        let first = First { recorded: message.recorded, seen: now };
        match &message.payload {
            Payload::Radar(_) => {
                self.radar.get_or_insert(first);
                self.delivers(&message.source);
            }
            Payload::Event(_) => {
                self.camera.get_or_insert(first);
                self.delivers(&message.source);
            }
            Payload::Status(status) => self.judge(status, now),
            Payload::Identity(_)
            | Payload::Expression(_)
            | Payload::Interval(_)
            | Payload::Health(_)
            | Payload::Hello(_) => {}
        }
    }

    fn delivers(&mut self, sensor: &str) {
        self.missing.remove(sensor);
        self.begin();
    }

    /// Says that all deliver, once they do.
    fn begin(&mut self) {
        let (Some(is_live), Some(first)) = (self.is_live, self.radar.or(self.camera)) else {
            return;
        };
        if self.missing.is_empty() && !self.has_begun {
            self.has_begun = true;
            self.tell(News::Begun(if is_live { first.recorded } else { first.seen }));
        }
    }

    fn judge(&mut self, status: &Status, now: Stamp<HostClock>) {
        self.is_live = Some(status.alignment == Alignment::Live);
        self.begin();
        if !self.has_begun {
            let missing: Vec<&str> = self.missing.iter().map(String::as_str).collect();
            return self.tell(News::Missing(missing.join(", ")));
        }
        for sensor in &status.sensors {
            if sensor.state != SensorState::Lost {
                self.still.remove(&sensor.name);
                continue;
            }
            if sensor.trouble == Some(SensorTrouble::Silent) {
                let since = *self.still.entry(sensor.name.clone()).or_insert(now);
                if now - since < STILL {
                    continue;
                }
            }
            let why = match sensor.trouble {
                Some(SensorTrouble::Absent) => "it is not there",
                Some(SensorTrouble::Protocol) => "it does not speak the configured protocol",
                Some(SensorTrouble::Configuration) => "it runs with another configuration",
                Some(SensorTrouble::Hung) => "its driver hangs",
                _ => "it has fallen silent",
            };
            self.tell(News::Lost(format!("sensor `{}` was lost: {why}", sensor.name)));
        }
    }

    fn tell(&self, news: News) {
        // A guide that has ended wants no news.
        drop(self.tell.send(news));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};

    use super::*;
    use crate::data::Counts;
    use crate::data::message::{EventSummary, RadarSummary, RegionPixels, SensorStatus};

    fn at(millis: i64) -> Stamp<HostClock> {
        Stamp::from_micros(millis * 1000)
    }

    fn watch() -> (Watch, Receiver<News>) {
        let (tell, told) = channel();
        (Watch::new(["radar".to_owned(), "camera".to_owned()], tell), told)
    }

    fn said(source: &str, recorded: i64, payload: Payload) -> Message {
        Message { source: source.to_owned(), recorded: at(recorded), payload }
    }

    fn radar(recorded: i64) -> Message {
        let (moving, slow, respiration) = (None, None, None);
        let summary = RadarSummary { frame: 0, moving, slow, respiration, has_holes: false };
        said("radar", recorded, Payload::Radar(summary))
    }

    fn camera(recorded: i64) -> Message {
        let region = RegionPixels { x: 0, y: 0, width: 8, height: 8 };
        let summary = EventSummary {
            window_us: 100_000,
            events: 1,
            kept: 1,
            triggers: 0,
            on_fraction: None,
            rate_mev_s: 0.0,
            region,
            non_monotonic: false,
        };
        said("camera", recorded, Payload::Event(summary))
    }

    fn status(alignment: Alignment, camera: SensorState, trouble: SensorTrouble) -> Message {
        let sensor = |name: &str, state, trouble| SensorStatus {
            name: name.to_owned(),
            state,
            trouble,
            clock: None,
            frame_period_us: None,
            received: 0,
            counts: Counts::default(),
        };
        let status = Status {
            alignment,
            sensors: vec![
                sensor("radar", SensorState::Streaming, None),
                sensor("camera", camera, Some(trouble)),
            ],
            bundle: None,
            networks: Vec::new(),
            dropped: Counts::default(),
            filtered: Counts::default(),
        };
        said(Message::FUSED, 0, Payload::Status(status))
    }

    fn starting() -> Message {
        status(Alignment::Live, SensorState::Starting, SensorTrouble::Silent)
    }

    #[test]
    fn a_session_begins_at_the_first_frame_once_every_sensor_has_delivered() {
        let (mut watch, told) = watch();
        watch.see(&starting(), at(10));
        watch.see(&radar(1_000), at(1_200));
        watch.see(&starting(), at(1_210));
        watch.see(&radar(1_050), at(1_250));
        watch.see(&camera(1_400), at(1_600));
        watch.see(&camera(1_500), at(1_700));
        let news: Vec<News> = told.try_iter().collect();
        let missing = |names: &str| News::Missing(names.to_owned());
        assert_eq!(news, [missing("camera, radar"), missing("camera"), News::Begun(at(1_000))]);
    }

    #[test]
    fn recordings_begin_when_they_are_seen_because_their_time_is_another() {
        let (mut watch, told) = watch();
        watch.see(&radar(0), at(9_000));
        watch.see(&camera(100), at(9_100));
        assert!(told.try_recv().is_err(), "before a status nobody knows whether sensors are live");
        watch.see(
            &status(Alignment::Starts, SensorState::Streaming, SensorTrouble::Silent),
            at(9_200),
        );
        assert_eq!(told.try_recv(), Ok(News::Begun(at(9_000))));
    }

    #[test]
    fn a_sensor_may_be_silent_for_two_seconds_and_may_not_be_unplugged() {
        let (mut watch, told) = watch();
        watch.see(&radar(0), at(0));
        watch.see(&camera(0), at(0));
        watch.see(&starting(), at(0));
        let lost = |trouble| status(Alignment::Live, SensorState::Lost, trouble);
        for (now, is_silent) in
            [(500, true), (2_400, true), (2_450, false), (2_500, true), (4_400, true)]
        {
            let state = if is_silent { SensorState::Lost } else { SensorState::Streaming };
            watch.see(&status(Alignment::Live, state, SensorTrouble::Silent), at(now));
        }
        assert_eq!(told.try_iter().count(), 1, "only the beginning was told");
        watch.see(&lost(SensorTrouble::Silent), at(4_500));
        let news: Vec<News> = told.try_iter().collect();
        assert_eq!(news, [News::Lost("sensor `camera` was lost: it has fallen silent".to_owned())]);
        watch.see(&lost(SensorTrouble::Absent), at(4_600));
        let news: Vec<News> = told.try_iter().collect();
        assert_eq!(news, [News::Lost("sensor `camera` was lost: it is not there".to_owned())]);
    }
}
