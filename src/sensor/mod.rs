//! Devices and recordings: bytes in, typed frames out. One folder per kind, one row in [`SENSORS`].

pub mod aedat4;
pub mod dat;
pub mod event_net;
pub mod event_serial;
pub mod evt;
pub mod infineon;
pub mod openmv;
pub mod radar_dca1000;
pub mod radar_serial;
pub mod serial;
pub mod ti_bin;
mod udp;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use crate::data::{Epoch, Notice, Reading, View};

use crate::data::{Counts, Loss, Modality};
use crate::units::{HostClock, Stamp};

/// Every kind this build can open; `kind = "..."` in the config picks a row, and
/// [`detect`] picks one by content.
pub static SENSORS: &[Kind] = &[
    Kind::of::<infineon::Infineon>(),
    Kind::of::<ti_bin::TiBin>(),
    Kind::of::<aedat4::Aedat4>(),
    Kind::of::<evt::Evt>(),
    Kind::of::<dat::Dat>(),
    Kind::of::<radar_serial::RadarSerial>(),
    Kind::of::<event_serial::EventSerial>(),
    Kind::of::<radar_dca1000::Dca1000>(),
    Kind::of::<event_net::EventNet>(),
    Kind::of::<openmv::OpenMv>(),
];

/// What an open device or recording offers.
///
/// A live device ([`Epoch::Live`]) is opened without being touched: its description follows from
/// its settings, so that the daemon starts while a cable is out. The first [`read`](Self::read)
/// connects, waits no longer than 50 ms for news and else gives [`Notice::Idle`]. When it is lost,
/// `read` closes everything it held, so that the device can come back under its old name, and
/// fails; the next `read` connects again. The daemon paces these attempts and counts arrivals.
pub trait Sensor: Send {
    /// What was opened: fixed for the life of the sensor.
    fn description(&self) -> &Description;

    /// The next reading, or `None` at the end of a recording.
    ///
    /// Bad data is skipped and counted, never an error.
    ///
    /// # Errors
    /// When the device is lost or the file cannot be read.
    fn read(&mut self) -> Result<Option<Reading>, Error>;

    /// Everything refused since opening, by reason.
    fn counts(&self) -> Counts;

    /// How much of a recording was consumed so far; zero for a live device.
    fn progress(&self) -> Progress;

    /// Asks a live device for its time, now `now`; its answer is a later reading. The daemon says
    /// when. Devices that have no such question ignore it.
    ///
    /// # Errors
    /// When the device is lost.
    fn ask_time(&mut self, now: Stamp<HostClock>) -> Result<(), Error> {
        let _unused = now;
        Ok(())
    }
}

/// What a folder under `sensor/` implements to get a row in [`SENSORS`].
pub trait Device: Sensor + Sized + 'static {
    /// The name used in config files and messages.
    const NAME: &'static str;
    /// What it measures.
    const MODALITY: Modality;
    /// One line for `--help` and error messages.
    const ABOUT: &'static str;
    /// The `[sensor.settings]` table. A key named `path` is relative to the config file.
    type Config: DeserializeOwned;

    /// True if the content at `candidate` is of this kind. Extensions prove nothing.
    fn recognises(candidate: &Candidate) -> bool;

    /// Opens the device or recording.
    ///
    /// # Errors
    /// When it is missing, unreadable or not what the settings say.
    fn open(config: Self::Config) -> Result<Self, Error>;
}

/// What was opened.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Description {
    /// Row of [`SENSORS`].
    pub kind: &'static str,
    /// Format as its makers call it, with version and variant: `"EVT 2.1, legacy word order"`.
    pub format: String,
    /// Sensor model or board where the recording names it, else empty.
    pub device: String,
    /// What it looks like.
    pub view: View,
    /// What its times mean.
    pub epoch: Epoch,
    /// Anything a reader of the results should know, e.g. that the header was damaged.
    pub notes: Vec<String>,
}

/// Position in a recording, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Bytes consumed.
    pub done: u64,
    /// Bytes in all.
    pub total: u64,
}

