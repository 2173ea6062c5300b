//! What networks see: one recipe for the daemon that runs them and the tool that trains them.

use ndarray::{Array3, Array4, Axis};
use serde::{Deserialize, Serialize};

use super::EventConfig;
use crate::data::{ChirpConfig, Event, Geometry, RadarFrame};
use crate::dsp::event::{
    Denoise, DenoiseCounts, FaceRegion, Region, VoxelCounts, Voxelized, Voxels,
};
use crate::dsp::radar::{
    Error, FrameShape, MapAxes, MicroDoppler, MicroDopplerConfig, ModelInput, ModelInputConfig,
    RangeDoppler, RangeDopplerConfig,
};

/// How a radar frame becomes the input of the radar's networks; part of a bundle, so that no
/// setting of the daemon can make a network see something else than it was trained on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct RadarInputConfig {
    /// The range-Doppler map.
    pub range_doppler: RangeDopplerConfig,
    /// The micro-range-Doppler map. Its hop is 1: every frame has an input.
    pub micro_doppler: MicroDopplerConfig,
    /// Which part of both is seen.
    pub crop: ModelInputConfig,
}

impl Default for RadarInputConfig {
    /// What the FOODER networks of this project take in.
    fn default() -> Self {
        Self {
            range_doppler: RangeDopplerConfig::fooder(),
            micro_doppler: MicroDopplerConfig::fooder(),
            crop: ModelInputConfig::fooder(),
        }
    }
}

/// Makes the inputs of the radar's networks from a stream of frames.
pub struct RadarInputs {
    shape: FrameShape,
    fast: RangeDoppler,
    slow: MicroDoppler,
    /// `[rx, range_bin, doppler_bin]` of each.
    maps: [Array3<f32>; 2],
    crops: [ModelInput; 2],
    /// `[map, range, doppler]`
    input: Array3<f32>,
}

impl RadarInputs {
    /// Plans for frames of a radar that is set to `chirp`.
    ///
    /// # Errors
    /// When the kernels refuse these sizes or settings.
    pub fn plan(config: &RadarInputConfig, chirp: &ChirpConfig) -> Result<Self, Error> {
        let shape = FrameShape::from(chirp);
        let micro_doppler = MicroDopplerConfig { hop: 1, ..config.micro_doppler };
        let fast = RangeDoppler::plan(shape, &config.range_doppler)?;
        let slow = MicroDoppler::plan(shape, &micro_doppler)?;
        let steps = [
            MapAxes::of_range_doppler(chirp, &config.range_doppler).range_step,
            MapAxes::of_micro_doppler(chirp, &micro_doppler).range_step,
        ];
        let shapes = [fast.map_shape(), slow.map_shape()];
        Ok(Self {
            shape,
            maps: shapes.map(Array3::zeros),
            crops: [
                ModelInput::plan(shapes[0], steps[0], &config.crop)?,
                ModelInput::plan(shapes[1], steps[1], &config.crop)?,
            ],
            input: Array3::zeros((2, ModelInput::SIDE, ModelInput::SIDE)),
            fast,
            slow,
        })
    }

    /// Takes a frame; gives the input that ends with it, or `None` while there are too few frames
    /// for the micro-Doppler map.
    ///
    /// Shapes: `[map 2, range 64, doppler 64]` out, range-Doppler map first, each 0 to 1.
    ///
    /// # Panics
    /// When the frame has not the planned shape.
    pub fn push(&mut self, frame: &RadarFrame) -> Option<&Array3<f32>> {
        assert_eq!(FrameShape::of(&frame.samples), self.shape, "the frame was not planned for");
        let [fast_map, slow_map] = &mut self.maps;
        self.fast.run(&frame.samples, fast_map);
        if !self.slow.push(&frame.samples) {
            return None;
        }
        self.slow.run(slow_map);
        let inputs = self.input.axis_iter_mut(Axis(0));
        for ((map, crop), mut input) in self.maps.iter().zip(&mut self.crops).zip(inputs) {
            crop.run(map, &mut input);
        }
        Some(&self.input)
    }

    /// Forgets earlier frames.
    pub fn restart(&mut self) {
        self.fast.reset();
        self.slow.reset();
    }
}

