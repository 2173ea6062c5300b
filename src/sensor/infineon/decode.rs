//! Bytes of one frame to samples.

use ndarray::Array3;

/// Decodes one frame of little-endian `u16` samples in C order.
///
/// Shapes: `bytes[rx, chirp, sample]` in, the same out; `dim` is `(rx, chirp, sample)`.
///
/// `None` if a sample is larger than `largest`, which must fit an `i16`, or if `bytes` is not
/// exactly one frame.
#[must_use]
pub fn frame(bytes: &[u8], dim: (usize, usize, usize), largest: i16) -> Option<Array3<i16>> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    // Values from 32768 turn negative here, so one comparison of each kind refuses them too.
    let samples: Vec<i16> = pairs.iter().map(|&pair| i16::from_le_bytes(pair)).collect();
    if samples.iter().any(|&sample| !(0..=largest).contains(&sample)) {
        return None;
    }
    Array3::from_shape_vec(dim, samples).ok()
}

/// Largest sample of an ADC with `bits` bits, at most 15.
#[must_use]
pub fn largest_sample(bits: u8) -> i16 {
    i16::MAX >> (15_u8.saturating_sub(bits)).min(15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_keep_the_order_rx_chirp_sample() {
        let bytes: Vec<u8> = (0..12_u16).flat_map(u16::to_le_bytes).collect();
        let frame = frame(&bytes, (2, 3, 2), 4095).unwrap();
        assert_eq!(frame[[0, 0, 1]], 1);
        assert_eq!(frame[[0, 2, 0]], 4);
        assert_eq!(frame[[1, 0, 0]], 6);
    }

    #[test]
    fn a_sample_above_the_adc_range_refuses_the_frame() {
        for (value, good) in [(4095, true), (4096, false), (0x8000, false), (u16::MAX, false)] {
            let bytes: Vec<u8> = [0, value].into_iter().flat_map(u16::to_le_bytes).collect();
            assert_eq!(frame(&bytes, (1, 1, 2), 4095).is_some(), good, "{value}");
        }
    }

    #[test]
    fn a_frame_of_the_wrong_length_is_refused() {
        assert_eq!(frame(&[0; 5], (1, 1, 2), 4095), None);
        assert_eq!(frame(&[0; 6], (1, 1, 2), 4095), None);
    }

    #[test]
    fn twelve_bits_reach_4095() {
        assert_eq!(largest_sample(12), 4095);
        assert_eq!(largest_sample(15), i16::MAX);
        assert_eq!(largest_sample(1), 1);
    }
}
