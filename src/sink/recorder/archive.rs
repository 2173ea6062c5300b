//! Which file an entry goes to, and what happens when the disk does not want it. No thread, no
//! clock: time is that of the entries.

use std::io;

use crate::recording::{Loss, Opening, Packed, WriteError, Writer};

use super::Config;
use super::names;
use super::volume::Volume;

/// Entries wait no longer than this before they are on the disk, so that a crash loses less than a
/// second even if the disk takes half of it.
const FLUSH_PERIOD: i64 = 500_000;

/// How long the disk is left alone after it failed.
const RETRY_PERIOD: i64 = 5_000_000;

const MIB: u64 = 1 << 20;
const MINUTE: i64 = 60_000_000;

/// Entries lost because the disk failed.
pub(super) const FAILED: &str = "record-failed";

/// The files of a run.
pub(super) struct Archive<V: Volume> {
    volume: V,
    config: Config,
    opening: Opening,
    part: Option<Part<V::File>>,
    /// Entries lost in all.
    lost: u64,
    /// Those of them that no file speaks of yet.
    untold: u64,
    retry_at: i64,
    said: Option<String>,
}

/// The open file.
struct Part<F: io::Write> {
    name: String,
    writer: Writer<F>,
    began: i64,
    flushed: i64,
    /// Entries since the last flush: they are lost if the next one fails.
    loose: u64,
    /// Losses told since the last flush, which are then untold again.
    told: u64,
    /// True once something of it is on the disk.
    kept: bool,
}

