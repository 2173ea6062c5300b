//! The only place that reads a clock.

use std::fs;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::units::{BootClock, HostClock, Micros, Stamp};

/// Now, on the host's monotonic clock (`CLOCK_MONOTONIC`, shared by all processes of the machine).
#[must_use]
pub fn now() -> Stamp<HostClock> {
    Stamp::from_micros(micros(ClockId::Monotonic))
}

/// Now, on the clock that runs since the machine was switched on (`CLOCK_BOOTTIME`), asleep or not.
#[must_use]
pub fn since_boot() -> Stamp<BootClock> {
    Stamp::from_micros(micros(ClockId::Boottime))
}

fn micros(clock: ClockId) -> i64 {
    let time = clock_gettime(clock);
    time.tv_sec.saturating_mul(1_000_000).saturating_add(time.tv_nsec / 1_000)
}

/// What to add to the host's monotonic clock to get Unix time, as both are now.
#[must_use]
pub fn unix_offset() -> Micros {
    Micros(unix().saturating_sub(now().as_micros()))
}

/// Unix time, microseconds.
#[must_use]
pub fn unix() -> i64 {
    micros(ClockId::Realtime)
}

/// The id of this boot of the machine, which every process of it can read; zeros without `/proc`.
#[must_use]
pub fn machine_boot_id() -> [u8; 16] {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let id = u128::from_str_radix(&text.trim().replace('-', ""), 16);
    id.map_or([0; 16], u128::to_be_bytes)
}

/// An id that differs after each start of the daemon.
#[must_use]
pub fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/uuid").map_or_else(
        // Without /proc the start time and process id are unique enough to tell two starts apart.
        |_| format!("{:x}-{:x}", now().as_micros(), std::process::id()),
        |id| id.trim().to_owned(),
    )
}

/// Plays recorded time against the monotonic clock.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    started: Stamp<HostClock>,
    first: Option<i64>,
}

impl Pace {
    /// Recorded time starts to run now, at the first instant asked for.
    #[must_use]
    pub fn start() -> Self {
        Self { started: now(), first: None }
    }

    /// How long to wait until the recorded instant `micros` is due; zero if it is over.
    pub fn wait_for(&mut self, micros: i64) -> Duration {
        let first = *self.first.get_or_insert(micros);
        let due = self.started + Micros(micros.saturating_sub(first));
        Duration::from_micros(u64::try_from((due - now()).0).unwrap_or(0))
    }
}
