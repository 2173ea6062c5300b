//! The recorder's place in the daemon: started and stopped by orders, and not waited for.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use super::{clock, notify};
use crate::config::Config;
use crate::data::{Counts, Input};
use crate::recording::{Label, Opening};
use crate::sink::recorder::{self, Recorder};
use crate::sink::zmq::control::Answer;

/// How long the end of a run waits for its recording; a disk that takes longer has failed.
const PATIENCE: u32 = 100;
/// How often the watchdog is fed meanwhile.
const GLANCE: Duration = Duration::from_millis(100);

/// What records the pipeline's run, if anything does.
pub(super) struct Tape {
    state: State,
    /// What recorders that have ended had lost.
    lost: Counts,
    /// Opens the next recording of the run.
    opening: Opening,
    /// Inputs the pipeline was told, recorded or not: a replay sees what it has missed.
    told: u64,
}

enum State {
    Off,
    On(Recorder),
    /// The last file is being written; then losses and the next part come.
    Ending(Receiver<(Counts, u32)>),
}

impl Tape {
    /// `opening` opens the recordings of the run that begins.
    pub(super) fn new(opening: Opening) -> Self {
        Self { state: State::Off, lost: Counts::default(), opening, told: 0 }
    }

    /// Ends the run and gets ready for the next one.
    pub(super) fn rewind(&mut self, opening: Opening) {
        self.finish();
        (self.opening, self.told) = (opening, 0);
    }

    /// Starts to record at the begin of a run, if `config` says so.
    pub(super) fn begin(&mut self, config: &Config) -> io::Result<()> {
        match &config.record {
            Some(record) if record.at_start => self.start(record),
            _ => Ok(()),
        }
    }

    fn start(&mut self, config: &recorder::Config) -> io::Result<()> {
        tracing::info!(folder = %config.folder.display(), "recording");
        self.opening.unix_offset_us = clock::unix_offset().0;
        self.state = State::On(Recorder::start(config, self.opening.clone())?);
        Ok(())
    }

    /// Carries out the order to record.
    pub(super) fn start_by_order(&mut self, config: &Config) -> Result<(), String> {
        self.look();
        match (&self.state, &config.record) {
            (State::On(_), _) => Err("it records already".to_owned()),
            (State::Ending(_), _) => {
                Err("the last recording is still being written; ask again in a moment".to_owned())
            }
            (State::Off, None) => {
                Err("the configuration has no `[record]`, which says where to; add it and reload"
                    .to_owned())
            }
            (State::Off, Some(record)) => self.start(record).map_err(|error| error.to_string()),
        }
    }

    /// Carries out the order to record no more; `answer` is told when the last file is whole.
    pub(super) fn stop_by_order(&mut self, answer: Answer) {
        self.look();
        if !matches!(self.state, State::On(_)) {
            // Who does not wait for the answer does not need it.
            let _told = answer.send(Err("it does not record".to_owned()));
            return;
        }
        self.end(|| {
            tracing::info!("recording was ended by an order");
            let _told = answer.send(Ok(()));
        });
    }

    /// Ends the recording beside the pipeline, which goes on, and then calls `then`.
    fn end(&mut self, then: impl FnOnce() + Send + 'static) {
        let State::On(recorder) = std::mem::replace(&mut self.state, State::Off) else { return };
        let (tell, told) = channel();
        let finish = move || {
            // Whoever ends the daemon may have stopped waiting.
            let _told = tell.send(recorder.finish());
            then();
        };
        match std::thread::Builder::new().name("end-record".into()).spawn(finish) {
            Ok(_) => self.state = State::Ending(told),
            Err(error) => tracing::error!(%error, "the end of the recording is lost"),
        }
    }

    /// The end of a run: waits for the last file, but not for ever.
    pub(super) fn finish(&mut self) {
        self.end(|| {});
        for _ in 0..PATIENCE {
            let State::Ending(told) = &self.state else { return };
            match told.recv_timeout(GLANCE) {
                Ok(ended) => self.ended(ended),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => self.state = State::Off,
            }
            notify(&[sd_notify::NotifyState::Watchdog]);
        }
        tracing::error!("the disk does not take the end of the recording; going on without it");
        self.state = State::Off;
    }

    /// Records what the pipeline is about to be told.
    pub(super) fn input(&mut self, input: &Input) {
        if let State::On(recorder) = &self.state {
            recorder.input(self.told, input, clock::now());
        }
        self.told += 1;
    }

    /// Records which expression was posed, if anything is recorded.
    pub(super) fn label(&self, label: &Label) {
        if let State::On(recorder) = &self.state {
            recorder.label(label, clock::now());
        }
    }

    /// The recorder while it records.
    pub(super) const fn recorder(&self) -> Option<&Recorder> {
        match &self.state {
            State::On(recorder) => Some(recorder),
            State::Off | State::Ending(_) => None,
        }
    }

    /// What was lost since the daemon started, by reason.
    pub(super) fn counts(&mut self) -> Counts {
        self.look();
        let mut counts = self.lost.clone();
        if let State::On(recorder) = &self.state {
            counts.merge(&recorder.counts());
        }
        counts
    }

    /// Sees whether a recording that was ending has ended.
    fn look(&mut self) {
        if let State::Ending(told) = &self.state
            && let Ok(ended) = told.try_recv()
        {
            self.ended(ended);
        }
    }

    fn ended(&mut self, (lost, part): (Counts, u32)) {
        self.lost.merge(&lost);
        self.opening.part = part;
        self.state = State::Off;
    }
}
