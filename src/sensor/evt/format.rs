//! What a RAW header says about its payload: format, word order, pixels, device.

use std::path::Path;

use super::decoder::Format;
use super::header::{Header, is_text};
use super::{Config, Error};
use crate::data::Geometry;

/// Keys that only RAW headers have (DAT headers share `Date`, `Version`, `Width`, `Height`).
const RAW_KEYS: &[&str] = &[
    "camera_integrator_name",
    "evt",
    "format",
    "integrator_name",
    "plugin_integrator_name",
    "plugin_name",
    "sensor_generation",
    "sensor_name",
    "system_ID",
];
/// The keys that name who made camera and software. Only Prophesee's `system_ID` is known to us.
const MAKER_KEYS: [&str; 3] =
    ["integrator_name", "camera_integrator_name", "plugin_integrator_name"];
/// First `system_ID` of the `GenX320` (Saphir) boards: EVT2.1 of older boards is in legacy order.
const FIRST_SAPHIR: u32 = 0x37;
const SET_FORMAT: &str =
    "set `format` in the sensor settings to evt2, evt21-little, evt21-legacy or evt3";
const SET_GEOMETRY: &str = "set `geometry = { width = ..., height = ... }` in the sensor settings";

/// A board known by its `system_ID`: sensor, its format and pixels unless the header says more.
struct Board(u32, &'static str, Format, Geometry);

const VGA: Geometry = Geometry { width: 640, height: 480 };
const HD: Geometry = Geometry { width: 1280, height: 720 };
/// From the table by which `OpenEB` reads headers older than the `format` key.
const BOARDS: &[Board] = &[
    Board(21, "Gen3.0", Format::Evt2, VGA),
    Board(31, "Gen4.0", Format::Evt2, HD),
    Board(39, "Gen4.1", Format::Evt2, HD),
    Board(40, "Gen3.1", Format::Evt3, VGA),
    Board(41, "Gen3.1", Format::Evt2, VGA),
    Board(48, "Gen4.1", Format::Evt3, HD),
    Board(49, "IMX636", Format::Evt3, HD),
    Board(50, "IMX636", Format::Evt3, HD),
];

/// What a header and the settings say together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resolved {
    pub(super) format: Format,
    pub(super) geometry: Geometry,
    pub(super) device: String,
    pub(super) notes: Vec<String>,
}

/// True if `head` starts with a RAW header and goes on with something other than text.
pub(crate) fn is_raw(head: &[u8]) -> bool {
    let header = Header::parse(head);
    let payload = &head[header.bytes..];
    // Every stream has a TIME_HIGH early on, and no TIME_HIGH is ASCII.
    let is_prose = !payload.is_empty() && payload.iter().all(|&byte| is_text(byte));
    header.has_any(RAW_KEYS) && !is_prose
}

/// Finds format and geometry of the recording that `config` names. The settings win over the
/// header, with a note.
pub(super) fn resolve(header: &Header, config: &Config) -> Result<Resolved, Error> {
    let claims = Claims { header, path: &config.path };
    let mut notes = Vec::new();
    let format = match config.format {
        Some(format) => {
            if header.bytes > 0 && claims.format(&mut Vec::new()).ok().flatten() != Some(format) {
                notes.push(format!(
                    "read as {} by the settings, against the header",
                    format.label()
                ));
            }
            format
        }
        None => claims.format(&mut notes)?.ok_or_else(|| claims.no_format())?,
    };
    let geometry = match config.geometry {
        Some(geometry) => {
            if claims.geometry(&mut Vec::new()).ok().flatten().is_some_and(|ours| ours != geometry)
            {
                let Geometry { width, height } = geometry;
                notes.push(format!("{width}x{height} pixels by the settings, against the header"));
            }
            claims.checked("geometry", geometry)?
        }
        None => claims.geometry(&mut notes)?.ok_or_else(|| claims.no_geometry())?,
    };
    Ok(Resolved { format, geometry, device: claims.device(), notes })
}

