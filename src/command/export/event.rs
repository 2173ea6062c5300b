//! Exports of event recordings.

use ndarray::Array4;

use super::npy::NpyWriter;
use super::{Args, Frames, output};
use crate::command::Failure;
use crate::command::progress::Bar;
use crate::data::{Event, Geometry, Reading};
use crate::dsp::event::{
    Denoise, DenoiseConfig, FaceConfig, FaceRegion, VoxelConfig, Voxelized, Voxels,
};
use crate::sensor::Sensor;

/// As the reference decoders pack an event: 13 bytes, no padding.
const EVENT: &str = "[('t', '<i8'), ('x', '<u2'), ('y', '<u2'), ('p', '|u1')]";

pub(super) fn events(
    args: &Args,
    sensor: &mut dyn Sensor,
    bar: &Bar,
) -> Result<Vec<u64>, Failure> {
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
    let mut denoise = Denoise::plan(&DenoiseConfig::default(), geometry);
    let mut face = FaceRegion::plan(&FaceConfig::default(), geometry);
    let config = VoxelConfig::default();
    let mut voxels = Voxels::plan(&config);
    let mut tensor = Array4::zeros(Voxels::SHAPE);
    let (polarities, bins, rows, columns) = Voxels::SHAPE;
    let mut file = NpyWriter::create(&args.out, "'<f4'", &[polarities, bins, rows, columns])
        .map_err(output(args))?;
    let frames = args.frames.unwrap_or(Frames::ALL);
    let mut window = 0;
    let mut newest = None;
    let mut origin = None;
    // One window after another up to `now`; false when no further window is wanted.
    let mut flush = |now, face: &FaceRegion, voxels: &mut Voxels, file: &mut NpyWriter| {
        while let Some(Voxelized { .. }) = voxels.run(now, face.sighting().region, &mut tensor) {
            if frames.contains(window) {
                file.row_f32(tensor.iter()).map_err(output(args))?;
            }
            window += 1;
            if frames.ends_before(window) {
                return Ok(false);
            }
        }
        Ok(true)
    };
    each_event(sensor, bar, |event| {
        // As in the pipeline, time starts with the recording.
        let t = event.t.saturating_sub(*origin.get_or_insert(event.t));
        let event = Event { t, ..event };
        if !denoise.keeps(event) {
            return Ok(true);
        }
        let more = flush(t, &face, &mut voxels, &mut file)?;
        face.push(event);
        voxels.push(event);
        newest = newest.max(Some(t));
        Ok(more)
    })?;
    if let Some(newest) = newest {
        flush(newest, &face, &mut voxels, &mut file)?;
    }
    file.finish().map_err(output(args))
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
