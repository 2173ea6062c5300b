//! Event streams cut into slices of equal duration, however they were read.

use crate::data::{At, EventBatch};
use crate::units::{HostClock, Micros, Stamp};

/// Cuts a stream of events into slices of equal duration on the recorded time line.
///
/// Slice `k` holds the events with `k * d <= t < (k + 1) * d` and is stamped with its end, because
/// only then is it whole. The cuts depend on the events alone, not on the batches in which they
/// arrive, so a replay gives the same slices however the file was read. Slices without events are
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

    /// Takes a batch whose times are already on the recorded time line and hands every finished
    /// slice to `done`.
    ///
    /// `t` of events and triggers is host time here: `place` maps it.
    pub fn push(
        &mut self,
        batch: &EventBatch,
        mut place: impl FnMut(i64) -> Stamp<HostClock>,
        mut done: impl FnMut(At<EventBatch>),
    ) {
        let mut triggers = batch.triggers.iter().peekable();
        for event in &batch.events {
            // A trigger belongs with the events around it; the decoder keeps both in stream order
            // by time, so it goes into the slice that is open when its time is reached.
            while let Some(trigger) = triggers.next_if(|trigger| trigger.t <= event.t) {
                let t = self.enter(place(trigger.t), &mut done);
                self.open.triggers.push(crate::data::Trigger { t, ..*trigger });
            }
            let t = self.enter(place(event.t), &mut done);
            self.open.events.push(crate::data::Event { t, ..*event });
        }
        for trigger in triggers {
            let t = self.enter(place(trigger.t), &mut done);
            self.open.triggers.push(crate::data::Trigger { t, ..*trigger });
        }
    }

    /// Hands out the open slice at the end of a stream.
    pub fn finish(&mut self, mut done: impl FnMut(At<EventBatch>)) {
        self.close(&mut done);
        (self.start, self.end, self.newest) = (i64::MIN, i64::MIN, i64::MIN);
    }

    /// Every event before the returned instant is in a slice stamped before `now`.
    #[must_use]
    pub const fn whole_before(&self, now: Stamp<HostClock>) -> Stamp<HostClock> {
        let last = now.as_micros().saturating_sub(1).div_euclid(self.duration.0);
        Stamp::from_micros(last.saturating_mul(self.duration.0))
    }

    /// Events whose time lay behind the slice they were put in.
    #[must_use]
    pub const fn behind(&self) -> u64 {
        self.behind
    }

    /// Makes the slice of `stamp` the open one and returns its microseconds.
    fn enter(&mut self, stamp: Stamp<HostClock>, done: &mut impl FnMut(At<EventBatch>)) -> i64 {
        let t = stamp.as_micros();
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

    fn close(&mut self, done: &mut impl FnMut(At<EventBatch>)) {
        if self.open.events.is_empty() && self.open.triggers.is_empty() {
            return;
        }
        let stamp = Stamp::from_micros(self.end);
        done(At { stamp, value: std::mem::take(&mut self.open) });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::data::{Event, Trigger};

    fn slice(times: &[i64], cuts: &[usize]) -> (Vec<At<EventBatch>>, u64) {
        let events: Vec<_> = times.iter().map(|&t| Event { t, ..Event::default() }).collect();
        let mut slicer = Slicer::new(Micros(10));
        let mut slices = Vec::new();
        let mut from = 0;
        for to in cuts.iter().map(|&cut| cut.min(times.len())).chain([times.len()]) {
            let events = events.get(from..to).unwrap_or_default().to_vec();
            let batch = EventBatch { events, ..EventBatch::default() };
            slicer.push(&batch, Stamp::from_micros, |slice| slices.push(slice));
            from = from.max(to);
        }
        slicer.finish(|slice| slices.push(slice));
        (slices, slicer.behind())
    }

    #[test]
    fn a_slice_holds_its_start_and_not_its_end() {
        let (slices, behind) = slice(&[0, 9, 10, 35], &[]);
        let seen: Vec<_> =
            slices.iter().map(|s| (s.stamp.as_micros(), s.value.events.len())).collect();
        assert_eq!(seen, [(10, 2), (20, 1), (40, 1)]);
        assert_eq!(behind, 0);
    }

    #[test]
    fn a_step_back_stays_in_the_open_slice_and_is_counted() {
        let (slices, behind) = slice(&[12, 8, 13], &[]);
        assert_eq!(slices.len(), 1);
        assert_eq!(slices[0].value.events.len(), 3);
        assert!(slices[0].value.non_monotonic);
        assert_eq!(behind, 1);
    }

    #[test]
    fn a_slice_that_ends_now_is_not_yet_counted_as_handed_out() {
        let slicer = Slicer::new(Micros(10));
        assert_eq!(slicer.whole_before(Stamp::from_micros(30)), Stamp::from_micros(20));
        assert_eq!(slicer.whole_before(Stamp::from_micros(31)), Stamp::from_micros(30));
    }

    #[test]
    fn a_trigger_alone_makes_a_slice() {
        let mut slicer = Slicer::new(Micros(10));
        let mut slices = Vec::new();
        let triggers = vec![Trigger { t: 25, id: 0, rising: true }];
        let batch = EventBatch { triggers, ..EventBatch::default() };
        slicer.push(&batch, Stamp::from_micros, |slice| slices.push(slice));
        slicer.finish(|slice| slices.push(slice));
        assert_eq!(slices[0].value.triggers.len(), 1);
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
