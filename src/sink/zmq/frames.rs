//! Frames from an asynchronous reader.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::zmtp::{Bad, Frame, FrameDecoder};

/// Why no frame came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoFrame {
    /// The connection ended.
    Gone,
    /// What came is refused.
    Bad(Bad),
}

/// Reads frames, with one buffer of a fixed size.
#[derive(Debug)]
pub(super) struct FrameReader<R> {
    reader: R,
    decoder: FrameDecoder,
    buffer: Box<[u8]>,
    /// The part of `buffer` that was read but not yet decoded.
    start: usize,
    end: usize,
    pace: Pace,
    /// Reads since the last rest.
    reads: u32,
}

/// How much may be read before a rest.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Bytes at a time.
    pub(super) buffer: usize,
    /// Reads before a rest.
    pub(super) reads: u32,
    /// How long a rest is.
    pub(super) rest: Duration,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// Refuses frames above `limit` bytes.
    pub(super) fn new(reader: R, pace: Pace, limit: usize) -> Self {
        Self {
            reader,
            decoder: FrameDecoder::new(limit),
            buffer: vec![0; pace.buffer].into(),
            start: 0,
            end: 0,
            pace,
            reads: 0,
        }
    }

    /// The next frame. Nothing is lost when the future is dropped and asked for again.
    pub(super) async fn frame(&mut self) -> Result<Frame, NoFrame> {
        loop {
            let mut input = &self.buffer[self.start..self.end];
            let frame = self.decoder.decode(&mut input).map_err(NoFrame::Bad)?;
            self.start = self.end - input.len();
            if let Some(frame) = frame {
                return Ok(frame);
            }
            if self.reads >= self.pace.reads {
                tokio::time::sleep(self.pace.rest).await;
                self.reads = 0;
            }
            match self.reader.read(&mut self.buffer).await {
                Ok(0) | Err(_) => return Err(NoFrame::Gone),
                Ok(n) => (self.start, self.end, self.reads) = (0, n, self.reads.saturating_add(1)),
            }
        }
    }
}
