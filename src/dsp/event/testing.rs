//! Event streams for tests: small, nasty, and cut anywhere.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::data::{Event, Geometry};

/// A sensor small enough for its pixels to meet.
pub(super) const SMALL: Geometry = Geometry { width: 12, height: 10 };

/// One event, spelled short.
pub(super) const fn event(t: i64, x: u16, y: u16, on: bool) -> Event {
    Event { t, x, y, on }
}

/// Leaps end here; the very ends of `i64` have tests of their own.
const FAR: i64 = 1 << 61;

/// Events on [`SMALL`] whose time mostly creeps on, sometimes steps back and rarely leaps anywhere.
pub(super) fn any_events() -> impl Strategy<Value = Vec<Event>> {
    let step =
        prop_oneof![20 => 0i64..30, 2 => -20i64..0, 1 => -3_000i64..3_000, 1 => any::<i64>()];
    let one = (step, 0..SMALL.width, 0..SMALL.height, any::<bool>());
    (-1_000i64..1_000, vec(one, 0..300)).prop_map(|(mut t, steps)| {
        let mut events = Vec::with_capacity(steps.len());
        for (step, x, y, on) in steps {
            t = t.saturating_add(step).clamp(-FAR, FAR);
            events.push(event(t, x, y, on));
        }
        events
    })
}

/// Sizes of batches, used round and round.
#[derive(Debug, Clone)]
pub(super) struct Splits(Vec<usize>);

impl Splits {
    /// `events` cut into batches, some of them empty.
    pub(super) fn of<'e>(&self, mut events: &'e [Event]) -> Vec<&'e [Event]> {
        let mut batches = Vec::new();
        for &size in self.0.iter().cycle() {
            let (batch, rest) = events.split_at(size.min(events.len()));
            batches.push(batch);
            events = rest;
            if events.is_empty() {
                break;
            }
        }
        batches
    }
}

/// Any way to cut a stream.
pub(super) fn splits() -> impl Strategy<Value = Splits> {
    (vec(0usize..40, 0..8), 1usize..50).prop_map(|(mut sizes, last)| {
        sizes.push(last); // at least one batch is not empty, else the stream never ends
        Splits(sizes)
    })
}
