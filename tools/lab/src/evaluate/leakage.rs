//! Refuses to judge what was learnt from: by name, by file, by person and by frame.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use visaged::model::Digest;

use super::inputs::Inputs;
use super::parts::{Member, Part};

/// Endings of files that hold what a sensor measured; settings may be alike in many recordings.
const RAW: [&str; 3] = ["npy", "bin", "raw"];

/// Hashes that the manifest of the bundle in `folder` lists as `seen`; empty if it lists none.
///
/// # Errors
/// When the manifest cannot be read, or `seen` is no list of SHA-256.
pub(crate) fn seen(folder: &Path) -> Result<BTreeSet<String>> {
    let path = folder.join("manifest.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("{}", path.display()))?;
    let manifest: toml::Table = toml::from_str(&text)?;
    let Some(list) = manifest.get("seen") else { return Ok(BTreeSet::new()) };
    let wrong = || format!("{}: `seen` must be a list of SHA-256", path.display());
    let list = list.as_array().with_context(wrong)?;
    let hash = |value: &toml::Value| {
        let text = value.as_str().with_context(wrong)?;
        Digest::try_from(text.to_owned()).ok().with_context(wrong)?;
        Ok(text.to_owned())
    };
    list.iter().map(hash).collect()
}

/// Refuses recordings of the test of which a raw file is one of `seen`.
///
/// # Errors
/// Names the recording; or a raw file cannot be read.
pub(crate) fn refuse_seen(members: &[Member], seen: &BTreeSet<String>) -> Result<()> {
    if seen.is_empty() {
        return Ok(());
    }
    for member in members.iter().filter(|member| member.part == Part::Test) {
        let id = &member.recording.id;
        for file in raw_files(member)? {
            let bytes = fs::read(&file).with_context(|| format!("{}", file.display()))?;
            ensure!(
                !seen.contains(&Digest::of(&bytes).to_string()),
                "the bundle was made from {}: `{id}` cannot test it; take it out of the test",
                file.display()
            );
        }
    }
    Ok(())
}

/// Refuses impostors of the test who are also trained or calibrated on.
///
/// # Errors
/// Names the person.
pub(crate) fn refuse_known_persons(members: &[Member], enrolled: &str) -> Result<()> {
    let persons = |is_test: bool| -> BTreeSet<&str> {
        let part = members.iter().filter(|member| (member.part == Part::Test) == is_test);
        let persons = part.filter_map(|member| member.recording.person.as_deref());
        persons.filter(|person| *person != enrolled).collect()
    };
    if let Some(person) = persons(true).intersection(&persons(false)).next() {
        bail!(
            "{person} is an impostor of the test and is also trained or calibrated on; put all \
             sessions of a person but the enrolled one on one side"
        );
    }
    Ok(())
}

/// Which recording each frame and window was met in first.
#[derive(Debug, Default)]
pub(crate) struct Copies {
    owners: BTreeMap<(Sensor, i64), (Part, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sensor {
    Radar,
    Event,
}

impl Copies {
    /// Refuses `member` if a frame or window of it is bit for bit one of another part. Windows
    /// without events are all alike and no copies.
    ///
    /// # Errors
    /// Names both recordings.
    pub(crate) fn refuse(&mut self, member: &Member, inputs: &Inputs) -> Result<()> {
        let frames = inputs.radar.iter().flat_map(|radar| &radar.hash);
        let windows = inputs.event.iter().flat_map(|event| event.hash.iter().zip(&event.rate));
        let windows = windows.filter(|(_, rate)| **rate > 0.0).map(|(hash, _)| hash);
        let all = frames.map(|hash| (Sensor::Radar, *hash));
        let all = all.chain(windows.map(|hash| (Sensor::Event, *hash)));
        let id = &member.recording.id;
        for key in all {
            let (part, other) = self.owners.entry(key).or_insert_with(|| (member.part, id.clone()));
            ensure!(
                *part == member.part,
                "`{id}` and `{other}` hold the same raw data but are in different parts of the split"
            );
        }
        Ok(())
    }
}

/// The files that hold what the sensors of a recording measured.
fn raw_files(member: &Member) -> Result<Vec<PathBuf>> {
    let recording = &member.recording;
    let mut files = Vec::new();
    let mut todo: Vec<PathBuf> = recording
        .radar
        .iter()
        .chain(&recording.event)
        .map(|path| member.folder.join(path))
        .collect();
    while let Some(path) = todo.pop() {
        if path.is_dir() {
            for entry in fs::read_dir(&path).with_context(|| format!("{}", path.display()))? {
                todo.push(entry?.path());
            }
        } else if path.extension().is_some_and(|end| RAW.iter().any(|raw| end == *raw)) {
            files.push(path);
        }
    }
    files.sort();
    ensure!(!files.is_empty(), "`{}` has no raw file to check against the bundle", recording.id);
    Ok(files)
}
