//! An event camera on a sensor board: blocks of EVT words over the serial protocol.

mod blocks;
mod camera_clock;
mod settings;

pub use blocks::Blocks;
pub use settings::{CameraSettings, Config};

use super::serial::{SerialSensor, Session};
use super::{Candidate, Description, Device, Epoch, Error, View};
use crate::data::Modality;

/// An event camera on a serial port.
pub type EventSerial = SerialSensor<Blocks>;

impl Device for EventSerial {
    const NAME: &'static str = "event-serial";
    const MODALITY: Modality = Modality::Event;
    const ABOUT: &'static str =
        "live event camera on a sensor board, by the serial protocol of visaged";
    type Config = Config;

    /// A port is no recording.
    fn recognises(_: &Candidate) -> bool {
        false
    }

    fn open(config: Config) -> Result<Self, Error> {
        let (key, notes) = config.link.key()?;
        let description = Description {
            kind: Self::NAME,
            format: format!("visaged serial protocol 1.0, {}", config.camera.format.label()),
            device: config.link.address.to_string(),
            view: View::Event(config.camera.geometry),
            epoch: Epoch::Live,
            notes,
        };
        let session = Session::new(Blocks::new(config.camera), key);
        Ok(Self::new(description, config.link, session))
    }
}
