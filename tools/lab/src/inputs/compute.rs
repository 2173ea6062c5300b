//! From a recording to the inputs of networks, by the kernels of the daemon.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use candle_core::{Device, Tensor};
use half::f16;
use ndarray::Array3;
use visaged::data::{ChirpConfig, Event, Geometry, Modality, RadarFrame, Reading, Samples, View};
use visaged::dsp::event::{Voxelized, Voxels};
use visaged::dsp::radar::{
    FrameShape, MapAxes, ModelInput, PeakConfig, Peaks, RangeDoppler, RangeDopplerConfig,
};
use visaged::pipeline::{EventConfig, EventInputs, RadarInputConfig, RadarInputs, Seen};
use visaged::units::Micros;

use super::readings::{Beginning, Readings};
use super::{EventSet, Inputs, Options, RadarSet};
use crate::dataset::Recording;

/// Motion weaker than this over the median of its map has no distance, decibels; as in
/// [`RadarConfig`](visaged::pipeline::RadarConfig).
const LEAST_SNR_DB: f32 = 12.0;

/// Windows of fewer events may be alike by chance.
const DISTINCT_EVENTS: u32 = 100;

/// The inputs of `recording`, and what tells copies of its raw data.
pub(super) fn inputs(
    folder: &Path,
    recording: &Recording,
    options: &Options,
) -> Result<(Inputs, Vec<i64>)> {
    let (mut inputs, mut hashes) = (Inputs::default(), Vec::new());
    if let Some(path) = &recording.radar {
        inputs.radar = Some(radar(&folder.join(path), options.frame_step, &mut hashes)?);
    }
    if let Some(path) = &recording.event {
        inputs.event = Some(event(&folder.join(path), options.window_step, &mut hashes)?);
    }
    Ok((inputs, hashes))
}

fn radar(path: &Path, step: usize, hashes: &mut Vec<i64>) -> Result<RadarSet> {
    let mut readings = Readings::open(path, Modality::Radar)?;
    let View::Radar(chirp) = readings.view().clone() else {
        bail!("{} is no radar recording", path.display());
    };
    let mut inputs = RadarInputs::plan(&RadarInputConfig::default(), &chirp)?;
    let mut distance = Distance::plan(&chirp)?;
    let (mut maps, mut faces, mut steady) = (vec![], vec![], vec![]);
    let (mut time, mut range) = (vec![], vec![]);
    let nothing = Array3::zeros((2, ModelInput::SIDE, ModelInput::SIDE));
    let mut start = None;
    let mut seen = 0;
    while let Some(reading) = readings.next()? {
        let Reading::Radar(frame) = reading else { continue };
        let start = *start.get_or_insert(frame.stamp);
        let nearest = distance.of(&frame);
        if let Some(Seen { expression, identity }) = inputs.push(&frame) {
            if seen % step == 0 {
                maps.extend(expression.iter().map(|&x| f16::from_f32(x)));
                faces.extend(identity.unwrap_or(&nothing).iter().map(|&x| f16::from_f32(x)));
                steady.push(u8::from(identity.is_some()));
                time.push(Micros(frame.stamp.as_micros() - start.as_micros()).as_seconds());
                range.push(nearest);
                hashes.push(hash_of_samples(&frame.samples));
            }
            seen += 1;
        }
    }
    let side = ModelInput::SIDE;
    let shape = (time.len(), 2, side, side);
    let maps = Tensor::from_vec(maps, shape, &Device::Cpu)?;
    let faces = Tensor::from_vec(faces, shape, &Device::Cpu)?;
    Ok(RadarSet { maps, faces, steady, time, range })
}

fn hash_of_samples(samples: &Samples) -> i64 {
    match samples {
        Samples::Real(samples) => hash_of(samples.iter().flat_map(|x| x.to_le_bytes())),
        Samples::Complex(samples) => {
            hash_of(samples.iter().flatten().flat_map(|x| x.to_le_bytes()))
        }
    }
}

/// FNV-1a, 64 bits: copies are told from chance, not from malice.
fn hash_of(bytes: impl Iterator<Item = u8>) -> i64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
    bytes.fold(0xCBF2_9CE4_8422_2325, step).cast_signed()
}

