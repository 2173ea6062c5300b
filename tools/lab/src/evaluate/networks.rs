//! Runs a bundle's networks over the inputs of a recording.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use candle_core::{DType, Tensor};
use ndarray::ArrayView;
use visaged::data::message::ExpressionLabel;
use visaged::data::score::{EventScores, ExpressionCalibration, RadarExpression};
use visaged::fusion::{Routing, believe};
use visaged::model::fooder_auth::TERMS;
use visaged::model::fooder_expert::{DYNAMIC_CLASSES, STATIC_CLASSES};
use visaged::model::{Bundle, Digest, Loaded};

use super::baselines::detector::FOODER;
use super::labels;
use super::table::{Beliefs, Scores};
use crate::dataset::Recording;
use crate::inputs::{EventSet, Inputs, RadarSet};

/// Age of the newest radar frame from which the radar says nothing, seconds; as in the daemon.
const STALE: f64 = 0.5;
/// Digits of a bundle's digest that name a run.
const DIGITS: usize = 8;
/// What expression networks are taken to be worth if the bundle does not say. Equal trust, and
/// events at the rate of a face that moves a little; nothing was measured for it.
const UNCALIBRATED: ExpressionCalibration = ExpressionCalibration {
    gate_temperature: 1.0,
    radar_reliability: 0.9,
    event_reliability: 0.9,
    half_rate_ev_s: 2_000.0,
    least_confidence: 0.6,
};

/// A bundle that judges.
pub(crate) struct Networks {
    bundle: Bundle,
    /// First digits of the bundle's digest.
    pub(crate) run: String,
    worth: ExpressionCalibration,
    /// True if the bundle says what its expression networks are worth.
    pub(crate) is_calibrated: bool,
}

/// Everything that can be said of an instant.
struct Said {
    radar: Option<RadarExpression>,
    event: Option<EventScores>,
}

/// A judged instant: seconds, label, truth, and the frame and window that belong to it.
struct Instant {
    time: f64,
    pose: usize,
    truth: usize,
    frame: Option<usize>,
    window: Option<usize>,
}

impl Networks {
    /// Loads the bundle in `folder`.
    ///
    /// # Errors
    /// When it is not whole, or its authentication was never calibrated.
    pub(crate) fn load(folder: &Path) -> Result<Self> {
        let mut bundle =
            Bundle::load(folder).with_context(|| format!("bundle {}", folder.display()))?;
        if let Some(auth) = bundle.role("auth") {
            ensure!(
                auth.calibration.is_some(),
                "{}: the authentication was never calibrated; run `lab calibrate`",
                folder.display()
            );
        }
        let stated = bundle.expression;
        let run = bundle.digest.to_string()[..DIGITS].to_owned();
        let worth = stated.unwrap_or(UNCALIBRATED);
        Ok(Self { bundle, run, worth, is_calibrated: stated.is_some() })
    }

    /// The frozen threshold of the authentication, if there is one.
    pub(crate) fn threshold(&mut self) -> Option<f64> {
        self.bundle.role("auth")?.threshold
    }

    /// SHA-256 of every recording file that it was made from.
    pub(crate) fn seen(&self) -> BTreeSet<Digest> {
        self.bundle.seen.iter().copied().collect()
    }

    /// SHA-256 of the manifest.
    pub(crate) fn digest(&self) -> String {
        self.bundle.digest.to_string()
    }

    /// What each network was trained on.
    pub(crate) fn trained_on(&self) -> Vec<String> {
        let row = |network: &Loaded| {
            format!(
                "{} ({} {}): {}",
                network.role, network.kind.name, network.preset, network.trained_on
            )
        };
        self.bundle.networks.iter().map(row).collect()
    }

