//! A radar board's bytes through a whole session: framing, checksums, samples, frames.

use std::hint::black_box;

use firmware_proto::{
    Config, ConfigBody, Encoder, Encoding, FrameEnd, Hello, MAX_WIRE, Message, PROTOCOL_VERSION,
    RadarConfig, RadarSlice, SCHEMA_HASH, Shape, capability, delta_rice as rice,
};
use visaged::sensor::radar_serial::{Config as Settings, Frames};
use visaged::sensor::serial::Session;

use crate::inputs::Inputs;
use crate::workload::{Amount, Error, Job};

type Prepared = Result<Option<Job>, Error>;

/// Frames in one call: 1.6 s at 20 Hz.
const FRAMES: u32 = 32;
/// The frame of the FOODER networks.
const CHIRPS: u16 = 64;
const SAMPLES: u16 = 128;
const RX: u8 = 3;
/// Chirps of a slice: as many as fit as words.
const CHIRPS_PER_SLICE: u16 = 5;
/// Bytes that a terminal gives at a time.
const CHUNK: usize = 4095;
const NONCE: [u8; 16] = [1; 16];

/// Told in megabytes of wire.
pub(crate) fn words(_: &Inputs) -> Prepared {
    let wire = board(Encoding::U16)?;
    let amount = Amount::bytes(wire.len());
    job(wire, amount)
}

/// Told in time per frame; real time at 20 Hz is 50 ms.
pub(crate) fn delta_rice(_: &Inputs) -> Prepared {
    job(board(Encoding::DeltaRice)?, Amount::Frames(FRAMES))
}

fn job(wire: Vec<u8>, amount: Amount) -> Prepared {
    let settings: Settings = toml::from_str("port = \"/dev/null\"\n")?;
    let frames = listen(&settings, &wire)?;
    if frames != FRAMES {
        return Err(Error::Frames { sent: FRAMES, received: frames });
    }
    let run = move || drop(black_box(listen(&settings, black_box(&wire))));
    Ok(Some(Job { run: Box::new(run), amount }))
}

/// A whole conversation; how many frames came of it.
fn listen(settings: &Settings, wire: &[u8]) -> Result<u32, Error> {
    let mut session = Session::new(Frames::new(settings.radar.clone()), None);
    session.greet(NONCE);
    let mut frames = 0;
    for mut chunk in wire.chunks(CHUNK) {
        while let Some(reading) = session.receive(&mut chunk)? {
            black_box(reading);
            frames += 1;
        }
    }
    Ok(frames)
}

/// What a board says: hello, configuration, frames.
fn board(encoding: Encoding) -> Result<Vec<u8>, Error> {
    let (mut encoder, mut out) = (Encoder::new(), Vec::new());
    let mut wire = [0; MAX_WIRE];
    let mut say = |stream, time_us, message: &Message<'_>| -> Result<(), Error> {
        let used = encoder.encode(stream, time_us, message, &mut wire)?;
        out.extend_from_slice(&wire[..used]);
        Ok(())
    };
    say(0, 0, &Message::Hello(hello()))?;
    say(0, 0, &Message::Config(Config { config_id: 1, body: ConfigBody::Radar(radar()) }))?;
    for frame_number in 0..FRAMES {
        let time_us = u64::from(frame_number) * 50_000;
        let mut data = vec![0; 8 << 10];
        let mut slice_count = 0;
        for first_chirp in (0..CHIRPS).step_by(CHIRPS_PER_SLICE.into()) {
            let chirps = CHIRPS_PER_SLICE.min(CHIRPS - first_chirp);
            let shape = Shape { chirps, samples: SAMPLES, rx: RX };
            let samples = scene(frame_number, first_chirp, chirps);
            let used = encode(encoding, &samples, shape, &mut data).ok_or(Error::Slice)?;
            say(
                1,
                time_us,
                &Message::RadarSlice(RadarSlice {
                    config_id: 1,
                    frame_number,
                    slice_index: slice_count,
                    encoding,
                    first_chirp,
                    shape,
                    temperature_centi_c: None,
                    data: &data[..used],
                }),
            )?;
            slice_count += 1;
        }
        say(
            1,
            time_us,
            &Message::FrameEnd(FrameEnd {
                config_id: 1,
                frame_number,
                slice_count,
                flags: 0,
                chirp_count: CHIRPS,
                saturated_samples: 0,
                dropped_frames: 0,
            }),
        )?;
    }
    Ok(out)
}

fn encode(encoding: Encoding, samples: &[u16], shape: Shape, data: &mut [u8]) -> Option<usize> {
    if encoding == Encoding::DeltaRice {
        return rice::encode(samples, shape, data);
    }
    for (place, sample) in data.as_chunks_mut().0.iter_mut().zip(samples) {
        *place = sample.to_le_bytes();
    }
    Some(2 * samples.len())
}

/// A still scene, `[chirp, sample, rx]`: a beat that moves a little from frame to frame, and noise of
/// a few counts, which costs about 4 bits a sample.
fn scene(frame: u32, first_chirp: u16, chirps: u16) -> Vec<u16> {
    let mut random = u64::from(frame) << 32 | u64::from(first_chirp) << 8 | 1;
    let mut noise = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        u16::try_from(random >> 32 & 7).unwrap_or(0)
    };
    let beat = |sample: u16, rx: u8| {
        // A triangle of 16 samples: its shape does not matter, its height does.
        let phase = (u32::from(sample) + u32::from(rx) * 3 + frame / 8) % 16;
        u16::try_from(40 * phase.min(16 - phase)).unwrap_or(0)
    };
    let mut samples = Vec::new();
    for _ in 0..chirps {
        for sample in 0..SAMPLES {
            samples.extend((0..RX).map(|rx| 1_900 + beat(sample, rx) + noise()));
        }
    }
    samples
}

fn hello() -> Hello {
    Hello {
        version: PROTOCOL_VERSION,
        max_frame: 128,
        schema_hash: SCHEMA_HASH,
        capabilities: capability::RADAR,
        firmware: (1, 0, 0),
        board_id: 1,
        boot_id: 1,
        nonce: NONCE,
    }
}

/// The preset `food`, which is the default of the settings.
fn radar() -> RadarConfig {
    RadarConfig {
        start_frequency_khz: 60_100_000,
        end_frequency_khz: 61_100_000,
        sample_rate_hz: 2_000_000,
        chirp_period_ns: 391_550,
        frame_period_us: 50_000,
        hp_cutoff_hz: 0,
        aaf_cutoff_hz: 0,
        samples_per_chirp: SAMPLES,
        chirps_per_frame: CHIRPS,
        rx_mask: 7,
        tx_mask: 1,
        if_gain_db: 0,
        tx_power_level: 0,
        sensor_model: 1,
        adc_bits: 12,
    }
}
