//! When recorded things happen on the host's clock, and what a device's own clock shows then.

use std::sync::{Arc, Mutex, PoisonError};

use visaged::units::{HostClock, Micros, Stamp};

/// From the moment the last device was greeted to recorded time zero.
const LEAD: Micros = Micros::from_millis(100);

/// The recorded time of devices that play together: it starts once a host has greeted all of them,
/// so that none misses the beginning.
#[derive(Debug)]
pub struct Stage {
    speed: f64,
    state: Mutex<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    devices: usize,
    start: Option<Stamp<HostClock>>,
}

impl Stage {
    /// A stage for so many devices, on which recorded time passes `speed` times as fast as the
    /// host's. The devices stamp what happens with their own clocks all the same.
    #[must_use]
    pub fn new(devices: usize, speed: f64) -> Arc<Self> {
        let state = Mutex::new(Waiting { devices, start: None });
        Arc::new(Self { speed, state })
    }

    /// A device is ready, which it says once; the last one starts the play.
    pub fn enter(&self, now: Stamp<HostClock>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.devices = state.devices.saturating_sub(1);
        if state.devices == 0 && state.start.is_none() {
            state.start = Some(now + LEAD);
        }
    }

    /// When recorded time zero was or will be; `None` while a device is missing.
    #[must_use]
    pub fn start(&self) -> Option<Stamp<HostClock>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).start
    }

    /// When `recorded` happens on the host's clock.
    #[must_use]
    pub fn host_time(&self, recorded: Micros) -> Option<Stamp<HostClock>> {
        Some(self.start()? + scaled(recorded, 1.0 / self.speed))
    }

    /// How long the recorded span takes on the host's clock.
    #[must_use]
    pub fn host_span(&self, recorded: Micros) -> Micros {
        scaled(recorded, 1.0 / self.speed)
    }
}

/// A device's own clock: it starts at zero with each boot and runs fast or slow.
#[derive(Debug, Clone, Copy)]
pub struct DeviceClock {
    boot: Stamp<HostClock>,
    offset: Micros,
    drift_ppm: f64,
}

impl DeviceClock {
    /// A clock that shows `offset` at `boot` and gains `drift_ppm` microseconds a second.
    #[must_use]
    pub const fn new(boot: Stamp<HostClock>, offset: Micros, drift_ppm: f64) -> Self {
        Self { boot, offset, drift_ppm }
    }

    /// What it shows at `host`; zero before its zero.
    #[must_use]
    pub fn at(&self, host: Stamp<HostClock>) -> u64 {
        let since = host - self.boot;
        let shown = since.0 + self.offset.0 + scaled(since, self.drift_ppm * 1e-6).0;
        u64::try_from(shown).unwrap_or(0)
    }

    /// The device boots at `now`: its clock starts at zero.
    #[must_use]
    pub const fn reboot(self, now: Stamp<HostClock>) -> Self {
        Self { boot: now, offset: Micros(0), drift_ppm: self.drift_ppm }
    }
}

/// `span` times `factor`, to the nearest microsecond; exact where the factor is 1.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "spans are far below 2^53 microseconds, and `as` saturates"
)]
fn scaled(span: Micros, factor: f64) -> Micros {
    Micros((span.0 as f64 * factor).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Stamp<HostClock> = Stamp::from_micros(43_200_000_000);

    #[test]
    fn recorded_time_starts_when_the_last_device_is_ready() {
        let stage = Stage::new(2, 2.0);
        stage.enter(NOON);
        assert_eq!(stage.host_time(Micros(0)), None);
        stage.enter(NOON + Micros(500));
        let start = NOON + Micros(500) + LEAD;
        assert_eq!(stage.host_time(Micros(0)), Some(start));
        assert_eq!(stage.host_time(Micros(1_000)), Some(start + Micros(500)));
    }

    #[test]
    fn a_fast_clock_gains_two_milliseconds_in_ten_seconds_at_200_ppm() {
        let clock = DeviceClock::new(NOON, Micros(7), 200.0);
        assert_eq!(clock.at(NOON), 7);
        assert_eq!(clock.at(NOON + Micros(10_000_000)), 10_002_007);
        assert_eq!(clock.reboot(NOON + Micros(50)).at(NOON + Micros(50)), 0);
    }
}