    /// How strange each frame is: by the calibrated score, and by the errors of the images alone.
    /// Frames without motion in front of the radar are not decided on, as in the daemon.
    ///
    /// # Errors
    /// When the network refuses an input.
    pub(crate) fn strangeness(&mut self, id: &str, radar: &RadarSet) -> Result<Vec<Scores>> {
        let Some(auth) = self.bundle.role("auth") else { return Ok(Vec::new()) };
        let calibration = auth.calibration.clone().context("calibration")?;
        let mut columns = [Vec::new(), Vec::new()];
        for (frame, range) in radar.range.iter().enumerate() {
            if !range.is_finite() {
                columns.iter_mut().for_each(|column| column.push(None));
                continue;
            }
            let mut errors = [0.0; TERMS.len()];
            run(auth, &pixels(&radar.maps, frame)?, &mut errors)?;
            let normal = |term: usize| {
                (f64::from(errors[term]) - calibration.means[term]) / calibration.deviations[term]
            };
            let images = (0..TERMS.len()).filter(|term| TERMS[*term].starts_with("image."));
            columns[0].push(Some(narrow(calibration.score(&errors))));
            columns[1].push(Some(narrow(images.map(normal).sum())));
        }
        let named = [FOODER, "image-error"].into_iter().zip(columns);
        Ok(named
            .map(|(detector, score)| Scores {
                recording: id.to_owned(),
                run: self.run.clone(),
                detector: detector.to_owned(),
                time: radar.time.clone(),
                score,
            })
            .collect())
    }

    /// Beliefs of the radar, of the camera and of both at each labelled instant that all sensors
    /// there are have something to say of. Instants are those of event windows, or of radar frames
    /// where there is no camera.
    ///
    /// # Errors
    /// When a network refuses an input, or has other classes than its role asks for.
    pub(crate) fn beliefs(
        &mut self,
        recording: &Recording,
        inputs: &Inputs,
    ) -> Result<Vec<Beliefs>> {
        let radar = inputs.radar.as_ref().filter(|_| self.has("gate"));
        let event = inputs.event.as_ref().filter(|_| self.has("event"));
        let instants = instants(recording, radar, event);
        let mut sources: Vec<Beliefs> = [
            ("radar", radar.is_some()),
            ("event", event.is_some()),
            ("fused", radar.is_some() && event.is_some()),
        ]
        .into_iter()
        .filter(|(_, is_there)| *is_there)
        .map(|(source, _)| self.empty(&recording.id, source))
        .collect();
        for instant in &instants {
            let said = Said {
                radar: self.radar_says(radar, instant.frame)?,
                event: self.event_says(event, instant.window)?,
            };
            for beliefs in &mut sources {
                let radar = said.radar.as_ref().filter(|_| beliefs.source != "event");
                let event = said.event.as_ref().filter(|_| beliefs.source != "radar");
                let belief = believe(radar, event, Routing::Hard, &self.worth);
                let Ok(belief) = belief else { continue };
                beliefs.time.push(instant.time);
                beliefs.pose.push(instant.pose);
                beliefs.truth.push(instant.truth);
                beliefs.belief.push(belief.map(narrow));
            }
        }
        Ok(sources)
    }

    fn has(&self, role: &str) -> bool {
        self.bundle.networks.iter().any(|network| network.role == role)
    }

    fn empty(&self, id: &str, source: &str) -> Beliefs {
        Beliefs {
            recording: id.to_owned(),
            run: self.run.clone(),
            source: source.to_owned(),
            time: Vec::new(),
            pose: Vec::new(),
            truth: Vec::new(),
            belief: Vec::new(),
        }
    }

    fn radar_says(
        &mut self,
        radar: Option<&RadarSet>,
        frame: Option<usize>,
    ) -> Result<Option<RadarExpression>> {
        let (Some(radar), Some(frame)) = (radar, frame) else { return Ok(None) };
        let maps = pixels(&radar.maps, frame)?;
        let mut gate = [0.0; 2];
        run(self.bundle.role("gate").context("gate")?, &maps, &mut gate)?;
        let (mut dynamic, mut still) = (None, None);
        if gate[0] >= gate[1] {
            dynamic = Some(self.expert("expert-dynamic", &DYNAMIC_CLASSES, &maps)?);
        } else {
            still = Some(self.expert("expert-static", &STATIC_CLASSES, &maps)?);
        }
        Ok(Some(RadarExpression { gate, dynamic, still }))
    }

