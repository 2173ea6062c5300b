//! Exports of event recordings.

use ndarray::Array4;

use super::npy::NpyWriter;
use super::{Args, Frames, output};
use crate::command::Failure;
use crate::command::progress::Bar;
use crate::data::{Event, Geometry, Reading};
use crate::dsp::event::{Denoise, DenoiseConfig, FaceConfig, FaceRegion, VoxelConfig, Voxels};
use crate::sensor::Sensor;

/// As the reference decoders pack an event: 13 bytes, no padding.
const EVENT: &str = "[('t', '<i8'), ('x', '<u2'), ('y', '<u2'), ('p', '|u1')]";

pub(super) fn events(args: &Args, sensor: &mut dyn Sensor, bar: &Bar) -> Result<Vec<u64>, Failure> {
    if args.frames.is_some() {
        return Err(Failure::Usage("--frames does not apply to events".to_owned()));
    }
    let mut file = NpyWriter::create(&args.out, EVENT, &[]).map_err(output(args))?;
    let mut origin = None;
    each_event(sensor, bar, |event| {
        let origin = if args.rebase { *origin.get_or_insert(event.t) } else { 0 };
        let mut row = [0; 13];
        row[..8].copy_from_slice(&event.t.wrapping_sub(origin).to_le_bytes());
        row[8..10].copy_from_slice(&event.x.to_le_bytes());
        row[10..12].copy_from_slice(&event.y.to_le_bytes());
        row[12] = u8::from(event.on);
        file.row_bytes(&row).map_err(output(args)).map(|()| true)
    })?;
    file.finish().map_err(output(args))
}

pub(super) fn voxels(
    args: &Args,
    geometry: Geometry,
    sensor: &mut dyn Sensor,
    bar: &Bar,
) -> Result<Vec<u64>, Failure> {
    let (polarities, bins, rows, columns) = Voxels::SHAPE;
    let file = NpyWriter::create(&args.out, "'<f4'", &[polarities, bins, rows, columns])
        .map_err(output(args))?;
    let mut windows = Windows {
        args,
        frames: args.frames.unwrap_or(Frames::ALL),
        denoise: Denoise::plan(&DenoiseConfig::default(), geometry),
        face: FaceRegion::plan(&FaceConfig::default(), geometry),
        voxels: Voxels::plan(&VoxelConfig::default()),
        tensor: Array4::zeros(Voxels::SHAPE),
        file,
        number: 0,
        origin: None,
        newest: i64::MIN,
    };
    each_event(sensor, bar, |event| windows.take(event))?;
    windows.write_until(windows.newest)?;
    windows.file.finish().map_err(output(args))
}

/// The event kernels of the pipeline with a file behind them.
struct Windows<'a> {
    args: &'a Args,
    frames: Frames,
    denoise: Denoise,
    face: FaceRegion,
    voxels: Voxels,
    tensor: Array4<f32>,
    file: NpyWriter,
    number: u64,
    origin: Option<i64>,
    newest: i64,
}

impl Windows<'_> {
    /// Takes one event; false when no further window is wanted.
    fn take(&mut self, event: Event) -> Result<bool, Failure> {
        // As in the pipeline, time starts with the recording.
        let t = event.t.saturating_sub(*self.origin.get_or_insert(event.t));
        let event = Event { t, ..event };
        if !self.denoise.keeps(event) {
            return Ok(true);
        }
        self.write_until(t)?;
        self.face.push(event);
        self.voxels.push(event);
        self.newest = self.newest.max(t);
        Ok(!self.frames.ends_before(self.number))
    }

    /// Writes every wanted window that ended at or before `now`.
    fn write_until(&mut self, now: i64) -> Result<(), Failure> {
        let region = self.face.sighting().region;
        while self.voxels.run(now, region, &mut self.tensor).is_some() {
            if self.frames.contains(self.number) {
                self.file.row_f32(self.tensor.iter().copied()).map_err(output(self.args))?;
            }
            self.number += 1;
        }
        Ok(())
    }
}

/// Calls `take` with each event until it says false.
fn each_event(
    sensor: &mut dyn Sensor,
    bar: &Bar,
    mut take: impl FnMut(Event) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    while let Some(reading) = sensor.read()? {
        let Reading::Events(batch) = reading else { continue };
        for event in batch.events {
            if !take(event)? {
                return Ok(());
            }
        }
        bar.show(sensor);
    }
    Ok(())
}
