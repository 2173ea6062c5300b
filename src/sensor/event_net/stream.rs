//! Bytes of one connection to events: an EVT stream with or without a header, or a dv stream.

use std::path::Path;

use super::StreamFormat;
use crate::data::{Counts, EventBatch, Geometry, Loss};
use crate::sensor::Error;
use crate::sensor::aedat4::decode;
use crate::sensor::evt::{self, Format, Header};

/// Longest header; real ones have under 1 KiB.
const LARGEST_HEADER: usize = 64 << 10;
/// Payload by which the word order of EVT2.1 is judged.
const PROBE: usize = 8 << 10;
const SET_SETTINGS: &str = "correct the sensor settings, or the sender";

/// The decoder of one connection. It knows nothing of where the bytes come from.
#[derive(Debug)]
pub struct Stream {
    /// What errors call the connection.
    device: String,
    geometry: Geometry,
    asked: Option<Format>,
    stage: Stage,
    /// Bytes of datagrams that were not a whole word.
    cut: u64,
}

#[derive(Debug)]
enum Stage {
    /// The front of an EVT stream, which may be a header.
    Head(Vec<u8>),
    Evt(Box<Evt>),
    Dv {
        decoder: Box<decode::Decoder>,
        wanted: Option<i32>,
        checked: bool,
    },
    /// An EVT stream of unknown format ended inside its header.
    Failed,
}

#[derive(Debug)]
struct Evt {
    decoder: evt::Decoder,
    format: Format,
    /// The payload so far, until it is judged.
    probe: Vec<u8>,
}

impl Stream {
    /// For a new connection, `device` for errors. `wanted` picks an event stream of dv.
    #[must_use]
    pub fn new(
        device: &str,
        format: Option<StreamFormat>,
        geometry: Geometry,
        wanted: Option<i32>,
    ) -> Self {
        let stage = if format == Some(StreamFormat::Dv) {
            let decoder = Box::new(decode::Decoder::network(wanted));
            Stage::Dv { decoder, wanted, checked: false }
        } else {
            Stage::Head(Vec::new())
        };
        let asked = format.and_then(StreamFormat::evt);
        Self { device: device.to_owned(), geometry, asked, stage, cut: 0 }
    }

    /// Takes the next bytes and appends what they complete.
    ///
    /// # Errors
    /// When the stream is not what the settings say; it is of no use afterwards.
    pub fn push(&mut self, bytes: &[u8], out: &mut EventBatch) -> Result<(), Error> {
        match &mut self.stage {
            Stage::Head(head) => {
                head.extend_from_slice(bytes);
                let header = Header::parse(head);
                if header.may_go_on(head) && head.len() < LARGEST_HEADER {
                    return Ok(());
                }
                let head = core::mem::take(head);
                self.begin(&header, head.len())?;
                self.payload(head.get(header.bytes..).unwrap_or_default(), out)
            }
            Stage::Evt(_) => self.payload(bytes, out),
            Stage::Dv { decoder, .. } => {
                let result = decoder.push(bytes, out);
                result.map_err(|error| self.wrong(Loss::Protocol, error.to_string()))?;
                self.check_dv()
            }
            Stage::Failed => Ok(()),
        }
    }

