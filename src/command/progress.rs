//! A progress bar on a terminal, for work that may take over a second.

use std::io::Write as _;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::sensor::Sensor;

/// Shows how much of a recording was read; draws nothing unless standard error is a terminal.
#[derive(Debug)]
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// A bar over the bytes of `sensor`, labelled `what`.
    pub(super) fn over(sensor: &dyn Sensor, what: &str) -> Self {
        Self::new(sensor.progress().total, what)
    }

    /// A bar over `bytes`, labelled `what`.
    pub(super) fn new(bytes: u64, what: &str) -> Self {
        let target = ProgressDrawTarget::stderr_with_hz(5);
        let bar = ProgressBar::with_draw_target(Some(bytes), target);
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
        self.set(sensor.progress().done);
    }

    /// Moves the bar to byte `done`.
    pub(super) fn set(&self, done: u64) {
        self.0.set_position(done);
    }
}

/// Counts a span down; draws nothing unless standard error is a terminal.
#[derive(Debug)]
pub(super) struct Countdown(ProgressBar);

impl Countdown {
    /// Nothing to show yet.
    pub(super) fn new() -> Self {
        let target = ProgressDrawTarget::stderr_with_hz(20);
        let bar = ProgressBar::with_draw_target(Some(0), target);
        if let Ok(style) = ProgressStyle::with_template("        {bar:40} {msg}") {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// Shows that `passed` of `whole` milliseconds of `what` are over.
    pub(super) fn show(&self, what: &str, passed: u64, whole: u64) {
        self.0.set_length(whole);
        self.0.set_message(what.to_owned());
        self.0.set_position(passed);
    }

    /// Prints a line on standard output, above the bar.
    pub(super) fn say(&self, line: &str) {
        // A closed terminal must not end what is being recorded.
        self.0.suspend(|| drop(writeln!(std::io::stdout(), "{line}")));
    }
}

impl Drop for Countdown {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