/// Makes the inputs of the event network from a stream of events: filters, face region, voxels.
pub struct EventInputs {
    denoise: Denoise,
    face: FaceRegion,
    voxels: Voxels,
    /// `[polarity, bin, row, column]`
    tensor: Array4<f32>,
}

impl EventInputs {
    /// Plans for a camera of `geometry`, with a `config` that was checked.
    #[must_use]
    pub fn plan(config: &EventConfig, geometry: Geometry) -> Self {
        Self {
            denoise: Denoise::plan(&config.denoise, geometry),
            face: FaceRegion::plan(&config.face, geometry),
            voxels: Voxels::plan(&config.voxels),
            tensor: Array4::zeros(Voxels::SHAPE),
        }
    }

    /// Takes an event and hands each window that ended before it to `window`. True if the filters
    /// kept the event.
    ///
    /// Shapes: `[polarity 2, bin 16, row 112, column 112]` to `window`, 0 to 1.
    pub fn push(&mut self, event: Event, mut window: impl FnMut(Voxelized, &Array4<f32>)) -> bool {
        if !self.denoise.keeps(event) {
            return false;
        }
        let Self { face, voxels, tensor, .. } = self;
        while let Some(voxelized) = voxels.run(event.t, face.sighting().region, tensor) {
            window(voxelized, tensor);
        }
        face.push(event);
        voxels.push(event);
        true
    }

    /// Where the face is, by the events so far.
    #[must_use]
    pub const fn region(&self) -> Region {
        self.face.sighting().region
    }

    /// What the filters took out.
    #[must_use]
    pub const fn filtered(&self) -> DenoiseCounts {
        self.denoise.counts()
    }

    /// What became of events and windows.
    #[must_use]
    pub const fn windows(&self) -> VoxelCounts {
        self.voxels.counts()
    }

    /// Forgets the open window; the stream starts again later.
    pub fn restart(&mut self) {
        self.voxels.restart();
    }
}

#[cfg(test)]
mod tests {
    use ndarray::s;

    use super::*;
    use crate::data::Samples;
    use crate::units::Stamp;

    /// A frame in which a target moves at a constant speed.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "numbers are small, and samples within 12 bits"
    )]
    fn frame(chirp: &ChirpConfig, number: u64) -> RadarFrame {
        let shape = (chirp.rx_antennas.len(), chirp.chirps, chirp.samples);
        let samples = Array3::from_shape_fn(shape, |(rx, c, n)| {
            let slow = 0.4 * c as f64 + 25.6 * number as f64 + rx as f64;
            (2048.0 + 300.0 * (0.5 * n as f64 + slow).cos()) as i16
        });
        let stamp = Stamp::from_micros(50_000 * i64::try_from(number).unwrap());
        RadarFrame { number, stamp, samples: Samples::Real(samples), has_holes: false }
    }

    #[test]
    fn an_input_comes_with_every_frame_once_eight_were_seen() {
        let chirp = ChirpConfig::food();
        let mut inputs = RadarInputs::plan(&RadarInputConfig::default(), &chirp).unwrap();
        for number in 0..12 {
            let input = inputs.push(&frame(&chirp, number));
            assert_eq!(input.is_some(), number >= 7, "frame {number}");
        }
        inputs.restart();
        assert!(inputs.push(&frame(&chirp, 12)).is_none());
    }

    #[test]
    fn each_map_of_an_input_reaches_from_zero_to_one() {
        let chirp = ChirpConfig::food();
        let mut inputs = RadarInputs::plan(&RadarInputConfig::default(), &chirp).unwrap();
        for number in 0..7 {
            assert!(inputs.push(&frame(&chirp, number)).is_none());
        }
        let input = inputs.push(&frame(&chirp, 7)).unwrap();
        for map in 0..2 {
            let map = input.slice(s![map, .., ..]);
            let (least, most) =
                map.iter().fold((f32::MAX, f32::MIN), |(a, b), &x| (a.min(x), b.max(x)));
            assert!(least == 0.0 && (most - 1.0).abs() < 1e-6, "{least} to {most}");
        }
    }
}
