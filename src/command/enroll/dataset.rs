//! `dataset.toml` as `lab` reads it: what this command knows of it, and what it adds to it.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::cues::word;
use super::session::{Pose, Session};
use crate::command::Failure;
use crate::recording::Reader;
use crate::units::Micros;

/// The file's name.
const FILE: &str = "dataset.toml";
/// The only version of its format.
const SCHEMA: u32 = 1;
/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;
/// What a new data set says if nobody told where the consents are.
const UNSTATED: &str = "not stated";

/// A data set, as far as it matters here.
pub(super) struct DataSet {
    folder: PathBuf,
    /// Text of the file; `None` before the first session.
    text: Option<String>,
    rows: Vec<Known>,
    consent: Option<String>,
}

/// The file, read: keys that do not matter here are left to `lab`.
#[derive(Deserialize)]
struct Whole {
    schema: u32,
    consent: String,
    #[serde(default, rename = "recording")]
    rows: Vec<Known>,
}

#[derive(Deserialize)]
struct Known {
    person: Option<String>,
    session: u32,
    day: u32,
    radar: Option<PathBuf>,
    event: Option<PathBuf>,
}

/// What a new file begins with.
#[derive(Serialize)]
struct Head<'h> {
    schema: u32,
    name: &'h str,
    consent: &'h str,
    origin: &'static str,
}

/// What is added.
#[derive(Serialize)]
struct Addition<'r> {
    recording: [&'r Row; 1],
}

/// One session.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    id: String,
    person: String,
    session: u32,
    day: u32,
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    radar: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<PathBuf>,
    device: Device,
    conditions: Conditions,
    label: Vec<Label>,
}

#[derive(Debug, Serialize)]
struct Device {
    #[serde(skip_serializing_if = "Option::is_none")]
    radar: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<String>,
}

/// What was special, as far as the person said.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Conditions {
    /// Somebody is there, always.
    pub(super) scene: &'static str,
    /// Of the face, metres.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) distance: Option<f64>,
    /// They are worn.
    pub(super) glasses: bool,
}

/// Seconds from the first radar frame.
#[derive(Debug, Serialize)]
struct Label {
    expression: &'static str,
    onset: f64,
    apex: f64,
    offset: f64,
    end: f64,
}

impl Row {
    /// Session `number` of `person`, whose file is `path` in the data set; `devices` are the sensors
    /// in the order of the configuration.
    pub(super) fn new(
        (person, number, day): (&str, u32, u32),
        session: &Session,
        path: &Path,
        devices: &[String],
        conditions: Conditions,
    ) -> Self {
        let device = |source: Option<usize>| devices.get(source?).cloned();
        let file = |source: Option<usize>| source.map(|_| path.to_owned());
        Self {
            id: format!("{person}-{number}"),
            person: person.to_owned(),
            session: number,
            day,
            seconds: seconds(session.length),
            radar: file(session.radar),
            event: file(session.camera),
            device: Device { radar: device(session.radar), event: device(session.camera) },
            conditions,
            label: session.poses.iter().map(Label::of).collect(),
        }
    }

    /// Its id.
    pub(super) fn id(&self) -> &str {
        &self.id
    }
}

impl Label {
    fn of(pose: &Pose) -> Self {
        Self {
            expression: word(pose.expression),
            onset: seconds(pose.onset),
            apex: seconds(pose.apex),
            offset: seconds(pose.offset),
            end: seconds(pose.end),
        }
    }
}

/// Down to the millisecond: what is below is not known of a face, and an end that was rounded up
/// could lie behind that of the recording.
fn seconds(span: Micros) -> f64 {
    Micros(span.0.div_euclid(1_000) * 1_000).as_seconds()
}

