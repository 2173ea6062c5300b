//! The split file: which recordings taught, which calibrated, and which are kept for the test.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::inputs::Inputs;
use crate::dataset::{Dataset, Recording};

/// What a recording is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Part {
    /// Weights are fitted to it.
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
}

impl Split {
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
    /// When a recording is in no data set or in the split twice.
    pub(crate) fn members(&self, file: &Path) -> Result<Vec<Member>> {
        let root = file.parent().map_or_else(PathBuf::new, Path::to_owned);
        let mut datasets: BTreeMap<PathBuf, Dataset> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        let mut members = Vec::with_capacity(self.rows.len());
        for row in &self.rows {
            let folder = root.join(&row.dataset);
            if !datasets.contains_key(&folder) {
                datasets.insert(folder.clone(), Dataset::read(&folder)?);
            }
            let recording = datasets[&folder].recordings.iter().find(|one| one.id == row.id);
            let Some(recording) = recording else {
                bail!("{}: `{}` is not in {}", file.display(), row.id, folder.display());
            };
            ensure!(seen.insert(&row.id), "{}: `{}` stands there twice", file.display(), row.id);
            members.push(Member { folder, recording: recording.clone(), part: row.part });
        }
        Ok(members)
    }
}

impl Member {
    /// True if `person` is on it.
    pub(crate) fn is_of(&self, person: &str) -> bool {
        self.recording.person.as_deref() == Some(person)
    }

    /// Its inputs.
    ///
    /// # Errors
    /// When they were not computed yet.
    pub(crate) fn inputs(&self) -> Result<Inputs> {
        Inputs::of(&self.folder, &self.recording)
    }
}