/// Why recording stopped.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{free} MiB are free, `least-free-mib` keeps {least}")]
    NoRoom { free: u64, least: u32 },
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl<V: Volume> Archive<V> {
    pub(super) const fn new(volume: V, config: Config, opening: Opening) -> Self {
        let (part, said) = (None, None);
        Self { volume, config, opening, part, lost: 0, untold: 0, retry_at: i64::MIN, said }
    }

    /// Entries lost so far because the disk failed.
    pub(super) const fn lost(&self) -> u64 {
        self.lost
    }

    /// Number of the part that comes next.
    pub(super) const fn next_part(&self) -> u32 {
        self.opening.part
    }

    /// Takes an entry, or loses and counts it.
    pub(super) fn take(&mut self, entry: &Packed) {
        let now = entry.micros();
        if self.part.is_none() && now < self.retry_at {
            return self.lose(1);
        }
        match self.write(entry) {
            Ok(()) => {
                if let Some(problem) = self.said.take() {
                    tracing::info!(after = problem, "recording goes on");
                }
            }
            Err(failure) => {
                if self.part.is_none() {
                    self.lose(1); // it has not come as far as a file
                }
                self.stop(&failure, now);
            }
        }
    }

    fn write(&mut self, entry: &Packed) -> Result<(), Failure> {
        let now = entry.micros();
        if self.part.as_ref().is_some_and(|part| self.is_full(part, now)) {
            self.end()?;
        }
        if self.part.is_none() {
            self.begin(now)?;
        }
        let Some(part) = &mut self.part else { return Ok(()) };
        part.loose += 1;
        if self.untold > 0 {
            let loss = Loss { reason: FAILED.to_owned(), entries: self.untold };
            part.told += std::mem::take(&mut self.untold);
            part.writer.write(&Packed::loss(&loss, now))?;
        }
        part.writer.write(entry)?;
        if now.saturating_sub(part.flushed) >= FLUSH_PERIOD {
            self.flush(now)?;
        }
        Ok(())
    }

    fn is_full(&self, part: &Part<V::File>, now: i64) -> bool {
        part.writer.bytes() >= u64::from(self.config.file_mib) * MIB
            || now.saturating_sub(part.began) >= i64::from(self.config.file_minutes) * MINUTE
    }

    fn begin(&mut self, now: i64) -> Result<(), Failure> {
        self.prune(now)?;
        self.check_room()?;
        let taken = self.volume.list()?;
        let newest = taken.iter().filter_map(|kept| names::number(&kept.name)).max().unwrap_or(0);
        let sealed = self.config.recipient.is_some();
        let name = names::name(newest.saturating_add(1), now, sealed);
        let file = self.volume.create(&name)?;
        let writer = match Writer::start(file, &self.opening, now) {
            Ok(writer) => writer,
            Err(error) => {
                self.discard(&name);
                return Err(error.into());
            }
        };
        let (began, flushed) = (now, now);
        self.part = Some(Part { name, writer, began, flushed, loose: 0, told: 0, kept: false });
        self.opening.part += 1;
        self.flush(now)
    }

    /// Puts everything so far on the disk.
    fn flush(&mut self, now: i64) -> Result<(), Failure> {
        self.check_room()?;
        let Some(part) = &mut self.part else { return Ok(()) };
        let padding = self.volume.padding();
        if padding > 0 {
            part.writer.pad(padding)?;
        }
        part.writer.flush()?;
        self.volume.sync()?;
        (part.flushed, part.loose, part.told, part.kept) = (now, 0, 0, true);
        Ok(())
    }

    /// Puts everything so far on the disk although no entry came.
    pub(super) fn idle(&mut self) {
        let Some(part) = self.part.as_ref().filter(|part| part.loose > 0) else { return };
        let now = part.flushed;
        if let Err(failure) = self.flush(now) {
            self.stop(&failure, now);
        }
    }

    /// Ends the open file.
    pub(super) fn finish(&mut self) {
        if let Err(failure) = self.end() {
            tracing::error!("the end of the recording is lost: {failure}");
        }
    }

    fn end(&mut self) -> Result<(), Failure> {
        let Some(part) = self.part.take() else { return Ok(()) };
        let (loose, told) = (part.loose, part.told);
        let ended = part.writer.finish().map_err(Failure::from);
        let result = ended.and_then(|file| {
            self.volume.close(file)?;
            Ok(self.volume.sync()?)
        });
        if result.is_err() {
            self.lose(loose);
            self.untold += told;
        }
        result
    }

    fn stop(&mut self, failure: &Failure, now: i64) {
        if let Some(part) = self.part.take() {
            self.lose(part.loose);
            self.untold += part.told;
            drop(part.writer.abandon());
            if !part.kept {
                self.discard(&part.name);
            }
        }
        self.retry_at = now.saturating_add(RETRY_PERIOD);
        let problem = failure.to_string();
        // Said once: a disk that is full for a week is one line.
        if self.said.as_ref() != Some(&problem) {
            tracing::error!(
                "recording stops: {problem}; decisions go on, recording is tried again every 5 s"
            );
            self.said = Some(problem);
        }
    }

    const fn lose(&mut self, entries: u64) {
        self.lost += entries;
        self.untold += entries;
    }

    /// A disk that is full for a week must not fill with empty files.
    fn discard(&mut self, name: &str) {
        if let Err(error) = self.volume.remove(name) {
            tracing::warn!(file = name, "cannot delete an empty recording: {error}");
        }
    }

    fn check_room(&mut self) -> Result<(), Failure> {
        // A file system that does not say how full it is will say so by failing.
        let Ok(free) = self.volume.free() else { return Ok(()) };
        let (free, least) = (free / MIB, self.config.least_free_mib);
        if free < u64::from(least) {
            return Err(Failure::NoRoom { free, least });
        }
        Ok(())
    }

    /// Deletes what is too old, and the oldest of what is too much, but never what is open.
    fn prune(&mut self, now: i64) -> Result<(), Failure> {
        let mut kept = self.volume.list()?;
        kept.retain(|kept| names::number(&kept.name).is_some());
        kept.sort_by_key(|kept| names::number(&kept.name));
        let oldest = now.saturating_sub(i64::from(self.config.max_age_hours) * 60 * MINUTE);
        let mut total: u64 = kept.iter().map(|kept| kept.bytes).sum();
        // Room for the file that is about to begin.
        let most = u64::from(self.config.total_mib.saturating_sub(self.config.file_mib)) * MIB;
        for kept in kept {
            if kept.written < oldest || total > most {
                self.volume.remove(&kept.name)?;
                total -= kept.bytes;
                tracing::info!(file = kept.name, "deleted an old recording");
            }
        }
        Ok(())
    }
}
