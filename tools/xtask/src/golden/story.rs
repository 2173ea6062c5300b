//! What a case tells the pipeline, and everything the pipeline says.

use std::fs;
use std::io::Cursor;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::Value;
use visaged::config::{Config, SensorConfig};
use visaged::daemon::{self, Prepared};
use visaged::data::{Input, Source};
use visaged::pipeline::Pipeline;
use visaged::recording::{Entry, Opening, Packed, Reader, Writer};
use visaged::sensor;
use visaged::sink::Stamper;
use visaged::units::Micros;

/// What a case tells the pipeline.
pub(super) enum Story {
    /// Recordings, in lock-step, this many times.
    Files(Vec<PathBuf>, usize),
    /// The recordings of a configuration, with the networks it names.
    Configured(PathBuf),
    /// An input log.
    Inputs(Vec<Source>, Vec<Input>),
    /// The bytes of a recording of our own.
    Recording(Vec<u8>),
}

/// What was said, and which kinds of sensors were read.
pub(super) struct Said {
    pub(super) messages: Vec<Value>,
    pub(super) kinds: Vec<String>,
    /// Everything told, so that it can be recorded.
    pub(super) inputs: Vec<Input>,
    pub(super) opening: Opening,
}

/// Tells it.
pub(super) fn tell(story: &Story) -> Result<Said> {
    match story {
        Story::Files(paths, rounds) => play(&of_files(paths)?, *rounds),
        Story::Configured(path) => play(&Config::load(path)?, 1),
        Story::Inputs(sources, inputs) => log(sources, inputs.clone()),
        Story::Recording(bytes) => {
            let mut reader = Reader::open(Cursor::new(bytes))?;
            let sources = reader.opening().sources.clone();
            let mut inputs = Vec::new();
            while let Some((_, entry)) = reader.read()? {
                if let Entry::Input { input, .. } = entry {
                    inputs.push(input);
                }
            }
            log(&sources, inputs)
        }
    }
}

struct Teller {
    pipeline: Pipeline,
    stamper: Stamper,
    said: Said,
}

impl Teller {
    fn new(pipeline: Pipeline, opening: Opening, kinds: Vec<String>) -> Self {
        let said = Said { messages: Vec::new(), kinds, inputs: Vec::new(), opening };
        Self { pipeline, stamper: Stamper::new(Stamper::REPLAY), said }
    }

    fn tell(&mut self, input: Input) -> Result<()> {
        let mut out = Vec::new();
        self.said.inputs.push(input.clone());
        self.pipeline.take(input, &mut out);
        for message in out {
            let published = message.recorded;
            let envelope = self.stamper.stamp(message, published);
            self.said.messages.push(serde_json::to_value(envelope)?);
        }
        Ok(())
    }
}

/// Nothing but recordings, by their paths.
fn of_files(paths: &[PathBuf]) -> Result<Config> {
    let mut config = Config::default();
    for (number, path) in paths.iter().enumerate() {
        let kind = sensor::detect(path)?.name.to_owned();
        let mut settings = serde_json::Map::new();
        settings.insert("path".into(), path.to_str().context("a path in UTF-8")?.into());
        let settings = serde_json::from_value(settings.into())?;
        config.sensors.push(SensorConfig { name: format!("sensor-{number}"), kind, settings });
    }
    Ok(config)
}

fn play(config: &Config, rounds: usize) -> Result<Said> {
    let prepared = daemon::prepare(config)?;
    let opening = daemon::opening(config, &prepared, Stamper::REPLAY, Micros(0));
    let kinds = config.sensors.iter().map(|sensor| sensor.kind.clone()).collect();
    let Prepared { mut sensors, pipeline, .. } = prepared;
    let mut teller = Teller::new(pipeline, opening, kinds);
    for round in 0..rounds {
        if round > 0 {
            sensors = config.sensors.iter().map(SensorConfig::open).collect::<Result<_, _>>()?;
            teller.tell(Input::Restart { gap: Micros::from_millis(100) })?;
        }
        while let Some(source) = teller.pipeline.hungry() {
            let reading = sensors[source].read()?;
            teller.tell(Input::Counts { source, counts: sensors[source].counts() })?;
            teller.tell(match reading {
                Some(reading) => Input::Reading { source, reading, arrival: None },
                None => Input::End { source },
            })?;
        }
    }
    Ok(teller.said)
}

fn log(sources: &[Source], inputs: Vec<Input>) -> Result<Said> {
    let (pipeline, bundle) = daemon::plan(&Config::default(), sources)?;
    let opening = Opening {
        layout: visaged::recording::LAYOUT,
        version: String::new(),
        boot_id: Stamper::REPLAY.to_owned(),
        part: 0,
        sources: sources.to_vec(),
        config: String::new(),
        folder: String::new(),
        bundle,
        unix_offset_us: 0,
    };
    let mut teller = Teller::new(pipeline, opening, Vec::new());
    inputs.into_iter().try_for_each(|input| teller.tell(input))?;
    Ok(teller.said)
}

/// What was told as the bytes of a recording, a chunk every 40 inputs.
pub(super) fn record(said: &Said) -> Result<Vec<u8>> {
    let mut writer = Writer::start(Vec::new(), &said.opening, 0)?;
    for (number, input) in (0_u64..).zip(&said.inputs) {
        writer.write(&Packed::input(number, input, 0))?;
        if number % 40 == 39 {
            writer.flush()?;
        }
    }
    Ok(writer.finish()?)
}

/// A folder for the files of one case, empty.
pub(super) fn scratch(name: &str) -> Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("visaged-golden-{}-{name}", std::process::id()));
    fs::create_dir_all(&folder)?;
    Ok(folder)
}
