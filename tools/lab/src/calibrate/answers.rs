//! What the compiled networks of a bundle say of recordings.

use anyhow::{Result, ensure};
use ndarray::ArrayD;
use visaged::model::fooder_auth::score::Calibration;
use visaged::model::{Bundle, Model};

use super::WINDOW_MS;
use super::fit::{Answer, softmax, temperature};
use crate::inputs::Inputs;
use crate::split::Member;
use crate::train::{Task, class};

/// Errors of the frames of one recording, with their times.
pub(super) type Faces = Vec<(f64, [f32; 6])>;

/// Errors of the authentication on each recording.
pub(super) fn of_faces(model: &mut Box<dyn Model>, members: &[&Member]) -> Result<Vec<Faces>> {
    let mut all = Vec::with_capacity(members.len());
    let mut input = ArrayD::zeros(model.input_shape());
    for member in members {
        let Some(radar) = member.inputs()?.radar else { continue };
        let mut faces = Faces::new();
        for (frame, &time) in radar.time.iter().enumerate() {
            if radar.steady[frame] > 0 {
                fill(&mut input, &radar.faces.get(frame)?)?;
                let mut errors = [0.0; 6];
                model.run(&input, &mut errors)?;
                faces.push((time, errors));
            }
        }
        all.push(faces);
    }
    Ok(all)
}

/// Mean scores of the windows of one recording.
pub(super) fn windows(faces: &Faces, calibration: &Calibration) -> Vec<f64> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a recording has far less than 2^63 windows"
    )]
    let window = |time: f64| (1e3 * time / f64::from(WINDOW_MS)).floor() as i64;
    faces
        .chunk_by(|a, b| window(a.0) == window(b.0))
        .map(|faces| {
            let sum: f64 = faces.iter().map(|(_, errors)| calibration.score(errors)).sum();
            sum / super::fit::real(faces.len())
        })
        .collect()
}

/// Logits of gate and experts on frames of known poses.
#[derive(Default)]
pub(super) struct RadarAnswers {
    gate: Vec<Answer<2>>,
    dynamic: Vec<Answer<2>>,
    still: Vec<Answer<2>>,
}

/// `None` without gate or experts in the bundle.
pub(super) fn of_radar(bundle: &mut Bundle, members: &[&Member]) -> Result<Option<RadarAnswers>> {
    let tasks = [Task::Gate, Task::ExpertDynamic, Task::ExpertStatic];
    if tasks.iter().any(|task| bundle.role(task.role()).is_none()) {
        return Ok(None);
    }
    let mut answers = RadarAnswers::default();
    for member in members {
        let Inputs { radar: Some(radar), .. } = member.inputs()? else { continue };
        for (frame, &time) in radar.time.iter().enumerate() {
            let Some(gate) = class(Task::Gate, &member.recording, time) else { continue };
            let expert = if gate == 0 { Task::ExpertDynamic } else { Task::ExpertStatic };
            let map = radar.maps.get(frame)?;
            answers.gate.push((ask(bundle, Task::Gate, &map)?, gate));
            if let Some(class) = class(expert, &member.recording, time) {
                let all = if gate == 0 { &mut answers.dynamic } else { &mut answers.still };
                all.push((ask(bundle, expert, &map)?, class));
            }
        }
    }
    ensure!(!answers.gate.is_empty(), "no frame of a known pose to calibrate on");
    Ok(Some(answers))
}

/// The two logits of the network for `task`.
fn ask(bundle: &mut Bundle, task: Task, map: &candle_core::Tensor) -> Result<[f64; 2]> {
    let mut scores = [0.0; 2];
    if let Some(network) = bundle.role(task.role()) {
        let mut input = ArrayD::zeros(network.model.input_shape());
        fill(&mut input, map)?;
        network.model.run(&input, &mut scores)?;
    }
    Ok(scores.map(f64::from))
}

impl RadarAnswers {
    /// Of gate, dynamic and static expert.
    pub(super) fn temperatures(&self) -> [f64; 3] {
        [&self.gate, &self.dynamic, &self.still].map(|answers| temperature(answers))
    }

    /// Probability of the true pose of each frame, routed softly as the daemon does by default, by the
    /// [`temperatures`](Self::temperatures).
    pub(super) fn probabilities(&self, [gate, dynamic, still]: [f64; 3]) -> Vec<f64> {
        let (mut moving, mut held) = (self.dynamic.iter(), self.still.iter());
        let each = self.gate.iter().filter_map(|(logits, class)| {
            let (expert, temperature) =
                if *class == 0 { (moving.next()?, dynamic) } else { (held.next()?, still) };
            let (expert_logits, expression) = expert;
            Some(softmax(logits, gate)[*class] * softmax(expert_logits, temperature)[*expression])
        });
        each.collect()
    }
}

/// What the event network says of one window.
pub(super) struct EventAnswer {
    pub(super) answer: Answer<4>,
    /// Events a second in the face region.
    pub(super) rate: f64,
}

/// Logits of the event network on windows of known poses.
pub(super) fn of_events(
    model: &mut Box<dyn Model>,
    members: &[&Member],
) -> Result<Vec<EventAnswer>> {
    let mut answers = Vec::new();
    let mut input = ArrayD::zeros(model.input_shape());
    for member in members {
        let Some(event) = member.inputs()?.event else { continue };
        for (window, (&time, &rate)) in event.time.iter().zip(&event.rate).enumerate() {
            let Some(class) = class(Task::Event, &member.recording, time) else { continue };
            fill(&mut input, &event.voxels.get(window)?)?;
            input /= 5.0;
            let mut scores = [0.0; 4];
            model.run(&input, &mut scores)?;
            let answer = (scores.map(f64::from), class);
            answers.push(EventAnswer { answer, rate: f64::from(rate) });
        }
    }
    ensure!(!answers.is_empty(), "no window of a known pose to calibrate on");
    Ok(answers)
}

/// Copies a tensor of the cache.
fn fill(input: &mut ArrayD<f32>, from: &candle_core::Tensor) -> Result<()> {
    let values: Vec<f32> = from.flatten_all()?.to_dtype(candle_core::DType::F32)?.to_vec1()?;
    ensure!(values.len() == input.len(), "inputs of another shape; compute them again");
    input.iter_mut().zip(values).for_each(|(to, from)| *to = from);
    Ok(())
}
