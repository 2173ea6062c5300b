//! One thread per recording: reads, plays it in real time, and hands readings to the pipeline thread.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::clock::Pace;
use super::crew::Crew;
use super::stop::Stop;
use crate::config::SensorConfig;
use crate::data::{Counts, Reading};
use crate::sensor::{self, Sensor};

/// Readings that may wait between a reader and the pipeline. When it is full the reader waits;
/// nothing is dropped.
const QUEUE: usize = 4;

/// What a reader hands over.
#[derive(Debug)]
pub(super) enum Delivery {
    /// A reading, and everything its decoder refused so far.
    Reading(Reading, Counts),
    /// The recording has ended; the next round waits for a word.
    End,
    /// The device is lost or the file unreadable.
    Failed(sensor::Error),
}

/// The pipeline's end of a reader thread.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) deliveries: Receiver<Delivery>,
    again: SyncSender<()>,
}

impl Reader {
    /// Starts reading `sensor` on a thread of `crew`; `config` opens it again for further rounds.
    pub(super) fn start(
        crew: &mut Crew,
        config: SensorConfig,
        sensor: Box<dyn Sensor>,
        stop: Stop,
    ) -> io::Result<Self> {
        let (hand_over, deliveries) = sync_channel(QUEUE);
        let (again, told) = sync_channel(1);
        crew.hire(format!("read-{}", config.name), move || {
            let mut next = Some(sensor);
            while let Some(sensor) = next.take() {
                if !play(sensor, &hand_over, &stop) || told.recv().is_err() {
                    return;
                }
                match config.open() {
                    Ok(sensor) => next = Some(sensor),
                    Err(error) => drop(hand_over.send(Delivery::Failed(error))),
                }
            }
        })?;
        Ok(Self { deliveries, again })
    }

    /// Plays the recording once more.
    pub(super) fn again(&self) {
        // A reader that has gone is noticed when its deliveries end.
        let _told = self.again.try_send(());
    }
}

/// Plays one round; true if it came to its end.
fn play(mut sensor: Box<dyn Sensor>, hand_over: &SyncSender<Delivery>, stop: &Stop) -> bool {
    let mut pace = Pace::start();
    while !stop.is_thrown() {
        let delivery = match sensor.read() {
            Ok(Some(reading)) => {
                if let Some(micros) = due(&reading)
                    && stop.pause(pace.wait_for(micros))
                {
                    return false;
                }
                Delivery::Reading(reading, sensor.counts())
            }
            Ok(None) => Delivery::End,
            Err(error) => Delivery::Failed(error),
        };
        let over = !matches!(delivery, Delivery::Reading(..));
        let ended = matches!(delivery, Delivery::End);
        if hand_over.send(delivery).is_err() || over {
            return ended;
        }
    }
    false
}

/// When a reading was complete, on the sensor's clock.
fn due(reading: &Reading) -> Option<i64> {
    match reading {
        Reading::Radar(frame) => Some(frame.stamp.as_micros()),
        Reading::Events(batch) => batch.events.last().map(|event| event.t),
        Reading::Notice(_) => None,
    }
}
