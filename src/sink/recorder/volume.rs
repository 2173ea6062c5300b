//! Where recordings lie: a folder, or in tests a disk that fails when it is told to.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::seal::{Output, Recipient};

/// What recordings need of a disk.
pub(super) trait Volume {
    /// An open file.
    type File: Write;

    /// A new file; one that exists is an error.
    ///
    /// # Errors
    /// When it cannot be made.
    fn create(&mut self, name: &str) -> io::Result<Self::File>;

    /// Ends a file.
    ///
    /// # Errors
    /// When the disk fails.
    fn close(&mut self, file: Self::File) -> io::Result<()>;

    /// Bytes to write in front of a sync, so that everything before them is in the file.
    fn padding(&self) -> usize;

    /// Everything written to the newest file is on the disk when this returns.
    ///
    /// # Errors
    /// When the disk fails.
    fn sync(&mut self) -> io::Result<()>;

    /// All files.
    ///
    /// # Errors
    /// When the folder cannot be read.
    fn list(&mut self) -> io::Result<Vec<Kept>>;

    /// Deletes a file.
    ///
    /// # Errors
    /// When it cannot be deleted.
    fn remove(&mut self, name: &str) -> io::Result<()>;

    /// Bytes that are free to us.
    ///
    /// # Errors
    /// When the system does not say.
    fn free(&mut self) -> io::Result<u64>;
}

/// A file in a volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    /// Its name.
    pub(super) name: String,
    /// Its length.
    pub(super) bytes: u64,
    /// Unix time of the last write, microseconds.
    pub(super) written: i64,
}

/// A folder that only its owner may enter.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    recipient: Option<Recipient>,
    newest: Option<File>,
}

impl Folder {
    /// The folder at `path`; if it is absent it is made with the first file.
    /// With a `recipient`, files are encrypted.
    pub(super) fn new(path: &Path, recipient: Option<Recipient>) -> Self {
        Self { path: path.to_owned(), recipient, newest: None }
    }
}

impl Volume for Folder {
    type File = Output;

    fn create(&mut self, name: &str) -> io::Result<Output> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.path)?;
        let path = self.path.join(name);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        self.newest = Some(file.try_clone()?);
        // Its name must outlive a power cut, too.
        File::open(&self.path)?.sync_all()?;
        Output::new(file, self.recipient.as_ref())
    }

    fn close(&mut self, file: Output) -> io::Result<()> {
        file.close()
    }

    fn padding(&self) -> usize {
        Output::padding(self.recipient.as_ref())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.newest.as_ref().map_or(Ok(()), File::sync_data)
    }

    fn list(&mut self) -> io::Result<Vec<Kept>> {
        let mut kept = Vec::new();
        let entries = match fs::read_dir(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(kept),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let (Ok(name), Ok(about)) = (entry.file_name().into_string(), entry.metadata()) else {
                continue; // not ours, or gone meanwhile
            };
            let written = about.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
            let written = i64::try_from(written.as_micros()).unwrap_or(i64::MAX);
            kept.push(Kept { name, bytes: about.len(), written });
        }
        Ok(kept)
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn free(&mut self) -> io::Result<u64> {
        let about = rustix::fs::statvfs(&self.path)?;
        Ok(about.f_bavail.saturating_mul(about.f_frsize))
    }
}
