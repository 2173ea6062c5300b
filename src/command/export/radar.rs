//! Exports of radar recordings.

use ndarray::{Array2, Array3};

use super::npy::NpyWriter;
use super::{Args, Frames, output};
use crate::command::Failure;
use crate::command::progress::Bar;
use crate::data::{ChirpConfig, RadarFrame, Reading};
use crate::dsp::radar::{
    Clutter, FrameShape, MicroDoppler, MicroDopplerConfig, RangeDoppler, RangeDopplerConfig,
    RangeProfile, Window,
};
use crate::sensor::Sensor;

const F32: &str = "'<f4'";

pub(super) fn rdi(
    args: &Args,
    chirp: &ChirpConfig,
    sensor: &mut dyn Sensor,
    bar: &Bar,
) -> Result<Vec<u64>, Failure> {
    let clutter = Clutter::from(args.clutter);
    let config = RangeDopplerConfig { clutter, ..RangeDopplerConfig::default() };
    let mut kernel = RangeDoppler::plan(FrameShape::from(chirp), &config)?;
    let (mut map, mut file) = map_and_file(args, kernel.map_shape())?;
    let frames = args.frames.unwrap_or(Frames::ALL);
    each_frame(frames, sensor, bar, |frame| {
        // Every frame up to the last is computed: a moving-target memory needs those before.
        kernel.run(&frame.samples, &mut map);
        if frames.contains(frame.number) {
            file.row_f32(map.iter().copied()).map_err(output(args))?;
        }
        Ok(())
    })?;
    file.finish().map_err(output(args))
}

pub(super) fn micro(
    args: &Args,
    chirp: &ChirpConfig,
    sensor: &mut dyn Sensor,
    bar: &Bar,
) -> Result<Vec<u64>, Failure> {
    let mut config =
        MicroDopplerConfig { mode: args.mode.into(), frames: args.block, hop: args.block };
    config.hop = args.hop.unwrap_or_else(|| config.block());
    let mut kernel = MicroDoppler::plan(FrameShape::from(chirp), &config)?;
    let (mut map, mut file) = map_and_file(args, kernel.map_shape())?;
    let frames = args.frames.unwrap_or(Frames::ALL);
    each_frame(frames, sensor, bar, |frame| {
        // Blocks are made of the chosen frames alone, so that `--frames` chooses where they start.
        if frames.contains(frame.number) && kernel.push(&frame.samples) {
            kernel.run(&mut map);
            file.row_f32(map.iter().copied()).map_err(output(args))?;
        }
        Ok(())
    })?;
    file.finish().map_err(output(args))
}

pub(super) fn profile(
    args: &Args,
    chirp: &ChirpConfig,
    sensor: &mut dyn Sensor,
    bar: &Bar,
) -> Result<Vec<u64>, Failure> {
    let mut kernel = RangeProfile::plan(FrameShape::from(chirp), Window::default())?;
    let (rx, range_bins) = kernel.profile_shape();
    let mut profile = Array2::zeros((rx, range_bins));
    let mut file = NpyWriter::create(&args.out, F32, &[rx, range_bins]).map_err(output(args))?;
    let frames = args.frames.unwrap_or(Frames::ALL);
    each_frame(frames, sensor, bar, |frame| {
        if frames.contains(frame.number) {
            kernel.run(&frame.samples, &mut profile);
            file.row_f32(profile.iter().copied()).map_err(output(args))?;
        }
        Ok(())
    })?;
    file.finish().map_err(output(args))
}

/// A map of `(rx, range_bin, doppler_bin)` and a file of such maps.
fn map_and_file(
    args: &Args,
    (rx, range_bins, doppler_bins): (usize, usize, usize),
) -> Result<(Array3<f32>, NpyWriter), Failure> {
    let file = NpyWriter::create(&args.out, F32, &[rx, range_bins, doppler_bins]);
    Ok((Array3::zeros((rx, range_bins, doppler_bins)), file.map_err(output(args))?))
}

/// Calls `take` with each frame up to the last one asked for.
fn each_frame(
    frames: Frames,
    sensor: &mut dyn Sensor,
    bar: &Bar,
    mut take: impl FnMut(&RadarFrame) -> Result<(), Failure>,
) -> Result<(), Failure> {
    while let Some(reading) = sensor.read()? {
        let Reading::Radar(frame) = reading else { continue };
        if frames.ends_before(frame.number) {
            break;
        }
        take(&frame)?;
        bar.show(sensor);
    }
    Ok(())
}