/// Why a sensor could not be opened or read. Every message names the file and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// File or device.
        path: PathBuf,
        /// Its reason.
        source: io::Error,
    },
    /// The content breaks its format in a way that cannot be skipped.
    #[error("{path}: at byte {offset}: {problem}; {remedy}", path = path.display())]
    Malformed {
        /// File.
        path: PathBuf,
        /// Where, in bytes from the start of the file.
        offset: u64,
        /// What is wrong, with both sides.
        problem: String,
        /// What to do.
        remedy: &'static str,
    },
    /// A value in a header, sidecar or configuration file of the recording is missing or wrong.
    #[error("{path}: {key}: {problem}; {remedy}", path = path.display())]
    Key {
        /// File.
        path: PathBuf,
        /// Key as written there.
        key: String,
        /// What is wrong, with both sides.
        problem: String,
        /// What to do.
        remedy: &'static str,
    },
    /// A live device is lost, or is not what the settings say.
    #[error("{device}: {problem}; {remedy}")]
    Device {
        /// Port or address as configured.
        device: String,
        /// What kind of loss this is.
        loss: Loss,
        /// What is wrong, with both sides.
        problem: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The settings table does not fit.
    #[error("settings of a `{kind}` sensor: {source}")]
    Settings {
        /// Row of [`SENSORS`].
        kind: &'static str,
        /// What the parser said.
        source: Box<toml::de::Error>,
    },
    /// No row of [`SENSORS`] has this name.
    #[error("there is no sensor kind `{kind}`; run `visaged info --help` for the known ones")]
    UnknownKind {
        /// As configured.
        kind: String,
    },
    /// No row of [`SENSORS`] knows this content.
    #[error(
        "{path}: no known recording format; known are {known}. A headerless event stream needs \
         `--format` and `--geometry`, a bare adc_data.bin needs its .toml sidecar beside it",
        path = path.display()
    )]
    Unrecognised {
        /// File or folder.
        path: PathBuf,
        /// The rows of [`SENSORS`].
        known: String,
    },
}

impl Error {
    /// What kind of loss this is, for a live sensor's status.
    #[must_use]
    pub const fn loss(&self) -> Loss {
        match self {
            Self::Device { loss, .. } => *loss,
            Self::Malformed { .. } => Loss::Protocol,
            Self::Key { .. } | Self::Settings { .. } => Loss::Configuration,
            Self::Io { .. } | Self::UnknownKind { .. } | Self::Unrecognised { .. } => Loss::Absent,
        }
    }

    /// For `map_err` on file operations.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

/// One row of [`SENSORS`].
#[derive(Debug)]
pub struct Kind {
    /// The name used in config files.
    pub name: &'static str,
    /// What it measures.
    pub modality: Modality,
    /// One line about it.
    pub about: &'static str,
    recognises: fn(&Candidate) -> bool,
    check: fn(toml::Table) -> Result<(), Error>,
    open: fn(toml::Table) -> Result<Box<dyn Sensor>, Error>,
}

impl Kind {
    const fn of<D: Device>() -> Self {
        Self {
            name: D::NAME,
            modality: D::MODALITY,
            about: D::ABOUT,
            recognises: D::recognises,
            check: |settings| parse::<D>(settings).map(drop),
            open: |settings| Ok(Box::new(D::open(parse::<D>(settings)?)?)),
        }
    }

    /// The row called `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        SENSORS.iter().find(|kind| kind.name == name)
    }

    /// Parses the settings without touching the device.
    ///
    /// # Errors
    /// When the table does not fit the device's settings.
    pub fn check(&self, settings: toml::Table) -> Result<(), Error> {
        (self.check)(settings)
    }

    /// Opens the device or recording that `settings` describe.
    ///
    /// # Errors
    /// When the settings do not fit, or the device or recording cannot be opened.
    pub fn open(&self, settings: toml::Table) -> Result<Box<dyn Sensor>, Error> {
        (self.open)(settings)
    }
}

fn parse<D: Device>(settings: toml::Table) -> Result<D::Config, Error> {
    settings
        .try_into()
        .map_err(|source| Error::Settings { kind: D::NAME, source: Box::new(source) })
}

/// A path and the first bytes behind it, for [`Device::recognises`].
#[derive(Debug)]
pub struct Candidate {
    /// The path as given.
    pub path: PathBuf,
    /// The first bytes of a file (at most [`Candidate::HEAD`]), empty for a folder.
    pub head: Vec<u8>,
}

impl Candidate {
    /// How many bytes of a file are looked at.
    pub const HEAD: u64 = 4096;

    /// Reads the head of the file, or nothing for a folder.
    ///
    /// # Errors
    /// When the path does not exist or cannot be read.
    pub fn look(path: &Path) -> Result<Self, Error> {
        let mut head = Vec::new();
        if !path.is_dir() {
            let file = File::open(path).map_err(Error::io(path))?;
            file.take(Self::HEAD).read_to_end(&mut head).map_err(Error::io(path))?;
        }
        Ok(Self { path: path.to_owned(), head })
    }
}

/// Finds the kind of the recording at `path` from its content.
///
/// # Errors
/// When the path cannot be read or no kind recognises it.
pub fn detect(path: &Path) -> Result<&'static Kind, Error> {
    let candidate = Candidate::look(path)?;
    SENSORS.iter().find(|kind| (kind.recognises)(&candidate)).ok_or_else(|| Error::Unrecognised {
        path: path.to_owned(),
        known: SENSORS.iter().map(|kind| kind.name).collect::<Vec<_>>().join(", "),
    })
}

/// Opens the recording at `path`, whatever its kind.
///
/// # Errors
/// When no kind recognises it or it cannot be opened.
pub fn open(path: &Path) -> Result<Box<dyn Sensor>, Error> {
    let mut settings = toml::Table::new();
    settings.insert("path".to_owned(), path.to_string_lossy().into_owned().into());
    detect(path)?.open(settings)
}
