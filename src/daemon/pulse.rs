//! What the daemon says of itself: hello once a second, health twice.

use std::fs;

use super::clock;
use crate::config::Config;
use crate::data::message::{
    Health, HealthState, Hello, Message, Payload, SensorName, SensorState, Status, Trouble,
};
use crate::units::{HostClock, Micros, Stamp};

const HELLO_PERIOD: Micros = Micros::from_millis(1_000);
const HEALTH_PERIOD: Micros = Micros::from_millis(500);

/// Inputs timed between two health messages; those beyond are not in the median.
const MOST_TIMED: usize = 4096;

/// Keeps what the two messages need, and says when they are due.
#[derive(Debug)]
pub(super) struct Pulse {
    hello: Hello,
    started: Stamp<HostClock>,
    next_hello: Stamp<HostClock>,
    next_health: Stamp<HostClock>,
    status: Option<Status>,
    /// How long the pipeline took for each input since the last health message, microseconds.
    took: Vec<i64>,
}

impl Pulse {
    pub(super) fn start(config: &Config) -> Self {
        let started = clock::now();
        let hello = Hello {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            host: host(),
            bundle: None,
            sensors: Vec::new(),
            topics: Vec::new(),
        };
        let mut pulse = Self {
            hello,
            started,
            next_hello: started,
            next_health: started,
            status: None,
            took: Vec::with_capacity(MOST_TIMED),
        };
        pulse.reconfigure(config);
        pulse
    }

    /// The daemon works by `config` from now on.
    pub(super) fn reconfigure(&mut self, config: &Config) {
        let name = |entry: &crate::config::SensorConfig| SensorName {
            name: entry.name.clone(),
            kind: entry.kind.clone(),
        };
        self.hello.sensors = config.sensors.iter().map(name).collect();
        self.status = None;
    }

    /// Takes notice of what the pipeline said.
    pub(super) fn see(&mut self, message: &Message) {
        if let Payload::Status(status) = &message.payload {
            self.hello.bundle.clone_from(&status.bundle);
            self.status = Some(status.clone());
        }
    }

    /// The pipeline took so long for one input.
    pub(super) fn time(&mut self, took: Micros) {
        if self.took.len() < MOST_TIMED {
            self.took.push(took.0);
        }
    }

    /// What is due at `now`; `topics` are those published so far, and whether all is recorded.
    pub(super) fn due(
        &mut self,
        now: Stamp<HostClock>,
        topics: &[String],
        recording: bool,
    ) -> Vec<Message> {
        let mut due = Vec::new();
        let mut say = |payload| {
            due.push(Message { source: Message::FUSED.to_owned(), recorded: now, payload });
        };
        if now >= self.next_health {
            self.next_health = now + HEALTH_PERIOD;
            say(Payload::Health(Health { recording, ..self.health(now) }));
        }
        if now >= self.next_hello {
            self.next_hello = now + HELLO_PERIOD;
            topics.clone_into(&mut self.hello.topics);
            say(Payload::Hello(self.hello.clone()));
        }
        due
    }

    fn health(&mut self, now: Stamp<HostClock>) -> Health {
        self.took.sort_unstable();
        #[expect(clippy::cast_precision_loss, reason = "a duration for people")]
        let millis = |took: Option<&i64>| took.map(|&micros| micros as f32 / 1e3);
        let (median, worst) = (self.took.get(self.took.len() / 2), self.took.last());
        let health = Health {
            state: self.state(),
            uptime_s: (now - self.started).as_seconds(),
            memory_bytes: memory(),
            pipeline_median_ms: millis(median),
            pipeline_worst_ms: millis(worst),
            recording: false,
            troubles: self.troubles(),
        };
        self.took.clear();
        health
    }

    fn state(&self) -> HealthState {
        let Some(status) = &self.status else { return HealthState::Degraded };
        let well = |state| matches!(state, SensorState::Streaming | SensorState::Ended);
        if status.sensors.iter().all(|sensor| well(sensor.state)) {
            HealthState::Well
        } else if status
            .sensors
            .iter()
            .all(|sensor| matches!(sensor.state, SensorState::Lost | SensorState::Starting))
        {
            HealthState::Failing
        } else {
            HealthState::Degraded
        }
    }

    fn troubles(&self) -> Vec<Trouble> {
        let sensors = self.status.iter().flat_map(|status| &status.sensors);
        let unwell = sensors
            .filter(|sensor| !matches!(sensor.state, SensorState::Streaming | SensorState::Ended));
        unwell
            .map(|sensor| Trouble {
                sensor: sensor.name.clone(),
                state: sensor.state,
                trouble: sensor.trouble,
            })
            .collect()
    }
}

fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}

/// Resident memory in bytes, 0 without `/proc`.
fn memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kibibytes.unwrap_or(0).saturating_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Counts;
    use crate::data::message::{Alignment, SensorStatus, SensorTrouble};

    fn status(states: &[SensorState]) -> Message {
        let sensor = |&state: &SensorState| SensorStatus {
            name: "sensor".to_owned(),
            state,
            trouble: (state == SensorState::Lost).then_some(SensorTrouble::Silent),
            clock: None,
            frame_period_us: None,
            received: 0,
            counts: Counts::default(),
        };
        let status = Status {
            alignment: Alignment::Live,
            sensors: states.iter().map(sensor).collect(),
            bundle: None,
            networks: Vec::new(),
            dropped: Counts::default(),
            filtered: Counts::default(),
        };
        let payload = Payload::Status(status);
        Message { source: Message::FUSED.to_owned(), recorded: Stamp::from_micros(0), payload }
    }

    fn state_after(states: &[SensorState]) -> (HealthState, usize) {
        let mut pulse = Pulse::start(&Config::default());
        pulse.see(&status(states));
        (pulse.state(), pulse.troubles().len())
    }

    #[test]
    fn one_word_says_how_the_sensors_are() {
        use SensorState::{Degraded, Lost, Streaming};
        assert_eq!(state_after(&[Streaming, Streaming]), (HealthState::Well, 0));
        assert_eq!(state_after(&[Streaming, Degraded]), (HealthState::Degraded, 1));
        assert_eq!(state_after(&[Streaming, Lost]), (HealthState::Degraded, 1));
        assert_eq!(state_after(&[Lost, Lost]), (HealthState::Failing, 2));
    }

    #[test]
    fn hello_comes_once_a_second_and_health_twice() {
        let mut pulse = Pulse::start(&Config::default());
        let start = pulse.started;
        let said: Vec<_> = (0..100)
            .flat_map(|tick| pulse.due(start + Micros::from_millis(tick * 50), &[], false))
            .collect();
        let count = |stream| said.iter().filter(|m| m.payload.stream() == stream).count();
        assert_eq!((count("hello"), count("health")), (5, 10));
    }
}
