//! Packet bodies: none, LZ4 or Zstandard frames, decompressed into memory that is kept.

use std::io::Read;

use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

use super::lz4;

/// Most bytes of a decompressed body: four million events, 0.05 s of the fastest camera there is.
/// A body that grows beyond is refused, so that a few bytes cannot fill the memory.
pub const LARGEST_BODY: usize = 64 << 20;

/// How packet bodies are compressed. The HIGH variants are read like their siblings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// LZ4 frames.
    Lz4,
    /// LZ4 frames, written with more effort.
    Lz4High,
    /// Zstandard frames.
    Zstd,
    /// Zstandard frames, written with more effort.
    ZstdHigh,
}

impl Compression {
    /// From the number in the header.
    #[must_use]
    pub const fn from_code(code: i32) -> Option<Self> {
        match code {
            0 => Some(Self::None),
            1 => Some(Self::Lz4),
            2 => Some(Self::Lz4High),
            3 => Some(Self::Zstd),
            4 => Some(Self::ZstdHigh),
            _ => None,
        }
    }

    /// As the makers call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Lz4 => "LZ4",
            Self::Lz4High => "LZ4_HIGH",
            Self::Zstd => "ZSTD",
            Self::ZstdHigh => "ZSTD_HIGH",
        }
    }

    /// The first bytes of every body of `size` bytes: the magic number of the frame, or without
    /// compression the size prefix of the `FlatBuffer`.
    #[must_use]
    pub const fn first_bytes(self, size: u32) -> [u8; 4] {
        match self {
            Self::None => size.saturating_sub(4).to_le_bytes(),
            Self::Lz4 | Self::Lz4High => lz4::MAGIC,
            Self::Zstd | Self::ZstdHigh => [0x28, 0xB5, 0x2F, 0xFD],
        }
    }
}

/// Why a body was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The frame breaks its format or its checksum.
    Corrupt,
    /// The content exceeds [`LARGEST_BODY`].
    TooLarge,
}

/// A decompressed body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Body<'a> {
    /// The content.
    pub bytes: &'a [u8],
    /// Bytes of the packet that it came from; the rest does not belong to it.
    pub used: usize,
}

/// Decompresses bodies one after another; its memory grows to the largest and is kept.
pub struct Inflater {
    out: Vec<u8>,
    zstd: FrameDecoder,
}

impl core::fmt::Debug for Inflater {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Inflater").field("capacity", &self.out.capacity()).finish_non_exhaustive()
    }
}

impl Default for Inflater {
    fn default() -> Self {
        let mut zstd = FrameDecoder::new();
        zstd.set_max_window_size(LARGEST_BODY as u64);
        Self { out: Vec::new(), zstd }
    }
}

impl Inflater {
    /// Decompresses one body of a packet.
    ///
    /// # Errors
    /// When it is corrupt or grows too large.
    pub fn inflate<'a>(
        &'a mut self,
        compression: Compression,
        packet: &'a [u8],
    ) -> Result<Body<'a>, Refused> {
        match compression {
            Compression::None => Ok(Body { bytes: packet, used: packet.len() }),
            Compression::Lz4 | Compression::Lz4High => {
                let frame = lz4::frame(packet, &mut self.out, LARGEST_BODY)?;
                let bytes = self.out.get(..frame.length).unwrap_or_default();
                Ok(Body { bytes, used: frame.used })
            }
            Compression::Zstd | Compression::ZstdHigh => self.zstd(packet),
        }
    }

    fn zstd<'a>(&'a mut self, packet: &[u8]) -> Result<Body<'a>, Refused> {
        let Self { out, zstd } = self;
        let mut rest = packet;
        let stream =
            StreamingDecoder::new_with_decoder(&mut rest, zstd).or(Err(Refused::Corrupt))?;
        out.clear();
        let mut limited = stream.take(LARGEST_BODY as u64 + 1);
        limited.read_to_end(out).or(Err(Refused::Corrupt))?;
        if out.len() > LARGEST_BODY {
            return Err(Refused::TooLarge);
        }
        let decoder = limited.into_inner().into_frame_decoder();
        let stated = decoder.get_checksum_from_data();
        if stated.is_some() && stated != decoder.get_calculated_checksum() {
            return Err(Refused::Corrupt);
        }
        Ok(Body { bytes: out, used: packet.len() - rest.len() })
    }
}
