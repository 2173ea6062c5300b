//! The handshake: who is there, since when, and which protocol it speaks.

use crate::fields::{FieldReader, FieldWriter};
use crate::refusal::Refusal;

/// What a device can do, one bit each in [`Hello::capabilities`].
pub mod capability {
    /// Sends radar slices.
    pub const RADAR: u32 = 1;
    /// Sends event blocks.
    pub const EVENTS: u32 = 1 << 1;
    /// Can pack samples in 12 bits.
    pub const RAW12: u32 = 1 << 2;
    /// Can send samples as 16-bit words.
    pub const U16: u32 = 1 << 3;
    /// Can compress samples.
    pub const DELTA_RICE: u32 = 1 << 4;
    /// Can sign its frames.
    pub const AUTH: u32 = 1 << 5;
    /// Applies a configuration the host sends.
    pub const CONFIG: u32 = 1 << 6;
}

/// The device introduces itself: once after start, and in answer to every [`HelloRequest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hello {
    /// Protocol version, major and minor.
    pub version: (u8, u8),
    /// Largest frame the device can receive, before COBS, in bytes.
    pub max_frame: u16,
    /// CRC-32C of `schema.txt`.
    pub schema_hash: u32,
    /// Bits of [`capability`].
    pub capabilities: u32,
    /// Firmware version: major, minor, patch.
    pub firmware: (u16, u16, u16),
    /// Serial number of the board.
    pub board_id: u64,
    /// Random, new at every start: a restart must not look like a gap.
    pub boot_id: u64,
    /// The nonce of the request answered; zeros when nobody asked.
    pub nonce: [u8; 16],
}

impl Hello {
    /// Where the boot id stands in the payload, by `schema.txt`.
    #[cfg(feature = "auth")]
    const BOOT_ID_AT: usize = 28;

    /// The boot id of an unread payload: the key is derived from it before the tag is checked.
    #[cfg(feature = "auth")]
    pub(crate) fn boot_id_of(payload: &[u8]) -> Option<u64> {
        payload.get(Self::BOOT_ID_AT..)?.first_chunk().copied().map(u64::from_le_bytes)
    }

    pub(super) fn read(fields: &mut FieldReader<'_>) -> Result<Self, Refusal> {
        let version = (fields.u8()?, fields.u8()?);
        let max_frame = fields.u16()?;
        let schema_hash = fields.u32()?;
        let capabilities = fields.u32()?;
        let firmware = (fields.u16()?, fields.u16()?, fields.u16()?);
        fields.u16()?; // reserved
        Ok(Self {
            version,
            max_frame,
            schema_hash,
            capabilities,
            firmware,
            board_id: fields.u64()?,
            boot_id: fields.u64()?,
            nonce: fields.bytes()?,
        })
    }

    pub(super) fn write(&self, fields: &mut FieldWriter<'_>) {
        fields.u8(self.version.0);
        fields.u8(self.version.1);
        fields.u16(self.max_frame);
        fields.u32(self.schema_hash);
        fields.u32(self.capabilities);
        fields.u16(self.firmware.0);
        fields.u16(self.firmware.1);
        fields.u16(self.firmware.2);
        fields.u16(0);
        fields.u64(self.board_id);
        fields.u64(self.boot_id);
        fields.slice(&self.nonce);
    }
}

/// The host asks the device to introduce itself; the device starts streaming after its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HelloRequest {
    /// Random and new in every request; also part of the session key.
    pub nonce: [u8; 16],
    /// Protocol version of the host, major and minor.
    pub version: (u8, u8),
    /// Largest frame the host can receive, before COBS, in bytes.
    pub max_frame: u16,
}

impl HelloRequest {
    pub(super) fn read(fields: &mut FieldReader<'_>) -> Result<Self, Refusal> {
        Ok(Self {
            nonce: fields.bytes()?,
            version: (fields.u8()?, fields.u8()?),
            max_frame: fields.u16()?,
        })
    }

    pub(super) fn write(&self, fields: &mut FieldWriter<'_>) {
        fields.slice(&self.nonce);
        fields.u8(self.version.0);
        fields.u8(self.version.1);
        fields.u16(self.max_frame);
    }
}
