//! Lossless compression of radar chirps: predict, then Rice code what the prediction missed.
//!
//! A slice is a bit string, first bit highest, zero filled to a whole byte. For every chirp and
//! receiver it holds a *line*: 4 bits Rice parameter `k` (0..=11), 2 bits predictor, then one code
//! per sample. Arithmetic is modulo 4096, so any bit string gives legal 12-bit samples.
//!
//! A predictor is a reference and, for two of them, a carry: sample `x[i]` is predicted as the
//! reference `r[i]`, plus how far `x[i-1]` missed `r[i-1]` where the miss is carried.
//!
//! | code | reference | carry | in words |
//! |---|---|---|---|
//! | 0 | 2048 | yes | the sample before (2048 for the first) |
//! | 1 | same sample, chirp before | no | chirp-to-chirp difference |
//! | 2 | same sample, chirp before | yes | difference of the differences |
//! | 3 | mean of the last 1, 2 or 4 chirps of the slice | no | less noise than code 1 |
//!
//! Code of a residual `d` in -2048..=2047: `z = 2d` or `-2d - 1`, `q = z >> k`; for `q < 12`:
//! `q` zeros, a one, the low `k` bits of `z`; else 12 zeros and the 12 bits of `z`.
//!
//! A slice stands alone: losing one costs no other. The encoder needs no memory but the samples.
//! Rice and Plaunt (1971); choosing a predictor per line is what lossless audio coders do.

use crate::bits::{BitReader, BitWriter};
use crate::raw12::MAX_SAMPLE;
use crate::samples::{SampleError, Shape};

/// Quotients from here on are escaped.
const ESCAPE: u32 = 12;
/// Bits of an escaped residual.
const SAMPLE_BITS: u32 = 12;
/// Largest Rice parameter.
const MAX_PARAMETER: u32 = 11;
/// The reference where nothing is known: mid-scale.
const MIDDLE: u16 = 2048;
/// Bits in front of each line: parameter and predictor.
const LINE_HEADER_BITS: u32 = 6;

/// What the samples of a line are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reference {
    /// Mid-scale everywhere.
    Middle,
    /// The chirp before.
    Previous,
    /// The mean of the last four chirps; of two or one while the slice is younger.
    Mean,
}

/// The reference of a predictor code and whether its miss is carried on.
const PREDICTORS: [(Reference, bool); 4] = [
    (Reference::Middle, true),
    (Reference::Previous, false),
    (Reference::Previous, true),
    (Reference::Mean, false),
];

/// `value` modulo 4096, as -2048..=2047.
#[inline]
const fn wrapped(value: i32) -> i32 {
    (value << 20) >> 20
}

/// One pass over a line, beside its reference.
trait Pass {
    /// What the pass yields.
    type Output;

    /// Runs over the whole line; `reference` gives at least as many values as the line.
    fn run(self, reference: impl Iterator<Item = u16>) -> Self::Output;
}

/// Earlier chirps of the slice `[chirp, sample, rx]`, seen from one receiver.
#[derive(Debug, Clone, Copy)]
struct History<'a> {
    earlier: &'a [u16],
    chirp_len: usize,
    rx: usize,
    rx_count: usize,
}

impl<'a> History<'a> {
    /// This receiver's samples of the chirp `back` before the current one, if there was one.
    fn chirp(&self, back: usize) -> Option<impl Iterator<Item = u16> + use<'a>> {
        let start = self.earlier.len().checked_sub(back * self.chirp_len)?;
        let chirp = self.earlier.get(start..start + self.chirp_len)?;
        Some(line_of(chirp, self.rx, self.rx_count))
    }

    /// Runs `pass` beside `reference`; `None` when the slice is too young for it.
    fn compare<P: Pass>(&self, reference: Reference, pass: P) -> Option<P::Output> {
        let chirps = match reference {
            Reference::Middle => return Some(pass.run(core::iter::repeat(MIDDLE))),
            Reference::Previous => [self.chirp(1), None, None, None],
            Reference::Mean => [self.chirp(1), self.chirp(2), self.chirp(3), self.chirp(4)],
        };
        Some(match chirps {
            [Some(first), Some(second), Some(third), Some(fourth)] => {
                pass.run(first.zip(second).zip(third.zip(fourth)).map(|((a, b), (c, d))| {
                    (a + b + c + d + 2) >> 2 // four 12-bit samples fit 16 bits
                }))
            }
            [Some(first), Some(second), ..] => {
                pass.run(first.zip(second).map(|(a, b)| (a + b + 1) >> 1))
            }
            [Some(first), ..] => pass.run(first),
            _ => return None,
        })
    }
}

