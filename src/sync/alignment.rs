//! From each sensor's clock to the one time line of the pipeline.

use super::clock::{ClockFit, ClockStatus, Exchange};
use crate::data::message::Alignment;
use crate::data::{Epoch, Source, TimeAnswer};
use crate::units::{DeviceClock, HostClock, Micros, Stamp};

/// Lane time of a round or boot starts on a multiple of this, so that windows, whose steps divide
/// it, are cut as in the first one.
const GRID: i64 = 1_000_000;

/// Maps device times to the time line.
///
/// Live sensors are mapped to the host's monotonic clock, each by its own [`ClockFit`]. Recordings
/// that all carry Unix time keep it. If one does not, there is nothing to align it by but its
/// start, so all of them start at zero together; the status says which rule holds.
#[derive(Debug)]
pub struct TimeLine {
    rule: Alignment,
    /// Where a recording that starts now is put.
    zero: Stamp<HostClock>,
    sources: Vec<Track>,
}

/// What is known of one source's clock.
#[derive(Debug, Default)]
struct Track {
    /// Device time of the first reading of this round or boot, microseconds.
    first: Option<i64>,
    /// Its lane time.
    base: i64,
    /// The newest lane time.
    newest: i64,
    /// Of a live device.
    clock: Option<Box<ClockFit<DeviceClock>>>,
}

impl Track {
    /// The device's time begins anew, lane time goes on behind all that was.
    fn restart(&mut self) {
        self.base = self.newest.div_euclid(GRID).saturating_add(2).saturating_mul(GRID);
        self.first = None;
    }
}

impl TimeLine {
    /// A time line for `sources`.
    #[must_use]
    pub fn new(sources: &[Source]) -> Self {
        let all = |epoch| !sources.is_empty() && sources.iter().all(|s| s.epoch == epoch);
        let rule = if all(Epoch::Live) {
            Alignment::Live
        } else if all(Epoch::Unix) {
            Alignment::Unix
        } else {
            Alignment::Starts
        };
        let track = |source: &Source| Track {
            clock: (source.epoch == Epoch::Live).then(Box::default),
            ..Track::default()
        };
        Self { rule, zero: Stamp::from_micros(0), sources: sources.iter().map(track).collect() }
    }

    /// Which rule holds.
    #[must_use]
    pub const fn rule(&self) -> Alignment {
        self.rule
    }

    /// `micros` of `source`'s clock as lane time: microseconds since its first reading. Windows are
    /// cut on lane time, so that they hold the same events live, in replay and in every round.
    ///
    /// # Panics
    /// When there is no such source.
    pub fn lane_time(&mut self, source: usize, micros: i64) -> i64 {
        let track = &mut self.sources[source];
        let first = *track.first.get_or_insert(micros);
        let lane = micros.saturating_sub(first).saturating_add(track.base);
        track.newest = track.newest.max(lane);
        lane
    }

    /// The instant of lane time `lane` of `source`, of something that came at `arrival`.
    ///
    /// Until a live clock is known its readings are put where they came.
    ///
    /// # Panics
    /// When there is no such source.
    pub fn place(
        &mut self,
        source: usize,
        lane: i64,
        arrival: Option<Stamp<HostClock>>,
    ) -> Stamp<HostClock> {
        let track = &mut self.sources[source];
        let first = track.first.unwrap_or(0);
        let since = lane.saturating_sub(track.base);
        if let (Some(clock), Some(arrival)) = (&mut track.clock, arrival) {
            return clock.map(Stamp::from_micros(first.saturating_add(since))).unwrap_or(arrival);
        }
        let start = match self.rule {
            Alignment::Unix => first,
            Alignment::Starts | Alignment::Live => self.zero.as_micros(),
        };
        Stamp::from_micros(start.saturating_add(since))
    }

    /// A message that shows `micros` of a live device's clock has come at `arrival`.
    ///
    /// # Panics
    /// When there is no such source.
    pub fn arrived(&mut self, source: usize, micros: i64, arrival: Stamp<HostClock>) {
        if let Some(clock) = &mut self.sources[source].clock {
            clock.arrival(Stamp::from_micros(micros), arrival);
        }
    }

