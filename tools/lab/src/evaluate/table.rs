//! What was scored: the table that reports are made of, JSON lines.
//!
//! One line per entry, told apart by its key. The first says what was judged; then one line per
//! judged recording, per bundle, and per threshold of a baseline; then, per recording and detector, the scores of all its frames; and per
//! recording and source, the beliefs of all labelled instants:
//!
//! ```json
//! {"of":{"schema":1,"enrolled":"p000","simulated":true,"spread":1.0,"datasets":["twin-1: ..."],
//!       "parts":[40,20,36]}}
//! {"recording":{"id":"p000-s5","person":"p000","session":5,"scene":"person","glasses":false}}
//! {"run":{"run":"1f3a","digest":"1f3a...","threshold":3.2,"seen":40}}
//! {"threshold":{"run":"baseline","detector":"nearest","threshold":11.8}}
//! {"scores":{"recording":"p000-s5","run":"1f3a","detector":"fooder","time":[0.4],"score":[-0.31]}}
//! {"beliefs":{"recording":"p000-s5","run":"1f3a","source":"fused","time":[2.1],"pose":[0],
//!             "truth":[1],"belief":[[0.1,0.7,0.1,0.1]],"followed":[[0.0,0.9,0.1,0.0]]}}
//! ```
//!
//! A score of `null` is no decision. Beliefs and truths are in the order of
//! [`ExpressionLabel::ALL`](visaged::data::message::ExpressionLabel::ALL).

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use super::baselines::detector::FOODER;
use super::metrics::operating::Scored;
use crate::dataset::Scene;

/// The only version there is.
const SCHEMA: u32 = 1;

/// All that was scored.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Table {
    pub(crate) of: Of,
    pub(crate) recordings: Vec<Recorded>,
    pub(crate) runs: Vec<Run>,
    pub(crate) thresholds: Vec<Threshold>,
    pub(crate) scores: Vec<Scores>,
    pub(crate) beliefs: Vec<Beliefs>,
}

/// What was judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Of {
    /// Version of the table.
    pub(crate) schema: u32,
    /// The enrolled person.
    pub(crate) enrolled: String,
    /// True if nobody on the recordings exists.
    pub(crate) simulated: bool,
    /// How far simulated persons lie apart, if the data sets agree on it.
    pub(crate) spread: Option<f64>,
    /// Name and origin of each data set.
    pub(crate) datasets: Vec<String>,
    /// Recordings that taught, calibrated, and test.
    pub(crate) parts: [usize; 3],
}

/// A judged recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Recorded {
    pub(crate) id: String,
    pub(crate) person: Option<String>,
    pub(crate) session: u32,
    pub(crate) day: u32,
    pub(crate) scene: Scene,
    /// Metres.
    pub(crate) distance: Option<f64>,
    pub(crate) glasses: bool,
    pub(crate) nuisances: Vec<String>,
    /// What is posed, in order.
    pub(crate) poses: Vec<usize>,
}

/// A bundle that judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Run {
    /// First digits of the digest.
    pub(crate) run: String,
    /// SHA-256 of the manifest.
    pub(crate) digest: String,
    /// What each network was trained on.
    pub(crate) trained_on: Vec<String>,
    /// Threshold of the authentication, frozen.
    pub(crate) threshold: Option<f64>,
    /// True if the manifest says what the expression networks are worth.
    pub(crate) is_fusion_calibrated: bool,
    /// Raw files that the manifest names as seen.
    pub(crate) seen: usize,
}

/// The frozen threshold of a baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Threshold {
    pub(crate) run: String,
    pub(crate) detector: String,
    pub(crate) threshold: f64,
}

/// Scores of one detector over one recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Scores {
    pub(crate) recording: String,
    /// First digits of the bundle's digest; [`BASELINE`] for what no bundle enters.
    pub(crate) run: String,
    pub(crate) detector: String,
    /// Seconds from the start.
    pub(crate) time: Vec<f64>,
    /// Strangeness; nothing where nothing can be decided.
    pub(crate) score: Vec<Option<f32>>,
}

/// Beliefs of one source over the labelled instants of one recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Beliefs {
    pub(crate) recording: String,
    /// As of [`Scores`].
    pub(crate) run: String,
    pub(crate) source: String,
    /// Seconds from the start.
    pub(crate) time: Vec<f64>,
    /// Which label of the recording it is, from 0: instants of one pose belong together.
    pub(crate) pose: Vec<usize>,
    /// What was posed.
    pub(crate) truth: Vec<usize>,
    /// What was believed by the answers of that instant alone.
    pub(crate) belief: Vec<[f32; 4]>,
    /// The same with all answers before, as the daemon believes it; empty for what nothing follows.
    #[serde(default)]
    pub(crate) followed: Vec<[f32; 4]>,
}

/// The run of detectors that no bundle enters.
pub(crate) const BASELINE: &str = "baseline";

/// One line of the file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Line {
    Of(Of),
    Recording(Recorded),
    Run(Run),
    Threshold(Threshold),
    Scores(Scores),
    Beliefs(Beliefs),
}

