//! Live sensors: one reader thread each, and the pipeline thread driven by what they hear.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::clock;
use super::inbox::Inbox;
use super::stop::Stop;
use super::{Drive, Ended, Error, PULSE};
use crate::data::{Counts, Input, Notice, Reading};
use crate::sensor::Sensor;
use crate::sync::clock::Schedule;

/// The first wait after a loss; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// The threads that read live sensors.
pub(super) struct Readers {
    inbox: Arc<Inbox>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    /// Starts a thread per sensor; `names` are for logs.
    pub(super) fn start(
        sensors: Vec<Box<dyn Sensor>>,
        names: &[String],
        stop: &Stop,
    ) -> io::Result<Self> {
        let inbox = Arc::new(Inbox::new(sensors.len()));
        let mut threads = Vec::new();
        for (source, (sensor, name)) in sensors.into_iter().zip(names).enumerate() {
            let attendant = Attendant {
                source,
                name: name.clone(),
                inbox: Arc::clone(&inbox),
                stop: stop.clone(),
                // Another seed for each, so that two sensors on one bus are not asked in step.
                schedule: Schedule::new(source as u64),
                told: Counts::default(),
                complaint: None,
            };
            let thread = std::thread::Builder::new().name(format!("read-{name}"));
            threads.push(thread.spawn(move || attendant.attend(sensor))?);
        }
        Ok(Self { inbox, threads })
    }

    /// Feeds the pipeline until `stop` is thrown or every sensor has ended.
    pub(super) fn feed(&self, drive: &mut Drive<'_, '_>, stop: &Stop) -> Result<Ended, Error> {
        let mut open = self.threads.len();
        let mut due = clock::now();
        while !stop.is_thrown() && open > 0 {
            let patience =
                Duration::from_micros(u64::try_from((due - clock::now()).0).unwrap_or(0));
            if let Some(input) = self.inbox.take(patience) {
                open -= usize::from(matches!(input, Input::End { .. }));
                drive.tell(input)?;
            }
            let now = clock::now();
            if now >= due {
                for counts in self.inbox.news() {
                    drive.tell(counts)?;
                }
                drive.tell(Input::Clock { now })?;
                due = now + PULSE;
                drive.outlet.onlookers.inbox(self.inbox.waiting());
                if let Some(ended) = drive.pulse()? {
                    return Ok(ended);
                }
            }
        }
        Ok(Ended::Over)
    }

    /// Waits for the threads, which end once the switch is thrown.
    pub(super) fn join(self) {
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a reader thread panicked");
            }
        }
    }
}

/// Reads one sensor, asks it for its time, and tries again after a loss.
struct Attendant {
    source: usize,
    name: String,
    inbox: Arc<Inbox>,
    stop: Stop,
    schedule: Schedule,
    told: Counts,
    /// The last error that was logged and not overcome since.
    complaint: Option<String>,
}

impl Attendant {
    fn attend(mut self, mut sensor: Box<dyn Sensor>) {
        let mut wait = FIRST_WAIT;
        while !self.stop.is_thrown() {
            let result = self.ask(sensor.as_mut()).and_then(|()| sensor.read());
            let now = clock::now();
            self.count(sensor.as_ref());
            match result {
                Ok(Some(Reading::Notice(Notice::Idle))) => {}
                Ok(Some(reading)) => {
                    if self.complaint.take().is_some() {
                        tracing::info!(sensor = self.name, "delivers again");
                    }
                    wait = FIRST_WAIT;
                    if reading == Reading::Notice(Notice::Restarted) {
                        self.schedule.restart();
                    }
                    self.inbox.put(self.source, reading, now);
                }
                Ok(None) => {
                    self.inbox.end(self.source);
                    return;
                }
                Err(error) => {
                    self.inbox.lose(self.source, error.loss(), now);
                    let problem = error.to_string();
                    // Said once: a cable that is out for a week is one line.
                    if self.complaint.as_ref() != Some(&problem) {
                        tracing::error!(sensor = self.name, "{problem}; trying again");
                        self.complaint = Some(problem);
                    }
                    if self.stop.pause(wait) {
                        return;
                    }
                    wait = (wait * 2).min(LONGEST_WAIT);
                    self.schedule.restart();
                }
            }
        }
    }

    fn ask(&mut self, sensor: &mut dyn Sensor) -> Result<(), crate::sensor::Error> {
        let now = clock::now();
        if now < self.schedule.next_due(now) {
            return Ok(());
        }
        self.schedule.sent(now);
        sensor.ask_time(now)
    }

    fn count(&mut self, sensor: &dyn Sensor) {
        let counts = sensor.counts();
        if counts != self.told {
            self.told.clone_from(&counts);
            self.inbox.count(self.source, counts);
        }
    }
}
