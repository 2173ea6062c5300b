//! One event camera through the kernels: filters, face region, voxels, and a summary per hop.

use ndarray::Array4;

use crate::data::message::{EventSummary, RegionPixels};
use crate::data::{At, Counts, EventSlice, Geometry};
use crate::dsp::event::Voxelized;
use crate::units::{HostClock, Micros, Stamp};

use super::{EventConfig, EventInputs};

/// Hops without events that are summed up one by one; a longer silence is skipped, so that an hour
/// of darkness, or a clock that jumps, costs nothing.
const MOST_EMPTY_HOPS: i64 = 100;

/// The kernels of one event camera and what they count between two summaries.
pub(super) struct EventChain {
    inputs: EventInputs,
    hop: i64,
    /// End of the hop that is being summed up, lane time; unknown before the first event.
    hop_end: Option<i64>,
    /// Host time minus lane time, microseconds, at the newest slice.
    offset: Option<i64>,
    seen: u64,
    kept: u64,
    on: u64,
    triggers: u64,
    non_monotonic: bool,
    skipped_hops: u64,
    /// Events in the face region that nobody has taken yet.
    in_face: u64,
}

impl EventChain {
    pub(super) fn plan(config: &EventConfig, geometry: Geometry) -> Self {
        Self {
            inputs: EventInputs::plan(config, geometry),
            hop: i64::from(config.voxels.hop_ms) * 1000,
            hop_end: None,
            offset: None,
            seen: 0,
            kept: 0,
            on: 0,
            triggers: 0,
            non_monotonic: false,
            skipped_hops: 0,
            in_face: 0,
        }
    }

    /// Takes a slice and hands out each window that ended before one of its events, with the host
    /// time of its end, and the summary of each hop that ended before or in it.
    pub(super) fn push(
        &mut self,
        slice: &At<EventSlice>,
        mut window: impl FnMut(Stamp<HostClock>, &Voxelized, &Array4<f32>),
        mut say: impl FnMut(Stamp<HostClock>, EventSummary),
    ) {
        let At { stamp, value: EventSlice { end, batch } } = slice;
        let offset = stamp.as_micros().saturating_sub(*end);
        self.offset = Some(offset);
        for &event in &batch.events {
            if self.hop_end.is_none_or(|end| event.t >= end) {
                self.advance(event.t, &mut say);
                self.hop_end
                    .get_or_insert((event.t.div_euclid(self.hop) + 1).saturating_mul(self.hop));
            }
            self.seen += 1;
            let region = self.inputs.region();
            let kept = self.inputs.push(event, |voxels, tensor| {
                let end = Stamp::from_micros(voxels.end.saturating_add(offset));
                window(end, &voxels, tensor);
            });
            if kept {
                self.kept += 1;
                self.on += u64::from(event.on);
                self.in_face += u64::from(region.contains(event.x, event.y));
            }
        }
        // A slice is shorter than a hop and says when it ended: its triggers count there.
        self.triggers += u64::try_from(batch.triggers.len()).unwrap_or(u64::MAX);
        self.non_monotonic |= batch.non_monotonic;
        self.advance(*end, &mut say);
    }

    /// Host time as lane time, by the newest slice; unknown before the first.
    pub(super) fn lane_time(&self, now: Stamp<HostClock>) -> Option<i64> {
        Some(now.as_micros().saturating_sub(self.offset?))
    }

    /// Lane time has come to `now`: hands out the summary of each hop that has ended.
    pub(super) fn advance(
        &mut self,
        now: i64,
        say: &mut impl FnMut(Stamp<HostClock>, EventSummary),
    ) {
        let (Some(mut end), Some(offset)) = (self.hop_end, self.offset) else { return };
        let mut empty = 0;
        while end <= now {
            if empty == MOST_EMPTY_HOPS {
                let skipped = (now - end) / self.hop;
                self.skipped_hops += skipped.unsigned_abs();
                end += skipped * self.hop;
                empty = 0;
            }
            empty = if self.seen == 0 { empty + 1 } else { 0 };
            let summary = self.summary();
            say(Stamp::from_micros(end.saturating_add(offset)), summary);
            end = end.saturating_add(self.hop);
            self.hop_end = Some(end);
        }
    }

    /// Events in the face region since the last call, after the filters.
    pub(super) const fn take_in_face(&mut self) -> u64 {
        std::mem::replace(&mut self.in_face, 0)
    }

    /// Forgets the open window; the stream starts again later.
    pub(super) fn restart(&mut self) {
        self.inputs.restart();
        (self.hop_end, self.offset) = (None, None);
        self.in_face = 0;
    }

    /// What this chain lost, by reason.
    pub(super) fn dropped(&self) -> Counts {
        let mut counts = Counts::default();
        counts.add("event-outside-sensor", self.inputs.filtered().outside);
        counts.add("event-window-overflow", self.inputs.windows().overflow);
        counts.add("event-hop-skipped", self.skipped_hops);
        counts
    }

    /// What this chain took out on purpose, by reason.
    pub(super) fn filtered(&self) -> Counts {
        let mut counts = Counts::default();
        let denoise = self.inputs.filtered();
        counts.add("event-hot-pixel", denoise.hot);
        counts.add("event-refractory", denoise.refractory);
        counts.add("event-background", denoise.background);
        // Before the first window, or so late that its windows are closed.
        counts.add("event-in-no-window", self.inputs.windows().unused);
        counts
    }

    fn summary(&mut self) -> EventSummary {
        let region = self.inputs.region();
        let seconds = Micros(self.hop).as_seconds();
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            reason = "shares and rates need no more than 24 bits"
        )]
        let summary = EventSummary {
            window_us: self.hop,
            events: self.seen,
            kept: self.kept,
            triggers: self.triggers,
            on_fraction: (self.kept > 0).then(|| (self.on as f64 / self.kept as f64) as f32),
            rate_mev_s: (self.seen as f64 / seconds / 1e6) as f32,
            region: RegionPixels {
                x: region.x,
                y: region.y,
                width: region.width,
                height: region.height,
            },
            non_monotonic: self.non_monotonic,
        };
        (self.seen, self.kept, self.on, self.triggers) = (0, 0, 0, 0);
        self.non_monotonic = false;
        summary
    }
}
