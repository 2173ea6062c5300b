//! `lab split`: which recordings teach, which calibrate, and which are kept for the test.
//!
//! Parts are made of whole sessions, and impostors of the test are persons who appear nowhere else.
//! All later commands read the one file, so no two of them can disagree.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use serde::{Deserialize, Serialize};

use crate::dataset::{Dataset, Recording};
use crate::inputs::{self, Inputs};

/// How to split.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// File to write; the data sets must lie in its folder.
    out: PathBuf,
    /// Data sets: folders with a `dataset.toml`, relative to the folder of the file.
    #[arg(required = true)]
    datasets: Vec<PathBuf>,
    /// The enrolled person.
    #[arg(long)]
    enrolled: String,
}

/// What a recording is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Part {
    /// Weights are fitted to it: networks take the enrolled person's recordings alone.
    Train,
    /// Thresholds, temperatures and distributions of scores are measured on it.
    Calibrate,
    /// Nothing is chosen by it.
    Test,
}

/// The file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Split {
    /// The enrolled person.
    pub(crate) enrolled: String,
    /// All recordings.
    #[serde(rename = "recording")]
    pub(crate) rows: Vec<Row>,
}

/// One recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Row {
    /// Folder of the data set, relative to that of the file.
    pub(crate) dataset: PathBuf,
    /// Its id there.
    pub(crate) id: String,
    /// What it is used for.
    pub(crate) part: Part,
}

/// A recording of a split, with all that is known of it.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    /// Folder of its data set.
    pub(crate) folder: PathBuf,
    /// Its row in the data set.
    pub(crate) recording: Recording,
    /// What it is used for.
    pub(crate) part: Part,
    /// How its data set came to be.
    pub(crate) origin: String,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let split = Split::by_rule(&options.out, &options.datasets, &options.enrolled)?;
    split.write(&options.out)?;
    Split::read(&options.out)?.members(&options.out)?;
    Ok(())
}

/// The rule. Sessions of the enrolled person, in order: the first half trains, the next quarter
/// calibrates, the last quarter tests. Of the other persons the first half, by id, are references:
/// their earlier sessions teach the baselines that know other persons, their later ones calibrate.
/// The rest are impostors of the test, as are empty chair and fan.
fn assign(dataset: &Dataset, enrolled: &str) -> Vec<(String, Part)> {
    let mut sessions: BTreeMap<&str, Vec<&Recording>> = BTreeMap::new();
    for recording in &dataset.recordings {
        if let Some(person) = &recording.person {
            sessions.entry(person).or_default().push(recording);
        }
    }
    sessions.values_mut().for_each(|of_one| of_one.sort_by_key(|recording| recording.session));
    let others: Vec<&str> = sessions.keys().copied().filter(|&person| person != enrolled).collect();
    let references: BTreeSet<&str> = others[..others.len().div_ceil(2)].iter().copied().collect();
    let part = |recording: &Recording| {
        let Some(person) = recording.person.as_deref() else { return Part::Test };
        let all = &sessions[person];
        let place = all.iter().position(|one| one.id == recording.id).unwrap_or(0);
        if person == enrolled {
            let train = all.len().div_ceil(2);
            let calibrate = train + (all.len() - train).div_ceil(2);
            return if place < train {
                Part::Train
            } else if place < calibrate {
                Part::Calibrate
            } else {
                Part::Test
            };
        }
        match (references.contains(person), place < all.len() / 2) {
            (true, true) => Part::Train,
            (true, false) => Part::Calibrate,
            (false, _) => Part::Test,
        }
    };
    dataset.recordings.iter().map(|recording| (recording.id.clone(), part(recording))).collect()
}

/// The folder that paths in the split file `file` start from.
fn root(file: &Path) -> PathBuf {
    file.parent().map_or_else(PathBuf::new, Path::to_owned)
}

