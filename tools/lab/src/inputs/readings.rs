//! The readings of one sensor, out of a recording of that sensor alone or of a whole session.
//!
//! Sessions are files of `visaged enroll`, `record` and `convert`: MCAP, all sensors in one. Their
//! devices' clocks start anywhere, so times of both sensors are brought to one zero, the first radar
//! frame, by [`Clocks`].

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use visaged::data::{Input, Modality, Notice, Reading, View};
use visaged::recording::{Clocks, Entry, Reader, is_recording};
use visaged::sensor::{self, Sensor};
use visaged::units::Micros;

/// Readings in the order in which they came.
pub(crate) enum Readings {
    /// Of a recording that holds nothing else.
    Alone(Box<dyn Sensor>),
    /// Of a session.
    Session(Box<Session>),
}

/// One sensor of a session.
pub(crate) struct Session {
    path: PathBuf,
    reader: Reader<BufReader<File>>,
    /// Its number in the file.
    source: usize,
    view: View,
    has_begun: bool,
}

/// Where the times of a sensor begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Beginning {
    /// Time on the device's clock, microseconds.
    pub(super) device: i64,
    /// The same instant, since the recording's zero.
    pub(super) since: Micros,
}

impl Readings {
    /// Opens the recording at `path`; of a session, its first sensor of this modality.
    ///
    /// # Errors
    /// When it cannot be opened or has no such sensor.
    pub(crate) fn open(path: &Path, modality: Modality) -> Result<Self> {
        if !is_session(path)? {
            return Ok(Self::Alone(sensor::open(path)?));
        }
        let reader = reader(path)?;
        let sources = &reader.opening().sources;
        let source = sources.iter().position(|source| source.view.modality() == modality);
        let Some(source) = source else {
            bail!("{} holds no sensor of this kind; correct `dataset.toml`", path.display());
        };
        let view = sources[source].view.clone();
        let session = Session { path: path.to_owned(), reader, source, view, has_begun: false };
        Ok(Self::Session(Box::new(session)))
    }

    /// What the sensor looks like.
    pub(crate) fn view(&self) -> &View {
        match self {
            Self::Alone(sensor) => &sensor.description().view,
            Self::Session(session) => &session.view,
        }
    }

    /// The next reading; `None` at the end.
    ///
    /// # Errors
    /// When the file cannot be read, or the sensor started anew in it.
    pub(super) fn next(&mut self) -> Result<Option<Reading>> {
        match self {
            Self::Alone(sensor) => Ok(sensor.read()?),
            Self::Session(session) => session.next(),
        }
    }

    /// Where its times begin. Of a recording of one sensor they begin at zero, as `dataset.toml` says.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn beginning(&self) -> Result<Beginning> {
        match self {
            Self::Alone(_) => Ok(Beginning { device: 0, since: Micros(0) }),
            Self::Session(session) => session.beginning(),
        }
    }
}

impl Session {
    fn next(&mut self) -> Result<Option<Reading>> {
        let at = || format!("{}", self.path.display());
        while let Some((_, entry)) = self.reader.read().with_context(at)? {
            let Entry::Input { input: Input::Reading { source, reading, .. }, .. } = entry else {
                continue;
            };
            if source != self.source {
                continue;
            }
            match reading {
                Reading::Notice(Notice::Restarted) if self.has_begun => bail!(
                    "{}: the sensor started anew, its clock begins again; take the recording out of \
                     `dataset.toml`",
                    self.path.display()
                ),
                Reading::Notice(_) => {}
                Reading::Radar(_) | Reading::Events(_) => {
                    self.has_begun = true;
                    return Ok(Some(reading));
                }
            }
        }
        Ok(None)
    }

    /// Reads the whole file: the reading that came soonest tells best how two clocks lie.
    fn beginning(&self) -> Result<Beginning> {
        let mut reader = reader(&self.path)?;
        let mut clocks = Clocks::new(reader.opening());
        let at = || format!("{}", self.path.display());
        while let Some((micros, entry)) = reader.read().with_context(at)? {
            if let Entry::Input { input, .. } = entry {
                clocks.take(micros, &input);
            }
        }
        // A sensor that never delivered has no times at all.
        let device = clocks.first(self.source).unwrap_or(0);
        let since = clocks.since_zero(self.source, device).unwrap_or(Micros(0));
        Ok(Beginning { device, since })
    }
}

/// True for an MCAP file.
fn is_session(path: &Path) -> Result<bool> {
    if path.is_dir() {
        return Ok(false);
    }
    let mut head = Vec::new();
    let file = File::open(path).with_context(|| format!("{}", path.display()))?;
    file.take(8).read_to_end(&mut head).with_context(|| format!("{}", path.display()))?;
    Ok(is_recording(&head))
}

fn reader(path: &Path) -> Result<Reader<BufReader<File>>> {
    let at = || format!("{}", path.display());
    let file = File::open(path).with_context(at)?;
    Reader::open(BufReader::new(file)).with_context(at)
}

#[cfg(test)]
mod tests;
