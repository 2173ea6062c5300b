//! Folders for tests.

use std::fs;
use std::path::PathBuf;

/// A folder that is removed when the test ends.
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    /// `name` tells tests of one process apart.
    pub(super) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("visaged-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder left behind in the temporary folder harms nobody.
        drop(fs::remove_dir_all(&self.0));
    }
}
