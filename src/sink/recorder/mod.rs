//! Recording while the pipeline runs: a thread that writes MCAP files and is never waited for.
//!
//! ```text
//! Recorder -> queue (64 MiB, newest dropped) -> archive (files, caps, a disk that fails) -> folder
//! ```
//!
//! A chunk is closed and handed to the disk (`fdatasync`) twice a second, so that a crash of the
//! program or of the machine loses less than a second. Whatever is lost is counted
//! ([`Recorder::counts`]), said in the recording, and seen in the numbers of the inputs.

mod archive;
mod config;
mod names;
mod queue;
mod seal;
mod volume;

#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use ndarray::ArrayRef3;

use crate::data::{Counts, Input};
use crate::recording::{Label, Opening, Packed};
use crate::units::{HostClock, Micros, Stamp};

pub use config::Config;

use super::Envelope;
use archive::Archive;
use queue::{Next, Queue};
use volume::Folder;

/// The writer looks after the disk this often when nothing comes.
const GLANCE: Duration = Duration::from_millis(500);

/// Time between two pictures of a map.
const PREVIEW_PERIOD: Micros = Micros::from_millis(500);

/// The pipeline's end of a recording.
#[derive(Debug)]
pub struct Recorder {
    queue: Arc<Queue>,
    thread: JoinHandle<u32>,
    unix_offset: Micros,
    previewed: Cell<Option<Stamp<HostClock>>>,
}

impl Recorder {
    /// Starts to record into the folder of `config`.
    ///
    /// # Errors
    /// When the thread cannot be started, or there is a key that cannot be used. A disk that fails is tried again and ends nothing.
    pub fn start(config: &Config, opening: Opening) -> io::Result<Self> {
        let recipient = config.recipient().map_err(|(_, problem)| io::Error::other(problem))?;
        let folder = Folder::new(&config.folder, recipient);
        let unix_offset = Micros(opening.unix_offset_us);
        let archive = Archive::new(folder, config.clone(), opening);
        let queue = Arc::new(Queue::default());
        let thread = std::thread::Builder::new().name("record".into()).spawn({
            let queue = Arc::clone(&queue);
            move || write(archive, &queue)
        })?;
        Ok(Self { queue, thread, unix_offset, previewed: Cell::new(None) })
    }

    /// Records what the pipeline is about to be told, now `now`: input `number` of its run, from 0.
    pub fn input(&self, number: u64, input: &Input, now: Stamp<HostClock>) {
        self.queue.put(Packed::input(number, input, self.unix(now)));
    }

    /// Records what is published.
    ///
    /// # Errors
    /// Never for the payloads of this crate; the type system does not know that.
    pub fn published(&self, envelope: &Envelope) -> Result<(), super::EncodeError> {
        let published = Stamp::from_micros(envelope.header.published_us);
        let line = envelope.to_json_line()?;
        self.queue.put(Packed::published(&envelope.topic, line, self.unix(published)));
        Ok(())
    }

    /// True twice a second: it is time for pictures of the maps.
    pub fn wants_preview(&self, now: Stamp<HostClock>) -> bool {
        let due = self.previewed.get().is_none_or(|last| now - last >= PREVIEW_PERIOD);
        if due {
            self.previewed.set(Some(now));
        }
        due
    }

    /// Records a picture of `map[rx, range_bin, doppler_bin]` of radar `source`.
    pub fn preview(&self, source: usize, map: &ArrayRef3<f32>, now: Stamp<HostClock>) {
        self.queue.put(Packed::preview(source, map, self.unix(now)));
    }

    /// Records which expression was posed.
    pub fn label(&self, label: &Label, now: Stamp<HostClock>) {
        self.queue.put(Packed::label(label, self.unix(now)));
    }

    /// Entries lost so far, by reason: `record-queue-full`, `record-failed`.
    #[must_use]
    pub fn counts(&self) -> Counts {
        losses(&self.queue)
    }

    /// Bytes that wait for the writer, and how many may.
    #[must_use]
    pub fn waiting(&self) -> (usize, usize) {
        (self.queue.bytes(), queue::MOST)
    }

    /// Writes what waits and ends the file. Gives everything that was lost, and the number of the
    /// part that would have come next.
    #[must_use]
    pub fn finish(self) -> (Counts, u32) {
        self.queue.close();
        let part = self.thread.join().unwrap_or_else(|_| {
            tracing::error!("the recorder panicked");
            0
        });
        (losses(&self.queue), part)
    }

    const fn unix(&self, now: Stamp<HostClock>) -> i64 {
        now.as_micros().saturating_add(self.unix_offset.0)
    }
}

fn losses(queue: &Queue) -> Counts {
    let (dropped, failed) = queue.losses();
    let mut counts = Counts::default();
    counts.add(queue::FULL, dropped);
    counts.add(archive::FAILED, failed);
    counts
}

/// The thread; gives the number of the part that would come next.
fn write(mut archive: Archive<Folder>, queue: &Queue) -> u32 {
    loop {
        match queue.next(GLANCE) {
            Next::Entry(entry) => archive.take(&entry),
            Next::Idle => archive.idle(),
            Next::Close => {
                archive.finish();
                queue.fail(archive.lost());
                return archive.next_part();
            }
        }
        queue.fail(archive.lost());
    }
}