    /// A live device's answer to a question for its time has come at `arrival`.
    ///
    /// # Panics
    /// When there is no such source.
    pub fn answered(&mut self, source: usize, answer: TimeAnswer, arrival: Stamp<HostClock>) {
        if let Some(clock) = &mut self.sources[source].clock {
            let TimeAnswer { host_sent, device_received, device_sent } = answer;
            let host_received = arrival;
            // The verdict is counted in the clock's own status.
            let _verdict = clock.exchange(&Exchange {
                host_sent,
                device_received,
                device_sent,
                host_received,
            });
        }
    }

    /// A live device's clock begins anew.
    ///
    /// # Panics
    /// When there is no such source.
    pub fn restart_device(&mut self, source: usize) {
        let track = &mut self.sources[source];
        track.restart();
        if let Some(clock) = &mut track.clock {
            clock.restart();
        }
    }

    /// What is known of a live device's clock at `now`; `None` for a recording.
    ///
    /// # Panics
    /// When there is no such source.
    #[must_use]
    pub fn clock(&self, source: usize, now: Stamp<HostClock>) -> Option<ClockStatus> {
        self.sources[source].clock.as_ref().map(|clock| clock.status(now))
    }

    /// The recordings start again: the next reading of each source is `after` the instant `end`.
    ///
    /// A second round has no Unix time of its own, so from here on starts are aligned.
    pub fn restart(&mut self, end: Stamp<HostClock>, after: Micros) {
        self.rule = Alignment::Starts;
        self.zero = end + after;
        self.sources.iter_mut().for_each(Track::restart);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Geometry, View};

    fn camera(epoch: Epoch) -> Source {
        let view = View::Event(Geometry { width: 4, height: 4 });
        Source { name: "camera".into(), view, epoch }
    }

    /// Where a recording's device time is put.
    fn put(line: &mut TimeLine, source: usize, micros: i64) -> i64 {
        let lane = line.lane_time(source, micros);
        line.place(source, lane, None).as_micros()
    }

    #[test]
    fn one_recording_without_absolute_time_moves_all_to_a_common_start() {
        let mut line = TimeLine::new(&[camera(Epoch::Unix), camera(Epoch::Device)]);
        assert_eq!(line.rule(), Alignment::Starts);
        assert_eq!(put(&mut line, 0, 1_605_537_493_718_345), 0);
        assert_eq!(put(&mut line, 1, 1_000_000), 0);
        assert_eq!(put(&mut line, 1, 1_000_250), 250);
    }

    #[test]
    fn unix_times_are_kept_when_all_recordings_have_them() {
        let mut line = TimeLine::new(&[camera(Epoch::Unix), camera(Epoch::Unix)]);
        assert_eq!(put(&mut line, 0, 500), 500);
        assert_eq!(put(&mut line, 1, 400), 400);
        assert_eq!(line.lane_time(1, 450), 50);
    }

    #[test]
    fn a_second_round_follows_the_first_and_its_windows_are_cut_alike() {
        let mut line = TimeLine::new(&[camera(Epoch::Device)]);
        put(&mut line, 0, 7_000);
        let end = Stamp::from_micros(put(&mut line, 0, 9_000));
        line.restart(end, Micros(100));
        assert_eq!(put(&mut line, 0, 7_000), 2_100);
        assert_eq!(line.lane_time(0, 7_250), 2 * GRID + 250);
    }

    #[test]
    fn times_at_the_ends_of_the_scale_saturate() {
        let mut line = TimeLine::new(&[camera(Epoch::Device)]);
        put(&mut line, 0, i64::MIN);
        assert_eq!(put(&mut line, 0, i64::MAX), i64::MAX);
    }

    #[test]
    fn a_live_reading_is_put_where_it_came_until_the_clock_is_known_and_then_where_it_was() {
        let mut line = TimeLine::new(&[camera(Epoch::Live)]);
        let host = |device: i64| Stamp::from_micros(5_000_000 + device);
        let lane = line.lane_time(0, 10_000);
        assert_eq!(line.place(0, lane, Some(host(30_000))), host(30_000));
        for round in 0..8 {
            let asked = 100_000 * (round + 1);
            let answer = TimeAnswer {
                host_sent: host(asked),
                device_received: Stamp::from_micros(asked + 200),
                device_sent: Stamp::from_micros(asked + 250),
            };
            line.answered(0, answer, host(asked + 450));
        }
        let lane = line.lane_time(0, 900_000);
        assert_eq!(line.place(0, lane, Some(host(950_000))), host(900_000));
        line.restart_device(0);
        let lane = line.lane_time(0, 0);
        assert_eq!(line.place(0, lane, Some(host(960_000))), host(960_000));
    }
}
