//! Radar samples in slices that fit a FIFO and a frame, and the end of a radar frame.

use crate::fields::{FieldReader, FieldWriter};
use crate::refusal::Refusal;
use crate::samples::{Encoding, SampleError, Shape, decode_samples};

/// Bits of [`FrameEnd::flags`].
pub mod frame_flag {
    /// At least one sample stands at the end of the ADC's range.
    pub const SATURATED: u8 = 1;
    /// The FIFO ran over while this frame was taken: its samples are not to be trusted.
    pub const OVERFLOW: u8 = 1 << 1;
}

/// Temperature field of a device without a thermometer.
const NO_TEMPERATURE: i16 = i16::MIN;

/// Some whole chirps of a radar frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RadarSlice<'a> {
    /// The configuration the chirps were taken with.
    pub config_id: u16,
    /// Counts acquired frames since the device started, dropped ones included, wrapping.
    pub frame_number: u32,
    /// 0 for the first slice of the frame, then one more each.
    pub slice_index: u8,
    /// How `data` holds the samples.
    pub encoding: Encoding,
    /// The frame's number of the first chirp in this slice.
    pub first_chirp: u16,
    /// Chirps, samples and receivers in this slice.
    pub shape: Shape,
    /// Chip temperature in hundredths of a degree Celsius, if known.
    pub temperature_centi_c: Option<i16>,
    /// The encoded samples, chip order `[chirp, sample, rx]`.
    pub data: &'a [u8],
}

impl<'a> RadarSlice<'a> {
    /// Decodes the samples to the front of `out`, chip order `[chirp, sample, rx]`; how many.
    ///
    /// # Errors
    /// `out` is too small, or `data` does not hold exactly the samples of the shape.
    pub fn samples_into(&self, out: &mut [u16]) -> Result<usize, SampleError> {
        decode_samples(self.encoding, self.data, self.shape, out)
    }

    pub(super) fn read(fields: &mut FieldReader<'a>) -> Result<Self, Refusal> {
        let config_id = fields.u16()?;
        let frame_number = fields.u32()?;
        let slice_index = fields.u8()?;
        let encoding = Encoding::from_code(fields.u8()?)?;
        let first_chirp = fields.u16()?;
        let (chirps, samples, rx) = (fields.u16()?, fields.u16()?, fields.u8()?);
        fields.u8()?; // reserved
        let temperature = fields.i16()?;
        let len = fields.u16()?;
        Ok(Self {
            config_id,
            frame_number,
            slice_index,
            encoding,
            first_chirp,
            shape: Shape { chirps, samples, rx },
            temperature_centi_c: (temperature != NO_TEMPERATURE).then_some(temperature),
            data: fields.slice(len.into())?,
        })
    }

    pub(super) fn write(&self, fields: &mut FieldWriter<'_>) {
        fields.u16(self.config_id);
        fields.u32(self.frame_number);
        fields.u8(self.slice_index);
        fields.u8(self.encoding.code());
        fields.u16(self.first_chirp);
        fields.u16(self.shape.chirps);
        fields.u16(self.shape.samples);
        fields.u8(self.shape.rx);
        fields.u8(0);
        fields.i16(self.temperature_centi_c.unwrap_or(NO_TEMPERATURE));
        fields.u16_prefixed(self.data);
    }
}

/// The end of a radar frame: what should have arrived, and what the device lost before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameEnd {
    /// The configuration the frame was taken with.
    pub config_id: u16,
    /// The frame it ends.
    pub frame_number: u32,
    /// Slices sent of it.
    pub slice_count: u8,
    /// Bits of [`frame_flag`].
    pub flags: u8,
    /// Chirps sent of it.
    pub chirp_count: u16,
    /// Samples at the end of the ADC's range; 65,535 stands for that many or more.
    pub saturated_samples: u16,
    /// Whole frames the device dropped since it started: a lost `FrameEnd` loses no count.
    pub dropped_frames: u32,
}

impl FrameEnd {
    pub(super) fn read(fields: &mut FieldReader<'_>) -> Result<Self, Refusal> {
        Ok(Self {
            config_id: fields.u16()?,
            frame_number: fields.u32()?,
            slice_count: fields.u8()?,
            flags: fields.u8()?,
            chirp_count: fields.u16()?,
            saturated_samples: fields.u16()?,
            dropped_frames: fields.u32()?,
        })
    }

    pub(super) fn write(&self, fields: &mut FieldWriter<'_>) {
        fields.u16(self.config_id);
        fields.u32(self.frame_number);
        fields.u8(self.slice_count);
        fields.u8(self.flags);
        fields.u16(self.chirp_count);
        fields.u16(self.saturated_samples);
        fields.u32(self.dropped_frames);
    }
}
