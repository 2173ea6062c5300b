//! Radar frames as slices: what a board with a BGT60 sends.

use std::path::Path;

use firmware_proto::{
    Config, ConfigBody, Encoding, FrameEnd, HEADER_LEN, MAX_FRAME, Message, RadarConfig,
    RadarSlice, Shape, TAG_LEN, encode_samples, frame_flag, raw12,
};
use visaged::data::ChirpConfig;
use visaged::units::{HostClock, Micros, Seconds, Stamp};

use super::sender::Sender;
use super::{Tally, Timeline};
use crate::error::Error;
use crate::tape::{RadarTape, chip_order};

/// Radar stream of the protocol.
const STREAM: u8 = 1;
/// Fields of a slice in front of its data, and the CRC behind them.
const SLICE_OVERHEAD: usize = HEADER_LEN + 20 + 4;
/// The chip's FIFO raises its interrupt at half its 8192 words, two samples each.
const FIFO_SAMPLES: usize = 8192;
/// A comfortable 35 degrees.
const TEMPERATURE_CENTI_C: i16 = 3_500;

/// How samples go over the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SampleEncoding {
    /// Two samples in three bytes.
    Raw12,
    /// 16-bit words.
    U16,
    /// Compressed, and raw12 where that is no smaller.
    #[default]
    DeltaRice,
}

/// Settings of a radar board.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RadarOptions {
    /// How samples go over the wire.
    pub encoding: SampleEncoding,
}

/// Frames of a recording on their way to the host.
pub(super) struct RadarFeed {
    tape: RadarTape,
    options: RadarOptions,
    config: RadarConfig,
    config_id: u16,
    /// Whole chirps of a slice.
    slice: Shape,
    chirps: u16,
    largest_sample: u16,
    /// Frame numbers and drops since the boot.
    next_number: u32,
    dropped: u32,
    flight: Option<Flight>,
    data: Vec<u8>,
}

/// A frame that is being taken.
struct Flight {
    recorded: Micros,
    /// `[chirp, sample, rx]`
    samples: Vec<u16>,
    number: u32,
    slices: u8,
    chirps: u16,
}

impl RadarFeed {
    pub(super) fn open(
        path: &Path,
        round: Option<Micros>,
        options: RadarOptions,
        tagged: bool,
    ) -> Result<Self, Error> {
        let tape = RadarTape::open(path, round)?;
        let unfit =
            |problem: String, remedy| Err(Error::Unfit { path: path.to_owned(), problem, remedy });
        let chirps = tape.chirps();
        let Some(config) = radar_config(chirps) else {
            let problem = "complex samples, or sizes beyond the protocol's fields".to_owned();
            return unfit(problem, "play it with `vdev dca1000`");
        };
        let bits = if options.encoding == SampleEncoding::U16 { 16 } else { 12 };
        if config.adc_bits > bits {
            let problem = format!("samples of {} bits, {bits} fit", config.adc_bits);
            return unfit(problem, "choose --encoding u16");
        }
        let room = MAX_FRAME - SLICE_OVERHEAD - if tagged { TAG_LEN } else { 0 };
        let rx = u8::try_from(config.rx_mask.count_ones()).unwrap_or(u8::MAX);
        let shape = Shape { chirps: 1, samples: config.samples_per_chirp, rx };
        let most = chirps_per_slice(shape, options.encoding, room);
        if most == 0 {
            let problem = format!("one chirp is longer than a slice of {room} bytes");
            return unfit(problem, "record shorter chirps");
        }
        let chirps = config.chirps_per_frame;
        let slice = Shape { chirps: most.min(chirps), ..shape };
        Ok(Self {
            largest_sample: u16::MAX >> (16 - u16::from(config.adc_bits.clamp(1, 16))),
            tape,
            options,
            config,
            config_id: 1,
            slice,
            chirps,
            next_number: 0,
            dropped: 0,
            flight: None,
            data: vec![0; room],
        })
    }

    pub(super) const fn config(&self) -> Config {
        Config { config_id: self.config_id, body: ConfigBody::Radar(self.config) }
    }

