//! `dataset.toml`: which recordings belong together, who is on them, and what is shown when.
//!
//! The format is documented in README.md. Paths are relative to the folder of the file.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The only version there is.
pub(crate) const SCHEMA: u32 = 1;
/// The name of the file in a data set's folder.
pub(crate) const FILE: &str = "dataset.toml";

/// A folder of recordings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Dataset {
    /// [`SCHEMA`].
    pub(crate) schema: u32,
    /// What to call it.
    pub(crate) name: String,
    /// On what ground it may be used: `simulated`, or where the signed consents are kept.
    pub(crate) consent: String,
    /// The command that made it, or how it was recorded.
    pub(crate) origin: String,
    /// One table per session of one person.
    #[serde(rename = "recording")]
    pub(crate) recordings: Vec<Recording>,
}

/// One session of one person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Recording {
    /// Unique in the data set.
    pub(crate) id: String,
    /// Who: an id that means the same person in every recording; absent if nobody is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) person: Option<String>,
    /// Sitting, unique for the person: sensors stay mounted within one.
    pub(crate) session: u32,
    /// Days since the person's first session.
    pub(crate) day: u32,
    /// Length, seconds.
    pub(crate) seconds: f64,
    /// The radar's device folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) radar: Option<PathBuf>,
    /// The event camera's file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) event: Option<PathBuf>,
    /// Which devices recorded it.
    pub(crate) device: Device,
    /// What was special.
    pub(crate) conditions: Conditions,
    /// What is shown when, in order; between labels is rest.
    #[serde(rename = "label", default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) labels: Vec<Label>,
}

/// The devices of a recording, by serial number or model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Device {
    /// The radar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) radar: Option<String>,
    /// The event camera.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) event: Option<String>,
}

/// Circumstances that results are broken down by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Conditions {
    /// Who or what is in front of the sensors.
    pub(crate) scene: Scene,
    /// Distance of the face from the sensors, metres.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) distance: Option<f64>,
    /// True if glasses are worn.
    #[serde(default)]
    pub(crate) glasses: bool,
    /// What else is there: `second-person`, `fan`, `interference`, `flicker`.
    #[serde(default)]
    pub(crate) nuisances: Vec<String>,
}

/// Who or what is in front of the sensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Scene {
    /// The person named.
    Person,
    /// Nobody.
    EmptyChair,
    /// A fan where a face would be.
    Fan,
}

/// A posed expression, seconds from the start of the recording.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Label {
    /// Which pose was asked for.
    pub(crate) expression: Expression,
    /// First movement.
    pub(crate) onset: f64,
    /// Fully shown from here.
    pub(crate) apex: f64,
    /// Begins to fade.
    pub(crate) offset: f64,
    /// At rest again.
    pub(crate) end: f64,
}

/// The posed expressions of the FOODER paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Expression {
    Neutral,
    Smile,
    Shock,
    Anger,
}

/// Why a data set cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The operating system refused.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// File.
        path: PathBuf,
        /// Its reason.
        source: std::io::Error,
    },
    /// Not TOML, or not this format.
    #[error("{path}: {source}", path = path.display())]
    Format {
        /// File.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// Another version of the format.
    #[error("schema {got}, this tool reads {SCHEMA}; use the tool that made the data set")]
    Schema {
        /// What the file says.
        got: u32,
    },
    /// Two recordings of one name.
    #[error("two recordings are called `{0}`; ids must be unique")]
    Twice(String),
    /// A recording without a person where one is due, or the other way round.
    #[error("recording `{0}`: `person` and the scene `person` go together; correct one of them")]
    Person(String),
    /// Times that make no sense.
    #[error(
        "recording `{id}`, label {label}: 0 <= onset < apex <= offset < end <= seconds and no overlap must hold"
    )]
    Times {
        /// Recording.
        id: String,
        /// Number of the label, from 1.
        label: usize,
    },
    /// A path that leaves the data set's folder.
    #[error("recording `{id}`: `{path}` must be relative and stay inside the data set", path = path.display())]
    Outside {
        /// Recording.
        id: String,
        /// Path.
        path: PathBuf,
    },
}

