//! A recording read 64 KiB at a time, the first of them ahead of time to look at the header.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::sensor::{Error, Progress};

/// Bytes read, and decoded into one batch, at a time.
pub(crate) const CHUNK: usize = 64 * 1024;

/// The bytes of a file in chunks.
#[derive(Debug)]
pub(crate) struct Chunks {
    path: PathBuf,
    file: File,
    buffer: Vec<u8>,
    /// What of `buffer` was read but not given out yet.
    ahead: core::ops::Range<usize>,
    progress: Progress,
}

impl Chunks {
    /// Opens `path` and reads its first chunk.
    ///
    /// # Errors
    /// When the file cannot be opened or read.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let mut file = File::open(path).map_err(Error::io(path))?;
        let total = file.metadata().map_err(Error::io(path))?.len();
        let mut buffer = vec![0; CHUNK];
        let filled = fill(&mut file, &mut buffer).map_err(Error::io(path))?;
        let progress = Progress { done: 0, total };
        Ok(Self { path: path.to_owned(), file, buffer, ahead: 0..filled, progress })
    }

    /// What was read ahead and not skipped.
    pub(crate) fn ahead(&self) -> &[u8] {
        &self.buffer[self.ahead.clone()]
    }

    /// Leaves out the next `bytes` of what was read ahead.
    pub(crate) fn skip(&mut self, bytes: usize) {
        let skipped = bytes.min(self.ahead.len());
        self.ahead.start += skipped;
        self.progress.done += skipped as u64;
    }

    /// The next bytes, or `None` at the end of the file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn next(&mut self) -> Result<Option<&[u8]>, Error> {
        if self.ahead.is_empty() {
            let read = read_some(&mut self.file, &mut self.buffer);
            self.ahead = 0..read.map_err(Error::io(&self.path))?;
        }
        let chunk = core::mem::take(&mut self.ahead);
        self.progress.done += chunk.len() as u64;
        Ok((!chunk.is_empty()).then(|| &self.buffer[chunk]))
    }

    pub(crate) const fn progress(&self) -> Progress {
        self.progress
    }
}

/// Reads until `buffer` is full or the file ends.
fn fill(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match read_some(file, &mut buffer[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

/// Reads what is there, at least one byte unless the file ends: a pipe is not kept waiting.
fn read_some(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match file.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
