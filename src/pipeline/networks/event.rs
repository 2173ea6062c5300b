//! The event network: from windows of events to probabilities.

use ndarray::Array4;

use super::asked::{Asked, softmax};
use crate::data::Counts;
use crate::data::message::ExpressionLabel;
use crate::data::score::EventScores;
use crate::dsp::event::Voxelized;
use crate::units::Micros;

/// The network that sees windows of an event camera.
pub struct EventNetwork {
    /// Logits in the order of [`ExpressionLabel::ALL`].
    pub(super) network: Asked<{ ExpressionLabel::COUNT }>,
    /// By which they are divided.
    pub(super) temperature: f64,
}

impl EventNetwork {
    /// What it says of one window; what cannot be used is counted and gives nothing.
    ///
    /// Shapes: `voxels[polarity 2, bin 16, row 112, column 112]`, as [`EventInputs`] hands them out.
    ///
    /// [`EventInputs`]: crate::pipeline::EventInputs
    pub fn run(
        &mut self,
        window: &Voxelized,
        voxels: &Array4<f32>,
        counts: &mut Counts,
    ) -> Option<EventScores> {
        if !window.complete {
            counts.add("event-window-incomplete", 1);
            return None;
        }
        let logits = self.network.ask(&voxels.view().into_dyn(), counts)?;
        let seconds = Micros(window.end - window.start).as_seconds();
        #[expect(clippy::cast_possible_truncation, reason = "a rate needs no more than 24 bits")]
        let rate_ev_s = (f64::from(window.events) / seconds) as f32;
        Some(EventScores { probabilities: softmax(logits, self.temperature), rate_ev_s })
    }
}
