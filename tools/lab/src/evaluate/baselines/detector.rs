//! All detectors that need no network, learnt from the same recordings as the network.

use anyhow::{Result, ensure};
use candle_core::{Device, Tensor};

use super::features::Look;
use super::logistic::{Logistic, log_sum_exp, softmax};
use super::matrix::Matrix;
use super::nearest;
use super::one_class::OneClass;
use super::pca::Pca;
use crate::evaluate::metrics::{mean, real};
use crate::inputs::RadarSet;

/// Components kept of the maps.
const COMPONENTS: usize = 20;
/// Frames of the enrolled person that are learnt from, spread evenly.
const FRAMES: usize = 1_000;
/// Frames of each reference stranger.
const STRANGER_FRAMES: usize = 200;
/// Frames of a recording that are kept to learn from.
const KEPT: usize = 400;

/// A detector and what it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// True if it must find nothing.
    pub(crate) is_control: bool,
}

/// The network's own score.
pub(crate) const FOODER: &str = "fooder";
/// What near-OOD is chosen by, and the control to beat.
pub(crate) const REFERENCE: &str = "mahalanobis-log";

/// Every detector a report can hold, in its order.
pub(crate) const DETECTORS: [Kind; 13] = [
    kind(FOODER, "fooder_auth with the bundle's calibration"),
    kind(
        "image-error",
        "image terms of fooder_auth alone: a plain auto-encoder, but trained with its leaves",
    ),
    kind(
        "mahalanobis-linear",
        "squared Mahalanobis distance under probabilistic PCA, 20 components of the maps",
    ),
    kind(REFERENCE, "the same of the maps' logarithms"),
    kind("nearest", "distance to the 5th nearest frame in those 20 components"),
    kind("one-class-svm", "Gaussian kernel, nu 0.05, on those components"),
    kind(
        "classifier",
        "logistic regression, enrolled person against each reference stranger: 1 - p(enrolled)",
    ),
    kind("msp", "that classifier's largest probability, negative"),
    kind("energy", "that classifier's log of summed exponentials, negative"),
    control(
        "masked",
        "mahalanobis-log with the range bins of the face erased; what is left still tells how strong its echo was, as maps are scaled by their maximum",
    ),
    control("distance", "distance of the strongest motion alone"),
    control("clock", "seconds since the start alone"),
    control("permuted", "fooder, with persons dealt to recordings at random"),
];

const fn kind(name: &'static str, about: &'static str) -> Kind {
    Kind { name, about, is_control: false }
}

const fn control(name: &'static str, about: &'static str) -> Kind {
    Kind { name, about, is_control: true }
}

/// What the detectors learn from.
#[derive(Debug, Default)]
pub(crate) struct Lessons {
    enrolled: Vec<RadarSet>,
    strangers: Vec<(String, RadarSet)>,
}

impl Lessons {
    /// Adds a recording of the enrolled person.
    ///
    /// # Errors
    /// When candle fails.
    pub(crate) fn enrolled(&mut self, mut radar: RadarSet) -> Result<()> {
        if !radar.time.is_empty() {
            radar.maps = spread(&[&radar], KEPT)?;
            self.enrolled.push(radar);
        }
        Ok(())
    }

    /// Adds a recording of a reference stranger.
    ///
    /// # Errors
    /// When candle fails.
    pub(crate) fn stranger(&mut self, person: &str, mut radar: RadarSet) -> Result<()> {
        if !radar.time.is_empty() {
            radar.maps = spread(&[&radar], KEPT)?;
            self.strangers.push((person.to_owned(), radar));
        }
        Ok(())
    }

    /// True if there is nothing to learn from.
    pub(crate) fn is_empty(&self) -> bool {
        self.enrolled.is_empty()
    }
}

/// All detectors, ready to judge.
#[derive(Debug)]
pub(crate) struct Suite {
    linear: Subspace,
    log: Subspace,
    masked: Option<Subspace>,
    known: Matrix,
    machine: OneClass,
    classifier: Option<Logistic>,
    /// Mean and deviation.
    distance: [f64; 2],
    /// Mean and deviation.
    clock: [f64; 2],
}

/// A way to look at maps, and the components of what is seen.
#[derive(Debug)]
struct Subspace {
    look: Look,
    pca: Pca,
}