impl Split {
    /// What the rule says of `datasets`, whose folders are relative to that of `file`.
    ///
    /// # Errors
    /// When a data set cannot be read, or `enrolled` has too few sessions for a test.
    pub(crate) fn by_rule(file: &Path, datasets: &[PathBuf], enrolled: &str) -> Result<Self> {
        let root = root(file);
        let mut rows = Vec::new();
        let mut is_tested = false;
        for folder in datasets {
            let dataset = Dataset::read(&root.join(folder))?;
            for (recording, (id, part)) in dataset.recordings.iter().zip(assign(&dataset, enrolled))
            {
                let is_enrolled = recording.person.as_deref() == Some(enrolled);
                is_tested |= is_enrolled && part == Part::Test;
                rows.push(Row { dataset: folder.clone(), id, part });
            }
        }
        ensure!(
            is_tested,
            "{enrolled} needs at least 4 sessions in one data set: two to train, one to calibrate, one \
             to test"
        );
        Ok(Self { enrolled: enrolled.to_owned(), rows })
    }

    /// Writes a split file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        fs::write(file, toml::to_string(self)?)
            .with_context(|| format!("cannot write {}", file.display()))
    }

    /// Reads a split file.
    ///
    /// # Errors
    /// When it is absent or malformed.
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file).with_context(|| format!("{}", file.display()))?;
        toml::from_str(&text).with_context(|| format!("{}", file.display()))
    }

    /// Its recordings, with what their data sets say of them.
    ///
    /// # Errors
    /// When a recording is in no data set or in the split twice, or the persons of the parts are not
    /// kept apart.
    pub(crate) fn members(&self, file: &Path) -> Result<Vec<Member>> {
        let mut datasets: BTreeMap<PathBuf, Dataset> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        let mut members = Vec::with_capacity(self.rows.len());
        for row in &self.rows {
            let folder = root(file).join(&row.dataset);
            if !datasets.contains_key(&folder) {
                datasets.insert(folder.clone(), Dataset::read(&folder)?);
            }
            let recording = datasets[&folder].recordings.iter().find(|one| one.id == row.id);
            let Some(recording) = recording else {
                bail!("{}: `{}` is not in {}", file.display(), row.id, folder.display());
            };
            ensure!(seen.insert(&row.id), "{}: `{}` stands there twice", file.display(), row.id);
            let (recording, part) = (recording.clone(), row.part);
            let origin = datasets[&folder].origin.clone();
            members.push(Member { folder, recording, part, origin });
        }
        self.keep_persons_apart(&members)?;
        Ok(members)
    }

    /// Impostors of the test must be strangers to everything that was fitted or chosen.
    fn keep_persons_apart(&self, members: &[Member]) -> Result<()> {
        let persons = |is_test: bool| -> BTreeSet<&str> {
            let part = members.iter().filter(|m| (m.part == Part::Test) == is_test);
            part.filter_map(|m| m.recording.person.as_deref())
                .filter(|&person| person != self.enrolled)
                .collect()
        };
        match persons(true).intersection(&persons(false)).next() {
            None => Ok(()),
            Some(person) => bail!(
                "{person} is an impostor of the test and is also trained or calibrated on; put all \
                 sessions of a person but the enrolled one on one side"
            ),
        }
    }
}

impl Member {
    /// True if `person` is on it.
    pub(crate) fn is_of(&self, person: &str) -> bool {
        self.recording.person.as_deref() == Some(person)
    }

    /// The files with its samples.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let radar = self.recording.radar.as_ref().map(|path| self.folder.join(path));
        // A device folder of the radar holds its samples in one file.
        let radar = radar.map(|path| if path.is_dir() { path.join("radar.npy") } else { path });
        let event = self.recording.event.as_ref().map(|path| self.folder.join(path));
        // A session of `visaged enroll` is one file with both sensors.
        let event = event.filter(|path| radar.as_ref() != Some(path));
        radar.into_iter().chain(event).collect()
    }

    /// Hashes of its raw data.
    ///
    /// # Errors
    /// When its inputs were not computed yet.
    pub(crate) fn hashes(&self) -> Result<Vec<i64>> {
        inputs::hashes(&self.folder, &self.recording)
    }

    /// Its inputs.
    ///
    /// # Errors
    /// When they were not computed yet.
    pub(crate) fn inputs(&self) -> Result<Inputs> {
        Inputs::of(&self.folder, &self.recording)
    }
}

/// Refuses a split whose parts share raw data.
///
/// # Errors
/// Names two recordings that do; or inputs were not computed yet.
pub(crate) fn refuse_leakage(members: &[Member]) -> Result<()> {
    let hashes = members.iter().map(Member::hashes).collect::<Result<Vec<_>>>()?;
    refuse_shared_data(members.iter().zip(hashes.iter().map(Vec::as_slice)))
}

