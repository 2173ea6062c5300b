//! EVT streams in memory, 64 KiB at a time into a batch that is used again.

use std::hint::black_box;

use visaged::data::EventBatch;
use visaged::sensor::evt::{Decoder, Format};

use crate::inputs::{Inputs, Stream, synthetic_evt3};
use crate::workload::{Amount, Error, Job};

pub(super) const CHUNK: usize = 64 << 10;

type Prepared = Result<Option<Job>, Error>;

pub(crate) fn synthetic(_: &Inputs) -> Prepared {
    Ok(Some(job(synthetic_evt3()?)))
}

pub(crate) fn imx636(inputs: &Inputs) -> Prepared {
    Ok(inputs.evt("event/imx636_evk4_evt3.raw", Format::Evt3)?.map(job))
}

pub(crate) fn face_evt3(inputs: &Inputs) -> Prepared {
    Ok(inputs.evt("event/face_dvxplorer_evt3.raw", Format::Evt3)?.map(job))
}

pub(crate) fn sparklers_evt3(inputs: &Inputs) -> Prepared {
    Ok(inputs.evt3_sparklers()?.map(job))
}

pub(crate) fn sparklers_evt2(inputs: &Inputs) -> Prepared {
    Ok(inputs.evt2_sparklers()?.map(job))
}

pub(crate) fn face_evt21(inputs: &Inputs) -> Prepared {
    Ok(inputs.evt("event/face_dvxplorer_evt21_little.raw", Format::Evt21Little)?.map(job))
}

fn job(stream: Stream) -> Job {
    let amount = Amount::events(stream.decode().len());
    let mut batch = EventBatch::default();
    let run = move || {
        let mut decoder = Decoder::new(stream.format, stream.geometry);
        for chunk in stream.payload().chunks(CHUNK) {
            batch.clear();
            decoder.push(black_box(chunk), &mut batch);
            black_box(&batch.events);
        }
        decoder.finish();
        black_box(decoder.tally());
    };
    Job { run: Box::new(run), amount }
}
