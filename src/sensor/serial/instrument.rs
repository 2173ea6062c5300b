//! What a radar and an event camera do differently on the same link.

use firmware_proto::{ConfigBody, Frame, TimeReply};

use crate::data::{Counts, Reading, TimeAnswer};

/// The sensor behind a link: how it must be set, and what its messages mean.
pub trait Instrument {
    /// What it is called in messages to people.
    const NAME: &'static str;
    /// Its stream, by the convention of the protocol.
    const STREAM: u8;
    /// The bit of [`firmware_proto::capability`] that a board with such a sensor sets.
    const CAPABILITY: u32;

    /// How the settings want a sensor that is set as `actual`: what they leave open is taken from
    /// there. `None` if `actual` is of another kind of sensor.
    fn wanted(&self, actual: &ConfigBody) -> Option<ConfigBody>;

    /// Where two configurations differ: name of the setting, the first's value, the second's.
    fn differences(wanted: &ConfigBody, actual: &ConfigBody) -> Vec<Difference>;

    /// From here on data are taken with the configuration `config_id`, which is the wanted one.
    fn configured(&mut self, config_id: u16);

    /// Takes a message of the sensor's stream.
    fn take(&mut self, frame: &Frame<'_>) -> Option<Reading>;

    /// Messages of the sensor's stream are missing before the next one.
    fn gap(&mut self);

    /// The board has started anew: its clock and its numbers begin again.
    fn restart(&mut self);

    /// The port was lost; the board may have gone on. True if the sensor's own time cannot be
    /// followed across that.
    fn disconnected(&mut self) -> bool;

    /// A time reply on the clock of the sensor's readings; `None` while that is unknown.
    fn answer(&self, reply: &TimeReply) -> Option<TimeAnswer>;

    /// Adds everything refused so far.
    fn count(&self, counts: &mut Counts);
}

/// One setting that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its name in the settings.
    pub key: &'static str,
    /// As the settings want it.
    pub wanted: String,
    /// As the device has it.
    pub actual: String,
}

/// The settings that differ between `wanted` and `actual`, which name them in the same order.
pub(crate) fn differing<const N: usize>(
    wanted: [(&'static str, String); N],
    actual: [(&'static str, String); N],
) -> Vec<Difference> {
    let pairs = wanted.into_iter().zip(actual);
    pairs
        .filter(|(wanted, actual)| wanted != actual)
        .map(|((key, wanted), (_, actual))| Difference { key, wanted, actual })
        .collect()
}

/// The settings that differ, for people.
pub(crate) fn list(differences: &[Difference]) -> String {
    let told = differences.iter().map(|Difference { key, wanted, actual }| {
        format!("`{key}` is {wanted} in the settings and {actual} on the device")
    });
    told.collect::<Vec<_>>().join(", ")
}
