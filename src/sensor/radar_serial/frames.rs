//! Slices to radar frames: whole ones only, and every other one counted.

use firmware_proto::{
    AssembledFrame, ConfigBody, Frame, FrameAssembler, Lost, Message, SensorEvent, SensorEventKind,
    Source, TimeReply, capability, frame_flag,
};
use ndarray::Array3;

use super::settings::{RadarSettings, differences};
use crate::data::{Counts, RadarFrame, Reading, Samples, TimeAnswer};
use crate::sensor::serial::{Difference, Instrument, stamp};
use crate::units::Micros;

/// The radar end of a session.
#[derive(Debug)]
pub struct Frames {
    settings: RadarSettings,
    config_id: Option<u16>,
    assembler: FrameAssembler<Vec<u16>>,
    tally: Tally,
}

/// What is refused or odd beside what the assembler counts.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    /// Whole frames of another shape than the configured one.
    wrong_shape: u64,
    /// Whole frames taken with another configuration than the one the device has told.
    wrong_config: u64,
    /// Whole frames with a sample that the ADC cannot give.
    beyond_adc: u64,
    /// Whole frames within which the FIFO of the chip ran over.
    overflowed: u64,
    /// Frames handed out that hold samples at the end of the ADC's range.
    saturated: u64,
    /// What the device said about its sensor.
    fifo_overflows: u64,
    sensor_restarts: u64,
}

impl Frames {
    /// For a radar that must be set as `settings` say.
    #[must_use]
    pub fn new(settings: RadarSettings) -> Self {
        let assembler = FrameAssembler::new(vec![0; settings.frame_len()]);
        Self { settings, config_id: None, assembler, tally: Tally::default() }
    }
}

impl Instrument for Frames {
    const NAME: &'static str = "radar";
    const STREAM: u8 = 1;
    const CAPABILITY: u32 = capability::RADAR;

    fn wanted(&self, actual: &ConfigBody) -> Option<ConfigBody> {
        match actual {
            ConfigBody::Radar(actual) => Some(self.settings.wanted(actual)),
            ConfigBody::Event(_) => None,
        }
    }

    fn differences(wanted: &ConfigBody, actual: &ConfigBody) -> Vec<Difference> {
        match (wanted, actual) {
            (ConfigBody::Radar(wanted), ConfigBody::Radar(actual)) => differences(wanted, actual),
            _ => Vec::new(),
        }
    }

    fn configured(&mut self, config_id: u16) {
        self.config_id = Some(config_id);
    }

    fn take(&mut self, frame: &Frame<'_>) -> Option<Reading> {
        if let Message::SensorEvent(SensorEvent { kind, source: Source::Radar, .. }) = frame.message
        {
            match kind {
                SensorEventKind::Overflow => self.tally.fifo_overflows += 1,
                SensorEventKind::Restart => self.tally.sensor_restarts += 1,
                SensorEventKind::Dropped => {} // told again by the next end of a frame
            }
        }
        let whole = self.assembler.push(frame)?;
        accept(&whole, &self.settings, self.config_id, &mut self.tally).map(Reading::Radar)
    }

    /// The assembler finds out by itself which frames a gap has cost.
    fn gap(&mut self) {}

    fn restart(&mut self) {
        self.assembler.restart();
        self.config_id = None;
    }

    /// Frames are stamped by the board's own clock, which goes on without us.
    fn disconnected(&mut self) -> bool {
        false
    }

    fn answer(&self, reply: &TimeReply) -> Option<TimeAnswer> {
        Some(TimeAnswer {
            host_sent: stamp(reply.host_send_ns / 1_000),
            device_received: stamp(reply.device_receive_us),
            device_sent: stamp(reply.device_send_us),
        })
    }

    fn count(&self, counts: &mut Counts) {
        let assembled = self.assembler.counts();
        for why in Lost::ALL {
            counts.add(why.name(), assembled.lost(why));
        }
        for (reason, n) in [
            ("unseen-frames", assembled.unseen),
            ("device-dropped-frames", assembled.device_dropped),
            ("frame-numbers-went-back", assembled.restarts),
            ("frame-of-wrong-shape", self.tally.wrong_shape),
            ("frame-of-other-config", self.tally.wrong_config),
            ("sample-beyond-adc-range", self.tally.beyond_adc),
            ("frame-with-fifo-overflow", self.tally.overflowed),
            ("saturated-frames", self.tally.saturated),
            ("sensor-fifo-overflows", self.tally.fifo_overflows),
            ("sensor-restarts", self.tally.sensor_restarts),
        ] {
            counts.add(reason, n);
        }
    }
}

/// The frame in our terms, if it can be used.
fn accept(
    whole: &AssembledFrame<'_>,
    settings: &RadarSettings,
    config_id: Option<u16>,
    tally: &mut Tally,
) -> Option<RadarFrame> {
    let dim = settings.dim();
    let shape = whole.shape;
    let largest = (1_u16 << settings.adc_bits) - 1;
    // A union is above the range if and only if one of its samples is: `largest` is all ones.
    let union = whole.samples.iter().fold(0, |union, &sample| union | sample);
    let refusal = if config_id != Some(whole.config_id) {
        &mut tally.wrong_config
    } else if (usize::from(shape.rx), shape.chirps.into(), shape.samples.into()) != dim {
        &mut tally.wrong_shape
    } else if whole.flags & frame_flag::OVERFLOW != 0 {
        &mut tally.overflowed
    } else if union > largest {
        &mut tally.beyond_adc
    } else {
        tally.saturated += u64::from(whole.flags & frame_flag::SATURATED != 0);
        let delay = Micros(settings.stamp_delay_us.into());
        return Some(RadarFrame {
            number: whole.frame_number.into(),
            stamp: stamp(whole.time_us) + Micros(-delay.0),
            samples: Samples::Real(
                Array3::from_shape_vec(dim, by_receiver(whole.samples, dim)).ok()?,
            ),
            has_holes: false,
        });
    };
    *refusal += 1;
    None
}

/// Brings samples from the order of the chip to that of a frame.
///
/// Shapes: `samples[chirp, sample, rx]` in, `[rx, chirp, sample]` out. Samples are below 2^15.
fn by_receiver(samples: &[u16], (rx, chirps, per_chirp): (usize, usize, usize)) -> Vec<i16> {
    let mut out = Vec::with_capacity(rx * chirps * per_chirp);
    for receiver in 0..rx {
        out.extend(samples.iter().skip(receiver).step_by(rx).map(|sample| sample.cast_signed()));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_a_receiver_come_together_and_stay_in_time() {
        // [chirp, sample, rx] of 2 x 2 x 3, each sample written as chirp, sample, rx.
        let chip = [0, 1, 2, 10, 11, 12, 100, 101, 102, 110, 111, 112];
        let ours = by_receiver(&chip, (3, 2, 2));
        assert_eq!(ours, [0, 10, 100, 110, 1, 11, 101, 111, 2, 12, 102, 112]);
    }
}
