//! Where the clocks of a recording's sensors lie against each other, so that what one saw can be
//! put beside what the other saw, and beside what somebody was asked to do.

use crate::data::{Epoch, Input, Reading, View};
use crate::units::{HostClock, Micros, Stamp};

use super::Opening;

/// Learns it from everything the pipeline was told.
///
/// Zero is the first radar frame, or the first event of the first camera if there is no radar. A
/// reading cannot come before it was complete, so the one that came soonest after that tells best
/// how a device's clock lies against the host's; how long a cable takes at its best is left in it.
/// Readings of recordings bear no arrival: their sensors are aligned as the pipeline does, by Unix
/// time if all have it, else by their starts.
#[derive(Debug, Clone)]
pub struct Clocks {
    tracks: Vec<Track>,
    has_unix_time: bool,
    /// Unix time minus the host's monotonic time, microseconds.
    unix_offset: i64,
}

/// What is known of one sensor.
#[derive(Debug, Clone)]
struct Track {
    is_radar: bool,
    is_live: bool,
    /// From the stamp of a reading to its being complete, microseconds.
    takes: i64,
    /// Device time of the first reading.
    first: Option<i64>,
    /// Host time minus device time of the reading that came soonest.
    offset: i64,
}

impl Clocks {
    /// Nothing was told yet of the sensors in `opening`.
    #[must_use]
    pub fn new(opening: &Opening) -> Self {
        let tracks = opening.sources.iter().map(|source| Track {
            is_radar: matches!(source.view, View::Radar(_)),
            is_live: source.epoch == Epoch::Live,
            takes: match &source.view {
                // A frame is stamped at its first chirp, and played when its stamp is due.
                View::Radar(chirp) if source.epoch == Epoch::Live => {
                    chirp.chirp_period.to_micros().0.saturating_mul(count(chirp.chirps))
                }
                View::Radar(_) | View::Event(_) => 0,
            },
            first: None,
            offset: i64::MAX,
        });
        let has_unix_time = opening.sources.iter().all(|source| source.epoch == Epoch::Unix);
        Self { tracks: tracks.collect(), has_unix_time, unix_offset: opening.unix_offset_us }
    }

    /// Takes an input that was logged at the Unix time `micros`.
    pub fn take(&mut self, micros: i64, input: &Input) {
        let Input::Reading { source, reading, arrival } = input else { return };
        let (first, last) = match reading {
            Reading::Radar(frame) => (frame.stamp.as_micros(), frame.stamp.as_micros()),
            Reading::Events(batch) => match (batch.events.first(), batch.events.last()) {
                (Some(first), Some(last)) => (first.t, last.t),
                _ => return,
            },
            Reading::Notice(_) => return,
        };
        let came = arrival.map_or(micros.saturating_sub(self.unix_offset), Stamp::as_micros);
        let Some(track) = self.tracks.get_mut(*source) else { return };
        track.first.get_or_insert(first);
        let complete = last.saturating_add(track.takes);
        track.offset = track.offset.min(came.saturating_sub(complete));
    }

    /// Device time of the first reading of `source`, microseconds; `None` if it gave none.
    #[must_use]
    pub fn first(&self, source: usize) -> Option<i64> {
        self.tracks.get(source)?.first
    }

    /// True if every sensor has given a reading.
    #[must_use]
    pub fn all_have_begun(&self) -> bool {
        self.tracks.iter().all(|track| track.first.is_some())
    }

    /// When zero was, on the host's clock; `None` before any sensor gave a reading.
    ///
    /// Meaningless for a recording that was made out of others: no host's clock is in it.
    #[must_use]
    pub fn zero(&self) -> Option<Stamp<HostClock>> {
        let track = &self.tracks[self.reference()?];
        Some(Stamp::from_micros(track.first?.saturating_add(track.offset)))
    }

    /// How long after zero it was `device` microseconds on the clock of `source`; negative before it,
    /// `None` if the sensor gave no reading.
    #[must_use]
    pub fn since_zero(&self, source: usize, device: i64) -> Option<Micros> {
        let track = self.tracks.get(source)?;
        let (first, reference) = (track.first?, &self.tracks[self.reference()?]);
        let zero = reference.first?;
        let since = if track.is_live {
            let host = device.saturating_add(track.offset);
            host.saturating_sub(zero.saturating_add(reference.offset))
        } else if self.has_unix_time {
            device.saturating_sub(zero)
        } else {
            device.saturating_sub(first)
        };
        Some(Micros(since))
    }

    /// The sensor whose first reading is zero.
    fn reference(&self) -> Option<usize> {
        let begun = |track: &Track| track.first.is_some();
        let radar = self.tracks.iter().position(|track| track.is_radar && begun(track));
        radar.or_else(|| self.tracks.iter().position(begun))
    }
}

