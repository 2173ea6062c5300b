//! A map as a small grey picture that viewers show: PNG in base64 in JSON.

use ndarray::{ArrayRef3, Axis};

/// Magnitudes this far below the strongest are black.
const RANGE_DB: f32 = 60.0;

/// `map[rx, range_bin, doppler_bin]` in shades of grey, row by row from the top, mean over antennas:
/// near at the bottom, approaching on the left, the strongest cell white and everything 60 dB below
/// it black.
#[must_use]
pub fn grey(map: &ArrayRef3<f32>) -> Vec<u8> {
    let sum = map.sum_axis(Axis(0));
    let strongest = sum.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
    let lines = sum.rows().into_iter().rev();
    lines.flatten().map(|&magnitude| level(magnitude / strongest)).collect()
}

/// The bytes of a PNG of [`grey`].
#[must_use]
pub fn picture(map: &ArrayRef3<f32>) -> Vec<u8> {
    let (_, ranges, dopplers) = map.dim();
    let mut rows = Vec::with_capacity(ranges * (dopplers + 1));
    for line in grey(map).chunks_exact(dopplers.max(1)) {
        rows.push(0); // this row is not filtered
        rows.extend(line);
    }
    png(dopplers, ranges, &rows)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped; `as` takes NaN to 0"
)]
fn level(share: f32) -> u8 {
    let db = 20.0 * share.log10();
    ((db / RANGE_DB + 1.0) * 255.0).round().clamp(0.0, 255.0) as u8
}

/// `foxglove.CompressedImage` as JSON, taken at the Unix time `micros`.
pub(super) fn compressed_image(map: &ArrayRef3<f32>, micros: i64) -> String {
    serde_json::json!({
        "timestamp": {
            "sec": micros.div_euclid(1_000_000),
            "nsec": micros.rem_euclid(1_000_000) * 1_000,
        },
        "frame_id": "radar",
        "data": base64(&picture(map)),
        "format": "png",
    })
    .to_string()
}

/// An 8-bit grey PNG; `rows` holds a filter byte before the pixels of each row. The pixels are
/// stored, not compressed: a map of 64 x 65 cells has 4 KiB.
fn png(width: usize, height: usize, rows: &[u8]) -> Vec<u8> {
    let mut header = Vec::new();
    for side in [width, height] {
        header.extend(u32::try_from(side).unwrap_or(u32::MAX).to_be_bytes());
    }
    header.extend([8, 0, 0, 0, 0]); // bits, grey, and the only methods there are
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(*b"IHDR", &header, &mut bytes);
    chunk(*b"IDAT", &stored(rows), &mut bytes);
    chunk(*b"IEND", &[], &mut bytes);
    bytes
}

fn chunk(kind: [u8; 4], data: &[u8], out: &mut Vec<u8>) {
    out.extend(u32::try_from(data.len()).unwrap_or(u32::MAX).to_be_bytes());
    let start = out.len();
    out.extend(kind);
    out.extend(data);
    out.extend(crc32(&out[start..]).to_be_bytes());
}

/// A zlib stream (RFC 1950) of stored blocks (RFC 1951, 3.2.4).
fn stored(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x78, 0x01];
    let mut blocks = data.chunks(usize::from(u16::MAX)).peekable();
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        out.push(blocks.peek().is_none().into());
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(block);
    }
    let (mut a, mut b) = (1_u32, 0_u32);
    for &byte in data {
        a = (a + u32::from(byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    out.extend((b << 16 | a).to_be_bytes());
    out
}

/// CRC-32 of PNG (ISO 3309).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 }
        })
    })
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let word = group.iter().fold(0_u32, |word, &byte| word << 8 | u32::from(byte));
        let word = word << (8 * (3 - group.len()));
        for digit in 0..4 {
            if digit > group.len() {
                text.push('=');
            } else {
                let at = word >> (18 - 6 * digit) & 63;
                text.push(DIGITS[at as usize].into());
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::*;

    /// Test vectors of RFC 4648, section 10.
    #[test]
    fn base64_is_that_of_the_standard() {
        for (plain, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(plain.as_bytes()), text);
        }
    }

    /// Check values: CRC-32 of "123456789" (ISO 3309), Adler-32 of "Wikipedia".
    #[test]
    fn the_checksums_are_those_of_the_standards() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert!(stored(b"Wikipedia").ends_with(&0x11E6_0398_u32.to_be_bytes()));
    }

    #[test]
    fn the_strongest_cell_is_white_and_near_is_at_the_bottom() {
        let mut map = Array3::from_elem((2, 3, 4), 1e-9);
        map[[0, 0, 1]] = 1.0;
        map[[1, 2, 3]] = 0.1;
        let png = picture(&map);
        let rows = [[0, 0, 0, 0, 170], [0, 0, 0, 0, 0], [0, 0, 255, 0, 0]].concat();
        assert!(png.windows(rows.len()).any(|window| window == rows), "{png:?}");
    }
}
