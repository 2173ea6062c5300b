//! Frames to bytes, straight into the caller's buffer.

use crate::auth::{Hasher, Signer};
use crate::fields::FieldWriter;
use crate::header::{FLAG_AUTHENTICATED, Header, MAX_FRAME, MAX_WIRE};
use crate::messages::Message;

/// Why a frame could not be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncodeError {
    /// The frame is longer than [`MAX_FRAME`] or the buffer shorter than the frame;
    /// [`MAX_WIRE`] bytes always suffice for a legal frame.
    TooLong,
    /// Streams 16..=255 are reserved.
    ReservedStream,
}

impl core::fmt::Display for EncodeError {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::TooLong => write!(
                formatter,
                "frame above {MAX_FRAME} bytes, or buffer below its size; split the slice or give \
                 a buffer of {MAX_WIRE} bytes"
            ),
            Self::ReservedStream => formatter.write_str("stream above 15; those are reserved"),
        }
    }
}

impl core::error::Error for EncodeError {}

/// Writes one unauthenticated frame to the front of `out`: the bytes used.
///
/// # Errors
/// [`EncodeError::TooLong`] when it does not fit.
pub fn encode(
    header: &Header,
    message: &Message<'_>,
    out: &mut [u8],
) -> Result<usize, EncodeError> {
    write_frame(None, header, message, out)
}

/// Streams an [`Encoder`] numbers; the protocol reserves 16..=255.
const STREAMS: usize = 16;

/// Numbers the frames of each stream and signs them where a key is set.
#[derive(Debug, Clone, Default)]
pub struct Encoder {
    sequences: [u16; STREAMS],
    signer: Option<Signer>,
}

impl Encoder {
    /// An encoder whose streams all start at sequence 0.
    #[must_use]
    pub const fn new() -> Self {
        Self { sequences: [0; STREAMS], signer: None }
    }

    /// From here on every frame carries a tag; `None` turns tags off.
    #[cfg(feature = "auth")]
    pub fn sign_with(&mut self, signer: Option<Signer>) {
        self.signer = signer;
    }

    /// Writes the next frame of `stream` (0..=15) to `out`: bytes used.
    ///
    /// # Errors
    /// [`EncodeError::TooLong`] when it does not fit, [`EncodeError::ReservedStream`] for a higher
    /// stream; the sequence number is not used up then.
    pub fn encode(
        &mut self,
        stream: u8,
        time_us: u64,
        message: &Message<'_>,
        out: &mut [u8],
    ) -> Result<usize, EncodeError> {
        let next = self.sequences.get_mut(usize::from(stream));
        let next = next.ok_or(EncodeError::ReservedStream)?;
        let sequence = *next;
        let header = Header { flags: 0, stream, sequence, time_us };
        let used = write_frame(self.signer.as_ref().map(Signer::hasher), &header, message, out)?;
        *next = sequence.wrapping_add(1);
        Ok(used)
    }
}

fn write_frame(
    hasher: Option<Hasher>,
    header: &Header,
    message: &Message<'_>,
    out: &mut [u8],
) -> Result<usize, EncodeError> {
    let flags = if hasher.is_some() { FLAG_AUTHENTICATED } else { 0 };
    let mut writer = FieldWriter::new(out, hasher);
    header.write(message.kind(), flags, &mut writer);
    message.write(&mut writer);
    writer.finish().ok_or(EncodeError::TooLong)
}