impl DataSet {
    /// Reads the data set in `folder`, if there is one.
    ///
    /// # Errors
    /// When the file cannot be read or is not a data set, or says another `consent`.
    pub(super) fn open(folder: &Path, consent: Option<&str>) -> Result<Self, Failure> {
        let path = folder.join(FILE);
        let failure = |problem| Failure::File { path: path.clone(), problem };
        let folder = folder.to_owned();
        if !path.exists() {
            let consent = consent.map(str::to_owned);
            return Ok(Self { folder, text: None, rows: Vec::new(), consent });
        }
        let text = fs::read_to_string(&path).map_err(|error| failure(error.to_string()))?;
        let Whole { schema, consent: stated, rows } =
            toml::from_str(&text).map_err(|error| failure(error.to_string()))?;
        if schema != SCHEMA {
            return Err(failure(format!("schema {schema}, this version writes {SCHEMA}")));
        }
        if let Some(consent) = consent.filter(|consent| *consent != stated) {
            return Err(failure(format!(
                "says consent = {stated:?}, not {consent:?}; leave --consent out, or record into \
                 another folder"
            )));
        }
        Ok(Self { folder, text: Some(text), rows, consent: Some(stated) })
    }

    /// Number of the next session of `person`; that of a session which was not used stays free.
    pub(super) fn next_session(&self, person: &str) -> u32 {
        let known = self.rows.iter().filter(|row| row.person.as_deref() == Some(person));
        let used = known.map(|row| row.session);
        let entries = fs::read_dir(self.folder.join(person)).into_iter().flatten();
        let made = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        used.chain(made).max().map_or(0, |last: u32| last.saturating_add(1))
    }

    /// Days, by the calendar of UTC, from the first session of `person` to one that began at the Unix
    /// time `began`, microseconds. If no recording of theirs says when it was, the day of the last.
    pub(super) fn day(&self, person: &str, began: i64) -> u32 {
        let mut known: Vec<&Known> =
            self.rows.iter().filter(|row| row.person.as_deref() == Some(person)).collect();
        known.sort_by_key(|row| row.session);
        let dated = |row: &&Known| {
            let path = row.radar.as_ref().or(row.event.as_ref())?;
            let day = began_on(&self.folder.join(path))?.checked_sub(i64::from(row.day))?;
            u32::try_from(began.div_euclid(DAY).checked_sub(day)?).ok()
        };
        let last = || known.iter().map(|row| row.day).max().unwrap_or(0);
        known.iter().find_map(dated).unwrap_or_else(last)
    }

    /// Adds `row` to the file; what stands there stays as it is.
    ///
    /// # Errors
    /// When the file cannot be written, or nothing can be added to what stands there.
    pub(super) fn append(&self, row: &Row) -> Result<PathBuf, Failure> {
        let path = self.folder.join(FILE);
        let failure = |problem: String| Failure::File { path: path.clone(), problem };
        let said = |error: toml::ser::Error| failure(error.to_string());
        let mut text = match &self.text {
            Some(text) => text.trim_end().to_owned() + "\n",
            None => toml::to_string(&self.head()).map_err(said)?,
        };
        text.push('\n');
        text.push_str(&toml::to_string(&Addition { recording: [row] }).map_err(said)?);
        // A file that was written by hand may end in something that takes no table behind it.
        toml::from_str::<Whole>(&text)
            .map_err(|error| failure(format!("cannot be added to: {error}")))?;
        // Under another name first: a file that is there is whole.
        let partial = path.with_extension("toml.partial");
        let written = fs::write(&partial, text).and_then(|()| fs::rename(&partial, &path));
        written.map_err(|error| failure(error.to_string()))?;
        Ok(path)
    }

    fn head(&self) -> Head<'_> {
        let name = self.folder.file_name().and_then(|name| name.to_str()).unwrap_or("enrolled");
        let consent = self.consent.as_deref().unwrap_or(UNSTATED);
        Head { schema: SCHEMA, name, consent, origin: "visaged enroll --guided" }
    }
}

/// The day on which the recording at `path` began, counted from 1970-01-01; `None` if it does not say.
fn began_on(path: &Path) -> Option<i64> {
    let mut reader = Reader::open(BufReader::new(File::open(path).ok()?)).ok()?;
    let (micros, _) = reader.read().ok()??;
    Some(micros.div_euclid(DAY))
}

#[cfg(test)]
mod tests {
    use super::super::testing::Folder;
    use super::*;
    use crate::data::message::ExpressionLabel;

    /// What `lab` is held to, too: `tools/lab/src/dataset.rs`.
    const GOLDEN: &str = include_str!("../../../tests/golden/enroll/dataset.toml");

