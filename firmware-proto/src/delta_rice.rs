//! Lossless compression of radar chirps: predict, then Rice code what the prediction missed.
//!
//! A slice is a bit string, first bit highest, zero filled to a whole byte. For every chirp, and
//! within it for every receiver, it holds a *line*: 4 bits Rice parameter `k` (0..=11), 2 bits
//! predictor, then one code per sample. Arithmetic is modulo 4096, so any bit string gives legal 12-bit samples.
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

/// The encoder chooses by every so many samples.
const SPARSE: usize = 4;

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

    /// Runs over the whole line; `reference` is asked for the places of the line in the chirp.
    fn run(self, line: Line, reference: impl Fn(usize) -> u16) -> Self::Output;
}

/// The places of one receiver in a chirp `[sample, rx]`.
#[derive(Debug, Clone, Copy)]
struct Line {
    chirp_len: usize,
    rx: usize,
    rx_count: usize,
}

impl Line {
    /// Samples of the line.
    const fn len(self) -> usize {
        self.chirp_len / self.rx_count
    }
}

/// A line and the earlier chirps of its slice, `[chirp, sample, rx]`.
#[derive(Debug, Clone, Copy)]
struct History<'a> {
    line: Line,
    earlier: &'a [u16],
}

impl<'a> History<'a> {
    /// The chirp `back` before the current one, if there was one.
    #[inline]
    fn chirp(&self, back: usize) -> Option<&'a [u16]> {
        let start = self.earlier.len().checked_sub(back * self.line.chirp_len)?;
        self.earlier.get(start..start + self.line.chirp_len)
    }

    /// Runs `pass` beside `reference`; `None` when the slice is too young for it.
    #[inline]
    fn compare<P: Pass>(&self, reference: Reference, pass: P) -> Option<P::Output> {
        if reference == Reference::Middle {
            return Some(pass.run(self.line, |_| MIDDLE));
        }
        let a = self.chirp(1)?;
        let Some(b) = self.chirp(2).filter(|_| reference == Reference::Mean) else {
            return Some(pass.run(self.line, |at| a[at]));
        };
        let (Some(c), Some(d)) = (self.chirp(3), self.chirp(4)) else {
            return Some(pass.run(self.line, |at| (a[at] + b[at] + 1) >> 1));
        };
        // Four 12-bit samples fit 16 bits.
        Some(pass.run(self.line, |at| (a[at] + b[at] + c[at] + d[at] + 2) >> 2))
    }
}

/// Sums what the three predictors an encoder tries would miss, over every fourth sample.
///
/// On the recording of a breathing person this makes slices 2 % longer than a look at all samples,
/// and the encoder a third shorter. The plain chirp-to-chirp difference is not tried: the mean does its work with
/// less noise.
struct Totals<'a> {
    chirp: &'a [u16],
    previous: &'a [u16],
}

/// Sums of absolute residuals over a quarter of a line.
struct Missed {
    by_sample: u32,
    by_gradient: u32,
    by_mean: u32,
}

impl Pass for Totals<'_> {
    type Output = Missed;

    #[inline]
    fn run(self, line: Line, mean: impl Fn(usize) -> u16) -> Missed {
        let mut missed = Missed { by_sample: 0, by_gradient: 0, by_mean: 0 };
        let (chirp, previous) = (self.chirp, self.previous);
        let (mut before, mut at) = (line.rx, line.rx + line.rx_count);
        while at < line.chirp_len {
            let difference = i32::from(chirp[at]) - i32::from(chirp[before]);
            let expected = i32::from(previous[at]) - i32::from(previous[before]);
            missed.by_sample += difference.unsigned_abs();
            missed.by_gradient += (difference - expected).unsigned_abs();
            missed.by_mean += (i32::from(chirp[at]) - i32::from(mean(at))).unsigned_abs();
            before = at + (SPARSE - 1) * line.rx_count;
            at = before + line.rx_count;
        }
        missed
    }
}

/// Writes the codes of a line.
struct Write<'c, 'w, 'o> {
    chirp: &'c [u16],
    parameter: u32,
    carry: bool,
    writer: &'w mut BitWriter<'o>,
}

impl Pass for Write<'_, '_, '_> {
    type Output = Option<()>;

    #[inline]
    fn run(self, line: Line, reference: impl Fn(usize) -> u16) -> Option<()> {
        let carry = -i32::from(self.carry); // all ones or none
        let low_bits = (1_u32 << self.parameter) - 1;
        let mut missed = 0;
        let mut at = line.rx;
        while at < line.chirp_len {
            let miss = i32::from(self.chirp[at]) - i32::from(reference(at));
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
            at += line.rx_count;
        }
        Some(())
    }
}

/// Reads the codes of a line into its places.
struct Read<'c, 'r, 'd> {
    chirp: &'c mut [u16],
    parameter: u32,
    carry: bool,
    reader: &'r mut BitReader<'d>,
}

impl Pass for Read<'_, '_, '_> {
    type Output = Option<()>;

    #[inline]
    fn run(self, line: Line, reference: impl Fn(usize) -> u16) -> Option<()> {
        let carry = -i32::from(self.carry); // all ones or none
        let mut missed = 0;
        let mut at = line.rx;
        while at < line.chirp_len {
            let folded = read_code(self.reader, self.parameter)?;
            let residual = (folded >> 1).cast_signed() ^ -(folded & 1).cast_signed();
            missed = residual.wrapping_add(missed & carry);
            self.chirp[at] = reference(at).wrapping_add_signed(low_half(missed)) & MAX_SAMPLE;
            at += line.rx_count;
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
    let any_bits = samples.iter().fold(0, |any, &sample| any | sample);
    if shape.len() != Some(samples.len()) || any_bits > MAX_SAMPLE {
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
            let line = Line { chirp_len, rx, rx_count };
            encode_line(chirp, History { line, earlier }, &mut writer)?;
        }
    }
    writer.finish()
}

/// Takes the predictor with the smallest sum of absolute residuals and writes the line with it.
fn encode_line(chirp: &[u16], history: History<'_>, writer: &mut BitWriter<'_>) -> Option<()> {
    let (total, predictor) = match history.chirp(1) {
        None => {
            let alone = Totals { chirp, previous: chirp };
            (history.compare(Reference::Middle, alone)?.by_sample, 0)
        }
        Some(previous) => {
            let missed = history.compare(Reference::Mean, Totals { chirp, previous })?;
            (missed.by_sample, 0_u8).min((missed.by_gradient, 2)).min((missed.by_mean, 3))
        }
    };
    let parameter = parameter_for(total, (history.line.len() + SPARSE / 2) / SPARSE);
    writer.put(parameter << 2 | u32::from(predictor), LINE_HEADER_BITS)?;
    let (reference, carry) = PREDICTORS[usize::from(predictor)];
    history.compare(reference, Write { chirp, parameter, carry, writer })?
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
            let line = Line { chirp_len, rx, rx_count };
            decode_line(chirp, History { line, earlier }, &mut reader)?;
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
    history.compare(reference, Read { chirp, parameter, carry, reader })?
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
