//! Radar kernels on frames of the shape that the FOODER networks take in.
//!
//! Samples come as `i16`, as the ADC gives them: turning them into `f32` is part of the work.

use std::hint::black_box;

use ndarray::{Array2, Array3};
use visaged::data::Samples;
use visaged::dsp::radar::{
    Clutter, FrameShape, MicroDoppler, MicroDopplerConfig, ModelInput, ModelInputConfig,
    RangeDoppler, RangeDopplerConfig,
};
use visaged::units::Meters;

use crate::inputs::{Inputs, radar_frames};
use crate::workload::{Amount, Error, Job};

type Prepared = Result<Option<Job>, Error>;

/// Distinct frames, taken in turn: 3 MiB, more than the first two levels of cache hold.
const FRAMES: u32 = 64;

pub(crate) fn range_doppler(_: &Inputs) -> Prepared {
    maps(&RangeDopplerConfig::default())
}

pub(crate) fn range_doppler_mti(_: &Inputs) -> Prepared {
    maps(&RangeDopplerConfig { clutter: Clutter::Mti { alpha: 0.8 }, ..<_>::default() })
}

fn maps(config: &RangeDopplerConfig) -> Prepared {
    let (frames, shape) = frames();
    let mut kernel = RangeDoppler::plan(shape, config)?;
    let mut map = Array3::zeros(kernel.map_shape());
    let run = move || {
        for frame in &frames {
            kernel.run(black_box(frame), &mut map);
            black_box(&map);
        }
    };
    Ok(Some(Job { run: Box::new(run), amount: Amount::Frames(FRAMES) }))
}

pub(crate) fn micro_doppler(_: &Inputs) -> Prepared {
    micro_maps(&MicroDopplerConfig::default())
}

pub(crate) fn micro_doppler_stacked(_: &Inputs) -> Prepared {
    micro_maps(&MicroDopplerConfig::fooder())
}

/// A frame in, and a map out when one is due.
fn micro_maps(config: &MicroDopplerConfig) -> Prepared {
    let (frames, shape) = frames();
    let mut kernel = MicroDoppler::plan(shape, config)?;
    let mut map = Array3::zeros(kernel.map_shape());
    // Before the first block is full there is less to do.
    for frame in &frames {
        kernel.push(frame);
    }
    let run = move || {
        for frame in &frames {
            if kernel.push(black_box(frame)) {
                kernel.run(&mut map);
                black_box(&map);
            }
        }
    };
    Ok(Some(Job { run: Box::new(run), amount: Amount::Frames(FRAMES) }))
}

pub(crate) fn model_input(_: &Inputs) -> Prepared {
    let (frames, shape) = frames();
    let mut kernel = RangeDoppler::plan(shape, &RangeDopplerConfig::fooder())?;
    let mut map = Array3::zeros(kernel.map_shape());
    kernel.run(&frames[0], &mut map);
    let mut kernel = ModelInput::plan(map.dim(), Meters(0.15), &ModelInputConfig::fooder())?;
    let mut input = Array2::zeros((ModelInput::SIDE, ModelInput::SIDE));
    let run = move || {
        kernel.run(black_box(&map), &mut input);
        black_box(&input);
    };
    Ok(Some(Job { run: Box::new(run), amount: Amount::Frames(1) }))
}

fn frames() -> (Vec<Samples>, FrameShape) {
    let frames = radar_frames(FRAMES as usize);
    let shape = FrameShape::of(&frames[0]);
    (frames, shape)
}
