//! `lab scene`: a visit as one recording of both sensors: an empty chair, a simulated person who
//! poses, the empty chair again.
//!
//! The three parts are cut together: nobody is seen to walk in. What is shown by the person is a
//! session of the twin that no data set of the same seed holds, unless it has that many sessions.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use visaged::data::{Event, Geometry};
use visaged::sensor::evt;
use visaged::sensor::infineon::write::Writer;
use visaged_twin::radar::face_chirps;
use visaged_twin::session::{Guest, Population, Session};

use crate::progress;

/// What to record.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Folder to write.
    out: PathBuf,
    /// Seed of the population, as of `lab twin`.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Spread of the population, as of `lab twin`.
    #[arg(long, default_value_t = 1.0)]
    spread: f64,
    /// Who comes.
    #[arg(long, default_value_t = 0)]
    person: usize,
    /// Which session of theirs.
    #[arg(long)]
    session: usize,
    /// How long they stay, seconds.
    #[arg(long, default_value_t = 18.0)]
    seconds: f64,
    /// How long they sit there before they pose, seconds: whoever is to be recognised takes a while.
    #[arg(long, default_value_t = 4.0)]
    settle: f64,
    /// How long the chair is empty before, seconds.
    #[arg(long, default_value_t = 2.0)]
    before: f64,
    /// How long it is empty after, seconds.
    #[arg(long, default_value_t = 4.0)]
    after: f64,
}

/// Pixels of the camera.
const GEOMETRY: Geometry = Geometry { width: 320, height: 320 };

pub(crate) fn run(options: &Options) -> Result<()> {
    let lengths = [options.before, options.seconds, options.after];
    ensure!(lengths.iter().all(|length| (1.0..=600.0).contains(length)), "1 to 600 seconds each");
    ensure!((0.0..options.seconds).contains(&options.settle), "nobody settles for the whole visit");
    let parts = parts(options, lengths);
    let folder = &options.out;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let device = format!("simulated, seed {}", options.seed);
    let chirps = face_chirps();
    let mut writer = Writer::create(&folder.join("radar"), &chirps, &device)?;
    let mut events: Vec<Event> = Vec::new();
    let bar = progress::bar(lengths.len(), "parts");
    let mut start = 0.0;
    for (part, length) in parts.iter().zip(lengths) {
        let mut radar = part.radar(&chirps);
        for number in 0..radar.frames(length) {
            writer.push(&radar.frame(number))?;
        }
        let from = micros(start);
        let inside = |event: &Event| event.t < micros(length);
        let footage = part.events(GEOMETRY).events.into_iter().filter(inside);
        events.extend(footage.map(|event| Event { t: event.t + from, ..event }));
        start += length;
        bar.inc(1);
    }
    bar.finish_and_clear();
    writer.finish()?;
    let path = folder.join("event.raw");
    fs::write(&path, evt::write::raw(GEOMETRY, &events)?)
        .with_context(|| format!("cannot write {}", path.display()))?;
    fs::write(folder.join("labels.json"), labels(&parts[1], options.before)?)?;
    Ok(())
}

/// Empty chair, person, empty chair, in one setting.
fn parts(options: &Options, [before, seconds, after]: [f64; 3]) -> [Session; 3] {
    let Options { seed, spread, settle, session, .. } = *options;
    let population = |seconds: f64| Population { seed, spread, seconds, settle };
    let visit = Session::draw(&population(seconds), Guest::Person(options.person), session);
    let empty = |seconds: f64, number: usize| {
        let chair = population(seconds);
        let mut chair = Session::draw(&chair, Guest::EmptyChair, session + number);
        chair.setting = visit.setting.clone();
        chair
    };
    [empty(before, 0), visit.clone(), empty(after, 1)]
}

#[expect(clippy::cast_possible_truncation, reason = "minutes are far less than 2^63 us")]
fn micros(seconds: f64) -> i64 {
    (1e6 * seconds).round() as i64
}

/// What is shown when, for people and plots.
fn labels(visit: &Session, start: f64) -> Result<String> {
    let labels = visit.labels.iter().map(|label| {
        serde_json::json!({
            "expression": label.expression.name(),
            "onset": label.onset + start,
            "apex": label.apex + start,
            "offset": label.offset + start,
            "end": label.end + start,
        })
    });
    Ok(serde_json::to_string_pretty(&labels.collect::<Vec<_>>())? + "\n")
}
