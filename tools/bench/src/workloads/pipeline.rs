//! Whole recordings through the pipeline in lock-step, from opening the files to the messages.

use std::hint::black_box;
use std::path::{Path, PathBuf};

use visaged::data::Source;
use visaged::pipeline::{Config, Pipeline};
use visaged::sensor::{self, Description};

use crate::inputs::Inputs;
use crate::workload::{Amount, Error, Job};

type Prepared = Result<Option<Job>, Error>;

pub(crate) fn radar(inputs: &Inputs) -> Prepared {
    job([inputs.shared("radar/napaszhar_bgt60tr13c")])
}

pub(crate) fn event(inputs: &Inputs) -> Prepared {
    job([inputs.shared("event/face_dvxplorer_evt3.raw")])
}

pub(crate) fn demo(inputs: &Inputs) -> Prepared {
    job([inputs.scene("demo/radar"), inputs.scene("demo/event.raw")])
}

fn job<const N: usize>(recordings: [Option<PathBuf>; N]) -> Prepared {
    let Some(recordings) = recordings.into_iter().collect::<Option<Vec<PathBuf>>>() else {
        return Ok(None);
    };
    replay(&recordings)?;
    let run = move || {
        // It went well just now.
        drop(black_box(replay(black_box(&recordings))));
    };
    Ok(Some(Job { run: Box::new(run), amount: Amount::Recording }))
}

/// Replays `recordings` and says how many messages there were.
fn replay(recordings: &[PathBuf]) -> Result<usize, Error> {
    let open = |path: &PathBuf| sensor::open(path);
    let mut sensors = recordings.iter().map(open).collect::<Result<Vec<_>, _>>()?;
    let mut sources = Vec::new();
    for (path, sensor) in recordings.iter().zip(&sensors) {
        let Description { view, epoch, .. } = sensor.description();
        sources.push(Source { name: name(path), view: view.clone(), epoch: *epoch });
    }
    let mut pipeline = Pipeline::plan(&Config::default(), &sources, None)?;
    let (mut out, mut messages) = (Vec::new(), 0);
    while let Some(source) = pipeline.hungry() {
        let reading = sensors[source].read()?;
        pipeline.report(source, sensors[source].counts());
        match reading {
            Some(reading) => pipeline.push(source, reading, &mut out),
            None => pipeline.end(source, &mut out),
        }
        messages += black_box(&out).len();
        out.clear();
    }
    Ok(messages)
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