    /// A recording cannot be taken with other chirps. Filters, gain and power leave no trace that
    /// could be told from the scene: those it takes over as if it had them.
    pub(super) fn apply(&mut self, wish: &ConfigBody) -> bool {
        let ConfigBody::Radar(wish) = *wish else { return false };
        let as_recorded = RadarConfig {
            hp_cutoff_hz: wish.hp_cutoff_hz,
            aaf_cutoff_hz: wish.aaf_cutoff_hz,
            tx_mask: wish.tx_mask,
            if_gain_db: wish.if_gain_db,
            tx_power_level: wish.tx_power_level,
            sensor_model: wish.sensor_model,
            ..self.config
        };
        if wish != as_recorded {
            return false;
        }
        if wish != self.config {
            self.config = wish;
            self.config_id = self.config_id.wrapping_add(1);
        }
        true
    }

    pub(super) fn reboot(&mut self, tally: &mut Tally) {
        (self.next_number, self.dropped) = (0, 0);
        // The frame that was being taken is gone with the power.
        tally.frames_dropped += u64::from(self.flight.take().is_some());
    }

    /// When the next slice is whole.
    pub(super) fn next_due(
        &mut self,
        line: &Timeline<'_>,
    ) -> Result<Option<Stamp<HostClock>>, Error> {
        if self.flight.is_none() {
            let Some((recorded, frame)) = self.tape.next_frame()? else { return Ok(None) };
            let Some(samples) = chip_order(&frame.samples) else {
                return Err(Error::Unfit {
                    path: self.tape.path().to_owned(),
                    problem: format!("frame {} holds negative or complex samples", frame.number),
                    remedy: "play it with `vdev dca1000`",
                });
            };
            let number = self.next_number;
            self.next_number = number.wrapping_add(1);
            let (slices, chirps) = (0, 0);
            self.flight = Some(Flight { recorded, samples, number, slices, chirps });
        }
        let Some(flight) = &self.flight else { return Ok(None) };
        let taken = flight.chirps.saturating_add(self.slice.chirps).min(self.chirps);
        Ok(self.instant(line, flight.recorded, taken))
    }

    /// When so many chirps of a frame are taken.
    fn instant(&self, line: &Timeline<'_>, frame: Micros, chirps: u16) -> Option<Stamp<HostClock>> {
        line.stage.host_time(Micros(frame.0 + self.sweep(chirps).0))
    }

    /// How long so many chirps take.
    fn sweep(&self, chirps: u16) -> Micros {
        Seconds(self.tape.chirps().chirp_period.0 * f64::from(chirps)).to_micros()
    }

    /// From a frame's start to its first data-ready interrupt: the first slice is in the FIFO.
    pub(super) fn stamp_delay(&self) -> Micros {
        self.sweep(self.slice.chirps)
    }

    /// Sends the slice that is whole, and the frame's end behind the last one.
    pub(super) fn step(
        &mut self,
        line: &Timeline<'_>,
        sender: Option<&mut Sender>,
        tally: &mut Tally,
    ) {
        let Some(mut flight) = self.flight.take() else { return };
        let frame_bytes = flight.samples.len() * 2 + 2 * MAX_FRAME;
        let sender = match sender {
            Some(sender) if flight.slices > 0 || sender.has_room_for(frame_bytes) => sender,
            // A device drops whole frames, and only before their first slice.
            _ => return self.drop_frame(tally),
        };
        // WIRE.md: "the time of the frame's *first data-ready interrupt*".
        let time_us = self
            .instant(line, flight.recorded, self.slice.chirps)
            .map_or(0, |interrupt| line.clock.at(interrupt));
        self.send_slice(&mut flight, time_us, sender);
        if flight.chirps < self.chirps {
            self.flight = Some(flight);
            return;
        }
        sender.send(STREAM, time_us, &Message::FrameEnd(self.end_of(&flight)));
        tally.frames += 1;
    }

    fn drop_frame(&mut self, tally: &mut Tally) {
        self.dropped = self.dropped.wrapping_add(1);
        tally.frames_dropped += 1;
    }

