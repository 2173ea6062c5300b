//! Saying aloud that a test did not run.

use std::io::Write;

/// Written past the test harness, which would swallow it; CI counts these lines.
#[expect(clippy::explicit_write, reason = "`eprintln!` is swallowed by the test harness")]
pub(crate) fn skipped(why: &str) {
    writeln!(std::io::stderr(), "skipped: {why}").unwrap();
}