/// Format and geometry that `header`, which came from `path`, states; `None` for what it does not.
///
/// # Errors
/// When what it states is not known, or it contradicts itself.
pub(crate) fn claimed(
    header: &Header,
    path: &Path,
) -> Result<(Option<Format>, Option<Geometry>), Error> {
    let claims = Claims { header, path };
    Ok((claims.format(&mut Vec::new())?, claims.geometry(&mut Vec::new())?))
}

/// The claims of a header about its payload.
struct Claims<'a> {
    header: &'a Header,
    path: &'a Path,
}

impl Claims<'_> {
    /// From `format`, else `evt`, else `system_ID`.
    fn format(&self, notes: &mut Vec<String>) -> Result<Option<Format>, Error> {
        if let Some(text) = self.header.get("format") {
            let name = text.split(';').next().unwrap_or(text).trim();
            return self.named("format", name, notes).map(Some);
        }
        if let Some(version) = self.header.get("evt") {
            let format = self.named("evt", &format!("EVT{version}"), notes)?;
            notes.push(format!("{} taken from `evt`: the header has no `format`", format.label()));
            return Ok(Some(format));
        }
        Ok(self.board().map(|Board(id, _, format, _)| {
            let label = format.label();
            notes.push(format!("{label} taken from `system_ID` {id}: the header has no `format`"));
            *format
        }))
    }

    /// The format called `name`, the value of `key`.
    fn named(&self, key: &str, name: &str, notes: &mut Vec<String>) -> Result<Format, Error> {
        match name.to_ascii_uppercase().replace('.', "").as_str() {
            "EVT2" | "EVT20" => Ok(Format::Evt2),
            "EVT21" => self.word_order(notes),
            "EVT3" | "EVT30" => Ok(Format::Evt3),
            "HISTO3D" | "DIFF3D" => Err(self.wrong(
                key,
                format!("{name} holds histograms made on the sensor, not events"),
                "record with an EVT format instead",
            )),
            _ => Err(self.wrong(
                key,
                format!("the payload is {name:?}, known are EVT2, EVT21 and EVT3"),
                "record with one of these",
            )),
        }
    }

    /// Word order of EVT2.1: `endianness`, else by the age of the board.
    fn word_order(&self, notes: &mut Vec<String>) -> Result<Format, Error> {
        match self.parameter("endianness").or_else(|| self.header.get("endianness")) {
            Some("little") => return Ok(Format::Evt21Little),
            Some("legacy") => return Ok(Format::Evt21Legacy),
            Some(order) => {
                let problem = format!("endianness is {order:?}, known are little and legacy");
                return Err(self.wrong("format", problem, SET_FORMAT));
            }
            None => {}
        }
        let legacy = self.system_id().is_some_and(|id| id > 0 && id < FIRST_SAPHIR);
        let (order, format) =
            if legacy { ("legacy", Format::Evt21Legacy) } else { ("little", Format::Evt21Little) };
        let from = if legacy { "`system_ID`" } else { "habit" };
        notes.push(format!("{order} word order taken from {from}: the header has no `endianness`"));
        Ok(format)
    }

    /// From the sizes in `format` and `geometry`, which must agree, else from `system_ID`.
    fn geometry(&self, notes: &mut Vec<String>) -> Result<Option<Geometry>, Error> {
        let in_format = self.format_size()?;
        let in_key = self.geometry_key()?;
        if let (Some(a), Some(b)) = (in_format, in_key)
            && a != b
        {
            let problem = format!(
                "{}x{} pixels here, {}x{} in `format`",
                b.width, b.height, a.width, a.height
            );
            return Err(self.wrong("geometry", problem, SET_GEOMETRY));
        }
        if let Some(geometry) = in_format.or(in_key) {
            return Ok(Some(geometry));
        }
        Ok(self.board().map(|Board(id, _, _, geometry)| {
            let Geometry { width, height } = geometry;
            notes.push(format!("{width}x{height} pixels taken from `system_ID` {id}"));
            *geometry
        }))
    }

    fn format_size(&self) -> Result<Option<Geometry>, Error> {
        match (self.parameter("width"), self.parameter("height")) {
            (None, None) => Ok(None),
            (width, height) => {
                let text = format!("{}x{}", width.unwrap_or("?"), height.unwrap_or("?"));
                self.size("format", &text).map(Some)
            }
        }
    }

    fn geometry_key(&self) -> Result<Option<Geometry>, Error> {
        self.header.get("geometry").map(|text| self.size("geometry", text)).transpose()
    }

    /// The size `text`, `WxH`, found at `key`.
    fn size(&self, key: &str, text: &str) -> Result<Geometry, Error> {
        let sides = text.split_once('x').and_then(|(width, height)| {
            Some(Geometry {
                width: width.trim().parse().ok()?,
                height: height.trim().parse().ok()?,
            })
        });
        let unread = || self.wrong(key, format!("{text:?} is no size in pixels"), SET_GEOMETRY);
        self.checked(key, sides.ok_or_else(unread)?)
    }

    fn checked(&self, key: &str, geometry: Geometry) -> Result<Geometry, Error> {
        if geometry.width == 0 || geometry.height == 0 {
            let Geometry { width, height } = geometry;
            let problem = format!("a sensor of {width}x{height} pixels has none");
            return Err(self.wrong(key, problem, SET_GEOMETRY));
        }
        Ok(geometry)
    }

    /// Parameter `name` of the `format` key: `EVT3;height=720;width=1280`, in any order.
    fn parameter(&self, name: &str) -> Option<&str> {
        let mut parameters = self.header.get("format")?.split(';').skip(1);
        parameters.find_map(|parameter| {
            let (key, value) = parameter.split_once('=')?;
            (key.trim() == name).then_some(value.trim())
        })
    }

    /// `system_ID`, unless another maker than Prophesee gave it.
    fn system_id(&self) -> Option<u32> {
        let mut makers = MAKER_KEYS.iter().filter_map(|key| self.header.get(key));
        if makers.any(|maker| maker != "Prophesee") {
            return None;
        }
        self.header.get("system_ID")?.parse().ok()
    }

    fn board(&self) -> Option<&'static Board> {
        let id = self.system_id()?;
        BOARDS.iter().find(|board| board.0 == id)
    }

    /// Maker, sensor, generation and serial number, as far as known.
    fn device(&self) -> String {
        let generation = self.header.get("sensor_generation").or(self.header.get("generation"));
        let sensor = self
            .header
            .get("sensor_name")
            // Prophesee's name for generation 4.2.
            .or_else(|| generation.filter(|&generation| generation == "4.2").map(|_| "IMX636"))
            .or_else(|| self.board().map(|board| board.1));
        let maker =
            self.header.get("camera_integrator_name").or(self.header.get("integrator_name"));
        let name = [maker, sensor].into_iter().flatten().collect::<Vec<_>>().join(" ");
        let generation = generation.map(|text| format!("generation {text}"));
        let serial = self.header.get("serial_number").map(|text| format!("serial {text}"));
        let parts = [(!name.is_empty()).then_some(name), generation, serial];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    fn no_format(&self) -> Error {
        let problem = if self.header.bytes == 0 {
            "the file has no header to say what it holds".to_owned()
        } else {
            "the header has neither `format` nor `evt` nor a known `system_ID`".to_owned()
        };
        self.wrong("format", problem, SET_FORMAT)
    }

    fn no_geometry(&self) -> Error {
        let problem = if self.header.bytes == 0 {
            "the file has no header to say how many pixels the sensor has".to_owned()
        } else {
            "the header has no size in `format` or `geometry` and no known `system_ID`".to_owned()
        };
        self.wrong("geometry", problem, SET_GEOMETRY)
    }

    fn wrong(&self, key: &str, problem: String, remedy: &'static str) -> Error {
        Error::Key { path: self.path.to_owned(), key: key.to_owned(), problem, remedy }
    }
}
