//! A radar on a sensor board: slices of chirps over the serial protocol.

mod frames;
mod settings;

pub use frames::Frames;
pub use settings::{Config, Preset, RadarSettings};

use super::serial::{SerialSensor, Session};
use super::{Candidate, Description, Device, Epoch, Error, View};
use crate::data::Modality;

/// A radar on a serial port.
pub type RadarSerial = SerialSensor<Frames>;

impl Device for RadarSerial {
    const NAME: &'static str = "radar-serial";
    const MODALITY: Modality = Modality::Radar;
    const ABOUT: &'static str = "live radar on a sensor board, by the serial protocol of visaged";
    type Config = Config;

    /// A port is no recording.
    fn recognises(_: &Candidate) -> bool {
        false
    }

    fn open(config: Config) -> Result<Self, Error> {
        let (key, notes) = config.link.key()?;
        let description = Description {
            kind: Self::NAME,
            format: "visaged serial protocol 1.0, radar slices".to_owned(),
            device: config.link.address.to_string(),
            view: View::Radar(config.radar.chirps()),
            epoch: Epoch::Live,
            notes,
        };
        let session = Session::new(Frames::new(config.radar), key);
        Ok(Self::new(description, config.link, session))
    }
}
