//! Runs a bundle's networks over the inputs of a recording.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use candle_core::{DType, Tensor};
use ndarray::ArrayView;
use visaged::data::message::ExpressionLabel;
use visaged::data::score::{EventScores, ExpressionCalibration, Memory, RadarExpression};
use visaged::fusion::{Follower, Routing, believe};
use visaged::model::fooder_auth::TERMS;
use visaged::model::fooder_expert::{DYNAMIC_CLASSES, STATIC_CLASSES};
use visaged::model::{Bundle, Digest, Loaded};
use visaged::units::{HostClock, Stamp};

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
    persistence_ms: Memory::persistence_ms(),
    radar_repeat_ms: Memory::repeat_ms(),
    event_repeat_ms: Memory::repeat_ms(),
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

/// What the networks of one sensor said, in the order of time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer {
    /// Seconds from the start: of the frame, or of the end of the window.
    pub(crate) time: f64,
    pub(crate) said: Said,
}

/// Scores of an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Said {
    /// Of a radar frame.
    Radar(RadarExpression),
    /// Of a window of events.
    Event(EventScores),
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

    /// What gate, experts and event network say of a recording, of every frame and window.
    ///
    /// # Errors
    /// When a network refuses an input, or has other classes than its role asks for.
    pub(crate) fn answers(&mut self, inputs: &Inputs) -> Result<Vec<Answer>> {
        let mut answers = Vec::new();
        if let Some(radar) = inputs.radar.as_ref().filter(|_| self.has("gate")) {
            for (frame, &time) in radar.time.iter().enumerate() {
                let said = Said::Radar(self.radar_says(radar, frame)?);
                answers.push(Answer { time, said });
            }
        }
        if let Some(event) = inputs.event.as_ref().filter(|_| self.has("event")) {
            for (window, &time) in event.time.iter().enumerate() {
                let said = Said::Event(self.event_says(event, window)?);
                answers.push(Answer { time, said });
            }
        }
        // Stable: a frame of the very instant comes before the window.
        answers.sort_by(|a, b| a.time.total_cmp(&b.time));
        Ok(answers)
    }

    /// Beliefs of the radar, of the camera and of both at each labelled instant that all sensors
    /// there are have something to say of. Instants are those of event windows, or of radar frames
    /// where there is no camera.
    ///
    /// # Errors
    /// As of [`answers`](Self::answers).
    pub(crate) fn beliefs(
        &mut self,
        recording: &Recording,
        inputs: &Inputs,
    ) -> Result<Vec<Beliefs>> {
        let answers = self.answers(inputs)?;
        let has_event = answers.iter().any(|answer| matches!(answer.said, Said::Event(_)));
        let has_radar = answers.iter().any(|answer| matches!(answer.said, Said::Radar(_)));
        let there = [("radar", has_radar), ("event", has_event), ("fused", has_radar && has_event)];
        let mut sources: Vec<(Beliefs, Follower)> = there
            .into_iter()
            .filter(|(_, is_there)| *is_there)
            .map(|(source, _)| {
                (self.empty(&recording.id, source), Follower::new(Routing::default(), self.worth))
            })
            .collect();
        let mut newest: Option<(f64, RadarExpression)> = None;
        for Answer { time, said } in &answers {
            let mut event = None;
            match said {
                Said::Radar(scores) => newest = Some((*time, *scores)),
                Said::Event(scores) => event = Some(scores),
            }
            let radar = newest.filter(|(frame, _)| time - frame <= STALE).map(|(_, scores)| scores);
            let is_instant = event.is_some() == has_event && (radar.is_some() || !has_radar);
            let label = labels::at(&recording.labels, *time).filter(|_| is_instant);
            for (beliefs, follower) in &mut sources {
                let (sees, hears) = (beliefs.source != "event", beliefs.source != "radar");
                follow(follower, *time, said, [sees, hears]);
                let Some((pose, truth)) = label else { continue };
                let radar = radar.as_ref().filter(|_| sees);
                let event = event.filter(|_| hears);
                let Ok(belief) = believe(radar, event, Routing::default(), &self.worth) else {
                    continue;
                };
                beliefs.time.push(*time);
                beliefs.pose.push(pose);
                beliefs.truth.push(truth);
                beliefs.belief.push(belief.map(narrow));
                beliefs.followed.push(follower.belief(stamp(*time)).map(narrow));
            }
        }
        Ok(sources.into_iter().map(|(beliefs, _)| beliefs).collect())
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
            followed: Vec::new(),
        }
    }

    fn radar_says(&mut self, radar: &RadarSet, frame: usize) -> Result<RadarExpression> {
        let maps = pixels(&radar.maps, frame)?;
        let mut gate = [0.0; 2];
        run(self.bundle.role("gate").context("gate")?, &maps, &mut gate)?;
        let [moves, rests] = Routing::default().experts(gate);
        let mut ask = |is_asked: bool, role, classes| {
            is_asked.then(|| self.expert(role, classes, &maps)).transpose()
        };
        let dynamic = ask(moves, "expert-dynamic", &DYNAMIC_CLASSES)?;
        let still = ask(rests, "expert-static", &STATIC_CLASSES)?;
        Ok(RadarExpression { gate, dynamic, still })
    }

    fn expert(&mut self, role: &str, classes: &[&str; 2], maps: &[f32]) -> Result<[f32; 2]> {
        let expert = self.bundle.role(role).with_context(|| format!("no network is `{role}`"))?;
        ensure!(expert.classes == classes, "`{role}` must have the classes {classes:?}");
        let mut logits = [0.0; 2];
        run(expert, maps, &mut logits)?;
        Ok(softmax(logits, expert.temperature))
    }

    fn event_says(&mut self, event: &EventSet, window: usize) -> Result<EventScores> {
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
        Ok(EventScores { probabilities, rate_ev_s: event.rate[window] })
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

/// Tells a follower what was said, if it listens to the radar, to the camera. False for numbers that
/// cannot be used: as in the daemon, they change nothing.
pub(crate) fn follow(
    follower: &mut Follower,
    time: f64,
    said: &Said,
    [sees, hears]: [bool; 2],
) -> bool {
    match said {
        Said::Radar(scores) if sees => follower.radar(stamp(time), scores).is_ok(),
        Said::Event(scores) if hears => follower.event(stamp(time), scores).is_ok(),
        Said::Radar(_) | Said::Event(_) => true,
    }
}

/// Seconds of a recording on the clock that followers go by.
#[expect(clippy::cast_possible_truncation, reason = "a recording has far less than 2^63 us")]
pub(crate) fn stamp(seconds: f64) -> Stamp<HostClock> {
    Stamp::from_micros((1e6 * seconds).round() as i64)
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
