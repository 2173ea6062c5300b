//! Event streams cut into slices of equal duration, however they were read.

use crate::data::{EventBatch, EventSlice};
use crate::units::Micros;

/// Cuts a stream of events into slices of equal duration on the recorded time line.
///
/// Slice `k` holds the events with `k * d <= t < (k + 1) * d` and bears its end, because only then
/// is it whole. Times are lane times ([`TimeLine::lane_time`](super::TimeLine::lane_time)): the
/// cuts depend on the events alone, not on the batches in which they arrive nor on what the host's
/// clock shows, so live, replay and every round give the same slices. Slices without events are
/// not produced. An event whose time stepped back behind the open slice stays in it and is
/// counted.
#[derive(Debug)]
pub struct Slicer {
    duration: Micros,
    open: EventBatch,
    /// Start and end of the open slice, microseconds; empty before the first event.
    start: i64,
    end: i64,
    newest: i64,
    behind: u64,
}

impl Slicer {
    /// Slices of `duration`.
    ///
    /// # Panics
    /// When `duration` is not positive.
    #[must_use]
    pub fn new(duration: Micros) -> Self {
        assert!(duration.0 > 0, "a slice needs a positive duration");
        let open = EventBatch::default();
        Self { duration, open, start: i64::MIN, end: i64::MIN, newest: i64::MIN, behind: 0 }
    }

    /// Takes a batch and hands every finished slice to `done`.
    ///
    /// `lane_time` maps the times of events and triggers, which in the slices are lane times.
    pub fn push(
        &mut self,
        batch: &EventBatch,
        mut lane_time: impl FnMut(i64) -> i64,
        mut done: impl FnMut(EventSlice),
    ) {
        let mut triggers = batch.triggers.iter().peekable();
        for event in &batch.events {
            // A trigger belongs with the events around it; the decoder keeps both in stream order
            // by time, so it goes into the slice that is open when its time is reached.
            while let Some(trigger) = triggers.next_if(|trigger| trigger.t <= event.t) {
                let t = self.enter(lane_time(trigger.t), &mut done);
                self.open.triggers.push(crate::data::Trigger { t, ..*trigger });
            }
            let t = self.enter(lane_time(event.t), &mut done);
            self.open.events.push(crate::data::Event { t, ..*event });
        }
        for trigger in triggers {
            let t = self.enter(lane_time(trigger.t), &mut done);
            self.open.triggers.push(crate::data::Trigger { t, ..*trigger });
        }
    }

    /// Hands out the open slice at the end of a stream.
    pub fn finish(&mut self, mut done: impl FnMut(EventSlice)) {
        self.close(&mut done);
        (self.start, self.end, self.newest) = (i64::MIN, i64::MIN, i64::MIN);
    }

    /// No event before lane time `now` will come any more: hands out the open slice if it ended.
    pub fn advance(&mut self, now: i64, mut done: impl FnMut(EventSlice)) {
        if now >= self.end {
            self.close(&mut done);
        }
    }

    /// Every event before the returned lane time is in a slice that ended before `now`.
    #[must_use]
    pub const fn whole_before(&self, now: i64) -> i64 {
        let last = now.saturating_sub(1).div_euclid(self.duration.0);
        last.saturating_mul(self.duration.0)
    }

    /// Events whose time lay behind the slice they were put in.
    #[must_use]
    pub const fn behind(&self) -> u64 {
        self.behind
    }

    /// Makes the slice of lane time `t` the open one.
    fn enter(&mut self, t: i64, done: &mut impl FnMut(EventSlice)) -> i64 {
        if t >= self.end {
            self.close(done);
            self.start = t.div_euclid(self.duration.0).saturating_mul(self.duration.0);
            self.end = self.start.saturating_add(self.duration.0);
        }
        self.behind += u64::from(t < self.start);
        // Judged here and not taken from the batch, whose ends depend on how the file was read.
        self.open.non_monotonic |= t < self.newest;
        self.newest = t;
        t
    }

    fn close(&mut self, done: &mut impl FnMut(EventSlice)) {
        if self.open.events.is_empty() && self.open.triggers.is_empty() {
            return;
        }
        done(EventSlice { end: self.end, batch: std::mem::take(&mut self.open) });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::data::{Event, Trigger};

    fn slice(times: &[i64], cuts: &[usize]) -> (Vec<EventSlice>, u64) {
        let events: Vec<_> = times.iter().map(|&t| Event { t, ..Event::default() }).collect();
        let mut slicer = Slicer::new(Micros(10));
        let mut slices = Vec::new();
        let mut from = 0;
        for to in cuts.iter().map(|&cut| cut.min(times.len())).chain([times.len()]) {
            let events = events.get(from..to).unwrap_or_default().to_vec();
            let batch = EventBatch { events, ..EventBatch::default() };
            slicer.push(&batch, |t| t, |slice| slices.push(slice));
            from = from.max(to);
        }
        slicer.finish(|slice| slices.push(slice));
        (slices, slicer.behind())
    }

    #[test]
    fn a_slice_holds_its_start_and_not_its_end() {
        let (slices, behind) = slice(&[0, 9, 10, 35], &[]);
        let seen: Vec<_> = slices.iter().map(|s| (s.end, s.batch.events.len())).collect();
        assert_eq!(seen, [(10, 2), (20, 1), (40, 1)]);
        assert_eq!(behind, 0);
    }

    #[test]
    fn a_step_back_stays_in_the_open_slice_and_is_counted() {
        let (slices, behind) = slice(&[12, 8, 13], &[]);
        assert_eq!(slices.len(), 1);
        assert_eq!(slices[0].batch.events.len(), 3);
        assert!(slices[0].batch.non_monotonic);
        assert_eq!(behind, 1);
    }

    #[test]
    fn a_slice_that_ends_now_is_not_yet_counted_as_handed_out() {
        let slicer = Slicer::new(Micros(10));
        assert_eq!(slicer.whole_before(30), 20);
        assert_eq!(slicer.whole_before(31), 30);
    }

    #[test]
    fn a_silent_stream_gives_its_open_slice_once_time_has_passed_it() {
        let mut slicer = Slicer::new(Micros(10));
        let mut slices = Vec::new();
        let events = vec![Event { t: 12, ..Event::default() }];
        slicer.push(
            &EventBatch { events, ..EventBatch::default() },
            |t| t,
            |slice| slices.push(slice),
        );
        slicer.advance(19, |slice| slices.push(slice));
        assert!(slices.is_empty());
        slicer.advance(20, |slice| slices.push(slice));
        slicer.advance(30, |slice| slices.push(slice));
        assert_eq!(slices.len(), 1);
        assert_eq!(slices[0].end, 20);
    }

    #[test]
    fn a_trigger_alone_makes_a_slice() {
        let mut slicer = Slicer::new(Micros(10));
        let mut slices = Vec::new();
        let triggers = vec![Trigger { t: 25, id: 0, rising: true }];
        let batch = EventBatch { triggers, ..EventBatch::default() };
        slicer.push(&batch, |t| t, |slice| slices.push(slice));
        slicer.finish(|slice| slices.push(slice));
        assert_eq!(slices[0].batch.triggers.len(), 1);
    }

    proptest! {
        #[test]
        fn the_cuts_of_the_reader_do_not_show(
            times in prop::collection::vec(-50_i64..200, 0..60),
            mut cuts in prop::collection::vec(0_usize..60, 0..6),
        ) {
            cuts.sort_unstable();
            prop_assert_eq!(slice(&times, &cuts), slice(&times, &[]));
        }
    }
}
