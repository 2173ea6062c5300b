//! Recordings as something that can be played: what comes next, and how long after the start.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use visaged::data::{
    ChirpConfig, Event, Geometry, Modality, RadarFrame, Reading, Samples, Trigger, View,
};
use visaged::sensor::{self, Sensor};
use visaged::units::Micros;

use crate::error::Error;

/// Pause between two rounds of a repeated recording.
const ROUND_GAP: Micros = Micros::from_millis(100);

/// A recording being read, over and over if `round` says so.
struct Reel {
    path: PathBuf,
    sensor: Box<dyn Sensor>,
    /// From the start of one round to the start of the next.
    round: Option<Micros>,
    /// Start of this round, and the recording's own time of its first reading.
    base: Micros,
    first: Option<i64>,
}

impl Reel {
    fn open(path: &Path, wanted: Modality, round: Option<Micros>) -> Result<Self, Error> {
        let sensor = sensor::open(path)?;
        let held = sensor.description().view.modality();
        if held != wanted {
            return Err(Error::Modality { path: path.to_owned(), held, wanted });
        }
        Ok(Self { path: path.to_owned(), sensor, round, base: Micros(0), first: None })
    }

    /// The next reading, of the next round if one is over; `None` at the end, and for ever if
    /// there is nothing in the recording.
    fn read(&mut self) -> Result<Option<Reading>, Error> {
        loop {
            if let Some(reading) = self.sensor.read()? {
                return Ok(Some(reading));
            }
            let (Some(round), Some(_)) = (self.round, self.first) else { return Ok(None) };
            self.sensor = sensor::open(&self.path)?;
            self.base = Micros(self.base.0 + round.0);
            self.first = None;
        }
    }

    /// The recording's time `t` as time since the first reading of the first round.
    fn since_start(&mut self, t: i64) -> Micros {
        let first = *self.first.get_or_insert(t);
        Micros(self.base.0 + t - first)
    }
}

/// How long a round of these recordings takes when they are repeated together: the longest of
/// them, and a pause.
///
/// # Errors
/// When one cannot be read.
pub fn round_of(recordings: &[&Path]) -> Result<Micros, Error> {
    let mut longest = 0;
    for path in recordings {
        let mut sensor = sensor::open(path)?;
        let (mut first, mut last) = (None, 0);
        while let Some(reading) = sensor.read()? {
            let times = match &reading {
                Reading::Radar(frame) => [Some(frame.stamp.as_micros()); 2],
                Reading::Events(batch) => [batch.events.first(), batch.events.last()]
                    .map(|event| event.map(|event| event.t)),
                Reading::Notice(_) => [None; 2],
            };
            if let [Some(begin), Some(end)] = times {
                first.get_or_insert(begin);
                last = end;
            }
        }
        longest = longest.max(last - first.unwrap_or(last));
    }
    Ok(Micros(longest + ROUND_GAP.0))
}

/// A radar recording, frame by frame.
pub struct RadarTape {
    reel: Reel,
    chirps: ChirpConfig,
}

impl RadarTape {
    /// Opens it; with `round` it is repeated for ever.
    ///
    /// # Errors
    /// When it cannot be opened or is of a camera.
    pub fn open(path: &Path, round: Option<Micros>) -> Result<Self, Error> {
        let reel = Reel::open(path, Modality::Radar, round)?;
        let View::Radar(chirps) = &reel.sensor.description().view else {
            let held = reel.sensor.description().view.modality();
            return Err(Error::Modality { path: path.to_owned(), held, wanted: Modality::Radar });
        };
        Ok(Self { chirps: chirps.clone(), reel })
    }

    /// How the radar chirps.
    #[must_use]
    pub const fn chirps(&self) -> &ChirpConfig {
        &self.chirps
    }

    /// The recording.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.reel.path
    }

    /// The next frame and when it starts.
    ///
    /// # Errors
    /// When the recording cannot be read.
    pub fn next_frame(&mut self) -> Result<Option<(Micros, RadarFrame)>, Error> {
        while let Some(reading) = self.reel.read()? {
            if let Reading::Radar(frame) = reading {
                return Ok(Some((self.reel.since_start(frame.stamp.as_micros()), frame)));
            }
        }
        Ok(None)
    }
}

/// Samples in chip order, `[chirp, sample, rx]`; `None` if they are complex or negative.
#[must_use]
pub fn chip_order(samples: &Samples) -> Option<Vec<u16>> {
    let Samples::Real(samples) = samples else { return None };
    let (rx, chirps, per_chirp) = samples.dim();
    let mut ordered = Vec::with_capacity(rx * chirps * per_chirp);
    for chirp in 0..chirps {
        for sample in 0..per_chirp {
            for receiver in 0..rx {
                ordered.push(u16::try_from(samples[[receiver, chirp, sample]]).ok()?);
            }
        }
    }
    Some(ordered)
}

/// What an event camera sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// A pixel's brightness changed.
    Event(Event),
    /// A trigger input changed.
    Trigger(Trigger),
}

/// An event recording, event by event.
pub struct EventTape {
    reel: Reel,
    geometry: Geometry,
    /// Read and not yet taken, with their times since the start.
    ahead: VecDeque<(Micros, Sight)>,
}

impl EventTape {
    /// Opens it; with `round` it is repeated for ever.
    ///
    /// # Errors
    /// When it cannot be opened or is of a radar.
    pub fn open(path: &Path, round: Option<Micros>) -> Result<Self, Error> {
        let reel = Reel::open(path, Modality::Event, round)?;
        let View::Event(geometry) = reel.sensor.description().view else {
            let held = reel.sensor.description().view.modality();
            return Err(Error::Modality { path: path.to_owned(), held, wanted: Modality::Event });
        };
        Ok(Self { reel, geometry, ahead: VecDeque::new() })
    }

    /// The camera's pixels.
    #[must_use]
    pub const fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// The recording.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.reel.path
    }

    /// What comes next, and when; it stays.
    ///
    /// # Errors
    /// When the recording cannot be read.
    pub fn peek(&mut self) -> Result<Option<(Micros, Sight)>, Error> {
        while self.ahead.is_empty() {
            let Some(reading) = self.reel.read()? else { return Ok(None) };
            let Reading::Events(batch) = reading else { continue };
            let mut triggers = batch.triggers.into_iter().peekable();
            for event in batch.events {
                while let Some(trigger) = triggers.next_if(|trigger| trigger.t <= event.t) {
                    let at = self.reel.since_start(trigger.t);
                    self.ahead.push_back((at, Sight::Trigger(trigger)));
                }
                self.ahead.push_back((self.reel.since_start(event.t), Sight::Event(event)));
            }
            for trigger in triggers {
                let at = self.reel.since_start(trigger.t);
                self.ahead.push_back((at, Sight::Trigger(trigger)));
            }
        }
        Ok(self.ahead.front().copied())
    }

    /// Puts back what was taken last.
    pub fn put_back(&mut self, sights: Vec<(Micros, Sight)>) {
        for sight in sights.into_iter().rev() {
            self.ahead.push_front(sight);
        }
    }

    /// Takes what [`peek`](Self::peek) showed.
    pub fn take(&mut self) {
        self.ahead.pop_front();
    }
}