/// One receiver's samples of a chirp `[sample, rx]`.
#[inline]
fn line_of(chirp: &[u16], rx: usize, rx_count: usize) -> impl Iterator<Item = u16> + use<'_> {
    chirp.iter().skip(rx).step_by(rx_count).copied()
}

/// Sums of absolute residuals without and with carry.
struct Totals<I>(I);

impl<I: Iterator<Item = u16>> Pass for Totals<I> {
    type Output = (u32, u32);

    fn run(self, reference: impl Iterator<Item = u16>) -> (u32, u32) {
        let (mut plain, mut carried, mut missed) = (0, 0, 0);
        for (sample, expected) in self.0.zip(reference) {
            let miss = i32::from(sample) - i32::from(expected);
            plain += miss.unsigned_abs();
            carried += (miss - missed).unsigned_abs();
            missed = miss;
        }
        (plain, carried)
    }
}

/// Writes the codes of a line.
struct Write<'w, 'o, I> {
    samples: I,
    parameter: u32,
    carry: bool,
    writer: &'w mut BitWriter<'o>,
}

impl<I: Iterator<Item = u16>> Pass for Write<'_, '_, I> {
    type Output = Option<()>;

    fn run(self, reference: impl Iterator<Item = u16>) -> Option<()> {
        let carry = -i32::from(self.carry); // all ones or none
        let low_bits = (1_u32 << self.parameter) - 1;
        let mut missed = 0;
        for (sample, expected) in self.samples.zip(reference) {
            let miss = i32::from(sample) - i32::from(expected);
            let residual = wrapped(miss - (missed & carry));
            missed = miss;
            let folded = ((residual << 1) ^ (residual >> 31)).cast_unsigned();
            let quotient = folded >> self.parameter;
            if quotient < ESCAPE {
                let code = (low_bits + 1) | (folded & low_bits);
                self.writer.put(code, quotient + 1 + self.parameter)?;
            } else {
                self.writer.put(folded, ESCAPE + SAMPLE_BITS)?;
            }
        }
        Some(())
    }
}

/// Reads the codes of a line into its places.
struct Read<'r, 'd, I> {
    places: I,
    parameter: u32,
    carry: bool,
    reader: &'r mut BitReader<'d>,
}

impl<'p, I: Iterator<Item = &'p mut u16>> Pass for Read<'_, '_, I> {
    type Output = Option<()>;

    fn run(self, reference: impl Iterator<Item = u16>) -> Option<()> {
        let carry = -i32::from(self.carry); // all ones or none
        let mut missed = 0;
        for (place, expected) in self.places.zip(reference) {
            let folded = read_code(self.reader, self.parameter)?;
            let residual = (folded >> 1).cast_signed() ^ -(folded & 1).cast_signed();
            missed = residual.wrapping_add(missed & carry);
            *place = (expected.wrapping_add_signed(low_half(missed))) & MAX_SAMPLE;
        }
        Some(())
    }
}

/// The low 16 bits: all that counts modulo 4096.
#[inline]
const fn low_half(value: i32) -> i16 {
    let [low, high, ..] = value.to_le_bytes();
    i16::from_le_bytes([low, high])
}

