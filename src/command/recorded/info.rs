//! What a recording of our own holds.

use std::io::Write as _;

use serde::Serialize;

use super::{Part, Run, failure};
use crate::command::Failure;
use crate::command::progress::Bar;
use crate::data::{Counts, Input, Reading, Source};
use crate::recording::{Ending, Entry};
use crate::units::Micros;

/// Everything `info` says.
#[derive(Debug, Serialize)]
struct Report {
    recording: String,
    version: String,
    boot_id: String,
    /// Number of this file within its run, from 0.
    part: u32,
    bundle: Option<String>,
    sensors: Vec<Sensor>,
    inputs: u64,
    published: u64,
    /// Expressions that somebody was guided to pose.
    labels: u64,
    duration_s: f64,
    /// False if the file is cut.
    whole: bool,
    /// Entries that could not be recorded, by reason.
    lost: Counts,
}

#[derive(Debug, Serialize)]
struct Sensor {
    #[serde(flatten)]
    source: Source,
    frames: u64,
    events: u64,
    triggers: u64,
    notices: u64,
    /// How often it could not be read.
    losses: u64,
    /// What its decoder and its queue refused.
    counts: Counts,
}

/// Reads `run`, which is one file, to its end and prints what it holds.
pub(crate) fn inform(run: Run, json: bool) -> Result<(), Failure> {
    for part in run.parts {
        let report = Report::read(part)?;
        let text = if json {
            serde_json::to_string_pretty(&report)
                .map_err(|error| Failure::Encode(crate::sink::EncodeError::Json(error)))?
        } else {
            report.to_text()
        };
        writeln!(std::io::stdout(), "{}", text.trim_end()).map_err(Failure::Stdout)?;
    }
    Ok(())
}

impl Report {
    fn read(part: Part) -> Result<Self, Failure> {
        let Part { path, bytes, mut reader } = part;
        let opening = reader.opening().clone();
        let sensors = opening.sources.into_iter().map(Sensor::new).collect();
        let mut report = Self {
            recording: path.display().to_string(),
            version: opening.version,
            boot_id: opening.boot_id,
            part: opening.part,
            bundle: opening.bundle,
            sensors,
            inputs: 0,
            published: 0,
            labels: 0,
            duration_s: 0.0,
            whole: false,
            lost: Counts::default(),
        };
        let bar = Bar::new(bytes, "reading");
        let (mut first, mut last) = (None, 0);
        while let Some((micros, entry)) = reader.read().map_err(|source| failure(&path, source))? {
            bar.set(reader.position());
            first.get_or_insert(micros);
            last = micros.max(last);
            report.take(entry);
        }
        report.duration_s = Micros(last.saturating_sub(first.unwrap_or(last))).as_seconds();
        report.whole = reader.ending() == Some(Ending::Whole);
        Ok(report)
    }

    fn take(&mut self, entry: Entry) {
        match entry {
            Entry::Published(_) => self.published += 1,
            Entry::Label(_) => self.labels += 1,
            Entry::Loss(loss) => self.lost.add(loss.reason, loss.entries),
            Entry::Input { input, .. } => {
                self.inputs += 1;
                match input {
                    Input::Reading { source, reading, .. } => self.sensors[source].take(&reading),
                    Input::Counts { source, counts } => self.sensors[source].counts = counts,
                    Input::Lost { source, .. } => self.sensors[source].losses += 1,
                    Input::Clock { .. }
                    | Input::Boot { .. }
                    | Input::Lockout { .. }
                    | Input::End { .. }
                    | Input::Restart { .. }
                    | Input::Dropped { .. } => {}
                }
            }
        }
    }

    fn to_text(&self) -> String {
        let mut lines = vec![
            row("recording", &self.recording),
            row("format", &format!("MCAP of visaged {}", self.version)),
            row("run", &format!("{}, file {}", self.boot_id, self.part)),
            row("bundle", self.bundle.as_deref().unwrap_or("none")),
        ];
        for sensor in &self.sensors {
            let mut text = format!(
                "{} frames, {} events, {} triggers",
                sensor.frames, sensor.events, sensor.triggers
            );
            if sensor.losses > 0 {
                text.push_str(&format!(", could not be read {} times", sensor.losses));
            }
            lines.push(row(&sensor.source.name, &text));
            lines.extend(sensor.counts.iter().map(|(why, n)| row("", &format!("{why}: {n}"))));
        }
        lines.push(row("inputs", &self.inputs.to_string()));
        lines.push(row("published", &self.published.to_string()));
        if self.labels > 0 {
            lines.push(row("labels", &self.labels.to_string()));
        }
        lines.push(row("duration", &format!("{:.3} s", self.duration_s)));
        let end = if self.whole { "whole" } else { "cut: its end is missing" };
        lines.push(row("end", end));
        lines.extend(self.lost.iter().map(|(why, n)| row("lost", &format!("{why}: {n}"))));
        lines.join("\n")
    }
}

impl Sensor {
    fn new(source: Source) -> Self {
        let counts = Counts::default();
        Self { source, frames: 0, events: 0, triggers: 0, notices: 0, losses: 0, counts }
    }

    fn take(&mut self, reading: &Reading) {
        match reading {
            Reading::Radar(_) => self.frames += 1,
            Reading::Events(batch) => {
                self.events += batch.events.len() as u64;
                self.triggers += batch.triggers.len() as u64;
            }
            Reading::Notice(_) => self.notices += 1,
        }
    }
}

fn row(name: &str, value: &str) -> String {
    format!("{name:<22} {value}")
}
