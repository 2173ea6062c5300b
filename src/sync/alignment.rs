//! From each sensor's clock to the one recorded time line.

use crate::data::message::Alignment;
use crate::data::{Epoch, Source};
use crate::units::{HostClock, Micros, Stamp};

/// Maps device times of recordings to the recorded time line.
///
/// If every recording carries Unix time, that is the time line. If one does not, there is nothing
/// to align it by but its start, so all of them start at zero together; the status says which.
#[derive(Debug)]
pub struct TimeLine {
    rule: Alignment,
    /// Where a recording that starts now is put.
    zero: Stamp<HostClock>,
    offsets: Vec<Option<i64>>,
}

impl TimeLine {
    /// A time line for `sources`.
    #[must_use]
    pub fn new(sources: &[Source]) -> Self {
        let absolute =
            !sources.is_empty() && sources.iter().all(|source| source.epoch == Epoch::Unix);
        Self {
            rule: if absolute { Alignment::Unix } else { Alignment::Starts },
            zero: Stamp::from_micros(0),
            offsets: vec![None; sources.len()],
        }
    }

    /// Which rule holds.
    #[must_use]
    pub const fn rule(&self) -> Alignment {
        self.rule
    }

    /// The instant at which `source`'s clock showed `micros`.
    ///
    /// # Panics
    /// When there is no such source.
    pub fn place(&mut self, source: usize, micros: i64) -> Stamp<HostClock> {
        let zero = self.zero.as_micros();
        let offset = *self.offsets[source].get_or_insert(match self.rule {
            Alignment::Unix => zero,
            Alignment::Starts => zero.saturating_sub(micros),
        });
        Stamp::from_micros(micros.saturating_add(offset))
    }

    /// The recordings start again: the next reading of each source is `after` the instant `end`.
    ///
    /// A second round has no Unix time of its own, so from here on starts are aligned.
    pub fn restart(&mut self, end: Stamp<HostClock>, after: Micros) {
        self.rule = Alignment::Starts;
        self.zero = end + after;
        self.offsets.fill(None);
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

    #[test]
    fn one_recording_without_absolute_time_moves_all_to_a_common_start() {
        let mut line = TimeLine::new(&[camera(Epoch::Unix), camera(Epoch::Device)]);
        assert_eq!(line.rule(), Alignment::Starts);
        assert_eq!(line.place(0, 1_605_537_493_718_345), Stamp::from_micros(0));
        assert_eq!(line.place(1, 1_000_000), Stamp::from_micros(0));
        assert_eq!(line.place(1, 1_000_250), Stamp::from_micros(250));
    }

    #[test]
    fn unix_times_are_kept_when_all_recordings_have_them() {
        let mut line = TimeLine::new(&[camera(Epoch::Unix), camera(Epoch::Unix)]);
        assert_eq!(line.place(0, 500), Stamp::from_micros(500));
        assert_eq!(line.place(1, 400), Stamp::from_micros(400));
    }

    #[test]
    fn a_second_round_follows_the_first() {
        let mut line = TimeLine::new(&[camera(Epoch::Device)]);
        line.place(0, 7_000);
        let end = line.place(0, 9_000);
        line.restart(end, Micros(100));
        assert_eq!(line.place(0, 7_000), Stamp::from_micros(2_100));
    }

    #[test]
    fn times_at_the_ends_of_the_scale_saturate() {
        let mut line = TimeLine::new(&[camera(Epoch::Device)]);
        line.place(0, i64::MIN);
        assert_eq!(line.place(0, i64::MAX), Stamp::from_micros(i64::MAX));
    }
}
