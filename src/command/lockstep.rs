//! Recordings of sensors through the pipeline in lock-step, as fast as they can be read.

use super::Failure;
use super::progress::Bar;
use crate::config::Config;
use crate::data::Input;
use crate::pipeline::Pipeline;
use crate::sensor::Sensor;

/// Reads whichever sensor the pipeline waits for until all have ended or `tell`, which is to tell
/// the pipeline, says stop.
pub(super) fn drive(
    config: &Config,
    mut sensors: Vec<Box<dyn Sensor>>,
    pipeline: &mut Pipeline,
    mut tell: impl FnMut(&mut Pipeline, Input) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    let bars: Vec<_> =
        config.sensors.iter().zip(&sensors).map(|(c, s)| Bar::over(s.as_ref(), &c.name)).collect();
    while let Some(source) = pipeline.hungry() {
        let sensor = sensors[source].as_mut();
        let reading = sensor.read()?;
        let counts = Input::Counts { source, counts: sensor.counts() };
        let input = match reading {
            Some(reading) => Input::Reading { source, reading, arrival: None },
            None => Input::End { source },
        };
        bars[source].show(sensor);
        if !tell(pipeline, counts)? || !tell(pipeline, input)? {
            return Ok(());
        }
    }
    Ok(())
}
