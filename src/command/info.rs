//! `visaged info`: what a recording holds.

use std::io::Write as _;
use std::path::PathBuf;

use serde::Serialize;

use super::Failure;
use super::open::{self, Headerless};
use super::progress::Bar;
use super::recorded::{self, Run};
use crate::data::{ChirpConfig, Counts, Reading, View};
use crate::sensor::Description;
use crate::units::{Hertz, Meters, MetersPerSecond, Micros};

/// Reads a recording to its end and says what it holds, and what of it was refused.
#[derive(Debug, clap::Args)]
#[command(after_help = open::help(EXAMPLES))]
pub(super) struct Args {
    /// A file or folder.
    #[arg(value_name = "RECORDING")]
    recording: PathBuf,
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    headerless: Headerless,
}

const EXAMPLES: &str = "\
Examples:
  visaged info recordings/2026-01-06/            a radar folder
  visaged info events.raw --json                 for a script
  visaged info visaged-000012-20261123T065959Z.mcap
  visaged info dump.bin --format evt21-little --geometry 320x320";

/// Everything `info` says.
#[derive(Debug, Serialize)]
struct Report {
    recording: String,
    #[serde(flatten)]
    description: Description,
    #[serde(skip_serializing_if = "Option::is_none")]
    resolution: Option<Resolution>,
    content: Content,
    /// Everything the decoder counted, by reason: refused, or worth knowing.
    counts: Counts,
}

/// What follows from the chirp configuration.
#[derive(Debug, Serialize)]
struct Resolution {
    center_frequency_hz: Hertz,
    bandwidth_hz: Hertz,
    range_resolution_m: Meters,
    max_range_m: Meters,
    velocity_resolution_m_s: MetersPerSecond,
    max_velocity_m_s: MetersPerSecond,
}

/// What was found by reading to the end.
#[derive(Debug, Default, Serialize)]
struct Content {
    /// Radar frames, or events.
    frames: u64,
    frames_with_holes: u64,
    events: u64,
    on_events: u64,
    triggers: u64,
    first_us: Option<i64>,
    last_us: Option<i64>,
    duration_s: f64,
    /// Frames or events per second.
    rate_hz: f64,
    /// Times of neighbouring readings that step back.
    time_stepped_back: bool,
}

pub(super) fn execute(args: &Args) -> Result<(), Failure> {
    if let Some(run) = Run::open(std::slice::from_ref(&args.recording))? {
        return recorded::inform(run, args.json);
    }
    let mut sensor = open::open(&args.recording, &args.headerless)?;
    let bar = Bar::over(sensor.as_ref(), "reading");
    let mut content = Content::default();
    while let Some(reading) = sensor.read()? {
        content.take(&reading);
        bar.show(sensor.as_ref());
    }
    drop(bar);
    let description = sensor.description().clone();
    content.finish(&description.view);
    let report = Report {
        recording: args.recording.display().to_string(),
        resolution: match &description.view {
            View::Radar(chirp) => Some(Resolution::of(chirp)),
            View::Event(_) => None,
        },
        description,
        content,
        counts: sensor.counts(),
    };
    let text = if args.json {
        serde_json::to_string_pretty(&report)
            .map_err(|error| Failure::Encode(crate::sink::EncodeError::Json(error)))?
    } else {
        report.to_text()
    };
    writeln!(std::io::stdout(), "{}", text.trim_end()).map_err(Failure::Stdout)
}

impl Resolution {
    fn of(chirp: &ChirpConfig) -> Self {
        Self {
            center_frequency_hz: chirp.center(),
            bandwidth_hz: chirp.bandwidth(),
            range_resolution_m: chirp.range_resolution(),
            max_range_m: chirp.max_range(),
            velocity_resolution_m_s: chirp.velocity_resolution(),
            max_velocity_m_s: chirp.max_velocity(),
        }
    }
}

impl Content {
    fn take(&mut self, reading: &Reading) {
        match reading {
            Reading::Radar(frame) => {
                self.frames += 1;
                self.frames_with_holes += u64::from(frame.has_holes);
                self.span(frame.stamp.as_micros());
            }
            Reading::Events(batch) => {
                self.triggers += u64::try_from(batch.triggers.len()).unwrap_or(u64::MAX);
                self.time_stepped_back |= batch.non_monotonic;
                for event in &batch.events {
                    self.events += 1;
                    self.on_events += u64::from(event.on);
                    self.span(event.t);
                }
            }
            Reading::Notice(_) => {} // no recording holds one
        }
    }

