//! The radar's networks: from frames to scores.

use ndarray::ArrayRefD;

use super::asked::{Asked, softmax};
use crate::data::score::{RadarExpression, RadarScores};
use crate::data::{ChirpConfig, Counts, RadarFrame};
use crate::dsp::radar::Error;
use crate::fusion::Routing;
use crate::model::fooder_auth::TERMS;
use crate::model::fooder_auth::score::Calibration;
use crate::pipeline::{RadarInputConfig, RadarInputs, Seen};

/// The authentication with what makes one score of its errors.
pub struct Stranger {
    pub(super) network: Asked<{ TERMS.len() }>,
    pub(super) calibration: Calibration,
}

/// FOODER's gate and its two experts.
pub struct RadarFaces {
    /// Logits: dynamic, static.
    pub(super) gate: Asked<2>,
    /// Logits: smile, shock.
    pub(super) dynamic: Asked<2>,
    /// Logits: neutral, anger.
    pub(super) still: Asked<2>,
    /// By which the logits of both are divided.
    pub(super) temperatures: [f64; 2],
}

/// What is asked about a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// Nothing, as nobody is there: what was gathered about somebody is forgotten.
    Nobody,
    /// Nothing: no network runs. The frame counts all the same, as inputs rest on several.
    Nothing,
    /// Whether it is the enrolled person.
    Identity,
    /// That, and what the face shows.
    IdentityAndExpression,
}

/// The networks of one radar, from its frames to their scores.
///
/// An input rests on several frames in a row: a hole or a missing number starts anew, and for the
/// length of a block there are no scores.
pub struct RadarNetworks {
    inputs: RadarInputs,
    auth: Stranger,
    faces: Option<RadarFaces>,
    routing: Routing,
    /// Number of the frame that should come next.
    expected: Option<u64>,
}

impl RadarNetworks {
    /// Plans for frames of a radar that is set to `chirp`; without `faces` no expression is told.
    ///
    /// # Errors
    /// When the kernels refuse these sizes or settings.
    pub fn plan(
        inputs: &RadarInputConfig,
        chirp: &ChirpConfig,
        auth: Stranger,
        faces: Option<RadarFaces>,
        routing: Routing,
    ) -> Result<Self, Error> {
        let inputs = RadarInputs::plan(inputs, chirp)?;
        Ok(Self { inputs, auth, faces, routing, expected: None })
    }

    /// Takes a frame and answers the question about it; what could not be answered is counted.
    ///
    /// Gives nothing for a frame with holes, nor while there are too few frames for an input, nor
    /// while nobody has kept a place long enough for the authentication.
    ///
    /// # Panics
    /// When the frame has not the planned shape.
    pub fn run(
        &mut self,
        frame: &RadarFrame,
        question: Question,
        counts: &mut Counts,
    ) -> Option<RadarScores> {
        let follows = self.expected.is_none_or(|expected| expected == frame.number);
        if frame.has_holes || !follows {
            self.inputs.restart();
            counts.add("radar-input-restarted", 1);
        }
        self.expected = Some(frame.number.saturating_add(1));
        if frame.has_holes {
            return None;
        }
        if question == Question::Nobody {
            self.inputs.push(frame);
            self.inputs.forget_target();
            return None;
        }
        let Seen { expression, identity } = self.inputs.push(frame)?;
        if question == Question::Nothing {
            return None;
        }
        let errors = self.auth.network.ask(&identity?.view().into_dyn(), counts)?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "what overflows is counted as infinite"
        )]
        let stranger = self.auth.calibration.score(&errors) as f32;
        let faces = self.faces.as_mut().filter(|_| question == Question::IdentityAndExpression);
        let input = expression.view().into_dyn();
        let expression = faces.and_then(|faces| faces.ask(&input, self.routing, counts));
        Some(RadarScores { stranger, expression })
    }

    /// Forgets earlier frames.
    pub fn restart(&mut self) {
        self.inputs.restart();
        self.expected = None;
    }
}

impl RadarFaces {
    /// Asks the gate, and the experts that `routing` wants.
    fn ask(
        &mut self,
        input: &ArrayRefD<f32>,
        routing: Routing,
        counts: &mut Counts,
    ) -> Option<RadarExpression> {
        let gate = self.gate.ask(input, counts)?;
        let wanted = routing.experts(gate);
        let experts = [&mut self.dynamic, &mut self.still];
        let mut said = [None; 2];
        for (((said, expert), wanted), temperature) in
            said.iter_mut().zip(experts).zip(wanted).zip(self.temperatures)
        {
            if wanted {
                *said = Some(softmax(expert.ask(input, counts)?, temperature));
            }
        }
        let [dynamic, still] = said;
        Some(RadarExpression { gate, dynamic, still })
    }
}
