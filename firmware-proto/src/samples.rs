//! The shape of a slice and its three encodings.

use crate::messages::wire_enum;
use crate::{delta_rice, raw12};

wire_enum! {
    /// How a slice holds its samples.
    Encoding {
        /// Two 12-bit samples in three bytes, as the BGT60 FIFO gives them.
        Raw12 = 1,
        /// 16-bit little-endian words.
        U16 = 2,
        /// Predicted and Rice coded: see [`delta_rice`].
        DeltaRice = 3,
    }
}

/// What a slice holds: `chirps` x `samples` x `rx`, in chip order `[chirp, sample, rx]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shape {
    /// Chirps in the slice.
    pub chirps: u16,
    /// Samples per chirp and receiver.
    pub samples: u16,
    /// Active receivers.
    pub rx: u8,
}

impl Shape {
    /// Samples of one chirp over all receivers.
    #[must_use]
    pub const fn chirp_len(&self) -> usize {
        // At most 65,535 * 255: no overflow in 32 bits.
        self.samples as usize * self.rx as usize
    }

    /// Samples of the whole slice; `None` where a 32-bit machine cannot count them.
    #[must_use]
    pub const fn len(&self) -> Option<usize> {
        self.chirp_len().checked_mul(self.chirps as usize)
    }

    /// Whether the slice holds no sample.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.chirps == 0 || self.chirp_len() == 0
    }
}

/// Why the samples of a slice cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SampleError {
    /// The shape holds more samples than the buffer, or cannot be counted.
    TooMany,
    /// The data do not hold exactly the samples of the shape.
    Damaged,
}

impl core::fmt::Display for SampleError {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str(match self {
            Self::TooMany => "slice holds more samples than the buffer; plan for its configuration",
            Self::Damaged => "slice data do not hold the samples of its shape; check the firmware",
        })
    }
}

impl core::error::Error for SampleError {}

/// Encodes `samples` in the smallest encoding that holds them without loss.
///
/// Delta-rice where it is smaller than 12-bit packing, else 12-bit packing, or 16-bit words for
/// samples above 4095. Returns the encoding and the bytes used, or `None` when the samples are not
/// as many as the shape says or `out` is too small.
#[must_use]
pub fn encode_samples(samples: &[u16], shape: Shape, out: &mut [u8]) -> Option<(Encoding, usize)> {
    if shape.len() != Some(samples.len()) {
        return None;
    }
    if samples.iter().fold(0, |any, &sample| any | sample) > raw12::MAX_SAMPLE {
        return Some((Encoding::U16, encode_u16(samples, out)?));
    }
    let packed = raw12::packed_len(samples.len());
    let limit = out.len().min(packed.saturating_sub(1));
    if let Some(used) = delta_rice::encode(samples, shape, &mut out[..limit]) {
        return Some((Encoding::DeltaRice, used));
    }
    Some((Encoding::Raw12, raw12::encode(samples, out)?))
}

/// Decodes any encoding to the front of `out`: how many samples.
pub(crate) fn decode_samples(
    encoding: Encoding,
    data: &[u8],
    shape: Shape,
    out: &mut [u16],
) -> Result<usize, SampleError> {
    let len = shape.len().ok_or(SampleError::TooMany)?;
    let out = out.get_mut(..len).ok_or(SampleError::TooMany)?;
    match encoding {
        Encoding::Raw12 => raw12::decode(data, out)?,
        Encoding::U16 => decode_u16(data, out)?,
        Encoding::DeltaRice => delta_rice::decode(data, shape, out)?,
    }
    Ok(len)
}

fn encode_u16(samples: &[u16], out: &mut [u8]) -> Option<usize> {
    let used = samples.len() * 2;
    for (place, sample) in out.get_mut(..used)?.as_chunks_mut().0.iter_mut().zip(samples) {
        *place = sample.to_le_bytes();
    }
    Some(used)
}

fn decode_u16(data: &[u8], out: &mut [u16]) -> Result<(), SampleError> {
    let (words, odd) = data.as_chunks();
    if words.len() != out.len() || !odd.is_empty() {
        return Err(SampleError::Damaged);
    }
    for (place, word) in out.iter_mut().zip(words) {
        *place = u16::from_le_bytes(*word);
    }
    Ok(())
}
