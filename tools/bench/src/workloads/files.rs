//! AEDAT4 and DAT in memory, and whole files read as the daemon reads them.

use std::hint::black_box;
use std::path::Path;

use visaged::data::{EventBatch, Reading};
use visaged::sensor::evt::Header;
use visaged::sensor::{self, View, aedat4, dat};

use super::evt::CHUNK;
use crate::inputs::{Inputs, read};
use crate::workload::{Amount, Error, Job};

type Prepared = Result<Option<Job>, Error>;

const AEDAT4: &str = "event/dvxplorer_lite_face.aedat4";
const DAT: &str = "event/face_dvxplorer_cd.dat";
/// Between the header of a DAT file and its records: type and size.
const DAT_PREAMBLE: usize = 2;

pub(crate) fn aedat4(inputs: &Inputs) -> Prepared {
    let Some(path) = inputs.shared(AEDAT4) else { return Ok(None) };
    let file = read(&path)?;
    let mut batch = EventBatch::default();
    let run = move || {
        let mut decoder = aedat4::decode::Decoder::file(None);
        for chunk in file.chunks(CHUNK) {
            batch.clear();
            // The file was read to its end below, so that its header is good.
            drop(decoder.push(black_box(chunk), &mut batch));
            black_box(&batch.events);
        }
        decoder.finish(&mut batch);
        black_box(decoder.counts());
    };
    Ok(Some(Job { run: Box::new(run), amount: events_in(&path)? }))
}

pub(crate) fn dat(inputs: &Inputs) -> Prepared {
    let Some(path) = inputs.shared(DAT) else { return Ok(None) };
    let View::Event(geometry) = sensor::open(&path)?.description().view else { return Ok(None) };
    let file = read(&path)?;
    let records = Header::parse(&file).bytes + DAT_PREAMBLE;
    let mut batch = EventBatch::default();
    let run = move || {
        let mut decoder = dat::Decoder::new(geometry);
        for chunk in file[records..].chunks(CHUNK) {
            batch.clear();
            decoder.push(black_box(chunk), &mut batch);
            black_box(&batch.events);
        }
        decoder.finish();
        black_box(decoder.tally());
    };
    Ok(Some(Job { run: Box::new(run), amount: events_in(&path)? }))
}

pub(crate) fn read_imx636(inputs: &Inputs) -> Prepared {
    inputs.shared("event/imx636_evk4_evt3.raw").map(|path| from_file(&path)).transpose()
}

pub(crate) fn read_aedat4(inputs: &Inputs) -> Prepared {
    inputs.shared(AEDAT4).map(|path| from_file(&path)).transpose()
}

/// Finds out what the file is, opens it and takes one fresh batch after another.
pub(crate) fn from_file(path: &Path) -> Result<Job, Error> {
    let path = path.to_owned();
    let amount = events_in(&path)?;
    let run = move || {
        // It was read to its end before.
        drop(black_box(each_batch(&path, |batch| drop(black_box(batch)))));
    };
    Ok(Job { run: Box::new(run), amount })
}

fn events_in(path: &Path) -> Result<Amount, Error> {
    let mut count = 0;
    each_batch(path, |batch| count += batch.events.len())?;
    Ok(Amount::events(count))
}

fn each_batch(path: &Path, mut take: impl FnMut(EventBatch)) -> Result<(), Error> {
    let mut sensor = sensor::open(path)?;
    while let Some(reading) = sensor.read()? {
        if let Reading::Events(batch) = reading {
            take(batch);
        }
    }
    Ok(())
}
