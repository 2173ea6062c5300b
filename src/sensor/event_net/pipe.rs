//! Standard input, or another reader without timeouts, read without waiting for it.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;

use super::source::News;
use crate::sensor::udp::WAIT;

/// Bytes read at a time.
const CHUNK: usize = 64 << 10;
/// Chunks that wait; then the writer at the other end waits, too, and nothing is lost.
const WAITING: usize = 2;

/// A reader behind a thread: reads of a pipe know no timeout. The thread ends with the reader, or
/// with the process.
pub(super) struct Pipe {
    /// Until the first read.
    reader: Option<Box<dyn Read + Send>>,
    chunks: Option<Receiver<io::Result<Vec<u8>>>>,
    /// The chunk that is being given out, and how much of it is gone.
    current: Vec<u8>,
    used: usize,
    fresh: bool,
}

impl core::fmt::Debug for Pipe {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Pipe").field("ahead", &(self.current.len() - self.used)).finish()
    }
}

impl Pipe {
    /// Reads nothing yet.
    pub(super) fn new(reader: impl Read + Send + 'static) -> Self {
        let reader: Box<dyn Read + Send> = Box::new(reader);
        Self { reader: Some(reader), chunks: None, current: Vec::new(), used: 0, fresh: true }
    }

    /// Takes what came into `buffer`.
    pub(super) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<News> {
        if let Some(reader) = self.reader.take() {
            self.chunks = Some(start(reader)?);
        }
        let Some(chunks) = &self.chunks else { return Ok(News::End) };
        if self.used == self.current.len() {
            match chunks.recv_timeout(WAIT) {
                Ok(chunk) => (self.current, self.used) = (chunk?, 0),
                Err(RecvTimeoutError::Timeout) => return Ok(News::Nothing),
                Err(RecvTimeoutError::Disconnected) => return Ok(News::End),
            }
        }
        let ahead = &self.current[self.used..];
        let length = ahead.len().min(buffer.len());
        buffer[..length].copy_from_slice(&ahead[..length]);
        self.used += length;
        Ok(News::Bytes { length, fresh: core::mem::replace(&mut self.fresh, false) })
    }
}

fn start(mut reader: Box<dyn Read + Send>) -> io::Result<Receiver<io::Result<Vec<u8>>>> {
    let (chunks, received) = sync_channel(WAITING);
    let read = move || {
        let mut buffer = vec![0; CHUNK];
        loop {
            let chunk = match reader.read(&mut buffer) {
                Ok(0) => return,
                Ok(length) => Ok(buffer[..length].to_vec()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
            if chunks.send(chunk).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().name("read-pipe".to_owned()).spawn(read)?;
    Ok(received)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_pipe_gives_what_was_written_then_nothing_then_its_end() {
        let (reader, mut writer) = io::pipe().unwrap();
        let mut pipe = Pipe::new(reader);
        let mut buffer = [0; 4];
        assert_eq!(pipe.receive(&mut buffer).unwrap(), News::Nothing);
        writer.write_all(b"events").unwrap();
        assert_eq!(pipe.receive(&mut buffer).unwrap(), News::Bytes { length: 4, fresh: true });
        assert_eq!(&buffer, b"even");
        assert_eq!(pipe.receive(&mut buffer).unwrap(), News::Bytes { length: 2, fresh: false });
        assert_eq!(pipe.receive(&mut buffer).unwrap(), News::Nothing);
        drop(writer);
        assert_eq!(pipe.receive(&mut buffer).unwrap(), News::End);
    }

    #[test]
    fn who_writes_faster_than_we_read_has_to_wait() {
        let (reader, writer) = io::pipe().unwrap();
        let mut pipe = Pipe::new(reader);
        let mut buffer = vec![0; CHUNK];
        assert_eq!(pipe.receive(&mut buffer[..1]).unwrap(), News::Nothing);
        let sent = thread::spawn(move || {
            let mut writer = writer;
            writer.write_all(&vec![7; 16 << 20])
        });
        let mut received = 0;
        loop {
            match pipe.receive(&mut buffer).unwrap() {
                News::Bytes { length, .. } => received += length,
                News::End => break,
                other => assert_eq!(other, News::Nothing),
            }
            // What waits, what is being read, what is being given out: never more.
            assert!(pipe.current.capacity() <= CHUNK);
        }
        sent.join().unwrap().unwrap();
        assert_eq!(received, 16 << 20);
    }
}
