//! Reads a session back from its file: what it holds, and whether it can be used.
//!
//! Nothing is taken from memory that the file does not say, so that what is learnt from later is
//! what was judged here.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use super::cues::{FADE, REACTION};
use crate::data::message::ExpressionLabel;
use crate::data::{Counts, Input, Notice, Reading, View};
use crate::recording::{Clocks, Ending, Entry, Label, Reader};
use crate::units::Micros;

/// A session that can be used.
#[derive(Debug)]
pub(super) struct Session {
    /// Its file.
    pub(super) file: PathBuf,
    /// From zero, the first radar frame, or without a radar the first event, to the last reading.
    pub(super) length: Micros,
    /// Unix time at which recording began, microseconds.
    pub(super) began: i64,
    /// Number of the first radar and of the first camera, in the order of the configuration.
    pub(super) radar: Option<usize>,
    pub(super) camera: Option<usize>,
    /// What was posed, since zero.
    pub(super) poses: Vec<Pose>,
    /// What sensors lost meanwhile, in words.
    pub(super) remarks: Vec<String>,
}

/// One pose, in microseconds since zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pose {
    pub(super) expression: ExpressionLabel,
    pub(super) onset: Micros,
    pub(super) apex: Micros,
    pub(super) offset: Micros,
    pub(super) end: Micros,
}

/// Reads the session in `folder`, of which `told` labels were told.
///
/// # Errors
/// Why it cannot be used, in words.
pub(super) fn review(folder: &Path, told: usize) -> Result<Session, String> {
    let file = only_file(folder)?;
    let named = |problem: String| format!("{}: {problem}", file.display());
    let reader = File::open(&file).map_err(|error| named(error.to_string()))?;
    let mut reader =
        Reader::open(BufReader::new(reader)).map_err(|error| named(error.to_string()))?;
    let mut review = Review::new(&reader);
    while let Some((micros, entry)) = reader.read().map_err(|error| named(error.to_string()))? {
        review.take(micros, entry)?;
    }
    if reader.ending() != Some(Ending::Whole) {
        return Err("the recording is cut: its end is not on the disk".to_owned());
    }
    if review.labels.len() != told {
        return Err(format!("{told} poses were shown, {} are recorded", review.labels.len()));
    }
    review.finish(file)
}

/// The one recording in `folder`.
fn only_file(folder: &Path) -> Result<PathBuf, String> {
    let entries = fs::read_dir(folder).map_err(|error| error.to_string())?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut files: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|kind| kind == "mcap")).collect();
    match (files.pop(), files.len()) {
        (Some(file), 0) => Ok(file),
        (None, _) => Err("nothing was recorded; the log above says why".to_owned()),
        (Some(_), more) => Err(format!(
            "the recording was interrupted and is in {} files; the log above says why",
            more + 1
        )),
    }
}

/// What was read so far.
struct Review {
    names: Vec<String>,
    radar: Option<usize>,
    camera: Option<usize>,
    unix_offset: i64,
    clocks: Clocks,
    began: Option<i64>,
    /// Log time of the last reading, and of the first end of a sensor.
    last: i64,
    ended: Option<i64>,
    next: Option<u64>,
    labels: Vec<Label>,
    counts: Vec<Counts>,
}

impl Review {
    fn new<R: std::io::Read>(reader: &Reader<R>) -> Self {
        let opening = reader.opening();
        let find = |is: fn(&View) -> bool| opening.sources.iter().position(|one| is(&one.view));
        Self {
            names: opening.sources.iter().map(|source| source.name.clone()).collect(),
            radar: find(|view| matches!(view, View::Radar(_))),
            camera: find(|view| matches!(view, View::Event(_))),
            unix_offset: opening.unix_offset_us,
            clocks: Clocks::new(opening),
            began: None,
            last: i64::MIN,
            ended: None,
            next: None,
            labels: Vec::new(),
            counts: vec![Counts::default(); opening.sources.len()],
        }
    }

    fn take(&mut self, micros: i64, entry: Entry) -> Result<(), String> {
        self.began.get_or_insert(micros);
        match entry {
            Entry::Published(_) => Ok(()),
            Entry::Label(label) => {
                self.labels.push(label);
                Ok(())
            }
            Entry::Loss(loss) => {
                Err(format!("{} entries could not be recorded ({})", loss.entries, loss.reason))
            }
            Entry::Input { number, input } => {
                if self.next.is_some_and(|next| next != number) {
                    return Err("entries are missing in the recording".to_owned());
                }
                self.next = Some(number.saturating_add(1));
                self.input(micros, input)
            }
        }
    }

    fn input(&mut self, micros: i64, input: Input) -> Result<(), String> {
        self.clocks.take(micros, &input);
        match input {
            Input::Reading { source, reading: Reading::Notice(Notice::Restarted), .. }
                if self.clocks.first(source).is_some() =>
            {
                Err(format!("sensor `{}` has started anew meanwhile", self.names[source]))
            }
            Input::Reading { reading: Reading::Radar(_) | Reading::Events(_), .. } => {
                self.last = micros;
                Ok(())
            }
            Input::Lost { source, .. } if self.clocks.all_have_begun() => {
                Err(format!("sensor `{}` was lost meanwhile", self.names[source]))
            }
            Input::End { .. } => {
                self.ended.get_or_insert(micros);
                Ok(())
            }
            Input::Counts { source, counts } => {
                self.counts[source] = counts;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn finish(self, file: PathBuf) -> Result<Session, String> {
        let zero = self.clocks.zero().ok_or("no sensor has delivered anything")?;
        let last = self.ended.map_or(self.last, |ended| ended.min(self.last));
        let length = Micros(last.saturating_sub(self.unix_offset).saturating_sub(zero.as_micros()));
        let pose = |label: &Label| {
            let since = |micros: i64| Micros(micros.saturating_sub(zero.as_micros()));
            let (onset, offset) = (since(label.cue_us), since(label.release_us));
            Pose {
                expression: label.expression,
                onset,
                apex: Micros(onset.0 + REACTION.0),
                offset,
                end: Micros(offset.0 + FADE.0),
            }
        };
        // What was posed when a sensor had ended is in no recording.
        let is_seen = |pose: &Pose| pose.onset.0 >= 0 && pose.end <= length;
        let poses: Vec<Pose> = self.labels.iter().map(pose).filter(is_seen).collect();
        if poses.is_empty() {
            return Err("no pose lies within what the sensors delivered".to_owned());
        }
        let refused = self.names.iter().zip(&self.counts).filter(|(_, counts)| !counts.is_empty());
        let remark = |(name, counts): (&String, &Counts)| {
            let rows: Vec<String> = counts.iter().map(|(why, n)| format!("{why} {n}")).collect();
            format!("sensor `{name}` lost or refused: {}", rows.join(", "))
        };
        Ok(Session {
            file,
            length,
            began: self.began.unwrap_or(0),
            radar: self.radar,
            camera: self.camera,
            poses,
            remarks: refused.map(remark).collect(),
        })
    }
}

#[cfg(test)]
mod tests;
