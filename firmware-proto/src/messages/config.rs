//! How a sensor is really set, not how somebody wished it.

use crate::fields::{FieldReader, FieldWriter};
use crate::messages::EventFormat;
use crate::refusal::Refusal;

/// Kind byte of a radar configuration.
const RADAR: u8 = 1;
/// Kind byte of an event-sensor configuration.
const EVENT: u8 = 2;

/// From the device: what its sensor runs with. From the host: what it should run with, answered
/// by `Ack` and the device's own `Config`, or by `Nak`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// Named by every slice and block taken with it; another number for every change.
    pub config_id: u16,
    /// The settings.
    pub body: ConfigBody,
}

/// Settings of one sensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigBody {
    /// An FMCW radar.
    Radar(RadarConfig),
    /// An event camera.
    Event(EventConfig),
}

/// Chirp and frame settings of an FMCW radar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RadarConfig {
    /// First frequency of the sampled sweep in kHz.
    pub start_frequency_khz: u32,
    /// Last frequency of the sampled sweep in kHz; below the first for a falling chirp.
    pub end_frequency_khz: u32,
    /// ADC rate in samples per second and receiver.
    pub sample_rate_hz: u32,
    /// From chirp to chirp in nanoseconds.
    pub chirp_period_ns: u32,
    /// From frame to frame in microseconds.
    pub frame_period_us: u32,
    /// High-pass corner in Hz, 0 unknown.
    pub hp_cutoff_hz: u32,
    /// Anti-aliasing corner in Hz, 0 unknown.
    pub aaf_cutoff_hz: u32,
    /// Samples per chirp and receiver.
    pub samples_per_chirp: u16,
    /// Chirps per frame.
    pub chirps_per_frame: u16,
    /// Bit n set: receiver n + 1 is active.
    pub rx_mask: u8,
    /// Bit n set: transmitter n + 1 is active.
    pub tx_mask: u8,
    /// Gain behind the mixer in dB.
    pub if_gain_db: i8,
    /// Transmit power in the chip's own steps.
    pub tx_power_level: u8,
    /// Chip, from the table in `WIRE.md`; 0 unknown.
    pub sensor_model: u16,
    /// Bits per sample.
    pub adc_bits: u8,
}

/// Settings of an event camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventConfig {
    /// Word format of its blocks.
    pub format: EventFormat,
    /// Pixels per row.
    pub width: u16,
    /// Rows.
    pub height: u16,
    /// Chip, from the table in `WIRE.md`; 0 unknown.
    pub sensor_model: u16,
    /// Biases in the chip's own steps: `diff_on`, `diff_off`, `fo`, `hpf`, `refr`.
    pub biases: [i16; 5],
}

impl Config {
    pub(super) fn read(fields: &mut FieldReader<'_>) -> Result<Self, Refusal> {
        let config_id = fields.u16()?;
        let body = match fields.u8()? {
            RADAR => ConfigBody::Radar(RadarConfig::read(fields)?),
            EVENT => ConfigBody::Event(EventConfig::read(fields)?),
            _ => return Err(Refusal::UnknownValue),
        };
        Ok(Self { config_id, body })
    }

    pub(super) fn write(&self, fields: &mut FieldWriter<'_>) {
        fields.u16(self.config_id);
        match &self.body {
            ConfigBody::Radar(radar) => {
                fields.u8(RADAR);
                radar.write(fields);
            }
            ConfigBody::Event(event) => {
                fields.u8(EVENT);
                event.write(fields);
            }
        }
    }
}

impl RadarConfig {
    fn read(fields: &mut FieldReader<'_>) -> Result<Self, Refusal> {
        fields.u8()?; // reserved
        let config = Self {
            start_frequency_khz: fields.u32()?,
            end_frequency_khz: fields.u32()?,
            sample_rate_hz: fields.u32()?,
            chirp_period_ns: fields.u32()?,
            frame_period_us: fields.u32()?,
            hp_cutoff_hz: fields.u32()?,
            aaf_cutoff_hz: fields.u32()?,
            samples_per_chirp: fields.u16()?,
            chirps_per_frame: fields.u16()?,
            rx_mask: fields.u8()?,
            tx_mask: fields.u8()?,
            if_gain_db: fields.i8()?,
            tx_power_level: fields.u8()?,
            sensor_model: fields.u16()?,
            adc_bits: fields.u8()?,
        };
        fields.u8()?; // reserved
        Ok(config)
    }

    fn write(&self, fields: &mut FieldWriter<'_>) {
        fields.u8(0);
        fields.u32(self.start_frequency_khz);
        fields.u32(self.end_frequency_khz);
        fields.u32(self.sample_rate_hz);
        fields.u32(self.chirp_period_ns);
        fields.u32(self.frame_period_us);
        fields.u32(self.hp_cutoff_hz);
        fields.u32(self.aaf_cutoff_hz);
        fields.u16(self.samples_per_chirp);
        fields.u16(self.chirps_per_frame);
        fields.u8(self.rx_mask);
        fields.u8(self.tx_mask);
        fields.i8(self.if_gain_db);
        fields.u8(self.tx_power_level);
        fields.u16(self.sensor_model);
        fields.u8(self.adc_bits);
        fields.u8(0);
    }
}

impl EventConfig {
    fn read(fields: &mut FieldReader<'_>) -> Result<Self, Refusal> {
        let format = EventFormat::from_code(fields.u8()?)?;
        let (width, height) = (fields.u16()?, fields.u16()?);
        let sensor_model = fields.u16()?;
        let mut biases = [0; 5];
        for bias in &mut biases {
            *bias = fields.i16()?;
        }
        Ok(Self { format, width, height, sensor_model, biases })
    }

    fn write(&self, fields: &mut FieldWriter<'_>) {
        fields.u8(self.format.code());
        fields.u16(self.width);
        fields.u16(self.height);
        fields.u16(self.sensor_model);
        for bias in self.biases {
            fields.i16(bias);
        }
    }
}