    fn expert(&mut self, role: &str, classes: &[&str; 2], maps: &[f32]) -> Result<[f32; 2]> {
        let expert = self.bundle.role(role).with_context(|| format!("no network is `{role}`"))?;
        ensure!(expert.classes == classes, "`{role}` must have the classes {classes:?}");
        let mut logits = [0.0; 2];
        run(expert, maps, &mut logits)?;
        Ok(softmax(logits, expert.temperature))
    }

    fn event_says(
        &mut self,
        event: Option<&EventSet>,
        window: Option<usize>,
    ) -> Result<Option<EventScores>> {
        let (Some(event), Some(window)) = (event, window) else { return Ok(None) };
        let network = self.bundle.role("event").context("event")?;
        let counts = pixels(&event.voxels, window)?;
        let voxels: Vec<f32> = counts.iter().map(|count| count / 5.0).collect();
        let mut logits = [0.0; ExpressionLabel::COUNT];
        run(network, &voxels, &mut logits)?;
        let by_class = softmax(logits, network.temperature);
        let mut probabilities = [0.0; ExpressionLabel::COUNT];
        for (place, label) in probabilities.iter_mut().zip(ExpressionLabel::ALL) {
            let name = name(label);
            let class = network.classes.iter().position(|class| class == name);
            *place = by_class[class.with_context(|| format!("`event` has no class {name}"))?];
        }
        Ok(Some(EventScores { probabilities, rate_ev_s: event.rate[window] }))
    }
}

/// The name of an expression in manifests and reports.
pub(crate) const fn name(label: ExpressionLabel) -> &'static str {
    match label {
        ExpressionLabel::Smile => "smile",
        ExpressionLabel::Shock => "shock",
        ExpressionLabel::Neutral => "neutral",
        ExpressionLabel::Anger => "anger",
    }
}

/// The labelled instants of a recording.
fn instants(
    recording: &Recording,
    radar: Option<&RadarSet>,
    event: Option<&EventSet>,
) -> Vec<Instant> {
    let times = event.map(|event| &event.time).or_else(|| radar.map(|radar| &radar.time));
    let instant = |(at, time): (usize, &f64)| {
        let (pose, truth) = labels::at(&recording.labels, *time)?;
        // a frame of this very instant, or the last before it
        let frame = radar.map(|radar| {
            let next = radar.time.partition_point(|frame| *frame <= *time + 1e-6);
            next.checked_sub(1).filter(|frame| *time - radar.time[*frame] <= STALE)
        });
        let is_blind = frame.is_some_and(|frame| frame.is_none());
        (!is_blind).then(|| Instant {
            time: *time,
            pose,
            truth,
            frame: frame.flatten(),
            window: event.map(|_| at),
        })
    };
    times.into_iter().flatten().enumerate().filter_map(instant).collect()
}

/// One row of a tensor, flat.
fn pixels(tensor: &Tensor, row: usize) -> candle_core::Result<Vec<f32>> {
    tensor.get(row)?.to_dtype(DType::F32)?.flatten_all()?.to_vec1()
}

fn run(network: &mut Loaded, input: &[f32], scores: &mut [f32]) -> Result<()> {
    let input = ArrayView::from_shape(network.model.input_shape(), input)?;
    network.model.run(&input, scores)?;
    Ok(())
}

fn softmax<const N: usize>(logits: [f32; N], temperature: Option<f64>) -> [f32; N] {
    let scaled = logits.map(|logit| f64::from(logit) / temperature.unwrap_or(1.0));
    let most = scaled.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers = scaled.map(|logit| (logit - most).exp());
    let sum: f64 = powers.iter().sum();
    powers.map(|power| narrow(power / sum))
}

/// To single precision, which is all that networks have.
#[expect(clippy::cast_possible_truncation, reason = "rounding is meant")]
const fn narrow(value: f64) -> f32 {
    value as f32
}
