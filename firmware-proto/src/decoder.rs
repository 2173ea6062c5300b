//! Bytes to frames: cut anywhere, damaged anyhow, nothing lost in silence.

use crate::auth::Verifier;
use crate::cobs::CobsReader;
use crate::crc32c::crc32c;
use crate::fields::FieldReader;
use crate::header::{CRC_LEN, HEADER_LEN, Header, MAX_FRAME, TAG_LEN};
use crate::messages::Message;
use crate::refusal::{Counts, Refusal};

/// One accepted frame; borrows the decoder's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What stands in front of every payload.
    pub header: Header,
    /// The tag was checked against the configured key.
    pub authenticated: bool,
    /// What the frame says.
    pub message: Message<'a>,
}

/// Finds frames in a byte stream.
///
/// `N` is the largest frame before COBS it can hold. The daemon takes [`MAX_FRAME`]; a
/// microcontroller that only listens to host requests is served by 128.
#[derive(Debug, Clone)]
pub struct Decoder<const N: usize = MAX_FRAME> {
    cobs: CobsReader<N>,
    counts: Counts,
    verifier: Option<Verifier>,
}

impl<const N: usize> Default for Decoder<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Decoder<N> {
    /// An empty decoder; the first byte may lie anywhere in a frame.
    #[must_use]
    pub const fn new() -> Self {
        Self { cobs: CobsReader::new(), counts: Counts::new(), verifier: None }
    }

    /// From here on frames without a valid tag are refused.
    #[cfg(feature = "auth")]
    pub fn require_auth(&mut self, verifier: Verifier) {
        self.verifier = Some(verifier);
    }

    /// The verifier, to renew its nonce.
    #[cfg(feature = "auth")]
    pub const fn verifier(&mut self) -> Option<&mut Verifier> {
        self.verifier.as_mut()
    }

    /// Takes bytes from the front of `bytes` up to the end of one frame.
    ///
    /// Call it until it returns `None`: all bytes are taken then. A refused frame is counted and
    /// also told, so a caller may log its place.
    ///
    /// # Errors
    /// The reason the frame was refused; the decoder stands at the next frame already.
    pub fn push(&mut self, bytes: &mut &[u8]) -> Option<Result<Frame<'_>, Refusal>> {
        let found = self.cobs.push(bytes)?;
        let parsed = found.and_then(|len| parse(self.cobs.frame(len), self.verifier.as_mut()));
        match parsed {
            Ok(_) => self.counts.frames += 1,
            Err(why) => self.counts.refuse(why),
        }
        Some(parsed)
    }

    /// Forgets an unfinished frame, counted as truncated: call it when the port was lost.
    pub const fn reset(&mut self) {
        if self.cobs.is_open() {
            self.counts.refuse(Refusal::Truncated);
        }
        self.cobs.reset();
    }

    /// What was accepted and refused so far.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }
}

/// Checks one unstuffed frame: length, CRC, version, flags, tag, type, payload, in this order.
fn parse<'a>(frame: &'a [u8], verifier: Option<&mut Verifier>) -> Result<Frame<'a>, Refusal> {
    let (body, sum) = frame.split_last_chunk::<CRC_LEN>().ok_or(Refusal::Truncated)?;
    if body.len() < HEADER_LEN {
        return Err(Refusal::Truncated);
    }
    if crc32c(body) != u32::from_le_bytes(*sum) {
        return Err(Refusal::Crc);
    }
    let (header, kind, tagged) = Header::read(&mut FieldReader::new(body))?;
    let (signed, tag) = if tagged {
        let (signed, tag) = body.split_last_chunk::<TAG_LEN>().ok_or(Refusal::Truncated)?;
        (signed, Some(tag))
    } else {
        (body, None)
    };
    let payload = signed.get(HEADER_LEN..).ok_or(Refusal::Truncated)?;
    let mut authenticated = false;
    if let Some(verifier) = verifier {
        let tag = tag.ok_or(Refusal::Auth)?;
        if !verifier.accepts(&header, kind, signed, tag) {
            return Err(Refusal::Auth);
        }
        authenticated = true;
    }
    let message = Message::read(kind, payload)?;
    Ok(Frame { header, authenticated, message })
}
