//! The `IOHeader`: compression, where the packets end, and which streams there are.

use roxmltree::{Document, Node, ParsingOptions};

use super::compression::Compression;
use super::flatbuffer::{Broken, Table};
use crate::data::Geometry;

/// `typeIdentifier` of event streams, and identifier of their packets.
pub const EVENTS: &[u8; 4] = b"EVTS";
/// Identifier of the header's `FlatBuffer`.
const IDENTIFIER: &[u8; 4] = b"IOHE";
/// Most XML nodes; a recording of one camera has some fifty.
const MOST_NODES: u32 = 100_000;

/// What the header of a recording or connection says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// How the body of each packet is compressed.
    pub compression: Compression,
    /// Where the index of packets begins, in bytes from the start of the file; packets end there.
    pub table_at: Option<u64>,
    /// In the order of the header.
    pub streams: Vec<Stream>,
}

/// One stream of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// What its packets are marked with.
    pub id: i32,
    /// `EVTS`, `FRME`, `IMUS`, `TRIG` or another.
    pub kind: String,
    /// Camera that sent it, empty if not stated.
    pub source: String,
    size_x: Option<String>,
    size_y: Option<String>,
}

/// Why a header cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    /// The first line is another.
    #[error("expected `#!AER-DAT4.0`, found `{found}`")]
    Magic {
        /// The first bytes, escaped.
        found: String,
    },
    /// More bytes than a header has.
    #[error("a header of {size} bytes, at most {limit} are read")]
    Size {
        /// Stated.
        size: u32,
        /// Largest accepted.
        limit: u32,
    },
    /// Not a `FlatBuffer` called `IOHE`.
    #[error("the IOHeader is broken: {0}")]
    Layout(#[from] Broken),
    /// A compression that AEDAT 4.0 does not have.
    #[error("compression {code} is none of NONE 0, LZ4 1, LZ4_HIGH 2, ZSTD 3, ZSTD_HIGH 4")]
    Compression {
        /// Stated.
        code: i32,
    },
    /// The `infoNode` is not text.
    #[error("the infoNode is not UTF-8: {0}")]
    Text(#[from] core::str::Utf8Error),
    /// The `infoNode` is not XML.
    #[error("the infoNode is not XML: {0}")]
    Xml(#[from] roxmltree::Error),
    /// No stream of events, or not the one wanted.
    #[error("no event stream{}, the streams are: {streams}", wanted.map(|id| format!(" {id}")).unwrap_or_default())]
    NoEvents {
        /// The stream that the settings name.
        wanted: Option<i32>,
        /// Those there are.
        streams: String,
    },
    /// The event stream does not say how large the sensor is.
    #[error("stream {stream}: {key} is {found}, expected a number from 1 to 65535")]
    Geometry {
        /// The stream.
        stream: i32,
        /// `sizeX` or `sizeY`.
        key: &'static str,
        /// What is there.
        found: String,
    },
}

impl Header {
    /// Parses the `FlatBuffer`, without its size prefix.
    ///
    /// # Errors
    /// When it is broken or states what AEDAT 4.0 does not have.
    pub fn parse(buffer: &[u8]) -> Result<Self, HeaderError> {
        let table = Table::root(buffer, *IDENTIFIER)?;
        let code = table.i32(0, 0)?;
        let compression = Compression::from_code(code).ok_or(HeaderError::Compression { code })?;
        let table_at = u64::try_from(table.i64(1, -1)?).ok();
        let xml = core::str::from_utf8(table.vector(2, 1)?)?;
        Ok(Self { compression, table_at, streams: streams(xml)? })
    }

    /// The event stream `wanted`, or the first one.
    ///
    /// # Errors
    /// When there is none or it has no geometry.
    pub fn events(&self, wanted: Option<i32>) -> Result<(&Stream, Geometry), HeaderError> {
        let stream = self.event_streams().find(|stream| wanted.is_none_or(|id| id == stream.id));
        let stream = stream.ok_or_else(|| {
            let named = |stream: &Stream| format!("{} ({})", stream.id, stream.kind);
            let streams: Vec<String> = self.streams.iter().map(named).collect();
            HeaderError::NoEvents { wanted, streams: streams.join(", ") }
        })?;
        Ok((stream, stream.geometry()?))
    }

    /// All event streams.
    pub fn event_streams(&self) -> impl Iterator<Item = &Stream> {
        self.streams.iter().filter(|stream| stream.kind.as_bytes() == EVENTS)
    }
}

impl Stream {
    fn geometry(&self) -> Result<Geometry, HeaderError> {
        let size = |key, text: &Option<String>| {
            let size = text.as_ref().and_then(|text| text.trim().parse().ok());
            size.filter(|&size| size > 0).ok_or_else(|| HeaderError::Geometry {
                stream: self.id,
                key,
                found: text
                    .as_ref()
                    .map_or_else(|| "absent".to_owned(), |text| format!("{text:?}")),
            })
        };
        Ok(Geometry { width: size("sizeX", &self.size_x)?, height: size("sizeY", &self.size_y)? })
    }
}

/// Every `<node name="NUMBER">` that has a `typeIdentifier`, wherever it lies: the path above it
/// differs between writers.
fn streams(xml: &str) -> Result<Vec<Stream>, HeaderError> {
    // Writers end the string with a NUL now and then.
    let xml = xml.trim_end_matches('\0');
    let options = ParsingOptions { nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(xml, options)?;
    let nodes = document.descendants().filter(|node| node.has_tag_name("node"));
    Ok(nodes.filter_map(stream).collect())
}

fn stream(node: Node<'_, '_>) -> Option<Stream> {
    let id = node.attribute("name")?.parse().ok()?;
    let kind = attribute(node, "typeIdentifier")?;
    let info = node
        .children()
        .find(|child| child.has_tag_name("node") && child.attribute("name") == Some("info"));
    let stated = |key| info.and_then(|info| attribute(info, key));
    Some(Stream {
        id,
        kind,
        source: stated("source").unwrap_or_default(),
        size_x: stated("sizeX"),
        size_y: stated("sizeY"),
    })
}

/// The text of `<attr key="KEY">` directly below `node`.
fn attribute(node: Node<'_, '_>, key: &str) -> Option<String> {
    node.children()
        .find(|child| child.has_tag_name("attr") && child.attribute("key") == Some(key))
        .map(|child| child.text().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const XML: &str = r#"<dv version="2.0"><node name="outInfo" path="/outInfo/">
        <node name="0"><attr key="typeIdentifier" type="string">FRME</attr>
            <node name="info"><attr key="sizeX">346</attr></node></node>
        <node name="1"><attr key="typeIdentifier">EVTS</attr>
            <node name="info"><attr key="sizeX">346</attr><attr key="sizeY">260</attr>
                <attr key="source">DAVIS346_1</attr></node></node>
        <node name="2"><attr key="typeIdentifier">EVTS</attr>
            <node name="info"><attr key="sizeX">0</attr></node></node>
        </node></dv>"#;

    fn header() -> Header {
        Header { compression: Compression::None, table_at: None, streams: streams(XML).unwrap() }
    }

    #[test]
    fn the_first_event_stream_is_taken_unless_another_is_wanted() {
        let header = header();
        let (stream, geometry) = header.events(None).unwrap();
        assert_eq!((stream.id, stream.source.as_str()), (1, "DAVIS346_1"));
        assert_eq!(geometry, Geometry { width: 346, height: 260 });
        assert_eq!(header.event_streams().count(), 2);
    }

    #[test]
    fn a_stream_of_frames_is_no_event_stream_and_the_error_lists_what_there_is() {
        let message = header().events(Some(0)).unwrap_err().to_string();
        assert_eq!(message, "no event stream 0, the streams are: 0 (FRME), 1 (EVTS), 2 (EVTS)");
    }

    #[test]
    fn an_event_stream_without_geometry_is_an_error_that_names_the_key() {
        let message = header().events(Some(2)).unwrap_err().to_string();
        assert!(message.contains("sizeX is \"0\""), "{message}");
    }

    #[test]
    fn entities_cannot_blow_the_xml_up() {
        let bomb = r#"<!DOCTYPE a [<!ENTITY b "bbbbbbbb">]><dv>&b;&b;</dv>"#;
        assert!(matches!(streams(bomb), Err(HeaderError::Xml(_))));
    }
}