impl Dataset {
    /// Reads `dataset.toml` in `folder` and checks it.
    ///
    /// # Errors
    /// When it is absent, malformed or contradicts itself.
    pub(crate) fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(FILE);
        let text =
            fs::read_to_string(&path).map_err(|source| Error::Io { path: path.clone(), source })?;
        let dataset: Self = toml::from_str(&text)
            .map_err(|source| Error::Format { path, source: Box::new(source) })?;
        dataset.check()?;
        Ok(dataset)
    }

    /// Checks it and writes `dataset.toml` into `folder`.
    ///
    /// # Errors
    /// When it contradicts itself or cannot be written.
    pub(crate) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        self.check()?;
        let path = folder.join(FILE);
        fs::write(&path, toml::to_string(self)?).map_err(|source| Error::Io { path, source })?;
        Ok(())
    }

    fn check(&self) -> Result<(), Error> {
        if self.schema != SCHEMA {
            return Err(Error::Schema { got: self.schema });
        }
        let mut ids = BTreeSet::new();
        for recording in &self.recordings {
            if !ids.insert(&recording.id) {
                return Err(Error::Twice(recording.id.clone()));
            }
            recording.check()?;
        }
        Ok(())
    }
}

impl Recording {
    fn check(&self) -> Result<(), Error> {
        if self.person.is_some() != (self.conditions.scene == Scene::Person) {
            return Err(Error::Person(self.id.clone()));
        }
        for path in self.radar.iter().chain(&self.event) {
            let inside =
                path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
            if !inside {
                return Err(Error::Outside { id: self.id.clone(), path: path.clone() });
            }
        }
        let mut before = 0.0;
        for (n, label) in self.labels.iter().enumerate() {
            let rising = before <= label.onset
                && label.onset < label.apex
                && label.apex <= label.offset
                && label.offset < label.end
                && label.end <= self.seconds;
            if !rising {
                return Err(Error::Times { id: self.id.clone(), label: n + 1 });
            }
            before = label.end;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        schema = 1
        name = "kitchen"
        consent = "signed, folder 7"
        origin = "visaged enroll --guided"

        [[recording]]
        id = "anna-0"
        person = "anna"
        session = 0
        day = 0
        seconds = 60.0
        radar = "anna/0/radar"
        event = "anna/0/event.raw"
        device = { radar = "BGT60TR13C 17", event = "GenX320 4" }
        conditions = { scene = "person", distance = 0.4, glasses = true }

        [[recording.label]]
        expression = "smile"
        onset = 1.0
        apex = 1.5
        offset = 3.0
        end = 3.6
    "#;

    fn with(change: impl FnOnce(&mut Dataset)) -> Result<(), Error> {
        let mut dataset: Dataset = toml::from_str(TEXT).unwrap();
        change(&mut dataset);
        dataset.check()
    }

    #[test]
    fn the_documented_example_is_read_and_survives_being_written() {
        let dataset: Dataset = toml::from_str(TEXT).unwrap();
        dataset.check().unwrap();
        assert_eq!(
            toml::from_str::<Dataset>(&toml::to_string(&dataset).unwrap()).unwrap(),
            dataset
        );
        assert_eq!(dataset.recordings[0].labels[0].expression, Expression::Smile);
    }

    #[test]
    fn what_visaged_enroll_writes_is_read() {
        // The daemon's tests write this file byte for byte.
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/enroll");
        let dataset = Dataset::read(&path).unwrap();
        let [first, second] = &dataset.recordings[..] else { panic!("{dataset:?}") };
        assert_eq!((first.id.as_str(), first.person.as_deref()), ("anna-0", Some("anna")));
        assert_eq!((second.session, second.day), (1, 2));
        assert_eq!(first.radar, first.event);
        assert_eq!(first.labels[1].expression, Expression::Neutral);
        assert_eq!(first.conditions.scene, Scene::Person);
    }

    #[test]
    fn a_misspelt_key_is_refused() {
        assert!(toml::from_str::<Dataset>(&TEXT.replace("day =", "days =")).is_err());
    }

    #[test]
    fn contradictions_are_refused_by_name() {
        assert!(matches!(with(|d| d.schema = 2), Err(Error::Schema { got: 2 })));
        let twice = with(|d| d.recordings.push(d.recordings[0].clone()));
        assert!(matches!(twice, Err(Error::Twice(id)) if id == "anna-0"));
        assert!(matches!(with(|d| d.recordings[0].person = None), Err(Error::Person(_))));
        let late = with(|d| d.recordings[0].labels[0].end = 61.0);
        assert!(matches!(late, Err(Error::Times { label: 1, .. })));
        let outside = with(|d| d.recordings[0].radar = Some("../other/radar".into()));
        assert!(matches!(outside, Err(Error::Outside { .. })));
    }
}