    fn span(&mut self, micros: i64) {
        self.first_us = Some(self.first_us.map_or(micros, |first| first.min(micros)));
        self.last_us = Some(self.last_us.map_or(micros, |last| last.max(micros)));
    }

    fn finish(&mut self, view: &View) {
        let (Some(first), Some(last)) = (self.first_us, self.last_us) else { return };
        let mut span = Micros(last.saturating_sub(first));
        if let View::Radar(chirp) = view {
            // The last frame takes its time, too.
            span.0 = span.0.saturating_add(chirp.frame_period.to_micros().0);
        }
        self.duration_s = span.as_seconds();
        #[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 52 bits")]
        if self.duration_s > 0.0 {
            self.rate_hz = (self.frames + self.events) as f64 / self.duration_s;
        }
    }
}

impl Report {
    fn to_text(&self) -> String {
        let description = &self.description;
        let content = &self.content;
        let mut lines = vec![
            row("recording", &self.recording),
            row("format", &format!("{} ({})", description.format, description.kind)),
        ];
        if !description.device.is_empty() {
            lines.push(row("device", &description.device));
        }
        match &description.view {
            View::Radar(chirp) => {
                lines.extend(radar_rows(chirp));
                lines.push(row("frames", &content.frames.to_string()));
                lines.push(row("with holes", &content.frames_with_holes.to_string()));
                lines.push(row("rate", &format!("{:.2} frames/s", content.rate_hz)));
            }
            View::Event(geometry) => {
                let pixels = format!("{} x {}", geometry.width, geometry.height);
                lines.push(row("pixels", &pixels));
                let on = format!("{} ({} on)", content.events, content.on_events);
                lines.push(row("events", &on));
                lines.push(row("triggers", &content.triggers.to_string()));
                lines.push(row("rate", &format!("{:.4} Mev/s", content.rate_hz / 1e6)));
            }
        }
        let epoch = match description.epoch {
            crate::data::Epoch::Unix => "Unix time",
            crate::data::Epoch::Device => "device clock",
            crate::data::Epoch::Synthesised => "synthesised from the frame period",
            crate::data::Epoch::Live => "a live device's clock",
        };
        let (first, last) = (content.first_us.unwrap_or(0), content.last_us.unwrap_or(0));
        lines.push(row("duration", &format!("{:.6} s", content.duration_s)));
        lines.push(row("times", &format!("{first} .. {last} us, {epoch}")));
        if content.time_stepped_back {
            lines.push(row("", "time steps back in places"));
        }
        if self.counts.is_empty() {
            lines.push(row("refused", "nothing"));
        }
        for (i, (reason, n)) in self.counts.iter().enumerate() {
            lines.push(row(if i == 0 { "counted" } else { "" }, &format!("{reason}: {n}")));
        }
        for note in &description.notes {
            lines.push(row("note", note));
        }
        lines.join("\n")
    }
}

fn radar_rows(chirp: &ChirpConfig) -> Vec<String> {
    let kind = if chirp.complex { "complex" } else { "real" };
    vec![
        row("receivers", &format!("{:?}", chirp.rx_antennas)),
        row(
            "chirps",
            &format!(
                "{} per frame, {} {kind} samples of {} bit at {:.3} MS/s",
                chirp.chirps,
                chirp.samples,
                chirp.adc_bits,
                chirp.sample_rate.0 / 1e6
            ),
        ),
        row(
            "sweep",
            &format!(
                "{:.3} to {:.3} GHz, every {:.1} us; frames every {:.2} ms",
                chirp.start.0 / 1e9,
                chirp.end.0 / 1e9,
                chirp.chirp_period.0 * 1e6,
                chirp.frame_period.0 * 1e3
            ),
        ),
        row(
            "range",
            &format!("{:.4} m bins, to {:.3} m", chirp.range_resolution().0, chirp.max_range().0),
        ),
        row(
            "velocity",
            &format!(
                "{:.4} m/s bins, to +-{:.3} m/s",
                chirp.velocity_resolution().0,
                chirp.max_velocity().0
            ),
        ),
    ]
}

fn row(name: &str, value: &str) -> String {
    format!("{name:<11}{value}")
}