impl Of {
    /// Of the version that this tool writes.
    pub(crate) const fn new(
        enrolled: String,
        simulated: bool,
        spread: Option<f64>,
        datasets: Vec<String>,
        parts: [usize; 3],
    ) -> Self {
        Self { schema: SCHEMA, enrolled, simulated, spread, datasets, parts }
    }
}

impl Scores {
    /// As attempts to be judged.
    pub(crate) fn scored(&self) -> Vec<Scored> {
        let pairs = self.time.iter().zip(&self.score);
        pairs.map(|(&time, score)| Scored { time, score: score.map(f64::from) }).collect()
    }
}

impl Table {
    /// Index of a recording.
    pub(crate) fn place(&self, id: &str) -> Option<usize> {
        self.recordings.iter().position(|recording| recording.id == id)
    }

    /// The frozen threshold of a detector.
    pub(crate) fn threshold(&self, run: &str, detector: &str) -> Option<f64> {
        if detector == FOODER {
            return self.runs.iter().find(|one| one.run == run)?.threshold;
        }
        let is_it = |one: &&Threshold| one.run == run && one.detector == detector;
        self.thresholds.iter().find(is_it).map(|one| one.threshold)
    }

    /// Writes the file.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let file = File::create(path).with_context(|| format!("{}", path.display()))?;
        let mut out = BufWriter::new(file);
        let mut line = |line: &Line| -> Result<()> {
            serde_json::to_writer(&mut out, line)?;
            Ok(out.write_all(b"\n")?)
        };
        line(&Line::Of(self.of.clone()))?;
        self.recordings.iter().try_for_each(|one| line(&Line::Recording(one.clone())))?;
        self.runs.iter().try_for_each(|one| line(&Line::Run(one.clone())))?;
        self.thresholds.iter().try_for_each(|one| line(&Line::Threshold(one.clone())))?;
        self.scores.iter().try_for_each(|one| line(&Line::Scores(one.clone())))?;
        self.beliefs.iter().try_for_each(|one| line(&Line::Beliefs(one.clone())))?;
        Ok(out.flush()?)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it is no such file; the line is named.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("{}", path.display()))?;
        let (mut of, mut recordings) = (None, Vec::new());
        let (mut runs, mut thresholds) = (Vec::new(), Vec::new());
        let (mut scores, mut beliefs) = (Vec::new(), Vec::new());
        for (number, line) in BufReader::new(file).lines().enumerate() {
            let parsed = serde_json::from_str(&line?);
            let parsed =
                parsed.with_context(|| format!("{}, line {}", path.display(), number + 1))?;
            match parsed {
                Line::Of(one) => of = Some(one),
                Line::Recording(one) => recordings.push(one),
                Line::Run(one) => runs.push(one),
                Line::Threshold(one) => thresholds.push(one),
                Line::Scores(one) => scores.push(one),
                Line::Beliefs(one) => beliefs.push(one),
            }
        }
        let of = of.with_context(|| format!("{} does not say what it is of", path.display()))?;
        let schema = of.schema;
        ensure!(schema == SCHEMA, "scores of schema {schema}, this tool reads {SCHEMA}");
        Ok(Self { of, recordings, runs, thresholds, scores, beliefs })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_survives_the_disk() {
        let table = Table {
            of: Of::new("anna".into(), true, Some(0.5), vec!["kitchen: by hand".into()], [3, 2, 1]),
            recordings: vec![Recorded {
                id: "anna-0".into(),
                person: Some("anna".into()),
                session: 0,
                day: 0,
                scene: Scene::Person,
                distance: Some(0.4),
                glasses: true,
                nuisances: vec!["fan".into()],
                poses: vec![2],
            }],
            runs: vec![Run {
                run: "1f3a".into(),
                digest: "1f3a5".into(),
                trained_on: vec!["auth: twin".into()],
                threshold: Some(3.0),
                is_fusion_calibrated: false,
                seen: 40,
            }],
            thresholds: vec![Threshold {
                run: BASELINE.into(),
                detector: "nearest".into(),
                threshold: 1.25,
            }],
            scores: vec![Scores {
                recording: "anna-0".into(),
                run: BASELINE.into(),
                detector: "nearest".into(),
                time: vec![0.1, 0.2],
                score: vec![Some(1.5), None],
            }],
            beliefs: vec![Beliefs {
                recording: "anna-0".into(),
                run: BASELINE.into(),
                source: "fused".into(),
                time: vec![0.3],
                pose: vec![0],
                truth: vec![2],
                belief: vec![[0.1, 0.2, 0.3, 0.4]],
                followed: vec![[0.0, 0.1, 0.2, 0.7]],
            }],
        };
        let path = std::env::temp_dir().join(format!("lab-table-{}.jsonl", std::process::id()));
        table.write(&path).unwrap();
        assert_eq!(Table::read(&path).unwrap(), table);
        std::fs::write(&path, "{\"of\":1}\n").unwrap();
        assert!(Table::read(&path).unwrap_err().to_string().ends_with("line 1"));
        std::fs::remove_file(&path).unwrap();
    }
}
