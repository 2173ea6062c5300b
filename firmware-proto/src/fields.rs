//! Little-endian fields: a reader over a payload and the writer that frames as it goes.

use crate::auth::{Hasher, tag_of};
use crate::cobs::CobsWriter;
use crate::crc32c::Crc32c;
use crate::header::MAX_FRAME;
use crate::refusal::Refusal;

/// Reads fields from the front of a payload; what is left at the end is an unknown tail.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FieldReader<'a>(&'a [u8]);

impl<'a> FieldReader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next `len` bytes.
    pub(crate) fn slice(&mut self, len: usize) -> Result<&'a [u8], Refusal> {
        let (head, rest) = self.0.split_at_checked(len).ok_or(Refusal::Truncated)?;
        self.0 = rest;
        Ok(head)
    }

    /// The next `N` bytes.
    pub(crate) fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Refusal> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(Refusal::Truncated)?;
        self.0 = rest;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Refusal> {
        self.bytes::<1>().map(|[byte]| byte)
    }

    pub(crate) fn i8(&mut self) -> Result<i8, Refusal> {
        self.bytes().map(i8::from_le_bytes)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Refusal> {
        self.bytes().map(u16::from_le_bytes)
    }

    pub(crate) fn i16(&mut self) -> Result<i16, Refusal> {
        self.bytes().map(i16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Refusal> {
        self.bytes().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Refusal> {
        self.bytes().map(u64::from_le_bytes)
    }
}

/// Writes fields straight into COBS, keeping the CRC: a frame needs no second buffer.
#[derive(Debug)]
pub(crate) struct FieldWriter<'a> {
    cobs: CobsWriter<'a>,
    crc: Crc32c,
    body: usize,
    hasher: Option<Hasher>,
}

impl<'a> FieldWriter<'a> {
    /// Starts a frame at the front of `out`; with a hasher it gets a tag.
    pub(crate) fn new(out: &'a mut [u8], hasher: Option<Hasher>) -> Self {
        Self { cobs: CobsWriter::new(out), crc: Crc32c::new(), body: 0, hasher }
    }

    pub(crate) fn slice(&mut self, bytes: &[u8]) {
        if let Some(hasher) = &mut self.hasher {
            hasher.update(bytes);
        }
        self.crc.update(bytes);
        self.body += bytes.len();
        self.cobs.put(bytes);
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.slice(&[value]);
    }

    pub(crate) fn i8(&mut self, value: i8) {
        self.slice(&value.to_le_bytes());
    }

    pub(crate) fn u16(&mut self, value: u16) {
        self.slice(&value.to_le_bytes());
    }

    pub(crate) fn i16(&mut self, value: i16) {
        self.slice(&value.to_le_bytes());
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.slice(&value.to_le_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.slice(&value.to_le_bytes());
    }

    /// A 16-bit length and that many bytes; what a length cannot count makes the frame too long.
    pub(crate) fn u16_prefixed(&mut self, bytes: &[u8]) {
        self.u16(u16::try_from(bytes.len()).unwrap_or(u16::MAX));
        self.slice(bytes);
    }

    /// Appends tag (when signing) and CRC and closes the frame. Bytes used on the wire, or `None`
    /// when the frame is above [`MAX_FRAME`] or `out` was too small.
    pub(crate) fn finish(mut self) -> Option<usize> {
        if let Some(hasher) = self.hasher.take() {
            self.slice(&tag_of(&hasher));
        }
        let crc = self.crc.value();
        self.u32(crc);
        if self.body > MAX_FRAME { None } else { self.cobs.finish() }
    }
}
