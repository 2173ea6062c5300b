//! A progress bar on a terminal, for work that may take over a second.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::sensor::Sensor;

/// Shows how much of a recording was read; draws nothing unless standard error is a terminal.
#[derive(Debug)]
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// A bar over the bytes of `sensor`, labelled `what`.
    pub(super) fn over(sensor: &dyn Sensor, what: &str) -> Self {
        let bar = ProgressBar::with_draw_target(
            Some(sensor.progress().total),
            ProgressDrawTarget::stderr_with_hz(5),
        );
        if let Ok(style) =
            ProgressStyle::with_template("{msg} {bar:40} {bytes}/{total_bytes} {eta}")
        {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        Self(bar)
    }

    /// Moves the bar to where `sensor` is.
    pub(super) fn show(&self, sensor: &dyn Sensor) {
        self.0.set_position(sensor.progress().done);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
