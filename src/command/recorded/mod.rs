//! Recordings of our own: the files of one run, and the run once more.

mod info;

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};

pub(super) use info::inform;

use super::Failure;
use super::progress::Bar;
use crate::config::{Config, Origin};
use crate::daemon;
use crate::data::Source;
use crate::data::message::Message;
use crate::pipeline::Pipeline;
use crate::recording::{self, Ending, Entry, Opening, ReadError, Reader};
use crate::units::{HostClock, Stamp};

/// The files of one run, in order.
pub(super) struct Run {
    parts: Vec<Part>,
}

/// One file of a run.
struct Part {
    path: PathBuf,
    bytes: u64,
    reader: Reader<BufReader<File>>,
}

impl Run {
    /// Opens `paths` if they are recordings of our own; `None` if none of them is.
    pub(super) fn open(paths: &[PathBuf]) -> Result<Option<Self>, Failure> {
        let ours = paths.iter().filter(|path| is_ours(path)).count();
        if ours == 0 {
            return Ok(None);
        }
        if ours < paths.len() {
            let problem = "an MCAP recording holds all sensors of its run; it cannot be mixed \
                           with other recordings";
            return Err(Failure::Usage(problem.to_owned()));
        }
        let mut parts = paths.iter().map(|path| Part::open(path)).collect::<Result<Vec<_>, _>>()?;
        parts.sort_by_key(|part| part.reader.opening().part);
        let run = Self { parts };
        run.check()?;
        Ok(Some(run))
    }

    fn check(&self) -> Result<(), Failure> {
        let first = self.opening();
        for (expected, part) in (first.part..).zip(&self.parts) {
            let opening = part.reader.opening();
            if (opening.boot_id != first.boot_id) || opening.sources != first.sources {
                let problem = format!(
                    "{} is of another run than {}; replay one run at a time",
                    part.path.display(),
                    self.parts[0].path.display()
                );
                return Err(Failure::Usage(problem));
            }
            if opening.part != expected {
                tracing::warn!(
                    file = %part.path.display(),
                    "part {expected} of the run is absent: what was said live may differ"
                );
            }
        }
        if first.part > 0 {
            tracing::warn!(
                "the run began {} files earlier: what was said live may differ until windows \
                 have filled, and messages are numbered anew",
                first.part
            );
        }
        Ok(())
    }

    fn opening(&self) -> &Opening {
        self.parts[0].reader.opening()
    }

    /// The sensors of the run.
    pub(super) fn sources(&self) -> &[Source] {
        &self.opening().sources
    }

    /// Says so if the run was recorded with another bundle than `bundle`.
    pub(super) fn compare(&self, bundle: Option<&str>) {
        let recorded = self.opening().bundle.as_deref();
        if recorded != bundle {
            tracing::warn!(
                recorded = recorded.unwrap_or("none"),
                now = bundle.unwrap_or("none"),
                "replaying with another bundle: identity and expression are not what was said live"
            );
        }
    }

    /// The configuration and the pipeline of the run; the bundle must be the same to the bit.
    pub(super) fn plan(&self) -> Result<(Config, Pipeline), Failure> {
        let opening = self.opening();
        let folder = PathBuf::from(&opening.folder);
        let file = folder.join("the recorded configuration");
        let mut config = Config::parse(&opening.config, &file)?;
        config.resolve(&folder);
        config.origin = Origin { text: opening.config.clone(), folder };
        config.publish.endpoints.clear(); // a replay publishes where it is told to
        let (pipeline, bundle) = daemon::plan(&config, &opening.sources)?;
        if bundle != opening.bundle {
            let words = |digest: &Option<String>| digest.clone().unwrap_or("none".to_owned());
            let problem = format!(
                "recorded with bundle {}, its folder now holds {}; name a configuration with \
                 --config to replay with another bundle",
                words(&opening.bundle),
                words(&bundle)
            );
            return Err(Failure::Usage(problem));
        }
        Ok((config, pipeline))
    }

    /// Tells `pipeline` everything it was told, and gives `send` each message with the time at
    /// which it was published; `send` says false to stop.
    pub(super) fn replay(
        self,
        pipeline: &mut Pipeline,
        mut send: impl FnMut(Message, Stamp<HostClock>) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let (mut out, mut waiting) = (Vec::new(), VecDeque::new());
        let is_first_part = self.opening().part == 0;
        let mut expected = None;
        for part in self.parts {
            let Part { path, bytes, mut reader } = part;
            let bar = Bar::new(bytes, &path.display().to_string());
            loop {
                let entry = reader.read().map_err(|source| failure(&path, source))?;
                bar.set(reader.position());
                match entry {
                    None => break,
                    Some((_, Entry::Input { number, input })) => {
                        if expected.is_none() && number > 0 && is_first_part {
                            tracing::warn!(
                                "recording began while the daemon ran: what was said live may \
                                 differ until windows have filled, and messages are numbered anew"
                            );
                        }
                        if expected.is_some_and(|expected| expected != number) {
                            tracing::warn!(number, "inputs are missing before this one");
                        }
                        expected = number.checked_add(1);
                        if !send_all(&mut waiting, &mut send)? {
                            return Ok(());
                        }
                        pipeline.take(input, &mut out);
                        waiting.extend(out.drain(..));
                    }
                    Some((_, Entry::Published(published))) => {
                        let same = |message: &Message| {
                            message.recorded == published.recorded
                                && message.topic() == published.topic
                        };
                        // Those before it were lost while recording.
                        let Some(at) = waiting.iter().position(same) else { continue };
                        let last = waiting.split_off(at + 1);
                        let mut these = std::mem::replace(&mut waiting, last);
                        let this = these.pop_back();
                        let on = send_all(&mut these, &mut send)?;
                        if let Some(message) = this
                            && !(on && send(message, published.published)?)
                        {
                            return Ok(());
                        }
                    }
                    Some((_, Entry::Loss(loss))) => {
                        let (reason, entries) = (loss.reason, loss.entries);
                        tracing::warn!(reason, entries, "entries were lost while recording");
                    }
                    // What somebody was asked to pose was not told to the pipeline.
                    Some((_, Entry::Label(_))) => {}
                }
            }
            if reader.ending() == Some(Ending::Cut) {
                tracing::warn!(file = %path.display(), "the recording is cut; its end is missing");
            }
        }
        send_all(&mut waiting, &mut send).map(drop)
    }
}

/// Sends what was not recorded as published, or not yet: published at once.
fn send_all(
    waiting: &mut VecDeque<Message>,
    send: &mut impl FnMut(Message, Stamp<HostClock>) -> Result<bool, Failure>,
) -> Result<bool, Failure> {
    for message in waiting.drain(..) {
        let published = message.recorded;
        if !send(message, published)? {
            return Ok(false);
        }
    }
    Ok(true)
}

impl Part {
    fn open(path: &Path) -> Result<Self, Failure> {
        let io = |source| failure(path, ReadError::Io(source));
        let file = File::open(path).map_err(io)?;
        let bytes = file.metadata().map_err(io)?.len();
        let reader = Reader::open(BufReader::new(file)).map_err(|source| failure(path, source))?;
        Ok(Self { path: path.to_owned(), bytes, reader })
    }
}

fn failure(path: &Path, source: ReadError) -> Failure {
    Failure::Recording { path: path.to_owned(), source }
}

/// True for an MCAP file. What cannot be read is told by whoever reads it next.
fn is_ours(path: &Path) -> bool {
    let mut head = [0; 8];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && recording::is_recording(&head)
}
