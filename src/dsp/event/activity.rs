//! How much happens in front of the camera: events per second and the share that got brighter.

use serde::Serialize;

use crate::data::Event;
use crate::units::Micros;

/// Events of one span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Activity {
    /// First microsecond of the span.
    pub start: i64,
    /// Length of the span.
    pub span: Micros,
    /// Events in it.
    pub events: u64,
    /// Of these, ON events.
    pub on: u64,
}

impl Activity {
    /// Share of ON events, 0 to 1; one half where there was none.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a share needs no more than 52 bits")]
    pub fn on_fraction(&self) -> f64 {
        if self.events == 0 { 0.5 } else { self.on as f64 / self.events as f64 }
    }

    /// Millions of events per second, which is the same as events per microsecond.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 52 bits")]
    pub fn mev_per_second(&self) -> f64 {
        self.events as f64 / self.span.0.max(1) as f64
    }
}

/// Counts events in spans that lie on multiples of their length.
#[derive(Debug, Clone)]
pub struct ActivityMeter {
    span: i64,
    index: Option<i64>,
    events: u64,
    on: u64,
}

impl ActivityMeter {
    /// Plans for spans of `span_ms` milliseconds (0 is taken for 1).
    #[must_use]
    pub fn plan(span_ms: u32) -> Self {
        Self { span: i64::from(span_ms.max(1)) * 1000, index: None, events: 0, on: 0 }
    }

    /// The span that ended at or before `now`, if there is one.
    ///
    /// After a gap this is the span before the gap; the spans in the gap held nothing and are not
    /// reported one by one. The first span may have begun before the first event.
    pub fn run(&mut self, now: i64) -> Option<Activity> {
        let index = now.div_euclid(self.span);
        let over = self.index.filter(|&open| open < index)?;
        self.index = Some(index);
        let (events, on) = (core::mem::take(&mut self.events), core::mem::take(&mut self.on));
        let start = over.saturating_mul(self.span);
        Some(Activity { start, span: Micros(self.span), events, on })
    }

    /// Takes one event; call [`run`](Self::run) with its time first. An event that stepped back in
    /// time counts in the open span, unless it lies more than a span back: then the clock was
    /// restarted and the open span moves there.
    pub fn push(&mut self, event: Event) {
        let index = event.t.div_euclid(self.span);
        let open = self.index.get_or_insert(index);
        if index < open.saturating_sub(1) {
            *open = index;
        }
        self.events += 1;
        self.on += u64::from(event.on);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::event::testing::event;

    fn spans(meter: &mut ActivityMeter, events: &[Event]) -> Vec<Activity> {
        let mut found = Vec::new();
        for &event in events {
            found.extend(meter.run(event.t));
            meter.push(event);
        }
        found
    }

    #[test]
    fn two_events_in_a_millisecond_are_two_kiloevents_per_second() {
        let mut meter = ActivityMeter::plan(1);
        let stream =
            [(1_000, true), (1_999, false), (2_000, true)].map(|(t, on)| event(t, 0, 0, on));
        let found = spans(&mut meter, &stream);
        assert_eq!(found, [Activity { start: 1_000, span: Micros(1_000), events: 2, on: 1 }]);
        assert!((found[0].mev_per_second() - 0.002).abs() < 1e-12);
        assert!((found[0].on_fraction() - 0.5).abs() < 1e-12);
    }

    #[test]
    fn a_gap_reports_the_span_before_it_once() {
        let mut meter = ActivityMeter::plan(1);
        let stream = [0, 3_600_000_000].map(|t| event(t, 0, 0, true));
        assert_eq!(spans(&mut meter, &stream).len(), 1);
        assert_eq!(meter.run(3_600_000_999), None);
    }

    #[test]
    fn a_restarted_clock_and_the_ends_of_time_are_survived() {
        let mut meter = ActivityMeter::plan(1);
        let stream = [i64::MAX, 0, 1_000, i64::MIN, i64::MAX].map(|t| event(t, 0, 0, true));
        assert_eq!(spans(&mut meter, &stream).len(), 2);
    }
}