    /// A folder that is removed when the test ends, and the data set in it, whose name is that of its
    /// own folder.
    fn kitchen(name: &str) -> (Folder, PathBuf) {
        let folder = Folder::new(name);
        let set = folder.0.join("kitchen");
        fs::create_dir_all(&set).unwrap();
        (folder, set)
    }

    fn row(person: &str, number: u32, day: u32) -> Row {
        let pose = |expression, onset: i64| Pose {
            expression,
            onset: Micros(onset),
            apex: Micros(onset + 1_000_000),
            offset: Micros(onset + 2_000_000),
            end: Micros(onset + 3_000_000),
        };
        let session = Session {
            file: "visaged-000001.mcap".into(),
            length: Micros(12_345_678),
            began: 0,
            radar: Some(0),
            camera: Some(1),
            poses: vec![
                pose(ExpressionLabel::Smile, 3_100_900),
                pose(ExpressionLabel::Neutral, 7_000_000),
            ],
            remarks: vec![],
        };
        let path = Path::new(person).join(number.to_string()).join("visaged-000001.mcap");
        let devices = ["radar-serial radar".to_owned(), "event-serial camera".to_owned()];
        let conditions = Conditions { scene: "person", distance: Some(0.4), glasses: number > 0 };
        Row::new((person, number, day), &session, &path, &devices, conditions)
    }

    #[test]
    fn two_sessions_give_the_file_that_lab_is_held_to() {
        let (_folder, kitchen) = kitchen("dataset-golden");
        let consent = Some("signed, folder 7");
        DataSet::open(&kitchen, consent).unwrap().append(&row("anna", 0, 0)).unwrap();
        let path = DataSet::open(&kitchen, consent).unwrap().append(&row("anna", 1, 2)).unwrap();
        assert_eq!(fs::read_to_string(path).unwrap(), GOLDEN);
    }

    #[test]
    fn sessions_are_numbered_by_person_and_folders_that_were_not_used_are_left_alone() {
        let (_folder, kitchen) = kitchen("dataset-numbers");
        let set = || DataSet::open(&kitchen, None).unwrap();
        assert_eq!(set().next_session("anna"), 0);
        set().append(&row("anna", 0, 0)).unwrap();
        assert_eq!((set().next_session("anna"), set().next_session("bob")), (1, 0));
        fs::create_dir_all(kitchen.join("anna/1")).unwrap();
        assert_eq!(set().next_session("anna"), 2);
    }

    #[test]
    fn a_day_that_no_file_tells_is_that_of_the_last_session() {
        let (_folder, kitchen) = kitchen("dataset-days");
        let set = || DataSet::open(&kitchen, None).unwrap();
        assert_eq!(set().day("anna", 5 * DAY), 0);
        set().append(&row("anna", 0, 0)).unwrap();
        set().append(&row("anna", 1, 3)).unwrap();
        assert_eq!((set().day("anna", 9 * DAY), set().day("bob", 9 * DAY)), (3, 0));
    }

    #[test]
    fn comments_of_a_file_survive_and_one_that_is_none_of_ours_is_refused() {
        let (_folder, kitchen) = kitchen("dataset-hand");
        let path = kitchen.join(FILE);
        let set = |consent| DataSet::open(&kitchen, consent);
        set(None).unwrap().append(&row("anna", 0, 0)).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("# by hand\n{text}\n\n")).unwrap();
        set(None).unwrap().append(&row("anna", 1, 0)).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# by hand\nschema = 1\n") && text.contains("id = \"anna-1\""));
        let refused = set(Some("signed")).map(drop).unwrap_err().to_string();
        assert!(refused.contains("not stated") && refused.contains("--consent"), "{refused}");
        for bad in ["schema = 2\nconsent = \"x\"\n", "nonsense\n"] {
            fs::write(&path, bad).unwrap();
            let refused = set(None).map(drop).unwrap_err().to_string();
            assert!(refused.contains("dataset.toml"), "{refused}");
        }
        fs::write(&path, "schema = 1\nconsent = \"x\"\nrecording = []\n").unwrap();
        let refused = set(None).unwrap().append(&row("anna", 0, 0)).unwrap_err().to_string();
        assert!(refused.contains("cannot be added to"), "{refused}");
    }
}
