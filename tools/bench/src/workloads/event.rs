//! Event kernels on the recording of a face.

use std::hint::black_box;

use ndarray::Array4;
use visaged::data::{Event, Geometry};
use visaged::dsp::event::{Denoise, DenoiseConfig, FaceConfig, FaceRegion, VoxelConfig, Voxels};
use visaged::sensor::evt::Format;

use crate::inputs::Inputs;
use crate::workload::{Amount, Error, Job};

type Prepared = Result<Option<Job>, Error>;

/// The events of the face, and how long one round of them is.
struct Face {
    events: Vec<Event>,
    geometry: Geometry,
    round: i64,
}

impl Face {
    fn load(inputs: &Inputs) -> Result<Option<Self>, Error> {
        let stream = inputs.evt("event/face_dvxplorer_evt3.raw", Format::Evt3)?;
        Ok(stream.map(|stream| {
            let events = stream.decode();
            let span = || Some(events.last()?.t - events.first()?.t + 1);
            Self { round: span().unwrap_or(1), geometry: stream.geometry, events }
        }))
    }

    /// A job that gives each event to `take`, its time raised from round to round.
    fn job(self, mut take: impl FnMut(Event) + 'static) -> Job {
        let amount = Amount::events(self.events.len());
        let mut later = 0;
        let run = move || {
            for event in &self.events {
                take(Event { t: event.t + later, ..*event });
            }
            later += self.round;
        };
        Job { run: Box::new(run), amount }
    }
}

pub(crate) fn denoise(inputs: &Inputs) -> Prepared {
    Ok(Face::load(inputs)?.map(|face| {
        let mut denoise = Denoise::plan(&DenoiseConfig::default(), face.geometry);
        face.job(move |event| {
            black_box(denoise.keeps(event));
        })
    }))
}

pub(crate) fn face_region(inputs: &Inputs) -> Prepared {
    Ok(Face::load(inputs)?.map(|face| {
        let mut region = FaceRegion::plan(&FaceConfig::default(), face.geometry);
        face.job(move |event| {
            region.push(event);
            black_box(region.sighting());
        })
    }))
}

pub(crate) fn voxels(inputs: &Inputs) -> Prepared {
    Ok(Face::load(inputs)?.map(|face| {
        let mut region = FaceRegion::plan(&FaceConfig::default(), face.geometry);
        for &event in &face.events {
            region.push(event);
        }
        let region = region.sighting().region;
        let mut voxels = Voxels::plan(&VoxelConfig::default());
        let mut tensor = Array4::zeros(Voxels::SHAPE);
        face.job(move |event| {
            while voxels.run(event.t, region, &mut tensor).is_some() {
                black_box(&tensor);
            }
            voxels.push(event);
        })
    }))
}
