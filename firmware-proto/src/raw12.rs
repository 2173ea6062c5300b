//! 12-bit packing in the byte order of the BGT60 FIFO: the MCU can pass SPI bytes through.
//!
//! `b0 = s0[11:4]`, `b1 = s0[3:0] << 4 | s1[11:8]`, `b2 = s1[7:0]` (BGT60TR13C datasheet V2.4.9,
//! FIFO chapter). A last lone sample takes two bytes, its low nibble zero.

use crate::samples::SampleError;

/// Largest sample that fits.
pub const MAX_SAMPLE: u16 = 0x0FFF;

/// Bytes that `samples` samples take.
#[must_use]
pub const fn packed_len(samples: usize) -> usize {
    samples / 2 * 3 + samples % 2 * 2
}

/// Packs `samples` to the front of `out`: bytes used, or `None` when `out` is too small.
/// Bits above the twelfth are dropped.
#[must_use]
pub fn encode(samples: &[u16], out: &mut [u8]) -> Option<usize> {
    let used = packed_len(samples.len());
    let out = out.get_mut(..used)?;
    let (triples, rest) = out.as_chunks_mut::<3>();
    let (pairs, lone) = samples.as_chunks::<2>();
    for (triple, &[first, second]) in triples.iter_mut().zip(pairs) {
        let [first_low, first_high] = (first << 4).to_le_bytes();
        let [second_low, second_high] = (second & MAX_SAMPLE).to_le_bytes();
        *triple = [first_high, first_low | second_high, second_low];
    }
    for (place, byte) in rest.iter_mut().zip(lone.iter().flat_map(|s| (s << 4).to_be_bytes())) {
        *place = byte;
    }
    Some(used)
}

/// Unpacks exactly `out.len()` samples.
///
/// # Errors
/// [`SampleError::Damaged`] when `data` is not [`packed_len`] bytes long.
pub fn decode(data: &[u8], out: &mut [u16]) -> Result<(), SampleError> {
    if data.len() != packed_len(out.len()) {
        return Err(SampleError::Damaged);
    }
    let (triples, rest) = data.as_chunks::<3>();
    let (pairs, lone) = out.as_chunks_mut::<2>();
    for (pair, &[b0, b1, b2]) in pairs.iter_mut().zip(triples) {
        *pair = [u16::from_be_bytes([b0, b1]) >> 4, u16::from_be_bytes([b1 & 0x0F, b2])];
    }
    if let ([last], &[b0, b1]) = (lone, rest) {
        *last = u16::from_be_bytes([b0, b1]) >> 4;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_lie_as_the_fifo_gives_them() {
        let mut out = [0; 5];
        assert_eq!(encode(&[0xABC, 0x123, 0xDEF], &mut out), Some(5));
        assert_eq!(out, [0xAB, 0xC1, 0x23, 0xDE, 0xF0]);
        let mut back = [0; 3];
        assert_eq!(decode(&out, &mut back), Ok(()));
        assert_eq!(back, [0xABC, 0x123, 0xDEF]);
    }

    #[test]
    fn a_wrong_length_is_damage() {
        assert_eq!(decode(&[0; 4], &mut [0; 2]), Err(SampleError::Damaged));
        assert_eq!(encode(&[1, 2], &mut [0; 2]), None);
    }
}
