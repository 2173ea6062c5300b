//! Where the shared recordings lie, and what to do when they do not.

use std::io::Write;
use std::path::{Path, PathBuf};

/// The file or folder `path` under the shared recordings, or `None`, said aloud, where it is absent.
pub fn shared(path: &str) -> Option<PathBuf> {
    let full = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(path);
    if full.exists() {
        return Some(full);
    }
    skipped(&format!("../shared/data/{path} is absent"));
    None
}

/// Says that a test did not run. Written past the test harness, which would swallow it; CI counts
/// these lines.
pub fn skipped(why: &str) {
    writeln!(std::io::stderr(), "skipped: {why}").unwrap();
}