/// Refuses raw data that two parts share: a recording that was copied under another name.
///
/// # Errors
/// When a frame or window of a part is bit for bit one of another part.
fn refuse_shared_data<'i>(inputs: impl IntoIterator<Item = (&'i Member, &'i [i64])>) -> Result<()> {
    let mut owners: BTreeMap<i64, (Part, &str)> = BTreeMap::new();
    for (member, hashes) in inputs {
        let id = member.recording.id.as_str();
        for &hash in hashes {
            let (part, other) = *owners.entry(hash).or_insert((member.part, id));
            ensure!(
                part == member.part,
                "`{id}` and `{other}` hold the same raw data but are in different parts of the split"
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Conditions, Device, SCHEMA, Scene};

    fn recording(person: Option<&str>, session: u32) -> Recording {
        let scene = if person.is_some() { Scene::Person } else { Scene::EmptyChair };
        Recording {
            id: format!("{}-s{session}", person.unwrap_or("empty")),
            person: person.map(str::to_owned),
            session,
            day: 0,
            seconds: 1.0,
            radar: None,
            event: None,
            device: Device { radar: None, event: None },
            conditions: Conditions { scene, distance: None, glasses: false, nuisances: vec![] },
            labels: vec![],
        }
    }

    fn dataset() -> Dataset {
        let mut recordings: Vec<Recording> =
            (0..8).map(|session| recording(Some("anna"), session)).collect();
        for person in ["bob", "carl", "dora", "emil"] {
            recordings.extend((0..2).map(|session| recording(Some(person), session)));
        }
        recordings.push(recording(None, 0));
        let (name, consent, origin) = ("kitchen".into(), "simulated".into(), "test".into());
        Dataset { schema: SCHEMA, name, consent, origin, recordings }
    }

    #[test]
    fn sessions_of_the_enrolled_person_train_then_calibrate_then_test() {
        let parts = assign(&dataset(), "anna");
        let anna: Vec<Part> = parts[..8].iter().map(|(_, part)| *part).collect();
        assert_eq!(anna[..4], [Part::Train; 4]);
        assert_eq!(anna[4..6], [Part::Calibrate; 2]);
        assert_eq!(anna[6..], [Part::Test; 2]);
    }

    #[test]
    fn impostors_of_the_test_appear_nowhere_else() {
        let parts: BTreeMap<String, Part> = assign(&dataset(), "anna").into_iter().collect();
        for reference in ["bob", "carl"] {
            assert_eq!(parts[&format!("{reference}-s0")], Part::Train);
            assert_eq!(parts[&format!("{reference}-s1")], Part::Calibrate);
        }
        for impostor in ["dora-s0", "dora-s1", "emil-s0", "emil-s1", "empty-s0"] {
            assert_eq!(parts[impostor], Part::Test);
        }
    }

    #[test]
    fn a_split_by_hand_that_mixes_persons_is_refused() {
        let dataset = dataset();
        let member = |id: &str, part| {
            let found = dataset.recordings.iter().find(|one| one.id == id).unwrap();
            Member { folder: PathBuf::new(), recording: found.clone(), part, origin: String::new() }
        };
        let split = Split { enrolled: "anna".into(), rows: vec![] };
        let good = [member("anna-s0", Part::Train), member("anna-s1", Part::Test)];
        split.keep_persons_apart(&good).unwrap();
        let bad = [member("bob-s0", Part::Calibrate), member("bob-s1", Part::Test)];
        let refused = split.keep_persons_apart(&bad).unwrap_err().to_string();
        assert!(refused.contains("bob is an impostor of the test"), "{refused}");
    }

    #[test]
    fn the_same_raw_data_in_two_parts_is_refused() {
        let dataset = dataset();
        let member = |n: usize, part| Member {
            folder: PathBuf::new(),
            recording: dataset.recordings[n].clone(),
            part,
            origin: String::new(),
        };
        let [a, b] = [member(0, Part::Train), member(6, Part::Test)];
        refuse_shared_data([(&a, &[1, 2][..]), (&b, &[3, 4][..])]).unwrap();
        let refused = refuse_shared_data([(&a, &[1, 2][..]), (&b, &[3, 2][..])]).unwrap_err();
        assert!(refused.to_string().contains("`anna-s6` and `anna-s0`"), "{refused}");
    }
}