/// Distance of the strongest motion, for the control that must not be able to tell persons apart.
struct Distance {
    kernel: RangeDoppler,
    map: Array3<f32>,
    peaks: Peaks,
    axes: MapAxes,
}

impl Distance {
    fn plan(chirp: &ChirpConfig) -> Result<Self> {
        let config = RangeDopplerConfig::default();
        let kernel = RangeDoppler::plan(FrameShape::from(chirp), &config)?;
        let axes = MapAxes::of_range_doppler(chirp, &config);
        let peaks = Peaks::plan(kernel.map_shape(), axes.range_step, PeakConfig::default())?;
        Ok(Self { map: Array3::zeros(kernel.map_shape()), kernel, peaks, axes })
    }

    #[expect(clippy::cast_possible_truncation, reason = "f32 resolves micrometres within 16 m")]
    fn of(&mut self, frame: &RadarFrame) -> f32 {
        self.kernel.run(&frame.samples, &mut self.map);
        let found = self.peaks.run(&self.map);
        let is_clear = found.snr_db.is_some_and(|snr| snr >= LEAST_SNR_DB);
        let place = found.moving.filter(|_| is_clear).map(|cell| cell.place(&self.axes));
        place.map_or(f32::NAN, |place| place.range.0 as f32)
    }
}

fn event(path: &Path, step: usize, hashes: &mut Vec<i64>) -> Result<EventSet> {
    let mut readings = Readings::open(path, Modality::Event)?;
    let View::Event(geometry) = readings.view().clone() else {
        bail!("{} is no recording of an event camera", path.display());
    };
    let mut windows = Windows::plan(geometry, step, readings.beginning()?);
    while let Some(reading) = readings.next()? {
        if let Reading::Events(batch) = reading {
            batch.events.iter().for_each(|&event| windows.push(event));
        }
    }
    hashes.append(&mut windows.hashes);
    windows.finish().with_context(|| format!("inputs of {}", path.display()))
}

/// Gathers the windows of a stream.
struct Windows {
    inputs: EventInputs,
    beginning: Beginning,
    step: usize,
    seen: usize,
    voxels: Vec<u8>,
    time: Vec<f64>,
    rate: Vec<f32>,
    hashes: Vec<i64>,
}

impl Windows {
    fn plan(geometry: Geometry, step: usize, beginning: Beginning) -> Self {
        let inputs = EventInputs::plan(&EventConfig::default(), geometry);
        let (voxels, time, rate, hashes) = (vec![], vec![], vec![], vec![]);
        Self { inputs, beginning, step, seen: 0, voxels, time, rate, hashes }
    }

    fn push(&mut self, event: Event) {
        let Self { inputs, beginning, step, seen, voxels, time, rate, hashes } = self;
        // Windows are cut on the time since the first event, as in the daemon.
        let event = Event { t: event.t.saturating_sub(beginning.device), ..event };
        inputs.push(event, |window, tensor| {
            if *seen % *step == 0 {
                let counts = || tensor.iter().map(|&value| count(value));
                voxels.extend(counts());
                if window.events >= DISTINCT_EVENTS {
                    hashes.push(hash_of(counts()));
                }
                time.push(Micros(window.end.saturating_add(beginning.since.0)).as_seconds());
                rate.push(rate_of(&window));
            }
            *seen += 1;
        });
    }

    fn finish(self) -> Result<EventSet> {
        let (polarities, bins, rows, columns) = Voxels::SHAPE;
        let shape = (self.time.len(), polarities, bins, rows, columns);
        let voxels = Tensor::from_vec(self.voxels, shape, &Device::Cpu)?;
        Ok(EventSet { voxels, time: self.time, rate: self.rate })
    }
}

/// The count that became `value` in a tensor.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "values are n / 5 for n in 0..=5"
)]
fn count(value: f32) -> u8 {
    (value * f32::from(Voxels::CLIP)).round() as u8
}

/// Events a second of a window.
#[expect(clippy::cast_possible_truncation, reason = "a rate needs no more than 24 bits")]
fn rate_of(window: &Voxelized) -> f32 {
    (f64::from(window.events) / Micros(window.end - window.start).as_seconds()) as f32
}