/// One folded residual; `None` behind the end of the data.
#[inline]
fn read_code(reader: &mut BitReader<'_>, parameter: u32) -> Option<u32> {
    reader.refill();
    let bits = reader.peek();
    let quotient = bits.leading_zeros();
    if quotient < ESCAPE {
        // The top 32 bits hold the whole code: at most 12 + 11.
        let tail = (bits << quotient << 1 >> 32) as u32;
        reader.skip(quotient + 1 + parameter)?;
        Some((quotient << parameter) | (tail >> 1 >> (31 - parameter)))
    } else {
        let tail = (bits << ESCAPE >> (64 - SAMPLE_BITS)) as u32;
        reader.skip(ESCAPE + SAMPLE_BITS)?;
        Some(tail)
    }
}

/// Encodes `samples[chirp, sample, rx]` to the front of `out`: the bytes used.
///
/// `None` when it does not fit `out`, a sample is above 4095, or the samples are not as many as
/// the shape says. Give `out` the length of the 12-bit packing to learn whether it pays.
#[must_use]
pub fn encode(samples: &[u16], shape: Shape, out: &mut [u8]) -> Option<usize> {
    if shape.len() != Some(samples.len()) || samples.iter().any(|&sample| sample > MAX_SAMPLE) {
        return None;
    }
    if shape.is_empty() {
        return Some(0);
    }
    let (chirp_len, rx_count) = (shape.chirp_len(), usize::from(shape.rx));
    let mut writer = BitWriter::new(out);
    for (number, chirp) in samples.chunks_exact(chirp_len).enumerate() {
        let earlier = &samples[..number * chirp_len];
        for rx in 0..rx_count {
            encode_line(chirp, History { earlier, chirp_len, rx, rx_count }, &mut writer)?;
        }
    }
    writer.finish()
}

/// Takes the predictor with the smallest sum of absolute residuals and writes the line with it.
fn encode_line(chirp: &[u16], history: History<'_>, writer: &mut BitWriter<'_>) -> Option<()> {
    let samples = || line_of(chirp, history.rx, history.rx_count);
    let (_, by_sample) = history.compare(Reference::Middle, Totals(samples()))?;
    let mut best = (by_sample, 0_u8);
    if let Some((plain, carried)) = history.compare(Reference::Previous, Totals(samples())) {
        best = best.min((plain, 1)).min((carried, 2));
    }
    // With one earlier chirp the mean is that chirp: nothing to gain.
    if history.chirp(2).is_some()
        && let Some((plain, _)) = history.compare(Reference::Mean, Totals(samples()))
    {
        best = best.min((plain, 3));
    }
    let (total, predictor) = best;
    let parameter = parameter_for(total, chirp.len() / history.rx_count);
    let code = parameter << 2 | u32::from(predictor);
    writer.put(code, LINE_HEADER_BITS)?;
    let (reference, carry) = PREDICTORS[usize::from(predictor)];
    history.compare(reference, Write { samples: samples(), parameter, carry, writer })?
}

/// The smallest `k` with `count * 2^k >= total`: 2^k is about the mean absolute residual.
fn parameter_for(total: u32, count: usize) -> u32 {
    let mut parameter = 0;
    while parameter < MAX_PARAMETER && (count << parameter) < total as usize {
        parameter += 1;
    }
    parameter
}

/// Decodes exactly the samples of `shape` into `out`, chip order `[chirp, sample, rx]`.
///
/// # Errors
/// [`SampleError::TooMany`] when `out` is not as long as the shape says, [`SampleError::Damaged`]
/// when the bits end early, go on behind the last sample, or hold an impossible line header.
/// `out` holds anything then.
pub fn decode(data: &[u8], shape: Shape, out: &mut [u16]) -> Result<(), SampleError> {
    if shape.len() != Some(out.len()) {
        return Err(SampleError::TooMany);
    }
    if shape.is_empty() {
        return if data.is_empty() { Ok(()) } else { Err(SampleError::Damaged) };
    }
    // A code has one bit at least: a short slice cannot claim a long decode.
    if out.len() / 8 > data.len() {
        return Err(SampleError::Damaged);
    }
    decode_lines(data, shape, out).ok_or(SampleError::Damaged)
}

