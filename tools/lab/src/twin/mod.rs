//! `lab twin`: a data set of simulated persons.

mod plan;
mod record;

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use clap::{Args, ValueEnum};
use rayon::prelude::*;
use visaged::data::{ChirpConfig, Geometry};
use visaged_twin::card;
use visaged_twin::radar::face_chirps;

use crate::dataset::{Dataset, FILE, SCHEMA};
use crate::progress::{self, say};

/// What to record.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Folder to write; must not hold a data set yet.
    #[arg(required_unless_present = "card")]
    out: Option<PathBuf>,
    /// Seed: the same seed and options give the same bytes.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Persons.
    #[arg(long, default_value_t = 16)]
    persons: usize,
    /// Number of the first person: data sets of one seed with disjoint numbers share nobody.
    #[arg(long, default_value_t = 0)]
    first_person: usize,
    /// Sessions of each person.
    #[arg(long, default_value_t = 6)]
    sessions: u32,
    /// Number of the first session: data sets with disjoint numbers share no sitting.
    #[arg(long, default_value_t = 0)]
    first_session: u32,
    /// Sessions with an empty chair, and as many with a fan in it.
    #[arg(long, default_value_t = 2)]
    empty: u32,
    /// Length of a session, seconds.
    #[arg(long, default_value_t = 60.0)]
    seconds: f64,
    /// How far persons differ: 0 all alike, 1 as the priors say.
    #[arg(long, default_value_t = 1.0)]
    spread: f64,
    /// How the radar sweeps.
    #[arg(long, value_enum, default_value_t = Chirps::Food)]
    chirps: Chirps,
    /// Pixels of the event camera.
    #[arg(long, value_enum, default_value_t = Camera::Square320)]
    camera: Camera,
    /// Records one sensor alone; what it records is the same as with both.
    #[arg(long, value_enum)]
    only: Option<Sensor>,
    /// Threads; all cores if 0.
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Records nothing: prints how the twin compares with the real recordings in this folder.
    #[arg(long, value_name = "RECORDINGS", num_args = 0..=1, default_missing_value = "../shared/data")]
    card: Option<PathBuf>,
}

/// Chirp tables.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Chirps {
    /// 1 GHz at 60.1 GHz, as in the FOOD paper.
    Food,
    /// 5.5 GHz at 58 GHz: 27 mm range bins.
    Face,
}

/// Which sensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Sensor {
    /// The radar.
    Radar,
    /// The event camera.
    Event,
}

/// Event sensors.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Camera {
    /// 320 x 320, as the `GenX320`.
    #[value(name = "320x320")]
    Square320,
    /// 640 x 480.
    #[value(name = "640x480")]
    Vga,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    if let Some(recordings) = &options.card {
        return print_card(recordings);
    }
    let out = options.out.as_deref().context("say where to write the data set")?;
    ensure!(
        !out.join(FILE).exists(),
        "{} holds a data set already; choose another folder or delete it",
        out.display()
    );
    ensure!(
        options.seconds >= 1.0 && options.seconds <= 3600.0 && options.spread >= 0.0,
        "a session lasts 1 to 3600 seconds and the spread is not negative"
    );
    let plans = plan::plans(options);
    let bar = progress::bar(plans.len(), "sessions");
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.threads).build()?;
    let recordings = pool.install(|| {
        plans
            .par_iter()
            .map(|plan| {
                let recording = record::record(plan, options, out)?;
                bar.inc(1);
                Ok(recording)
            })
            .collect::<Result<Vec<_>>>()
    })?;
    bar.finish_and_clear();
    let dataset = Dataset {
        schema: SCHEMA,
        name: format!("twin-{}", options.seed),
        consent: "simulated".to_owned(),
        origin: plan::origin(options),
        recordings,
    };
    dataset.write(out)?;
    // Read back, so that a file that no other command would accept is noticed here.
    let written = Dataset::read(out)?;
    say(&format!("{} recordings in {}\n", written.recordings.len(), out.display()));
    Ok(())
}

fn print_card(recordings: &std::path::Path) -> Result<()> {
    let card = card::compare(recordings);
    say(&card.to_string());
    ensure!(card.holds(), "the twin is off; see the lines marked `off`");
    Ok(())
}

impl Options {
    fn records(&self, sensor: Sensor) -> bool {
        self.only.is_none_or(|only| only == sensor)
    }

    fn chirp_config(&self) -> ChirpConfig {
        match self.chirps {
            Chirps::Food => ChirpConfig::food(),
            Chirps::Face => face_chirps(),
        }
    }

    fn geometry(&self) -> Geometry {
        match self.camera {
            Camera::Square320 => Geometry { width: 320, height: 320 },
            Camera::Vga => Geometry { width: 640, height: 480 },
        }
    }
}

#[cfg(test)]
mod tests;