    /// Takes a datagram: no word goes on in the next one, which may be lost.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn push_datagram(&mut self, bytes: &[u8], out: &mut EventBatch) -> Result<(), Error> {
        let mut payload = bytes;
        if matches!(self.stage, Stage::Head(_)) {
            let header = Header::parse(bytes);
            self.begin(&header, bytes.len())?;
            payload = &bytes[header.bytes..];
        }
        let word = match &self.stage {
            Stage::Evt(evt) => word(evt.format),
            Stage::Head(_) | Stage::Dv { .. } | Stage::Failed => 1,
        };
        let cut = payload.len() % word;
        self.cut += cut as u64;
        self.push(&payload[..payload.len() - cut], out)
    }

    /// Says that no bytes follow.
    pub fn finish(&mut self, out: &mut EventBatch) {
        match &mut self.stage {
            Stage::Evt(evt) => evt.decoder.finish(),
            Stage::Dv { decoder, .. } => decoder.finish(out),
            Stage::Head(_) | Stage::Failed => {}
        }
    }

    /// Everything refused so far, by reason.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = match &self.stage {
            Stage::Evt(evt) => evt.decoder.tally().counts(),
            Stage::Dv { decoder, .. } => decoder.counts().clone(),
            Stage::Head(_) | Stage::Failed => Counts::default(),
        };
        counts.add("bytes-of-cut-words", self.cut);
        counts
    }

    /// Starts to decode behind `header`, found in the first `seen` bytes.
    fn begin(&mut self, header: &Header, seen: usize) -> Result<(), Error> {
        self.stage = Stage::Failed;
        if header.bytes >= LARGEST_HEADER {
            let problem = format!("the header goes on beyond {seen} bytes");
            return Err(self.wrong(Loss::Protocol, problem));
        }
        let (format, geometry) = evt::claimed(header, Path::new(&self.device))?;
        if let Some(stated) = geometry.filter(|&stated| stated != self.geometry) {
            return Err(self.other_geometry(stated));
        }
        let format = match (self.asked, format) {
            // The order of words is judged by the payload.
            (Some(asked), Some(stated))
                if asked == stated || asked.order().is_some() && stated.order().is_some() =>
            {
                asked
            }
            (Some(asked), Some(stated)) => {
                let (asked, stated) = (asked.label(), stated.label());
                let problem = format!("the stream is {stated}, the settings say {asked}");
                return Err(self.wrong(Loss::Configuration, problem));
            }
            (Some(format), None) | (None, Some(format)) => format,
            (None, None) => {
                let problem = "neither the stream nor `format` in the settings says its format";
                return Err(self.wrong(Loss::Configuration, problem.to_owned()));
            }
        };
        let decoder = evt::Decoder::new(format, self.geometry);
        self.stage = Stage::Evt(Box::new(Evt { decoder, format, probe: Vec::new() }));
        Ok(())
    }

    fn payload(&mut self, bytes: &[u8], out: &mut EventBatch) -> Result<(), Error> {
        let Stage::Evt(evt) = &mut self.stage else { return Ok(()) };
        if let Some(order) = evt.format.order()
            && evt.probe.len() < PROBE
        {
            evt.probe.extend_from_slice(bytes);
            if evt.probe.len() >= PROBE && evt::is_wrong_order(&evt.probe, order) {
                let label = evt.format.label();
                let problem = format!("the stream does not read as {label}, but in the other one");
                return Err(self.wrong(Loss::Configuration, problem));
            }
            if evt.probe.len() >= PROBE {
                // Only its length is of use now.
                evt.probe.truncate(PROBE);
                evt.probe.shrink_to_fit();
            }
        }
        evt.decoder.push(bytes, out);
        Ok(())
    }

    /// Compares the header of a dv stream with the settings, once it came.
    fn check_dv(&mut self) -> Result<(), Error> {
        let Stage::Dv { decoder, wanted, checked } = &mut self.stage else { return Ok(()) };
        let Some(header) = decoder.header().filter(|_| !*checked) else { return Ok(()) };
        *checked = true;
        let found = header.events(*wanted);
        match found.map(|(_, geometry)| geometry) {
            Ok(stated) if stated != self.geometry => Err(self.other_geometry(stated)),
            Ok(_) => Ok(()),
            Err(error) => Err(self.wrong(Loss::Protocol, error.to_string())),
        }
    }

    fn other_geometry(&self, stated: Geometry) -> Error {
        let Geometry { width, height } = self.geometry;
        let problem = format!(
            "the stream has {}x{} pixels, the settings say {width}x{height}",
            stated.width, stated.height
        );
        self.wrong(Loss::Configuration, problem)
    }

    fn wrong(&self, loss: Loss, problem: String) -> Error {
        Error::Device { device: self.device.clone(), loss, problem, remedy: SET_SETTINGS }
    }
}

/// Bytes of a word.
const fn word(format: Format) -> usize {
    match format {
        Format::Evt2 => 4,
        Format::Evt21Little | Format::Evt21Legacy => 8,
        Format::Evt3 => 2,
    }
}
