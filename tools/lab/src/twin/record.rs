//! Writes one session as the recordings that the sensors read.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use visaged::sensor::evt;
use visaged::sensor::infineon::write::Writer;
use visaged_twin::motion;
use visaged_twin::session::{Guest, Population, Session};

use super::plan::{Plan, name};
use super::{Options, Sensor};
use crate::dataset::{Conditions, Device, Expression, Label, Recording, Scene};

/// Name of the radar in a session's folder.
const RADAR: &str = "radar";
/// Name of the events in a session's folder.
const EVENTS: &str = "event.raw";

/// Simulates `plan` into a folder of its name under `out`.
pub(super) fn record(plan: &Plan, options: &Options, out: &Path) -> Result<Recording> {
    let population = Population {
        seed: options.seed,
        spread: options.spread,
        seconds: options.seconds,
        settle: 0.0,
    };
    let number = usize::try_from(plan.session).context("session number")?;
    let session = Session::draw(&population, plan.guest, number);
    let folder = out.join(&plan.id);
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    if options.records(Sensor::Radar) {
        write_radar(&session, options, &folder)?;
    }
    if options.records(Sensor::Event) {
        write_events(&session, options, &folder)?;
    }
    Ok(describe(plan, options, &session))
}

fn write_radar(session: &Session, options: &Options, folder: &Path) -> Result<()> {
    let chirps = options.chirp_config();
    let mut radar = session.radar(&chirps);
    let mut writer = Writer::create(&folder.join(RADAR), &chirps, &device("radar", options))?;
    for number in 0..radar.frames(options.seconds) {
        writer.push(&radar.frame(number))?;
    }
    writer.finish()?;
    Ok(())
}

fn write_events(session: &Session, options: &Options, folder: &Path) -> Result<()> {
    let geometry = options.geometry();
    let footage = session.events(geometry);
    let bytes = evt::write::raw(geometry, &footage.events)?;
    let path = folder.join(EVENTS);
    fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

fn device(kind: &str, options: &Options) -> String {
    format!("simulated {kind}, seed {}", options.seed)
}

fn describe(plan: &Plan, options: &Options, session: &Session) -> Recording {
    let setting = &session.setting;
    let company = &setting.company;
    let flicker = setting.camera.flicker.is_some();
    let nuisances = [
        ("second-person", company.second_person.is_some()),
        ("fan", company.fan.is_some() && plan.guest != Guest::Fan),
        ("interference", company.interference > 0.0),
        ("flicker", flicker),
    ];
    let (scene, person) = match plan.guest {
        Guest::Person(person) => (Scene::Person, Some(name(person))),
        Guest::EmptyChair => (Scene::EmptyChair, None),
        Guest::Fan => (Scene::Fan, None),
    };
    let folder = PathBuf::from(&plan.id);
    let (has_radar, has_events) = (options.records(Sensor::Radar), options.records(Sensor::Event));
    Recording {
        id: plan.id.clone(),
        session: plan.session,
        // Two sittings a day: sessions 0 and 1 on day 0, 2 and 3 on day 1, and so on.
        day: plan.session / 2,
        seconds: options.seconds,
        radar: has_radar.then(|| folder.join(RADAR)),
        event: has_events.then(|| folder.join(EVENTS)),
        device: Device {
            radar: has_radar.then(|| device("radar", options)),
            event: has_events.then(|| device("event camera", options)),
        },
        conditions: Conditions {
            scene,
            distance: person.is_some().then(|| rounded(setting.place[2])),
            glasses: setting.glasses,
            nuisances: nuisances
                .iter()
                .filter(|(_, present)| *present)
                .map(|(name, _)| (*name).to_owned())
                .collect(),
        },
        person,
        labels: session.labels.iter().map(label).collect(),
    }
}

fn label(label: &motion::Label) -> Label {
    Label {
        expression: match label.expression {
            motion::Expression::Neutral => Expression::Neutral,
            motion::Expression::Smile => Expression::Smile,
            motion::Expression::Shock => Expression::Shock,
            motion::Expression::Anger => Expression::Anger,
        },
        onset: rounded(label.onset),
        apex: rounded(label.apex),
        offset: rounded(label.offset),
        end: rounded(label.end),
    }
}

/// To the millisecond or millimetre: what is below is not known of a recording either.
fn rounded(value: f64) -> f64 {
    (1e3 * value).round() / 1e3
}