    fn send_slice(&mut self, flight: &mut Flight, time_us: u64, sender: &mut Sender) {
        let shape =
            Shape { chirps: self.slice.chirps.min(self.chirps - flight.chirps), ..self.slice };
        let from = usize::from(flight.chirps) * shape.chirp_len();
        let samples = &flight.samples[from..from + usize::from(shape.chirps) * shape.chirp_len()];
        let Some((encoding, used)) = encode(self.options.encoding, samples, shape, &mut self.data)
        else {
            return; // not reached: the slice was planned to fit
        };
        let slice = RadarSlice {
            config_id: self.config_id,
            frame_number: flight.number,
            slice_index: flight.slices,
            encoding,
            first_chirp: flight.chirps,
            shape,
            temperature_centi_c: Some(TEMPERATURE_CENTI_C),
            data: &self.data[..used],
        };
        sender.send(STREAM, time_us, &Message::RadarSlice(slice));
        flight.slices += 1;
        flight.chirps += shape.chirps;
    }

    fn end_of(&self, flight: &Flight) -> FrameEnd {
        let at_the_end = |&&sample: &&u16| sample == 0 || sample == self.largest_sample;
        let saturated = flight.samples.iter().filter(at_the_end).count();
        FrameEnd {
            config_id: self.config_id,
            frame_number: flight.number,
            slice_count: flight.slices,
            flags: if saturated > 0 { frame_flag::SATURATED } else { 0 },
            chirp_count: flight.chirps,
            saturated_samples: u16::try_from(saturated).unwrap_or(u16::MAX),
            dropped_frames: self.dropped,
        }
    }
}

/// Chirps that fit both a slice of `room` bytes, however they compress, and the chip's FIFO.
fn chirps_per_slice(chirp: Shape, encoding: SampleEncoding, room: usize) -> u16 {
    let fits = |chirps: &u16| {
        let samples = usize::from(*chirps) * chirp.chirp_len();
        let bytes = match encoding {
            SampleEncoding::U16 => 2 * samples,
            SampleEncoding::Raw12 | SampleEncoding::DeltaRice => raw12::packed_len(samples),
        };
        bytes <= room && samples <= FIFO_SAMPLES
    };
    (1..=u16::MAX).take_while(fits).last().unwrap_or(0)
}

fn encode(
    wanted: SampleEncoding,
    samples: &[u16],
    shape: Shape,
    out: &mut [u8],
) -> Option<(Encoding, usize)> {
    match wanted {
        SampleEncoding::DeltaRice => encode_samples(samples, shape, out),
        SampleEncoding::Raw12 => Some((Encoding::Raw12, raw12::encode(samples, out)?)),
        SampleEncoding::U16 => {
            let used = samples.len() * 2;
            let places = out.get_mut(..used)?.as_chunks_mut().0;
            for (place, sample) in places.iter_mut().zip(samples) {
                *place = sample.to_le_bytes();
            }
            Some((Encoding::U16, used))
        }
    }
}

/// The recording's settings in the protocol's units; `None` if they do not fit its fields.
fn radar_config(chirps: &ChirpConfig) -> Option<RadarConfig> {
    if chirps.complex {
        return None;
    }
    let mut rx_mask = 0;
    for &antenna in &chirps.rx_antennas {
        rx_mask |= 1_u8.checked_shl(u32::from(antenna).checked_sub(1)?)?;
    }
    Some(RadarConfig {
        start_frequency_khz: whole(chirps.start.0 * 1e-3)?,
        end_frequency_khz: whole(chirps.end.0 * 1e-3)?,
        sample_rate_hz: whole(chirps.sample_rate.0)?,
        chirp_period_ns: whole(chirps.chirp_period.0 * 1e9)?,
        frame_period_us: whole(chirps.frame_period.0 * 1e6)?,
        hp_cutoff_hz: 0,
        aaf_cutoff_hz: 0,
        samples_per_chirp: u16::try_from(chirps.samples).ok()?,
        chirps_per_frame: u16::try_from(chirps.chirps).ok()?,
        rx_mask,
        tx_mask: 1,
        if_gain_db: 0,
        tx_power_level: 0,
        sensor_model: 0,
        adc_bits: chirps.adc_bits,
    })
}

/// The nearest whole number, if it fits.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range was checked"
)]
fn whole(value: f64) -> Option<u32> {
    let rounded = value.round();
    (0.0..=f64::from(u32::MAX)).contains(&rounded).then_some(rounded as u32)
}