/// A count that fits, in its type.
fn count(chirps: usize) -> i64 {
    i64::try_from(chirps).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::*;
    use crate::data::{ChirpConfig, Event, EventBatch, Geometry, RadarFrame, Samples, Source};
    use crate::recording::LAYOUT;
    use crate::units::Seconds;

    const RADAR: usize = 0;
    const CAMERA: usize = 1;
    /// 10 chirps of 1 ms.
    const FRAME: i64 = 10_000;

    fn clocks(epochs: [Epoch; 2]) -> Clocks {
        let chirps = ChirpConfig { chirps: 10, chirp_period: Seconds(1e-3), ..ChirpConfig::food() };
        let views = [View::Radar(chirps), View::Event(Geometry { width: 8, height: 8 })];
        let source = |(view, epoch)| Source { name: "sensor".into(), view, epoch };
        Clocks::new(&Opening {
            layout: LAYOUT,
            version: String::new(),
            boot_id: String::new(),
            part: 0,
            sources: views.into_iter().zip(epochs).map(source).collect(),
            config: String::new(),
            folder: String::new(),
            bundle: None,
            unix_offset_us: 1_000,
        })
    }

    fn frame(stamp: i64, arrival: Option<i64>) -> Input {
        let samples = Samples::Real(Array3::zeros((1, 1, 1)));
        let stamp = Stamp::from_micros(stamp);
        let reading = Reading::Radar(RadarFrame { number: 0, stamp, samples, has_holes: false });
        Input::Reading { source: RADAR, reading, arrival: arrival.map(Stamp::from_micros) }
    }

    fn events(times: &[i64], arrival: Option<i64>) -> Input {
        let events = times.iter().map(|&t| Event { t, ..Event::default() }).collect();
        let reading = Reading::Events(EventBatch { events, ..EventBatch::default() });
        Input::Reading { source: CAMERA, reading, arrival: arrival.map(Stamp::from_micros) }
    }

    #[test]
    fn live_clocks_are_told_by_the_reading_that_came_soonest() {
        let mut clocks = clocks([Epoch::Live, Epoch::Live]);
        // The radar's clock is 5 s behind the host's, the first frame comes 300 ms late.
        clocks.take(0, &frame(1_000_000, Some(6_000_000 + FRAME + 300_000)));
        clocks.take(0, &frame(1_050_000, Some(6_050_000 + FRAME)));
        // The camera's is 90 s ahead; its first block comes 200 ms late.
        clocks.take(0, &events(&[96_500_000, 96_600_000], Some(6_800_000)));
        clocks.take(0, &events(&[96_700_000, 96_800_000], Some(6_800_000)));
        assert_eq!(clocks.zero(), Some(Stamp::from_micros(6_000_000)));
        assert_eq!(clocks.since_zero(RADAR, 1_050_000), Some(Micros(50_000)));
        assert_eq!(clocks.since_zero(CAMERA, 96_500_000), Some(Micros(500_000)));
        assert_eq!(clocks.first(CAMERA), Some(96_500_000));
    }

    #[test]
    fn recordings_are_aligned_by_unix_time_if_all_have_it_and_else_by_their_starts() {
        for (epochs, expected) in [([Epoch::Unix; 2], 400), ([Epoch::Unix, Epoch::Device], 0)] {
            let mut clocks = clocks(epochs);
            clocks.take(2_000, &frame(7_000, None));
            clocks.take(2_500, &events(&[7_400, 7_500], None));
            assert_eq!(clocks.since_zero(CAMERA, 7_400), Some(Micros(expected)));
        }
    }

    #[test]
    fn a_played_recording_begins_when_its_first_reading_was_logged() {
        let mut clocks = clocks([Epoch::Unix, Epoch::Device]);
        clocks.take(51_000, &frame(7_000, None));
        // 1000 of it is the difference between Unix time and the host's.
        assert_eq!(clocks.zero(), Some(Stamp::from_micros(50_000)));
    }

    #[test]
    fn without_a_radar_the_first_event_is_zero_and_without_anything_nothing_is() {
        let mut clocks = clocks([Epoch::Live, Epoch::Live]);
        assert!(clocks.zero().is_none() && !clocks.all_have_begun());
        clocks.take(0, &events(&[], Some(1)));
        assert_eq!(clocks.zero(), None);
        clocks.take(0, &events(&[500, 600], Some(10_600)));
        assert_eq!(clocks.zero(), Some(Stamp::from_micros(10_500)));
        assert_eq!(clocks.since_zero(CAMERA, 600), Some(Micros(100)));
        assert_eq!(clocks.since_zero(RADAR, 600), None);
        assert!(!clocks.all_have_begun());
    }
}
