//! LZ4 frames, as recordings have them: straight from block to kept memory.
//!
//! `lz4_flex` reads frames through buffers of its own that are allocated and cleared for each
//! frame, which costs more than decompressing the few blocks of a packet. So the frame, a few
//! lengths, is read here and only its blocks are left to the crate. Frames with checksums or a
//! stated size, which no recorder writes, take the crate's reader.
//!
//! Source: <https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md>, version 1.6.4.

use std::io::Read;

use lz4_flex::block::{decompress_into, decompress_into_with_dict};

use super::compression::Refused;

/// The first bytes of a frame.
pub(super) const MAGIC: [u8; 4] = [0x04, 0x22, 0x4D, 0x18];
/// Magic, flags, block size, header checksum.
const HEADER: usize = 7;
/// Version 1, and neither checksums, nor a stated size, nor a dictionary.
const PLAIN: u8 = 0b0100_0000;
/// The flag left open: whether blocks refer to the ones before. Both kinds are read alike.
const INDEPENDENT: u8 = 0b0010_0000;
/// How far back a block may refer.
const WINDOW: usize = 64 << 10;
/// Bit of a block's length that says that the block is not compressed.
const STORED: u32 = 1 << 31;

/// A frame that was decompressed to the front of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    /// Bytes of the output.
    pub(super) length: usize,
    /// Bytes of the input.
    pub(super) used: usize,
}

/// Decompresses the frame at the front of `input` to the front of `out`, which only ever grows.
pub(super) fn frame(input: &[u8], out: &mut Vec<u8>, limit: usize) -> Result<Frame, Refused> {
    let Some(&[a, b, c, d, flags, sizes, _]) = input.first_chunk::<HEADER>() else {
        return Err(Refused::Corrupt);
    };
    if [a, b, c, d] != MAGIC {
        return Err(Refused::Corrupt);
    }
    if flags & !INDEPENDENT != PLAIN {
        return with_checksums(input, out, limit);
    }
    // 4 to 7: 64 KiB, 256 KiB, 1 MiB, 4 MiB.
    let block_size = match sizes >> 4 {
        code @ 4..=7 => 1_usize << (8 + 2 * code),
        _ => return Err(Refused::Corrupt),
    };
    blocks(input, out, block_size, limit)
}

fn blocks(
    input: &[u8],
    out: &mut Vec<u8>,
    block_size: usize,
    limit: usize,
) -> Result<Frame, Refused> {
    let (mut used, mut length) = (HEADER, 0_usize);
    loop {
        let rest = input.get(used..).unwrap_or_default();
        let Some((&size, rest)) = rest.split_first_chunk() else { return Err(Refused::Corrupt) };
        let size = u32::from_le_bytes(size);
        used += 4;
        if size == 0 {
            return Ok(Frame { length, used });
        }
        let block = usize::try_from(size & !STORED).ok().and_then(|size| rest.get(..size));
        let block = block.ok_or(Refused::Corrupt)?;
        if length > limit {
            return Err(Refused::TooLarge);
        }
        if out.len() < length + block_size {
            out.resize(length + block_size, 0);
        }
        let (before, room) = out.split_at_mut(length);
        let room = room.get_mut(..block_size).ok_or(Refused::Corrupt)?;
        length += if size & STORED != 0 {
            room.get_mut(..block.len()).ok_or(Refused::Corrupt)?.copy_from_slice(block);
            block.len()
        } else if before.is_empty() {
            decompress_into(block, room).or(Err(Refused::Corrupt))?
        } else {
            let window = before.get(before.len().saturating_sub(WINDOW)..).unwrap_or_default();
            decompress_into_with_dict(block, room, window).or(Err(Refused::Corrupt))?
        };
        if length > limit {
            return Err(Refused::TooLarge);
        }
        used += block.len();
    }
}

/// The slow way, which checks the checksums.
fn with_checksums(input: &[u8], out: &mut Vec<u8>, limit: usize) -> Result<Frame, Refused> {
    out.clear();
    let mut rest = input;
    let decoder = lz4_flex::frame::FrameDecoder::new(&mut rest);
    let mut limited = decoder.take(limit as u64 + 1);
    limited.read_to_end(out).or(Err(Refused::Corrupt))?;
    if out.len() > limit {
        return Err(Refused::TooLarge);
    }
    Ok(Frame { length: out.len(), used: input.len() - rest.len() })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
    use proptest::prelude::*;

    use super::*;

    const LIMIT: usize = 1 << 20;

    fn compress(content: &[u8], info: FrameInfo) -> Vec<u8> {
        let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    /// 300,000 bytes that repeat at many distances.
    fn content() -> Vec<u8> {
        (0..300_000_u32).map(|n| (n.wrapping_mul(n) >> 7).to_le_bytes()[0]).collect()
    }

    fn plain() -> FrameInfo {
        FrameInfo::new().block_size(BlockSize::Max64KB)
    }

    #[test]
    fn every_kind_of_frame_comes_back() {
        let infos = [
            plain().block_mode(BlockMode::Linked),
            plain().block_mode(BlockMode::Independent),
            plain().block_size(BlockSize::Max4MB),
            plain().block_checksums(true),
            plain().content_checksum(true).content_size(Some(300_000)),
        ];
        let mut out = Vec::new();
        for (number, info) in infos.into_iter().enumerate() {
            let mut frame = compress(&content(), info);
            let used = frame.len();
            frame.extend_from_slice(b"not of this frame");
            let got = super::frame(&frame, &mut out, LIMIT).unwrap();
            assert_eq!(&out[..got.length], content(), "frame {number}");
            assert_eq!(got.used, used, "frame {number}");
        }
    }

    #[test]
    fn a_bomb_is_refused_before_it_fills_the_memory() {
        for info in [plain(), plain().content_checksum(true)] {
            let bomb = compress(&vec![0; 64 << 20], info);
            let mut out = Vec::new();
            assert_eq!(frame(&bomb, &mut out, LIMIT), Err(Refused::TooLarge));
            assert!(out.capacity() <= 4 * LIMIT, "{} bytes taken", out.capacity());
        }
    }

    #[test]
    fn a_frame_cut_anywhere_is_refused() {
        let frame = compress(&content()[..5000], plain());
        let mut out = Vec::new();
        for cut in 0..frame.len() {
            assert_eq!(
                super::frame(&frame[..cut], &mut out, LIMIT),
                Err(Refused::Corrupt),
                "{cut}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_damage_panics(at in 0_usize..2000, bit in 0_u8..8) {
            let mut frame = compress(&content()[..5000], plain());
            let at = at % frame.len();
            frame[at] ^= 1 << bit;
            if let Ok(got) = super::frame(&frame, &mut Vec::new(), LIMIT) {
                prop_assert!(got.used <= frame.len());
            }
        }
    }
}