/// Scores of one detector, one for each frame.
pub(crate) type Column = (&'static str, Vec<f64>);

impl Suite {
    /// Learns.
    ///
    /// # Errors
    /// When there is too little to learn from, or candle fails.
    pub(crate) fn fit(lessons: &Lessons) -> Result<Self> {
        let sets: Vec<&RadarSet> = lessons.enrolled.iter().collect();
        let maps = spread(&sets, FRAMES)?;
        ensure!(
            maps.dim(0)? > COMPONENTS,
            "{} radar frames of the enrolled person are too few for baselines",
            maps.dim(0)?
        );
        let (log, linear) = (Subspace::fit(Look::Log, &maps)?, Subspace::fit(Look::Linear, &maps)?);
        let (without_face, left) = Look::without_face(&maps)?;
        let masked = (left > 0).then(|| Subspace::fit(without_face, &maps)).transpose()?;
        let known = log.coordinates(&maps)?;
        let ranges = sets.iter().flat_map(|set| &set.range).filter(|range| range.is_finite());
        let ranges: Vec<f64> = ranges.map(|range| f64::from(*range)).collect();
        let times: Vec<f64> = sets.iter().flat_map(|set| &set.time).copied().collect();
        Ok(Self {
            machine: OneClass::fit(&known),
            classifier: classifier(lessons, &log, &known)?,
            distance: mean_and_deviation(&ranges),
            clock: mean_and_deviation(&times),
            linear,
            log,
            masked,
            known,
        })
    }

    /// Judges every frame by every detector.
    ///
    /// # Errors
    /// When candle fails.
    pub(crate) fn judge(&self, radar: &RadarSet) -> Result<Vec<Column>> {
        let coordinates = self.log.coordinates(&radar.maps)?;
        let white = self.log.pca.whiten(&coordinates);
        let far = |value: f64, [mean, deviation]: [f64; 2]| (value - mean).abs() / deviation;
        let ranges = radar.range.iter().map(|range| far(f64::from(*range), self.distance));
        let times = radar.time.iter().map(|time| far(*time, self.clock));
        let mut columns = vec![
            ("mahalanobis-linear", self.linear.mahalanobis(&radar.maps)?),
            (REFERENCE, self.log.mahalanobis(&radar.maps)?),
            ("nearest", nearest::distances(&self.known, &coordinates)),
            ("one-class-svm", coordinates.rows().map(|row| self.machine.score(row)).collect()),
            ("distance", ranges.collect()),
            ("clock", times.collect()),
        ];
        if let Some(masked) = &self.masked {
            columns.push(("masked", masked.mahalanobis(&radar.maps)?));
        }
        if let Some(classifier) = &self.classifier {
            let logits: Vec<Vec<f64>> = white.rows().map(|row| classifier.logits(row)).collect();
            let column = |score: fn(&[f64]) -> f64| logits.iter().map(|row| score(row)).collect();
            columns.push(("classifier", column(|logits| 1.0 - softmax(logits)[0])));
            columns
                .push(("msp", column(|logits| -softmax(logits).into_iter().fold(0.0, f64::max))));
            columns.push(("energy", column(|logits| -log_sum_exp(logits))));
        }
        Ok(columns)
    }
}

impl Subspace {
    fn fit(look: Look, maps: &Tensor) -> candle_core::Result<Self> {
        let pca = Pca::fit(&look.rows(maps)?, COMPONENTS)?;
        Ok(Self { look, pca })
    }

    fn coordinates(&self, maps: &Tensor) -> candle_core::Result<Matrix> {
        self.pca.project(&self.look.rows(maps)?)
    }

    fn mahalanobis(&self, maps: &Tensor) -> candle_core::Result<Vec<f64>> {
        self.pca.mahalanobis(&self.look.rows(maps)?)
    }
}

/// The classifier behind `classifier`, `msp` and `energy`; class 0 is the enrolled person.
fn classifier(
    lessons: &Lessons,
    log: &Subspace,
    known: &Matrix,
) -> candle_core::Result<Option<Logistic>> {
    let mut persons: Vec<&str> = lessons.strangers.iter().map(|(name, _)| name.as_str()).collect();
    persons.sort_unstable();
    persons.dedup();
    if persons.is_empty() {
        return Ok(None);
    }
    let mut rows = Matrix::new(known.columns());
    let mut kinds = Vec::new();
    let mut add = |coordinates: &Matrix, kind: usize| {
        for row in log.pca.whiten(coordinates).rows() {
            rows.push(row.iter().copied());
            kinds.push(kind);
        }
    };
    add(known, 0);
    for (at, person) in persons.iter().enumerate() {
        let sets = lessons.strangers.iter().filter(|(name, _)| name == person);
        let sets: Vec<&RadarSet> = sets.map(|(_, radar)| radar).collect();
        add(&log.coordinates(&spread(&sets, STRANGER_FRAMES)?)?, at + 1);
    }
    Ok(Logistic::fit(&rows, &kinds, persons.len() + 1))
}

/// About `count` maps, evenly spaced over all sets.
fn spread(sets: &[&RadarSet], count: usize) -> candle_core::Result<Tensor> {
    let frames = |set: &RadarSet| set.maps.dims().first().copied().unwrap_or(0);
    let all: usize = sets.iter().map(|set| frames(set)).sum();
    let every = all.div_ceil(count).max(1);
    let mut picked = Vec::new();
    for set in sets.iter().filter(|set| frames(set) > 0) {
        let rows = (0..frames(set)).step_by(every);
        let rows: Vec<u32> = rows.filter_map(|row| u32::try_from(row).ok()).collect();
        picked.push(set.maps.index_select(&Tensor::new(rows, &Device::Cpu)?, 0)?);
    }
    Tensor::cat(&picked, 0)
}

/// The deviation is never 0, so that what always was the same can be divided by it.
fn mean_and_deviation(values: &[f64]) -> [f64; 2] {
    let mean = mean(values).unwrap_or(0.0);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let deviation = (squares / real(values.len().max(1))).sqrt();
    [mean, deviation.max(1e-9)]
}
