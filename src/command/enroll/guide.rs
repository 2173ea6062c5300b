//! Shows a person what to pose, when it is time, and notes what was shown.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use super::cues::{Cue, FADE, REACTION, word};
use super::watch::News;
use crate::command::progress::Countdown;
use crate::daemon::{Stop, clock};
use crate::recording::Label;
use crate::units::{HostClock, Micros, Stamp};

/// How often the bar moves and news is looked at.
const TICK: Micros = Micros::from_millis(50);
/// From the moment that all sensors deliver to the first cue of a drawn schedule.
const LEAD: Micros = Micros::from_millis(3_000);
/// How long the recording goes on behind the last label: windows that end in it need what follows.
const TAIL: Micros = Micros::from_millis(1_000);
/// Sensors may take so long before the person is told whom they wait for.
const PATIENCE: Micros = Micros::from_millis(3_000);
/// A cue that is due for so long is not shown any more: its times would not be those of the file.
const LATE: Micros = Micros::from_millis(150);

/// A schedule, and where its zero is.
pub(super) enum Plan {
    /// Zero is some time after all sensors deliver.
    Drawn(Vec<Cue>),
    /// Zero is the first reading.
    FromFile(Vec<Cue>),
}

impl Plan {
    pub(super) fn cues(&self) -> &[Cue] {
        match self {
            Self::Drawn(cues) | Self::FromFile(cues) => cues,
        }
    }
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// What was posed, from cue to rest.
    pub(super) labels: Vec<Label>,
    /// Why the session is worth nothing: a sensor was lost.
    pub(super) lost: Option<String>,
}

/// Why the guide ends before the schedule does.
enum Cut {
    /// Somebody stopped it, or the recordings have ended.
    Stopped,
    /// A sensor was lost.
    Lost(String),
}

/// Guides a person through a schedule, on a thread of its own.
pub(super) struct Guide<L: Fn(Label)> {
    pub(super) plan: Plan,
    pub(super) news: Receiver<News>,
    /// Thrown at the end, by the guide or by others.
    pub(super) stop: Stop,
    /// Puts a label into the recording.
    pub(super) label: L,
    pub(super) screen: Countdown,
}

impl<L: Fn(Label)> Guide<L> {
    /// Guides until the schedule ends, a sensor is lost or the switch is thrown; then throws it.
    pub(super) fn run(self) -> Told {
        let mut told = Told::default();
        match self.all(&mut told.labels) {
            Ok(()) | Err(Cut::Stopped) => {}
            Err(Cut::Lost(problem)) => told.lost = Some(problem),
        }
        self.stop.throw();
        told
    }

    fn all(&self, labels: &mut Vec<Label>) -> Result<(), Cut> {
        let first = self.begin()?;
        let zero = match &self.plan {
            Plan::FromFile(_) => first,
            Plan::Drawn(_) => {
                let zero = clock::now() + LEAD;
                self.screen.say("        all sensors deliver; the first pose comes in 3 s");
                zero
            }
        };
        let cues = self.plan.cues();
        for (number, cue) in (1..).zip(cues) {
            let [onset, offset] = [cue.onset, cue.offset].map(|at| zero + at.to_micros());
            let expression = word(cue.expression);
            if clock::now() - onset > LATE {
                self.screen.say(&format!(
                    "{number:3}/{}  {expression} is left out: it was due before all sensors delivered",
                    cues.len()
                ));
                continue;
            }
            self.pass("rest", onset)?;
            self.screen.say(&format!("{number:3}/{}  {expression}", cues.len()));
            let shown = clock::now();
            // A machine that was late takes nothing off the pose, or it would not have formed.
            self.pass(expression, offset.max(shown + REACTION))?;
            self.screen.say("        relax");
            let released = clock::now();
            self.pass("relax", released + FADE)?;
            let label = Label {
                expression: cue.expression,
                cue_us: shown.as_micros(),
                release_us: released.as_micros(),
            };
            labels.push(label);
            (self.label)(label);
        }
        self.pass("the end", clock::now() + TAIL)
    }

    /// Waits until every sensor has delivered; gives when the first reading was.
    fn begin(&self) -> Result<Stamp<HostClock>, Cut> {
        let (start, mut said) = (clock::now(), String::new());
        while !self.stop.is_thrown() {
            match self.news.recv_timeout(duration(TICK)) {
                Ok(News::Begun(first)) => return Ok(first),
                Ok(News::Missing(sensors)) => {
                    if clock::now() - start >= PATIENCE && sensors != said {
                        self.screen.say(&format!("        waiting for {sensors}"));
                        said = sensors;
                    }
                }
                Ok(News::Lost(problem)) => return Err(Cut::Lost(problem)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(Cut::Stopped),
            }
        }
        Err(Cut::Stopped)
    }

    /// Counts `what` down to `until`.
    fn pass(&self, what: &str, until: Stamp<HostClock>) -> Result<(), Cut> {
        let start = clock::now();
        loop {
            let now = clock::now();
            self.screen.show(what, millis(now - start), millis(until - start));
            if now >= until {
                return Ok(());
            }
            for news in self.news.try_iter() {
                if let News::Lost(problem) = news {
                    return Err(Cut::Lost(problem));
                }
            }
            if self.stop.pause(duration((until - now).min(TICK))) {
                return Err(Cut::Stopped);
            }
        }
    }
}

fn millis(span: Micros) -> u64 {
    u64::try_from(span.0 / 1_000).unwrap_or(0)
}

fn duration(span: Micros) -> Duration {
    Duration::from_micros(u64::try_from(span.0).unwrap_or(0))
}
