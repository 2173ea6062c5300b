//! The scene as live sensors deliver it: device clocks of their own, arrivals with jitter, the
//! host's clock every 50 ms, and faults put into that log.

use visaged::data::{
    Counts, Epoch, EventBatch, Input, Loss, Notice, RadarFrame, Reading, Samples, Source,
    TimeAnswer, View,
};
use visaged::units::{HostClock, Stamp};

use super::scene::Scene;
use super::story::Story;
use crate::scene::noise::Noise;

/// Host time at which the scene begins.
const START: i64 = 100_000_000;
/// What each device's clock shows less than the host's.
const BEHIND: [i64; 2] = [73_123_456, 12_000_789];
const TICK: i64 = 50_000;
const BATCH: i64 = 10_000;
pub(super) const RADAR: usize = 0;
pub(super) const CAMERA: usize = 1;

/// A log of inputs with the host time at which each is told, from `START` on as 0.
pub(super) struct Log {
    sources: Vec<Source>,
    rows: Vec<(i64, Input)>,
}

impl Log {
    /// The first `seconds` of `scene`.
    pub(super) fn of(scene: &Scene, seconds: i64) -> Self {
        let end = seconds * 1_000_000;
        let source = |name: &str, view| Source { name: name.into(), view, epoch: Epoch::Live };
        let sources = vec![
            source("radar", View::Radar(scene.chirp.clone())),
            source("camera", View::Event(scene.geometry)),
        ];
        let mut log = Self { sources, rows: Vec::new() };
        let mut noise = Noise::seeded(7);
        let mut jitter = |most: u64| i64::try_from(noise.below(most)).unwrap_or(0);
        for frame in scene.frames.iter().filter(|frame| frame.stamp.as_micros() < end) {
            let at = frame.stamp.as_micros();
            let stamp = Stamp::from_micros(START + at - BEHIND[RADAR]);
            let reading = Reading::Radar(RadarFrame { stamp, ..frame.clone() });
            log.deliver(at + 26_000 + jitter(4_000), RADAR, reading);
        }
        for from in (0..end).step_by(10_000) {
            let inside = |t: i64| (from..from + BATCH).contains(&t);
            let events = scene.events.iter().filter(|event| inside(event.t)).map(|event| {
                visaged::data::Event { t: START + event.t - BEHIND[CAMERA], ..*event }
            });
            let batch = EventBatch { events: events.collect(), ..EventBatch::default() };
            log.deliver(from + BATCH + 1_000 + jitter(3_000), CAMERA, Reading::Events(batch));
        }
        for source in [RADAR, CAMERA] {
            let quick = (0..8).map(|n| n * 100_000);
            for asked in quick.chain((1_000_000..end).step_by(1_000_000)) {
                let answer = TimeAnswer {
                    host_sent: Stamp::from_micros(START + asked),
                    device_received: Stamp::from_micros(START + asked + 400 - BEHIND[source]),
                    device_sent: Stamp::from_micros(START + asked + 450 - BEHIND[source]),
                };
                let reading = Reading::Notice(Notice::Time(answer));
                log.deliver(asked + 900 + jitter(500), source, reading);
            }
        }
        for now in (0..end + 500_000).step_by(50_000) {
            log.tell(now, Input::Clock { now: host(now) });
        }
        log
    }

    /// Tells `input` at `at`.
    pub(super) fn tell(&mut self, at: i64, input: Input) {
        self.rows.push((at, input));
    }

    fn deliver(&mut self, at: i64, source: usize, reading: Reading) {
        self.tell(at, Input::Reading { source, reading, arrival: Some(host(at)) });
    }

    /// What `source` delivers between two times does not come.
    pub(super) fn silence(&mut self, source: usize, from: i64, to: i64) {
        self.rows.retain(|(at, input)| {
            !(from..to).contains(at)
                || !matches!(input, Input::Reading { source: other, .. } if *other == source)
        });
    }

    /// `source` cannot be read between two times.
    pub(super) fn lose(&mut self, source: usize, loss: Loss, from: i64, to: i64) {
        self.silence(source, from, to);
        for at in (from..to).step_by(400_000) {
            self.tell(at, Input::Lost { source, loss, now: host(at) });
        }
    }

    /// What `source` delivers between two times comes `delay` later.
    pub(super) fn delay(&mut self, source: usize, from: i64, to: i64, delay: i64) {
        for (at, input) in &mut self.rows {
            if let Input::Reading { source: other, arrival, .. } = input
                && *other == source
                && (from..to).contains(at)
            {
                *at += delay;
                *arrival = Some(host(*at));
            }
        }
    }

    /// No answers to questions for the time.
    pub(super) fn never_answer(&mut self) {
        self.rows.retain(|(_, input)| {
            !matches!(input, Input::Reading { reading: Reading::Notice(Notice::Time(_)), .. })
        });
    }

    /// The radar starts anew at `at`: it says so, its clock and its numbers begin again.
    pub(super) fn restart_radar(&mut self, at: i64) {
        let zero = START + at - BEHIND[RADAR];
        for (time, input) in &mut self.rows {
            let Input::Reading { source: RADAR, reading, .. } = input else { continue };
            match reading {
                _ if *time < at => {}
                Reading::Radar(frame) => {
                    frame.number =
                        frame.number.saturating_sub(u64::try_from(at / TICK).unwrap_or(0));
                    frame.stamp = Stamp::from_micros(frame.stamp.as_micros() - zero);
                }
                Reading::Notice(Notice::Time(answer)) => {
                    let moved = |stamp: Stamp<_>| Stamp::from_micros(stamp.as_micros() - zero);
                    answer.device_received = moved(answer.device_received);
                    answer.device_sent = moved(answer.device_sent);
                }
                Reading::Events(_) | Reading::Notice(_) => {}
            }
        }
        self.deliver(at, RADAR, Reading::Notice(Notice::Restarted));
    }

    /// `source` has refused `n` things in all, for `reason`.
    pub(super) fn count(&mut self, at: i64, source: usize, reason: &'static str, n: u64) {
        let mut counts = Counts::default();
        counts.add(reason, n);
        self.tell(at, Input::Counts { source, counts });
    }

    /// What does not fit: a frame of another shape, and events from the radar.
    pub(super) fn misfit(&mut self, at: i64) {
        let samples = Samples::Real(ndarray::Array3::zeros((1, 2, 3)));
        let stamp = Stamp::from_micros(START + at - BEHIND[RADAR]);
        let frame = RadarFrame { number: 0, stamp, samples, has_holes: false };
        self.deliver(at, RADAR, Reading::Radar(frame));
        self.deliver(at, RADAR, Reading::Events(EventBatch::default()));
    }

    /// Some samples of the frames between two times are missing.
    pub(super) fn punch_holes(&mut self, from: i64, to: i64) {
        for (at, input) in &mut self.rows {
            if let Input::Reading { reading: Reading::Radar(frame), .. } = input
                && (from..to).contains(at)
                && let Samples::Real(samples) = &mut frame.samples
            {
                frame.has_holes = true;
                samples.slice_mut(ndarray::s![.., 4..8, ..]).fill(0);
            }
        }
    }

    /// As it is told.
    pub(super) fn story(mut self) -> Story {
        self.rows.sort_by_key(|(at, _)| *at); // stable: ties stay as they were put in
        Story::Inputs(self.sources, self.rows.into_iter().map(|(_, input)| input).collect())
    }
}

fn host(at: i64) -> Stamp<HostClock> {
    Stamp::from_micros(START + at)
}