fn decode_lines(data: &[u8], shape: Shape, out: &mut [u16]) -> Option<()> {
    let (chirp_len, rx_count) = (shape.chirp_len(), usize::from(shape.rx));
    let mut reader = BitReader::new(data);
    for number in 0..usize::from(shape.chirps) {
        let (earlier, rest) = out.split_at_mut(number * chirp_len);
        let chirp = rest.get_mut(..chirp_len)?;
        for rx in 0..rx_count {
            decode_line(chirp, History { earlier, chirp_len, rx, rx_count }, &mut reader)?;
        }
    }
    reader.is_done().then_some(())
}

fn decode_line(chirp: &mut [u16], history: History<'_>, reader: &mut BitReader<'_>) -> Option<()> {
    reader.refill();
    let header = (reader.peek() >> (64 - LINE_HEADER_BITS)) as usize;
    reader.skip(LINE_HEADER_BITS)?;
    let (reference, carry) = PREDICTORS[header & 3];
    let parameter = u32::try_from(header >> 2).ok().filter(|&value| value <= MAX_PARAMETER)?;
    let places = chirp.iter_mut().skip(history.rx).step_by(history.rx_count);
    history.compare(reference, Read { places, parameter, carry, reader })?
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { chirps: 6, samples: 10, rx: 3 };

    /// A slow sine that drifts from chirp to chirp, with an outlier.
    fn samples() -> [u16; 180] {
        let mut out = [0; 180];
        for (at, place) in out.iter_mut().enumerate() {
            let (chirp, sample, rx) = (at / 30, at % 30 / 3, at % 3);
            *place =
                u16::try_from(1900 + chirp * 3 + (sample * sample * 7) % 90 + rx * 40).unwrap();
        }
        out[77] = 4095;
        out[78] = 0;
        out
    }

    #[test]
    fn samples_come_back_exactly_and_smaller_than_packed() {
        let (samples, mut data) = (samples(), [0; 400]);
        let used = encode(&samples, SHAPE, &mut data).unwrap();
        assert!(used < crate::raw12::packed_len(samples.len()), "{used} bytes");
        let mut back = [9; 180];
        assert_eq!(decode(&data[..used], SHAPE, &mut back), Ok(()));
        assert_eq!(back, samples);
    }

    #[test]
    fn missing_and_surplus_bytes_are_damage() {
        let (samples, mut data) = (samples(), [0; 400]);
        let used = encode(&samples, SHAPE, &mut data).unwrap();
        let mut back = [0; 180];
        for cut in 0..used {
            let outcome = decode(&data[..cut], SHAPE, &mut back);
            assert_eq!(outcome, Err(SampleError::Damaged), "cut at {cut}");
        }
        assert_eq!(decode(&data[..=used], SHAPE, &mut back), Err(SampleError::Damaged));
    }

    #[test]
    fn a_young_slice_refuses_a_predictor_that_looks_back() {
        // Parameter 0, predictor 1 (chirp before) in the first line, then ones.
        let shape = Shape { chirps: 1, samples: 2, rx: 1 };
        assert_eq!(decode(&[0b0000_0111], shape, &mut [0; 2]), Err(SampleError::Damaged));
        assert_eq!(decode(&[0b0000_0011], shape, &mut [0; 2]), Ok(()));
    }

    #[test]
    fn a_sample_above_12_bits_or_a_full_buffer_is_told() {
        let shape = Shape { chirps: 1, samples: 2, rx: 1 };
        assert_eq!(encode(&[4096, 0], shape, &mut [0; 20]), None);
        assert_eq!(encode(&[4095, 0], shape, &mut [0; 2]), None);
        assert_eq!(encode(&[1], shape, &mut [0; 20]), None);
    }
}
