//! The fourteen bytes in front of every payload, and the limits of a frame.

use crate::fields::{FieldReader, FieldWriter};
use crate::refusal::Refusal;

/// First byte of every frame: magic `B` in the high nibble, major protocol version in the low one.
pub const MAGIC_VERSION: u8 = 0xB1;
/// Bytes of the header.
pub const HEADER_LEN: usize = 14;
/// Bytes of the CRC-32C at the end of every frame.
pub(crate) const CRC_LEN: usize = 4;
/// Bytes of the authenticity tag in front of the CRC, where [`FLAG_AUTHENTICATED`] is set.
pub const TAG_LEN: usize = 16;
/// Largest frame before COBS, header, tag and CRC included.
pub const MAX_FRAME: usize = 4096;
/// Largest frame on the wire: COBS adds one byte per 254 and one more, plus the two zeros.
pub const MAX_WIRE: usize = MAX_FRAME + MAX_FRAME.div_ceil(254) + 2;

/// Flag bit 7: a 16-byte keyed BLAKE3 tag stands between payload and CRC.
pub const FLAG_AUTHENTICATED: u8 = 0x80;
/// Flag bits a receiver must understand or discard the frame.
const INCOMPATIBLE: u8 = 0xF0;
/// Flag bits a receiver may ignore.
const COMPATIBLE: u8 = 0x0F;

/// What stands in front of every payload, except its type, which the message itself knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Header {
    /// Compatible flags, bits 3..0. None is defined yet: send 0, ignore what comes.
    pub flags: u8,
    /// Logical stream: 0 control, 1 radar, 2 events by convention.
    pub stream: u8,
    /// Counts the frames of this stream and direction, wrapping.
    pub sequence: u16,
    /// The sender's clock in microseconds since its start; never goes back within a stream.
    pub time_us: u64,
}

impl Header {
    /// Writes the header; `extra_flags` are the incompatible bits the encoder adds.
    pub(crate) fn write(&self, kind: u8, extra_flags: u8, writer: &mut FieldWriter<'_>) {
        writer.u8(MAGIC_VERSION);
        writer.u8((self.flags & COMPATIBLE) | extra_flags);
        writer.u8(kind);
        writer.u8(self.stream);
        writer.u16(self.sequence);
        writer.u64(self.time_us);
    }

    /// Reads header, type and whether a tag follows the payload.
    ///
    /// # Errors
    /// [`Refusal::Version`] for another magic or major version, [`Refusal::IncompatibleFlags`]
    /// for an unknown bit 7..4, [`Refusal::Truncated`] for too few bytes.
    pub(crate) fn read(fields: &mut FieldReader<'_>) -> Result<(Self, u8, bool), Refusal> {
        if fields.u8()? != MAGIC_VERSION {
            return Err(Refusal::Version);
        }
        let flags = fields.u8()?;
        if flags & INCOMPATIBLE & !FLAG_AUTHENTICATED != 0 {
            return Err(Refusal::IncompatibleFlags);
        }
        let kind = fields.u8()?;
        let header = Self {
            flags: flags & COMPATIBLE,
            stream: fields.u8()?,
            sequence: fields.u16()?,
            time_us: fields.u64()?,
        };
        Ok((header, kind, flags & FLAG_AUTHENTICATED != 0))
    }
}
