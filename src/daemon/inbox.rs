//! The queue between the readers of live sensors and the pipeline: bounded, and never in their way.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::data::{Counts, Input, Loss, Modality, Notice, Reading};
use crate::units::{HostClock, Stamp};

/// Radar frames of one sensor that may wait: 200 ms at 20 Hz.
pub(super) const FRAMES: usize = 4;
/// Event blocks of one sensor that may wait: half a second of blocks of 1 ms, which is what boards
/// are advised to send, so that a slow moment of the pipeline costs nothing.
pub(super) const BLOCKS: usize = 512;
/// Notices of one sensor that may wait; one a second comes.
const NOTICES: usize = 16;

/// Takes readings as they come and hands them out in that order.
///
/// When a sensor's share is full, a radar's newest frame is dropped, so that those kept follow one
/// another, and a camera's oldest block, because only new events tell what happens now. Both are
/// counted with the sensor as `queue-full`.
#[derive(Debug)]
pub(super) struct Inbox {
    state: Mutex<State>,
    news: Condvar,
}

#[derive(Debug)]
struct State {
    waiting: VecDeque<Input>,
    sensors: Vec<Tally>,
}

/// What is known of one sensor's losses.
#[derive(Debug, Clone, Default)]
struct Tally {
    /// Everything its decoder has refused.
    decoder: Counts,
    /// Readings dropped here.
    dropped: u64,
    /// What the pipeline was told last.
    told: Counts,
}

impl Inbox {
    pub(super) fn new(sensors: usize) -> Self {
        let state = State { waiting: VecDeque::new(), sensors: vec![Tally::default(); sensors] };
        Self { state: Mutex::new(state), news: Condvar::new() }
    }

    /// Takes a reading that came at `arrival`.
    pub(super) fn put(&self, source: usize, reading: Reading, arrival: Stamp<HostClock>) {
        let mut state = self.lock();
        if !state.makes_room(source, &reading) {
            state.sensors[source].dropped += 1;
            return;
        }
        state.waiting.push_back(Input::Reading { source, reading, arrival: Some(arrival) });
        drop(state);
        self.news.notify_one();
    }

    /// Takes everything the decoder of `source` has refused so far.
    pub(super) fn count(&self, source: usize, counts: Counts) {
        self.lock().sensors[source].decoder = counts;
    }

    /// `source` cannot be read.
    pub(super) fn lose(&self, source: usize, loss: Loss, now: Stamp<HostClock>) {
        self.lock().waiting.push_back(Input::Lost { source, loss, now });
        self.news.notify_one();
    }

    /// `source` has ended for good.
    pub(super) fn end(&self, source: usize) {
        self.lock().waiting.push_back(Input::End { source });
        self.news.notify_one();
    }

    /// The next input, or `None` if none comes within `patience`.
    pub(super) fn take(&self, patience: Duration) -> Option<Input> {
        let state = self.lock();
        let (mut state, _) = self
            .news
            .wait_timeout_while(state, patience, |state| state.waiting.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        state.waiting.pop_front()
    }

    /// How many readings of each sensor wait.
    pub(super) fn waiting(&self) -> Vec<usize> {
        let state = self.lock();
        let mut waiting = vec![0; state.sensors.len()];
        for input in &state.waiting {
            if let Input::Reading {
                source, reading: Reading::Radar(_) | Reading::Events(_), ..
            } = input
            {
                waiting[*source] += 1;
            }
        }
        waiting
    }

    /// The counts that have changed since the last call.
    pub(super) fn news(&self) -> Vec<Input> {
        let mut news = Vec::new();
        for (source, tally) in self.lock().sensors.iter_mut().enumerate() {
            let mut counts = tally.decoder.clone();
            counts.add("queue-full", tally.dropped);
            if counts != tally.told {
                tally.told.clone_from(&counts);
                news.push(Input::Counts { source, counts });
            }
        }
        news
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Makes room for `reading`; false if it has to go.
    fn makes_room(&mut self, source: usize, reading: &Reading) -> bool {
        let room = match reading {
            Reading::Radar(_) => FRAMES,
            Reading::Events(_) => BLOCKS,
            Reading::Notice(_) => NOTICES,
        };
        let alike = |input: &Input| {
            matches!(input, Input::Reading { source: other, reading: waiting, .. }
                if *other == source && modality(waiting) == modality(reading))
        };
        if self.waiting.iter().filter(|input| alike(input)).count() < room {
            return true;
        }
        if matches!(reading, Reading::Events(_))
            && let Some(oldest) = self.waiting.iter().position(alike)
        {
            self.waiting.remove(oldest);
            self.sensors[source].dropped += 1;
            return true;
        }
        // A restart must not be missed: it is as good as the notice before it.
        matches!(reading, Reading::Notice(Notice::Restarted))
    }
}

/// What a reading is of; `None` for a notice.
const fn modality(reading: &Reading) -> Option<Modality> {
    match reading {
        Reading::Radar(_) => Some(Modality::Radar),
        Reading::Events(_) => Some(Modality::Event),
        Reading::Notice(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::*;
    use crate::data::{Event, EventBatch, RadarFrame, Samples};

    fn frame(number: u64) -> Reading {
        let samples = Samples::Real(Array3::zeros((1, 1, 1)));
        let stamp = Stamp::from_micros(0);
        Reading::Radar(RadarFrame { number, stamp, samples, has_holes: false })
    }

    fn block(t: i64) -> Reading {
        let events = vec![Event { t, ..Event::default() }];
        Reading::Events(EventBatch { events, ..EventBatch::default() })
    }

    fn drain(inbox: &Inbox) -> Vec<Reading> {
        let mut readings = Vec::new();
        while let Some(input) = inbox.take(Duration::ZERO) {
            if let Input::Reading { reading, .. } = input {
                readings.push(reading);
            }
        }
        readings
    }

    #[test]
    fn a_full_radar_queue_drops_the_newest_frame_and_says_so() {
        let inbox = Inbox::new(1);
        (0..6).for_each(|number| inbox.put(0, frame(number), Stamp::from_micros(0)));
        let [Input::Counts { source: 0, counts }] = &inbox.news()[..] else { panic!("no counts") };
        assert_eq!(counts.get("queue-full"), 2);
        assert_eq!(drain(&inbox), (0..4).map(frame).collect::<Vec<_>>());
        assert!(inbox.news().is_empty(), "said twice");
    }

    #[test]
    fn a_full_event_queue_drops_the_oldest_block_and_leaves_the_radar_alone() {
        let inbox = Inbox::new(2);
        inbox.put(0, frame(7), Stamp::from_micros(0));
        (0..514).for_each(|t| inbox.put(1, block(t), Stamp::from_micros(0)));
        assert_eq!(inbox.waiting(), [1, BLOCKS]);
        let expected: Vec<_> = [frame(7)].into_iter().chain((2..514).map(block)).collect();
        assert_eq!(drain(&inbox), expected);
        let [Input::Counts { source: 1, counts }] = &inbox.news()[..] else { panic!("no counts") };
        assert_eq!(counts.get("queue-full"), 2);
    }

    #[test]
    fn a_restart_is_never_dropped() {
        let inbox = Inbox::new(1);
        let restarted = Reading::Notice(Notice::Restarted);
        (0..20).for_each(|_| inbox.put(0, Reading::Notice(Notice::Idle), Stamp::from_micros(0)));
        inbox.put(0, restarted.clone(), Stamp::from_micros(0));
        assert_eq!(drain(&inbox).last(), Some(&restarted));
    }
}
