//! What a command shows: a progress bar on a terminal, and its result.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar over `count` things; draws nothing unless standard error is a terminal.
pub(crate) fn bar(count: usize, what: &'static str) -> ProgressBar {
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    let bar = ProgressBar::with_draw_target(Some(count), ProgressDrawTarget::stderr_with_hz(5));
    if let Ok(style) = ProgressStyle::with_template("{msg} {bar:40} {pos}/{len} {elapsed} +{eta}") {
        bar.set_style(style);
    }
    bar.set_message(what);
    bar
}

/// Prints the result of a command, or where it is.
#[expect(clippy::print_stdout, reason = "the result of the command")]
pub(crate) fn say(text: &str) {
    print!("{text}");
}
